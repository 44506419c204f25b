"""Copies of a SQLite file while others write to it, and whether a copy is whole.

A copy is made in one pass (``Connection.backup(pages=-1)``): it is one state of the database, that of one
moment. In steps it would begin anew at every write beside it, and never end beside a busy writer.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from digest.errors import StorageError
from digest.files import PART, flush_folder
from digest.storage.faults import explain

__all__ = [
    "Inside",
    "copy_database",
    "drop_copies_before",
    "find_fault",
    "is_beside",
    "keep_copy_before",
    "look_inside",
]

# What the name of a database's file, and of SQLite's files beside it, ends with.
SIDECARS = ("", "-wal", "-shm", "-journal")
BEFORE = ".before-"
# Copies made before upgrades that are kept, the newest.
KEPT_BEFORE = 2
# Beside the copy itself: what SQLite writes meanwhile.
SPARE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Inside:
    """What a database holds, in short. ``revision`` is that of its schema, ``None`` where it has none."""

    revision: str | None
    papers: int
    readers: int
    issues: int


def copy_database(source: Path, target: Path) -> None:
    """Copy the database to a new file that is complete in itself, flushed to the disk, for its owner alone.

    Raises ``StorageError`` where that cannot be done, the disk being too full above all; then nothing is
    left of it.
    """
    _check_room(source, target)
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StorageError(f"{target} cannot be made: {error.strerror}") from error
    try:
        with (
            _border(source, target),
            closing(_open(source, "rw")) as old,
            closing(_open(target, "rw")) as new,
        ):
            old.backup(new, pages=-1)
            # Else it would want a log file beside it as soon as anybody looks into it.
            new.execute("PRAGMA journal_mode=DELETE")
        with target.open("rb+") as file:
            os.fsync(file.fileno())
        flush_folder(target.parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def find_fault(path: Path) -> str | None:
    """What SQLite finds wrong with a copy that nobody writes to, in its words; ``None`` for a whole one."""
    try:
        with closing(_open(path, "ro&immutable=1")) as connection:
            (words,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None if words == "ok" else str(words)


def look_inside(path: Path) -> Inside:
    """What a copy that nobody writes to holds. Raises ``StorageError`` where it cannot be read."""
    with _border(path), closing(_open(path, "ro&immutable=1")) as connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }

        def one(query: str, of: str) -> tuple[int | str, ...]:
            return tuple(connection.execute(query).fetchone() or (0,)) if of in tables else (0,)

        (revision,) = one("SELECT version_num FROM alembic_version", "alembic_version")
        counts = [
            int(one(f"SELECT count(*) FROM {name}", name)[0])  # noqa: S608 - our own words
            for name in ("papers", "subscribers", "issues")
        ]
    return Inside(str(revision) if revision else None, *counts)


def keep_copy_before(path: Path, revision: str) -> Path:
    """Copy a database that is about to be brought to that revision, beside it; the oldest copies go.

    Raises ``StorageError`` where there is no room for it or it is not whole: then nothing may be upgraded.
    """
    target = path.with_name(f"{path.name}{BEFORE}{revision}")
    part = path.with_name(f"{PART}{target.name}")
    part.unlink(missing_ok=True)
    try:
        _copy_whole(path, part)
        part.replace(target)
    except OSError as error:
        raise StorageError(f"{target} cannot be made: {error.strerror}") from error
    except StorageError as error:
        raise StorageError(
            f"{error}; {path} has to be upgraded, which is not begun without a copy: nothing was touched"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    for old in _copies_before(path)[:-KEPT_BEFORE]:
        old.unlink(missing_ok=True)
    return target


def drop_copies_before(path: Path, made_before: datetime, *, dry_run: bool = False) -> int:
    """Delete the copies made before upgrades that are older than that, or only count them.

    Who was deleted since is in them. Raises ``StorageError``.
    """
    try:
        old = [one for one in _copies_before(path) if one.stat().st_mtime < made_before.timestamp()]
        for one in () if dry_run else old:
            one.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{error.filename} cannot be deleted: {error.strerror}") from error
    return len(old)


def _copies_before(path: Path) -> list[Path]:
    """The copies made before upgrades, oldest first."""
    return sorted(path.parent.glob(f"{path.name}{BEFORE}*"), key=lambda one: one.stat().st_mtime_ns)


def is_beside(path: Path, database: Path) -> bool:
    """Whether a path is that of the database itself, of a file of SQLite's beside it, or of a copy before."""
    name = database.name
    is_named = path.name in {f"{name}{end}" for end in SIDECARS} or path.name.startswith(f"{name}{BEFORE}")
    return is_named and path.parent.resolve() == database.parent.resolve()


def _copy_whole(path: Path, target: Path) -> None:
    copy_database(path, target)
    if fault := find_fault(target):
        raise StorageError(f"{path} is damaged ({fault}); restore it from a backup")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    # Quoted, since "?", "#" and "%" mean something in an address.
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=30)


def _check_room(source: Path, target: Path) -> None:
    try:
        size = source.stat().st_size
        with suppress(FileNotFoundError):
            size += source.with_name(f"{source.name}-wal").stat().st_size
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise StorageError(f"{source} cannot be copied: {error.strerror}") from error
    if free < size + SPARE_BYTES:
        raise StorageError(
            f"the disk is too full for a copy of {source}: it takes {_mb(size)}, and {_mb(free)} are free"
        )


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@contextmanager
def _border(source: Path, target: Path | None = None) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # A full disk is the copy's, whichever of the two SQLite was about.
        is_full = target is not None and getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
        fault = explain(error, str(target if is_full else source), reading=False)
        raise fault or StorageError(f"{source} cannot be copied: {error}") from error
