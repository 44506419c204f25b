"""What a source showed on other days: what a verdict holds a page against."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select
from sqlmodel import Session, col

from digest.models import Check
from digest.storage.bulk import table

__all__ = ["count_by_day", "ids_by_day"]


def count_by_day(
    s: Session, source_id: int, *, first_day: date, last_day: date, verdicts: Sequence[str]
) -> dict[date, int]:
    """How many entries each day had at most (both ends in), by the checks with such a verdict."""
    query = (
        select(col(Check.day), func.max(col(Check.entries)))
        .where(
            col(Check.source_id) == source_id,
            col(Check.day) >= first_day,
            col(Check.day) <= last_day,
            col(Check.verdict).in_(verdicts),
        )
        .group_by(col(Check.day))
    )
    return {day: number for day, number in s.connection().execute(query)}  # noqa: C416 - rows are no pairs


def ids_by_day(s: Session, source_id: int, *, first_day: date, last_day: date) -> dict[date, frozenset[str]]:
    """The ids of what the source listed on each day (both ends in).

    Every id under which it may list a paper again: those it told itself and those known since; title and
    abstract where there is none.
    """
    entries, papers = table("entries"), table("papers")
    names = ("arxiv_id", "doi", "title", "abstract")
    query = (
        select(entries.c.listed_on, entries.c.source_ref, *(papers.c[name] for name in names))
        .join(papers, papers.c.id == entries.c.paper_id)
        .where(
            entries.c.source_id == source_id,
            entries.c.listed_on >= first_day,
            entries.c.listed_on <= last_day,
        )
    )
    found: dict[date, set[str]] = defaultdict(set)
    for row in s.connection().execute(query):
        told = {one for one in (row.arxiv_id, row.doi, row.source_ref) if one}
        found[row.listed_on] |= told or {f"{row.title}\n{row.abstract}"}
    return {day: frozenset(ids) for day, ids in found.items()}
