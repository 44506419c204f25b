"""Dumps: everything as plain files, and back into an empty database without a loss."""

import base64
import gzip
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON

from digest.errors import DigestError, StorageError, UsageError
from digest.locks import use_case_lock
from digest.models import metadata
from digest.pipeline.arming import read_restored
from digest.pipeline.dump import Dump, write_dump
from digest.pipeline.load import load
from digest.storage import subscribers, upgrading
from digest.storage.database import Database
from digest.storage.search import search_papers
from tests.cli_runner import ok, run
from tests.storage_rows import NOW, add_papers, make_entry
from tests.test_migrations import REVISIONS, make, rows_of

TABLES = metadata.tables.items()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose database has rows in every table; read only."""
    folder = tmp_path_factory.mktemp("filled")
    make(folder / "digest.db", REVISIONS[-1])
    database = Database(f"sqlite:///{folder / 'digest.db'}")
    database.upgrade()
    database.close()
    (folder / "secret.key").write_bytes(b"a secret")
    (folder / "pages" / "ab").mkdir(parents=True)
    (folder / "pages" / "ab" / "abab.gz").write_bytes(b"a page")
    (folder / "models").mkdir()
    (folder / "models" / "model.npz").write_bytes(b"a model")
    return folder


@pytest.fixture
def database(filled: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{filled / 'digest.db'}")
    yield database
    database.close()


def dumped(database: Database, filled: Path, target: Path, **how: bool) -> Dump:
    return write_dump(database, filled, target, NOW, **how)


def meant(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows by what they mean: JSON may be written in more than one way."""
    kinds = {
        name: {one.name for one in table.columns if isinstance(one.type, JSON)} for name, table in TABLES
    }
    return {
        name: [
            {key: json.loads(value) if value and key in kinds[name] else value for key, value in row.items()}
            for row in rows
        ]
        for name, rows in rows_of(path).items()
    }


def loaded(source: Path, folder: Path, **how: bool) -> Database:
    """A new database, filled from a dump."""
    database = Database(f"sqlite:///{folder / 'digest.db'}")
    load(database, folder, source, **how)
    return database


@pytest.mark.parametrize("name", ["dump", "dump.tar", "dump.tar.gz"])
def test_every_row_of_every_table_comes_back(
    database: Database, filled: Path, tmp_path: Path, name: str
) -> None:
    """As a folder or one file; values, bytes and what is empty are the same."""
    told = dumped(database, filled, tmp_path / name).as_dict()
    new = loaded(tmp_path / name, tmp_path / "new")
    rows = rows_of(filled / "digest.db")
    assert {name: len(some) for name, some in rows.items()} == told["rows"]
    assert min(told["rows"].values()) > 0
    assert meant(new.path) == meant(filled / "digest.db")
    assert (tmp_path / "new" / "pages" / "ab" / "abab.gz").read_bytes() == b"a page"
    new.close()


def test_what_was_loaded_is_a_database_like_any(database: Database, filled: Path, tmp_path: Path) -> None:
    """It is searched, numbers of deleted readers are not given again, and references hold."""
    dumped(database, filled, tmp_path / "dump")
    new = loaded(tmp_path / "dump", tmp_path / "new")
    with new.write() as s:
        assert len(search_papers(s, "naive")) == 1
        assert subscribers.add_subscriber(s, email=None, status="active", now=NOW).id == 10
        (number,) = add_papers(s, [make_entry(50)], source_id=1)
        assert number == 4
    new.close()


