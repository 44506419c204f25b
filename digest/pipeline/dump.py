"""Dumps: everything as plain files, for reading it elsewhere and for moving to another kind of database.

::

    dump.json               what it is: version, schema, rows and SHA-256 of each table, files
    tables/papers.jsonl     one row a line, as JSON
    pages/ …                whatever else lies in the data directory, as it lies there

In one file it is the same as a tar archive (``.tar``, ``.tar.gz`` or ``.tgz``). Without the secret key,
unless that is asked for; readers' addresses and the names of their private feeds are in it all the same.
"""

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest import __version__
from digest.errors import StorageError, UsageError
from digest.files import PART, write_whole
from digest.pipeline.arming import MARKER, Restored, mark_restored
from digest.pipeline.backup import copy_file, list_files
from digest.storage import dumping
from digest.storage.database import Database
from digest.storage.dumping import Row

__all__ = ["Dump", "load", "write_dump"]

FORMAT = 1
INDEX = "dump.json"
KEY = "secret.key"
ARCHIVES = (".tar", ".tar.gz", ".tgz")
# Made again from the rest.
DERIVED = ("models", "feeds", "published.json")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump, as its index says: rows and SHA-256 by table, size and SHA-256 by file."""

    revision: str
    made_at: datetime
    tables: Mapping[str, tuple[int, str]]
    files: Mapping[str, tuple[int, str]]
    last_ids: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "made_at": self.made_at.isoformat(),
            "revision": self.revision,
            "rows": {name: rows for name, (rows, _) in self.tables.items()},
            "files": len(self.files),
            "has_key": KEY in self.files,
        }


def write_dump(
    database: Database,
    data_dir: Path,
    target: Path,
    now: datetime,
    *,
    with_key: bool = False,
    with_pages: bool = True,
    progress: Say = lambda _: None,
) -> Dump:
    """Write a dump to a folder, or an archive, that is not there yet.

    The database is read as it stood at one moment, while others may write to it. Raises ``UsageError`` where
    the target is there, ``StorageError`` where it cannot be written; then nothing is left of it.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError(f"{target} is there already: name a new folder or file")
    left_out = {*DERIVED, *(() if with_key else (KEY,)), *(() if with_pages else ("pages",))}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=PART) as name:
            part = Path(name)
            made = _fill(part / "dump", database, data_dir, now, left_out, progress)
            if target.name.endswith(ARCHIVES):
                progress("putting it into one file")
                _pack(part / "dump", part / target.name)
                (part / target.name).rename(target)
            else:
                (part / "dump").rename(target)
    except OSError as error:
        raise StorageError(
            f"the dump cannot be written to {target}: {error.strerror or error}; nothing is left of it"
        ) from error
    return made


def load(
    database: Database, data_dir: Path, source: Path, *, armed: bool = False, progress: Say = lambda _: None
) -> Dump:
    """Fill an empty database, and the data directory, from a dump; all rows or none.

    What is loaded does not mail until it is armed, unless it is to be ``armed`` from the start. Files that
    are there already stay. Raises ``UsageError`` where the database holds something, ``StorageError`` for a
    dump that is damaged or newer than this program.
    """
    with _unpacked(source, data_dir) as folder:
        dump = _open(folder)

        def read(name: str) -> Iterator[Row]:
            progress(name)
            return _read_table(folder, name, *dump.tables[name])

        marked = (data_dir / MARKER).exists()
        try:
            if not armed:
                mark_restored(data_dir, Restored(source.name, dump.made_at))
            dumping.load_tables(database, dump.revision, dump.tables, read, dump.last_ids)
        except BaseException as error:
            if not (marked or armed):
                (data_dir / MARKER).unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageError(f"{source} cannot be loaded: {error.strerror}") from error
            raise
        _bring_files(folder, data_dir, dump, progress)
    return dump


