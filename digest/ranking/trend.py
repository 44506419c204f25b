"""What votes say: how many, how fast they come, and whether that is much for a paper of this age.

Only observations count, and only sources that tell votes: a paper without a single vote has no trend.
All figures are per source, since a hundred votes here may be ten votes there.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import log1p

import numpy as np
from numpy.typing import NDArray

from digest.types import Candidate, Sighting

__all__ = ["WINDOW", "Growth", "Trend", "measure_trend"]

WINDOW = timedelta(days=7)
DAY = timedelta(days=1)
# Two looks within hours tell little of a day's growth: a shorter time counts as half a day.
LEAST_DAYS = 0.5
# Rising: at least so many votes more, so many times what is usual at that age.
LEAST_GAIN = 3
TIMES_USUAL = 1.5
FAR = 1 << 30


@dataclass(frozen=True, slots=True)
class Growth:
    """The votes of one paper at one source: now, and at the first look within the last seven days.

    ``since`` is ``None`` where there was one look only; then ``votes_then`` says nothing.
    """

    source: str
    votes: int
    until: datetime
    votes_then: int = 0
    since: datetime | None = None
    position: int = FAR

    @property
    def gain(self) -> int | None:
        """Votes gained since the first look, ``None`` where there was no earlier look."""
        return None if self.since is None else self.votes - self.votes_then

    @property
    def per_day(self) -> float | None:
        """Votes gained a day, ``None`` where there was no earlier look."""
        if self.since is None:
            return None
        return (self.votes - self.votes_then) / max((self.until - self.since) / DAY, LEAST_DAYS)


@dataclass(frozen=True, eq=False, slots=True)
class Trend:
    """Trend per candidate's row. ``score`` and ``rising`` are from 0 (no evidence) to below or at 1.

    ``score`` is the mean of ``level`` (votes) and ``speed`` (votes a day). ``growth`` has the source that
    says most of each paper; ``usual`` the median growth a day of the other papers of its age, for those that
    rise. ``order`` and ``rising_order`` are the rows with evidence, the strongest first.
    """

    level: NDArray[np.float64]
    speed: NDArray[np.float64]
    score: NDArray[np.float64]
    rising: NDArray[np.float64]
    order: tuple[int, ...]
    rising_order: tuple[int, ...]
    position: NDArray[np.int64]
    growth: tuple[Growth | None, ...]
    usual: dict[int, float]


def measure_trend(candidates: Sequence[Candidate], observations: Iterable[Sighting], now: datetime) -> Trend:
    """Measure votes and their growth for each candidate, from what was observed up to ``now``.

    ``score``: the mean of log votes and log votes a day, each as a share of the most any candidate has at
    that source. Where there was one look only, votes a day are all its votes over its days on the list.
    """
    rows = {candidate.paper_id: row for row, candidate in enumerate(candidates)}
    by_source: dict[str, dict[int, Growth]] = {}
    for source, looks in _looks(rows, observations, now).items():
        by_source[source] = {row: _growth(source, *looks.pop(row), now) for row in sorted(looks)}
    level, speed, rising = (np.zeros(len(candidates)) for _ in range(3))
    position = np.full(len(candidates), FAR, dtype=np.int64)
    growth: list[Growth | None] = [None] * len(candidates)
    usual: dict[int, float] = {}
    ages = [_age(candidate, now) for candidate in candidates]
    for papers in (by_source[source] for source in sorted(by_source)):
        for row, (votes, a_day) in _shares(papers, ages).items():
            if votes + a_day > level[row] + speed[row]:
                level[row], speed[row] = votes, a_day
                growth[row], position[row] = papers[row], papers[row].position
    for papers in by_source.values():
        for row, (value, typical) in _rising(papers, ages).items():
            if growth[row] is papers[row]:
                rising[row], usual[row] = value, typical
    score = (level + speed) / 2
    number = np.arange(len(score))
    order = np.lexsort((number, position, -score.round(9)))
    rising_order = np.lexsort((number, -rising.round(9)))
    return Trend(
        level=level,
        speed=speed,
        score=score,
        rising=rising,
        order=tuple(row for row in order.tolist() if score[row] > 0),
        rising_order=tuple(row for row in rising_order.tolist() if rising[row] > 0),
        position=position,
        growth=tuple(growth),
        usual=usual,
    )


def _looks(
    rows: dict[int, int], observations: Iterable[Sighting], now: datetime
) -> dict[str, dict[int, tuple[Sighting, Sighting]]]:
    """Return the first look within the window and the last of all, by source and row."""
    looks: dict[str, dict[int, tuple[Sighting, Sighting]]] = defaultdict(dict)
    for one in observations:
        row = rows.get(one.paper_id)
        if row is None or one.votes is None or one.observed_at > now:
            continue
        first, last = looks[one.source].get(row, (one, one))
        inside = one.observed_at >= now - WINDOW
        if inside and (first.observed_at < now - WINDOW or _when(one) < _when(first)):
            first = one
        looks[one.source][row] = (first, one if _when(one) > _when(last) else last)
    return looks


def _when(look: Sighting) -> tuple[datetime, int, int]:
    return look.observed_at, look.votes or 0, -(look.position or FAR)


def _growth(source: str, first: Sighting, last: Sighting, now: datetime) -> Growth:
    votes, position = last.votes or 0, last.position or FAR
    until = last.observed_at.astimezone(UTC)
    if first.observed_at >= last.observed_at or first.observed_at < now - WINDOW:
        return Growth(source, votes, until, position=position)
    return Growth(source, votes, until, first.votes or 0, first.observed_at.astimezone(UTC), position)


def _age(candidate: Candidate, now: datetime) -> int:
    """Whole days since the paper was listed; 0 where that is not known."""
    day: date | None = candidate.listed_on
    if day is None and candidate.first_seen_at is not None:
        day = candidate.first_seen_at.astimezone(UTC).date()
    return 0 if day is None else max((now.astimezone(UTC).date() - day).days, 0)


def _shares(papers: dict[int, Growth], ages: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Return log votes and log votes a day as shares of the most, for papers that have votes."""
    speed = {}
    for row, one in papers.items():
        known = one.per_day
        speed[row] = max(one.votes / (ages[row] + 1) if known is None else known, 0.0)
    most = log1p(max(max(one.votes, 0) for one in papers.values()))
    fastest = log1p(max(speed.values()))
    return {
        row: (log1p(one.votes) / most, log1p(speed[row]) / fastest if fastest else 0.0)
        for row, one in papers.items()
        if one.votes > 0
    }


