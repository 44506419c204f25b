"""Suppressions: addresses that are not written to, whoever has them. They outlive their reader."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from digest.models import Suppression
from digest.storage.deliveries import key_of, withdraw
from digest.storage.subscribers import get_subscriber

__all__ = [
    "REASONS",
    "add_suppression",
    "count_suppressions",
    "delete_suppression",
    "get_suppression",
    "list_suppressions",
]

# Weakest first: a later, weaker reason does not take the place of a stronger one.
REASONS = ("bounced", "operator", "unsubscribed", "complained")


def get_suppression(s: Session, email: str) -> Suppression | None:
    """Why that address is not written to, upper and lower case aside; ``None``: it may be."""
    return s.exec(select(Suppression).where(col(Suppression.email_key) == key_of(email))).first()


def list_suppressions(s: Session) -> list[Suppression]:
    """All of them, oldest first."""
    return list(s.exec(select(Suppression).order_by(col(Suppression.id))))


def count_suppressions(s: Session, *, detail: str, since: datetime) -> int:
    """How many came about in that way, and after that time."""
    query = select(func.count()).where(Suppression.detail == detail, col(Suppression.created_at) > since)
    return s.exec(query).one()


def add_suppression(s: Session, email: str, reason: str, *, detail: str = "", now: datetime) -> Suppression:
    """Write to an address no more; a stronger reason that stands already stays.

    Its reader's mails are taken back from who is sending them, as long as their end has not left.
    ``reason`` is one of ``REASONS`` (``ValueError`` for another).
    """
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is no reason to suppress an address")
    strength = REASONS.index(reason)
    row = get_suppression(s, email)
    if row is None:
        row = Suppression(email_key=key_of(email), reason=reason, detail=detail, created_at=now)
    elif strength > REASONS.index(row.reason):
        row.reason, row.detail, row.created_at = reason, detail, now
    s.add(row)
    s.flush()
    reader = get_subscriber(s, email)
    if reader is not None and reader.id is not None:
        withdraw(s, reader.id)
    return row


def delete_suppression(s: Session, email: str, *, reasons: Iterable[str] = REASONS) -> bool:
    """Let an address be written to again, if it is suppressed for one of these reasons; whether it was."""
    query = delete(Suppression).where(
        col(Suppression.email_key) == key_of(email), col(Suppression.reason).in_(list(reasons))
    )
    return bool(s.exec(query).rowcount)
