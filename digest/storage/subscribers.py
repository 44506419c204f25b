"""Readers: who they are, when they are served, what they care about and what they said."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlmodel import Session, col, select

from digest.errors import UsageError
from digest.models import (
    Feedback,
    Interest,
    Issue,
    StoredRecommendation,
    Subscriber,
    Subscription,
)
from digest.storage.bulk import in_batches
from digest.storage.deliveries import key_of, withdraw
from digest.storage.forgetting import forget_address
from digest.storage.profiles import load_profiles
from digest.types import FeedbackKind, SubscriberStatus

__all__ = [
    "add_feedback",
    "add_interest",
    "add_subscriber",
    "add_subscription",
    "delete_feedback",
    "delete_interest",
    "delete_subscriber",
    "get_by_id",
    "get_subscriber",
    "list_active",
    "list_feedback",
    "list_interests",
    "list_judged",
    "list_subscribers",
    "list_subscriptions",
    "load_profiles",
    "make_subscriber",
    "recommended_interest",
    "renew_feed_token",
    "set_status",
]

TOKEN_BYTES = 32
# Saying one of these takes the other back.
OPPOSITE = {
    FeedbackKind.MORE.value: FeedbackKind.LESS.value,
    FeedbackKind.LESS.value: FeedbackKind.MORE.value,
}


def add_subscriber(s: Session, *, email: str | None, status: str, now: datetime) -> Subscriber:
    """A new subscriber with a secret name for the private feeds; ``email`` ``None``: by feed only.

    Raises ``UsageError`` where the address is there already, however it is spelt.
    """
    if email is not None and get_subscriber(s, email) is not None:
        raise UsageError(f"{email} is a subscriber already")
    subscriber = make_subscriber(email=email, status=status, now=now)
    s.add(subscriber)
    s.flush()
    return subscriber


def make_subscriber(*, email: str | None, status: str, now: datetime) -> Subscriber:
    """The row of a new subscriber, not stored."""
    return Subscriber(
        email=email.strip() if email is not None else None,
        email_key=key_of(email) if email is not None else None,
        status=str(status),
        feed_token=secrets.token_urlsafe(TOKEN_BYTES),
        created_at=now,
        left_at=now if status == SubscriberStatus.UNSUBSCRIBED else None,
        confirmed_at=now if status == SubscriberStatus.ACTIVE else None,
    )


def get_subscriber(s: Session, email: str) -> Subscriber | None:
    """The subscriber with that address, upper and lower case aside."""
    return s.exec(select(Subscriber).where(Subscriber.email_key == key_of(email))).first()


def get_by_id(s: Session, subscriber_id: int) -> Subscriber | None:
    """The subscriber of that number."""
    return s.get(Subscriber, subscriber_id) if 0 < subscriber_id < 2**31 else None


def renew_feed_token(s: Session, subscriber_id: int) -> str | None:
    """Give a subscriber's private feeds another secret name; return the old one."""
    stored = s.get(Subscriber, subscriber_id)
    if stored is None:
        return None
    old, stored.feed_token = stored.feed_token, secrets.token_urlsafe(TOKEN_BYTES)
    s.flush()
    return old


def list_subscribers(s: Session) -> list[Subscriber]:
    """All subscribers, in the order they came."""
    return list(s.exec(select(Subscriber).order_by(col(Subscriber.id))))


def set_status(
    s: Session,
    subscriber: Subscriber,
    status: str,
    *,
    paused_until: date | None = None,
    now: datetime,
) -> None:
    """Change where a subscriber stands; ``paused_until`` is the first day that is served again.

    Becoming active for the first time is what confirms an address, becoming unsubscribed when they left. Who
    is not active any more is not sent even what is on its way, as long as that can be held back.
    """
    if status != SubscriberStatus.ACTIVE and subscriber.id is not None:
        withdraw(s, subscriber.id)
    stored = s.get(Subscriber, subscriber.id)
    # The caller's object may be from an earlier transaction; it tells the new status too.
    for row in (stored, subscriber):
        if row is not None:
            row.status = str(status)
            row.paused_until = paused_until
            row.left_at = (row.left_at or now) if status == SubscriberStatus.UNSUBSCRIBED else None
            if status == SubscriberStatus.ACTIVE and row.confirmed_at is None:
                row.confirmed_at = now
    s.flush()


def delete_subscriber(s: Session, subscriber: Subscriber) -> None:
    """Delete a subscriber and all that is stored about them: interests, feedback, issues, mail, sign-ups."""
    stored = s.get(Subscriber, subscriber.id)
    if stored is not None:
        forget_address(s, stored)
        s.delete(stored)
        s.flush()


