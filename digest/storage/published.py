"""What the private feeds show, in short: enough to tell whose feed is out of date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from digest.models import Issue, Observation, Subscriber, Subscription
from digest.types import IssueStatus

__all__ = [
    "FeedReader",
    "get_feed_reader",
    "last_issue_id",
    "last_observation_id",
    "list_feed_readers",
    "list_marks",
]

VISIBLE = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value)


@dataclass(frozen=True, slots=True)
class FeedReader:
    """A reader as far as their feed goes; ``subscriptions`` are those that are published.

    ``language`` is their choice, ``None`` where there was none.
    """

    subscriber_id: int
    token: str
    status: str
    subscriptions: tuple[int, ...]
    language: str | None = None


def list_feed_readers(s: Session) -> list[FeedReader]:
    """All readers, in the order they came."""
    shown: dict[int, list[int]] = {}
    languages: dict[int, str | None] = {}
    published = select(Subscription.subscriber_id, Subscription.id, Subscription.language)
    published = published.where(col(Subscription.feed)).order_by(col(Subscription.id))
    for subscriber_id, number, language in s.exec(published):
        if number is not None:
            shown.setdefault(subscriber_id, []).append(number)
            languages[subscriber_id] = language
    query = select(Subscriber.id, Subscriber.feed_token, Subscriber.status).order_by(col(Subscriber.id))
    return [
        FeedReader(number, token, status, tuple(shown.get(number, ())), languages.get(number))
        for number, token, status in s.exec(query)
        if number is not None
    ]


def get_feed_reader(s: Session, token: str) -> FeedReader | None:
    """Whose private feed has that name."""
    published = (col(Subscription.subscriber_id) == col(Subscriber.id)) & col(Subscription.feed)
    query = (
        select(Subscriber.id, Subscriber.status, Subscription.id, Subscription.language)
        .outerjoin(Subscription, published)
        .where(Subscriber.feed_token == token)
        .order_by(col(Subscription.id))
    )
    rows = s.exec(query).all()
    if not rows or rows[0][0] is None:
        return None
    # A left join gives None where nothing is published.
    numbers: list[int | None] = [row[2] for row in rows]
    found = tuple(number for number in numbers if number is not None)
    return FeedReader(rows[0][0], token, rows[0][1], found, rows[-1][3])


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


def last_observation_id(s: Session) -> int:
    """The highest number of an observation, 0 where there is none."""
    return s.exec(select(func.max(Observation.id))).one() or 0
