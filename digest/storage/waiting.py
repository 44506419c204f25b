"""What is planned and not sent, as it is seen from a copy of a database: by when it was to be sent."""

from datetime import date, datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from digest.models import Delivery, Issue, Subscription
from digest.types import DeliveryStatus

__all__ = ["Unsent", "list_unsent"]

UNSENT = (DeliveryStatus.PLANNED.value, DeliveryStatus.DEFERRED.value, DeliveryStatus.SENDING.value)


class Unsent(NamedTuple):
    """A mail that was not sent yet. Of a letter there is neither a date nor a subscription."""

    delivery_id: int
    planned_at: datetime
    local_date: date | None
    subscription: Subscription | None


def list_unsent(s: Session) -> list[Unsent]:
    """All mails that wait, and those whose sending somebody began, in the order planned."""
    query = (
        select(Delivery.id, col(Delivery.planned_at), col(Issue.local_date), Subscription)
        .outerjoin(Issue, col(Issue.id) == col(Delivery.issue_id))
        .outerjoin(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .where(col(Delivery.status).in_(UNSENT))
        .order_by(col(Delivery.id))
    )
    rows = s.exec(query).all()
    return [Unsent(number, at, day, row) for number, at, day, row in rows if number is not None]
