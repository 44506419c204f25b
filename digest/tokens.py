"""Signed tokens for links, feeds and envelope senders: a key goes in, a token comes out.

A token says "``subject``, at ``version``, for ``purpose``" and cannot be made without the key. It is
signed, not encrypted: the subject can be read by whoever holds the token. It never expires; raising
the version that the subject is stored with takes all older ones out of use.

Form: ``base32(version ":" subject) "-" base32(HMAC-SHA-256, first 128 bits)`` in lower case without
padding. Base32, because mail systems may change the case of an address; only ``a-z 2-7 -`` occur.
"""

import base64
import binascii
import hashlib
import hmac

__all__ = ["make_token", "read_token"]

MIN_KEY_BYTES = 16
MAX_SUBJECT_BYTES = 200
MAX_TOKEN_CHARS = 400
SIGNATURE_BYTES = 16
_CONTEXT = b"paper-digest token 1"


def make_token(key: bytes, purpose: str, subject: str, version: int) -> str:
    """Make the token of a subject for one purpose; the same arguments give the same token.

    Raises ``ValueError`` for a key below 16 bytes, an empty purpose, a subject that is not 1 to 200
    bytes of UTF-8, and a negative version.
    """
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a key has at least {MIN_KEY_BYTES} bytes")
    if not purpose or version < 0:
        raise ValueError("a token has a purpose and a version from 0")
    if not 0 < len(subject.encode()) <= MAX_SUBJECT_BYTES:
        raise ValueError(f"a subject has 1 to {MAX_SUBJECT_BYTES} bytes")
    payload = f"{version}:{subject}".encode()
    # Lengths before the parts: no purpose and payload can be cut differently to the same bytes.
    signed = b"".join(len(part).to_bytes(4, "big") + part for part in (_CONTEXT, purpose.encode(), payload))
    signature = hmac.new(key, signed, hashlib.sha256).digest()[:SIGNATURE_BYTES]
    return f"{_encode(payload)}-{_encode(signature)}"


def read_token(key: bytes, purpose: str, token: str) -> tuple[str, int] | None:
    """Give the subject and version of a token made with this key for this purpose, else ``None``.

    Case does not matter. Whether the version is still the current one is for the caller to compare.
    """
    token = token.lower()
    claim = _claim(token)
    if claim is None:
        return None
    # Made again and compared whole, in constant time: only the one canonical spelling passes.
    return claim if hmac.compare_digest(make_token(key, purpose, *claim), token) else None


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
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()
