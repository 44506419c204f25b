"""Whether a database is whole, and which schema it has. Queries only; nothing is made or upgraded."""

from sqlmodel import Session, col, select

from digest.models import Subscription
from digest.storage import upgrading

__all__ = ["find_damage", "has_schema", "is_behind", "list_zones"]


def is_behind(s: Session, place: str) -> bool:
    """Whether the schema is older than the one this version works with.

    Raises ``DatabaseTooNewError`` for a newer one and ``StorageError`` for tables of another program.
    """
    return upgrading.check(s.connection(), place) != upgrading.head_revision()


def has_schema(s: Session, place: str) -> bool:
    """Whether there is a database of ours at all; ``False`` for an empty file or server. Raises likewise."""
    return upgrading.check(s.connection(), place) is not None


def find_damage(s: Session) -> str | None:
    """What is damaged in the file or refers to nothing; ``None``: it is whole.

    PostgreSQL looks after its own files, so there only an answer counts.
    """
    connection = s.connection()
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SELECT 1")
        return None
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        return " ".join(str(found).split())
    row = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    return f"a row of {row[0]} refers to nothing" if row is not None else None


def list_zones(s: Session) -> list[str]:
    """The time zones that readers are served in."""
    return list(s.exec(select(Subscription.zone).distinct().order_by(col(Subscription.zone))))
