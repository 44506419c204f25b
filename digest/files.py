"""Writes files whole or not at all, and tells where there is no room for them."""

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["PART", "is_full", "write_whole"]

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

    Whoever reads sees the old content or the new. Raises ``OSError``; then the old content stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
