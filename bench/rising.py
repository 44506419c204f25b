"""How early and how precisely Rising finds the papers that end in the top tenth, on invented votes.

usage: python bench/rising.py [--seeds 5] [--days 60] [--picks 2] [--top 3 --top 5] [--refresh 2h|daily]

The votes are invented. Known of the site that they imitate (measured by others over 558 weekday answers, and
on 28 saved ones): 17 papers a weekday and none at weekends; a list grows while its day lasts and votes grow
for weeks; the saved lists have a median of 7 votes, one paper in ten has more than 32 and one in a hundred
more than 88; four in five have exactly one comment, so most of these are a bot's. All else is assumed: votes
come at a rate that falls as a power of age, with another speed for each paper; one paper in eight is
discovered late; days differ by chance; weekends have 35 % of a day's votes, Mondays 125 % and more papers,
nights half. The site is read every two hours (each list on three days) or once a day (on seven); one look in
twelve fails, one day in twenty is missed.

A paper is right if it is among the tenth with most votes four weeks after it was listed. *A digest* picks on
each weekday morning the next papers that it has not picked before, from those listed in the last seven days.
*A list* is looked at every four hours, the first few of it. "Most votes" and "most votes a day" are what one
would use instead; "found" is the share of the right papers that were shown, "in 12 h" and "in 24 h" that of
those shown so soon after they were seen first; days, votes then and their share of the final votes are
medians over the right papers that were shown. There is no threshold, since the curves are invented.
"""

import argparse
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest.ranking.habits import fit_usual
from digest.ranking.trend import measure_trend
from digest.ranking.usual import UsualGrowth
from digest.types import Candidate, Sighting

Floats = NDArray[np.float64]

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WINDOW, END = 7, 28
PAPERS = 17 * np.array([1.5, 1.0, 0.9, 0.9, 0.7])
WEEKDAY = np.array([1.25, 1.0, 1.0, 1.0, 1.0, 0.35, 0.35])
HOURS = np.where(np.arange(24) < 8, 0.5, 1.25)
LOOKBACK = {"2h": 3, "daily": 7}
MORNING, STEP = 6, 4


# --- an invented site ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paper:
    """One invented paper: when it came (days since the start), when its votes and comments came."""

    number: int
    came: float
    votes: Floats
    comments: Floats

    def votes_at(self, time: float) -> int:
        """The votes up to a time."""
        return int(np.searchsorted(self.votes, time, side="right"))

    @property
    def final(self) -> int:
        """The votes after four weeks."""
        return self.votes_at(self.came + END)


def make_papers(days: int, chance: np.random.Generator) -> list[Paper]:
    """All papers of so many days with their votes for four weeks."""
    length = days + END + 2
    active = np.repeat(WEEKDAY[np.arange(length) % 7] * chance.lognormal(0, 0.25, length), 24)
    active *= np.tile(HOURS, length)
    papers: list[Paper] = []
    for day in range(days):
        many = chance.poisson(PAPERS[day % 7]) if day % 7 < 5 else 0
        for came in np.sort(chance.uniform(0.05, 0.85, many)).tolist():
            papers.append(_paper(len(papers) + 1, day + came, active, chance))
    return papers


def _paper(number: int, came: float, active: Floats, chance: np.random.Generator) -> Paper:
    hours = np.arange(int(came * 24), int((came + END) * 24))
    age = np.maximum((hours + 0.5) / 24 - came, 0)
    total = chance.lognormal(np.log(9), 1.2)
    speed, fall = chance.lognormal(np.log(0.8), 0.5), chance.uniform(1.3, 2.2)
    rate = _shared((1 + age / speed) ** -fall)
    if chance.random() < 0.125:  # discovered late
        late = age - chance.uniform(0.5, 4)
        rate = 0.3 * rate + 0.7 * _shared(np.where(late > 0, np.exp(-np.maximum(late, 0)), 0))
    counts = chance.poisson(total * _shared(rate * active[hours]))
    votes = np.sort(np.repeat(hours, counts) + chance.random(counts.sum())) / 24
    bot = [came + chance.uniform(0.1, 0.6)] if chance.random() < 0.85 else []
    people = votes[chance.random(len(votes)) < 0.03].tolist()
    return Paper(number, came, votes, np.sort([*bot, *people]))


