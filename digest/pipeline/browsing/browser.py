"""What the web's pages, feeds and programs look things up by: one for a process, used by many threads.

What does not change until papers do (days, categories, the order of a period) is kept between requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from math import ceil

from sqlmodel import Session

from digest.pipeline.browsing.archive import ArchivePage, load_archive
from digest.pipeline.browsing.calendar import Calendar, load_calendar
from digest.pipeline.browsing.completeness import Completeness, load_completeness
from digest.pipeline.browsing.likeness import Likeness
from digest.pipeline.browsing.memo import Memo
from digest.pipeline.browsing.paper import PaperPage, load_paper, resolve
from digest.pipeline.browsing.searching import Found, SearchPage, SearchQuery, find, show
from digest.pipeline.browsing.trending import (
    PER_PAGE,
    Ranked,
    TrendPage,
    TrendQuery,
    choose,
    rank_period,
    tell,
    understand,
    until_of,
)
from digest.ranking.usual import UsualGrowth
from digest.storage import browsing as rows
from digest.storage import stamps
from digest.storage.database import Database
from digest.translation import language

__all__ = ["Browser"]

# How many papers' categories are looked at to suggest some, and how many are suggested.
RECENT, SUGGESTED = 3000, 60


class Browser:
    """Looks up what is shown. Changes nothing. ``usual`` gives what was learnt of how fast votes come."""

    def __init__(self, database: Database, usual: Callable[[], UsualGrowth | None] = lambda: None) -> None:
        self._database = database
        self._usual = usual
        self._calendars: Memo[Calendar] = Memo(2)
        self._ranked: Memo[tuple[Ranked, ...]] = Memo(200_000, lambda ranked: len(ranked) + 1)
        self._completeness: Memo[Completeness] = Memo(500)
        self._found: Memo[Found] = Memo(500)
        self._categories: Memo[tuple[str, ...]] = Memo(2)
        self._counts: Memo[dict[date, int]] = Memo(2)
        self._likeness = Likeness()

    def stamp(self) -> str:
        """Another text whenever stored papers change: what was made under the same one may be kept."""
        with self._database.read() as session:
            return stamps.papers_stamp(session)

    def newest_day(self, now: datetime) -> date | None:
        """The newest day up to today (UTC) on which any source listed papers."""
        with self._database.read() as session:
            return self._calendar(session, stamps.papers_stamp(session)).newest(now.astimezone(UTC).date())

    def trending(self, query: TrendQuery, now: datetime, *, per_page: int = PER_PAGE) -> TrendPage:
        """One page of what trended; a page beyond the last gives the last."""
        with self._database.read() as session:
            stamp = stamps.papers_stamp(session)
            calendar, today = self._calendar(session, stamp), now.astimezone(UTC).date()
            query, period, notes = understand(query, calendar, today)
            until = until_of(period, now)
            key = (period, until, stamp)
            ranked = self._ranked.get(key, lambda: rank_period(session, period, until, self._usual()))
            chosen = choose(ranked, query, calendar.numbers.get(query.source or ""))
            pages = max(ceil(len(chosen) / per_page), 1)
            query = replace(query, page=min(max(query.page, 1), pages))
            shown = chosen[(query.page - 1) * per_page : query.page * per_page]
            after = calendar.after(period.last, query.source)
            return TrendPage(
                query=query,
                period=period,
                stories=tell(session, shown, period, until, calendar),
                total=len(chosen),
                pages=pages,
                previous=calendar.before(period.first, query.source),
                next=after if after is not None and after <= today else None,
                sources=_sources(ranked, calendar, query.source),
                categories=_categories(ranked, query.category),
                completeness=self._completeness.get(
                    (key, language()),
                    lambda: load_completeness(session, period, calendar.labels_by_number, now),
                ),
                notes=tuple(notes),
            )

    def search(self, query: SearchQuery, now: datetime, *, page: int = 1) -> SearchPage:
        """One page of what is found; a page beyond the last gives the last."""
        with self._database.read() as session:
            stamp = stamps.papers_stamp(session)
            calendar = self._calendar(session, stamp)
            if query.like is not None:
                like = resolve(session, str(query.like))
                is_public = like is not None and bool(rows.keep_those(session, [like]))
                query = replace(query, like=like if is_public else None)
            found = Found()
            if not query.is_empty:
                found = self._found.get(
                    (query, stamp), lambda: find(session, query, calendar, self._likeness, stamp)
                )
            categories = self._categories.get(stamp, lambda: _suggested(session))
            return show(session, query, found, max(page, 1), calendar, categories, now)

    def resolve(self, ref: str) -> int | None:
        """The number of the paper that a reference means: ours, an arXiv id, a DOI, ``pmid:31452104``."""
        with self._database.read() as session:
            return resolve(session, ref)

    def paper(self, paper_id: int, now: datetime) -> PaperPage | None:
        """Everything known of one paper; ``None`` where there is none of that number."""
        with self._database.read() as session:
            stamp = stamps.papers_stamp(session)
            similar = self._likeness.similar(session, paper_id, stamp)
            return load_paper(session, paper_id, similar, self._calendar(session, stamp), now)

    def archive(self, month: date | None, now: datetime) -> ArchivePage:
        """One month of the archive; ``None`` stands for the newest that has papers."""
        with self._database.read() as session:
            stamp, today = stamps.papers_stamp(session), now.astimezone(UTC).date()
            newest = self._calendar(session, stamp).newest(today) or today
            counts = self._counts.get(stamp, lambda: rows.count_listed(session))
            return load_archive(session, counts, month or newest)

    def said(
        self, subscriber_id: int, token_version: int, paper_ids: Sequence[int]
    ) -> Mapping[int, frozenset[str]]:
        """What a reader said of these papers (``more``, ``less``, ``saved``), by paper.

        Nothing where their token version is another one by now.
        """
        with self._database.read() as session:
            return rows.list_said(session, subscriber_id, token_version, paper_ids)

    def _calendar(self, session: Session, stamp: str) -> Calendar:
        return self._calendars.get(stamp, lambda: load_calendar(session))


def _sources(ranked: Sequence[Ranked], calendar: Calendar, chosen: str | None) -> tuple[tuple[str, str], ...]:
    """Those that list anything of this, and the one that is chosen, in the order they were added."""
    present = {source for one in ranked for source in one.sources}
    return tuple(
        (name, label)
        for name, label in calendar.labels.items()
        if calendar.numbers[name] in present or name == chosen
    )


def _categories(ranked: Sequence[Ranked], chosen: str | None) -> tuple[str, ...]:
    present = {category for one in ranked for category in one.categories}
    return tuple(sorted(present | ({chosen} if chosen is not None else set())))


def _suggested(session: Session) -> tuple[str, ...]:
    counts = rows.count_categories(session, newest=RECENT)
    return tuple(sorted(category for category, _ in counts.most_common(SUGGESTED)))
