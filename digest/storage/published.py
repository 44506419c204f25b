"""What the private feeds show, in short: enough to tell whose feed is out of date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from digest.models import Issue, Subscriber, Subscription
from digest.types import IssueStatus

__all__ = ["FeedReader", "get_feed_reader", "last_issue_id", "list_feed_readers", "list_marks"]

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


def get_feed_reader(s: Session, token: str) -> FeedReader | None:
    """Whose private feed has that name."""
    published = (col(Subscription.subscriber_id) == col(Subscriber.id)) & col(Subscription.feed)
    query = (
        select(Subscriber.id, Subscriber.status, Subscription.id)
        .outerjoin(Subscription, published)
        .where(Subscriber.feed_token == token)
        .order_by(col(Subscription.id))
    )
    rows = s.exec(query).all()
    if not rows or rows[0][0] is None:
        return None
    # A left join gives None where nothing is published.
    numbers: list[int | None] = [number for _, _, number in rows]
    return FeedReader(
        rows[0][0], token, rows[0][1], tuple(number for number in numbers if number is not None)
    )


def list_marks(
    s: Session, *, since: datetime, after: int, only: Sequence[int] | None = None
) -> dict[int, str]:
    """For each subscription a mark of its issues composed from ``since`` on or numbered above ``after``.

    Only those with something to show count; where one comes or goes, the mark is another. ``only``: of
    these few subscriptions alone.
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
    if only is not None:
        query = query.where(col(Issue.subscription_id).in_(only))
    return {number: f"{count} {last} {at}" for number, count, last, at in s.exec(query)}


def last_issue_id(s: Session) -> int:
    """The highest number of an issue, 0 where there is none."""
    return s.exec(select(func.max(Issue.id))).one() or 0
