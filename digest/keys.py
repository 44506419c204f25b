"""The keys that links are signed with: a file that rotation adds to, or settings.

A file that was never rotated is one key, whatever its bytes. A rotated one begins with ``HEAD`` and has a key
a line, the newest first: its text, or ``hex:`` and its bytes where that is not printable, and for older ones
``until YYYY-MM-DD``: the last day (UTC) that links other than for leaving count by it. ``secret_key_old`` has
the same, with commas in place of line ends.
"""

import errno
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from digest.errors import ConfigError, StorageError, UsageError
from digest.files import flush_folder, write_new, write_whole
from digest.locks import use_case_lock
from digest.tokens import Keys

__all__ = [
    "KeyFile",
    "OldKey",
    "is_plain",
    "keep_name",
    "keys_at",
    "name_file",
    "name_keys",
    "read_old_keys",
    "rotate_keys",
]

HEAD = b"# digest keys: the first signs, the others open links in mails that were sent. Keep them all."
MIN_FILE_BYTES = 32
MIN_BYTES = 16
MOST_DAYS = 3650
_LINE = re.compile(
    rb"(?:hex:(?P<hex>(?:[0-9a-f]{2})+)|(?P<text>[!-~]+))(?: +until +(?P<day>\d{4}-\d\d-\d\d))?"
)


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key that signs no more; until that day (UTC) links other than for leaving count by it."""

    key: bytes = field(repr=False)
    until: date | None = None


def keys_at(signing: bytes, older: Sequence[OldKey], now: datetime) -> Keys:
    """The keys as they count at that time."""
    today = now.astimezone(UTC).date()
    return Keys(
        signing,
        tuple(one.key for one in older),
        tuple(one.key for one in older if one.until is not None and today <= one.until),
    )


def name_keys(signing: bytes, older: Sequence[OldKey]) -> list[dict[str, object]]:
    """Names of the keys (see ``Keys.name``), newest first, JSON-ready."""
    rows = [{"key": Keys(signing).name, "signs": True, "until": None}]
    for one in older:
        until = one.until.isoformat() if one.until else None
        rows.append({"key": Keys(one.key).name, "signs": False, "until": until})
    return rows


def read_old_keys(text: str) -> list[OldKey]:
    """The keys of the setting ``secret_key_old``. Raises ``UsageError``, which quotes none of them."""
    return [_read_line(part, "secret_key_old", MIN_BYTES) for part in _parts(text)]


def _parts(text: str) -> list[bytes]:
    return [part.strip().encode() for part in text.split(",") if part.strip()]


def _read_line(line: bytes, where: str, least: int) -> OldKey:
    found = _LINE.fullmatch(line)
    key = (bytes.fromhex(found["hex"].decode()) if found["hex"] else found["text"]) if found else b""
    if found is None or len(key) < least:
        raise UsageError(
            f"{where} holds what is no key: each has {least} bytes or more of plain ASCII without blanks and "
            "commas, or is “hex:” and its bytes in hexadecimal, and may be followed by “until YYYY-MM-DD”"
        )
    try:
        return OldKey(key, date.fromisoformat(found["day"].decode()) if found["day"] else None)
    except ValueError as error:
        raise UsageError(f"{where} holds a day that there is not") from error


def name_file(path: Path) -> Path:
    """Where the name of the key stands that was used last, beside the key's file: a lost key is missed."""
    return path.with_name(f"{path.name}.name")


def keep_name(path: Path, keys: Keys) -> None:
    """Write the key's name beside its file; another name there stays, unless it is that of an older key.

    A place that cannot be written is passed over: whoever needs to write there says so.
    """
    with suppress(OSError, ValueError):
        file = name_file(path)
        known = file.read_text("utf-8").strip() if file.exists() else ""
        if known != keys.name and (not known or known in {Keys(one).name for one in keys.lasting}):
            write_whole(file, f"{keys.name}\n".encode())


