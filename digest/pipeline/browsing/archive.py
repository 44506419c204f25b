"""The public archive: which months there are, and of each day of one how many papers and its top paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from digest.pipeline.browsing.periods import Span, period_of
from digest.storage import browsing as rows

__all__ = ["ArchiveDay", "ArchiveMonth", "ArchivePage", "load_archive"]


@dataclass(frozen=True, slots=True)
class ArchiveDay:
    """A day with papers; ``top_id`` is the paper with most votes, else the one listed first."""

    day: date
    papers: int
    top_id: int
    top_title: str
    top_votes: int | None


@dataclass(frozen=True, slots=True)
class ArchiveMonth:
    """A month with papers, by its first day; ``papers`` are those of its days added up."""

    first: date
    days: int
    papers: int


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """One month, the newest day first, and all months there are, the newest first."""

    month: date
    days: tuple[ArchiveDay, ...]
    months: tuple[ArchiveMonth, ...]


def load_archive(session: Session, counts: Mapping[date, int], month: date) -> ArchivePage:
    """The month that holds the day ``month``; ``counts`` are the papers of every day."""
    period = period_of(Span.MONTH, month)
    tops = rows.list_top_papers(session, period.first, period.last)
    months: dict[date, list[int]] = {}
    for day, papers in counts.items():
        months.setdefault(day.replace(day=1), []).append(papers)
    return ArchivePage(
        month=period.first,
        days=tuple(
            ArchiveDay(one.day, counts.get(one.day, 0), one.paper_id, one.title, one.votes)
            for one in reversed(tops)
        ),
        months=tuple(
            ArchiveMonth(first, len(papers), sum(papers))
            for first, papers in sorted(months.items(), reverse=True)
        ),
    )
