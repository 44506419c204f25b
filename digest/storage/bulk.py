"""Many values at once: lists cut to what one statement takes, and inserts that may meet existing rows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Table, func
from sqlalchemy.dialects import sqlite
from sqlmodel import Session

from digest.models import metadata

__all__ = ["BATCH", "in_batches", "table", "upsert"]

Value = TypeVar("Value")

# Well below the number of variables any SQLite build takes in one statement (999).
BATCH = 500


def in_batches(values: Iterable[Value], size: int = BATCH) -> Iterator[list[Value]]:
    """The distinct values in order of first appearance, at most ``size`` at a time."""
    rest = iter(dict.fromkeys(values))
    while batch := list(islice(rest, size)):
        yield batch


def table(name: str) -> Table:
    """The table of that name, for statements that need no model."""
    return metadata.tables[name]


def upsert(
    session: Session,
    name: str,
    rows: Sequence[dict[str, Any]],
    *,
    unique: Sequence[str],
    replace: Sequence[str] = (),
    keep_if_null: Sequence[str] = (),
    dated_by: str | None = None,
) -> None:
    """Insert rows; where a row with the same ``unique`` columns exists, update it.

    ``replace`` columns take the new value, ``keep_if_null`` columns too unless it is null. With neither
    the existing row stays as it is, and so does one that is newer by the column ``dated_by``.
    """
    if not rows:
        return
    target = table(name)
    if session.get_bind().dialect.name == "sqlite":
        insert: Any = sqlite.insert(target)
    else:
        from sqlalchemy.dialects import postgresql  # some megabytes that SQLite has no use for

        insert = postgresql.insert(target)
    new = insert.excluded
    changes = {column: new[column] for column in replace}
    for column in keep_if_null:
        changes[column] = func.coalesce(new[column], target.c[column])
    if changes:
        newer = new[dated_by] >= target.c[dated_by] if dated_by else None
        insert = insert.on_conflict_do_update(index_elements=list(unique), set_=changes, where=newer)
    else:
        insert = insert.on_conflict_do_nothing(index_elements=list(unique))
    session.exec(insert, params=list(rows))
