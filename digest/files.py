"""Writes files whole or not at all, and tells where there is no room and which files are what they seem."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "PART",
    "flush_folder",
    "is_full",
    "is_plain",
    "leads_inside",
    "place_new",
    "write_new",
    "write_whole",
]

# What a killed process may leave behind begins so; it is nobody's, and may be deleted once it is old.
PART = ".part-"
# With less room than this a database cannot even be opened: it needs files beside it.
_FULL_BYTES = 2**20


def is_full(folder: Path) -> bool:
    """Whether the disk of that folder has no room left; not where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free < _FULL_BYTES
    except OSError:
        return False


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put ``data`` durably in the place of ``path``, whose folder is made where it is missing.

    Whoever reads sees the old content or the new; after a power cut too, and the new for certain only after
    :func:`flush_folder`. Raises ``OSError``; then the old content stays.
    """
    with _written(path, data, mode) as part:
        part.replace(path)


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """The same for a file that nobody has made yet, and the folder flushed: it is there for certain.

    Raises ``FileExistsError`` where somebody has, and ``OSError``.
    """
    with _written(path, data, mode) as part:
        place_new(part, path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Let the names in a folder outlive a power cut. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _written(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A file beside ``path`` with that content, on the disk, to be given its name; deleted if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(mode)
        yield part
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def place_new(part: Path, target: Path) -> None:
    """Give a whole file its name. Raises ``FileExistsError`` where something has it, else ``OSError``."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as FAT: of two at once the later may stay
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        part.rename(target)
    else:
        part.unlink()


def leads_inside(path: str) -> bool:
    """Whether a relative path names something below the folder that it is relative to."""
    parts = Path(path).parts
    return bool(parts) and "\0" not in path and not Path(path).is_absolute() and ".." not in parts


def is_plain(folder: Path, path: str) -> bool:
    """Whether that path below a folder is a file, and reached through no link. Raises ``OSError``: none."""
    found = folder / path
    return stat.S_ISREG(found.lstat().st_mode) and found.resolve() == folder.resolve() / path