def _shared(rate: Floats) -> Floats:
    return rate / (float(rate.sum()) or 1.0)


def looking_times(days: int, refresh: str, chance: np.random.Generator) -> Floats:
    """When the site is read, in days since the start: irregular, some looks fail, some days are missed."""
    step = 1.0 if refresh == "daily" else 2 / 24
    times = np.arange(0, days, step)
    times = times + (5.5 / 24 if refresh == "daily" else 0) + chance.uniform(0, 0.5 / 24, len(times))
    missed = chance.random(days + 1) < 1 / 20
    kept: Floats = times[(chance.random(len(times)) > 1 / 12) & ~missed[times.astype(int)]]
    return kept


def look(papers: Sequence[Paper], times: Floats, lookback: int) -> list[Sighting]:
    """What was seen, by time: each list on its day and the days after it."""
    seen: list[Sighting] = []
    for paper in papers:
        first, last = np.searchsorted(times, [paper.came, int(paper.came) + lookback])
        seen += (
            Sighting(
                paper.number,
                "site",
                START + time * DAY,
                votes=paper.votes_at(time),
                comments=int(np.searchsorted(paper.comments, time)),
            )
            for time in times[first:last].tolist()
        )
    return sorted(seen, key=lambda one: one.observed_at)


def day_of(paper: Paper) -> date:
    """The day of the paper's list."""
    return (START + int(paper.came) * DAY).date()


class World:
    """Some weeks of a site, as it was seen."""

    def __init__(self, seed: int, days: int, refresh: str) -> None:
        chance = np.random.default_rng(seed)
        papers = make_papers(days, chance)
        self.seen = look(papers, looking_times(days, refresh, chance), LOOKBACK[refresh])
        self.times = [one.observed_at for one in self.seen]
        self.first: dict[int, datetime] = {}
        for one in self.seen:
            self.first.setdefault(one.paper_id, one.observed_at)
        self.papers = {one.number: one for one in papers if one.number in self.first}
        line = np.quantile([one.final for one in self.papers.values()], 0.9)
        self.top = {number for number, one in self.papers.items() if one.final > line}
        self.days = days
        self.usual = [self._learnt(START + day * DAY) for day in range(days)]

    def _learnt(self, now: datetime) -> UsualGrowth:
        """What is learnt the night before."""
        known = self.seen[: bisect_left(self.times, now)]
        rows = (
            ("site", number, day_of(self.papers[number]), one.observed_at, one.votes, None, one.comments)
            for one in known
            if (number := one.paper_id)
        )
        return fit_usual(rows, now)

    def at(self, hour: int) -> "Moment":
        """What is known of the papers of the last seven days."""
        now, day = START + hour * HOUR, hour // 24
        here = [one for one in self.papers.values() if day - WINDOW < int(one.came) and one.came < hour / 24]
        numbers = {one.number for one in here}
        recent = self.seen[bisect_left(self.times, now - 8 * DAY) : bisect_right(self.times, now)]
        return Moment(now, here, [one for one in recent if one.paper_id in numbers], self.usual[day])


@dataclass(frozen=True)
class Moment:
    """What a method goes by."""

    now: datetime
    papers: Sequence[Paper]
    seen: Sequence[Sighting]
    usual: UsualGrowth


# --- methods: papers by their numbers, the best first ----------------------------------------------


def most_votes(moment: Moment) -> list[int]:
    """As a list sorted by votes."""
    votes = {one.paper_id: one.votes or 0 for one in moment.seen}
    return sorted(votes, key=lambda number: (-votes[number], number))


def most_a_day(moment: Moment) -> list[int]:
    """Votes gained from the first look to the last by the days between; half a day at least."""
    first: dict[int, Sighting] = {}
    last = {one.paper_id: one for one in moment.seen}
    for one in moment.seen:
        first.setdefault(one.paper_id, one)
    speed = {
        number: ((one.votes or 0) - (first[number].votes or 0))
        / max((one.observed_at - first[number].observed_at) / DAY, 0.5)
        for number, one in last.items()
    }
    return sorted(speed, key=lambda number: (-speed[number], number))


def rising(moment: Moment) -> list[int]:
    """The product's, with what was learnt the night before."""
    return _rising(moment, moment.usual)


