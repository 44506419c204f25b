"""A reader's own issues: which there are, what became of their mail, and which come before and after."""

from collections import Counter
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.models import Delivery, Issue, StoredRecommendation, Subscription
from digest.types import IssueStatus

__all__ = ["OwnIssue", "get_own", "list_months", "list_neighbours", "list_own"]

VISIBLE = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value, IssueStatus.EXPIRED.value)


class OwnIssue(NamedTuple):
    """One issue of a reader, and its mail where it has one (``delivery`` is the mail's status)."""

    issue_id: int
    local_date: date
    status: str
    subject: str
    reason: str | None
    zone: str
    composed_at: datetime
    papers: int
    delivery: str | None
    delivery_reason: str | None
    sent_at: datetime | None


def list_months(s: Session, subscriber_id: int) -> list[tuple[date, int]]:
    """The first day of each month that has rows, newest first, with how many."""
    query = _of(select(col(Issue.local_date)), subscriber_id).order_by(col(Issue.local_date).desc())
    return list(Counter(day.replace(day=1) for day in s.exec(query)).items())


def list_own(s: Session, subscriber_id: int, *, first: date, last: date) -> list[OwnIssue]:
    """The reader's issues of these dates (both ends in), newest first, days that were skipped among them."""
    query = _facts(subscriber_id).where(col(Issue.local_date) >= first, col(Issue.local_date) <= last)
    return [OwnIssue(*row) for row in s.exec(query.order_by(col(Issue.local_date).desc()))]


def get_own(s: Session, subscriber_id: int, issue_id: int) -> OwnIssue | None:
    """The issue of that number, if it is this reader's."""
    row = s.exec(_facts(subscriber_id).where(col(Issue.id) == issue_id)).first()
    return OwnIssue(*row) if row is not None else None


def list_neighbours(s: Session, subscriber_id: int, day: date) -> tuple[int | None, int | None]:
    """The reader's issues directly before and after a date that have something to show."""
    query = _of(select(Issue.id), subscriber_id).where(col(Issue.status).in_(VISIBLE))
    before = query.where(col(Issue.local_date) < day).order_by(col(Issue.local_date).desc())
    after = query.where(col(Issue.local_date) > day).order_by(col(Issue.local_date))
    return s.exec(before.limit(1)).first(), s.exec(after.limit(1)).first()


def _of(query: Any, subscriber_id: int) -> Any:
    """The query narrowed to the issues of one reader."""
    return query.join(Subscription, col(Subscription.id) == col(Issue.subscription_id)).where(
        col(Subscription.subscriber_id) == subscriber_id
    )


def _facts(subscriber_id: int) -> Any:
    papers = (
        select(func.count())
        .where(col(StoredRecommendation.issue_id) == col(Issue.id))
        .correlate(Issue)
        .scalar_subquery()
    )
    columns = (
        *(Issue.id, Issue.local_date, Issue.status, Issue.subject, Issue.reason, Issue.zone),
        *(Issue.composed_at, papers, Delivery.status, Delivery.reason, Delivery.sent_at),
    )
    joined = _of(select(*columns), subscriber_id)  # type: ignore[call-overload]
    return joined.outerjoin(Delivery, col(Delivery.issue_id) == col(Issue.id))
