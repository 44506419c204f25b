"""Signed tokens for links, feeds and envelope senders: a key goes in, a token comes out.

A token says "``subject``, at ``version``, for ``purpose``" and cannot be made without the key. It is
signed, not encrypted: the subject can be read by whoever holds the token. It never expires; raising
the version that the subject is stored with takes all older ones out of use, but for leaving.

Form: ``base32(version ":" subject) "-" base32(HMAC-SHA-256, first 128 bits)`` in lower case without
padding. Base32, because mail systems may change the case of an address; only ``a-z 2-7 -`` occur.

A tag is a shorter token that fits behind the ``+`` of a mail address (RFC 5233), whose local part has 64
octets: a letter for the purpose, and base32 of an 8-byte reference and the first 64 bits of its
HMAC-SHA-256.

Keys are rotated: the newest signs. What leaves a list, and the tags of addresses, count by every key there
ever was, since a mail may be answered years later. Other links in mails count by an older key for a while;
sessions and forms by the newest alone.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

__all__ = [
    "Keys",
    "Secret",
    "address_tag",
    "key_named",
    "make_confirmation",
    "make_tag",
    "make_token",
    "read_reader_reference",
    "read_tag",
    "read_token",
    "reader_reference",
    "tag_address",
]

MIN_KEY_BYTES = 16
MAX_SUBJECT_BYTES = 200
MAX_TOKEN_CHARS = 400
SIGNATURE_BYTES = 16
REFERENCE_BYTES = 8
TAG_CHARS = 27
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_CONTEXT = b"paper-digest token 1"
_TAG_CONTEXT = b"paper-digest tag 1"
# Purposes that outlive a rotation: for ever, and for a while. Tags are all of the first kind.
LASTING = frozenset({"unsubscribe"})
IN_MAILS = frozenset({"feedback", "issue", "preferences"})


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that signs, and the older ones that tokens are read with, as they count at one moment.

    ``lasting`` are all older ones; ``recent`` those of them that other links in mails still count by.
    """

    signing: bytes = field(repr=False)
    lasting: tuple[bytes, ...] = field(default=(), repr=False)
    recent: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """What the signing key is called where it cannot be written: 8 hexadecimal digits."""
        return _name(self.signing)


# One key alone has no older ones.
Secret = bytes | Keys


def _signing(key: Secret) -> bytes:
    return key.signing if isinstance(key, Keys) else key


def _reading(key: Secret, purpose: str) -> Iterable[bytes]:
    """The keys that a token for this purpose may be made with, the likeliest first."""
    if isinstance(key, bytes):
        return (key,)
    older = key.lasting if purpose in LASTING else key.recent if purpose in IN_MAILS else ()
    return (key.signing, *older)


def _name(key: bytes) -> str:
    return sha256(b"paper-digest key 1" + key).hexdigest()[:8]


def key_named(key: Secret, name: str) -> bytes:
    """The one of the keys that is called so (:attr:`Keys.name`); the signing one where none is."""
    signing = _signing(key)
    older = key.lasting if isinstance(key, Keys) else ()
    return next((one for one in (signing, *older) if _name(one) == name), signing)


def make_token(key: Secret, purpose: str, subject: str, version: int) -> str:
    """Make the token of a subject for one purpose; the same arguments give the same token.

    Raises ``ValueError`` for a key below 16 bytes, an empty purpose, a subject that is not 1 to 200
    bytes of UTF-8, and a negative version.
    """
    key = _signing(key)
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a key has at least {MIN_KEY_BYTES} bytes")
    if not purpose or version < 0:
        raise ValueError("a token has a purpose and a version from 0")
    if not 0 < len(subject.encode()) <= MAX_SUBJECT_BYTES:
        raise ValueError(f"a subject has 1 to {MAX_SUBJECT_BYTES} bytes")
    payload = f"{version}:{subject}".encode()
    # Lengths before the parts: no purpose and payload can be cut differently to the same bytes.
    signed = b"".join(len(part).to_bytes(4, "big") + part for part in (_CONTEXT, purpose.encode(), payload))
    signature = hmac.digest(key, signed, "sha256")[:SIGNATURE_BYTES]
    return f"{_encode(payload)}-{_encode(signature)}"


