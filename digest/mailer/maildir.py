"""The Maildir outbox."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from digest.errors import DeliveryError
from digest.mailer.channel import Mail, check_address, check_sender

__all__ = ["MaildirChannel"]

_MARK = ".digest"


class MaildirChannel:
    """Puts each mail into a Maildir, once per Message-ID however often it is called.

    The file's name comes from the Message-ID, so a second attempt finds what the first one left: in
    ``new``, in ``cur`` under any flags, or in a folder a mail reader moved it to under its name. A mail
    counts as delivered when it and its directory entry are on disk. Line ends are LF, as in any Maildir
    (https://cr.yp.to/proto/maildir.html).

    What lies there is listed once, at the first mail: other programs may move mails, but only channels put
    them there, and two that send the same mail at once meet at its name in ``new``.
    """

    name = "maildir"
    idempotent = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Path] | None = None
        self._left_over: dict[str, list[Path]] = {}

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        """Store the mail durably and return where; a full or failing disk is fatal and transient."""
        check_sender(mail.envelope_from)
        check_address(mail.recipient)
        key = mail.message_id.strip().strip("<>").encode("utf-8", "replace")
        name = hashlib.blake2b(key, digest_size=16).hexdigest() + _MARK
        with self._told():
            if self._known is None:
                self._known = self._list()
            found = self._find(name)
            mine = None if found else self._write(name, mail.message.replace(b"\r\n", b"\n"))
        try:
            before_end()
            with self._told():
                target = found if mine is None else self._show(mine, name)
                assert target is not None  # noqa: S101
                _sync_directory(target.parent)
        except BaseException:
            if mine is not None:
                _remove(mine)
            raise
        for left_over in self._left_over.pop(name, ()):
            _remove(left_over)
        self._known[name] = target
        return f"stored on this machine as {target.relative_to(self._path)}"

    def close(self) -> None:
        """Nothing is held open."""

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._known = None  # the folders may be gone
            raise DeliveryError(
                f"The outbox {self._path} cannot be written: {error.strerror or error}.",
                transient=True,
                fatal=True,
            ) from error

    def _find(self, name: str) -> Path | None:
        """Where the mail lies, if it was stored before."""
        assert self._known is not None  # noqa: S101
        exact = self._path / "new" / name
        if exact.exists():
            return exact
        found = self._known.get(name)
        if found is None or found.exists():
            return found
        # Moved since: by a mail reader, and mails before it too.
        self._known = self._list()
        return self._known.get(name)

    def _list(self) -> dict[str, Path]:
        """Every mail in the folders, by the part of its name that we gave it.

        Also notes what lies in ``tmp``: the file of an attempt that was killed goes when its mail is sent.
        Others' files stay, for they may be in the midst of writing them.
        """
        for folder in ("tmp", "new", "cur"):
            (self._path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        known: dict[str, Path] = {}
        for place in self._read_folders():
            for name, path in _read_names(place):
                known.setdefault(name, path)
        self._left_over = {}
        for name, half in _read_names(self._path / "tmp"):
            self._left_over.setdefault(name, []).append(half)
        return known

    def _read_folders(self) -> Iterator[Path]:
        yield self._path / "new"
        yield self._path / "cur"
        for folder in self._path.iterdir():
            if folder.name not in ("tmp", "new", "cur"):
                yield from (folder / "cur", folder / "new")

    def _write(self, name: str, message: bytes) -> Path:
        """The mail in ``tmp``, on disk."""
        # A name of its own per writer: two at once must not write into one file.
        mine = self._path / "tmp" / f"{name}.{os.getpid()}.{threading.get_ident()}"
        try:
            descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            _remove(mine)
            raise
        return mine

    def _show(self, mine: Path, name: str) -> Path:
        target = self._path / "new" / name
        try:
            mine.replace(target)
        except FileNotFoundError:
            # Another attempt stored the same mail meanwhile, and cleaned up after both.
            if not target.exists():
                raise
        return target


def _read_names(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of ours in a folder, each under the part of its name that stays."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as files:
        for file in files:
            name, mark, _ = file.name.partition(_MARK)
            if mark:
                yield name + mark, Path(file.path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
