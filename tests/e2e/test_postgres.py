"""The migrations and the storage tests once more, on a PostgreSQL server of our own.

Every storage test that asks for ``database`` or ``fresh_url`` runs here with PostgreSQL in their place. The
server runs as a user that is not root, from a temporary folder, on a Unix socket only. Where PostgreSQL is
not installed, these tests skip.
"""

import inspect
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from digest.errors import StorageError
from digest.models import metadata
from digest.storage import papers
from digest.storage.database import Database
from digest.storage.upgrading import head_revision
from tests import (
    test_browsing,
    test_browsing_searching,
    test_evaluation_own,
    test_merging,
    test_outbox,
    test_overview,
    test_programs,
    test_prune,
    test_splitting,
    test_storage_database,
    test_storage_deliveries,
    test_storage_groups,
    test_storage_histories,
    test_storage_issues,
    test_storage_papers,
    test_storage_search,
    test_storage_sources,
    test_storage_subscribers,
    test_storage_verdicts,
)
from tests.cli_runner import ok
from tests.daily_server import DailyServer, item, serving
from tests.storage_rows import add_papers, make_entry
from tests.test_main_job import configure
from tests.test_outbox import deliverer, names  # noqa: F401 - fixtures of the tests that run here too
from tests.test_prune import old_issue  # noqa: F401 - the same

pytest_plugins = ("tests.storage_fixtures",)
pytestmark = pytest.mark.e2e

SUITES = (
    test_browsing,
    test_browsing_searching,
    test_evaluation_own,
    test_merging,
    test_outbox,
    test_overview,
    test_programs,
    test_prune,
    test_splitting,
    test_storage_database,
    test_storage_deliveries,
    test_storage_groups,
    test_storage_histories,
    test_storage_issues,
    test_storage_papers,
    test_storage_search,
    test_storage_sources,
    test_storage_subscribers,
    test_storage_verdicts,
)
START_TIMEOUT_S = 60
OWNER = "postgres"
# Nothing here has to survive a crash, so the server need not wait for the disk.
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "40",
    "shared_buffers": "32MB",
}

# The same functions under the names of this module, so that its fixtures are the ones they get.
for suite in SUITES:
    for name, function in vars(suite).items():
        if name.startswith("test_") and {"database", "fresh_url"} & set(
            inspect.signature(function).parameters
        ):
            globals()[f"{name}__{suite.__name__.rpartition('_')[2]}"] = function


class Server:
    """One running PostgreSQL server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count()

    def sql(self, statement: str, database: str = "postgres") -> list[tuple]:
        """Run one statement as the server's owner; the rows it gives."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def create(self) -> str:
        """The address of a new database."""
        name = f"fresh_{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def url(self, name: str) -> str:
        """The address of a database of this server."""
        return f"postgresql://{OWNER}@/{name}?host={quote(str(self.folder))}"


def find_program(name: str) -> str:
    """The newest installed server program of that name; skips where there is none."""
    # Debian keeps them off the path, one folder a version.
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        pytest.skip(f"PostgreSQL is not installed ({name} was not found)")
    return found


