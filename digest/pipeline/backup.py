"""Backups: everything that cannot be made again, copied while the program is at work.

A backup is a folder::

    digest-20261122T023000Z/
        manifest.json       what it is, and the size and SHA-256 of every file
        digest.db           the database as it stood at one moment (not where a server keeps it)
        secret.key  pages/  models/  feeds/  …   whatever else lies in the data directory
        restored.json       keeps a copy from mailing until it is armed (see digest.pipeline.arming)

It is written under another name, read again, and only then given its own: what has the name is whole. Pages
do not change, so those that the backup before holds already are shared with it (hard links). Left out are
mail that was sent into files, locks, and other backups.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest import __version__
from digest.errors import StorageError
from digest.files import PART, write_whole
from digest.pipeline.arming import MARKER, Restored, mark_restored
from digest.storage import backing_up
from digest.storage.database import Database

__all__ = [
    "DATABASE",
    "MANIFEST",
    "Backup",
    "faults_of",
    "list_backups",
    "list_files",
    "make_backup",
    "open_backup",
    "rotate",
]

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "digest.db"
NAME = re.compile(r"digest-\d{8}T\d{6}Z(-\d+)?")
# What lies in the data directory and is no part of a backup: what was sent, what means nothing elsewhere.
LEFT_OUT = frozenset({"locks", "outbox", "outbox.mbox", MARKER, MANIFEST})
PAGES = "pages/"
CHUNK = 2**20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup, as its manifest says. ``files`` are (size, SHA-256) by path; ``revision`` the schema's.

    ``revision`` is ``None`` where the database is not in it, since a server keeps that.
    """

    folder: Path
    made_at: datetime
    revision: str | None
    files: Mapping[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "backup": str(self.folder),
            "made_at": self.made_at.isoformat(),
            "revision": self.revision,
            "files": len(self.files),
            "bytes": self.size,
        }


def make_backup(
    database: Database, data_dir: Path, folder: Path, now: datetime, *, progress: Say = lambda _: None
) -> Backup:
    """Write a backup into ``folder`` and read it again.

    Whoever calls sees to it that nobody else does so meanwhile. Raises ``StorageError`` where it cannot be
    written whole; then nothing is left of it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob(f"{PART}digest-*"):
            shutil.rmtree(left)
        before = next(iter(list_backups(folder)), None)
        target = _free_name(folder, now)
        part = folder / f"{PART}{target.name}"
        part.mkdir(mode=0o700)
        try:
            _fill(part, target.name, database, data_dir, folder, before, now, progress)
            progress("reading it again")
            _check(part)
            part.rename(target)
            _flush(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise StorageError(
            f"the backup cannot be written to {folder}: {error.strerror or error}; nothing is left of it"
        ) from error
    return open_backup(target)


def open_backup(folder: Path) -> Backup:
    """What the manifest says. Raises ``StorageError`` where there is none, or one of a later version."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
        if told["format"] > FORMAT:
            raise StorageError(f"{folder} was written by a newer version of this program")
        files = {path: (int(size), str(digest)) for path, (size, digest) in told["files"].items()}
        made_at = datetime.fromisoformat(told["made_at"])
    except FileNotFoundError as error:
        raise StorageError(f"{folder} is no backup: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"the manifest of {folder} cannot be read, so the backup cannot be used"
        ) from error
    if any(Path(path).is_absolute() or ".." in Path(path).parts for path in files):
        raise StorageError(f"{folder} names files outside of it: it is not one of our backups")
    return Backup(folder, made_at, told.get("revision"), files)


def faults_of(backup: Backup, progress: Say = lambda _: None) -> dict[str, str]:
    """What is wrong with its files, by path: each is read whole and held against the manifest."""
    faults = {}
    for number, (path, (size, digest)) in enumerate(sorted(backup.files.items())):
        try:
            found = _digest_of(backup.folder / path)
        except OSError as error:
            faults[path] = f"cannot be read ({error.strerror})"
            continue
        if found != (size, digest):
            faults[path] = "is damaged"
        if number % 100 == 0:
            progress(f"{number} of {len(backup.files)} files")
    return faults


