"""One use case at a time: locks between processes that end with the process."""

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from digest.errors import ConfigError, DigestError, StorageError

__all__ = ["use_case_lock"]

# What another folder would not mend, and time may.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


@contextmanager
def use_case_lock(data_dir: Path, name: str) -> Iterator[bool]:
    """Hold the lock of a use case; yields ``False`` at once where somebody else holds it.

    The lock is the kernel's (flock) on ``data_dir/locks/<name>.lock``, so it is gone when the process
    is, however that ended; the file stays and means nothing. Who holds it is written there for people
    to read, if the disk has room. It is not held twice by one process either. Raises ``ConfigError`` where
    the directory cannot be written or cannot lock, ``StorageError`` where something is short (the disk is
    full), ``ValueError`` for a name that is no plain word.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name):
        raise ValueError(f"{name!r} is no name for a lock")
    path = data_dir / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        held = _try_lock(descriptor, path)
        if held:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield held
    finally:
        # Closing unlocks too, but not while a child process still has a copy of the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _unusable(path, error) from error
    return True


def _unusable(path: Path, error: OSError) -> DigestError:
    if isinstance(error, PermissionError):
        return ConfigError(
            [
                f"{path} may not be written by this user: run this as the user that {path.parent.parent} "
                "belongs to, or give all of it to this one (chown -R)"
            ]
        )
    if error.errno in _PASSING:
        return StorageError(f"{path} cannot be used as a lock ({error.strerror}): mend that and try again")
    return ConfigError(
        [f"{path} cannot be used as a lock ({error.strerror}): choose another folder by DIGEST_DATA_DIR"]
    )
