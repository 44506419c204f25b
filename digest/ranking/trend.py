"""What votes say: how many, how fast they come, and whether that is much for a paper of this age.

Only observations count, and only sources that tell votes: a paper without a single vote has no trend.
All figures are per source, since a hundred votes here may be ten votes there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.types import Candidate, Sighting

__all__ = ["WINDOW", "Growth", "Trend", "measure_trend"]

WINDOW = timedelta(days=7)
DAY = timedelta(days=1)
# Two looks within hours tell little of a day's growth: a shorter time counts as half a day.
LEAST_DAYS = 0.5
# Rising: at least so many votes gained in all, and a day so many times and so many more than is usual.
LEAST_GAIN = 3
TIMES_USUAL, ABOVE_USUAL = 1.5, 2
FAR = 1 << 30

Floats = NDArray[np.float64]
Ages = NDArray[np.int64]


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
    order: NDArray[np.int32]
    rising_order: NDArray[np.int32]
    position: NDArray[np.int64]
    growth: tuple[Growth | None, ...]
    usual: NDArray[np.float64]


def measure_trend(
    candidates: Sequence[Candidate], rows: Mapping[int, int], observations: Iterable[Sighting], now: datetime
) -> Trend:
    """Measure votes and their growth for each candidate, from what was observed up to ``now``.

    ``rows`` maps paper ids to the candidates' places.

    ``score``: the mean of log votes and log votes a day, each as a share of the most any candidate has at
    that source. Where there was one look only, votes a day are all its votes over its days on the list.
    """
    by_source: dict[str, dict[int, Growth]] = {}
    for source, looks in _looks(rows, observations, now).items():
        by_source[source] = {row: _growth(source, looks.pop(row), now) for row in sorted(looks)}
    level, speed, rising, typical = (np.zeros(len(candidates)) for _ in range(4))
    position = np.full(len(candidates), FAR, dtype=np.int64)
    growth: list[Growth | None] = [None] * len(candidates)
    all_ages = np.array([_age(candidate, now) for candidate in candidates], dtype=np.int64)
    for source in sorted(by_source):
        here, papers = np.array(list(by_source[source])), list(by_source[source].values())
        ages = all_ages[here]
        of_votes, of_speed = _shares(papers, ages)
        rises, usual = _rising(papers, ages)
        for at in np.flatnonzero(of_votes + of_speed > level[here] + speed[here]).tolist():
            row = here[at]
            level[row], speed[row] = of_votes[at], of_speed[at]
            rising[row], typical[row] = rises[at], usual[at]
            growth[row], position[row] = papers[at], papers[at].position
    score = (level + speed) / 2
    return Trend(
        level=level,
        speed=speed,
        score=score,
        rising=rising,
        order=_descending(score, position),
        rising_order=_descending(rising, position),
        position=position,
        growth=tuple(growth),
        usual=typical,
    )


def _descending(values: Floats, position: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the rows with evidence, the strongest first; between equals the position, then the id."""
    order = np.lexsort((np.arange(len(values)), position, -values.round(9)))
    return order[values[order] > 0].astype(np.int32)


class _Looks(NamedTuple):
    """The first look within the window, if there was one before the last, and the last of all."""

    first_at: datetime
    first_votes: int
    last_at: datetime
    last_votes: int
    position: int


def _looks(
    rows: Mapping[int, int], observations: Iterable[Sighting], now: datetime
) -> dict[str, dict[int, _Looks]]:
    """Return what matters of the observations of each paper, by source and row."""
    looks: dict[str, dict[int, _Looks]] = defaultdict(dict)
    for one in observations:
        row, votes, at = rows.get(one.paper_id), one.votes, one.observed_at
        if row is None or votes is None or at > now:
            continue
        position = one.position or FAR
        seen = looks[one.source].get(row) or _Looks(at, votes, at, votes, position)
        if at >= now - WINDOW and (
            seen.first_at < now - WINDOW or (at, votes) < (seen.first_at, seen.first_votes)
        ):
            seen = seen._replace(first_at=at, first_votes=votes)
        if (at, votes, -position) > (seen.last_at, seen.last_votes, -seen.position):
            seen = seen._replace(last_at=at, last_votes=votes, position=position)
        looks[one.source][row] = seen
    return looks


def _growth(source: str, seen: _Looks, now: datetime) -> Growth:
    until = seen.last_at.astimezone(UTC)
    if seen.first_at >= seen.last_at or seen.first_at < now - WINDOW:
        return Growth(source, seen.last_votes, until, position=seen.position)
    since = seen.first_at.astimezone(UTC)
    return Growth(source, seen.last_votes, until, seen.first_votes, since, seen.position)


def _age(candidate: Candidate, now: datetime) -> int:
    """Whole days since the paper was listed; 0 where that is not known."""
    day: date | None = candidate.listed_on
    if day is None and candidate.first_seen_at is not None:
        day = candidate.first_seen_at.astimezone(UTC).date()
    return 0 if day is None else max((now.astimezone(UTC).date() - day).days, 0)


def _shares(papers: Sequence[Growth], ages: Ages) -> tuple[Floats, Floats]:
    """Return log votes and log votes a day as shares of the most; 0 for papers without votes."""
    votes = np.array([max(one.votes, 0) for one in papers], dtype=np.float64)
    known = _per_day(papers)
    speed = np.where(np.isnan(known), votes / (ages + 1), np.maximum(known, 0))
    most, fastest = np.log1p(votes.max()), np.log1p(speed.max())
    level = np.log1p(votes) / (most or 1)
    return level, np.where(votes > 0, np.log1p(speed) / (fastest or 1), 0)


def _per_day(papers: Sequence[Growth]) -> Floats:
    return np.array([np.nan if one.per_day is None else one.per_day for one in papers], dtype=np.float64)


def _rising(papers: Sequence[Growth], ages: Ages) -> tuple[Floats, Floats]:
    """Return 1 - (usual + 1) / (growth + 1) for papers that grow much faster than is usual, and the usual.

    Usual is the median growth a day of the other papers that are as old, give or take a day.
    """
    speed = _per_day(papers)
    rises, usual = np.zeros(len(papers)), np.zeros(len(papers))
    known = ~np.isnan(speed)
    for age in np.unique(ages[known]):
        around = np.sort(speed[known & (np.abs(ages - age) <= 1)])
        for at in np.flatnonzero(known & (ages == age)).tolist():
            if (papers[at].gain or 0) < LEAST_GAIN:
                continue
            usual[at] = max(_median_of_others(around, speed[at]), 0.0)
            if speed[at] > max(TIMES_USUAL * usual[at], usual[at] + ABOVE_USUAL):
                rises[at] = 1 - (usual[at] + 1) / (speed[at] + 1)
    return rises, usual


def _median_of_others(ordered: Floats, own: float) -> float:
    """The median of ascending values without one of its own; 0 where there is no other."""
    others = len(ordered) - 1
    if not others:
        return 0.0
    left_out = int(np.searchsorted(ordered, own))

    def at(place: int) -> float:
        return float(ordered[place if place < left_out else place + 1])

    return (at((others - 1) // 2) + at(others // 2)) / 2
