"""What robots.txt files said, kept for the next run."""

from datetime import datetime

from sqlmodel import Session, col, delete

from digest.models import Robots

__all__ = ["delete_robots", "get_robots", "set_robots"]


def get_robots(s: Session, origin: str) -> Robots | None:
    """What is kept of that origin, however old."""
    return s.get(Robots, origin)


def set_robots(s: Session, *, origin: str, status: int, body: str, fetched_at: datetime) -> None:
    """Keep what an origin's file said, in the place of what it said before.

    PostgreSQL takes no NUL and no lone surrogates in ``body``.
    """
    row = s.get(Robots, origin)
    if row is None:
        row = Robots(origin=origin, status=status, body=body, fetched_at=fetched_at)
    row.status, row.body, row.fetched_at = status, body, fetched_at
    s.add(row)
    s.flush()


def delete_robots(s: Session, before: datetime) -> None:
    """Forget what was fetched before that time."""
    s.exec(delete(Robots).where(col(Robots.fetched_at) < before))
