"""Learning anew: from when on what a reader says of papers steers what they get."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline.readers import get_subscriber
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database

__all__ = ["reset", "take_starts", "told_starts"]


def reset(database: Database, email: str, interest: str | None, now: datetime) -> str:
    """Let what was said before ``now`` steer nothing any more, or not that interest; return whose it was.

    Saved papers, notes and what was sent stay. Raises ``UsageError`` for an unknown reader or interest.
    """
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        if interest is None:
            subscriber.learn_from = now
            session.add(subscriber)
            return subscriber.email or email
        rows = {row.name: row for row in subscriber_rows.list_interests(session, subscriber.id)}
        if interest not in rows:
            names = ", ".join(rows) or "none"
            raise UsageError(f"{email} has no interest named {interest!r}; there is: {names}")
        rows[interest].learn_from = now
        subscriber_rows.add_interest(session, rows[interest])
        return subscriber.email or email


def told_starts(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    """From when on a reader's feedback counts, in all and by interest; JSON-ready, empty where always."""
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    rows = subscriber_rows.list_interests(session, subscriber.id)
    interests = {row.name: row.learn_from.isoformat() for row in rows if row.learn_from is not None}
    told: dict[str, Any] = {"interests": interests} if interests else {}
    return told | ({"all": subscriber.learn_from.isoformat()} if subscriber.learn_from else {})


def take_starts(
    session: Session, subscriber: Subscriber, since: datetime | None, by_interest: Mapping[str, datetime]
) -> None:
    """Let feedback count from these times on, where it does not from later ones."""
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    stored = subscriber_rows.get_by_id(session, subscriber.id)
    if stored is not None and since is not None:
        stored.learn_from = max(since, stored.learn_from or since)
        session.add(stored)
    for row in subscriber_rows.list_interests(session, subscriber.id):
        if (at := by_interest.get(row.name)) is not None:
            row.learn_from = max(at, row.learn_from or at)
            subscriber_rows.add_interest(session, row)
