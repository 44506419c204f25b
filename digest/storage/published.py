"""What the private feeds show, in short: enough to tell whose feed is out of date."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from digest.models import Issue, Subscriber, Subscription
from digest.types import IssueStatus

__all__ = ["FeedReader", "last_issue_id", "list_feed_readers", "list_marks"]

VISIBLE = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value)


@dataclass(frozen=True, slots=True)
class FeedReader:
    """A reader as far as their feed goes; ``subscriptions`` are those that are published."""

    subscriber_id: int
    token: str
    status: str
    subscriptions: tuple[int, ...]


def list_feed_readers(s: Session) -> list[FeedReader]:
    """All readers, in the order they came."""
    shown: dict[int, list[int]] = {}
    published = select(Subscription.subscriber_id, Subscription.id).where(col(Subscription.feed))
    for subscriber_id, number in s.exec(published.order_by(col(Subscription.id))):
        if number is not None:
            shown.setdefault(subscriber_id, []).append(number)
    query = select(Subscriber.id, Subscriber.feed_token, Subscriber.status).order_by(col(Subscriber.id))
    return [
        FeedReader(number, token, status, tuple(shown.get(number, ())))
        for number, token, status in s.exec(query)
        if number is not None
    ]


def list_marks(s: Session, *, since: datetime, after: int) -> dict[int, str]:
    """For each subscription a mark of its issues composed from ``since`` on or numbered above ``after``.

    Only those with something to show count; where one comes or goes, the mark is another.
    """
    query = (
        select(
            Issue.subscription_id,
            func.count(),
            func.max(Issue.id),
            func.max(Issue.composed_at),
        )
        .where(col(Issue.status).in_(VISIBLE))
        .where(or_(col(Issue.composed_at) >= since, col(Issue.id) > after))
        .group_by(col(Issue.subscription_id))
    )
    return {number: f"{count} {last} {at}" for number, count, last, at in s.exec(query)}


def last_issue_id(s: Session) -> int:
    """The highest number of an issue, 0 where there is none."""
    return s.exec(select(func.max(Issue.id))).one() or 0
