"""Restoring: a backup into a place that has nothing of ours yet. What is restored does not mail."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digest.errors import StorageError, UsageError
from digest.files import PART, place_new
from digest.pipeline.arming import MARKER
from digest.pipeline.backup import DATABASE, LOSABLE, Backup, copy_file, faults_of, open_backup
from digest.storage import backing_up, upgrading
from digest.storage.backing_up import Inside

__all__ = ["Plan", "plan_restore", "restore"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would bring where. ``left_out`` are damaged files that can be done without."""

    backup: Backup
    data_dir: Path
    database: Path
    inside: Inside | None
    left_out: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        held = (
            {name: getattr(self.inside, name) for name in ("papers", "readers", "issues")}
            if self.inside
            else {}
        )
        return self.backup.as_dict() | {
            "to": str(self.data_dir),
            "database": str(self.database) if self.inside else None,
            **held,
            "left_out": dict(self.left_out),
        }


def plan_restore(folder: Path, data_dir: Path, database: Path | None, progress: Say = lambda _: None) -> Plan:
    """Check a backup whole and the place it is to go to; changes nothing.

    ``database`` is where the database's file goes, where not into the data directory. Raises
    ``StorageError`` for a backup that is damaged or newer than this program, ``UsageError`` for a place
    that is taken.
    """
    backup = open_backup(folder)
    database = database or data_dir / DATABASE
    for path in backup.files:
        # SQLite would take such a log for the copy's own, and spoil it.
        if path != DATABASE and backing_up.is_beside(data_dir / path, database):
            raise StorageError(
                f"{folder} holds {path}, which would spoil the database if it lay beside it: "
                "restore elsewhere with --to"
            )
    _check_place(backup, data_dir, database)
    faults = faults_of(backup, progress)
    for path, words in faults.items():
        if not path.startswith(LOSABLE):
            raise StorageError(f"{folder / path} {words}, so this backup cannot be restored; take another")
    inside = None
    if DATABASE in backup.files:
        if fault := backing_up.find_fault(folder / DATABASE):
            raise StorageError(f"{folder / DATABASE} is damaged ({fault}); take another backup")
        inside = backing_up.look_inside(folder / DATABASE)
        if inside.revision is not None and inside.revision not in upgrading.known_revisions():
            raise StorageError(
                f"{folder} was made by a newer version of this program (its schema is {inside.revision}, the "
                f"newest known here is {upgrading.head_revision()}): restore it with that"
            )
    return Plan(backup, data_dir, database, inside, faults)


def restore(plan: Plan, progress: Say = lambda _: None) -> None:
    """Do what was planned. The mark that this is a copy comes first, the database last.

    Whoever calls sees to it that nobody else fills the same place meanwhile. Raises ``UsageError`` where that
    is taken since it was planned, ``StorageError`` where something cannot be written; what was written
    before is taken away again, and nothing else.
    """
    _check_place(plan.backup, plan.data_dir, plan.database)
    paths = [path for path in sorted(plan.backup.files) if path not in (MARKER, DATABASE)]
    written: list[Path] = []
    try:
        _take(plan, MARKER, plan.data_dir / MARKER, written)
        for number, path in enumerate(paths):
            if path not in plan.left_out:
                _take(plan, path, plan.data_dir / path, written)
            if number % 100 == 0:
                progress(f"{number} of {len(paths)} files")
        if plan.inside is not None:
            progress("the database")
            part = plan.database.with_name(f"{PART}{plan.database.name}")
            part.unlink(missing_ok=True)  # of one that was killed
            _take(plan, DATABASE, part, written)
            place_new(part, plan.database)
            written.append(plan.database)
    except BaseException as error:
        for one in reversed(written):
            with suppress(OSError):
                one.unlink()
        if isinstance(error, OSError):
            raise StorageError(
                f"{error.filename2 or error.filename or plan.data_dir} cannot be written: {error.strerror}; "
                "what was written was taken away again"
            ) from error
        raise


def _take(plan: Plan, path: str, target: Path, written: list[Path]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    copied = copy_file(plan.backup.folder / path, target)
    written.append(target)  # only now: what was there before is not ours to take away
    if copied != plan.backup.files[path]:
        raise StorageError(f"{plan.backup.folder / path} changed while it was read; try again")
    # As files are found by their age too.
    told = (plan.backup.folder / path).stat()
    os.utime(target, ns=(told.st_atime_ns, told.st_mtime_ns))


def _check_place(backup: Backup, data_dir: Path, database: Path) -> None:
    tops = {Path(path).parts[0] for path in backup.files if path != DATABASE}
    taken = [data_dir / name for name in sorted(tops) if _is_taken(data_dir / name)]
    if DATABASE in backup.files:
        beside = (database.with_name(f"{database.name}{end}") for end in backing_up.SIDECARS)
        taken += [path for path in beside if path.exists()]
    if taken:
        raise UsageError(
            f"{taken[0]} is there already, and a backup is restored into an empty place only: move it away, "
            "or restore to another folder with --to"
        )


def _is_taken(path: Path) -> bool:
    return any(not one.is_dir() for one in path.rglob("*")) if path.is_dir() else path.exists()
