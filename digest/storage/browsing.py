"""What the web shows: days with their lists, what was listed in a span, and all that is known of one paper.

Plain columns in few statements, since a page asks for many papers at once.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, or_, select
from sqlmodel import Session

from digest.storage.bulk import in_batches, table
from digest.storage.identity import IMPORTED
from digest.types import FeedbackKind

__all__ = [
    "EVERYTHING",
    "Counts",
    "DayTop",
    "Filters",
    "Joined",
    "ListedDay",
    "ListedPaper",
    "Listing",
    "NamedSource",
    "ReadDay",
    "Version",
    "conditions_of",
    "count_categories",
    "count_listed",
    "keep_those",
    "list_counts",
    "list_joined",
    "list_listed",
    "list_listed_days",
    "list_listing_days",
    "list_listings",
    "list_named_sources",
    "list_newest",
    "list_read_days",
    "list_said",
    "list_texts",
    "list_top_papers",
    "list_versions",
]

SAID = tuple(kind.value for kind in (FeedbackKind.MORE, FeedbackKind.LESS, FeedbackKind.SAVED))


class NamedSource(NamedTuple):
    """A source by its number."""

    source_id: int
    name: str
    kind: str


class ListedDay(NamedTuple):
    """How many papers a source listed on a day; days without are left out."""

    source_id: int
    day: date
    papers: int


class ListedPaper(NamedTuple):
    """A paper as one source listed it on one day."""

    paper_id: int
    source_id: int
    day: date
    position: int
    categories: tuple[str, ...]
    first_seen_at: datetime


class Counts(NamedTuple):
    """What a source told of a paper at a time."""

    paper_id: int
    source_id: int
    observed_at: datetime
    votes: int | None
    position: int | None
    comments: int | None
    stars: int | None


class ReadDay(NamedTuple):
    """That a source was read for a day, and what that proved."""

    source_id: int
    day: date
    checked_at: datetime
    verdict: str
    entries: int
    declared: int | None


class DayTop(NamedTuple):
    """The paper of a day that had most votes, else the one listed first."""

    day: date
    paper_id: int
    title: str
    votes: int | None


class Listing(NamedTuple):
    """That a source listed a paper on a day, and why it was taken to be that paper (empty: it made it)."""

    source_id: int
    day: date
    position: int
    joined_by: str
    confidence: float | None
    first_seen_at: datetime


class Joined(NamedTuple):
    """Another stored paper that turned out to be this one."""

    gone_id: int
    reason: str
    confidence: float
    joined_at: datetime


class Version(NamedTuple):
    """Title and abstract as they were before, and the kind of source that told them."""

    version: int | None
    title: str
    abstract: str
    text_by: str | None
    seen_at: datetime


def list_named_sources(s: Session) -> list[NamedSource]:
    """All sources, in the order they were added."""
    sources = table("sources")
    query = select(sources.c.id, sources.c.name, sources.c.kind).order_by(sources.c.id)
    return [NamedSource(*row) for row in s.connection().execute(query)]


# --- days ------------------------------------------------------------------------------------------


def list_listed_days(s: Session) -> list[ListedDay]:
    """Every day that any source listed papers on, by source and day."""
    entries = table("entries")
    query = (
        select(entries.c.source_id, entries.c.listed_on, func.count())
        .group_by(entries.c.source_id, entries.c.listed_on)
        .order_by(entries.c.source_id, entries.c.listed_on)
    )
    return [ListedDay(*row) for row in s.connection().execute(query)]


def count_listed(s: Session) -> dict[date, int]:
    """How many papers each day has in all, without those withdrawn since, each once. In order."""
    entries, papers = table("entries"), table("papers")
    withdrawn = select(papers.c.id).where(papers.c.withdrawn_at.is_not(None))
    query = (
        select(entries.c.listed_on, func.count(entries.c.paper_id.distinct()))
        .where(entries.c.paper_id.not_in(withdrawn))
        .group_by(entries.c.listed_on)
        .order_by(entries.c.listed_on)
    )
    return {day: papers for day, papers in s.connection().execute(query)}  # noqa: C416 - rows are no pairs


def list_read_days(s: Session, first: date, last: date, until: datetime) -> list[ReadDay]:
    """Every time that a source was read for a day of the span (both ends in), up to ``until``.

    By source, in the order of reading.
    """
    checks = table("checks")
    names = ("source_id", "day", "checked_at", "verdict", "entries", "declared")
    query = (
        select(*(checks.c[name] for name in names))
        .where(checks.c.day >= first, checks.c.day <= last, checks.c.checked_at <= until)
        .order_by(checks.c.source_id, checks.c.checked_at, checks.c.id)
    )
    return [ReadDay(*row) for row in s.connection().execute(query)]


def list_top_papers(s: Session, first: date, last: date) -> list[DayTop]:
    """The top paper of each day of the span (both ends in) that has one, in order; none withdrawn since."""
    entries, papers = table("entries"), table("papers")
    withdrawn = select(papers.c.id).where(papers.c.withdrawn_at.is_not(None))
    place = func.row_number().over(
        partition_by=entries.c.listed_on,
        order_by=(func.coalesce(entries.c.votes, -1).desc(), entries.c.position, entries.c.paper_id),
    )
    ranked = (
        select(entries.c.listed_on, entries.c.paper_id, entries.c.votes, place.label("place"))
        .where(entries.c.listed_on >= first, entries.c.listed_on <= last)
        .where(entries.c.paper_id.not_in(withdrawn))
        .subquery()
    )
    query = (
        select(ranked.c.listed_on, papers.c.id, papers.c.title, ranked.c.votes)
        .join(papers, papers.c.id == ranked.c.paper_id)
        .where(ranked.c.place == 1)
        .order_by(ranked.c.listed_on)
    )
    return [DayTop(*row) for row in s.connection().execute(query)]


# --- what was listed in a span ---------------------------------------------------------------------


def list_listed(s: Session, first: date, last: date) -> list[ListedPaper]:
    """What was listed in the span (both ends in), by paper; papers withdrawn since are left out."""
    entries, papers = table("entries"), table("papers")
    columns = (entries.c.paper_id, entries.c.source_id, entries.c.listed_on, entries.c.position)
    query = (
        select(*columns, papers.c.categories, papers.c.first_seen_at)
        .join(papers, papers.c.id == entries.c.paper_id)
        .where(entries.c.listed_on >= first, entries.c.listed_on <= last, papers.c.withdrawn_at.is_(None))
        .order_by(entries.c.paper_id, entries.c.listed_on, entries.c.source_id)
    )
    return [
        ListedPaper(*row[:4], categories=tuple(row.categories), first_seen_at=row.first_seen_at)
        for row in s.connection().execute(query)
    ]


def list_counts(s: Session, first: date, last: date) -> list[Counts]:
    """Every look at votes or stars of what was listed in the span (both ends in)."""
    entries, observations = table("entries"), table("observations")
    listed = (
        select(entries.c.paper_id)
        .where(entries.c.listed_on >= first, entries.c.listed_on <= last)
        .distinct()
        .subquery()
    )
    query = (
        select(*(observations.c[name] for name in Counts._fields))
        .join(listed, listed.c.paper_id == observations.c.paper_id)
        .where(or_(observations.c.votes.is_not(None), observations.c.stars.is_not(None)))
    )
    return [Counts(*row) for row in s.connection().execute(query)]


def list_listing_days(s: Session, paper_ids: Sequence[int]) -> dict[int, list[tuple[int, date]]]:
    """``(source, day)`` of every listing of these papers, by day."""
    entries = table("entries")
    found: dict[int, list[tuple[int, date]]] = defaultdict(list)
    for batch in in_batches(paper_ids):
        query = (
            select(entries.c.paper_id, entries.c.source_id, entries.c.listed_on)
            .where(entries.c.paper_id.in_(batch))
            .order_by(entries.c.listed_on)
        )
        for paper_id, source_id, day in s.connection().execute(query):
            found[paper_id].append((source_id, day))
    return found


# --- looking for papers ----------------------------------------------------------------------------


class Filters(NamedTuple):
    """What papers are looked for among; days (both ends in) are those of publication, else first seen."""

    source_id: int | None = None
    category: str | None = None
    since: date | None = None
    until: date | None = None
    has_code: bool = False


EVERYTHING = Filters()


def conditions_of(filters: Filters) -> list[ColumnElement[bool]]:
    """The conditions on ``papers``. What a reader brought along and no source listed is not public."""
    papers, entries = table("papers"), table("entries")
    listed = exists().where(entries.c.paper_id == papers.c.id)
    found: list[ColumnElement[bool]] = [or_(papers.c.text_by.is_distinct_from(IMPORTED), listed)]
    if filters.source_id is not None:
        found.append(listed.where(entries.c.source_id == filters.source_id))
    if filters.category is not None:
        # The list is stored as JSON, so the category stands there in quotes, written as JSON writes it.
        written = cast(papers.c.categories, Text)
        found.append(written.contains(json.dumps(filters.category), autoescape=True))
    published, seen = papers.c.published_on, papers.c.first_seen_at
    if filters.since is not None:
        first = datetime.combine(filters.since, time.min, UTC)
        found.append(or_(published >= filters.since, and_(published.is_(None), seen >= first)))
    if filters.until is not None:
        end = datetime.combine(filters.until + timedelta(days=1), time.min, UTC)
        found.append(or_(published <= filters.until, and_(published.is_(None), seen < end)))
    if filters.has_code:
        found.append(papers.c.code_url.is_not(None))
    return found


def list_newest(s: Session, filters: Filters, *, limit: int) -> list[int]:
    """The ids of the papers seen last that the filters let through, newest first."""
    papers = table("papers")
    query = (
        select(papers.c.id)
        .where(*conditions_of(filters))
        .order_by(papers.c.first_seen_at.desc(), papers.c.id.desc())
        .limit(limit)
    )
    return list(s.connection().execute(query).scalars())


def keep_those(s: Session, paper_ids: Sequence[int], filters: Filters = EVERYTHING) -> list[int]:
    """Those of the papers that the filters let through, in the order given."""
    papers, conditions = table("papers"), conditions_of(filters)
    good: set[int] = set()
    for batch in in_batches(paper_ids):
        good |= set(
            s.connection().execute(select(papers.c.id).where(papers.c.id.in_(batch), *conditions)).scalars()
        )
    return [paper_id for paper_id in paper_ids if paper_id in good]


def list_texts(s: Session, paper_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Title and abstract of these papers."""
    papers = table("papers")
    found: dict[int, tuple[str, str]] = {}
    for batch in in_batches(paper_ids):
        query = select(papers.c.id, papers.c.title, papers.c.abstract).where(papers.c.id.in_(batch))
        for paper_id, title, abstract in s.connection().execute(query):
            found[paper_id] = (title, abstract)
    return found


