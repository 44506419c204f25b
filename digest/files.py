"""Writes files whole or not at all."""

import os
import tempfile
from pathlib import Path

__all__ = ["PART", "write_whole"]

# What a killed process may leave behind begins so; it is nobody's, and may be deleted once it is old.
PART = ".part-"


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
