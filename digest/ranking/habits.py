"""Learns how fast votes usually come at each source, from the looks of the last weeks. Pure.

What is usual is the mean growth of papers of an age, each paper's growth cut at what nine of ten stay below,
so that a few stars are not what is usual. Growth between two looks is spread over the time between them, as
votes come at that age, so that a missed day is no jump. A paper that dropped out of a list which others of
its day stayed in counts as one of the slowest: a list that shows only its top would else hide them.
"""

from array import array
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from math import nan
from typing import NamedTuple

import numpy as np

from digest.ranking.growth import FIRST_DAY, Columns, Floats, Whole, births, highest_so_far
from digest.ranking.usual import AGES, BINS, BOT_COMMENTS, ENDS, PRIOR, Usual, UsualGrowth, bin_of, weekday_of

__all__ = ["SPAN", "History", "fit_usual"]

# What is learnt from: the looks of so long; older habits may have changed.
SPAN = timedelta(days=60)
# The growth of two looks further apart (days) says too little of when it came.
MOST_GAP = 7.0
# Growth between two looks is spread over pieces of a quarter of a day.
PIECE = 0.25
# A bin is learnt from at least so many papers; the prior counts as so many more.
LEAST_PAPERS, PRIOR_PAPERS = 5, 5
# The prior of a source's scale and of each weekday's activity, in votes.
SCALE_VOTES, WEEKDAY_VOTES = 30.0, 10.0
# Growth above what this share of papers stays below is cut; who dropped out of a list gained no more than
# what this share of those that stayed.
HIGH, LOW = 0.9, 0.1
# What is said of papers that were looked at over so much of a bin, or of a day in a longer one.
LEAST_SHARE = 0.5
ROUNDS = 5
TINY = 1e-9

# Source, paper, the first day the source listed it, time of the look; votes, stars and comments told then.
History = tuple[str, int, date | None, datetime, int | None, int | None, int | None]


def fit_usual(histories: Iterable[History], now: datetime) -> UsualGrowth:
    """Learn what is usual at each source from the looks of the last ``SPAN`` up to ``now``.

    The order of the input does not matter. It takes about 50 bytes a look, and some hundred for each look of
    the source that is being learnt.
    """
    columns: dict[str, tuple[Columns, array[float]]] = {}
    for source, paper, listed_on, at, votes, stars, comments in histories:
        if now - SPAN <= at <= now and (votes is not None or stars is not None):
            if source not in columns:
                columns[source] = Columns(), array("d")
            into, listed = columns[source]
            into.add(paper, at, votes, stars, comments)
            listed.append(nan if listed_on is None else (listed_on - FIRST_DAY).days)
    learnt = {}
    for source in sorted(columns):
        usual = _learn(*columns.pop(source))
        if usual is not None:
            learnt[source] = usual
    return UsualGrowth(learnt)


class _Looks(NamedTuple):
    """The looks of one source: sorted by paper and time; paper ``g`` has those from ``start`` to ``end``."""

    time: Floats
    reached: Floats
    comments: Floats
    start: Whole
    end: Whole
    birth: Floats

    @property
    def group(self) -> Whole:
        return np.repeat(np.arange(len(self.start)), self.end - self.start)


def _arranged(columns: Columns, listed: "array[float]") -> _Looks:
    count, comments = columns.counts()
    paper, time = np.array(columns.papers), np.array(columns.times)
    order = np.lexsort((np.nan_to_num(comments, nan=-1), count, time, paper))
    order = order[~np.isnan(count[order])]
    paper, time = paper[order], time[order]
    start = np.flatnonzero(np.diff(paper, prepend=paper[0] - 1))
    end = np.append(start[1:], len(paper))
    reached = highest_so_far(np.maximum(count[order], 0), start, end)
    first_listed = np.fmin.reduceat(np.array(listed)[order], start)
    return _Looks(time, reached, comments[order], start, end, births(time[start], first_listed))


class _Pieces(NamedTuple):
    """Growth in pieces of time: whose, at which age (bin), on which weekday, how long, how much."""

    group: Whole
    bin: Whole
    weekday: Whole
    days: Floats
    gain: Floats

    def by_paper(self, weights: Floats, papers: int) -> Floats:
        """Sums of ``weights`` (papers × bins)."""
        key = self.group * BINS + self.bin
        return np.bincount(key, weights, papers * BINS).reshape(papers, BINS).astype(np.float64)

    def by_weekday(self, weights: Floats) -> Floats:
        """Sums of ``weights`` (bins × weekdays)."""
        sums = np.bincount(self.bin * 7 + self.weekday, weights, BINS * 7)
        return sums.reshape(BINS, 7).astype(np.float64)


