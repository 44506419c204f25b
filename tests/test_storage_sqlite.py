"""What holds on SQLite alone: its file, its pragmas, and its faults in words."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import DBAPIError

import digest
from digest.errors import DatabaseTooNewError, StorageError
from digest.storage import papers
from digest.storage.database import Database
from digest.storage.faults import explain
from tests.storage_rows import add_papers, add_source, make_entry

pytest_plugins = ("tests.storage_fixtures",)
pytestmark = pytest.mark.migrates


def path_of(database: Database) -> Path:
    return Path(database.url.database)


def pragma(database: Database, name: str) -> object:
    with database.write() as s:
        return s.connection().exec_driver_sql(f"PRAGMA {name}").scalar()


def test_commits_survive_a_power_cut(database: Database) -> None:
    """WAL mode, every commit flushed to the disk (2 is FULL), foreign keys enforced."""
    assert [pragma(database, name) for name in ("journal_mode", "synchronous", "foreign_keys")] == [
        "wal",
        2,
        1,
    ]


def test_a_write_transaction_begins_at_once_as_a_writer(database: Database) -> None:
    """Nobody else can begin to write, even before its first statement."""
    other = sqlite3.connect(path_of(database), timeout=0)
    with closing(other), database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")


def test_upgrading_makes_the_folder_and_is_needed_once(tmp_path: Path) -> None:
    """Names with spaces and per cent signs are names like others."""
    database = Database(f"sqlite:///{tmp_path / 'my 100%s papers' / 'digest.db'}")
    assert not database.is_current()
    assert not path_of(database).exists()
    assert database.upgrade()
    assert database.is_current()
    assert not database.upgrade()
    database.close()


def test_a_newer_database_stays_untouched(database: Database) -> None:
    """Not one byte of the file is changed, and nothing is left beside it."""
    with database.write() as s:
        add_papers(s, [make_entry(1)])
        s.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    path = path_of(database)
    with closing(sqlite3.connect(path)) as plain:
        # A mode that an upgrade would change first of all.
        plain.execute("PRAGMA journal_mode=DELETE")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with pytest.raises(DatabaseTooNewError, match=r"newer version .*9999.*nothing was touched"):
        database.upgrade()
    database.close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [one.name for one in path.parent.glob("digest.db*")] == ["digest.db"]


def test_another_programs_file_stays_untouched(tmp_path: Path) -> None:
    """A wrong path does not put our tables into somebody else's database."""
    path = tmp_path / "places.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (id INTEGER PRIMARY KEY)")
        other.commit()
    before = path.read_bytes()
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StorageError, match=r"belongs to another program.*bookmarks"):
        database.upgrade()
    database.close()
    assert path.read_bytes() == before


def test_an_upgrade_that_fails_leaves_the_file_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema comes in one transaction: half of it is never seen."""
    from digest.storage import upgrading

    broken = tmp_path / "migrations"
    shutil.copytree(upgrading.MIGRATIONS, broken)
    first = broken / "versions" / "0001_initial.py"
    first.write_text(
        first.read_text("utf-8").replace(
            "    _create_deliveries_and_runs()\n", "    raise ZeroDivisionError\n"
        ),
        "utf-8",
    )
    monkeypatch.setattr(upgrading, "MIGRATIONS", broken)
    database = Database(f"sqlite:///{tmp_path / 'digest.db'}")
    with pytest.raises(ZeroDivisionError):
        database.upgrade()
    database.close()
    with closing(sqlite3.connect(path_of(database))) as plain:
        assert plain.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_search_finds_what_a_rebuilt_index_would(database: Database) -> None:
    """The triggers keep the index in step with the papers through adding, changing and deleting."""
    with database.write() as s:
        ids = add_papers(s, [make_entry(1), make_entry(2), make_entry(3)])
        papers.get_paper(s, ids[0]).title = "Something Else Altogether"
        s.delete(papers.get_paper(s, ids[1]))
    with database.write() as s:
        s.connection().exec_driver_sql(
            "INSERT INTO papers_fts(papers_fts, rank) VALUES ('integrity-check', 1)"
        )
        assert [one.id for one in papers.search_papers(s, "altogether")] == [ids[0]]
        assert papers.search_papers(s, "thing 2") == []


# --- faults ----------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_nothing_is_half_written(database: Database) -> None:
    """SQLite's page limit stands in for the disk's."""
    entries = [make_entry(number, abstract="long " * 2000) for number in range(1, 50)]
    limit = pragma(database, "page_count") + 2

    def fill() -> None:
        with database.write() as s:
            s.connection().exec_driver_sql(f"PRAGMA max_page_count={limit}")
            add_papers(s, entries)

    with pytest.raises(StorageError, match="the disk is full"):
        fill()
    with database.read() as s:
        assert papers.count_papers(s) == 0


@pytest.mark.parametrize(("free", "told"), [(4096, "the disk is full: "), (2**30, "reports an error")])
def test_a_fault_of_the_disk_is_a_full_disk_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, told: str
) -> None:
    """SQLite calls it SQLITE_IOERR_SHMSIZE where no room is left for the files beside the database."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    fault = explain(error, str(tmp_path / "digest.db"), reading=True)
    assert fault is not None
    assert told in str(fault)


