"""What programs ask for: papers in pages, found, trending or like another, one paper, the sources' health."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from sqlmodel import Session

from digest.models import Source
from digest.pipeline.browsing import FIRST_DAY, LAST_DAY, Browser, Period, SearchQuery, Story, TrendQuery
from digest.storage import browsing as browsing_rows
from digest.storage import catalogue
from digest.storage import papers as paper_rows
from digest.storage import sources as source_rows
from digest.storage.catalogue import PaperFacts
from digest.storage.database import Database
from digest.types import PaperView

__all__ = [
    "CURSOR",
    "Listing",
    "NotThereError",
    "Page",
    "PaperFilter",
    "ToldPaper",
    "WholePaper",
    "find_paper",
    "list_papers",
    "list_similar",
    "list_sources",
    "list_trending",
    "read_cursor",
    "search",
    "tell_papers",
]

Item = TypeVar("Item")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Where a page ended: two numbers, of which every pair is one that can be gone on from.
CURSOR = r"^[0-9]{1,16}-[0-9]{1,9}$"
NO_SOURCE = "There is no such source; /api/sources names them."
_CURSOR = re.compile(CURSOR)


class NotThereError(Exception):
    """What was named is not there; ``str(error)`` says it in a sentence."""


class Page(NamedTuple, Generic[Item]):
    """Some of a longer list; ``next`` is how to ask for what follows, ``None`` at the end."""

    items: Sequence[Item]
    next: str | None


class PaperFilter(NamedTuple):
    """Which papers: first seen on the UTC days ``since`` to ``until``, of that source, of that category."""

    since: date | None = None
    until: date | None = None
    source: str | None = None
    category: str | None = None


class ToldPaper(NamedTuple):
    """A paper as it is shown, and the facts that are not."""

    view: PaperView
    facts: PaperFacts


class Listing(NamedTuple):
    """That a source listed a paper on a day."""

    source: str
    day: date
    position: int


@dataclass(frozen=True, slots=True)
class WholePaper:
    """One paper with where it was listed; ``joined`` are ids it had besides, before they proved one."""

    paper: ToldPaper
    listings: tuple[Listing, ...]
    joined: tuple[int, ...]


def list_papers(
    database: Database, wanted: PaperFilter, *, cursor: str | None, limit: int, now: datetime
) -> Page[ToldPaper]:
    """Papers, the last seen first. ``cursor`` matches ``CURSOR``. Raises ``NotThereError`` for its source."""
    with database.read() as session:
        sources = {one.name: one.source_id for one in browsing_rows.list_named_sources(session)}
        number = None if wanted.source is None else sources.get(wanted.source)
        if number is None and wanted.source is not None:
            raise NotThereError(NO_SOURCE)
        keys = catalogue.list_seen(
            session,
            *browsing_rows.conditions_of(browsing_rows.Filters(number, wanted.category)),
            first=wanted.since,
            last=wanted.until,
            before=_moment(cursor),
            limit=limit + 1,
        )
        papers = tell_papers(session, [number for _, number in keys[:limit]], now)
    return Page(papers, make_cursor(*keys[limit - 1]) if len(keys) > limit else None)


def make_cursor(at: datetime, number: int) -> str:
    """Where a page ended whose last row is that one."""
    return f"{(at - EPOCH) // timedelta(microseconds=1)}-{number}"


def _moment(cursor: str | None) -> tuple[datetime, int] | None:
    numbers = read_cursor(cursor)
    return (EPOCH + timedelta(microseconds=numbers[0]), numbers[1]) if numbers else None


def read_cursor(cursor: str | None) -> tuple[int, int] | None:
    """The two numbers of a cursor."""
    if cursor is None or not _CURSOR.match(cursor):
        return None
    first, _, second = cursor.partition("-")
    return int(first), int(second)


def tell_papers(session: Session, paper_ids: Iterable[int], now: datetime) -> list[ToldPaper]:
    """These papers in this order; those that are not stored are left out."""
    ids = list(dict.fromkeys(paper_ids))
    views, facts = paper_rows.get_views(session, ids, until=now), catalogue.get_facts(session, ids)
    return [ToldPaper(views[one], facts[one]) for one in ids if one in views and one in facts]


def find_paper(database: Database, paper_id: int, now: datetime) -> WholePaper:
    """One paper; one that was joined to another leads to that. Raises ``NotThereError``."""
    with database.read() as session:
        number = paper_rows.joined_id(session, paper_id)
        told = tell_papers(session, browsing_rows.keep_those(session, [number]), now)
        if not told:
            raise NotThereError("There is no such paper.")
        names = {one.source_id: one.name for one in browsing_rows.list_named_sources(session)}
        listings = browsing_rows.list_listings(session, number)
        joined = browsing_rows.list_joined(session, number)
    return WholePaper(
        told[0],
        tuple(Listing(names[one.source_id], one.day, one.position) for one in listings),
        tuple(one.gone_id for one in joined),
    )


def search(
    database: Database, browser: Browser, query: SearchQuery, *, place: str | None, limit: int, now: datetime
) -> Page[ToldPaper]:
    """What is found, the best first; ``place`` is how many came before.

    Raises ``NotThereError`` for its source.
    """
    query = replace(query, since=_bounded(query.since), until=_bounded(query.until))
    page = browser.search(query, now)
    if query.source is not None and query.source not in dict(page.sources):
        raise NotThereError(NO_SOURCE)
    return _stretch(database, page.found.ids, place, limit, now)


def list_similar(
    database: Database, browser: Browser, paper_id: int, *, place: str | None, limit: int, now: datetime
) -> Page[ToldPaper]:
    """Papers like that one, the most similar first. Raises ``NotThereError`` where it is not stored."""
    page = browser.search(SearchQuery(like=paper_id), now)
    if page.query.like is None:
        raise NotThereError("There is no such paper.")
    return _stretch(database, page.found.ids, place, limit, now)


def _stretch(
    database: Database, ids: Sequence[int], place: str | None, limit: int, now: datetime
) -> Page[ToldPaper]:
    start = int(place or 0)
    with database.read() as session:
        papers = tell_papers(session, ids[start : start + limit], now)
    return Page(papers, str(start + limit) if start + limit < len(ids) else None)


def list_trending(
    database: Database, browser: Browser, query: TrendQuery, *, place: str | None, limit: int, now: datetime
) -> tuple[Period, Page[ToldPaper]]:
    """What trends in a period; ``place`` is how many came before. Raises ``NotThereError`` for its source."""
    start, query = int(place or 0), replace(query, day=_bounded(query.day))
    asked = replace(query, page=start // limit + 1)
    page = browser.trending(asked, now, per_page=limit)
    if query.source is not None and page.query.source is None:
        raise NotThereError(NO_SOURCE)
    stories: list[Story] = []
    if start < page.total:
        stories += page.stories[start % limit :]
        if start % limit and page.query.page < page.pages:  # asked for with another limit before
            following = browser.trending(replace(asked, page=asked.page + 1), now, per_page=limit)
            stories += following.stories[: start % limit]
    with database.read() as session:
        papers = tell_papers(session, [story.view.paper_id for story in stories], now)
    more = str(start + limit) if start + limit < page.total else None
    return page.period, Page(papers, more)


def _bounded(day: date | None) -> date | None:
    return None if day is None else min(max(day, FIRST_DAY), LAST_DAY)


def list_sources(database: Database) -> list[Source]:
    """The sources with their health."""
    with database.read() as session:
        return source_rows.list_sources(session)