def _pieces(looks: _Looks) -> _Pieces:
    """Cut the time between looks into pieces, and share the growth out as votes come at that age."""
    group = looks.group
    gap = np.diff(looks.time)
    place = np.flatnonzero((np.diff(group) == 0) & (gap > 0) & (gap <= MOST_GAP))
    since, until = looks.time[place], looks.time[place + 1]
    first = np.floor(since / PIECE)
    many = np.maximum(np.ceil(until / PIECE) - first, 1).astype(np.int64)
    of = np.repeat(np.arange(len(place)), many)
    cell = (first[of] + np.arange(len(of)) - np.repeat(np.cumsum(many) - many, many)) * PIECE
    begin, end = np.maximum(since[of], cell), np.minimum(until[of], cell + PIECE)
    owner = group[place][of]
    days = np.maximum(end - begin, 0)
    bins = bin_of((begin + end) / 2 - looks.birth[owner])
    share = days * PRIOR[bins]
    share /= np.bincount(of, share, len(place))[of]
    gain = (looks.reached[place + 1] - looks.reached[place])[of] * share
    return _Pieces(owner, bins, weekday_of(cell), days, gain)


def _learn(columns: Columns, listed: "array[float]") -> Usual | None:
    """What is usual at one source; ``None`` where too few papers were looked at twice."""
    looks = _arranged(columns, listed)
    pieces = _pieces(looks)
    papers = len(looks.start)
    days, gain = pieces.by_paper(pieces.days, papers), pieces.by_paper(pieces.gain, papers)
    if (days.sum(axis=1) > 0).sum() < LEAST_PAPERS:
        return None
    rate = np.where(days >= LEAST_SHARE * np.minimum(ENDS - AGES, 1), gain / np.maximum(days, TINY), np.nan)
    high, low = _quantile(rate, HIGH), _quantile(rate, LOW)
    # A bin with few papers is left to the prior.
    known = ~np.isnan(high)
    most = np.nan_to_num(high) * days + 1
    cut = most / np.maximum(gain, most)
    kept = pieces.gain * cut[pieces.group, pieces.bin]
    gained = np.where(known[:, None], pieces.by_weekday(kept), 0)
    spent = np.where(known[:, None], pieces.by_weekday(pieces.days), 0)
    gone = np.where(known, _dropped(looks), 0)
    curve, activity = _curve(gained, spent, gone, np.nan_to_num(low))
    return Usual(curve, activity, _comments(looks), int((days.sum(axis=1) > 0).sum()))


def _quantile(rate: Floats, share: float) -> Floats:
    """The value that at least ``share`` of the papers reach at most, by bin; ``nan`` for few papers."""
    found = np.full(BINS, np.nan)
    for place in range(BINS):
        known = np.sort(rate[~np.isnan(rate[:, place]), place])
        if len(known) >= LEAST_PAPERS:
            found[place] = known[int(share * (len(known) - 1))]
    return found


def _dropped(looks: _Looks) -> Floats:
    """Days by bin that papers were no longer in a list which others that came on the same day were in.

    How long the others were is what nine of ten of them reached: one that came back proves nothing.
    """
    last = looks.time[looks.end - 1]
    day = np.floor(looks.birth)
    order = np.lexsort((last, day))
    start = np.flatnonzero(np.diff(day[order], prepend=-1))
    many = np.diff(np.append(start, len(order)))
    reached = last[order][start + (HIGH * (many - 1)).astype(np.int64)]
    until = np.empty(len(order))
    until[order] = np.repeat(reached, many)
    gone = until - last > 1
    since, until = (last - looks.birth)[gone, None], (until - looks.birth)[gone, None]
    overlap = np.minimum(until, ENDS) - np.maximum(since, AGES)
    total: Floats = np.maximum(overlap, 0).sum(axis=0)
    return total


def _curve(gained: Floats, spent: Floats, gone: Floats, low: Floats) -> tuple[Floats, Floats]:
    """Return rates by bin and activity by weekday, from votes and days (bins × weekdays) in turns.

    Both are drawn to the prior: rates to its shape at the source's own scale, weekdays to 1.
    """
    activity = np.ones(7)
    weight = PRIOR_PAPERS * np.minimum(ENDS - AGES, 1)
    rate = PRIOR
    for _ in range(ROUNDS):
        time = spent @ activity + gone
        votes = gained.sum(axis=1) + low * gone
        scale = (votes.sum() + SCALE_VOTES) / (PRIOR @ time + SCALE_VOTES)
        rate = (votes + weight * scale * PRIOR) / (time + weight)
        activity = (gained.sum(axis=0) + WEEKDAY_VOTES) / (rate @ spent + WEEKDAY_VOTES)
        activity /= activity.mean()
    return rate, activity


def _comments(looks: _Looks) -> Floats:
    """How many comments the middle one of the papers has, by age; one, a bot's, where few are known."""
    known = ~np.isnan(looks.comments)
    group, comments = looks.group[known], looks.comments[known]
    bins = bin_of(looks.time[known] - looks.birth[group])
    found = np.full(BINS, BOT_COMMENTS)
    for place in np.unique(bins):
        here = bins == place
        # Of each paper the last look at that age.
        last = np.append(np.diff(group[here]) != 0, True)
        of_papers = np.sort(comments[here][last])
        if len(of_papers) >= LEAST_PAPERS:
            found[place] = max(of_papers[(len(of_papers) - 1) // 2], 0)
    return found