def _rising(papers: dict[int, Growth], ages: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Return (1 - (usual + 1) / (growth + 1), usual) for papers that grow much faster than is usual."""
    known = {row: one.per_day for row, one in papers.items()}
    by_age: dict[int, list[float]] = defaultdict(list)
    for row, speed in known.items():
        if speed is not None:
            by_age[ages[row]].append(speed)
    around = {
        age: sorted(speed for near in (age - 1, age, age + 1) for speed in by_age.get(near, ()))
        for age in by_age
    }
    found = {}
    for row, speed in known.items():
        gain = papers[row].gain
        if speed is None or gain is None or gain < LEAST_GAIN:
            continue
        usual = max(_median_of_others(around[ages[row]], speed), 0.0)
        if speed > max(TIMES_USUAL * usual, usual + 1):
            found[row] = (1 - (usual + 1) / (speed + 1), usual)
    return found


def _median_of_others(ordered: Sequence[float], own: float) -> float:
    """The median of ascending values without one of its own; 0 where there is no other."""
    others = len(ordered) - 1
    if not others:
        return 0.0
    left_out = bisect_left(ordered, own)

    def at(place: int) -> float:
        return ordered[place if place < left_out else place + 1]

    return (at((others - 1) // 2) + at(others // 2)) / 2
