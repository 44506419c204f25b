"""What lies in the data directory and nobody needs any more: copies made before upgrades, halves of files."""

import shutil
import time
from datetime import datetime
from pathlib import Path

from digest.errors import StorageError
from digest.files import PART
from digest.storage import backing_up
from digest.storage.database import Database

__all__ = ["clear"]

# Nothing takes so long to be written.
HALF_S = 24 * 3600.0


def clear(
    database: Database, data_dir: Path, copied_before: datetime, *, dry_run: bool = False
) -> dict[str, int]:
    """Delete copies of the database that were made before that time, and what was left by who was killed.

    Returns how many of each; with ``dry_run`` only counts. Raises ``StorageError``.
    """
    path = database.path
    copies = 0 if path is None else backing_up.drop_copies_before(path, copied_before, dry_run=dry_run)
    return {"copies_before": copies, "halves": _clear_halves(data_dir, dry_run=dry_run)}


def _clear_halves(data_dir: Path, *, dry_run: bool) -> int:
    number = 0
    for part in data_dir.glob(f"{PART}*"):
        try:
            # By the machine's own clock, since that is what files are dated by.
            if part.lstat().st_mtime > time.time() - HALF_S:
                continue
            number += 1
            if not dry_run:
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(f"{part} cannot be deleted: {error.strerror}") from error
    return number
