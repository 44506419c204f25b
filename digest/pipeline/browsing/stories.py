"""A paper's story: what it has been through, as a line of words, a curve and marks. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from itertools import pairwise

from digest.cards import EXCERPT, Card, make_card
from digest.pipeline.browsing.curves import Curve, draw_curve
from digest.pipeline.browsing.periods import Period
from digest.templating import short_date
from digest.translation import gettext as _
from digest.translation import gettext_noop
from digest.types import PaperView

__all__ = ["Mark", "Story", "find_marks", "make_story"]


class Mark(StrEnum):
    """What stands out of a paper's history.

    ``NEW``: no source listed it before the newest day of the period that lists anything.
    ``RISING``: it gains votes clearly faster than other papers of its age (``digest.ranking.trend``).
    ``BACK``: a source lists it in the period, had listed it before, and in between had at least one list
    without it.
    """

    NEW = gettext_noop("New")
    RISING = gettext_noop("Rising")
    BACK = gettext_noop("Back")


@dataclass(frozen=True, slots=True)
class Story:
    """One paper of a list: ``card`` without the abstract's beginning; ``words`` say what ``curve`` draws."""

    view: PaperView
    card: Card
    words: str
    curve: Curve | None = None
    marks: tuple[Mark, ...] = ()


def make_story(view: PaperView, *, first_day: date | None = None, marks: Sequence[Mark] = ()) -> Story:
    """The story of a paper; ``first_day`` is when it was listed first, where that is known."""
    # The whole abstract is shown beside the card, so the card needs no beginning of it.
    card = make_card(view, excerpt_limit=0 if view.abstract else EXCERPT)
    if first_day is None and view.first_seen_at is not None:
        first_day = view.first_seen_at.astimezone(UTC).date()
    seen = ""
    if first_day:
        seen = _("first seen %(day)s", day=short_date(first_day, beside=view.listed_on or first_day))
    words = " · ".join(filter(None, (card.votes, seen)))
    return Story(view, card, words[:1].upper() + words[1:], draw_curve(view.votes_history), tuple(marks))


def find_marks(
    listings: Sequence[tuple[int, date]],
    period: Period,
    *,
    newest: date,
    list_days: Mapping[int, Sequence[date]],
    is_rising: bool,
) -> tuple[Mark, ...]:
    """The marks of a paper that is listed in ``period``.

    ``listings`` are its ``(source, day)``, ``list_days`` the days in order on which each source listed
    anything; ``newest`` is the newest day of the period that lists anything.
    """
    marks = []
    known = [(source, day) for source, day in listings if day <= period.last]
    if known and min(day for _, day in known) == newest:
        marks.append(Mark.NEW)
    if is_rising:
        marks.append(Mark.RISING)
    sources = {source for source, _ in known}
    if any(_is_back(source, known, period, list_days.get(source, ())) for source in sources):
        marks.append(Mark.BACK)
    return tuple(marks)


def _is_back(
    source: int, listings: Sequence[tuple[int, date]], period: Period, list_days: Sequence[date]
) -> bool:
    days = sorted(day for one, day in listings if one == source)
    return any(
        day >= period.first and bisect_left(list_days, day) > bisect_right(list_days, before)
        for before, day in pairwise(days)
    )
