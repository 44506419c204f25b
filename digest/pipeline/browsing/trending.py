"""What trended in a period: which papers, in which order, with their stories."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlmodel import Session

from digest.pipeline.browsing.calendar import Calendar
from digest.pipeline.browsing.completeness import Completeness
from digest.pipeline.browsing.periods import Period, Span, period_of
from digest.pipeline.browsing.stories import Story, find_marks, make_story
from digest.ranking.trend import measure_trend
from digest.ranking.usual import UsualGrowth
from digest.storage import browsing as rows
from digest.storage import papers as paper_rows
from digest.translation import gettext as _
from digest.types import Candidate, Sighting

__all__ = [
    "PER_PAGE",
    "Ranked",
    "Sort",
    "TrendPage",
    "TrendQuery",
    "choose",
    "rank_period",
    "tell",
    "understand",
    "until_of",
]

PER_PAGE = 50
# Votes still move for a while after a list's day; what comes much later says nothing of that day.
AFTERMATH = timedelta(days=7)
HOUR = timedelta(hours=1)


class Sort(StrEnum):
    """What comes first: most votes, most votes a day lately, or what was seen last."""

    VOTES = "votes"
    RISE = "rise"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class TrendQuery:
    """What is asked of the trending list; ``day`` ``None`` stands for the newest with papers."""

    day: date | None = None
    span: Span = Span.DAY
    sort: Sort = Sort.VOTES
    source: str | None = None
    category: str | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class Ranked:
    """A paper of a period with what it is sorted and filtered by.

    ``speed`` is from 0 to 1 (see ``digest.ranking.trend``), ``position`` the best it had.
    """

    paper_id: int
    sources: frozenset[int]
    categories: tuple[str, ...]
    votes: int | None
    speed: float
    is_rising: bool
    position: int
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class TrendPage:
    """One page of a trending list.

    ``query`` is as it was understood, its ``day`` one of ``period``; ``notes`` say in sentences what was not.
    ``total`` counts all pages' papers. ``previous`` and ``next`` are days of other periods that have papers.
    ``sources`` are ``(name, label)``; ``sources`` and ``categories`` only those that occur, and the chosen.
    """

    query: TrendQuery
    period: Period
    stories: tuple[Story, ...]
    total: int
    pages: int
    previous: date | None
    next: date | None
    sources: tuple[tuple[str, str], ...]
    categories: tuple[str, ...]
    completeness: Completeness
    notes: tuple[str, ...] = ()


def until_of(period: Period, now: datetime) -> datetime:
    """Up to when votes count for a period: a week after it, or now (to the hour, so that it can be kept)."""
    end = datetime.combine(period.last, time.min, UTC) + timedelta(days=1) + AFTERMATH
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    return min(end, this_hour + HOUR)


def rank_period(
    session: Session, period: Period, until: datetime, usual: UsualGrowth | None = None
) -> tuple[Ranked, ...]:
    """Everything listed in the period, by paper, with its votes as they stood at ``until``.

    A paper whose votes were told only later has them as they were told first. ``usual`` (by the sources'
    names) says how fast votes come; without it the papers of the period themselves do.
    """
    listed: dict[int, list[rows.ListedPaper]] = defaultdict(list)
    for one in rows.list_listed(session, period.first, period.last):
        listed[one.paper_id].append(one)
    looks = _looks(rows.list_counts(session, period.first, period.last), until)
    numbers = {one.name: str(one.source_id) for one in rows.list_named_sources(session)}
    candidates = [
        Candidate(paper_id, title="", listed_on=found[-1].day, first_seen_at=found[0].first_seen_at)
        for paper_id, found in listed.items()
    ]
    places = {one.paper_id: row for row, one in enumerate(candidates)}
    trend = measure_trend(candidates, places, looks, until, usual and usual.renamed(numbers))
    votes = _latest(looks)
    return tuple(
        Ranked(
            paper_id=paper_id,
            sources=frozenset(one.source_id for one in found),
            categories=found[0].categories,
            votes=votes.get(paper_id),
            speed=float(trend.speed[row]),
            is_rising=bool(trend.rising[row] > 0),
            position=min(one.position for one in found),
            first_seen_at=found[0].first_seen_at,
        )
        for row, (paper_id, found) in enumerate(listed.items())
    )


def _looks(told: Sequence[rows.Counts], until: datetime) -> list[Sighting]:
    """The looks up to ``until``; the first that told votes of a paper whose votes were not told by then."""
    seen = [
        Sighting(one.paper_id, str(one.source_id), one.observed_at, *one[3:])  # the other fields are the same
        for one in told
    ]
    before = [one for one in seen if one.observed_at <= until]
    known = {one.paper_id for one in before if one.votes is not None}
    first: dict[int, Sighting] = {}
    for one in seen:
        if one.votes is None or one.paper_id in known:
            continue
        if one.paper_id not in first or one.observed_at < first[one.paper_id].observed_at:
            first[one.paper_id] = one
    return [*before, *first.values()]


def _latest(looks: Sequence[Sighting]) -> dict[int, int]:
    """Each paper's votes as told last; of several sources, the one with most."""
    last: dict[tuple[int, str], Sighting] = {}
    for one in looks:
        if one.votes is None:
            continue
        key = (one.paper_id, one.source)
        if key not in last or last[key].observed_at <= one.observed_at:
            last[key] = one
    votes: dict[int, int] = {}
    for (paper_id, _source), one in last.items():
        votes[paper_id] = max(votes.get(paper_id, 0), one.votes or 0)
    return votes


def choose(ranked: Sequence[Ranked], query: TrendQuery, source_id: int | None) -> list[Ranked]:
    """Those that were asked for, in the order that was asked for."""
    chosen = [
        one
        for one in ranked
        if (source_id is None or source_id in one.sources)
        and (query.category is None or query.category in one.categories)
    ]
    return sorted(
        chosen, key=lambda one: (-_measure(one, query.sort), -(one.votes or 0), one.position, one.paper_id)
    )


def _measure(one: Ranked, sort: Sort) -> float:
    match sort:
        case Sort.RISE:
            return one.speed
        case Sort.NEW:
            return one.first_seen_at.timestamp()
    return -1 if one.votes is None else one.votes


def tell(
    session: Session, shown: Sequence[Ranked], period: Period, until: datetime, calendar: Calendar
) -> tuple[Story, ...]:
    """The stories of these papers, in this order."""
    ids = [one.paper_id for one in shown]
    views = paper_rows.get_views(session, ids, until=until)
    listings: Mapping[int, Sequence[tuple[int, date]]] = rows.list_listing_days(session, ids)
    newest = calendar.newest(period.last) or period.last
    stories = []
    for one in shown:
        days = listings.get(one.paper_id, ())
        marks = find_marks(days, period, newest=newest, list_days=calendar.by_source, is_rising=one.is_rising)
        first = min((day for _, day in days), default=None)
        stories.append(make_story(views[one.paper_id], first_day=first, marks=marks))
    return tuple(stories)


def understand(query: TrendQuery, calendar: Calendar, today: date) -> tuple[TrendQuery, Period, list[str]]:
    """The query with its day, the period it means, and in sentences what of it could not be had."""
    notes = []
    if query.source is not None and query.source not in calendar.numbers:
        notes.append(_("There is no such source; all are shown."))
        query = replace(query, source=None)
    day = query.day or calendar.newest(today, query.source) or calendar.newest(today) or today
    return replace(query, day=day), period_of(query.span, day), notes
