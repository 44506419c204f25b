"""Reading kept pages again, by the way they were read at first: same requests, answered from the store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from digest.errors import FetchError
from digest.models import Check, StoredPage
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import ConfiguredSource, Parse, Reader, Reading
from digest.storage import evidence as evidence_rows
from digest.storage.database import Database
from digest.types import Page, PageRequest, Verdict

__all__ = ["KeptPages", "NotKeptError", "read_again"]

OK = 200


class NotKeptError(FetchError):
    """The page is not kept, or not any more. Says nothing about the source."""


@dataclass(slots=True)
class KeptPages:
    """Answers the requests of one check with the pages that were kept for it. Fetches nothing.

    A request that was answered with 304 then is answered with the page that this meant, one not newer than
    ``until``. ``rows`` are those of the check that were not given out yet, ``served`` those that were.
    """

    database: Database
    store: PageStore
    check: Check
    rows: list[StoredPage]
    until: datetime
    served: list[StoredPage] = field(default_factory=list)

    @classmethod
    def of(cls, database: Database, store: PageStore, check: Check) -> "KeptPages":
        """The pages of a stored check."""
        assert check.id is not None  # noqa: S101 - stored rows have ids
        with database.read() as session:
            rows = evidence_rows.pages_of(session, check.id)
        # Not the check's own time: one that was replayed is younger than what it read.
        return cls(
            database, store, check, rows, max((row.fetched_at for row in rows), default=check.checked_at)
        )

    def get(
        self,
        request: PageRequest,
        *,
        etag: str | None = None,  # noqa: ARG002 - as the fetcher's
        last_modified: str | None = None,  # noqa: ARG002
        allow_private: bool = False,  # noqa: ARG002
        timeout_s: float | None = None,  # noqa: ARG002
        max_bytes: int | None = None,  # noqa: ARG002
    ) -> Page:
        """The kept answer. Raises ``NotKeptError`` without one, ``FetchError`` where it was no page."""
        row = self._find(request)
        if row is None:
            raise NotKeptError(f"the page {request.url} is not kept")
        if row.status != OK:
            raise FetchError(f"the server had answered {row.status}", verdict=Verdict.BROKEN)
        body = self.store.load(row)
        if body is None:
            raise NotKeptError(f"the file of the kept page {request.url} is gone or damaged")
        if row.check_id == self.check.id:
            self.served.append(row)
        return Page(
            url=row.url,
            status=row.status,
            body=body,
            fetched_at=row.fetched_at,
            content_type=row.content_type,
            headers=tuple((name, value) for name, value in row.headers),
        )

    def _find(self, request: PageRequest) -> StoredPage | None:
        """The request's own page: each is given out once, since a POST may go to one address many times."""
        carry = [list(pair) for pair in request.carry]
        same = [row for row in self.rows if row.url == request.url]
        exact = [row for row in same if row.role == request.role and row.carry == carry]
        for row in exact or same:  # a mended parser may name or tell its requests otherwise
            self.rows.remove(row)
            return row
        # One that failed then is answered with nothing, not with another day's page.
        if request.method != "GET" or request.url not in self.check.evidence.get("unmodified", ()):
            return None
        with self.database.read() as session:
            return evidence_rows.page_until(session, self.check.source_id, request.url, self.until)


def read_again(kept: KeptPages, source: ConfiguredSource, parse: Parse, now: datetime) -> Sequence[Reading]:
    """What each way of reading the check's list gives today; ways of which nothing is kept are left out."""
    # A list without days was asked for on the day its pages carry, which need not be the one it is of.
    day = next((row.day for row in kept.rows if row.day is not None), kept.check.day)
    readings = Reader(kept, parse).read(source, day, now)
    return [one for one in readings if one.page is not None or not isinstance(one.error, NotKeptError)]
