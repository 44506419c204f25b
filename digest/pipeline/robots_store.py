"""Keeps what robots.txt files say in the database, so that the runs of a day ask for each once."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from digest.errors import StorageError
from digest.fetcher import RobotsText
from digest.storage import robots as robots_rows
from digest.storage.database import Database

__all__ = ["DatabaseRobots"]

_log = logging.getLogger(__name__)

# They are believed for a day; older ones are of no use to anybody.
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DatabaseRobots:
    """A :class:`~digest.fetcher.RobotsStore`. Each call is a short transaction of its own.

    A database that cannot be used costs a request for the file, and no page.
    """

    database: Database

    def get(self, origin: str) -> RobotsText | None:
        """What is kept of that origin, however old."""
        try:
            with self.database.read() as session:
                row = robots_rows.get_robots(session, origin)
        except StorageError as error:
            _log.warning("what robots.txt said cannot be read: %s", error)
            return None
        return None if row is None else RobotsText(row.status, row.body, row.fetched_at)

    def put(self, origin: str, text: RobotsText) -> None:
        """Keep it in the place of what was kept before, and forget what is long out of date."""
        try:
            with self.database.write() as session:
                robots_rows.set_robots(
                    session, origin=origin, status=text.status, body=text.body, fetched_at=text.fetched_at
                )
                robots_rows.delete_robots(session, text.fetched_at - KEPT)
        except StorageError as error:
            _log.warning("what robots.txt said cannot be kept: %s", error)
