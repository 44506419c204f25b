"""Many readers at once: who of them is here already, and storing those who are not."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import insert
from sqlmodel import Session, col, select

from digest.models import Delivery, Letter, SignUp, Subscriber
from digest.models.base import Base
from digest.storage.bulk import in_batches, table
from digest.storage.deliveries import key_of
from digest.types import DeliveryStatus

__all__ = ["add_letters", "add_rows", "add_subscribers", "find_asked", "find_subscribers", "list_never_sent"]


def find_subscribers(s: Session, emails: Iterable[str]) -> dict[str, Subscriber]:
    """Those of the addresses that are subscribers, by the address as it is compared (``key_of``)."""
    found: dict[str, Subscriber] = {}
    for batch in in_batches(map(key_of, emails)):
        for row in s.exec(select(Subscriber).where(col(Subscriber.email_key).in_(batch))):
            found[row.email_key or ""] = row
    return found


def find_asked(s: Session, emails: Iterable[str], day: date) -> dict[str, SignUp]:
    """What was asked for at those of the addresses on that day, by the address as it is compared."""
    found: dict[str, SignUp] = {}
    for batch in in_batches(map(key_of, emails)):
        query = select(SignUp).where(col(SignUp.email_key).in_(batch), SignUp.asked_on == day)
        found |= {row.email_key: row for row in s.exec(query)}
    return found


def list_never_sent(s: Session, recipients: Iterable[str], kind: str) -> set[str]:
    """Those of the addresses, as spelt, to which letters of a kind were planned and all given up."""
    planned: set[str] = set()
    standing: set[str] = set()
    for batch in in_batches(recipients):
        query = (
            select(Letter.recipient, Delivery.status)
            .join(Delivery, col(Delivery.letter_id) == col(Letter.id))
            .where(Letter.kind == kind, col(Letter.recipient).in_(batch))
        )
        for recipient, status in s.exec(query):
            planned.add(recipient)
            if status != DeliveryStatus.SKIPPED:
                standing.add(recipient)
    return planned - standing


def add_rows(s: Session, rows: Sequence[Base]) -> None:
    """Store new rows of one table in one statement. They do not learn their numbers by it."""
    if rows:
        into = table(str(rows[0].__tablename__))
        names = [column.name for column in into.columns if column.name != "id"]
        values = [{name: getattr(row, name) for name in names} for row in rows]
        s.connection().execute(insert(into), values)


def add_subscribers(s: Session, readers: Sequence[Subscriber]) -> list[int]:
    """Store new subscribers, who have addresses, and return their numbers, in order."""
    add_rows(s, readers)
    stored = {
        key: row.id or 0 for key, row in find_subscribers(s, (one.email or "" for one in readers)).items()
    }
    return [stored[one.email_key or ""] for one in readers]


def add_letters(s: Session, letters: Mapping[str, Letter]) -> None:
    """Store new letters by their Message-IDs, each with its planned delivery; no two have one key."""
    add_rows(s, list(letters.values()))
    numbers: dict[str, int] = {}
    for batch in in_batches(one.key for one in letters.values()):
        found = s.exec(select(Letter.key, Letter.id).where(col(Letter.key).in_(batch)))
        numbers |= {key: number or 0 for key, number in found}
    deliveries = [
        Delivery(
            letter_id=numbers[letter.key],
            channel="mail",
            recipient=letter.recipient,
            message_id=message_id,
            status=DeliveryStatus.PLANNED,
            planned_at=letter.created_at,
        )
        for message_id, letter in letters.items()
    ]
    add_rows(s, deliveries)