def as_owner() -> list[str]:
    """What to put before a command so that it does not run as root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None or OWNER not in {one.pw_name for one in pwd.getpwall()}:
        pytest.skip(f"PostgreSQL cannot run as root, and there is no user {OWNER!r} to run it as")
    return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--init-groups"]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A private server, stopped and deleted at the end."""
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    initdb, control = (find_program(name) for name in ("initdb", "pg_ctl"))
    owner = as_owner()
    # A socket's path has to be short, which pytest's folders are not.
    folder = Path(tempfile.mkdtemp(prefix="digest-pg-"))
    data = folder / "data"

    def run(*command: str) -> None:
        # Into a file: the server keeps what it inherits open, and a pipe would never end.
        with (folder / "log").open("a") as log:
            done = subprocess.run(
                [*owner, *command], cwd=folder, stdout=log, stderr=log, timeout=START_TIMEOUT_S, check=False
            )
        assert done.returncode == 0, (folder / "log").read_text()

    try:
        if owner:
            shutil.chown(folder, OWNER)
        run(
            initdb, "-D", str(data), "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        options += f" -c unix_socket_directories={folder}"
        run(control, "-D", str(data), "-w", "-t", str(START_TIMEOUT_S), "-o", options, "start")
        try:
            yield Server(folder)
        finally:
            run(control, "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(server: Server) -> str:
    """The name of a database with the newest schema, for others to be made like."""
    server.sql("CREATE DATABASE migrated TEMPLATE template0")
    database = Database(server.url("migrated"))
    assert database.upgrade()
    database.close()
    return "migrated"


@pytest.fixture
def database(server: Server, migrated: str) -> Iterator[Database]:
    """A migrated, empty database on the server."""
    database = Database(server.url(migrated), busy_timeout_s=10)
    yield database
    database.close()
    # Emptied, not made anew: copying a database takes a quarter of a second.
    server.sql(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY", migrated)
    server.sql(f"UPDATE alembic_version SET version_num = '{head_revision()}'", migrated)


@pytest.fixture
def fresh_url(server: Server) -> str:
    """The address of a database that has no tables yet."""
    return server.create()


def test_the_server_is_the_one_debian_has(server: Server) -> None:
    """Version 15 is the oldest that is supported."""
    assert int(server.sql("SHOW server_version_num")[0][0]) >= 150000


def test_a_database_that_cannot_hold_every_letter_is_refused(server: Server) -> None:
    """Titles come in all alphabets."""
    server.sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    database = Database(server.url("latin"))
    with pytest.raises(StorageError, match="encoding LATIN1"):
        database.upgrade()
    database.close()


def test_tables_of_another_program_stay_untouched(server: Server, fresh_url: str) -> None:
    """A schema may be shared, but not where two programs mean different tables by one name."""
    database = Database(fresh_url)
    name = database.url.database
    server.sql("CREATE TABLE bookmarks (id integer)", name)
    assert database.upgrade()
    database.close()
    server.sql("DROP TABLE alembic_version", name)
    with pytest.raises(StorageError, match="belongs to another program"):
        database.upgrade()
    database.close()


@pytest.mark.parametrize(
    ("user", "name", "words"),
    [("postgres", "nowhere", "nowhere"), ("nobody_here", "postgres", "nobody_here")],
)
def test_a_log_in_that_fails_is_told(server: Server, user: str, name: str, words: str) -> None:
    """An unknown database and an unknown user, in one sentence."""
    database = Database(server.url(name).replace("//postgres@", f"//{user}@"))
    with pytest.raises(StorageError, match=words) as told:
        database.upgrade()
    assert "\n" not in str(told.value)
    database.close()


def test_a_connection_that_breaks_is_told_and_made_again(database: Database, server: Server) -> None:
    """The server may be restarted below a running program."""
    name = database.url.database

    def broken_off() -> None:
        with database.read() as s:
            papers.count_papers(s)
            server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            papers.count_papers(s)

    with pytest.raises(StorageError, match=r"stopped the work|was lost|cannot be reached"):
        broken_off()
    with database.read() as s:
        assert papers.count_papers(s) == 0


def test_writers_wait_their_turn(database: Database) -> None:
    """What one stores is seen by the next from its first look, so a paper read by both is stored once."""
    counted = []

    def store() -> None:
        with database.write() as s:
            counted.append(papers.count_papers(s))
            add_papers(s, [make_entry(len(counted))])

    threads = [threading.Thread(target=store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == [0, 1, 2, 3]


def test_one_lock_for_all_who_share_the_database(database: Database, server: Server) -> None:
    """Two machines with data directories of their own: the second is told; it is free again at the end."""
    other = Database(database.url.render_as_string(hide_password=False))
    with database.try_lock("deliver") as mine, other.try_lock("deliver") as theirs:
        assert (mine, theirs) == (True, False)
        with other.try_lock("compose") as another:
            assert another
    with other.try_lock("deliver") as theirs:
        assert theirs
    other.close()


def test_the_main_job_runs_on_it(fresh_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The use cases through the command line; a second run sends nothing."""
    monkeypatch.setenv("DIGEST_DATABASE_URL", fresh_url)
    items = [item(number, title=f"On retrieval, part {number}", votes=number) for number in range(1, 15)]
    with serving(DailyServer({"2026-01-12": items})) as site:
        configure(site.url)
        ok("subscriber", "add", "reader@example.org", "--active")
        ok("interest", "add", "reader@example.org", "--name", "retrieval", "--keyword", "retrieval")
        first, second = (ok("run", "--date", "2026-01-12", "--json").json for _ in range(2))
    assert (first["refresh"]["sources"][0]["new"], first["deliver"]["sent"]) == (14, 1)
    assert (second["refresh"]["sources"][0]["verdict"], second["deliver"]["sent"]) == ("unchanged", 0)
    assert len(ok("papers", "search", "retrieval", "--json").json) == 14
    assert "10 papers" in ok("why", "reader@example.org", "--date", "2026-01-12").out
    assert not (tmp_path / "data" / "digest.db").exists()
