"""Letters: mail that is no issue, each with its delivery."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from digest.models import Delivery, Letter
from digest.storage.bulk import in_batches
from digest.storage.deliveries import WAITING
from digest.types import DeliveryStatus

__all__ = ["get_letters", "give_up", "is_planned", "plan_letter"]

MAIL = "mail"


def plan_letter(
    s: Session, letter: Letter, *, message_id: str, now: datetime, skipped: str | None = None
) -> int:
    """Store a letter with its planned delivery, and return the delivery's id.

    ``skipped`` is why it is not to be sent after all; it is written down the same.

    Where the same (kind, recipient, key) is stored already, it is that one's: planned again, unless it
    was sent.
    """
    same = s.exec(
        select(Delivery)
        .join(Letter, col(Letter.id) == col(Delivery.letter_id))
        .where(Letter.kind == letter.kind, Letter.recipient == letter.recipient, Letter.key == letter.key)
    ).first()
    if same is not None and same.id is not None:
        if same.status != DeliveryStatus.SENT:
            same.status, same.retry_at = DeliveryStatus.PLANNED, None
            s.add(same)
            s.flush()
        return same.id
    s.add(letter)
    s.flush()
    delivery = Delivery(
        letter_id=letter.id,
        channel=MAIL,
        recipient=letter.recipient,
        message_id=message_id,
        status=DeliveryStatus.PLANNED if skipped is None else DeliveryStatus.SKIPPED,
        planned_at=now,
        reason=skipped,
    )
    s.add(delivery)
    s.flush()
    assert delivery.id is not None  # noqa: S101 - a flushed row has its id
    return delivery.id


def give_up(s: Session, kind: str, recipient: str, key_start: str, reason: str) -> None:
    """Send those letters no more that still wait, of that kind and recipient, whose key begins so."""
    query = (
        select(Delivery)
        .join(Letter, col(Letter.id) == col(Delivery.letter_id))
        .where(Letter.kind == kind, Letter.recipient == recipient, col(Letter.key).startswith(key_start))
        .where(col(Delivery.status).in_(WAITING))
    )
    for delivery in s.exec(query):
        delivery.status, delivery.reason = DeliveryStatus.SKIPPED.value, reason
        s.add(delivery)
    s.flush()


def is_planned(s: Session, kind: str, recipient: str, key: str) -> bool:
    """Whether that letter was planned once, whatever became of it."""
    query = select(Letter.id).where(Letter.kind == kind, Letter.recipient == recipient, Letter.key == key)
    return s.exec(query).first() is not None


def get_letters(s: Session, letter_ids: Iterable[int]) -> dict[int, Letter]:
    """The letters by their ids."""
    found: dict[int, Letter] = {}
    for batch in in_batches(letter_ids):
        rows = s.exec(select(Letter).where(col(Letter.id).in_(batch)))
        found |= {row.id: row for row in rows if row.id is not None}
    return found
