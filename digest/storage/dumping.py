"""All rows of a database as plain values, and back, into either kind of database.

A row is a mapping of columns to what JSON knows: times in ISO 8601 with their zone, days in ISO 8601, bytes
in base64. Search indexes are no rows: each kind of database makes its own.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlmodel import Session

from digest.errors import DigestError, StorageError, UsageError
from digest.models import metadata
from digest.storage import upgrading
from digest.storage.bulk import BATCH, table
from digest.storage.database import Database

__all__ = [
    "Row",
    "check_empty",
    "is_empty",
    "iter_rows",
    "last_ids",
    "load_tables",
    "revision_of",
    "table_names",
]

Row = dict[str, Any]
# Rows held at once.
STREAMED = 500
# Of a number, beside its sign.
MOST_BITS = 63


def table_names() -> list[str]:
    """Every table, those first that others refer to."""
    return [one.name for one in metadata.sorted_tables]


def revision_of(s: Session) -> str | None:
    """The revision of the database's schema."""
    return upgrading.current_revision(s.connection())


def iter_rows(s: Session, name: str) -> Iterator[Row]:
    """Every row of a table in the order of its key, JSON-ready; streamed, never all in memory."""
    rows = table(name)
    query = select(rows).order_by(*rows.primary_key.columns)
    with s.connection().execute(query, execution_options={"yield_per": STREAMED}) as found:
        for row in found.mappings():
            yield {column: _plain(value) for column, value in row.items()}


def last_ids(s: Session) -> dict[str, int]:
    """The highest number each table ever gave out, where it never gives one out again."""
    connection = s.connection()
    if connection.dialect.name == "sqlite":
        known = upgrading.read_sequences(connection)
    else:
        known = {}
        for name in _numbered():
            sequence = connection.execute(_SEQUENCE, {"name": name}).scalar_one()
            query = f"SELECT last_value, is_called FROM {sequence}"  # noqa: S608 - as the server names it
            last, is_called = connection.exec_driver_sql(query).one()
            known |= {name: int(last)} if is_called else {}
    return {name: known[name] for name in sorted(known) if name in metadata.tables}


def check_empty(database: Database) -> None:
    """Raise ``UsageError`` where the database holds a row of ours. Creates nothing."""
    if database.path is None or database.path.exists():
        with database.read() as session:
            _check_rows(session.connection(), database.place)


def is_empty(database: Database) -> bool:
    """Whether it is known to hold no row of ours."""
    try:
        check_empty(database)
    except DigestError:
        return False
    return True


def load_tables(
    database: Database,
    revision: str,
    names: Iterable[str],
    read: Callable[[str], Iterator[Row]],
    last: Mapping[str, int],
) -> None:
    """Fill an empty database with rows of a schema of that revision, and bring it up to date: all or none.

    ``read`` gives the rows of a table; ``last`` is what :func:`last_ids` told. Raises ``UsageError`` where
    the database holds something, ``StorageError`` for rows that do not fit and for a revision not known here.
    """
    if revision not in upgrading.known_revisions():
        raise StorageError(
            f"the dump was made by a newer version of this program (its schema is {revision}, the newest "
            f"known here is {upgrading.head_revision()})"
        )
    database.prepare()
    with database.migrate() as connection:
        _check_empty(connection, database.place, revision)
        upgrading.upgrade(connection, database.place, revision)
        schema = MetaData()
        schema.reflect(connection, only=_check_names(connection, names))
        for one in schema.sorted_tables:
            _insert(connection, one, read(one.name))
        upgrading.upgrade(connection, database.place)
        _set_last_ids(connection, last)
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken:
                raise StorageError(f"the dump is not whole: a row of {broken[0]} refers to nothing")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _check_empty(connection: Connection, place: str, revision: str) -> None:
    there = upgrading.check(connection, place)
    if there is None:
        return
    _check_rows(connection, place)
    if there != revision:
        raise UsageError(
            f"{place} has the schema {there}, and the dump is of {revision}: load it into a new database, "
            "which is then brought up to date"
        )


