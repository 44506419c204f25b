"""Backups: everything that cannot be made again, copied while the program is at work.

A backup is a folder::

    digest-20261122T023000Z/
        manifest.json       what it is, and the size and SHA-256 of every file
        digest.db           the database as it stood at one moment (not where a server keeps it)
        secret.key  pages/  models/  feeds/  …   whatever else lies in the data directory
        restored.json       keeps a copy from mailing until it is armed (see digest.pipeline.arming)

It is written under another name, read again, and only then given its own: what has the name is whole. Pages
do not change, so those that the backup before holds already are shared with it (hard links). Left out are
mail that was sent into files, locks, and other backups, wherever they lie.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest import __version__
from digest.errors import StorageError
from digest.files import PART, flush_folder, is_plain, leads_inside, write_whole
from digest.pipeline.arming import MARKER, Restored, mark_restored
from digest.storage import backing_up
from digest.storage.database import Database

__all__ = [
    "DATABASE",
    "LOSABLE",
    "MANIFEST",
    "Backup",
    "Say",
    "copy_file",
    "faults_of",
    "find_faults",
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
LEFT_OUT = frozenset({"locks", "outbox", "outbox.mbox", MARKER, MANIFEST, "secret.key.name"})
# What is made again when it is missing: pages are only read again, the rest is written anew.
LOSABLE = ("pages/", "models/", "feeds/")
PAGES = "pages/"
# Half a backup that is older than this was left by who was killed.
HALF_S = 12 * 3600.0
CHUNK = 2**20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup, as its manifest says. ``files`` are (size, SHA-256) by path; ``revision`` the schema's.

    ``revision`` is ``None`` where the database is not in it, since a server keeps that. ``of`` is the data
    directory it was made of.
    """

    folder: Path
    made_at: datetime
    revision: str | None
    files: Mapping[str, tuple[int, str]]
    of: str | None = None

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
    database: Database,
    data_dir: Path,
    folder: Path,
    now: datetime,
    *,
    apart: Sequence[Path] = (),
    progress: Say = lambda _: None,
) -> Backup:
    """Write a backup into ``folder`` and read it again.

    Folders ``apart`` are no part of it, nor is this one. Whoever calls sees to it that nobody else does so
    meanwhile. Raises ``StorageError`` where it cannot be written whole; then nothing is left of it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob(f"{PART}digest-*"):
            # Not what is being made: another installation may keep its backups in the same folder.
            if left.stat().st_mtime < time.time() - HALF_S:
                shutil.rmtree(left)
        before = next(iter(list_backups(folder)), None)
        target = _free_name(folder, now)
        part = folder / f"{PART}{target.name}"
        part.mkdir(mode=0o700)
        try:
            paths = list_files(data_dir, database.path, (folder, *apart))
            _fill(part, target.name, database, data_dir, paths, before, now, progress)
            progress("reading it again")
            _check(part)
            part.rename(target)
            flush_folder(folder)
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
    if not (folder / MANIFEST).is_file():
        raise StorageError(f"{folder} is no backup: it has no {MANIFEST}")
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
        if told["format"] > FORMAT:
            raise StorageError(f"{folder} was written by a newer version of this program")
        files = {path: (int(size), str(digest)) for path, (size, digest) in told["files"].items()}
        made_at = datetime.fromisoformat(told["made_at"]).astimezone(UTC)
    except (
        OSError,
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise StorageError(
            f"the manifest of {folder} cannot be read, so the backup cannot be used"
        ) from error
    if not all(leads_inside(path) for path in files):
        raise StorageError(f"{folder} names files outside of it: it is not one of our backups")
    if MARKER not in files:
        raise StorageError(f"{folder} has no {MARKER}: it is not one of our backups")
    return Backup(folder, made_at, told.get("revision"), files, told.get("data_dir"))


def faults_of(backup: Backup, progress: Say = lambda _: None) -> dict[str, str]:
    """What is wrong with its files, by path: each is read whole and held against the manifest."""
    return find_faults(backup.folder, backup.files, progress)


def find_faults(
    folder: Path, files: Mapping[str, tuple[int, str]], progress: Say = lambda _: None
) -> dict[str, str]:
    """The same for any folder and the (size, SHA-256) of its files by path."""
    faults = {}
    for number, (path, told) in enumerate(sorted(files.items())):
        try:
            if not is_plain(folder, path):
                faults[path] = "is no plain file"
            elif _digest_of(folder / path) != told:
                faults[path] = "is damaged"
        except OSError as error:
            faults[path] = f"cannot be read ({error.strerror})"
        if number % 100 == 0:
            progress(f"{number} of {len(files)} files")
    return faults


def list_backups(folder: Path) -> list[Backup]:
    """The backups in a folder, newest first; what is none, or cannot be read, is left out."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            with suppress(StorageError):
                found.append(open_backup(path))
    return sorted(found, key=lambda one: (one.made_at, one.folder.name), reverse=True)


