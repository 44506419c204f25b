"""A source of lists in plain lines, read by a parser that can be broken and mended, and its fetched past.

A page is lines: ``id|title|votes`` is an entry, ``declared 3`` and ``next /path`` are what they say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from digest.errors import FetchError, ParseError
from digest.pipeline.filing import CheckRow
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import ConfiguredSource
from digest.pipeline.refresh import Refresher
from digest.storage.database import Database
from digest.types import Entry, Page, PageRequest, ParsedPage

BASE = "https://lists.example"
MONDAY = date(2026, 8, 3)


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class Lists:
    """The kind ``lists``. ``ways`` are the paths it is read by, best first."""

    kind: str = "lists"
    label: str = "Lists"
    default_url: str = BASE
    exact_url: bool = False
    lookback_days: int = 1
    trust: int = 20
    Options: type[BaseModel] = NoOptions
    ways: tuple[str, ...] = ("list",)
    dated: bool = True

    def is_dated(self, options: BaseModel) -> bool:
        return self.dated

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        query = f"?date={day}" if self.dated else ""
        return tuple((way, PageRequest(url=f"{url}/{way}{query}", day=day)) for way in self.ways)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        return read_lines(body, request)


def read_lines(body: bytes, request: PageRequest) -> ParsedPage:
    """The parser as it should be."""
    entries: list[Entry] = []
    declared, following = None, []
    for line in body.decode().splitlines():
        if line.startswith("declared "):
            declared = int(line.split()[1])
        elif line.startswith("next "):
            following.append(PageRequest(url=BASE + line.split()[1], day=request.day, role="next"))
        elif line.startswith("<"):
            raise ParseError("looked for lines, found HTML")
        else:
            ref, title, votes = line.split("|")
            entries.append(Entry(title, len(entries) + 1, f"On {title}.", source_ref=ref, votes=int(votes)))
    return ParsedPage(tuple(entries), declared=declared, next_requests=tuple(following))


def lines(*refs: int, votes: int = 1, more: str = "") -> str:
    """A page of so many entries."""
    return "\n".join([f"p{ref}|Paper number {ref}|{votes}" for ref in refs] + ([more] if more else []))


def parse_with(read: Callable[[bytes, PageRequest], ParsedPage]) -> Any:
    """A parser as the pipeline wants it."""

    def parse(
        kind_name: str, options: BaseModel, body: bytes, request: PageRequest, *, content_type: str = ""
    ) -> ParsedPage:
        return read(body, request)

    return parse


def broken(body: bytes, request: PageRequest) -> ParsedPage:
    """A parser that no longer knows the page."""
    raise ParseError("looked for lines, found none")


def drops_last(body: bytes, request: PageRequest) -> ParsedPage:
    """A parser with a mistake that nobody sees: it loses the last entry."""
    page = read_lines(body, request)
    return ParsedPage(page.entries[:-1], next_requests=page.next_requests)


@dataclass
class Site:
    """What is fetched: pages by path and query; an integer is a status, an absent page no answer.

    ``not_modified``: all pages are as they were; ``modified``: all but this one.
    """

    pages: Mapping[str, str | int]
    at: datetime
    not_modified: bool = False
    modified: str = ""

    def get(self, request: PageRequest, *, etag: str | None = None, **_: Any) -> Page:
        found = self.pages.get(request.url.removeprefix(BASE))
        if found is None:
            raise FetchError("no answer")
        body = b"<html>no</html>" if isinstance(found, int) else found.encode()
        status = found if isinstance(found, int) else 200
        page = Page(request.url, status, body, self.at + timedelta(seconds=5), etag='"1"')
        if status != 200:
            raise FetchError(f"the server answered {status}", page=page)
        if etag and (self.not_modified or (self.modified and request.url != BASE + self.modified)):
            return Page(request.url, 304, b"", self.at, not_modified=True)
        return page


@dataclass
class World:
    """One source with its database and its kept pages."""

    database: Database
    pages: PageStore
    source: ConfiguredSource

    @classmethod
    def of(cls, database: Database, folder: Path, **given: Any) -> "World":
        source = ConfiguredSource("lists", Lists(**given), BASE, NoOptions())
        return cls(database, PageStore(folder / "pages"), source)

    def refresh(
        self,
        pages: Mapping[str, str | int],
        day: date = MONDAY,
        *,
        read: Callable[[bytes, PageRequest], ParsedPage] = read_lines,
        hour: int = 8,
        not_modified: bool = False,
        modified: str = "",
    ) -> list[CheckRow]:
        """Read the source for a day, at that hour of it; all but ``modified`` may come as not modified."""
        now = datetime.combine(day, time(hour), UTC)
        site = Site(pages, now, not_modified, modified)
        refresher = Refresher(self.database, site, self.pages, parse_with(read))
        return list(refresher.refresh([self.source], [day], today=day, now=now))
