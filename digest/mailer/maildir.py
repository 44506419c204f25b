"""The Maildir outbox."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from digest.errors import DeliveryError
from digest.mailer.channel import check_address, check_sender

__all__ = ["MaildirChannel"]


class MaildirChannel:
    """Puts each mail into a Maildir, once per Message-ID however often it is called.

    The file's name comes from the Message-ID, so a second attempt finds what the first one left: in
    ``new``, in ``cur`` under any flags, or in a folder a mail reader moved it to under its name. A mail
    counts as delivered when it and its directory entry are on disk. Line ends are LF, as in any Maildir
    (https://cr.yp.to/proto/maildir.html).
    """

    name = "maildir"
    idempotent = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, envelope_from: str, recipient: str, message: bytes, message_id: str) -> str:
        """Store the mail durably and return where; a full or failing disk is fatal and transient."""
        check_sender(envelope_from)
        check_address(recipient)
        key = message_id.strip().strip("<>").encode("utf-8", "replace")
        name = hashlib.blake2b(key, digest_size=16).hexdigest() + ".digest"
        try:
            for folder in ("tmp", "new", "cur"):
                (self._path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._find(name) or self._store(name, message.replace(b"\r\n", b"\n"))
            _sync_directory(found.parent)
            # What an attempt that was killed left behind is of no use any more.
            for left_over in (self._path / "tmp").glob(f"{name}.*"):
                left_over.unlink(missing_ok=True)
        except OSError as error:
            raise DeliveryError(
                f"The outbox {self._path} cannot be written: {error.strerror or error}.",
                transient=True,
                fatal=True,
            ) from error
        return f"stored as {found.relative_to(self._path)}"

    def close(self) -> None:
        """Nothing is held open."""

    def _find(self, name: str) -> Path | None:
        exact = self._path / "new" / name
        if exact.exists():
            return exact
        for folder in self._read_folders():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as files:
                for file in files:
                    if file.name.startswith(name):
                        return Path(file.path)
        return None

    def _read_folders(self) -> Iterator[Path]:
        yield self._path / "cur"
        for folder in self._path.iterdir():
            if folder.name not in ("tmp", "new", "cur"):
                yield from (folder / "cur", folder / "new")

    def _store(self, name: str, message: bytes) -> Path:
        # A name of its own per writer: two at once must not write into one file.
        mine = self._path / "tmp" / f"{name}.{os.getpid()}.{threading.get_ident()}"
        target = self._path / "new" / name
        try:
            descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            mine.replace(target)
        except FileNotFoundError:
            # Another attempt stored the same mail meanwhile, and cleaned up after both.
            found = self._find(name)
            if found is None:
                raise
            return found
        finally:
            mine.unlink(missing_ok=True)
        return target


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
