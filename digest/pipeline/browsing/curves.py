"""Votes over time as geometry: a small curve for a list, a chart with axes for one paper. Pure.

Time runs evenly from left to right and votes from 0 upwards, so that a slope is the true one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.templating import number, short_date
from digest.translation import gettext as _

__all__ = ["Chart", "Curve", "Line", "Tick", "draw_chart", "draw_curve"]

Points = Sequence[tuple[datetime, int]]

WIDTH, HEIGHT, EDGE = 72, 20, 2
CHART_WIDTH, CHART_HEIGHT = 1000, 160
STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Curve:
    """The ``points`` of an SVG polyline in a box of ``width`` × ``height``."""

    points: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis: ``share`` of its length in percent (from the left, from the bottom)."""

    share: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One source's votes: SVG points in the chart's box, and each look as percent from left and top."""

    label: str
    points: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines in a box of ``width`` × ``height`` with ticks of votes and of days."""

    lines: tuple[Line, ...]
    votes: tuple[Tick, ...]
    days: tuple[Tick, ...]
    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT


def draw_curve(history: Points) -> Curve | None:
    """The votes as a small curve; ``None`` for fewer than two looks at different times."""
    if len(history) < 2 or history[0][0] >= history[-1][0]:
        return None
    top = max(1, *(votes for _, votes in history))
    start, whole = history[0][0], history[-1][0] - history[0][0]
    across, up = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
    places = (
        (EDGE + across * ((at - start) / whole), HEIGHT - EDGE - up * max(votes, 0) / top)
        for at, votes in history
    )
    return Curve(" ".join(f"{x:.4g},{y:.3g}" for x, y in places))


def draw_chart(histories: Mapping[str, Points]) -> Chart | None:
    """The votes at each source (by its label) with axes; ``None`` where there is no time between looks."""
    looks = [look for history in histories.values() for look in history]
    if len(looks) < 2:
        return None
    start, end = min(at for at, _ in looks), max(at for at, _ in looks)
    if start >= end:
        return None
    ticks = _vote_ticks(max(1, *(votes for _, votes in looks)))
    top, whole = ticks[-1], end - start
    lines = []
    for label, history in histories.items():
        dots = tuple(
            (round(100 * ((at - start) / whole), 2), round(100 - 100 * max(votes, 0) / top, 2))
            for at, votes in history
        )
        points = " ".join(f"{x * CHART_WIDTH / 100:g},{y * CHART_HEIGHT / 100:g}" for x, y in dots)
        lines.append(Line(label, points, dots))
    return Chart(
        lines=tuple(lines),
        votes=tuple(Tick(round(100 * votes / top, 2), number(votes)) for votes in ticks),
        days=_day_ticks(start, end),
    )


def _vote_ticks(most: int) -> list[int]:
    """0 and up to four even steps, the last at or above ``most``."""
    size = 1
    while True:
        for step in STEPS:
            if step * size * 4 >= most:
                return list(range(0, most + step * size, step * size))
        size *= 10


def _day_ticks(start: datetime, end: datetime) -> tuple[Tick, ...]:
    """First and last day; within one day their times."""
    if start.date() == end.date():
        return (
            Tick(0, f"{start:%H:%M}"),
            Tick(100, _("%(clock)s on %(day)s", clock=f"{end:%H:%M}", day=short_date(end.date()))),
        )
    first = short_date(start.date(), beside=end.date())
    middle = start + (end - start) / 2
    between = [Tick(50, short_date(middle.date(), beside=end.date()))] if (end - start).days >= 4 else []
    return (Tick(0, first), *between, Tick(100, short_date(end.date())))
