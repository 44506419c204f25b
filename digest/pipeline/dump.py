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
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest import __version__
from digest.errors import StorageError, UsageError
from digest.files import PART, write_whole
from digest.pipeline.backup import copy_file, list_files
from digest.storage import dumping
from digest.storage.database import Database
from digest.storage.dumping import Row

__all__ = ["FORMAT", "INDEX", "KEY", "Dump", "write_dump"]

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
            "has_key": self.has_key,
        }

    @property
    def has_key(self) -> bool:
        """Whether links that were mailed stay valid where it is loaded."""
        return KEY in self.files


def write_dump(
    database: Database,
    data_dir: Path,
    target: Path,
    now: datetime,
    *,
    with_key: bool = False,
    with_pages: bool = True,
    apart: Sequence[Path] = (),
    progress: Say = lambda _: None,
) -> Dump:
    """Write a dump to a folder, or an archive, that is not there yet.

    The database is read as it stood at one moment, while others may write to it. Folders ``apart`` are no
    part of it. Raises ``UsageError`` where the target is there, or lies where the next backup or dump would
    take it in, ``StorageError`` where it cannot be written; then nothing is left of it.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError(f"{target} is there already: name a new folder or file")
    place = target.resolve()
    if place.is_relative_to(data_dir.resolve()) and not any(
        place.is_relative_to(one.resolve()) for one in apart
    ):
        raise UsageError(
            f"{target} lies in the data directory, so each backup would hold it: name another place"
        )
    left_out = {*DERIVED, *(() if with_key else (KEY,)), *(() if with_pages else ("pages",))}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=PART) as name:
            part = Path(name)
            paths = (
                path
                for path in list_files(data_dir, database.path, apart)
                if path.split("/")[0] not in left_out
            )
            made = _fill(part / "dump", database, data_dir, now, paths, progress)
            if target.name.endswith(ARCHIVES):
                progress("putting it into one file")
                _pack(part / "dump", part / target.name, progress)
                (part / target.name).rename(target)
            else:
                (part / "dump").rename(target)
    except OSError as error:
        raise StorageError(
            f"the dump cannot be written to {target}: {error.strerror or error}; nothing is left of it"
        ) from error
    return made


def _fill(
    folder: Path, database: Database, data_dir: Path, now: datetime, paths: Iterator[str], progress: Say
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
    for number, path in enumerate(paths):
        if number % 100 == 0:
            progress(f"{number} files copied")
        (folder / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):  # deleted meanwhile
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


def _pack(folder: Path, target: Path, progress: Say) -> None:
    target.touch(mode=0o600)
    # The index first: it says what of the rest is to be unpacked.
    paths = sorted(folder.rglob("*"), key=lambda path: (path.name != INDEX or path.parent != folder, path))
    with tarfile.open(target, "w" if target.suffix == ".tar" else "w:gz") as archive:
        for path in paths:
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                progress(f"packing {name}")
                archive.add(path, name)
