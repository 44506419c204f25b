"""Refresh: read what the sources show, file it, and record what each page proved."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from digest.errors import FetchError, StorageError
from digest.logs import with_tags
from digest.models import Source, StoredPage
from digest.pipeline.filing import CheckRow, Filing, file_page, load_history
from digest.pipeline.health import is_due, record_health
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import (
    ConfiguredSource,
    Fetch,
    KeptPage,
    Parse,
    Reader,
    Reading,
    best_of,
    parse_here,
)
from digest.pipeline.watched import ParseSaved, read_folder
from digest.sources.saved import parse_saved
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import Page, PageRequest, Verdict
from digest.verdict import Evidence, History, is_readable, key_of, look_short, weigh

__all__ = ["Refresher"]

_log = logging.getLogger(__name__)

# A host that gave no answer twice in a row is asked only for the newest day still.
MAX_UNREACHABLE = 2
NO_ANSWER = (Verdict.UNREACHABLE, Verdict.BLOCKED)
# How far to look back for days that were missed, and how often for one that is not whole.
MAX_LOOKBACK = 30
RETRY_DAY = timedelta(hours=20)
# The kind that is read from a folder of this machine.
FOLDER = "saved"
# So many sources are read at once; politeness to one host is the fetcher's business.
WORKERS = 8


@dataclass(frozen=True, slots=True)
class Refresher:
    """Reads sources day by day, several sources at once.

    Does not decide which paper an entry is, or what a page is worth.
    """

    database: Database
    fetch: Fetch
    pages: PageStore
    parse: Parse = parse_here
    parse_saved: ParseSaved = parse_saved

    def refresh(
        self,
        sources: Sequence[ConfiguredSource],
        days: Sequence[date] | None,
        *,
        today: date,
        now: datetime,
        over_before: date | None = None,
        due_only: bool = False,
        every_minutes: int | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Iterator[CheckRow]:
        """Yield one row per source and day, in the order of the sources, each filed before it is yielded.

        ``days`` are the days asked for; ``None`` means today and what the source looks back on, and of the
        last 30 days those that were not read well yet: nothing that was listed meanwhile is missed. A source
        whose days have no lists of their own is asked once, for the last of them. Days before
        ``over_before`` (else before ``now``) will not grow any more. ``due_only``: leave out sources that
        are not due yet, or that failed so often that they have to wait; one that sets no interval of its own
        is due every ``every_minutes`` (``None``: each time).
        """
        end = over_before or now.astimezone(UTC).date()
        begun = self._begin(sources, now)

        def work(source: ConfiguredSource, row: Source) -> list[CheckRow]:
            if due_only and not is_due(row, source.every_minutes or every_minutes, now):
                return []
            if source.kind.kind == FOLDER:
                return read_folder(
                    self.database, self.pages, source, now=now, today=today, parse_saved=self.parse_saved
                )
            asked = list(days or self._days(source, row, today, now))
            # A list that has no days is asked for once, as of the last of them.
            asked = asked if source.is_dated else asked[-1:]
            return list(self._read_days(source, row, asked, now, end, progress))

        pool = ThreadPoolExecutor(min(WORKERS, len(sources)) or 1, thread_name_prefix="read")
        results = [pool.submit(with_tags(work), *one) for one in begun]
        faults = []
        try:
            for result in results:
                if (fault := result.exception()) is None:
                    yield from result.result()
                else:
                    faults.append(fault)
        finally:
            # Whoever breaks off does not wait for what is still being read.
            pool.shutdown(wait=False, cancel_futures=True)
        if faults:
            raise faults[0]

    def _begin(
        self, sources: Sequence[ConfiguredSource], now: datetime
    ) -> list[tuple[ConfiguredSource, Source]]:
        """Each source with its row."""
        with self.database.write() as session:
            return [
                (one, source_rows.ensure_source(session, one.name, one.kind.kind, one.url, now))
                for one in sources
            ]

    def _days(self, source: ConfiguredSource, row: Source, today: date, now: datetime) -> list[date]:
        """The days to read, oldest first: those looked back on, and those missed since the source is read."""
        assert row.id is not None  # noqa: S101 - stored rows have ids
        usual = [today - timedelta(days=back) for back in range(source.lookback_days - 1, -1, -1)]
        first = max(usual[0] - timedelta(days=MAX_LOOKBACK - len(usual)), row.created_at.date())
        if not source.is_dated or first >= usual[0]:
            return usual
        with self.database.read() as session:
            read = source_rows.days_read(session, row.id, first_day=first, tried_since=now - RETRY_DAY)
        before = (first + timedelta(days=ahead) for ahead in range((usual[0] - first).days))
        return [day for day in before if day not in read] + usual

    def _read_days(
        self,
        source: ConfiguredSource,
        row: Source,
        days: Sequence[date],
        now: datetime,
        end: date,
        progress: Callable[[str], None],
    ) -> Iterator[CheckRow]:
        assert row.id is not None  # noqa: S101 - stored rows have ids
        unanswered: list[CheckRow] = []
        reader = Reader(self.fetch, self.parse, self._kept)
        for day in days:
            progress(f"{source.kind.label}, {day:%a} {day.day} {day:%b}")
            filing = Filing(
                day,
                now,
                dated=source.is_dated,
                is_over=source.is_dated and day < end,
                history=self._history(row.id, day),
            )
            if len(unanswered) >= MAX_UNREACHABLE and day != days[-1]:
                reading = Reading(None, error=_not_tried(unanswered[0]))
            else:
                reading = self._read(reader, source, filing)
            result = self._file(row, reading, filing, is_last=day == days[-1])
            unanswered = [*unanswered, result] if result.verdict in NO_ANSWER else []
            yield result

    def _history(self, source_id: int, day: date) -> History:
        with self.database.read() as session:
            return load_history(session, source_id, day)

    def _read(self, reader: Reader, source: ConfiguredSource, filing: Filing) -> Reading:
        """The first way that gives a page; a list that looks too short is held against the next way's."""
        failed: list[Reading] = []
        short: Reading | None = None
        for reading in reader.read(source, filing.day, filing.now):
            if reading.page is None or not is_readable(reading.page):
                failed.append(reading)
            elif short is not None:
                return replace(_longer(short, reading), refused=_fetched(failed))
            elif look_short(_weigh(reading, filing), is_over=filing.is_over):
                short = reading
            else:
                return replace(reading, refused=_fetched(failed))
        return replace(short, refused=_fetched(failed)) if short else best_of(failed)

    def _kept(self, name: str, request: PageRequest) -> KeptPage | None:
        with self.database.read() as session:
            source = source_rows.get_source(session, name)
            if source is None or source.id is None:
                return None
            row = source_rows.latest_page(session, source.id, request.url)
        body = self.pages.load(row) if row else None
        if row is None or body is None:
            return None
        return KeptPage(body, row.content_type, row.fetched_at, row.etag, row.last_modified)

    def _keep(
        self, source_id: int, pages: Sequence[tuple[PageRequest, Page]]
    ) -> list[tuple[PageRequest, Page, StoredPage]]:
        """Write the pages' bytes; where that is not possible papers are filed without them."""
        try:
            return [(request, page, self.pages.keep(page, source_id)) for request, page in pages]
        except StorageError as error:
            _log.warning("%s; what it lists is filed all the same", error)
            return []

    def _file(self, row: Source, reading: Reading, filing: Filing, *, is_last: bool) -> CheckRow:
        assert row.id is not None  # noqa: S101 - stored rows have ids
        evidence = _weigh(reading, filing)
        refused, kept = (self._keep(row.id, pages) for pages in (reading.refused, reading.fetched))
        with self.database.write() as session:
            result, check = file_page(
                session, row, reading.page, replace(filing, evidence=evidence), error=reading.error
            )
            check.evidence = check.evidence | {"unmodified": list(reading.unmodified)}
            for request, page, stored in (*refused, *kept):
                stored.url, stored.day, stored.role = request.url, filing.day, request.role
                stored.carry = [list(pair) for pair in request.carry]
                stored.headers = [list(pair) for pair in page.headers]
                stored.verdict, stored.check_id = result.verdict.value, check.id
                source_rows.add_page(session, stored)
            for _, _, stored in refused:
                # Whatever the way taken in its place gave.
                stored.verdict = Verdict.BROKEN.value
            newest = source_rows.newest_day(session, row.id)
            # An old day read again says nothing of how the source is doing now.
            if is_last and newest == check.day:
                record_health(session, row.id, check, retry_after_s=reading.retry_after_s)
            source_rows.note_move(session, row.id, reading.moved_to)
        return result


def _not_tried(row: CheckRow) -> FetchError:
    return FetchError(f"not tried again: {row.error}", verdict=row.verdict)


def _weigh(reading: Reading, filing: Filing) -> Evidence:
    day = filing.day_of(reading.page)
    return weigh(reading.page, filing.history, day=day, check=reading.check, proven=reading.proven)


def _fetched(readings: Sequence[Reading]) -> tuple[tuple[PageRequest, Page], ...]:
    return tuple(one for reading in readings for one in reading.fetched)


def _longer(short: Reading, other: Reading) -> Reading:
    """Of two ways to read one list the longer; where they have the same papers, that is the whole list."""
    assert short.page is not None  # noqa: S101 - the caller looked
    assert other.page is not None  # noqa: S101
    mine, theirs = (
        {key_of(entry) for entry in reading.page.entries} for reading in (short, other) if reading.page
    )
    best = other if theirs > mine else short
    return replace(best, fetched=(*short.fetched, *other.fetched), proven=mine == theirs)
