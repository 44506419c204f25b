"""Reading one list of a source: its requests made, its pages parsed and joined. Files nothing.

What a page is worth is :mod:`digest.verdict`'s business, what is kept of it :mod:`digest.pipeline.refresh`'s.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from pydantic import BaseModel

from digest.errors import FetchError, SourceError
from digest.netguard import parse_target
from digest.pipeline.masking import mask_page, secrets_of
from digest.sources import SourceKind
from digest.types import Entry, Page, PageRequest, ParsedPage, Verdict
from digest.verdict import key_of

__all__ = ["ConfiguredSource", "Fetch", "KeptPage", "Parse", "Reader", "Reading", "best_of", "parse_here"]

MAX_PAGES = 40
# All pages of a list together are held until it ends, so they have a bound as each of them has.
MAX_LIST_BYTES = 24 * 2**20
# So many entries of a list are read: filing more would hold up everybody else who writes.
MAX_ENTRIES = 5000
# No new page of a source is asked for after so long, however patient each single request is.
MAX_READING_S = 300.0
# A server that says "not modified" is asked without conditions once in so long: some say it wrongly.
TRUST_304 = timedelta(days=7)
# What an integer column of every database holds.
MAX_DECLARED = 2**31 - 1
# What a source's own headers may be sent to elsewhere: nothing that could be a credential.
HARMLESS_HEADERS = frozenset({"accept", "accept-language"})


class Fetch(Protocol):
    """The part of the fetcher that reading needs."""

    def get(
        self,
        request: PageRequest,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        allow_private: bool = False,
        timeout_s: float | None = None,
        max_bytes: int | None = None,
    ) -> Page:
        """Make one request; raises ``FetchError``."""


class Parse(Protocol):
    """Parses one page by the kind of that name, in bounds. Raises ``ParseError``."""

    def __call__(
        self, kind_name: str, options: BaseModel, body: bytes, request: PageRequest, *, content_type: str = ""
    ) -> ParsedPage:
        """What the page lists."""


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source as the settings name it, its options already checked by its kind.

    ``every_minutes`` is how often it is read by itself, ``None``: at each run.
    """

    name: str
    kind: SourceKind
    url: str
    options: BaseModel
    allow_private: bool = False
    every_minutes: int | None = None
    lookback_days: int = 1
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float | None = None
    max_bytes: int | None = None

    @property
    def is_dated(self) -> bool:
        """Whether each day has a list of its own."""
        return self.kind.is_dated(self.options)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is sent to the site and must not be kept."""
        return secrets_of(self.options, self.headers)


@dataclass(frozen=True, slots=True)
class KeptPage:
    """The newest page of an address that is kept: what makes a request conditional, and the bytes."""

    body: bytes
    content_type: str
    fetched_at: datetime
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one way of reading a list brought; ``error`` where it broke off or gave nothing.

    ``page`` is all its pages as one list, ``check`` the ids that pages which only count told.
    ``way`` is the kind's name for how it was read, ``fetched`` the pages that came new, beside their
    requests; those of an error too. ``refused`` are such pages of ways tried before that gave nothing
    usable, ``unmodified`` the addresses answered from what was kept. ``proven``: two ways gave the same list.
    """

    page: ParsedPage | None
    way: str = ""
    fetched: tuple[tuple[PageRequest, Page], ...] = ()
    error: SourceError | None = None
    check: frozenset[str] | None = None
    proven: bool = False
    moved_to: str | None = None
    refused: tuple[tuple[PageRequest, Page], ...] = ()
    unmodified: tuple[str, ...] = ()

    @property
    def retry_after_s(self) -> float | None:
        """How long the server asked to be left alone."""
        return getattr(self.error, "retry_after_s", None)


