"""One database, SQLite or PostgreSQL: how transactions begin and end, and how errors leave.

SQLite: WAL with ``synchronous=FULL`` (with ``NORMAL`` a power cut loses acknowledged commits) and write
transactions that begin IMMEDIATE (begun deferred, two readers that turn writers lose updates or fail).
PostgreSQL: a writer holds one advisory lock for its transaction, so that a write means the same on both:
nobody else writes between what it reads and what it stores.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session

from digest.errors import StorageError
from digest.storage import backing_up, upgrading
from digest.storage.faults import explain

__all__ = ["Database"]

# The key of the advisory lock that writers hold on PostgreSQL; any number that nobody else uses.
WRITE_LOCK = 0x70617065
CONNECT_TIMEOUT_S = 10
# Connections at once: some are kept, more are opened for a crowd, as many as the web has threads.
POOL = {"pool_size": 5, "max_overflow": 40, "pool_timeout": 15}

# What each kind of transaction wants to be set, and how it begins. ``foreign_keys`` can only be changed
# outside of one, and has to be off in migrations: rebuilding a table on SQLite drops it, which would delete
# what refers to it.
SQLITE_BEGIN = {
    "read": (("PRAGMA query_only=ON", "PRAGMA foreign_keys=ON"), "BEGIN"),
    "write": (("PRAGMA query_only=OFF", "PRAGMA foreign_keys=ON"), "BEGIN IMMEDIATE"),
    "migrate": (("PRAGMA query_only=OFF", "PRAGMA foreign_keys=OFF"), "BEGIN IMMEDIATE"),
}


class Database:
    """Opens sessions on one database and keeps its schema current. Knows no tables.

    ``url`` is ``sqlite:////absolute/path`` or ``postgresql://user@host/name``. ``busy_timeout_s`` is how
    long a writer waits for another. Raises ``StorageError`` for an address that is none; connecting
    happens later.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0) -> None:
        self.url = _parse_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # Threads of one process take turns here: SQLite would have them sleep and try again, and on
        # PostgreSQL waiting for each other would count against the timeout for others.
        self._turn: AbstractContextManager[Any] = threading.RLock()
        self._engine = (_sqlite_engine if self.is_sqlite else _postgres_engine)(self.url, busy_timeout_s)
        reading: dict[str, Any] = {"mode": "read"}
        writing: dict[str, Any] = {"mode": "write"}
        if not self.is_sqlite:
            reading |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            # Each statement sees what was committed before it, so also what came before the lock was free.
            writing |= {"isolation_level": "READ COMMITTED"}
        self._reader = self._engine.execution_options(**reading)
        self._writer = self._engine.execution_options(**writing)

    @property
    def path(self) -> Path | None:
        """The file that SQLite keeps; ``None`` where a server keeps the database."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @property
    def place(self) -> str:
        """The database in words that may be shown: a path, or an address without its password."""
        if self.path is not None:
            return str(self.path)
        return self.url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and cannot change it.

        Raises ``StorageError`` where the database cannot be read.
        """
        with self._border(reading=True), Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is alone in writing; committed at the end, wholly undone by any exception.

        Waits for another writer up to the busy timeout. Raises ``StorageError`` where the database cannot
        be written. Keep it short, and do nothing slow inside.
        """
        with (
            self._turn,
            self._border(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection()  # begins now, not at the first statement
            yield session

    @contextmanager
    def try_lock(self, name: str) -> Iterator[bool]:
        """Hold the lock of that name among all who share a PostgreSQL database; ``False`` if others do.

        It ends with the connection that holds it, and so with the process. On SQLite it is always free:
        there a file in the data directory is the lock.
        """
        if self.is_sqlite:
            yield True
            return
        key = int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")
        with self._border(), self._engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            query = "SELECT pg_try_advisory_lock(%s, %s)"
            held = bool(connection.exec_driver_sql(query, (WRITE_LOCK, key - 2**31)).scalar())
            try:
                yield held
            finally:
                if held:
                    connection.exec_driver_sql("SELECT pg_advisory_unlock(%s, %s)", (WRITE_LOCK, key - 2**31))

    def upgrade(self) -> bool:
        """Bring the schema up to date; ``True`` if anything was applied.

        Safe when two processes do it at once: one waits and finds it done. Raises
        ``DatabaseTooNewError`` before touching anything where the database is from a newer version, and
        ``StorageError`` where it belongs to another program or cannot be written. Of a SQLite file that
        holds something a copy is kept beside it first (``digest.db.before-<revision>``); without room for
        that nothing is touched.
        """
        revision = self.prepare()
        if revision == upgrading.head_revision():
            return False  # without a lock: who only looks must not wait for who writes
        with self.migrate() as connection:
            revision = upgrading.check(connection, self.place)  # as nobody can change it any more
            if self.path is not None and revision not in (None, upgrading.head_revision()):
                backing_up.keep_copy_before(self.path, upgrading.head_revision())
            return upgrading.upgrade(connection, self.place)

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """A transaction that may change the schema, with references unchecked on SQLite until its end."""
        with (
            self._border(),
            self._engine.connect().execution_options(mode="migrate") as connection,
            connection.begin(),
        ):
            yield connection

    def prepare(self) -> str | None:
        """Make what a file of SQLite needs; return the revision that the database has."""
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(
                    f"the folder {self.path.parent} cannot be made: {error.strerror}"
                ) from error
            _make_private(self.path)
        with self._border():
            with self._reader.connect() as connection:
                revision = upgrading.check(connection, self.place)
            if self.is_sqlite:
                with self._engine.connect() as connection:
                    upgrading.ensure_wal(connection)
        return revision

    def vacuum(self) -> None:
        """Write a SQLite file anew, without what is free in it, and so that it can shrink by and by.

        Nobody else can write meanwhile, and the disk needs room for a second one. Raises ``StorageError``.
        """
        self._run_alone("PRAGMA auto_vacuum=INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self, pages: int) -> None:
        """Give so many free pages of a SQLite file back to the disk, if it can. Raises ``StorageError``."""
        self._run_alone(f"PRAGMA incremental_vacuum({pages:d})")

    def _run_alone(self, script: str) -> None:
        """Run statements of SQLite outside of any transaction."""
        with self._turn, self._border(), self._engine.connect() as connection:
            connection.info.pop("mode", None)  # whoever has it next says again what they want of it
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - asked for on SQLite only
            # As a script: only so does this driver go on where a statement stops after each page it moves.
            driver.executescript(f"PRAGMA query_only=OFF; {script};")

    def is_current(self) -> bool:
        """Whether the schema is the one this version works with. Creates nothing."""
        if self.is_sqlite and not Path(self.url.database or "").exists():
            return False
        with self._border(reading=True), self._reader.connect() as connection:
            return upgrading.current_revision(connection) == upgrading.head_revision()

    def close(self) -> None:
        """Close every pooled connection. The database opens again when it is next used."""
        self._engine.dispose()

    @contextmanager
    def _border(self, *, reading: bool = False) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            raise StorageError(f"{self.place} is asked by too many at once") from error
        except (DBAPIError, sqlite3.Error) as error:
            fault = explain(error, self.place, reading=reading)
            if fault is None:
                raise
            raise fault from error


def _parse_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text may hold a password, so it is not repeated.
        raise StorageError(
            "the database address is none; use one such as postgresql://user@host/name"
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise StorageError(f"the database has to be SQLite or PostgreSQL, not {url.drivername}")
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and (url.database in (None, "", ":memory:") or url.host or url.query):
        raise StorageError("the database has to be a file, such as sqlite:////home/me/digest.db")
    return url


def _make_private(path: Path) -> None:
    """Make an empty file for its owner alone; SQLite gives those beside it the same mode.

    One that is there is not even opened: to close it would end the locks that SQLite has on it. Where it
    cannot be made, SQLite says so next.
    """
    if not path.exists():
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _sqlite_engine(url: URL, busy_timeout_s: float) -> Engine:
    # isolation_level None: the driver begins nothing by itself, so that every BEGIN is ours.
    arguments = {"timeout": busy_timeout_s, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, hide_parameters=True, **POOL)

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _: Any) -> None:
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("mode", "")
        if mode not in SQLITE_BEGIN:
            return
        pragmas, begin = SQLITE_BEGIN[mode]
        # Set once and not for each transaction: a sender begins thousands of the same kind.
        if connection.info.get("mode") != mode:
            connection.info.pop("mode", None)
            for statement in pragmas:
                connection.exec_driver_sql(statement)
            connection.info["mode"] = mode
        connection.exec_driver_sql(begin)

    return engine


def _postgres_engine(url: URL, busy_timeout_s: float) -> Engine:
    given = url.query.get("options", ())
    options = [
        *([given] if isinstance(given, str) else given),
        f"-c lock_timeout={busy_timeout_s * 1000:.0f}",
    ]
    arguments = {"options": " ".join(options), "connect_timeout": CONNECT_TIMEOUT_S}
    try:
        engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True, **POOL)
    except ModuleNotFoundError as error:
        raise StorageError("PostgreSQL needs its driver: pip install 'paper-digest[postgres]'") from error

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("mode") in ("write", "migrate"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

    return engine
