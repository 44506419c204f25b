"""What sources told of papers over the last weeks, for learning how fast votes usually come."""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import BigInteger, ColumnElement, cast, func, or_, select
from sqlmodel import Session

from digest.storage.bulk import table

__all__ = ["MOST_LOOKS", "iter_histories"]

# Of a source that was looked at more often, a part of the papers is read: it tells as much.
MOST_LOOKS = 30_000
# Rows held at once.
STREAMED = 2_000
# Which papers those are is as if by chance: numbers follow the order of lists, so every tenth would not do.
FACTOR, BUCKETS = 7_919, 10_007

# Source, paper, the first day the source listed it, time of the look; votes, stars and comments told then.
History = tuple[str, int, date | None, datetime, int | None, int | None, int | None]


def iter_histories(
    s: Session, *, since: datetime, until: datetime, most: int = MOST_LOOKS
) -> Iterator[History]:
    """Every look within that time (both ends in) that told votes or stars, by source; streamed.

    Of a source with more than ``most`` looks about so many, all of some papers, the same ones each time.
    """
    s.flush()
    observations, sources = table("observations"), table("sources")
    seen = observations.c
    told = (
        seen.observed_at >= since,
        seen.observed_at <= until,
        or_(seen.votes.is_not(None), seen.stars.is_not(None)),
    )
    counts = select(seen.source_id, func.count()).where(*told).group_by(seen.source_id)
    many = {source: number for source, number in s.connection().execute(counts)}  # noqa: C416 - rows are no pairs
    names = select(sources.c.id, sources.c.name).order_by(sources.c.name)
    columns = (seen.paper_id, seen.observed_at, seen.votes, seen.stars, seen.comments)
    for source, name in s.connection().execute(names).all():
        if source not in many:
            continue
        part = max(BUCKETS * most // many[source], 1)
        listed = _first_listed(s, source, part)
        query = select(*columns).where(seen.source_id == source, *told, _in_part(seen.paper_id, part))
        # Closed also where whoever reads stops early: on PostgreSQL a cursor of the server hangs on it.
        with s.connection().execute(query, execution_options={"yield_per": STREAMED}) as rows:
            for paper, at, votes, stars, comments in rows:
                yield name, paper, listed.get(paper), at, votes, stars, comments


def _in_part(paper_id: ColumnElement[int], part: int) -> ColumnElement[bool]:
    """Whether a paper is among those of ``part`` of all ``BUCKETS``."""
    # Wide, since an integer of PostgreSQL would not hold the product.
    return cast(paper_id, BigInteger) * FACTOR % BUCKETS < part


def _first_listed(s: Session, source: int, part: int) -> dict[int, date]:
    """The first day that the source listed each paper on."""
    entries = table("entries").c
    query = (
        select(entries.paper_id, func.min(entries.listed_on))
        .where(entries.source_id == source, _in_part(entries.paper_id, part))
        .group_by(entries.paper_id)
    )
    return {paper: day for paper, day in s.connection().execute(query)}  # noqa: C416 - rows are no pairs
