"""Which schema a database has, and the way from there to ours.

The migrations are in ``migrations/versions``, one file a revision, named ``<revision>_<words>.py`` with
revisions that count up: so what is known can be told without loading Alembic, which takes a while.
"""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.exc import OperationalError

from digest.errors import DatabaseTooNewError, StorageError
from digest.models import metadata

__all__ = [
    "check",
    "current_revision",
    "ensure_wal",
    "head_revision",
    "known_revisions",
    "raise_sequences",
    "read_sequences",
    "upgrade",
]

MIGRATIONS = Path(__file__).parent / "migrations"
WAL_TIMEOUT_S = 30.0

# Alembic keeps its context in a module, so one process upgrades one database at a time.
_alembic = threading.Lock()


def known_revisions() -> list[str]:
    """The revisions this version knows, oldest first."""
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def head_revision() -> str:
    """The revision this version works with."""
    return known_revisions()[-1]


def current_revision(connection: Connection) -> str | None:
    """The revision the database has, or ``None`` where it was never upgraded."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(column("version_num")).select_from(table("alembic_version")))


def check(connection: Connection, place: str) -> str | None:
    """The database's revision, if it is one we may work on; only reads.

    Raises ``DatabaseTooNewError`` for a revision not known here, ``StorageError`` where the tables are not
    ours or could not hold every letter.
    """
    revision = current_revision(connection)
    if revision is not None and revision not in known_revisions():
        raise DatabaseTooNewError(
            f"{place} was written by a newer version of this program (its schema is {revision}, "
            f"the newest known here is {head_revision()}); nothing was touched"
        )
    sqlite = connection.dialect.name == "sqlite"
    if revision is None:
        present = inspect(connection).get_table_names()
        # A file is ours alone; a PostgreSQL schema may be shared.
        foreign = present if sqlite else sorted(set(present) & set(metadata.tables))
        if foreign:
            raise StorageError(
                f"{place} belongs to another program: it has a table {foreign[0]}; nothing was touched"
            )
    if not sqlite and (encoding := connection.exec_driver_sql("SHOW server_encoding").scalar()) != "UTF8":
        raise StorageError(f"{place} has the encoding {encoding}; create it with: ENCODING 'UTF8'")
    return revision


def ensure_wal(connection: Connection) -> None:
    """Put a SQLite file into WAL mode, which it then stays in.

    One that holds nothing yet is also made so that it can shrink by and by (``incremental_vacuum``), which
    has to be said before anything is in it. SQLite does not always wait for the lock this needs, so another
    process's turn is waited for here.
    """
    deadline = time.monotonic() + WAL_TIMEOUT_S
    while True:
        try:
            if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                # Whoever has it next says again what they want of it.
                connection.info.pop("mode", None)
                connection.exec_driver_sql("PRAGMA query_only=OFF")
                connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def read_sequences(connection: Connection) -> dict[str, int]:
    """On SQLite the highest number each table ever gave out that never gives one twice; elsewhere none."""
    if connection.dialect.name != "sqlite" or not _tables(connection, "sqlite_sequence"):
        return {}
    found = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
    return {str(name): int(number) for name, number in found}


def raise_sequences(connection: Connection, last: Mapping[str, int]) -> None:
    """On SQLite let those tables that never give a number twice go on after these, where they are behind."""
    for name, number in last.items():
        behind = read_sequences(connection).get(name, 0) < number
        if behind and "AUTOINCREMENT" in _tables(connection, name).get(name, ""):
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            connection.exec_driver_sql(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number)
            )


def _tables(connection: Connection, name: str) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    return {str(row[0]): str(row[1]) for row in connection.exec_driver_sql(query, (name,))}


def upgrade(connection: Connection, place: str, to: str | None = None) -> bool:
    """Apply what is missing inside the caller's transaction; ``True`` if anything was.

    ``to`` is a revision, known here and not older than the database's, where it is not to be the newest. The
    caller's transaction excludes other writers, so what is checked here still holds at the commit.
    """
    if check(connection, place) == (to or head_revision()):
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    # ConfigParser reads % as the start of a reference.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    sequences = read_sequences(connection)
    with _alembic:
        command.upgrade(config, to or "head")
    # A table that was rebuilt counts from its highest number, and would give numbers once more.
    raise_sequences(connection, sequences)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken:
            raise StorageError(f"{place} cannot be upgraded: a row of {broken[0]} refers to nothing")
    return True
