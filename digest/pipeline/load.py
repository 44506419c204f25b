"""Loading a dump: into an empty database, all rows or none, and none without the files that belong to them.

Everything is checked first, and files come before the rows: where the rows are, so is the key that links in
mail were signed with.
"""

import hashlib
import json
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest.errors import StorageError, UsageError
from digest.files import PART, is_plain, leads_inside
from digest.pipeline.arming import MARKER, Restored, mark_restored
from digest.pipeline.backup import LOSABLE, Say, copy_file, find_faults
from digest.pipeline.dump import FORMAT, INDEX, KEY, Dump
from digest.storage import dumping
from digest.storage.database import Database
from digest.storage.dumping import Row

__all__ = ["Loaded", "load"]

# What an archive may hold: enough for any dump of ours, and an end to one that is none.
MOST_MEMBERS = 5_000_000
MOST_INDEX_BYTES = 2**28
# Left free on the disk by unpacking.
SPARE_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a dump. ``brought`` are files; ``left_out`` damaged ones that can be done without."""

    dump: Dump
    brought: int
    left_out: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return self.dump.as_dict() | {"brought": self.brought, "left_out": dict(self.left_out)}


def load(
    database: Database, data_dir: Path, source: Path, *, armed: bool = False, progress: Say = lambda _: None
) -> Loaded:
    """Fill an empty database, and the data directory, from a dump; all rows or none.

    What is loaded does not mail until it is armed, unless it is to be ``armed`` from the start. Whoever calls
    sees to it that nobody else fills the same place meanwhile. Raises ``UsageError`` where the database holds
    something or the directory has another file of a name in the dump, ``StorageError`` for a dump that is
    damaged or newer than this program; then nothing of it is left.
    """
    dumping.check_empty(database)
    with _unpacked(source, data_dir) as (folder, dump):
        left_out = _find_losses(folder, dump, progress)
        paths = _choose(data_dir, dump, left_out)

        def read(name: str) -> Iterator[Row]:
            progress(name)
            return _read_table(folder, name, *dump.tables[name])

        marked = (data_dir / MARKER).exists()
        brought: list[Path] = []
        try:
            if not armed:
                mark_restored(data_dir, Restored(source.name, dump.made_at))
            _bring_files(folder, data_dir, dump, paths, brought, progress)
            dumping.load_tables(database, dump.revision, dump.tables, read, dump.last_ids)
        except BaseException as error:
            # A connection may break at the very end: what is not known to be empty keeps its key.
            if dumping.is_empty(database):
                for path in (*brought, *(() if marked or armed else (data_dir / MARKER,))):
                    with suppress(OSError):
                        path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageError(f"{source} cannot be loaded: {error.strerror}") from error
            raise
    return Loaded(dump, len(brought), left_out)


def _find_losses(folder: Path, dump: Dump, progress: Say) -> dict[str, str]:
    """Damaged files that can be done without. Raises ``StorageError`` for one that cannot."""
    faults = find_faults(folder, dump.files, progress)
    for path, words in faults.items():
        if not path.startswith(LOSABLE):
            raise StorageError(f"{path} of the dump {words}, so nothing was loaded")
    return faults


def _choose(data_dir: Path, dump: Dump, left_out: Mapping[str, str]) -> list[str]:
    """The files that have to come, the key first; those that are there already stay."""
    chosen = []
    for path in sorted(dump.files, key=lambda path: (path != KEY, path)):
        there = (data_dir / path).exists()
        if there and not path.startswith(LOSABLE) and find_faults(data_dir, {path: dump.files[path]}):
            raise UsageError(
                f"{data_dir / path} is there already, and the dump has another: move it away, then load again"
            )
        if not there and path not in left_out:
            chosen.append(path)
    return chosen


def _bring_files(
    folder: Path, data_dir: Path, dump: Dump, paths: list[str], brought: list[Path], progress: Say
) -> None:
    for number, path in enumerate(paths):
        if number % 100 == 0:
            progress(f"{number} of {len(paths)} files")
        target = data_dir / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copied = copy_file(folder / path, target)
        brought.append(target)
        if copied != dump.files[path]:
            raise StorageError(f"{path} of the dump changed while it was read; try again")


def _read_table(folder: Path, name: str, number: int, sha256: str) -> Iterator[Row]:
    """The rows of a table; raises ``StorageError`` at the end where they are not those that were written."""
    digest, read = hashlib.sha256(), 0
    path = f"tables/{name}.jsonl"
    damaged = StorageError(f"{path} is damaged or not whole, so nothing was loaded")
    if not is_plain(folder, path):
        raise damaged
    with (folder / path).open("rb") as file:
        for line in file:
            digest.update(line)
            read += 1
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise damaged from error
    if (read, digest.hexdigest()) != (number, sha256):
        raise damaged


def _open(folder: Path) -> Dump:
    if not (folder / INDEX).is_file():
        raise StorageError(f"this is no dump: it has no {INDEX}")
    try:
        told = json.loads((folder / INDEX).read_bytes())
        if told["format"] > FORMAT:
            raise StorageError("the dump was written by a newer version of this program")
        dump = Dump(
            str(told["revision"]),
            datetime.fromisoformat(told["made_at"]).astimezone(UTC),
            {str(name): (int(rows), str(digest)) for name, (rows, digest) in told["tables"].items()},
            {str(path): (int(size), str(digest)) for path, (size, digest) in told["files"].items()},
            {str(name): int(number) for name, number in told["last_ids"].items()},
        )
    except (
        OSError,
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise StorageError(f"{INDEX} of the dump cannot be read, so it cannot be loaded") from error
    if not all(leads_inside(path) for path in (*dump.files, *(f"tables/{name}" for name in dump.tables))):
        raise StorageError("the dump names files outside of it: it is not one of ours")
    return dump


@contextmanager
def _unpacked(source: Path, data_dir: Path) -> Iterator[tuple[Path, Dump]]:
    """The dump as a folder, and its index; an archive is unpacked on the disk of the data."""
    if source.is_dir():
        yield source, _open(source)
        return
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = tempfile.TemporaryDirectory(dir=data_dir, prefix=PART)
    except OSError as error:
        raise StorageError(f"{source} cannot be unpacked in {data_dir}: {error.strerror}") from error
    with beside as name:
        try:
            dump = _unpack(source, Path(name))
        except (tarfile.TarError, EOFError, ValueError, ArithmeticError, zlib.error) as error:
            raise StorageError(f"{source} is no dump, or not whole: {error}") from error
        except OSError as error:
            raise StorageError(f"{source} cannot be read: {error.strerror or error}") from error
        yield Path(name), dump


def _unpack(source: Path, folder: Path) -> Dump:
    """Unpack the index, and of the rest what that names; nothing else is looked at."""
    with _open_archive(source) as archive:
        index = next((one for one in _members(archive) if _name_of(one) == INDEX), None)
        if index is None or index.size > MOST_INDEX_BYTES:
            raise StorageError(f"this is no dump: it has no {INDEX}")
        _take_out(archive, index, folder)
        dump = _open(folder)
        tables = {f"tables/{name}.jsonl" for name in dump.tables}
        for member in _members(archive):
            name = _name_of(member)
            if name in tables or (name in dump.files and member.size == dump.files[name][0]):
                _take_out(archive, member, folder)
    return dump


def _open_archive(source: Path) -> tarfile.TarFile:
    with source.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    return tarfile.open(source, "r:gz") if is_packed else tarfile.open(source, "r:")


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(archive):
        if number >= MOST_MEMBERS:
            raise StorageError("this is no dump: it holds too many files")
        if member.isfile():
            yield member


def _name_of(member: tarfile.TarInfo) -> str:
    return Path(member.name).as_posix()


def _take_out(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Unpack a file, for its owner alone, if the disk has room for it."""
    if shutil.disk_usage(folder).free < member.size + SPARE_BYTES:
        raise StorageError(f"the disk is too full to unpack {member.name} of the dump")
    target = folder / _name_of(member)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    opened = archive.extractfile(member)
    assert opened is not None  # noqa: S101 - it is a file
    with opened, target.open("xb") as file:
        shutil.copyfileobj(opened, file)
