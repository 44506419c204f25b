"""Periods: the day, ISO week or calendar month that a page shows."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from digest.templating import long_date, month
from digest.translation import ENGLISH, language, written_date
from digest.translation import gettext as _

__all__ = ["FIRST_DAY", "LAST_DAY", "Period", "Span", "period_of"]

# What may be asked for: far enough, and every period within can be counted with.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)


class Span(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """The days from ``first`` to ``last``, both ends in."""

    span: Span
    first: date
    last: date

    @property
    def title(self) -> str:
        """``Monday, 16 March 2026``, ``16 to 22 March 2026`` or ``March 2026``."""
        if language() != ENGLISH:
            return self._said()
        last = long_date(self.last).partition(", ")[2]
        match self.span:
            case Span.DAY:
                return long_date(self.last)
            case Span.MONTH:
                return month(self.last)
        first = long_date(self.first).partition(", ")[2]
        same = [part for part in first.split()[1:] if part not in last.split()]
        shown = first if self.first.year != self.last.year else " ".join([first.split()[0], *same])
        return f"{shown} to {last}"

    def _said(self) -> str:
        """The same as the language that is spoken writes it."""
        match self.span:
            case Span.DAY:
                return long_date(self.last)
            case Span.MONTH:
                return month(self.last)
        first = written_date(self.first, "MMMMd" if self.first.year == self.last.year else "long")
        return _("%(first)s to %(last)s", first=first, last=written_date(self.last, "long"))


def period_of(span: Span, day: date) -> Period:
    """The period of that kind that holds ``day``."""
    match span:
        case Span.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Period(span, monday, monday + timedelta(days=6))
        case Span.MONTH:
            return Period(span, day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))
    return Period(span, day, day)
