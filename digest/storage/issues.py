"""Issues, frozen with their recommendations and planned delivery in one go."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from digest.errors import StorageError
from digest.models import Delivery, Issue, StoredRecommendation, Subscription
from digest.storage.bulk import in_batches
from digest.storage.shown import shown_from_dict, shown_to_dict
from digest.types import IssueItem, IssueStatus, IssueView, Section

__all__ = [
    "add_issue",
    "get_issue",
    "list_issue_ids",
    "list_recommendations",
    "list_sent",
    "load_issue_views",
    "served_dates",
    "shown_from_dict",
    "shown_to_dict",
    "silent_days",
]

VISIBLE = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value)


def add_issue(
    s: Session,
    issue: Issue,
    recommendations: Sequence[StoredRecommendation],
    delivery: Delivery | None,
) -> Issue:
    """Store an issue with all that belongs to it, whose ``issue_id`` is set here; wholly or not at all.

    Raises ``StorageError`` where the subscription has an issue of that date, or a Message-ID is not new;
    the caller's transaction goes on as if nothing had been tried.
    """
    try:
        with s.begin_nested():
            s.add(issue)
            s.flush()
            assert issue.id is not None  # noqa: S101 - a flushed row has its id
            for row in (*recommendations, *([delivery] if delivery is not None else [])):
                row.issue_id = issue.id
                s.add(row)
            s.flush()
    except IntegrityError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StorageError(
            f"the issue of {issue.local_date} for subscription {issue.subscription_id} "
            f"cannot be stored: {reason}"
        ) from error
    return issue


def served_dates(s: Session, subscription_ids: Iterable[int], *, since: date) -> dict[int, dict[date, str]]:
    """For each subscription the local dates from ``since`` on that have an issue, with its status."""
    served: dict[int, dict[date, str]] = {}
    for batch in in_batches(subscription_ids):
        served |= {subscription_id: {} for subscription_id in batch}
        query = select(Issue.subscription_id, col(Issue.local_date), Issue.status).where(
            col(Issue.subscription_id).in_(batch), col(Issue.local_date) >= since
        )
        for subscription_id, day, status in s.exec(query.order_by(col(Issue.local_date))):
            served[subscription_id][day] = status
    return served


def list_sent(s: Session, subscriber_ids: Iterable[int]) -> dict[int, set[int]]:
    """For each subscriber the papers of all their composed issues; expired ones were never received."""
    sent: dict[int, set[int]] = {}
    for batch in in_batches(subscriber_ids):
        sent |= {subscriber_id: set() for subscriber_id in batch}
        query = (
            select(Subscription.subscriber_id, StoredRecommendation.paper_id)
            .join(Issue, col(Issue.id) == col(StoredRecommendation.issue_id))
            .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
            .where(
                col(Subscription.subscriber_id).in_(batch),
                Issue.status == IssueStatus.COMPOSED.value,
            )
        )
        for subscriber_id, paper_id in s.exec(query):
            sent[subscriber_id].add(paper_id)
    return sent


def get_issue(s: Session, subscription_id: int, local_date: date) -> Issue | None:
    """The issue of that date."""
    query = select(Issue).where(Issue.subscription_id == subscription_id, Issue.local_date == local_date)
    return s.exec(query).first()


def silent_days(s: Session, subscription_id: int, before: date) -> int:
    """How many issues in a row, directly before that date, had nothing to say and were not sent."""
    earlier = (Issue.subscription_id == subscription_id, col(Issue.local_date) < before)
    spoke = select(func.max(Issue.local_date)).where(*earlier, Issue.status != IssueStatus.EMPTY.value)
    last = s.exec(spoke).one()
    silent = select(func.count()).select_from(Issue).where(*earlier)
    if last is not None:
        silent = silent.where(col(Issue.local_date) > last)
    return s.exec(silent).one()


def list_issue_ids(s: Session, subscription_id: int, *, limit: int) -> list[int]:
    """A subscription's issues that have something to show, papers or a notice, newest first."""
    query = (
        select(Issue.id)
        .where(Issue.subscription_id == subscription_id, col(Issue.status).in_(VISIBLE))
        .order_by(col(Issue.local_date).desc())
        .limit(max(limit, 0))
    )
    return [issue_id for issue_id in s.exec(query) if issue_id is not None]


def list_recommendations(s: Session, issue_id: int) -> list[StoredRecommendation]:
    """An issue's recommendations in reading order."""
    query = select(StoredRecommendation).where(StoredRecommendation.issue_id == issue_id)
    return list(s.exec(query.order_by(col(StoredRecommendation.position))))


def load_issue_views(s: Session, issue_ids: Iterable[int]) -> dict[int, IssueView]:
    """The issues as they were composed, from what was frozen with them alone."""
    views: dict[int, IssueView] = {}
    for batch in in_batches(issue_ids):
        items: dict[int, list[IssueItem]] = defaultdict(list)
        chosen = select(StoredRecommendation).where(col(StoredRecommendation.issue_id).in_(batch))
        for row in s.exec(chosen.order_by(col(StoredRecommendation.position))):
            items[row.issue_id].append(_item(row))
        for issue in s.exec(select(Issue).where(col(Issue.id).in_(batch))):
            assert issue.id is not None  # noqa: S101 - stored rows have ids
            views[issue.id] = _view(issue.id, issue, items[issue.id])
    return views


def _item(row: StoredRecommendation) -> IssueItem:
    return IssueItem(
        paper=shown_from_dict(row.shown),
        section=Section(row.section),
        score=row.score,
        interest=row.interest,
        reasons=tuple(reason["text"] for reason in row.reasons),
    )


def _view(issue_id: int, issue: Issue, items: Sequence[IssueItem]) -> IssueView:
    return IssueView(
        issue_id=issue_id,
        local_date=issue.local_date,
        subject=issue.subject,
        items=tuple(items),
        coverage=issue.coverage,
        notice=issue.notice,
        composed_at=issue.composed_at,
        zone=issue.zone,
        interests=tuple(issue.interests),
    )