def rising_unlearnt(moment: Moment) -> list[int]:
    """The product's where nothing was learnt yet."""
    return _rising(moment, None)


def _rising(moment: Moment, usual: UsualGrowth | None) -> list[int]:
    candidates = [Candidate(one.number, "", listed_on=day_of(one)) for one in moment.papers]
    rows = {one.paper_id: row for row, one in enumerate(candidates)}
    trend = measure_trend(candidates, rows, moment.seen, moment.now, usual)
    return [candidates[row].paper_id for row in trend.rising_order.tolist()]


Method = Callable[[Moment], list[int]]
METHODS: dict[str, Method] = {
    "Rising": rising,
    "Rising, nothing learnt": rising_unlearnt,
    "most votes a day": most_a_day,
    "most votes": most_votes,
}


# --- measuring -------------------------------------------------------------------------------------


def in_digests(world: World, method: Method, picks: int) -> tuple[dict[int, int], float]:
    """The hour at which each paper was picked, and how many a digest has."""
    shown: dict[int, int] = {}
    mornings = [24 * day + MORNING for day in range(world.days) if day % 7 < 5]
    for hour in mornings:
        new = [number for number in method(world.at(hour)) if number not in shown]
        shown.update(dict.fromkeys(new[:picks], hour))
    return shown, len(shown) / len(mornings)


def in_lists(world: World, method: Method, top: int) -> tuple[dict[int, int], float]:
    """The hour at which each paper was first among the first of the list, and how long that is."""
    shown: dict[int, int] = {}
    hours = range(MORNING, 24 * world.days, STEP)
    length = 0
    for hour in hours:
        first = method(world.at(hour))[:top]
        length += len(first)
        for number in first:
            shown.setdefault(number, hour)
    return shown, length / len(hours)


def judge(world: World, shown: Mapping[int, int], size: float) -> tuple[float, ...]:
    """The figures of a table's row."""
    # Papers of the last days had no time to be found.
    right = [number for number in world.top if world.papers[number].came < world.days - 4]
    found = [number for number in right if number in shown]
    waited = {number: (START + shown[number] * HOUR - world.first[number]) / HOUR for number in found}
    soon = [sum(hours <= limit for hours in waited.values()) / len(right) for limit in (12, 24)]
    days = [shown[number] / 24 - world.papers[number].came for number in found]
    votes = [world.papers[number].votes_at(shown[number] / 24) for number in found]
    share = [now / world.papers[number].final for number, now in zip(found, votes, strict=True)]
    medians = (float(np.median(each)) for each in (list(waited.values()), days, votes, share))
    precision = sum(number in world.top for number in shown) / max(len(shown), 1)
    return precision, len(found) / len(right), *soon, *medians, size


HEAD = ("right", "found", "in 12 h", "in 24 h", "hours", "days", "votes", "share", "length")
FORMATS = ("7.0%", "7.0%", "7.0%", "7.0%", "7.1f", "7.2f", "7.0f", "7.0%", "7.2f")


def table(worlds: Sequence[World], of: Callable[[World, Method], tuple[dict[int, int], float]]) -> None:
    """Print a row for each method: means over the worlds."""
    print(f"{'':24}" + "".join(f"{name:>8}" for name in HEAD))
    for name, method in METHODS.items():
        figures = np.mean([judge(world, *of(world, method)) for world in worlds], axis=0)
        print(
            f"{name:24}" + "".join(f" {value:{form}}" for value, form in zip(figures, FORMATS, strict=True))
        )


def main() -> None:
    """Invent, look, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("seeds", 5), ("days", 60), ("picks", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--top", type=int, action="append")
    parser.add_argument("--refresh", choices=tuple(LOOKBACK), action="append")
    options = parser.parse_args()
    for refresh in options.refresh or LOOKBACK:
        worlds = [World(seed, options.days, refresh) for seed in range(options.seeds)]
        print(f"\nread {refresh}, {options.days} days, {options.seeds} seeds")
        print(f"a digest of {options.picks} each weekday morning")
        table(worlds, partial(in_digests, picks=options.picks))
        for top in options.top or (3, 5):
            print(f"the first {top} of a list, looked at every {STEP} hours")
            table(worlds, partial(in_lists, top=top))


if __name__ == "__main__":
    main()
