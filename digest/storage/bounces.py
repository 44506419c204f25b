"""Bounces: the reports that came back, and what they made of deliveries."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from digest.models import Bounce, Delivery, Group, Issue, Subscriber, Subscription
from digest.types import DeliveryStatus

__all__ = [
    "add_bounce",
    "find_delivery",
    "forgive_bounces",
    "get_reader",
    "has_bounce",
    "is_of_list",
    "list_bounces",
    "list_outcomes",
    "set_returned",
]

# How far back a reader's mail is looked at for failures in a row.
OUTCOMES = 100


def find_delivery(s: Session, prefix: str) -> Delivery | None:
    """The delivery whose Message-ID begins with these hexadecimal digits; ``None`` if none, or several, do.

    A range and not a pattern, because every database has an index for it; no digit is above ``f``.
    """
    query = select(Delivery).where(
        col(Delivery.message_id) >= f"<{prefix}", col(Delivery.message_id) < f"<{prefix}g"
    )
    rows = [row for row in s.exec(query.limit(3)) if row.message_id.startswith(f"<{prefix}")]
    return rows[0] if len(rows) == 1 else None


def get_reader(s: Session, delivery: Delivery) -> Subscriber | None:
    """Whom a delivery was for: its issue's reader, or for other mail who has the recipient's address.

    ``None`` too where that reader has another address by now: what is said of the old one is not theirs.
    """
    if delivery.issue_id is None:
        query = select(Subscriber).where(col(Subscriber.email_key) == delivery.recipient.casefold())
    else:
        query = (
            select(Subscriber)
            .join(Subscription, col(Subscription.subscriber_id) == col(Subscriber.id))
            .join(Issue, col(Issue.subscription_id) == col(Subscription.id))
            .where(col(Issue.id) == delivery.issue_id)
        )
    reader = s.exec(query).first()
    return reader if reader is not None and reader.email_key == delivery.recipient.casefold() else None


def is_of_list(s: Session, delivery: Delivery) -> bool:
    """Whether a delivery went to the list of a group, at the address it has or had."""
    query = select(Group.id)
    if delivery.issue_id is None:
        query = query.join(Subscriber, col(Subscriber.id) == col(Group.subscriber_id))
        query = query.where(col(Subscriber.email_key) == delivery.recipient.casefold())
    else:
        query = query.join(Subscription, col(Subscription.subscriber_id) == col(Group.subscriber_id))
        query = query.join(Issue, col(Issue.subscription_id) == col(Subscription.id))
        query = query.where(col(Issue.id) == delivery.issue_id)
    return s.exec(query).first() is not None


def has_bounce(s: Session, digest: str) -> bool:
    """Whether the report with this hash was counted already."""
    return s.exec(select(Bounce.id).where(col(Bounce.digest) == digest)).first() is not None


def add_bounce(s: Session, bounce: Bounce) -> None:
    """Store one report."""
    s.add(bounce)
    s.flush()


def set_returned(s: Session, delivery: Delivery, status: DeliveryStatus, reason: str) -> None:
    """Mark a delivery as bounced or complained about; a complaint is not made less by a bounce."""
    if delivery.status == DeliveryStatus.COMPLAINED:
        return
    delivery.status, delivery.reason, delivery.retry_at = status.value, reason, None
    s.add(delivery)
    s.flush()


def list_outcomes(s: Session, subscriber_id: int) -> list[tuple[int, str, set[str]]]:
    """A reader's latest issues that left, newest first: delivery, status, and kinds of their bounces.

    Forgiven bounces are left out.
    """
    left = (DeliveryStatus.SENT.value, DeliveryStatus.BOUNCED.value, DeliveryStatus.COMPLAINED.value)
    query = (
        select(Delivery.id, Delivery.status)
        .join(Issue, col(Issue.id) == col(Delivery.issue_id))
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .where(col(Subscription.subscriber_id) == subscriber_id, col(Delivery.status).in_(left))
        .order_by(col(Delivery.id).desc())
        .limit(OUTCOMES)
    )
    rows = [(delivery_id, status) for delivery_id, status in s.exec(query) if delivery_id is not None]
    kinds: dict[int, set[str]] = {delivery_id: set() for delivery_id, _ in rows}
    said = select(Bounce.delivery_id, Bounce.kind).where(
        col(Bounce.subscriber_id) == subscriber_id, col(Bounce.delivery_id).in_(list(kinds))
    )
    for delivery_id, kind in s.exec(said):
        if delivery_id is not None:
            kinds[delivery_id].add(kind)
    return [(delivery_id, status, kinds[delivery_id]) for delivery_id, status in rows]


def forgive_bounces(s: Session, subscriber_id: int) -> None:
    """Let a reader's bounces so far count no more; they stay in the history of their deliveries."""
    s.exec(update(Bounce).where(col(Bounce.subscriber_id) == subscriber_id).values(subscriber_id=None))


def list_bounces(s: Session, *, since: datetime | None = None, limit: int) -> list[tuple[Bounce, str | None]]:
    """The latest reports, newest first, each with the address that its mail was sent to."""
    query = select(Bounce, Delivery.recipient).outerjoin(
        Delivery, col(Delivery.id) == col(Bounce.delivery_id)
    )
    if since is not None:
        query = query.where(col(Bounce.received_at) >= since)
    query = query.order_by(col(Bounce.received_at).desc(), col(Bounce.id).desc()).limit(limit)
    return [(bounce, recipient) for bounce, recipient in s.exec(query)]