def _check_rows(connection: Connection, place: str) -> None:
    for name in sorted(_tables(connection)):
        if connection.execute(select(func.count()).select_from(table(name))).scalar():
            raise UsageError(f"{place} is not empty: it has {name}; load into a new database")


def _tables(connection: Connection) -> set[str]:
    """The tables of ours that there are; a server's schema may have others, and SQLite has its own."""
    return set(inspect(connection).get_table_names()) & set(metadata.tables)


def _check_names(connection: Connection, names: Iterable[str]) -> list[str]:
    """The tables of the schema, which the dump has to have: all of them and no other."""
    there = _tables(connection)
    if unknown := sorted(set(names) - there):
        raise StorageError(f"the dump has a table that is none of ours: {unknown[0]}")
    if missing := sorted(there - set(names)):
        raise StorageError(f"the dump is not whole: it has no {missing[0]}")
    return sorted(there)


def _insert(connection: Connection, into: Table, rows: Iterator[Row]) -> None:
    readers = {
        column.name: _reader(column.type, connection) for column in into.columns if not column.computed
    }
    computed = {column.name for column in into.columns if column.computed}
    for column in into.columns:
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)  # where there was nothing, there is nothing
    try:
        while batch := list(islice(rows, BATCH)):
            values = [
                _read_row({name: row[name] for name in row.keys() - computed}, readers) for row in batch
            ]
            connection.execute(insert(into), values)
    except (ArithmeticError, ValueError, TypeError, AttributeError, StatementError) as error:
        if isinstance(error, DBAPIError) and not isinstance(error, (DataError, IntegrityError)):
            raise  # the database's trouble, not the dump's
        raise StorageError(
            f"the rows of {into.name} in the dump are damaged or do not fit its schema"
        ) from error


def _read_row(row: Row, readers: Mapping[str, Callable[[Any], Any]]) -> Row:
    if row.keys() != readers.keys():
        raise ValueError("it has other columns")
    return {name: read(row[name]) for name, read in readers.items()}


def _reader(kind: object, connection: Connection) -> Callable[[Any], Any]:
    """What makes of a value in the dump one for that kind of column; SQLite would take any for most."""
    naive = connection.dialect.name == "sqlite"

    def read_time(value: str) -> datetime:
        at = datetime.fromisoformat(value).astimezone(UTC)
        return at.replace(tzinfo=None) if naive else at

    def read_number(value: object) -> object:
        if type(value) is not int or value.bit_length() > MOST_BITS:
            raise ValueError("no number that a database can hold")
        return value

    ways: tuple[tuple[type, Callable[[Any], Any]], ...] = (
        (DateTime, read_time),
        (Date, date.fromisoformat),
        (LargeBinary, base64.b64decode),
        (Boolean, lambda value: _of_type(value, bool)),
        (Integer, read_number),
        (Float, lambda value: _of_type(value, float, int)),
        (String, lambda value: _of_type(value, str)),
    )
    read = next((way for of, way in ways if isinstance(kind, of)), lambda value: value)
    return lambda value: None if value is None else read(value)


def _of_type(value: object, *types: type) -> object:
    if type(value) not in types:
        raise TypeError("another kind of value")
    return value


_SEQUENCE = text("SELECT pg_get_serial_sequence(:name, 'id')")


def _numbered() -> list[str]:
    return [one.name for one in metadata.sorted_tables if "id" in one.primary_key.columns]


def _set_last_ids(connection: Connection, last: Mapping[str, int]) -> None:
    """Go on counting where the other database would have gone on."""
    if connection.dialect.name == "sqlite":
        upgrading.raise_sequences(connection, last)
        return
    for name in _numbered():
        highest = connection.execute(select(func.max(table(name).c.id))).scalar() or 0
        if number := max(last.get(name, 0), highest):
            sequence = connection.execute(_SEQUENCE, {"name": name}).scalar_one()
            set_value = text("SELECT setval(:sequence, :number)")
            connection.execute(set_value, {"sequence": sequence, "number": number})
