"""Refresh: fetch what the sources show, file it, and record what each page proved."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel
from sqlmodel import Session

from digest.diff import diff
from digest.errors import FetchError, SourceError
from digest.models import Check, Source, StoredPage
from digest.pipeline.pages import PageStore
from digest.sources import SourceKind
from digest.storage import papers as paper_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import ChangeKind, Entry, Page, PageRequest, ParsedPage, Verdict
from digest.verdict import judge

__all__ = ["CheckRow", "ConfiguredSource", "Fetch", "Refresher", "file_page"]

MAX_PAGES = 40
# A host that gave no answer twice in a row is left alone for the rest of the run.
MAX_UNREACHABLE = 2
NO_ANSWER = (Verdict.UNREACHABLE, Verdict.BLOCKED)
# How far to look back after a long sleep.
MAX_LOOKBACK = 30
# What a page of such a verdict lists is not filed: it is not what was asked for.
NOT_FILED = (Verdict.STALE, Verdict.BROKEN, Verdict.BLOCKED)


class Fetch(Protocol):
    """The part of the fetcher that a refresh needs."""

    def get(
        self,
        request: PageRequest,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        allow_private: bool = False,
    ) -> Page:
        """Make one request; raises ``FetchError``."""


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source as the settings name it, its options already checked by its kind."""

    name: str
    kind: SourceKind
    url: str
    options: BaseModel
    allow_private: bool = False
    every_minutes: int = 120
    lookback_days: int = 1
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One row of a refresh: a source, a day, and what was found."""

    name: str
    date: date
    verdict: Verdict
    entries: int = 0
    declared: int | None = None
    new: int = 0
    modified: int = 0
    unchanged: int = 0
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "date": self.date.isoformat(), "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one way of reading a source's day brought; ``error`` where it broke off."""

    page: ParsedPage | None
    kept: tuple[StoredPage, ...] = ()
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class Refresher:
    """Reads sources day by day. Does not decide which paper an entry is, or what a page is worth."""

    database: Database
    fetch: Fetch
    pages: PageStore

    def refresh(
        self,
        sources: Sequence[ConfiguredSource],
        days: Sequence[date] | None,
        *,
        today: date,
        now: datetime,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Iterator[CheckRow]:
        """Yield one row per source and day, each filed before it is yielded.

        ``days`` are the days asked for; ``None`` means today and what the source looks back on, and all
        since it was last read, if that is longer ago: nothing that was listed meanwhile is missed.
        """
        for source in sources:
            with self.database.write() as session:
                row = source_rows.ensure_source(session, source.name, source.kind.kind, source.url, now)
                assert row.id is not None  # noqa: S101 - a stored row has its id
                read_at = source_rows.last_read_at(session, row.id, now)
            unreachable: list[CheckRow] = []
            for day in days or _lookback(today, source.lookback_days, read_at):
                progress(f"{source.kind.label}, {day:%a} {day.day} {day:%b}")
                if len(unreachable) >= MAX_UNREACHABLE:
                    reading = Reading(None, error=FetchError(f"not tried again: {unreachable[0].error}"))
                else:
                    reading = self._read(source, row, day)
                result = self._file(row, reading, day, now)
                unreachable = [*unreachable, result] if result.verdict in NO_ANSWER else []
                yield result

    def _read(self, source: ConfiguredSource, row: Source, day: date) -> Reading:
        """The first way that gives a page; where none does, all their errors in one."""
        failures: list[tuple[str, SourceError]] = []
        for way, request in source.kind.day_requests(source.url, source.options, day):
            reading = self._read_way(source, row, request)
            if reading.page is not None:
                return reading
            assert reading.error is not None  # noqa: S101 - a reading without a page carries its error
            failures.append((way, reading.error))
        first = failures[0][1]
        if len({str(error) for _, error in failures}) > 1:
            words = "; ".join(f"{way}: {error}" for way, error in failures)
            first = FetchError(words, verdict=getattr(first, "verdict", Verdict.UNREACHABLE))
        return Reading(None, error=first)

    def _read_way(self, source: ConfiguredSource, row: Source, request: PageRequest) -> Reading:
        """Follow one list through its pages until one brings nothing new."""
        pages: list[ParsedPage] = []
        kept: list[StoredPage] = []
        seen: set[object] = set()
        waiting = [request]
        while waiting and len(pages) < MAX_PAGES:
            current = waiting.pop(0)
            try:
                page, stored = self._fetch(source, row, current)
                parsed = source.kind.parse(page.body, current, source.options, content_type=page.content_type)
            except SourceError as error:
                return Reading(_join(pages), tuple(kept), error) if pages else Reading(None, error=error)
            kept += [stored] if stored else []
            fresh = {_key(entry) for entry in parsed.entries} - seen
            seen |= fresh
            pages.append(parsed)
            if fresh:
                waiting.extend(parsed.next_requests)
        rest = FetchError(f"the list goes on after {MAX_PAGES} pages") if waiting else None
        return Reading(_join(pages), tuple(kept), rest)

    def _fetch(
        self, source: ConfiguredSource, row: Source, request: PageRequest
    ) -> tuple[Page, StoredPage | None]:
        """One conditional GET; an unmodified page is read from where it is kept."""
        assert row.id is not None  # noqa: S101 - stored rows have ids
        with self.database.read() as session:
            last = source_rows.latest_page(session, row.id, request.url)
        body = self.pages.load(last) if last else None
        validators = (last.etag, last.last_modified) if last and body is not None else (None, None)
        page = self.fetch.get(
            request, etag=validators[0], last_modified=validators[1], allow_private=source.allow_private
        )
        if page.not_modified and last is not None and body is not None:
            return replace(page, body=body, content_type=last.content_type), None
        stored = self.pages.keep(replace(page, url=request.url), row.id)
        stored.day = request.day
        return page, stored

    def _file(self, row: Source, reading: Reading, day: date, now: datetime) -> CheckRow:
        with self.database.write() as session:
            result = file_page(session, row, reading.page, day=day, now=now, error=reading.error)
            for stored in reading.kept:
                stored.verdict = result.verdict.value
                source_rows.add_page(session, stored)
        return result


def file_page(
    session: Session,
    row: Source,
    page: ParsedPage | None,
    *,
    day: date,
    now: datetime,
    error: SourceError | None = None,
) -> CheckRow:
    """Hold a parsed page against what is stored, file what it lists under ``day``, record the check.

    Runs inside the caller's write transaction, so that a page is filed wholly or not at all.
    """
    assert row.id is not None  # noqa: S101 - stored rows have ids
    entries = page.entries if page else ()
    known = paper_rows.find_known(session, row.id, entries) if entries else []
    changes = diff(entries, known, listed_on=day, today=day)
    verdict = judge(page, changes, day=day, error=error)
    if verdict in NOT_FILED:
        changes, entries = [], ()
    paper_rows.apply_changes(session, row.id, changes, now)
    new, modified = (
        sum(one.kind is kind for one in changes) for kind in (ChangeKind.NEW, ChangeKind.MODIFIED)
    )
    result = CheckRow(
        name=row.name,
        date=day,
        verdict=verdict,
        entries=len(page.entries) if page else 0,
        declared=page.declared if page else None,
        new=new,
        modified=modified,
        # An entry that stands on the page twice changes nothing the second time.
        unchanged=len(entries) - new - modified,
        error=str(error) if error else None,
    )
    facts = asdict(result) | {"verdict": verdict.value}
    del facts["name"], facts["date"]
    source_rows.add_check(session, Check(source_id=row.id, day=day, checked_at=now, **facts))
    return result


def _lookback(today: date, days: int, read_at: datetime | None) -> list[date]:
    """The days to read, oldest first: the last ``days``, and those since the source was last read."""
    if read_at is not None:
        days = max(days, min((today - read_at.date()).days + 1, MAX_LOOKBACK))
    return [today - timedelta(days=back) for back in range(days - 1, -1, -1)]


def _key(entry: Entry) -> object:
    return entry.arxiv_id or entry.doi or entry.source_ref or (entry.title, entry.abstract)


def _join(pages: Sequence[ParsedPage]) -> ParsedPage:
    """Pages of one list as one: each paper once, positions counted through."""
    unique = {_key(entry): entry for page in reversed(pages) for entry in reversed(page.entries)}
    order = [key for page in pages for key in map(_key, page.entries)]
    entries = tuple(
        replace(unique[key], position=position) for position, key in enumerate(dict.fromkeys(order), start=1)
    )
    declared = next((page.declared for page in pages if page.declared is not None), None)
    return ParsedPage(
        entries=entries,
        declared=declared,
        page_date=pages[0].page_date,
        skipped=sum(page.skipped for page in pages),
    )
