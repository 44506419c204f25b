"""Papers as ranking and rendering see them: what was listed when, with which counts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlmodel import Session

from digest.storage.bulk import in_batches, table
from digest.text import paper_url, pdf_url
from digest.types import Candidate, PaperView, Sighting

__all__ = [
    "address_of",
    "get_views",
    "iter_papers",
    "latest_listed_day",
    "latest_votes",
    "list_candidates",
    "list_sightings",
]

# Rows held at once where a result may be large.
STREAMED = 200
MAX_POINTS = 30
HUGGINGFACE = "huggingface"


def iter_papers(s: Session, paper_ids: Iterable[int] | None = None) -> Iterator[Candidate]:
    """The words and authors of every paper, or of these, by id; streamed, never all in memory."""
    papers = table("papers")
    names = ("id", "title", "abstract", "authors", "categories", "keywords")
    query = select(*(papers.c[name] for name in names)).order_by(papers.c.id)
    queries = [query]
    if paper_ids is not None:
        queries = [query.where(papers.c.id.in_(batch)) for batch in in_batches(sorted(paper_ids))]
    for row in chain.from_iterable(_stream(s, each) for each in queries):
        yield Candidate(
            row.id,
            row.title,
            row.abstract,
            authors=tuple(row.authors),
            categories=tuple(row.categories),
            keywords=tuple(row.keywords),
        )


def _stream(s: Session, query: Select[Any]) -> Iterator[Row[Any]]:
    s.flush()
    # Closed also where whoever reads stops early: on PostgreSQL a cursor of the server hangs on it.
    with s.connection().execute(query, execution_options={"yield_per": STREAMED}) as rows:
        yield from rows


def list_candidates(s: Session, *, first_day: date, last_day: date) -> list[Candidate]:
    """The papers that any source listed in the span (both ends in), by id; those withdrawn since left out.

    ``listed_on`` is the last day of the span that lists them.
    """
    papers, entries = table("papers"), table("entries")
    listed = (
        select(entries.c.paper_id, func.max(entries.c.listed_on).label("listed_on"))
        .where(entries.c.listed_on >= first_day, entries.c.listed_on <= last_day)
        .group_by(entries.c.paper_id)
        .subquery()
    )
    names = ("title", "abstract", "authors", "categories", "keywords", "organisation", "first_seen_at")
    query = (
        select(papers.c.id, listed.c.listed_on, *(papers.c[name] for name in names))
        .join(listed, listed.c.paper_id == papers.c.id)
        .where(papers.c.withdrawn_at.is_(None))
        .order_by(papers.c.id)
    )
    return [
        Candidate(
            paper_id=row.id,
            title=row.title,
            abstract=row.abstract,
            authors=tuple(row.authors),
            categories=tuple(row.categories),
            keywords=tuple(row.keywords),
            organisation=row.organisation,
            listed_on=row.listed_on,
            first_seen_at=row.first_seen_at,
        )
        for row in _stream(s, query)
    ]


def latest_listed_day(s: Session, *, until: date) -> date | None:
    """The newest day, not after ``until``, that any source listed a paper on."""
    listed_on = table("entries").c.listed_on
    latest: date | None = (
        s.connection().execute(select(func.max(listed_on)).where(listed_on <= until)).scalar()
    )
    return latest


def list_sightings(s: Session, paper_ids: Iterable[int], *, until: datetime) -> list[Sighting]:
    """The papers' observations up to ``until``, by paper, time and source.

    A paper that had none by then gives its earliest: what is asked for a day gone by would otherwise know
    nothing of papers that were read later.
    """
    found: list[Sighting] = []
    for batch in in_batches(paper_ids):
        observations = table("observations")
        known = _sightings(s, batch, observations.c.observed_at <= until)
        rest = set(batch) - {one.paper_id for one in known}
        found += known
        if rest:
            later = observations.alias()
            first = (
                select(func.min(later.c.observed_at))
                .where(later.c.paper_id == observations.c.paper_id)
                .scalar_subquery()
            )
            found += _sightings(s, sorted(rest), observations.c.observed_at == first)
    return sorted(found, key=lambda one: (one.paper_id, one.observed_at, one.source))


def _sightings(s: Session, paper_ids: Sequence[int], when: Any) -> list[Sighting]:
    seen, sources = table("observations").c, table("sources")
    # In the order of a sighting's fields.
    columns = (seen.paper_id, sources.c.name, seen.observed_at, seen.votes, seen.position)
    query = (
        select(*columns, seen.comments, seen.stars)
        .join(sources, sources.c.id == seen.source_id)
        .where(seen.paper_id.in_(paper_ids), when)
    )
    return [Sighting(*tuple(row)) for row in _stream(s, query)]


def latest_votes(s: Session, paper_ids: Iterable[int], until: datetime | None = None) -> dict[int, int]:
    """Each paper's votes as observed last, up to ``until``; of several sources, the one with most.

    Papers whose votes were never told are left out.
    """
    observations = table("observations")
    votes: dict[int, int] = {}
    for batch in in_batches(paper_ids):
        newest = func.row_number().over(
            partition_by=(observations.c.paper_id, observations.c.source_id),
            order_by=observations.c.observed_at.desc(),
        )
        ranked = select(observations.c.paper_id, observations.c.votes, newest.label("place")).where(
            observations.c.paper_id.in_(batch), observations.c.votes.is_not(None)
        )
        if until is not None:
            ranked = ranked.where(observations.c.observed_at <= until)
        latest = ranked.subquery()
        query = (
            select(latest.c.paper_id, func.max(latest.c.votes))
            .where(latest.c.place == 1)
            .group_by(latest.c.paper_id)
        )
        votes |= dict(s.connection().execute(query).all())
    return votes


def get_views(s: Session, paper_ids: Iterable[int], *, until: datetime) -> dict[int, PaperView]:
    """The papers ready to be shown, as they stood at ``until`` (else as first seen after it).

    Each count is the highest any source told last. ``votes_history`` is that of the source with most
    votes, at most 30 points, the first and the last always among them.
    """
    views: dict[int, PaperView] = {}
    papers = table("papers")
    for batch in in_batches(paper_ids):
        sightings: dict[int, list[Sighting]] = defaultdict(list)
        for one in list_sightings(s, batch, until=until):
            sightings[one.paper_id].append(one)
        days = _days(s, batch, until.date())
        discussed = _listed_by_kind(s, batch, HUGGINGFACE)
        for row in s.connection().execute(select(papers).where(papers.c.id.in_(batch))):
            views[row.id] = _view(
                row, sightings.get(row.id, []), days.get(row.id), is_discussed=row.id in discussed
            )
    return views


def address_of(paper: Any) -> str:
    """Where a person reads about a stored paper: its ids' page, else the one a source told, else a search."""
    if paper.url and not (paper.arxiv_id or paper.doi):
        return str(paper.url)
    return paper_url(paper.arxiv_id, paper.doi, paper.title)


