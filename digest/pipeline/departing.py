"""Departing: everything about a reader deleted, at once and for good."""

from pathlib import Path

from digest.models import Subscriber
from digest.pipeline.readers import remove_subscriber
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database

__all__ = ["forget", "stays_suppressed"]


def stays_suppressed(database: Database, subscriber: Subscriber) -> bool:
    """Whether the address is on the list of those that are never written to; that outlives the reader."""
    if subscriber.email is None:
        return False
    with database.read() as session:
        return suppression_rows.get_suppression(session, subscriber.email) is not None


def forget(database: Database, subscriber: Subscriber, feeds_dir: Path) -> None:
    """Delete the reader and all that is stored about them and their address, and their feeds.

    Only a note that the address is not to be written to stays, where there is one: else the next import or
    sign-up by a stranger would write to it again.
    """
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    remove_subscriber(database, subscriber.id, feeds_dir)