def read_token(key: Secret, purpose: str, token: str) -> tuple[str, int] | None:
    """Give the subject and version of a token made with this key for this purpose, else ``None``.

    Case does not matter. Whether the version is still the current one is for the caller to compare.
    """
    token = token.lower()
    claim = _claim(token)
    if claim is None:
        return None
    # Made again and compared whole, in constant time: only the one canonical spelling passes.
    is_ours = any(
        hmac.compare_digest(make_token(one, purpose, *claim), token) for one in _reading(key, purpose)
    )
    return claim if is_ours else None


def _claim(token: str) -> tuple[str, int] | None:
    """What a token says, unproven; ``None`` for what is no token."""
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        return None
    encoded = token.partition("-")[0].upper()
    try:
        payload = base64.b32decode(encoded + "=" * (-len(encoded) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    version, _, subject = payload.partition(":")
    if not (version.isascii() and version.isdigit() and len(version) <= 18):
        return None
    return (subject, int(version)) if 0 < len(subject.encode()) <= MAX_SUBJECT_BYTES else None


def _encode(data: bytes) -> str:
    """Base32 in lower case without padding (RFC 4648), by two letters at a time: every mail holds six."""
    pairs = -(-len(data) * 4 // 5)
    number = int.from_bytes(data, "big") << (10 * pairs - 8 * len(data))
    text = "".join([_PAIRS[number >> shift & 1023] for shift in range(10 * (pairs - 1), -1, -10)])
    return text[: -(-len(data) * 8 // 5)]


def make_confirmation(key: Secret, nonce: bytes) -> str:
    """The token of 256 bits that confirms one sign-up: 64 hexadecimal digits.

    Nobody can make it from ``nonce`` (32 random bytes, used once) without the key.
    """
    return hmac.digest(_signing(key), b"confirm" + nonce, "sha256").hex()


# --- tags of mail addresses ------------------------------------------------------------------------


def make_tag(key: Secret, letter: str, reference: bytes) -> str:
    """The tag that says ``reference`` (8 bytes) for the purpose ``letter`` (one of a-z); 27 characters.

    Raises ``ValueError`` for arguments of another form.
    """
    key = _signing(key)
    if len(key) < MIN_KEY_BYTES or len(reference) != REFERENCE_BYTES:
        raise ValueError(f"a key has at least {MIN_KEY_BYTES} bytes, a reference {REFERENCE_BYTES}")
    if len(letter) != 1 or not "a" <= letter <= "z":
        raise ValueError("the purpose of a tag is one letter")
    signed = _TAG_CONTEXT + letter.encode() + reference
    signature = hmac.digest(key, signed, "sha256")[:REFERENCE_BYTES]
    return letter + _encode(reference + signature)


def read_tag(key: Secret, letter: str, tag: str) -> bytes | None:
    """The reference of a tag made with this key for this purpose, else ``None``. Case does not matter."""
    tag = tag.lower()
    if len(tag) != TAG_CHARS or not tag.isascii() or tag[0] != letter:
        return None
    try:
        reference = base64.b32decode(tag[1:].upper() + "=" * 6)[:REFERENCE_BYTES]
    except binascii.Error:
        return None
    # Made again and compared whole, in constant time: only the one canonical spelling passes.
    keys = (key,) if isinstance(key, bytes) else (key.signing, *key.lasting)
    is_ours = any(hmac.compare_digest(make_tag(one, letter, reference), tag) for one in keys)
    return reference if is_ours else None


def reader_reference(subscriber_id: int, version: int) -> bytes:
    """What a tag says of a reader: number and token version, in 5 and 3 bytes."""
    return subscriber_id.to_bytes(5, "big") + version.to_bytes(3, "big")


def read_reader_reference(reference: bytes) -> tuple[int, int]:
    """The reader's number and token version."""
    return int.from_bytes(reference[:5], "big"), int.from_bytes(reference[5:], "big")


def tag_address(address: str, tag: str) -> str:
    """``local+tag@domain``; a tag that the address has already stays in front."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{tag}@{domain}"


def address_tag(address: str) -> tuple[str, str | None]:
    """The address without its last ``+tag``, and the tag; ``None`` where there is none."""
    local, at, domain = address.strip().strip("<>").rpartition("@")
    plain, plus, tag = local.rpartition("+")
    return (f"{plain}{at}{domain}", tag) if plus and plain else (f"{local}{at}{domain}", None)
