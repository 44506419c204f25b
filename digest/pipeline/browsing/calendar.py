"""Which source listed papers on which days: what previous, next and gaps are told by."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from digest.pipeline.coverage import source_labels
from digest.storage import browsing as rows

__all__ = ["Calendar", "load_calendar"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days with a list, in order: of all sources, and by source number.

    ``labels`` are the sources' names for people by their own names, in the order they were added.
    """

    days: tuple[date, ...]
    by_source: Mapping[int, tuple[date, ...]]
    numbers: Mapping[str, int]
    labels: Mapping[str, str]

    @property
    def labels_by_number(self) -> dict[int, str]:
        """The sources' names for people by their numbers."""
        return {number: self.labels[name] for name, number in self.numbers.items()}

    def days_of(self, source: str | None) -> tuple[date, ...]:
        """The days on which that source (``None``: any) listed papers."""
        return self.days if source is None else self.by_source.get(self.numbers.get(source, 0), ())

    def newest(self, until: date, source: str | None = None) -> date | None:
        """The newest day up to ``until``."""
        return self.before(date.fromordinal(until.toordinal() + 1), source)

    def before(self, day: date, source: str | None = None) -> date | None:
        """The last day before ``day``."""
        days = self.days_of(source)
        place = bisect_left(days, day)
        return days[place - 1] if place else None

    def after(self, day: date, source: str | None = None) -> date | None:
        """The first day after ``day``."""
        days = self.days_of(source)
        place = bisect_right(days, day)
        return days[place] if place < len(days) else None


def load_calendar(session: Session) -> Calendar:
    """The calendar of all that is stored."""
    by_source: dict[int, list[date]] = defaultdict(list)
    for one in rows.list_listed_days(session):
        by_source[one.source_id].append(one.day)
    labels, sources = source_labels(session), rows.list_named_sources(session)
    return Calendar(
        days=tuple(sorted({day for days in by_source.values() for day in days})),
        by_source={source: tuple(days) for source, days in by_source.items()},
        numbers={one.name: one.source_id for one in sources},
        labels={one.name: labels[one.name] for one in sources},
    )