class KeyFile:
    """The keys in a file, made on first use (mode 0600); read again as soon as it is another.

    So a program that runs on takes up a rotation. One that was used is not made again, nor one at all
    without ``makes``. Raises ``ConfigError`` for a file that is no key, or gone, and
    ``StorageError`` on a full disk.
    """

    def __init__(self, path: Path, *, makes: bool = True) -> None:
        self.path = path
        self._makes = makes
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[bytes, tuple[OldKey, ...]] = (b"", ())

    def at(self, now: datetime) -> Keys:
        """The keys as they count at that time."""
        return keys_at(*self.read(), now)

    def read(self) -> tuple[bytes, tuple[OldKey, ...]]:
        """The key that signs, and the older ones, newest first."""
        try:
            if not self.path.exists():
                self._check_unused()
                self._make()
            stamp = self.path.stat()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # no setting is wrong: it passes
                raise StorageError(f"the key {self.path} cannot be made: {error.strerror}") from error
            raise ConfigError([f"the key {self.path} cannot be read or made: {error.strerror}"]) from error
        seen = stamp.st_ino, stamp.st_mtime_ns, stamp.st_size
        if seen != self._seen:
            self._keys, self._seen = self._parse(), seen
        return self._keys

    def _check_unused(self) -> None:
        """Raise ``ConfigError`` where a key was used here, so that another would be no help."""
        if not self._makes or name_file(self.path).exists():
            raise ConfigError(
                [
                    f"the key is gone that links in mails were signed with ({self.path}, or the setting "
                    "secret_key): put it back from a backup. If it is lost for good, delete "
                    f"{name_file(self.path)}: then another is made, and nobody can leave by an older mail"
                ]
            )

    def _parse(self) -> tuple[bytes, tuple[OldKey, ...]]:
        try:
            data = self.path.read_bytes().strip()
        except OSError as error:
            raise ConfigError([f"the key {self.path} cannot be read: {error.strerror}"]) from error
        if not data.startswith(HEAD):
            if len(data) < MIN_FILE_BYTES:
                raise ConfigError(
                    [f"{self.path} is too short to be a key: restore it from a backup or delete it"]
                )
            return data, ()
        lines = [line.strip() for line in data.splitlines()[1:] if line.strip()]
        try:
            first, *older = [_read_line(line, str(self.path), MIN_BYTES) for line in lines]
        except (UsageError, ValueError) as error:
            raise ConfigError([f"{self.path} is damaged: restore it from a backup"]) from error
        return first.key, tuple(older)

    def _make(self) -> None:
        """Whole or not at all, and on the disk: mails are signed with it next."""
        with suppress(FileExistsError):  # somebody else was faster
            write_new(self.path, secrets.token_hex(32).encode() + b"\n")


def rotate_keys(file: KeyFile, now: datetime, *, days: int) -> date | None:
    """Sign with a new key from now on; the one before opens links in mails for so many more days.

    Leaving a list, and bounces, count by it for ever. With 0 days no older key opens other links any more:
    where one leaked, so did those that lay beside it. Returns the last of those days, ``None`` for 0 days.
    Raises ``UsageError`` for an impossible number, ``StorageError`` where the file cannot be written or
    somebody else is rotating; then the keys are as they were.
    """
    if not 0 <= days <= MOST_DAYS:
        raise UsageError(f"an older key can open links for 0 to {MOST_DAYS} days, not {days}")
    until = now.astimezone(UTC).date() + timedelta(days=days) if days else None
    with use_case_lock(file.path.parent, "key") as mine:
        if not mine:
            raise StorageError("the key is being rotated by another command; see that one's end first")
        signing, older = file.read()
        kept = older if days else [OldKey(one.key) for one in older]
        lines = [secrets.token_hex(32).encode(), *map(_line, (OldKey(signing, until), *kept))]
        try:
            write_whole(file.path, b"\n".join([HEAD, *lines, b""]))
            flush_folder(file.path.parent)
        except OSError as error:
            raise StorageError(f"{file.path} cannot be written: {error.strerror}") from error
    return until


def is_plain(key: bytes) -> bool:
    """Whether a key is written as it is among older ones; others as ``hex:`` and their bytes."""
    return re.fullmatch(rb"[!-+\--~]+", key) is not None and not key.startswith(b"hex:")


def _line(one: OldKey) -> bytes:
    text = one.key if is_plain(one.key) else b"hex:" + one.key.hex().encode()
    return text + (f" until {one.until.isoformat()}".encode() if one.until else b"")
