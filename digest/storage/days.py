"""Which local dates of a subscription are accounted for: those with an issue, and those marked as skipped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from digest.models import Issue, Run
from digest.storage.bulk import in_batches, upsert
from digest.types import IssueStatus

__all__ = [
    "DayRecord",
    "RunRecord",
    "SkippedDay",
    "add_skipped",
    "delete_skipped",
    "last_dates",
    "list_days",
    "list_run_records",
    "skipped_ahead",
]

SKIPPED = IssueStatus.SKIPPED.value
# Rows of six values each, well below what one statement takes.
ROWS = 1000


@dataclass(frozen=True, slots=True)
class DayRecord:
    """What became of one local date."""

    local_date: date
    status: str
    zone: str
    composed_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class SkippedDay:
    """A date that had no issue, and why (an ``Explanation`` as stored)."""

    subscription_id: int
    local_date: date
    zone: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run that began: how it ended (``None``: it did not) and how many readers it let wait."""

    started_at: datetime
    ok: bool | None
    held: int


def last_dates(s: Session, subscription_ids: Iterable[int], *, until: date) -> dict[int, date]:
    """For each subscription its latest date not after ``until`` that is accounted for, if there is one."""
    found: dict[int, date] = {}
    for batch in in_batches(subscription_ids):
        query = (
            select(Issue.subscription_id, func.max(Issue.local_date))
            .where(col(Issue.subscription_id).in_(batch), col(Issue.local_date) <= until)
            .group_by(col(Issue.subscription_id))
        )
        found |= {subscription_id: day for subscription_id, day in s.exec(query) if day is not None}
    return found


def list_days(s: Session, subscription_ids: Iterable[int], *, since: date) -> dict[int, list[DayRecord]]:
    """For each subscription what became of its dates from ``since`` on, in order."""
    found: dict[int, list[DayRecord]] = {}
    for batch in in_batches(subscription_ids):
        found |= {subscription_id: [] for subscription_id in batch}
        query = select(
            Issue.subscription_id, Issue.local_date, Issue.status, Issue.zone, Issue.composed_at, Issue.reason
        ).where(  # type: ignore[call-overload]
            col(Issue.subscription_id).in_(batch), col(Issue.local_date) >= since
        )
        for subscription_id, *rest in s.exec(query.order_by(col(Issue.local_date))):
            found[subscription_id].append(DayRecord(*rest))
    return found


def add_skipped(s: Session, skipped: Iterable[SkippedDay], now: datetime) -> None:
    """Mark dates as skipped, in bulk; a date that is accounted for already stays as it is."""
    rows = [
        {
            "subscription_id": one.subscription_id,
            "local_date": one.local_date,
            "status": SKIPPED,
            "subject": "",
            "coverage": "",
            "reason": one.reason,
            "interests": [],
            "zone": one.zone,
            "composed_at": now,
            "expires_at": now,
        }
        for one in skipped
    ]
    for first in range(0, len(rows), ROWS):
        upsert(s, "issues", rows[first : first + ROWS], unique=["subscription_id", "local_date"])


def delete_skipped(s: Session, subscription_ids: Sequence[int], day: date) -> None:
    """Take back that this date was skipped, where it was, because its issue is made after all."""
    for batch in in_batches(subscription_ids):
        s.exec(
            delete(Issue).where(
                col(Issue.subscription_id).in_(batch),
                col(Issue.local_date) == day,
                col(Issue.status) == SKIPPED,
            )
        )


def skipped_ahead(s: Session, now: datetime) -> set[tuple[int, date]]:
    """The (subscription, date) that were marked as skipped at a time still to come.

    A clock that was ahead for a while, and is right again, marked them.
    """
    query = select(Issue.subscription_id, col(Issue.local_date)).where(
        col(Issue.composed_at) > now, col(Issue.status) == SKIPPED
    )
    return {(subscription_id, day) for subscription_id, day in s.exec(query)}


def list_run_records(s: Session, use_case: str, *, first: datetime, last: datetime) -> list[RunRecord]:
    """The runs that began in the span (both ends in), in that order."""
    query = (
        select(Run.started_at, Run.ok, Run.outcome)
        .where(Run.use_case == use_case, col(Run.started_at) >= first, col(Run.started_at) <= last)
        .order_by(col(Run.started_at), col(Run.id))
    )
    return [
        RunRecord(started_at, ok, int(outcome.get("held", 0))) for started_at, ok, outcome in s.exec(query)
    ]
