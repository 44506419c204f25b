"""Presuming the worst in a copy: what waits may have been sent, for all the copy knows."""

from datetime import datetime, timedelta

from digest.storage import deliveries as delivery_rows
from digest.storage.database import Database

__all__ = ["presume_sent"]

# What comes due while the original gets ready to send.
MARGIN = timedelta(minutes=10)


def presume_sent(database: Database, now: datetime) -> int:
    """Mark all mail that is due as on its way, its end perhaps gone; return how many mails that are.

    For a copy of the data that is put away before the original sends. Whoever goes on from the copy does what
    ``uncertain`` says for mail that may have arrived, and with ``hold`` sends none of it twice.
    """
    with database.write() as session:
        due = delivery_rows.list_due(session, now + MARGIN)
        delivery_rows.presume(session, due, now=now)
    return len(due)
