"""Issues, frozen with their recommendations and planned delivery in one go."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import Text, cast, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from digest.errors import StorageError
from digest.models import Delivery, Issue, StoredRecommendation, Subscription
from digest.storage.bulk import in_batches, table
from digest.storage.shown import ShownPapers, add_shown
from digest.types import (
    IssueItem,
    IssueStatus,
    IssueView,
    PaperView,
    Reason,
    Recommendation,
    Section,
)

__all__ = [
    "NewIssue",
    "add_issues",
    "get_issue",
    "list_issue_ids",
    "list_recommendations",
    "list_sent",
    "list_without_delivery",
    "load_issue_views",
    "served_dates",
    "silent_days",
]

VISIBLE = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value)


@dataclass(frozen=True, slots=True)
class NewIssue:
    """One issue to be stored, with all that belongs to it; their ``issue_id`` is set on the way.

    ``views`` has what is shown of each recommended paper, by paper id.
    """

    issue: Issue
    recommendations: Sequence[Recommendation] = ()
    views: Mapping[int, PaperView] = field(default_factory=dict)
    delivery: Delivery | None = None


def add_issues(s: Session, news: Sequence[NewIssue]) -> list[int]:
    """Store issues with their recommendations and deliveries, all or none; returns their ids in order.

    Raises ``StorageError`` where a subscription has an issue of that date, or a Message-ID is not new;
    the caller's transaction goes on as if nothing had been tried.
    """
    if not news:
        return []
    try:
        with s.begin_nested():
            return _add_issues(s, news)
    except IntegrityError as error:
        reason = str(error.orig).strip().splitlines()[0]
        first = news[0].issue
        raise StorageError(
            f"the issue of {first.local_date} for subscription {first.subscription_id} "
            f"cannot be stored: {reason}"
        ) from error


def _add_issues(s: Session, news: Sequence[NewIssue]) -> list[int]:
    # In bulk, not as objects: a day has an issue for every reader, and each has many papers.
    shown = add_shown(
        s,
        {
            new.views[one.paper_id].paper_id: new.views[one.paper_id]
            for new in news
            for one in new.recommendations
        }.values(),
    )
    insert = table("issues").insert().returning(table("issues").c.id, sort_by_parameter_order=True)
    ids = list(s.connection().execute(insert, [_columns(new.issue) for new in news]).scalars())
    papers = [
        _recommended(issue_id, position, one, shown[one.paper_id])
        for issue_id, new in zip(ids, news, strict=True)
        for position, one in enumerate(new.recommendations, start=1)
    ]
    if papers:
        s.connection().execute(table("recommendations").insert(), papers)
    mails = [
        _columns(new.delivery) | {"issue_id": issue_id}
        for issue_id, new in zip(ids, news, strict=True)
        if new.delivery is not None
    ]
    if mails:
        s.connection().execute(table("deliveries").insert(), mails)
    return ids


def _columns(row: Issue | Delivery) -> dict[str, Any]:
    columns = table(str(row.__tablename__)).columns
    return {column.name: getattr(row, column.name) for column in columns if column.name != "id"}


def _recommended(issue_id: int, position: int, one: Recommendation, shown_id: int) -> dict[str, Any]:
    reasons = [
        {"kind": reason.kind, "text": reason.text, "facts": dict(reason.facts)} for reason in one.reasons
    ]
    return {
        "issue_id": issue_id,
        "paper_id": one.paper_id,
        "position": position,
        "section": one.section,
        "score": one.score,
        "interest": one.interest,
        "interest_id": one.interest_id,
        "reasons": reasons,
        "parts": dict(one.parts),
        "shown_id": shown_id,
    }


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
    """How many issues in a row, directly before that date, had nothing to say and were not sent.

    Dates that were skipped neither count nor end the row.
    """
    earlier = (
        Issue.subscription_id == subscription_id,
        col(Issue.local_date) < before,
        Issue.status != IssueStatus.SKIPPED.value,
    )
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


def list_without_delivery(
    s: Session, subscriber_id: int, *, local_date: date | None = None, limit: int = 1000
) -> list[Issue]:
    """A reader's issues for which no mail was planned, newest first: empty, skipped, or by feed only."""
    query = (
        select(Issue)
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .outerjoin(Delivery, col(Delivery.issue_id) == col(Issue.id))
        .where(col(Subscription.subscriber_id) == subscriber_id, col(Delivery.id).is_(None))
    )
    if local_date is not None:
        query = query.where(Issue.local_date == local_date)
    return list(s.exec(query.order_by(col(Issue.local_date).desc()).limit(limit)))


def list_recommendations(s: Session, issue_id: int) -> list[StoredRecommendation]:
    """An issue's recommendations in reading order."""
    query = select(StoredRecommendation).where(StoredRecommendation.issue_id == issue_id)
    return list(s.exec(query.order_by(col(StoredRecommendation.position))))


def load_issue_views(
    s: Session, issue_ids: Iterable[int], shown: ShownPapers | None = None
) -> dict[int, IssueView]:
    """The issues as they were composed, from what was frozen with them alone.

    ``shown`` keeps papers from one call to the next.
    """
    shown = ShownPapers() if shown is None else shown
    views: dict[int, IssueView] = {}
    for batch in in_batches(issue_ids):
        # Columns, not rows as objects: a digest for everybody reads millions of them.
        chosen = select(
            StoredRecommendation.issue_id,
            StoredRecommendation.section,
            StoredRecommendation.score,
            StoredRecommendation.interest,
            cast(StoredRecommendation.reasons, Text),
            StoredRecommendation.shown_id,
        ).where(col(StoredRecommendation.issue_id).in_(batch))  # type: ignore[call-overload]
        rows = s.exec(
            chosen.order_by(col(StoredRecommendation.issue_id), col(StoredRecommendation.position))
        ).all()
        papers = shown.get(s, (row[5] for row in rows))
        items: dict[int, list[IssueItem]] = defaultdict(list)
        for issue_id, section, score, interest, reasons, shown_id in rows:
            texts, told = _reasons(reasons)
            item = IssueItem(papers[shown_id], Section(section), score, interest, texts, shown_id, told)
            items[issue_id].append(item)
        spoken = (
            select(Issue, Subscription.language)
            .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
            .where(col(Issue.id).in_(batch))
        )
        for issue, language in s.exec(spoken):
            assert issue.id is not None  # noqa: S101 - stored rows have ids
            views[issue.id] = _view(issue.id, issue, items[issue.id], language)
    return views


@lru_cache(maxsize=8192)  # many readers have the same reasons
def _reasons(reasons: str) -> tuple[tuple[str, ...], tuple[Reason, ...]]:
    """The sentences among stored reasons, and the reasons themselves."""
    told = tuple(Reason(one["kind"], one["text"], one.get("facts", {})) for one in json.loads(reasons))
    return tuple(one.text for one in told), told


def _view(issue_id: int, issue: Issue, items: Sequence[IssueItem], language: str | None) -> IssueView:
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
        language=language,
    )