def test_a_read_only_database_is_told(database: Database) -> None:
    """query_only stands in for a file that may not be written."""

    def write() -> None:
        with database.write() as s:
            s.connection().exec_driver_sql("PRAGMA query_only=ON")
            add_source(s)

    with pytest.raises(StorageError, match="is read-only"):
        write()


@pytest.mark.parametrize("content", [b"no database at all, but quite long enough to be one" * 30, b"short"])
def test_a_file_that_is_no_database_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    """Whatever it is, it stays as it is."""
    path = tmp_path / "digest.db"
    path.write_bytes(content)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StorageError, match="is not a database"):
        database.upgrade()
    database.close()
    assert path.read_bytes() == content


def test_a_damaged_database_is_told(database: Database) -> None:
    """A page of noise in the middle of the file gives one sentence."""
    with database.write() as s:
        add_papers(s, [make_entry(number) for number in range(1, 200)])
    database.close()
    with path_of(database).open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path_of(database).stat().st_size - 4096))
    with pytest.raises(StorageError, match="is damaged"), database.read() as s:
        papers.list_papers(s, limit=500)


def test_a_place_that_cannot_hold_a_database_is_told(tmp_path: Path) -> None:
    """A folder in the file's place, and a file in the folder's."""
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").write_text("")
    for path, words in (("folder.db", "cannot be opened"), ("file/digest.db", "cannot be made")):
        database = Database(f"sqlite:///{tmp_path / path}")
        with pytest.raises(StorageError, match=words):
            database.upgrade()
        database.close()


def test_a_database_without_tables_says_what_to_do(tmp_path: Path) -> None:
    """Whoever forgets to upgrade is told how."""
    database = Database(f"sqlite:///{tmp_path / 'digest.db'}")
    with pytest.raises(StorageError, match="digest db upgrade"), database.read() as s:
        papers.count_papers(s)
    database.close()


def test_an_error_that_is_a_bug_is_not_dressed_up(database: Database) -> None:
    """Wrong SQL is ours to mend, not the reader's."""
    with pytest.raises(DBAPIError), database.read() as s:
        s.connection().exec_driver_sql("SELECT nothing FROM papers")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "has to be a file"),
        ("sqlite:///:memory:", "has to be a file"),
        ("sqlite://host/digest.db", "has to be a file"),
        ("sqlite:////tmp/digest.db?timeout=abc", "has to be a file"),
        ("mysql://ada:secret@db.example/papers", "SQLite or PostgreSQL"),
        ("not an address with a secret", "use one such as"),
        ("postgresql://ada:secret@db.example:port/papers", "use one such as"),
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(url: str, words: str) -> None:
    """Addresses may hold passwords, so they are not repeated."""
    with pytest.raises(StorageError, match=words) as told:
        Database(url)
    assert "secret" not in str(told.value)


def test_a_database_server_that_does_not_answer_is_told_without_the_password() -> None:
    """Port 1 of this machine answers nobody."""
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    database = Database("postgresql://ada:secret@127.0.0.1:1/papers")
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1/papers cannot be reached: .*refused") as told:
        database.upgrade()
    database.close()
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_storage_does_not_load_what_is_slow_to_load() -> None:
    """Neither numpy nor Alembic comes with the import: commands that only list start at once."""
    code = (
        "import sys\n"
        "from digest.storage import database, deliveries, issues, papers, runs, sources, subscribers\n"
        "print([name for name in ('numpy', 'scipy', 'alembic') if name in sys.modules])\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(digest.__file__).parents[1]), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_a_new_file_and_those_beside_it_are_their_owners_alone(tmp_path: Path) -> None:
    """Whatever the folder lets in; one that is there keeps its mode."""
    path = tmp_path / "new.db"
    database = Database(f"sqlite:///{path}")
    before = os.umask(0o022)
    try:
        database.upgrade()
        with database.write() as session:
            session.connection().exec_driver_sql("CREATE TABLE something (id INTEGER)")
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.glob("new.db*")}
    finally:
        os.umask(before)
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}
    path.chmod(0o640)
    database.upgrade()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    database.close()
