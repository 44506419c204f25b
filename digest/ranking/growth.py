"""What sources counted of papers over time: looks as arrays, and the growth between two of them.

A source's count is its votes; a source that tells stars and never votes is gone by its stars. A *history* is
what one source told of one paper, its looks in the order of time.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digest.types import Sighting

__all__ = ["FAR", "Columns", "Growth", "Looks", "births", "days_of", "read_looks"]

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = date(1970, 1, 1)
# Two looks within hours tell little of a day's growth: a shorter time counts as half a day.
LEAST_DAYS = 0.5
FAR = 1 << 30
# A page may claim any number; the database holds none beyond this.
MOST_COUNT = 2.0**31 - 1
# A paper whose list is older than this (days) at the first look was read late, and is as old as its list.
LATE = 1.5

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Growth:
    """The votes (or stars, see ``counted``) of one paper at one source: now, and at an earlier look.

    ``since`` is ``None`` where there was one look only; then ``votes_then`` says nothing.
    """

    source: str
    votes: int
    until: datetime
    votes_then: int = 0
    since: datetime | None = None
    position: int = FAR
    counted: Literal["votes", "stars"] = "votes"

    @property
    def gain(self) -> int | None:
        """Votes gained since the earlier look, ``None`` where there was none."""
        return None if self.since is None else self.votes - self.votes_then

    @property
    def per_day(self) -> float | None:
        """Votes gained a day, ``None`` where there was no earlier look."""
        if self.since is None:
            return None
        return (self.votes - self.votes_then) / max((self.until - self.since) / DAY, LEAST_DAYS)


@dataclass(frozen=True, eq=False, slots=True)
class Looks:
    """The looks of one source: sorted by paper's row, then time, then count, then position (best last).

    ``time`` is in days since 1970 (UTC); ``comments`` are ``nan`` where they were not told. History ``h`` is
    ``row[start[h]:end[h]]``.
    """

    source: str
    counted: Literal["votes", "stars"]
    row: Whole
    time: Floats
    count: Floats
    comments: Floats
    position: Whole
    at: tuple[datetime, ...]
    start: Whole
    end: Whole

    @property
    def last(self) -> Whole:
        """The place of each history's last look."""
        return self.end - 1

    @property
    def sizes(self) -> Whole:
        """How many looks each history has."""
        return self.end - self.start

    def count_each(self, which: NDArray[np.bool_]) -> Whole:
        """Return how many of the chosen looks each history has."""
        many: Whole = np.add.reduceat(which.astype(np.int64), self.start)
        return many

    @property
    def reached(self) -> Floats:
        """The highest count of each history up to each look: a count that fell does not grow again."""
        return highest_so_far(self.count, self.start, self.end)


def highest_so_far(values: Floats, start: Whole, end: Whole) -> Floats:
    """Return the running maximum within each stretch ``start[i]:end[i]``; they follow each other."""
    if not len(values):
        return values
    # Each stretch is lifted above all before it, so that one running maximum serves all.
    step = float(values.max()) - float(values.min()) + 1.0
    lifted = values + np.repeat(np.arange(len(start)) * step, end - start)
    reached: Floats = np.maximum.accumulate(lifted) - np.repeat(np.arange(len(start)) * step, end - start)
    return reached


def days_of(at: datetime) -> float:
    """Return a time as days since 1970 (UTC)."""
    return (at - EPOCH) / DAY


def births(first_look: Floats, listed: Floats) -> Floats:
    """Return when papers came to a source, in days since 1970: at the first look, or with a list before it.

    ``listed`` are the days of their lists (``nan``: unknown). Lists are dated by the day and grow while it
    lasts, so the first look is the better witness, unless it came late: then it is noon of the list's day.
    """
    late: Floats = np.where(first_look - listed > LATE, listed + 0.5, first_look)
    return late


class Columns:
    """Looks of one source as they come, by any whole number that a paper has."""

    def __init__(self) -> None:
        self.papers, self.times = array("q"), array("d")
        self.votes, self.stars, self.comments = array("d"), array("d"), array("d")

    def add(
        self, paper: int, at: datetime, votes: int | None, stars: int | None, comments: int | None
    ) -> None:
        """Keep one look."""
        self.papers.append(paper)
        self.times.append((at - EPOCH) / DAY)
        self.votes.append(nan if votes is None else votes)
        self.stars.append(nan if stars is None else stars)
        self.comments.append(nan if comments is None else comments)

    @property
    def has_votes(self) -> bool:
        """Whether votes were told at any look; else the source is gone by its stars."""
        return not bool(np.isnan(np.array(self.votes)).all())

    def counts(self) -> tuple[Floats, Floats]:
        """Return votes (or stars) and comments, within bounds; ``nan`` where they were not told."""
        count, comments = np.array(self.votes if self.has_votes else self.stars), np.array(self.comments)
        return np.clip(count, -MOST_COUNT, MOST_COUNT), np.clip(comments, 0, MOST_COUNT)


def read_looks(rows: Mapping[int, int], observations: Iterable[Sighting], now: datetime) -> dict[str, Looks]:
    """Return the looks up to ``now`` at papers that have a row, by source; their order does not matter.

    Looks that told no count are left out, and so are sources without any.
    """
    columns: dict[str, tuple[Columns, array[int], list[datetime]]] = {}
    for one in observations:
        row, at = rows.get(one.paper_id), one.observed_at
        if row is None or at > now or (one.votes is None and one.stars is None):
            continue
        if one.source not in columns:
            columns[one.source] = Columns(), array("q"), []
        into, positions, times = columns[one.source]
        into.add(row, at, one.votes, one.stars, one.comments)
        positions.append(one.position or FAR)
        times.append(at)
    return {source: _sorted(source, *columns[source]) for source in sorted(columns)}


def _sorted(source: str, columns: Columns, positions: "array[int]", times: Sequence[datetime]) -> Looks:
    count, comments = columns.counts()
    row, time, position = np.array(columns.papers), np.array(columns.times), np.array(positions)
    order = np.lexsort((np.nan_to_num(comments, nan=-1), -position, count, time, row))
    order = order[~np.isnan(count[order])]
    row = row[order]
    start = np.flatnonzero(np.diff(row, prepend=-1))
    return Looks(
        source=source,
        counted="votes" if columns.has_votes else "stars",
        row=row,
        time=time[order],
        count=count[order],
        comments=comments[order],
        position=position[order],
        at=tuple(times[place] for place in order.tolist()),
        start=start,
        end=np.append(start[1:], len(row)),
    )
