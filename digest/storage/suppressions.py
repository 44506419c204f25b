"""Suppressions: addresses that are not written to, whoever has them. They outlive their reader."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest.models import Suppression
from digest.storage.bulk import in_batches

__all__ = [
    "REASONS",
    "add_suppression",
    "delete_suppression",
    "get_suppression",
    "is_suppressed",
    "list_suppressed",
    "list_suppressions",
]

# Weakest first: a later, weaker reason does not take the place of a stronger one.
REASONS = ("bounced", "operator", "unsubscribed", "complained")


def _key(email: str) -> str:
    return email.strip().casefold()


def get_suppression(s: Session, email: str) -> Suppression | None:
    """Why that address is not written to, upper and lower case aside; ``None``: it may be."""
    return s.exec(select(Suppression).where(col(Suppression.email_key) == _key(email))).first()


def is_suppressed(s: Session, email: str) -> bool:
    """Whether that address must not be written to."""
    return get_suppression(s, email) is not None


def list_suppressed(s: Session, emails: Iterable[str]) -> set[str]:
    """Those of the addresses, as they are spelt there, that must not be written to."""
    spelt = {email: _key(email) for email in emails}
    found: set[str] = set()
    for batch in in_batches(spelt.values()):
        found |= set(s.exec(select(Suppression.email_key).where(col(Suppression.email_key).in_(batch))))
    return {email for email, key in spelt.items() if key in found}


def list_suppressions(s: Session) -> list[Suppression]:
    """All of them, oldest first."""
    return list(s.exec(select(Suppression).order_by(col(Suppression.id))))


def add_suppression(s: Session, email: str, reason: str, *, detail: str = "", now: datetime) -> Suppression:
    """Write to an address no more; a stronger reason that stands already stays.

    ``reason`` is one of ``REASONS`` (``ValueError`` for another).
    """
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is no reason to suppress an address")
    strength = REASONS.index(reason)
    row = get_suppression(s, email)
    if row is None:
        row = Suppression(email_key=_key(email), reason=reason, detail=detail, created_at=now)
    elif strength > REASONS.index(row.reason):
        row.reason, row.detail, row.created_at = reason, detail, now
    s.add(row)
    s.flush()
    return row


def delete_suppression(s: Session, email: str, *, reasons: Iterable[str] = REASONS) -> bool:
    """Let an address be written to again, if it is suppressed for one of these reasons; whether it was."""
    query = delete(Suppression).where(
        col(Suppression.email_key) == _key(email), col(Suppression.reason).in_(list(reasons))
    )
    return bool(s.exec(query).rowcount)