def list_backups(folder: Path) -> list[Backup]:
    """The backups in a folder, newest first; what is none, or cannot be read, is left out."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            with suppress(StorageError):
                found.append(open_backup(path))
    return sorted(found, key=lambda one: (one.made_at, one.folder.name), reverse=True)


def rotate(folder: Path, keep: int) -> int:
    """Delete all but the newest ``keep`` backups of a folder; return how many. Raises ``StorageError``."""
    old = list_backups(folder)[keep:]
    for backup in old:
        # Under another name first: half of a backup must not pass for one.
        part = folder / f"{PART}{backup.folder.name}"
        try:
            backup.folder.rename(part)
            shutil.rmtree(part)
        except OSError as error:
            raise StorageError(f"{backup.folder} cannot be deleted: {error.strerror}") from error
    return len(old)


def _free_name(folder: Path, now: datetime) -> Path:
    name = f"digest-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    number = 1
    while (folder / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return folder / (name if number == 1 else f"{name}-{number}")


def _fill(
    part: Path,
    name: str,
    database: Database,
    data_dir: Path,
    folder: Path,
    before: Backup | None,
    now: datetime,
    progress: Say,
) -> None:
    files: dict[str, tuple[int, str]] = {}
    revision = None
    # The database first: a page is written before the row that names it, and may be deleted after it.
    if database.path is not None:
        progress("copying the database")
        backing_up.copy_database(database.path, part / DATABASE)
        if fault := backing_up.find_fault(part / DATABASE):
            raise StorageError(f"{database.place} is damaged ({fault}); the backups before may be whole")
        revision = backing_up.look_inside(part / DATABASE).revision
        files[DATABASE] = _digest_of(part / DATABASE)
    mark_restored(part, Restored(name, now))
    files[MARKER] = _digest_of(part / MARKER)
    for number, path in enumerate(list_files(data_dir, folder)):
        if number % 100 == 0:
            progress(f"{number} files copied")
        with suppress(FileNotFoundError):  # deleted meanwhile
            files[path] = _take(data_dir / path, part / path, path, before)
    manifest = {
        "format": FORMAT,
        "program": __version__,
        "made_at": now.astimezone(UTC).isoformat(),
        "revision": revision,
        "files": files,
    }
    write_whole(part / MANIFEST, json.dumps(manifest, indent=1).encode())
    for one in (part, *(path for path in part.rglob("*") if path.is_dir())):
        _flush(one)


def _check(part: Path) -> None:
    backup = open_backup(part)
    faults = faults_of(backup)
    if faults:
        path, words = next(iter(faults.items()))
        raise StorageError(f"{path} {words} after it was written: see whether the disk is sound")


def list_files(data_dir: Path, backups: Path | None = None) -> Iterator[str]:
    """The paths below the data directory that belong into a backup; ``backups`` is where those are kept."""
    backups = backups or data_dir / "backups"
    if not data_dir.is_dir():
        return
    for top in sorted(data_dir.iterdir()):
        if top.name in LEFT_OUT or top.name.startswith((PART, DATABASE)) or _same(top, backups):
            continue
        if top.is_file():
            yield top.name
        for path in sorted(top.rglob("*")) if top.is_dir() else ():
            is_backup = _same(path, backups) or any(_same(one, backups) for one in path.parents)
            if path.is_file() and not path.name.startswith(".") and not is_backup:
                yield path.relative_to(data_dir).as_posix()


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _take(source: Path, target: Path, path: str, before: Backup | None) -> tuple[int, str]:
    """Put a file into the backup: shared with the backup before where that has the same page, else copied."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if before is not None and path.startswith(PAGES) and path in before.files:
        known = before.files[path]
        with suppress(OSError):
            if source.stat().st_size == known[0] and _digest_of(before.folder / path) == known:
                os.link(before.folder / path, target)
                return known
    return copy_file(source, target)


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file, flushed to the disk and for its owner alone; return its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as old:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            while chunk := old.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                new.write(chunk)
            new.flush()
            os.fsync(new.fileno())
    return size, digest.hexdigest()


def _digest_of(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
