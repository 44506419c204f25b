"""Charts as numbers for SVG: values in, the attributes of shapes out. Pure; templates draw them.

A chart stretches to the width it is given, so it holds no text: labels stand beside it, and the same numbers
in a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BarChart", "LineChart", "Rect", "Strip", "bar_chart", "line_chart", "strip"]

WIDTH, HEIGHT = 600.0, 100.0
GAP = 0.22  # of a column's width
SQUARE, PITCH = 10.0, 12.0


@dataclass(frozen=True, slots=True)
class Rect:
    """One shape: its place, what it shows (``kind``), and that in words."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """Columns of stacked bars; ``top`` is the value at the upper edge."""

    bars: Sequence[Rect]
    top: int
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line (``points`` of a polyline) and the ``area`` below it; ``top`` is the value at the upper edge."""

    points: str
    area: str
    top: int
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Strip:
    """A row of small squares."""

    squares: Sequence[Rect]
    width: float
    height: float = SQUARE


def bar_chart(columns: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> BarChart:
    """A column for each (label, parts); parts are (kind, value from 0) and stand on one another."""
    top = _top([sum(value for _, value in parts) for _, parts in columns])
    step = WIDTH / max(len(columns), 1)
    bars = []
    for place, (label, parts) in enumerate(columns):
        below = 0
        for kind, value in parts:
            height = HEIGHT * value / top
            if value:
                y = HEIGHT - HEIGHT * below / top - height
                x = place * step + step * GAP / 2
                bars.append(
                    Rect(
                        _round(x),
                        _round(y),
                        _round(step * (1 - GAP)),
                        _round(height),
                        kind,
                        f"{label}: {value} {kind}",
                    )
                )
            below += value
    return BarChart(bars, top)


def line_chart(values: Sequence[int]) -> LineChart:
    """A line from the first value at the left edge to the last at the right; values from 0."""
    top = _top(values)
    step = WIDTH / max(len(values) - 1, 1)
    points = " ".join(
        f"{_round(place * step):g},{_round(HEIGHT - HEIGHT * value / top):g}"
        for place, value in enumerate(values)
    )
    last = _round((len(values) - 1) * step) if values else 0.0
    area = f"0,{HEIGHT:g} {points} {last:g},{HEIGHT:g}" if values else ""
    return LineChart(points, area, top)


def strip(marks: Sequence[tuple[str, str]]) -> Strip:
    """A square for each (kind, what it says)."""
    squares = [
        Rect(place * PITCH, 0.0, SQUARE, SQUARE, kind, title) for place, (kind, title) in enumerate(marks)
    ]
    return Strip(squares, max(len(marks) * PITCH - (PITCH - SQUARE), 0.0))


def _top(values: Sequence[int]) -> int:
    """The next round number: 1, 2 or 5 times a power of ten."""
    high, power = max(values, default=0), 1
    while True:
        for step in (1, 2, 5):
            if high <= step * power:
                return step * power
        power *= 10


def _round(value: float) -> float:
    return round(value, 2)
