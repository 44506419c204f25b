"""Deliveries: what is to be sent, what became of it."""

from datetime import datetime

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from digest.models import Delivery, Issue, Subscriber, Subscription
from digest.types import DeliveryStatus, IssueStatus

__all__ = [
    "count_by_status",
    "expire_issue",
    "get_delivery",
    "get_waiting",
    "list_due",
    "list_stuck",
    "set_delivery",
]

# Not yet on their way, and not given up.
WAITING = (DeliveryStatus.PLANNED.value, DeliveryStatus.DEFERRED.value)


def list_due(s: Session, now: datetime) -> list[tuple[Delivery, Issue, Subscriber]]:
    """What is planned, and what was deferred until now or earlier, in the order it was planned.

    Says nothing about whether the reader may still be written to or the issue is too old: whoever sends
    decides that.
    """
    deferred = col(Delivery.status) == DeliveryStatus.DEFERRED.value
    retry = col(Delivery.retry_at).is_(None) | (col(Delivery.retry_at) <= now)
    rows = s.exec(
        select(Delivery, Issue, Subscriber)
        .join(Issue, col(Issue.id) == col(Delivery.issue_id))
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .join(Subscriber, col(Subscriber.id) == col(Subscription.subscriber_id))
        .where((col(Delivery.status) == DeliveryStatus.PLANNED.value) | (deferred & retry))
        .order_by(col(Delivery.id))
    )
    return [(delivery, issue, subscriber) for delivery, issue, subscriber in rows]


def get_waiting(s: Session, delivery_id: int) -> tuple[Delivery, Issue, Subscriber] | None:
    """A delivery that still waits, with its issue and reader as they are now; ``None`` if it does not."""
    row = s.exec(
        select(Delivery, Issue, Subscriber)
        .join(Issue, col(Issue.id) == col(Delivery.issue_id))
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .join(Subscriber, col(Subscriber.id) == col(Subscription.subscriber_id))
        .where(col(Delivery.id) == delivery_id, col(Delivery.status).in_(WAITING))
    ).first()
    return None if row is None else (row[0], row[1], row[2])


def list_stuck(s: Session) -> list[Delivery]:
    """What a killed run left in sending: it may or may not have arrived."""
    query = select(Delivery).where(Delivery.status == DeliveryStatus.SENDING.value)
    return list(s.exec(query.order_by(col(Delivery.id))))


def get_delivery(s: Session, issue_id: int, channel: str) -> Delivery | None:
    """The delivery of an issue on a channel."""
    return s.exec(select(Delivery).where(Delivery.issue_id == issue_id, Delivery.channel == channel)).first()


def set_delivery(
    s: Session,
    delivery_id: int,
    *,
    status: str,
    now: datetime,
    reply: str | None = None,
    reason: str | None = None,
    retry_at: datetime | None = None,
    attempt: bool = False,
    may_have_arrived: bool = False,
) -> None:
    """Move a delivery to another status; ``reply``, ``reason`` and ``retry_at`` belong to that status.

    ``attempt`` counts one; ``may_have_arrived``, once true, stays. A delivery that was deleted meanwhile
    (its reader left) is let be.
    """
    row = s.get(Delivery, delivery_id)
    if row is None:
        return
    row.status = str(status)
    row.reply, row.reason, row.retry_at = reply, reason, retry_at
    row.attempts += attempt
    row.may_have_arrived = row.may_have_arrived or may_have_arrived
    if status == DeliveryStatus.SENDING:
        row.sending_at = now
    elif status == DeliveryStatus.SENT:
        row.sent_at = now
    s.add(row)
    s.flush()


def count_by_status(s: Session) -> dict[str, int]:
    """How many deliveries have each status; those that none has are left out."""
    query = (
        select(Delivery.status, func.count()).group_by(col(Delivery.status)).order_by(col(Delivery.status))
    )
    return dict(s.exec(query).all())


def expire_issue(s: Session, issue_id: int) -> None:
    """Mark an issue as too old to send; what still waits to be sent of it is skipped.

    Its papers count as not received, so they may be recommended again.
    """
    s.exec(update(Issue).where(col(Issue.id) == issue_id).values(status=IssueStatus.EXPIRED.value))
    s.exec(
        update(Delivery)
        .where(col(Delivery.issue_id) == issue_id, col(Delivery.status).in_(WAITING))
        .values(status=DeliveryStatus.SKIPPED.value, retry_at=None, reason="too old to send")
    )
