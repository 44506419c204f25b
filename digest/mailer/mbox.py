"""The mbox archive."""

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import re
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from digest.errors import DeliveryError
from digest.mailer.channel import Mail, check_address, check_sender

__all__ = ["MboxChannel"]

LOCK_WAIT_S = 10.0
# How each mail of ours begins; the second line has its length from there on, and who it is. The writer's name
# stands where others put the sender, so that half a line of ours is known for ours.
_FROM = b"From paper-digest "
_MARK = b"X-Digest-Mail: "
_HEAD = re.compile(_FROM + rb"[^\n]*\n" + _MARK + rb"(\d+) ([0-9a-f]{32})\n")
# Mail programs may have put headers of their own before ours.
_STORED = re.compile(rb"\nFrom [^\n]*\n(?:[^\n]+\n)*?" + _MARK + rb"\d+ ([0-9a-f]{32})\n")
_QUOTED = re.compile(rb"(?m)^(>*From )")


class MboxChannel:
    """Appends each mail to one file, once per Message-ID however often it is called.

    The form is mboxrd (RFC 4155's family, with every ``From `` in a mail quoted so that it can be unquoted),
    lines end with LF. A mail counts as delivered when it is on disk; while it is written, other programs
    are kept out by fcntl locks.

    A write that was cut off must not look like a mail, nor be the head of the next one. So each mail says how
    long it is, and before the next is written the last is looked at: if it is shorter than it says, or has
    bytes that were never written, it is removed. Mails of other programs are left as they are. Which mails
    lie there already is read once, and again only when another program changed the file.
    """

    name = "mbox"
    idempotent = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[str] = set()
        self._seen: tuple[int, int, int] | None = None

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        """Append the mail durably, and say where; a full disk or a locked file is fatal and transient."""
        sender = check_sender(mail.envelope_from)
        check_address(mail.recipient)
        key = mail.message_id.strip().strip("<>").encode("utf-8", "replace")
        name = hashlib.blake2b(key, digest_size=16).hexdigest()
        record = _make_record(sender, name, mail.message)
        reply = f"stored on this machine in {self._path.name}"
        with self._told():
            descriptor = self._open()
        try:
            with self._told():
                _lock(descriptor)
                self._look(descriptor)
            before_end()
            with self._told():
                if name in self._known:
                    # Who wrote it may have been killed before it was on disk.
                    os.fsync(descriptor)
                    return reply
                _append(descriptor, record)
                self._seen = _look_of(descriptor)
            self._known.add(name)
        finally:
            os.close(descriptor)  # which unlocks
        return reply

    def close(self) -> None:
        """Nothing is held open."""

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DeliveryError(
                f"The archive {self._path} cannot be written: {error.strerror or error}.",
                transient=True,
                stage="session",
                fatal=True,
            ) from error

    def _open(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def _look(self, descriptor: int) -> None:
        """Read which mails are there, unless that is known; take away what a cut-off write left."""
        if self._seen == _look_of(descriptor):
            return
        self._known = set()
        size = os.fstat(descriptor).st_size
        if size:
            with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as archive:
                end = _whole_until(archive)
                first = _HEAD.match(archive, 0, end)
                names = {found[1] for found in _STORED.finditer(archive, 0, end)}
                self._known = {name.decode("ascii") for name in names | ({first[2]} if first else set())}
            if end < size:
                os.ftruncate(descriptor, end)
                os.fsync(descriptor)
        else:
            self._sync_name()
        self._seen = _look_of(descriptor)

    def _sync_name(self) -> None:
        """See that a new archive is found again after a cut of the power."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _make_record(sender: str, key: str, message: bytes) -> bytes:
    """The mail as it stands in the archive, from its ``From `` line to the empty line after it."""
    if b"\0" in message:
        raise DeliveryError("The mail has zero bytes; this is a fault of the program.", transient=False)
    lines = message.replace(b"\r\n", b"\n")
    body = f"Return-Path: <{sender}>\n".encode() + (
        _QUOTED.sub(rb">\1", lines) if b"From " in lines else lines
    )
    body += b"\n" if body.endswith(b"\n") else b"\n\n"
    stamp = time.asctime(time.gmtime(_written_at(lines))).encode("ascii")
    return b"%s%s\n%s%d %s\n%s" % (_FROM, stamp, _MARK, len(body), key.encode("ascii"), body)


def _written_at(lines: bytes) -> float:
    """The mail's own date, so that it is stored the same on every attempt."""
    for line in lines[: lines.find(b"\n\n") + 1].split(b"\n"):
        if line.startswith(b"Date: "):
            with contextlib.suppress(ValueError, OverflowError):
                return parsedate_to_datetime(line[6:].decode("ascii", "replace")).timestamp()
    return time.time()


def _whole_until(archive: mmap.mmap) -> int:
    """Where the archive would end without what a cut-off write left behind its last whole mail."""
    size = len(archive)
    start = archive.rfind(b"\nFrom ") + 1
    if size - start < len(_FROM) and _FROM.startswith(archive[start:size]):
        # The bare word may be anyone's, where it does not stand right behind a mail of ours.
        is_ours = size - start > len(b"From ") or start == 0 or _end_of_mail_before(archive, start) == start
        return start if is_ours else size
    head = _HEAD.match(archive, start)
    if head is None:
        line, _, rest = archive[start : start + 200].partition(b"\n")
        is_half = line.startswith(_FROM) and b"\n" not in rest
        return start if is_half and (_MARK.startswith(rest) or rest.startswith(_MARK)) else size
    due = head.end() + int(head[1])
    if due > size or archive.find(b"\0", start, due) >= 0:
        return start
    # Behind the last mail: the first letters of a next one, or what another program wrote.
    return due if size - due < len(_FROM) and _FROM.startswith(archive[due:size]) else size


def _end_of_mail_before(archive: mmap.mmap, start: int) -> int | None:
    """Where the mail of ours that stands before ``start`` ends, by its own word."""
    head = _HEAD.match(archive, archive.rfind(b"\nFrom ", 0, start - 1) + 1)
    return head.end() + int(head[1]) if head else None


def _append(descriptor: int, record: bytes) -> None:
    """Write ``record`` at the end, on disk; if that fails, the archive is as long as before."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    ending = os.pread(descriptor, 2, max(0, size - 2))
    if size and ending != b"\n\n":
        record = (b"\n" if ending.endswith(b"\n") else b"\n\n") + record
    try:
        left = memoryview(record)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _lock(descriptor: int) -> None:
    """Keep out other programs (fcntl) and other channels of this one (flock). Raises ``OSError``."""
    until = time.monotonic() + LOCK_WAIT_S
    for lock in (fcntl.flock, fcntl.lockf):
        while True:
            try:
                lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OSError(errno.EAGAIN, "another program holds its lock") from None
                time.sleep(0.02)


def _look_of(descriptor: int) -> tuple[int, int, int]:
    """What changes when another program changes the file."""
    facts = os.fstat(descriptor)
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