def add_subscription(s: Session, subscription: Subscription) -> Subscription:
    """Store when and how a subscriber is served."""
    s.add(subscription)
    s.flush()
    return subscription


def list_subscriptions(s: Session, subscriber_id: int) -> list[Subscription]:
    """A subscriber's subscriptions, oldest first."""
    query = select(Subscription).where(Subscription.subscriber_id == subscriber_id)
    return list(s.exec(query.order_by(col(Subscription.id))))


def list_active(
    s: Session, subscription_ids: Sequence[int] | None = None
) -> list[tuple[Subscriber, Subscription]]:
    """Everyone who may be served, with each subscription (or only those asked for).

    The active, and the paused whose pause has an end: whether that has come depends on the reader's date,
    which is for ``schedule.is_served`` to say.
    """
    paused = col(Subscriber.status) == SubscriberStatus.PAUSED.value
    query = (
        select(Subscriber, Subscription)
        .join(Subscription, col(Subscription.subscriber_id) == col(Subscriber.id))
        .where(
            (col(Subscriber.status) == SubscriberStatus.ACTIVE.value)
            | (paused & col(Subscriber.paused_until).is_not(None))
        )
        .order_by(col(Subscription.id))
    )
    if subscription_ids is None:
        return [(subscriber, subscription) for subscriber, subscription in s.exec(query)]
    return [
        (subscriber, subscription)
        for batch in in_batches(subscription_ids)
        for subscriber, subscription in s.exec(query.where(col(Subscription.id).in_(batch)))
    ]


def list_judged(s: Session, subscriber_ids: Iterable[int]) -> dict[int, set[int]]:
    """For each subscriber the papers they said anything of: they know them."""
    judged: dict[int, set[int]] = defaultdict(set)
    for batch in in_batches(subscriber_ids):
        query = select(Feedback.subscriber_id, Feedback.paper_id).where(
            col(Feedback.subscriber_id).in_(batch)
        )
        for subscriber_id, paper_id in s.exec(query):
            judged[subscriber_id].add(paper_id)
    return judged


def add_interest(s: Session, interest: Interest) -> Interest:
    """Store an interest, new or changed."""
    s.add(interest)
    s.flush()
    return interest


def list_interests(s: Session, subscriber_id: int) -> list[Interest]:
    """A subscriber's interests, oldest first."""
    query = select(Interest).where(Interest.subscriber_id == subscriber_id)
    return list(s.exec(query.order_by(col(Interest.id))))


def delete_interest(s: Session, subscriber_id: int, name: str) -> bool:
    """Delete the interest of that name; ``False`` where there is none."""
    query = select(Interest).where(Interest.subscriber_id == subscriber_id, Interest.name == name)
    interest = s.exec(query).first()
    if interest is None:
        return False
    s.delete(interest)
    s.flush()
    return True


def add_feedback(s: Session, feedback: Feedback) -> None:
    """Store what a reader said of a paper. Said again it counts once; more and less replace one another."""
    kind = str(feedback.kind)
    said = select(Feedback).where(
        Feedback.subscriber_id == feedback.subscriber_id,
        Feedback.paper_id == feedback.paper_id,
        col(Feedback.kind).in_([kind, OPPOSITE.get(kind, kind)]),
    )
    row = s.exec(said).first()
    if row is None:
        s.add(feedback)
    else:
        row.kind = kind
        row.interest_id = feedback.interest_id
        row.created_at = feedback.created_at
        s.add(row)
    s.flush()


def list_feedback(s: Session, subscriber_id: int, paper_id: int) -> list[Feedback]:
    """What a reader said of a paper, in the order it was said."""
    query = select(Feedback).where(Feedback.subscriber_id == subscriber_id, Feedback.paper_id == paper_id)
    return list(s.exec(query.order_by(col(Feedback.created_at), col(Feedback.id))))


def delete_feedback(s: Session, subscriber_id: int, paper_id: int, kinds: Iterable[str]) -> None:
    """Forget what a reader said of a paper, in these kinds."""
    for row in list_feedback(s, subscriber_id, paper_id):
        if row.kind in set(kinds):
            s.delete(row)
    s.flush()


def recommended_interest(s: Session, subscriber_id: int, paper_id: int) -> int | None:
    """The interest that a paper was last recommended to a reader for, if that interest still is."""
    query = (
        select(StoredRecommendation.interest_id)
        .join(Issue, col(Issue.id) == col(StoredRecommendation.issue_id))
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .where(
            Subscription.subscriber_id == subscriber_id,
            StoredRecommendation.paper_id == paper_id,
            col(StoredRecommendation.interest_id).is_not(None),
        )
        .order_by(col(Issue.local_date).desc(), col(Issue.id).desc())
    )
    return s.exec(query.limit(1)).first()
