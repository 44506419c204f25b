"""Refresh: read what the sources show, file it, and record what each page proved."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from digest.errors import FetchError
from digest.models import Source
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

# A host that gave no answer twice in a row is left alone for the rest of the run.
MAX_UNREACHABLE = 2
NO_ANSWER = (Verdict.UNREACHABLE, Verdict.BLOCKED)
# How far to look back after a long sleep.
MAX_LOOKBACK = 30
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

        ``days`` are the days asked for; ``None`` means today and what the source looks back on, and all
        since it was last read, if that is longer ago: nothing that was listed meanwhile is missed. A source
        whose days have no lists of their own is asked once, for the last of them. Days before
        ``over_before`` (else before ``now``) will not grow any more. ``due_only``: leave out sources that
        are not due yet, or that failed so often that they have to wait; one that sets no interval of its own
        is due every ``every_minutes`` (``None``: each time).
        """
        end = over_before or now.astimezone(UTC).date()
        begun = self._begin(sources, now)

        def work(source: ConfiguredSource, row: Source, read_at: datetime | None) -> list[CheckRow]:
            if due_only and not is_due(row, source.every_minutes or every_minutes, now):
                return []
            if source.kind.kind == FOLDER:
                return read_folder(
                    self.database, self.pages, source, now=now, today=today, parse_saved=self.parse_saved
                )
            asked = list(days or _lookback(today, source.lookback_days, read_at))
            # A list that has no days is asked for once, as of the last of them.
            asked = asked if source.is_dated else asked[-1:]
            return list(self._read_days(source, row, asked, now, end, progress))

        with ThreadPoolExecutor(min(WORKERS, len(sources)) or 1, thread_name_prefix="read") as pool:
            results = [pool.submit(work, *one) for one in begun]
            try:
                for result in results:
                    yield from result.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _begin(
        self, sources: Sequence[ConfiguredSource], now: datetime
    ) -> list[tuple[ConfiguredSource, Source, datetime | None]]:
        """Each source with its row, and when it was last read."""
        begun = []
        with self.database.write() as session:
            for source in sources:
                row = source_rows.ensure_source(session, source.name, source.kind.kind, source.url, now)
                assert row.id is not None  # noqa: S101 - a stored row has its id
                begun.append((source, row, source_rows.last_read_at(session, row.id, now)))
        return begun

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
        for day in days:
            progress(f"{source.kind.label}, {day:%a} {day.day} {day:%b}")
            filing = Filing(
                day,
                now,
                dated=source.is_dated,
                is_over=source.is_dated and day < end,
                history=self._history(row.id, day),
            )
            if len(unanswered) >= MAX_UNREACHABLE:
                reading = Reading(None, error=FetchError(f"not tried again: {unanswered[0].error}"))
            else:
                reading = self._read(source, filing)
            result = self._file(row, reading, filing, is_last=day == days[-1])
            unanswered = [*unanswered, result] if result.verdict in NO_ANSWER else []
            yield result

    def _history(self, source_id: int, day: date) -> History:
        with self.database.read() as session:
            return load_history(session, source_id, day)

    def _read(self, source: ConfiguredSource, filing: Filing) -> Reading:
        """The first way that gives a page; a list that looks too short is held against the next way's."""
        reader = Reader(self.fetch, self.parse, self._kept)
        failed: list[Reading] = []
        short: Reading | None = None
        for reading in reader.read(source, filing.day, filing.now):
            if reading.page is None or not is_readable(reading.page):
                failed.append(reading)
            elif short is not None:
                return _longer(short, reading)
            elif look_short(_weigh(reading, filing), is_over=filing.is_over):
                short = reading
            else:
                return replace(reading, fetched=(*_fetched(failed), *reading.fetched))
        return short or best_of(failed)

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

    def _file(self, row: Source, reading: Reading, filing: Filing, *, is_last: bool) -> CheckRow:
        assert row.id is not None  # noqa: S101 - stored rows have ids
        evidence = _weigh(reading, filing)
        kept = [(request, page, self.pages.keep(page, row.id)) for request, page in reading.fetched]
        with self.database.write() as session:
            result, check = file_page(
                session, row, reading.page, replace(filing, evidence=evidence), error=reading.error
            )
            for request, page, stored in kept:
                stored.url, stored.day, stored.role = request.url, filing.day, request.role
                stored.carry = [list(pair) for pair in request.carry]
                stored.headers = [list(pair) for pair in page.headers]
                stored.verdict, stored.check_id = result.verdict.value, check.id
                source_rows.add_page(session, stored)
            if is_last:
                record_health(session, row.id, check, retry_after_s=reading.retry_after_s)
            source_rows.note_move(session, row.id, reading.moved_to)
        return result


def _lookback(today: date, days: int, read_at: datetime | None) -> list[date]:
    """The days to read, oldest first: the last ``days``, and those since the source was last read."""
    if read_at is not None:
        days = max(days, min((today - read_at.date()).days + 1, MAX_LOOKBACK))
    return [today - timedelta(days=back) for back in range(days - 1, -1, -1)]


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