def test_secrets_are_in_it_only_when_asked_for(database: Database, filled: Path, tmp_path: Path) -> None:
    """The key signs links; what is made again from the rest is left out."""
    plain = dumped(database, filled, tmp_path / "plain")
    keyed = dumped(database, filled, tmp_path / "keyed", with_key=True, with_pages=False)
    assert set(plain.files) == {"pages/ab/abab.gz"}
    assert set(keyed.files) == {"secret.key"}
    loaded(tmp_path / "keyed", tmp_path / "new").close()
    assert (tmp_path / "new" / "secret.key").read_bytes() == b"a secret"
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "keyed").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_what_is_loaded_does_not_mail_until_it_is_armed(
    database: Database, filled: Path, tmp_path: Path
) -> None:
    """The other one may still be at work."""
    dumped(database, filled, tmp_path / "dump")
    loaded(tmp_path / "dump", tmp_path / "new").close()
    loaded(tmp_path / "dump", tmp_path / "moved", armed=True).close()
    assert read_restored(tmp_path / "new").origin == "dump"
    assert read_restored(tmp_path / "moved") is None


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_dump_of_an_older_version_is_brought_up_to_date(tmp_path: Path, revision: str) -> None:
    """Its rows are loaded into the schema they have, and walk forward from there."""
    make(tmp_path / "old.db", revision)
    folder = tmp_path / "dump"
    rows = rows_of(tmp_path / "old.db")
    write_by_hand(folder, revision, tmp_path / "old.db")
    new = loaded(folder, tmp_path / "new")
    walked = Database(f"sqlite:///{tmp_path / 'old.db'}")
    walked.upgrade()
    ours, theirs = meant(new.path), meant(walked.path)
    for one in (*ours["subscribers"], *theirs["subscribers"]):
        one["left_at"] = one["left_at"] is not None  # at the upgrade, where nothing older tells it
    assert ours == theirs
    assert set(rows) <= set(rows_of(new.path))
    new.close()
    walked.close()


def write_by_hand(folder: Path, revision: str, path: Path) -> None:
    """What an older version would have written, by other means than ours."""
    (folder / "tables").mkdir(parents=True)
    index = {"format": 1, "made_at": NOW.isoformat(), "revision": revision, "files": {}, "last_ids": {}}
    tables = {}
    with closing(sqlite3.connect(path)) as plain:
        index["last_ids"] = dict(plain.execute("SELECT name, seq FROM sqlite_sequence"))
        for name, rows in rows_of(path).items():
            kinds = {row[1]: row[2] for row in plain.execute(f"PRAGMA table_info({name})")}
            lines = [{key: as_json(value, kinds[key]) for key, value in row.items()} for row in rows]
            text = "".join(json.dumps(line) + "\n" for line in lines).encode()
            (folder / "tables" / f"{name}.jsonl").write_bytes(text)
            tables[name] = (len(rows), hash_of(text))
    (folder / "dump.json").write_text(json.dumps(index | {"tables": tables}))


def as_json(value: object, kind: str) -> object:
    if value is None:
        return None
    if kind == "JSON":
        return json.loads(str(value))
    if kind == "DATETIME":
        return str(value).replace(" ", "T") + "+00:00"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return bool(value) if kind == "BOOLEAN" else value


def hash_of(text: bytes) -> str:
    import hashlib

    return hashlib.sha256(text).hexdigest()


def test_a_place_that_holds_something_is_left_alone(database: Database, filled: Path, tmp_path: Path) -> None:
    """Neither a dump nor a database is written over."""
    dumped(database, filled, tmp_path / "dump")
    with pytest.raises(UsageError, match="is there already"):
        dumped(database, filled, tmp_path / "dump")
    other = loaded(tmp_path / "dump", tmp_path / "new", armed=True)
    before = rows_of(other.path)
    with pytest.raises(UsageError, match="is not empty"):
        load(other, tmp_path / "new", tmp_path / "dump")
    assert rows_of(other.path) == before
    assert read_restored(tmp_path / "new") is None
    other.close()


@pytest.mark.parametrize("harm", ["line", "end", "file", "index", "missing", "table"])
def test_a_damaged_dump_loads_nothing(database: Database, filled: Path, tmp_path: Path, harm: str) -> None:
    """All rows or none, and no mark of a copy where there is none."""
    folder = tmp_path / "dump"
    dumped(database, filled, folder)
    papers = folder / "tables" / "papers.jsonl"
    lines = papers.read_bytes().splitlines(keepends=True)
    match harm:
        case "line":
            papers.write_bytes(b"".join([lines[0], b"{half\n", *lines[2:]]))
        case "end":
            papers.write_bytes(b"".join(lines[:-1]))
        case "file":
            papers.write_bytes(papers.read_bytes().replace(b"Proteins", b"Proteans"))
        case "index":
            (folder / "dump.json").write_text("[]")
        case "missing":
            papers.unlink()
        case "table":
            index = json.loads((folder / "dump.json").read_text())
            index["tables"]["cats"] = index["tables"]["papers"]
            (folder / "dump.json").write_text(json.dumps(index))
    with pytest.raises(StorageError):
        loaded(folder, tmp_path / "new")
    if (tmp_path / "new" / "digest.db").exists():
        assert not any(rows_of(tmp_path / "new" / "digest.db").values())
    assert read_restored(tmp_path / "new") is None


