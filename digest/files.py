"""Writes files whole or not at all, and tells where there is no room for them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PART", "flush_folder", "is_full", "write_new", "write_whole"]

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
        try:
            os.link(part, path)
            part.unlink()
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links, such as FAT: of two at once the later stays
            part.replace(path)
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