def _fill(
    folder: Path, database: Database, data_dir: Path, now: datetime, left_out: set[str], progress: Say
) -> Dump:
    (folder / "tables").mkdir(parents=True, mode=0o700)
    with database.read() as session:
        revision = dumping.revision_of(session)
        assert revision is not None  # noqa: S101 - the database was brought up to date
        last = dumping.last_ids(session)
        tables = {}
        for name in dumping.table_names():
            progress(name)
            tables[name] = _write_table(folder / "tables" / f"{name}.jsonl", dumping.iter_rows(session, name))
    files = {}
    for path in list_files(data_dir):
        if path.split("/")[0] not in left_out:
            (folder / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            files[path] = copy_file(data_dir / path, folder / path)
    told = {
        "format": FORMAT,
        "program": __version__,
        "made_at": now.astimezone(UTC).isoformat(),
        "revision": revision,
        "tables": tables,
        "files": files,
        "last_ids": last,
    }
    write_whole(folder / INDEX, json.dumps(told, indent=1).encode())
    return Dump(revision, now, tables, files, last)


def _write_table(path: Path, rows: Iterator[Row]) -> tuple[int, str]:
    """Write one row a line; return how many, and the file's SHA-256."""
    digest, number = hashlib.sha256(), 0
    path.touch(mode=0o600)
    with path.open("wb") as file:
        for row in rows:
            # ASCII only, so that no letter is taken for the end of a line.
            line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            file.write(line)
            number += 1
    return number, digest.hexdigest()


def _read_table(folder: Path, name: str, number: int, sha256: str) -> Iterator[Row]:
    """The rows of a table; raises ``StorageError`` at the end where they are not those that were written."""
    digest, read = hashlib.sha256(), 0
    damaged = StorageError(f"tables/{name}.jsonl is damaged or not whole, so nothing was loaded")
    with (folder / "tables" / f"{name}.jsonl").open("rb") as file:
        for line in file:
            digest.update(line)
            read += 1
            try:
                yield json.loads(line)
            except ValueError as error:
                raise damaged from error
    if (read, digest.hexdigest()) != (number, sha256):
        raise damaged


def _open(folder: Path) -> Dump:
    try:
        told = json.loads((folder / INDEX).read_bytes())
        if told["format"] > FORMAT:
            raise StorageError("the dump was written by a newer version of this program")
        dump = Dump(
            str(told["revision"]),
            datetime.fromisoformat(told["made_at"]),
            {str(name): (int(rows), str(digest)) for name, (rows, digest) in told["tables"].items()},
            {str(path): (int(size), str(digest)) for path, (size, digest) in told["files"].items()},
            {str(name): int(number) for name, number in told["last_ids"].items()},
        )
    except FileNotFoundError as error:
        raise StorageError(f"this is no dump: it has no {INDEX}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{INDEX} of the dump cannot be read, so it cannot be loaded") from error
    if not all(_is_inside(path) for path in (*dump.files, *(f"tables/{name}" for name in dump.tables))):
        raise StorageError("the dump names files outside of it: it is not one of ours")
    return dump


def _is_inside(path: str) -> bool:
    return bool(path) and not Path(path).is_absolute() and ".." not in Path(path).parts


def _bring_files(folder: Path, data_dir: Path, dump: Dump, progress: Say) -> None:
    for number, (path, told) in enumerate(dump.files.items()):
        if number % 100 == 0:
            progress(f"{number} of {len(dump.files)} files")
        target = data_dir / path
        if target.exists():
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = copy_file(folder / path, target)
        except OSError as error:
            raise StorageError(f"{path} of the dump cannot be brought: {error.strerror}") from error
        if found != told:
            target.unlink()
            raise StorageError(f"{path} of the dump is damaged; the rows are loaded, the files not all")


def _pack(folder: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with tarfile.open(target, "w" if target.suffix == ".tar" else "w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(folder).as_posix())


@contextmanager
def _unpacked(source: Path, data_dir: Path) -> Iterator[Path]:
    """The dump as a folder; an archive is unpacked beside the data, but for names that lead elsewhere."""
    if source.is_dir():
        yield source
        return
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=data_dir, prefix=PART) as name, tarfile.open(source) as archive:
            for member in archive:
                opened = archive.extractfile(member) if member.isfile() and _is_inside(member.name) else None
                if opened is not None:
                    target = Path(name) / member.name
                    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    with target.open("xb") as file:
                        shutil.copyfileobj(opened, file)
            yield Path(name)
    except (tarfile.TarError, EOFError) as error:
        raise StorageError(f"{source} is no dump, or not whole: {error}") from error
    except OSError as error:
        raise StorageError(f"{source} cannot be read: {error.strerror or error}") from error
