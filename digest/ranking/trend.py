"""What votes say: how many, how fast they come, and whether that is much for a paper of this age.

Only observations count, and only sources that tell votes (or stars): a paper without any has no trend. All
figures are per source, since a hundred votes here may be ten votes there.

Trending is the mean of ``level`` (votes) and ``speed`` (votes a day), each as a share (log) of the most any
candidate has; Rising is in ``rising``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from digest.ranking.growth import (
    FAR,
    FIRST_DAY,
    LEAST_DAYS,
    Floats,
    Growth,
    Looks,
    Whole,
    days_of,
    read_looks,
)
from digest.ranking.rising import at_least, measure_rise
from digest.ranking.usual import Usual, UsualGrowth
from digest.types import Candidate, Sighting

__all__ = [
    "WINDOW",
    "Growth",
    "Trend",
    "measure_trend",
    "rising_parts",
    "rising_score",
    "trending_parts",
    "trending_score",
]

WINDOW = timedelta(days=7)
# One absurd count must not make all others look like nothing.
TOWERING = 100
DIGITS = 6


@dataclass(frozen=True, eq=False, slots=True)
class Trend:
    """Trend per candidate's row. ``score`` and ``rising`` are from 0 (no evidence) to below or at 1.

    ``growth`` has the source that says most of each paper, from the first look within the last seven days;
    for those that rise, from the look that shows it best. They have ``gained`` since then (votes, and a
    little for comments) and ``expected``, what is usual in that time at that age; ``usual`` is that a day.
    ``order`` and ``rising_order`` are the rows with evidence, the strongest first.
    """

    level: Floats
    speed: Floats
    score: Floats
    rising: Floats
    order: NDArray[np.int32]
    rising_order: NDArray[np.int32]
    position: Whole
    growth: tuple[Growth | None, ...]
    usual: Floats
    gained: Floats
    expected: Floats


def measure_trend(
    candidates: Sequence[Candidate],
    rows: Mapping[int, int],
    observations: Iterable[Sighting],
    now: datetime,
    usual: UsualGrowth | None = None,
) -> Trend:
    """Measure votes and their growth for each candidate, from what was observed up to ``now``.

    ``rows`` maps paper ids to the candidates' places. ``usual`` names sources as the observations do; without
    it a prior of no source in particular, scaled by the candidates themselves, says what is usual.
    """
    found = _Found(len(candidates))
    listed = np.array([_listed(candidate) for candidate in candidates], dtype=np.float64)
    for source, looks in read_looks(rows, observations, now).items():
        found.add(_Source(looks, listed[looks.row[looks.start]], now, (usual or UsualGrowth()).of(source)))
    return found.trend()


def trending_parts(trend: Trend, row: int) -> dict[str, float]:
    """Return what Trending's score of a candidate is made from; see :func:`trending_score`."""
    parts = {"votes": float(trend.level[row]), "votes_a_day": float(trend.speed[row])}
    return {name: round(value, DIGITS) for name, value in parts.items()}


def trending_score(parts: Mapping[str, float]) -> float:
    """Return the mean of ``votes`` and ``votes_a_day``, both as shares of the most."""
    return round((parts["votes"] + parts["votes_a_day"]) / 2, DIGITS)


def rising_parts(trend: Trend, row: int) -> dict[str, float]:
    """Return what Rising's score of a candidate is made from; see :func:`rising_score`."""
    parts = {"gained": float(trend.gained[row]), "usual": float(trend.expected[row])}
    return {name: round(value, DIGITS) for name, value in parts.items()}


def rising_score(parts: Mapping[str, float]) -> float:
    """Return ``1 - 1 / at_least``, where ``at_least`` (see ``rising``) is above 1, else 0."""
    sure = float(at_least(np.array([parts["gained"]]), np.array([parts["usual"]]))[0])
    return round(1 - 1 / max(sure, 1.0), DIGITS)


def _listed(candidate: Candidate) -> float:
    """The day a paper was listed on, in days since 1970; ``nan`` where that is not known."""
    day: date | None = candidate.listed_on
    if day is None and candidate.first_seen_at is not None:
        day = candidate.first_seen_at.astimezone(UTC).date()
    return np.nan if day is None else float((day - FIRST_DAY).days)


