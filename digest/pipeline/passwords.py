"""The operator's password: kept as a scrypt hash (RFC 7914), checked in constant time and bounded memory.

Form: ``scrypt$N$r$p$SALT$HASH``, salt and hash in base64url without padding.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import threading
import unicodedata
from typing import NamedTuple

from digest.errors import TooManyError, UsageError
from digest.mailer import Rate
from digest.pipeline.limiting import Limit

__all__ = ["Door", "check_hash", "check_password", "hash_password"]

MIN_CHARS = 10
MAX_CHARS = 1000
N, R, P = 2**14, 8, 5
SALT_BYTES = 16
HASH_BYTES = 32
# One check may take so much memory, and the work of about half a second.
MAX_MEMORY = 64 * 2**20
MAX_WORK = 2**22
_FORM = re.compile(r"scrypt\$([0-9]{1,7})\$([0-9]{1,3})\$([0-9]{1,3})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)")
# How often a password may be tried: as often as a person mistypes, and not as a machine guesses.
PER_NETWORK = Rate(5, 60)
IN_ALL = Rate(50, 3600)
# One at a time, so that a crowd at the door takes the memory of one.
_TURN = threading.Lock()


class _Hash(NamedTuple):
    n: int
    r: int
    p: int
    salt: bytes
    hash: bytes


def hash_password(password: str) -> str:
    """The hash to be kept. ``UsageError`` for a password that is too short, or too long to be one."""
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise UsageError(f"a password has at least {MIN_CHARS} characters (and at most {MAX_CHARS})")
    salt = secrets.token_bytes(SALT_BYTES)
    made = _scrypt(password, _Hash(N, R, P, salt, bytes(HASH_BYTES)))
    return f"scrypt${N}${R}${P}${_encode(salt)}${_encode(made)}"


def check_hash(text: str) -> None:
    """Raise ``UsageError`` for what is no such hash, and for one that would take too much to check."""
    _parse(text)


def check_password(text: str, given: str) -> bool:
    """Whether ``given`` is the password with the hash ``text``; takes as long where it is not.

    Raises ``UsageError`` for what is no hash.
    """
    stored = _parse(text)
    # Made for any text, so that the time tells nothing of what was wrong with it.
    made = _scrypt(given[:MAX_CHARS], stored)
    return hmac.compare_digest(made, stored.hash) and len(given) <= MAX_CHARS


class Door:
    """Lets in who knows the password, no more often than a person would try. Counts for one process."""

    def __init__(self) -> None:
        self._per_network = Limit(PER_NETWORK)
        self._in_all = Limit(IN_ALL)

    def opens(self, text: str, given: str, network: str) -> bool:
        """Whether ``given`` is the password of that hash. Raises ``TooManyError``, unchecked then."""
        for limit, key in ((self._per_network, network), (self._in_all, "")):
            if not limit.take(key):
                words = "There were too many attempts to log in. Please try again later."
                raise TooManyError(words, retry_after_s=limit.wait_s(key))
        return check_password(text, given)


def _scrypt(password: str, how: _Hash) -> bytes:
    # Keyboards differ in how they compose a letter; the same letters are the same password.
    letters = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    with _TURN:
        return hashlib.scrypt(
            letters,
            salt=how.salt,
            n=how.n,
            r=how.r,
            p=how.p,
            maxmem=MAX_MEMORY + 2**20,
            dklen=len(how.hash),
        )


def _parse(text: str) -> _Hash:
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError("is no hash of a password; make one with: digest web password")
    n, r, p = (int(found[place]) for place in (1, 2, 3))
    salt, made = _decode(found[4]), _decode(found[5])
    is_power = n > 1 and n & (n - 1) == 0
    if not is_power or not r or not p or len(salt) < SALT_BYTES or len(made) != HASH_BYTES:
        raise UsageError("is no whole hash of a password; make one with: digest web password")
    if 128 * r * (n + p) > MAX_MEMORY or n * r * p > MAX_WORK:
        raise UsageError("would take too much memory or time to check; make one with: digest web password")
    return _Hash(n, r, p, salt, made)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