def rotate(folder: Path, keep: int, made: Backup) -> int:
    """Delete all but the newest ``keep`` backups of a folder; return how many. Raises ``StorageError``.

    The one just ``made`` stays. So do those of other data directories; and those dated later, of which nobody
    knows how old they are, since one of the clocks was wrong.
    """
    before = [
        one
        for one in list_backups(folder)
        if one.folder != made.folder and one.of == made.of and one.made_at <= made.made_at
    ]
    old = before[keep - 1 :]
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
    paths: Iterator[str],
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
    for number, path in enumerate(paths):
        if number % 100 == 0:
            progress(f"{number} files copied")
        with suppress(FileNotFoundError):  # deleted meanwhile
            files[path] = _take(data_dir / path, part / path, path, before)
    manifest = {
        "format": FORMAT,
        "program": __version__,
        "made_at": now.astimezone(UTC).isoformat(),
        "revision": revision,
        "data_dir": str(data_dir.resolve()),
        "files": files,
    }
    write_whole(part / MANIFEST, json.dumps(manifest, indent=1).encode())
    for one in (part, *(path for path in part.rglob("*") if path.is_dir())):
        flush_folder(one)


def _check(part: Path) -> None:
    backup = open_backup(part)
    faults = faults_of(backup)
    if faults:
        path, words = next(iter(faults.items()))
        raise StorageError(f"{path} {words} after it was written: see whether the disk is sound")


def list_files(data_dir: Path, database: Path | None = None, apart: Sequence[Path] = ()) -> Iterator[str]:
    """The paths below the data directory that belong into a backup or a dump.

    Left out are the file of the ``database`` and what lies beside that, since it is copied in its own way;
    folders ``apart``; and backups, wherever they lie: each has the key in it.
    """
    for top in sorted(data_dir.iterdir()) if data_dir.is_dir() else ():
        if top.name in LEFT_OUT or top.name.startswith(DATABASE) or _is_apart(top, database, apart):
            continue
        if top.is_file():
            yield top.name
        for here, folders, names in os.walk(top):
            folders[:] = sorted(name for name in folders if not _is_apart(Path(here, name), database, apart))
            for path in (Path(here, name) for name in sorted(names) if not name.startswith(".")):
                if path.is_file() and not _is_apart(path, database, apart):
                    yield path.relative_to(data_dir).as_posix()


def _is_apart(path: Path, database: Path | None, apart: Sequence[Path]) -> bool:
    if path.name.startswith(PART):
        return True
    if path.is_dir():
        is_backup = NAME.fullmatch(path.name) is not None and (path / MANIFEST).is_file()
        return is_backup or any(_same(path, one) for one in apart)
    return database is not None and backing_up.is_beside(path, database)


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
            is_same = source.stat().st_size == known[0] and is_plain(before.folder, path)
            if is_same and _digest_of(before.folder / path) == known:
                os.link(before.folder / path, target)
                return known
    return copy_file(source, target)


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file to a new one, flushed to the disk and for its owner alone; return its size and SHA-256.

    Raises ``OSError``, above all where the new one is there already; then nothing is left of the copy.
    """
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as old:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as new:
                while chunk := old.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    new.write(chunk)
                new.flush()
                os.fsync(new.fileno())
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return size, digest.hexdigest()


def _digest_of(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()