class _Source:
    """What one source says of the papers it counted, a place in each array for each."""

    def __init__(self, looks: Looks, listed: Floats, now: datetime, usual: Usual) -> None:
        self.looks, self.rows = looks, looks.row[looks.start]
        self.position = looks.position[looks.last]
        before = looks.count_each(looks.time < days_of(now - WINDOW))
        self.first = np.minimum(looks.start + before, looks.last)
        ages = np.maximum(np.nan_to_num(np.floor(days_of(now)) - listed), 0)
        self.level, self.speed = self._shares(ages)
        rise = measure_rise(looks, listed, self.first, usual)
        self.rising, self.gained, self.expected = rise.rising, rise.gained, rise.expected
        self.usual = rise.usual
        self.since = np.where(rise.rising > 0, rise.since, self.first)

    def _shares(self, ages: Floats) -> tuple[Floats, Floats]:
        """Log votes and log votes a day as shares of the most; 0 for papers without votes.

        After one look only, votes a day are all its votes over its days on the list.
        """
        looks = self.looks
        votes = np.maximum(looks.count[looks.last], 0)
        days = looks.time[looks.last] - looks.time[self.first]
        grown = np.maximum(looks.count[looks.last] - looks.count[self.first], 0)
        speed = np.where(days > 0, grown / np.maximum(days, LEAST_DAYS), votes / (ages + 1))
        return _share(votes), np.where(votes > 0, _share(speed), 0)

    def growth(self, place: int) -> Growth:
        """The growth of one paper."""
        looks, last, first = self.looks, int(self.looks.last[place]), int(self.since[place])
        votes, until = int(looks.count[last]), looks.at[last].astimezone(UTC)
        position = int(self.position[place])
        if looks.time[first] >= looks.time[last]:
            return Growth(looks.source, votes, until, position=position, counted=looks.counted)
        since = looks.at[first].astimezone(UTC)
        return Growth(looks.source, votes, until, int(looks.count[first]), since, position, looks.counted)


def _share(values: Floats) -> Floats:
    """Logs as shares of the most; one that towers above all others counts for less."""
    next_most = float(np.partition(values, -2)[-2]) if len(values) > 1 else float(values.max())
    most = np.log1p(min(float(values.max()), TOWERING * (next_most + 1)))
    share: Floats = np.minimum(np.log1p(values) / (most or 1), 1)
    return share


class _Found:
    """What was found of each candidate so far, of several sources the one that says most."""

    NAMES = ("level", "speed", "rising", "gained", "expected", "usual", "position")

    def __init__(self, candidates: int) -> None:
        self.level, self.speed, self.rising = (np.zeros(candidates) for _ in range(3))
        self.gained, self.expected, self.usual = (np.zeros(candidates) for _ in range(3))
        self.position = np.full(candidates, FAR, dtype=np.int64)
        self.growth: list[Growth | None] = [None] * candidates

    def add(self, source: _Source) -> None:
        """Take over what this source says where it says more than those before it."""
        rows = source.rows
        more = source.level + source.speed > self.level[rows] + self.speed[rows]
        for name in self.NAMES:
            getattr(self, name)[rows[more]] = getattr(source, name)[more]
        for place in np.flatnonzero(more).tolist():
            self.growth[rows[place]] = source.growth(place)

    def trend(self) -> Trend:
        """Return everything with the orders that follow from it."""
        score = (self.level + self.speed) / 2
        return Trend(
            level=self.level,
            speed=self.speed,
            score=score,
            rising=self.rising,
            order=_descending(score, self.position),
            rising_order=_descending(self.rising, self.position),
            position=self.position,
            growth=tuple(self.growth),
            usual=self.usual,
            gained=self.gained,
            expected=self.expected,
        )


def _descending(values: Floats, position: Whole) -> NDArray[np.int32]:
    """Return the rows with evidence, the strongest first; between equals the position, then the id."""
    order = np.lexsort((np.arange(len(values)), position, -values.round(9)))
    return order[values[order] > 0].astype(np.int32)