def _view(
    row: Row[Any], sightings: Sequence[Sighting], listed_on: date | None, *, is_discussed: bool
) -> PaperView:
    votes = _by_source(sightings, "votes")
    most = max(votes.values(), key=lambda points: points[-1][1], default=[])
    return PaperView(
        paper_id=row.id,
        title=row.title,
        abstract=row.abstract,
        authors=tuple(row.authors),
        url=address_of(row),
        organisation=row.organisation,
        summary=row.summary,
        summary_by=row.summary_by,
        keywords=tuple(row.keywords),
        arxiv_id=row.arxiv_id,
        doi=row.doi,
        pdf_url=pdf_url(row.arxiv_id),
        code_url=row.code_url,
        project_url=row.project_url,
        discussion_url=f"https://huggingface.co/papers/{row.arxiv_id}"
        if row.arxiv_id and is_discussed
        else None,
        votes=_highest(votes),
        comments=_highest(_by_source(sightings, "comments")),
        stars=_highest(_by_source(sightings, "stars")),
        listed_on=listed_on,
        published_on=row.published_on,
        first_seen_at=row.first_seen_at,
        votes_history=_thinned(most),
    )


Points = list[tuple[datetime, int]]


def _by_source(sightings: Sequence[Sighting], name: str) -> dict[str, Points]:
    """What each source told of one count over time, oldest first; times it told nothing left out."""
    points: dict[str, Points] = defaultdict(list)
    for one in sightings:
        count = getattr(one, name)
        if count is not None:
            points[one.source].append((one.observed_at, count))
    return points


def _highest(by_source: Mapping[str, Points]) -> int | None:
    return max((points[-1][1] for points in by_source.values()), default=None)


def _thinned(points: Points) -> tuple[tuple[datetime, int], ...]:
    if len(points) <= MAX_POINTS:
        return tuple(points)
    step = (len(points) - 1) / (MAX_POINTS - 1)
    return tuple(points[round(number * step)] for number in range(MAX_POINTS))


def _days(s: Session, paper_ids: Sequence[int], last: date) -> dict[int, date]:
    """The last day up to ``last`` that each paper was listed on, else its first day after."""
    entries = table("entries")
    before = func.max(entries.c.listed_on).filter(entries.c.listed_on <= last)
    query = (
        select(entries.c.paper_id, before, func.min(entries.c.listed_on))
        .where(entries.c.paper_id.in_(paper_ids))
        .group_by(entries.c.paper_id)
    )
    return {paper_id: day or first for paper_id, day, first in s.connection().execute(query)}


def _listed_by_kind(s: Session, paper_ids: Sequence[int], kind: str) -> set[int]:
    """Which of the papers a source of that kind listed."""
    entries, sources = table("entries"), table("sources")
    query = (
        select(entries.c.paper_id)
        .distinct()
        .join(sources, sources.c.id == entries.c.source_id)
        .where(entries.c.paper_id.in_(paper_ids), sources.c.kind == kind)
    )
    return set(s.connection().execute(query).scalars())