def count_categories(s: Session, *, newest: int) -> Counter[str]:
    """How often each category stands at the ``newest`` papers."""
    papers = table("papers")
    query = select(papers.c.categories).order_by(papers.c.id.desc()).limit(newest)
    counts: Counter[str] = Counter()
    for categories in s.connection().execute(query).scalars():
        counts.update(categories)
    return counts


# --- one paper -------------------------------------------------------------------------------------


def list_listings(s: Session, paper_id: int) -> list[Listing]:
    """Every listing of a paper, by day and source."""
    entries = table("entries")
    columns = ("source_id", "listed_on", "position", "joined_by", "confidence", "first_seen_at")
    query = (
        select(*(entries.c[name] for name in columns))
        .where(entries.c.paper_id == paper_id)
        .order_by(entries.c.listed_on, entries.c.source_id)
    )
    return [
        Listing(
            row.source_id, row.listed_on, row.position, row.joined_by or "", row.confidence, row.first_seen_at
        )
        for row in s.connection().execute(query)
    ]


def list_joined(s: Session, paper_id: int) -> list[Joined]:
    """The stored papers that were joined to this one, in that order."""
    joins = table("paper_joins")
    query = (
        select(joins.c.gone_id, joins.c.reason, joins.c.confidence, joins.c.joined_at)
        .where(joins.c.paper_id == paper_id)
        .order_by(joins.c.id)
    )
    return [Joined(*row) for row in s.connection().execute(query)]