@dataclass(slots=True)
class _List:
    """A list as it is being read."""

    way: str
    pages: list[ParsedPage] = field(default_factory=list)
    checks: list[ParsedPage] = field(default_factory=list)
    fetched: list[tuple[PageRequest, Page]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    error: SourceError | None = None
    moved_to: str | None = None
    unmodified: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(len(page.body) for _, page in self.fetched)

    def add(self, parsed: ParsedPage) -> tuple[PageRequest, ...]:
        """Take in a page; returns the requests that continue it, none where it brought nothing new."""
        if parsed.only_checks:
            # One that tells neither ids nor a number has nothing to say on this list.
            self.checks += [parsed] if parsed.entries or parsed.declared is not None else []
            return parsed.next_requests
        fresh = {key_of(entry) for entry in parsed.entries} - self.seen
        self.seen |= fresh
        first = not self.pages
        self.pages.append(parsed)
        # A first page without entries may be the answer to a search whose papers are asked for next.
        return parsed.next_requests if fresh or first else ()

    def result(self) -> Reading:
        """What was read, as one list."""
        check = None
        if self.checks:
            check = frozenset(key_of(entry) for page in self.checks for entry in page.entries)
        page = _join(self.pages, self.checks) if self.pages else None
        return Reading(
            page,
            self.way,
            tuple(self.fetched),
            self.error,
            check,
            moved_to=self.moved_to,
            unmodified=tuple(self.unmodified),
        )


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes the requests of a source and parses what comes, for ``max_s`` seconds from when it is made.

    ``kept`` gives the newest kept page of an address of a source, or ``None``.
    """

    fetch: Fetch
    parse: Parse
    kept: Callable[[str, PageRequest], KeptPage | None] = lambda _name, _request: None
    clock: Callable[[], float] = time.monotonic
    max_s: float = MAX_READING_S
    end: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "end", self.clock() + self.max_s)

    def read(self, source: ConfiguredSource, day: date, now: datetime) -> Iterator[Reading]:
        """Read the list of a day, way after way, best first; the caller takes as many as it needs.

        Each reading has a page, an error, or both.
        """
        for way, request in source.kind.day_requests(source.url, source.options, day):
            yield self._read_way(source, way, request, now)

    def _read_way(self, source: ConfiguredSource, way: str, request: PageRequest, now: datetime) -> Reading:
        """Follow one list through its pages until one brings nothing new."""
        found = _List(way)
        waiting = [request]
        asked: set[PageRequest] = set()
        while waiting:
            current = waiting.pop(0)
            if current in asked:
                continue
            if len(asked) == MAX_PAGES or self.clock() > self.end:
                if not all(one.optional for one in (current, *waiting)):
                    found.error = self._too_long(len(asked))
                break
            if found.size > MAX_LIST_BYTES or len(found.seen) >= MAX_ENTRIES:
                found.error = FetchError(
                    f"the list has more than {MAX_ENTRIES:,} entries or {MAX_LIST_BYTES // 2**20} MiB"
                )
                break
            asked.add(current)
            try:
                waiting += found.add(self._read_page(source, current, now, found))
            except SourceError as error:
                _keep_evidence(found, current, error)
                if not current.optional:
                    found.error = error
                    break
        if not found.pages and found.error is None:
            found.error = FetchError("none of the pages asked for lists anything", verdict=Verdict.BROKEN)
        return found.result()

    def _too_long(self, pages: int) -> FetchError:
        if pages == MAX_PAGES:
            return FetchError(f"the list goes on after {pages} pages")
        return FetchError(f"not read to its end within {self.max_s:.0f} s")

    def _read_page(
        self, source: ConfiguredSource, request: PageRequest, now: datetime, found: _List
    ) -> ParsedPage:
        """One request, conditional where its last answer is kept; an unmodified page is read from there."""
        last = self.kept(source.name, request) if request.method == "GET" else None
        conditional = last is not None and now - last.fetched_at < TRUST_304
        own = _is_own_origin(source, request)
        try:
            page = self.fetch.get(
                _with_headers(source, request, own=own),
                etag=last.etag if last and conditional else None,
                last_modified=last.last_modified if last and conditional else None,
                allow_private=source.allow_private and own,
                timeout_s=source.timeout_s,
                max_bytes=source.max_bytes,
            )
        except FetchError as error:
            if error.page is not None:
                error.page = mask_page(error.page, source.secrets)
            raise
        page = mask_page(page, source.secrets)
        found.moved_to = found.moved_to or page.moved_to
        if page.not_modified and last is not None:
            found.unmodified.append(request.url)
            page = replace(page, body=last.body, content_type=last.content_type)
        else:
            found.fetched.append((request, page))
        return self.parse(
            source.kind.kind, source.options, page.body, request, content_type=page.content_type
        )


def parse_here(
    kind_name: str, options: BaseModel, body: bytes, request: PageRequest, *, content_type: str = ""
) -> ParsedPage:
    """Parse in this process, without bounds: for tests and for pages one trusts."""
    from digest.sources import get_kind

    return get_kind(kind_name).parse(body, request, options, content_type=content_type)


def _is_own_origin(source: ConfiguredSource, request: PageRequest) -> bool:
    return parse_target(request.url).origin == parse_target(source.url).origin


def _with_headers(source: ConfiguredSource, request: PageRequest, *, own: bool) -> PageRequest:
    """The request with the source's headers; one to another origin loses what could be a credential.

    Hosts that a kind itself asks in turn belong together: what the kind sends there is its own.
    """
    if own:
        return replace(request, headers=(*request.headers, *source.headers))
    if request.turn:
        return request
    return replace(
        request, headers=tuple(pair for pair in request.headers if pair[0].lower() in HARMLESS_HEADERS)
    )


def _keep_evidence(found: _List, request: PageRequest, error: SourceError) -> None:
    page = getattr(error, "page", None)
    if page is not None:
        found.fetched.append((request, page))


def best_of(failed: Sequence[Reading]) -> Reading:
    """Of ways that gave nothing usable: a page that was read all the same, or all errors in one."""
    if not failed:
        return Reading(None, error=FetchError("this kind asks for no page", verdict=Verdict.BROKEN))
    fetched = tuple(one for reading in failed for one in reading.fetched)
    best = next((reading for reading in failed if reading.page is not None), failed[0])
    if best.page is not None or len({str(reading.error) for reading in failed}) == 1:
        return replace(best, fetched=fetched)
    words = "; ".join(f"{reading.way}: {reading.error}" for reading in failed)
    waits = [reading.retry_after_s for reading in failed if reading.retry_after_s is not None]
    verdict = getattr(best.error, "verdict", Verdict.UNREACHABLE)
    error = FetchError(words, verdict=verdict, retry_after_s=max(waits, default=None))
    return replace(best, fetched=fetched, error=error)


def _join(pages: Sequence[ParsedPage], checks: Sequence[ParsedPage]) -> ParsedPage:
    """Pages of one list as one: each paper once, positions counted through."""
    unique: dict[str, Entry] = {}
    for page in pages:
        for entry in page.entries:
            first = unique.setdefault(key_of(entry), entry)
            if entry.announces and not first.announces:
                unique[key_of(entry)] = entry
    entries = tuple(
        replace(entry, position=position) for position, entry in enumerate(unique.values(), start=1)
    )
    declared = [page.declared for page in pages if page.declared is not None]
    told = [page.page_date for page in (*pages, *checks) if page.page_date is not None]
    return ParsedPage(
        entries=entries,
        declared=min(max(declared), MAX_DECLARED) if declared else None,
        page_date=max(told, default=None),
        skipped=sum(page.skipped for page in pages),
        disagreement=next((page.disagreement for page in pages if page.disagreement), None),
    )