def change_index(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    told = json.loads((folder / "dump.json").read_text())
    change(told)
    (folder / "dump.json").write_text(json.dumps(told))


def change_rows(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first row of a table, in a dump whose checksum says that all is well."""
    path = folder / "tables" / f"{name}.jsonl"
    first, *rest = path.read_bytes().splitlines()
    row = json.loads(first)
    change(row)
    path.write_bytes(b"\n".join([json.dumps(row).encode(), *rest, b""]))
    number = [len(rest) + 1, hash_of(path.read_bytes())]
    change_index(folder, lambda told: told["tables"].update({name: number}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subscribers", {"id": int("9" * 30)}),
        ("subscribers", {"id": "9"}),
        ("subscribers", {"email": 9}),
        ("subscribers", {"nickname": "ada"}),
        ("subscribers", {"created_at": "0001-01-01T00:00:00+23:00"}),
        ("papers", {"title": ["Proteins"]}),
    ],
)
def test_rows_that_are_none_of_the_schema_load_nothing(
    database: Database, filled: Path, tmp_path: Path, name: str, value: dict[str, object]
) -> None:
    """Numbers too long, values of another kind, columns that there are not: SQLite would take them."""
    dumped(database, filled, tmp_path / "dump")
    change_rows(tmp_path / "dump", name, lambda row: row.update(value))
    with pytest.raises(StorageError, match=f"the rows of {name} in the dump are damaged or do not fit"):
        loaded(tmp_path / "dump", tmp_path / "new")
    assert not any(rows_of(tmp_path / "new" / "digest.db").values())


def test_a_dump_without_one_of_the_tables_loads_nothing(
    database: Database, filled: Path, tmp_path: Path
) -> None:
    """Without those that are not written to, who left would get mail again."""
    dumped(database, filled, tmp_path / "dump")
    change_index(tmp_path / "dump", lambda told: told["tables"].pop("suppressions"))
    with pytest.raises(StorageError, match="not whole: it has no suppressions"):
        loaded(tmp_path / "dump", tmp_path / "new")


def test_a_damaged_page_is_left_out_and_a_damaged_key_loads_nothing(
    database: Database, filled: Path, tmp_path: Path
) -> None:
    """A page is only read again; without the key every link that was mailed would be dead."""
    dump = tmp_path / "dump"
    dumped(database, filled, dump, with_key=True)
    (dump / "pages" / "ab" / "abab.gz").write_bytes(b"a bage")
    new = Database(f"sqlite:///{tmp_path / 'new' / 'digest.db'}")
    result = load(new, tmp_path / "new", dump)
    assert (result.brought, result.left_out) == (1, {"pages/ab/abab.gz": "is damaged"})
    assert (tmp_path / "new" / "secret.key").read_bytes() == b"a secret"
    assert not (tmp_path / "new" / "pages" / "ab" / "abab.gz").exists()
    new.close()
    (dump / "secret.key").write_bytes(b"a sekret")
    with pytest.raises(StorageError, match=r"secret\.key of the dump is damaged, so nothing was loaded"):
        loaded(dump, tmp_path / "other")
    assert not (tmp_path / "other" / "digest.db").exists()


@pytest.mark.parametrize("step", ["0 of 2 files", "papers", "suppressions"])
def test_a_load_that_is_stopped_leaves_neither_rows_nor_files(
    database: Database, filled: Path, tmp_path: Path, step: str
) -> None:
    """The key comes before the rows; and whoever loads once more finds the place as it was."""
    dumped(database, filled, tmp_path / "dump", with_key=True)
    new = Database(f"sqlite:///{tmp_path / 'new' / 'digest.db'}")
    keys: list[bool] = []

    def stop(told: str) -> None:
        if told == step and (tmp_path / "new" / "restored.json").exists():
            keys.append((tmp_path / "new" / "secret.key").exists())
            raise DigestError("stopped")

    with pytest.raises(DigestError, match="stopped"):
        load(new, tmp_path / "new", tmp_path / "dump", progress=stop)
    assert keys == [step != "0 of 2 files"]
    left = {path.name for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert left <= {"digest.db", "digest.db-wal", "digest.db-shm"}
    load(new, tmp_path / "new", tmp_path / "dump")
    assert (tmp_path / "new" / "secret.key").read_bytes() == b"a secret"
    assert meant(new.path) == meant(filled / "digest.db")
    new.close()


def test_another_key_is_neither_replaced_nor_passed_over(
    database: Database, filled: Path, tmp_path: Path
) -> None:
    """Nothing is loaded, and a sentence says what to do; the same key is no hindrance."""
    dumped(database, filled, tmp_path / "dump", with_key=True)
    key = tmp_path / "new" / "secret.key"
    key.parent.mkdir()
    key.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"secret\.key is there already, and the dump has another: move it"):
        loaded(tmp_path / "dump", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret.key"]
    key.write_bytes(b"a secret")
    loaded(tmp_path / "dump", tmp_path / "new").close()
    assert key.read_bytes() == b"a secret"


def test_a_dump_holds_no_backup_and_lies_in_none(tmp_path: Path) -> None:
    """Each backup has the key and the database in it."""
    text = f'data_dir = "{tmp_path / "data"}"\nbackup_dir = "{tmp_path}/data/nightly"\n'
    Path("digest.toml").write_text(text)
    ok("key", "show")
    ok("backup")
    ok("backup", "--to", str(tmp_path / "data" / "usb"))
    assert ok("dump", "all", "--json").json["files"] == 0
    refused = run("dump", str(tmp_path / "data" / "all.tar"))
    assert (refused.code, "lies in the data directory" in refused.err) == (2, True)
    ok("dump", str(tmp_path / "data" / "nightly" / "all.tar"), "--with-key")
    assert ok("dump", "again", "--json").json["files"] == 0


def test_an_archive_that_is_none_is_one_sentence(database: Database, filled: Path, tmp_path: Path) -> None:
    """Bytes that were flipped, nonsense within it, an end too soon, and what our own tools never write."""
    dumped(database, filled, tmp_path / "dump.tar")
    plain = (tmp_path / "dump.tar").read_bytes()
    whole = gzip.compress(plain)
    for harm in (
        # Within a file of it: a block of a kind that there is not.
        gzip.compress(plain[: plain.index(b"Proteins")]) + whole[:10] + b"\xff" * 100,
        whole[: len(whole) // 2],
        b"\xfd7zXZ\x00" + whole,
        b"",
    ):
        (tmp_path / "harmed.tar.gz").write_bytes(harm)
        with pytest.raises(StorageError):
            loaded(tmp_path / "harmed.tar.gz", tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("path", ["dump.json", "tables/papers.jsonl"])
def test_json_that_is_too_deep_is_one_sentence(
    database: Database, filled: Path, tmp_path: Path, path: str
) -> None:
    dumped(database, filled, tmp_path / "dump")
    (tmp_path / "dump" / path).write_bytes(b"[" * 100_000)
    with pytest.raises(StorageError):
        loaded(tmp_path / "dump", tmp_path / "new")


def test_of_an_archive_only_what_the_index_names_is_unpacked(
    database: Database, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any order; and nothing for which the disk has no room."""
    dumped(database, filled, tmp_path / "dump")
    (tmp_path / "dump" / "bomb").write_bytes(bytes(10**6))
    with tarfile.open(tmp_path / "by-hand.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "dump", ".")
    unpacked: set[str] = set()

    def note(step: str) -> None:
        unpacked.update(path.name for path in (tmp_path / "new").rglob("*") if path.is_file())

    new = Database(f"sqlite:///{tmp_path / 'new' / 'digest.db'}")
    load(new, tmp_path / "new", tmp_path / "by-hand.tar.gz", progress=note)
    assert {"papers.jsonl", "abab.gz"} <= unpacked
    assert "bomb" not in unpacked
    new.close()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(StorageError, match="too full to unpack"):
        loaded(tmp_path / "by-hand.tar.gz", tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_a_full_database_is_told_before_anything_is_unpacked(
    database: Database, filled: Path, tmp_path: Path
) -> None:
    """It is at work there."""
    (tmp_path / "dump.tar").write_bytes(b"whatever")
    with pytest.raises(UsageError, match="is not empty"):
        load(database, filled, tmp_path / "dump.tar")


def test_a_link_in_a_dump_is_not_followed(database: Database, filled: Path, tmp_path: Path) -> None:
    """Neither for rows nor for files."""
    dumped(database, filled, tmp_path / "dump", with_key=True)
    for path in ("tables/papers.jsonl", "secret.key"):
        (tmp_path / "dump" / path).rename(tmp_path / "elsewhere")
        (tmp_path / "dump" / path).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StorageError):
            loaded(tmp_path / "dump", tmp_path / "new")


def test_where_the_key_is_a_setting_both_commands_say_so(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no file to take along; and one that came would not count."""
    shutil.copytree(filled, tmp_path / "data")
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\n')
    ok("dump", "keyed", "--with-key")
    (tmp_path / "data" / "secret.key").unlink()
    monkeypatch.setenv("DIGEST_SECRET_KEY", "an invented key of enough bytes".replace(" ", "-"))
    assert "take that setting along yourself" in ok("dump", "plain", "--with-key").err
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "elsewhere"}"\n')
    assert "does not count: see secret_key_old" in ok("load", "keyed").err


def test_a_dump_of_a_newer_version_is_refused(database: Database, filled: Path, tmp_path: Path) -> None:
    """An older program does not know what its rows mean."""
    dumped(database, filled, tmp_path / "dump")
    path = tmp_path / "dump" / "dump.json"
    path.write_text(path.read_text().replace(f'"{upgrading.head_revision()}"', '"9999"'))
    with pytest.raises(StorageError, match=r"newer version .* 9999"):
        loaded(tmp_path / "dump", tmp_path / "new")


def test_an_archive_cannot_write_elsewhere(database: Database, filled: Path, tmp_path: Path) -> None:
    """A name that leads out of it is passed over, so that its file is missing."""
    dumped(database, filled, tmp_path / "dump")
    index = tmp_path / "dump" / "dump.json"
    index.write_text(index.read_text().replace("pages/ab/abab.gz", "../outside"))
    with pytest.raises(StorageError, match="outside of it"):
        loaded(tmp_path / "dump", tmp_path / "new")


def test_a_disk_that_is_full_leaves_no_half_of_a_dump(
    database: Database, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is given last."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="nothing is left of it"):
        dumped(database, filled, tmp_path / "there" / "dump")
    assert list((tmp_path / "there").iterdir()) == []


def test_the_commands_move_an_installation(filled: Path, tmp_path: Path) -> None:
    """Dumped here, loaded there: the same readers, and no mail."""
    shutil.copytree(filled, tmp_path / "data")
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\n')
    told = ok("dump", "all.tgz", "--with-key", "--json").json
    assert (told["rows"]["papers"], told["has_key"]) == (3, True)
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "elsewhere"}"\n')
    assert "does not mail until you say so" in ok("load", "all.tgz").out
    assert meant(tmp_path / "elsewhere" / "digest.db") == meant(filled / "digest.db")


def test_the_command_names_damaged_pages_and_says_that_a_part_is_missing(
    filled: Path, tmp_path: Path
) -> None:
    """All else is loaded; a second load at the same time is refused."""
    shutil.copytree(filled, tmp_path / "data")
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\n')
    ok("dump", "all")
    Path("all/pages/ab/abab.gz").unlink()
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "elsewhere"}"\n')
    (tmp_path / "elsewhere").mkdir()
    with use_case_lock(tmp_path / "elsewhere", "restore"):
        refused = run("load", "all")
    assert (refused.code, "see that one's end first" in refused.err) == (2, True)
    ran = run("load", "all", "--json")
    assert (ran.code, ran.json["brought"], list(ran.json["left_out"])) == (1, 0, ["pages/ab/abab.gz"])
    assert "pages/ab/abab.gz cannot be read (No such file or directory) and is left out" in ran.err