def list_versions(s: Session, paper_id: int) -> list[Version]:
    """The texts that a paper had before, the latest first."""
    versions = table("paper_versions")
    columns = ("version", "title", "abstract", "text_by", "seen_at")
    query = (
        select(*(versions.c[name] for name in columns))
        .where(versions.c.paper_id == paper_id)
        .order_by(versions.c.seen_at.desc(), versions.c.id.desc())
    )
    return [Version(*row) for row in s.connection().execute(query)]


# --- a reader --------------------------------------------------------------------------------------


def list_said(
    s: Session, subscriber_id: int, token_version: int, paper_ids: Sequence[int]
) -> dict[int, frozenset[str]]:
    """What a subscriber said of these papers (more, less, saved), by paper; nothing for an old version."""
    feedback, subscribers = table("feedback"), table("subscribers")
    found: dict[int, set[str]] = defaultdict(set)
    for batch in in_batches(paper_ids):
        query = (
            select(feedback.c.paper_id, feedback.c.kind)
            .join(subscribers, subscribers.c.id == feedback.c.subscriber_id)
            .where(
                feedback.c.subscriber_id == subscriber_id,
                subscribers.c.token_version == token_version,
                feedback.c.paper_id.in_(batch),
                feedback.c.kind.in_(SAID),
            )
        )
        for paper_id, kind in s.connection().execute(query):
            found[paper_id].add(kind)
    return {paper_id: frozenset(kinds) for paper_id, kinds in found.items()}
