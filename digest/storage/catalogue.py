"""What programs list: papers by when they were first seen, a reader's issues and what they said, in pages.

Each page begins after the last row of the one before, so that nothing is shown twice or lost where rows are
added meanwhile.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from digest.models import Feedback, Interest, Issue, Paper, Subscription
from digest.storage.bulk import in_batches
from digest.types import IssueStatus

__all__ = [
    "PaperFacts",
    "Said",
    "get_facts",
    "list_feedback",
    "list_issues",
    "list_seen",
]

VISIBLE = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value)


class PaperFacts(NamedTuple):
    """What a paper's view does not show."""

    categories: tuple[str, ...]
    venue: str | None
    citations: int | None
    version: int | None
    withdrawn_at: datetime | None


class Said(NamedTuple):
    """What a reader said of a paper; ``number`` orders it."""

    number: int
    paper_id: int
    title: str
    kind: str
    interest: str | None
    note: str
    at: datetime


def list_seen(
    s: Session,
    *conditions: ColumnElement[bool],
    first: date | None = None,
    last: date | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int,
) -> list[tuple[datetime, int]]:
    """``(first seen, id)`` of the papers that meet the conditions, newest first, from behind ``before`` on.

    Only those first seen on the UTC days from ``first`` to ``last``.
    """
    query = select(Paper.first_seen_at, Paper.id).where(*conditions)
    if first is not None:
        query = query.where(col(Paper.first_seen_at) >= datetime.combine(first, time.min, UTC))
    if last is not None:
        query = query.where(col(Paper.first_seen_at) <= datetime.combine(last, time.max, UTC))
    if before is not None:
        at, paper_id = before
        same = and_(col(Paper.first_seen_at) == at, col(Paper.id) < paper_id)
        query = query.where(or_(col(Paper.first_seen_at) < at, same))
    query = query.order_by(col(Paper.first_seen_at).desc(), col(Paper.id).desc()).limit(limit)
    return [(at, number) for at, number in s.exec(query) if number is not None]


def get_facts(s: Session, paper_ids: Sequence[int]) -> dict[int, PaperFacts]:
    """The facts of these papers, by id."""
    found: dict[int, PaperFacts] = {}
    for batch in in_batches(paper_ids):
        for paper in s.exec(select(Paper).where(col(Paper.id).in_(batch))):
            found[paper.id or 0] = PaperFacts(
                tuple(paper.categories), paper.venue, paper.citations, paper.version, paper.withdrawn_at
            )
    return found


def list_issues(
    s: Session, subscriber_id: int, *, before: tuple[date, int] | None = None, limit: int
) -> list[tuple[date, int]]:
    """``(local date, id)`` of a reader's issues that have something to show, newest first."""
    query = (
        select(col(Issue.local_date), Issue.id)
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .where(Subscription.subscriber_id == subscriber_id, col(Issue.status).in_(VISIBLE))
    )
    if before is not None:
        day, number = before
        same = and_(col(Issue.local_date) == day, col(Issue.id) < number)
        query = query.where(or_(col(Issue.local_date) < day, same))
    query = query.order_by(col(Issue.local_date).desc(), col(Issue.id).desc()).limit(limit)
    return [(day, number) for day, number in s.exec(query) if number is not None]


def list_feedback(
    s: Session,
    subscriber_id: int,
    *,
    kind: str | None = None,
    paper_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Said]:
    """What a reader said of papers, the last first; of that kind or that paper only."""
    query = (
        select(Feedback, Paper.title, Interest.name)
        .join(Paper, col(Paper.id) == col(Feedback.paper_id))
        .outerjoin(Interest, col(Interest.id) == col(Feedback.interest_id))
        .where(Feedback.subscriber_id == subscriber_id)
    )
    for wanted, column in ((kind, col(Feedback.kind)), (paper_id, col(Feedback.paper_id))):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(col(Feedback.id) < before)
    rows = s.exec(query.order_by(col(Feedback.id).desc()).limit(limit))
    return [
        Said(row.id or 0, row.paper_id, title, row.kind, interest, row.note, row.created_at)
        for row, title, interest in rows
    ]
