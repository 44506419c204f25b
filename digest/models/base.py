"""What all tables share: the metadata, times that keep their zone, and columns in one line."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, DateTime, ForeignKey, Integer, MetaData, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Stores aware datetimes as UTC and returns them aware; SQLite alone would drop the zone.

    Raises ``ValueError`` for a naive datetime.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC; on SQLite without the zone it would not keep."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database: aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(SQLModel):
    """Common base: one metadata with a naming convention, so that migrations can name constraints."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


metadata = Base.metadata


def make_id(name: str, target: str, *, ondelete: str = "CASCADE", null: bool = False) -> Any:
    """A reference to another table's id, indexed."""
    column = Column(name, Integer, ForeignKey(target, ondelete=ondelete), nullable=null, index=True)
    return Field(default=None, sa_column=column) if null else Field(sa_column=column)


def make_time(name: str, *, null: bool = False, index: bool = False) -> Any:
    """An aware time."""
    column: Column[datetime] = Column(name, UtcDateTime(), nullable=null, index=index)
    return Field(default=None, sa_column=column) if null else Field(sa_column=column)


def make_list(name: str) -> Any:
    """A list as JSON. Changed in place it is not saved: always assign a new list."""
    return Field(default_factory=list, sa_column=Column(name, JSON, nullable=False))


def make_text(name: str, *, null: bool = False) -> Any:
    """Text of any length; empty where nothing else is given."""
    column = Column(name, Text, nullable=null)
    return Field(default=None, sa_column=column) if null else Field(default="", sa_column=column)
