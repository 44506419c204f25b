"""Which papers grow clearly faster than is usual at their age, at one source.

Compared are the votes ``gained`` between two looks and those ``usual`` in that time at that age (see
``usual``), corrected by how the other candidates did just then: a slow holiday or a busy Monday is the same
for all. How many times the usual rate a paper has is not known but guessed from counts, with Gamma-Poisson
shrinkage: before any look it is about 1, as if one vote had come where one is usual. ``at_least`` is what it
exceeds with a probability of 0.95, so few votes in a short time prove little::

    a = gained + 1;  b = usual + 1
    at_least = a / b × (1 - 1 / (9 a) - 1.645 / (3 √a))^3        (the quantile after Wilson and Hilferty)
    rising = 1 - 1 / at_least, where at_least is 2 or more; else 0

The last look is compared with one about a day, about three days and up to seven days before, and what rises
most counts: so who is discovered late is found as early as who is fast from the start.
"""

from dataclasses import dataclass

import numpy as np

from digest.ranking.growth import LEAST_DAYS, Floats, Looks, Whole, births
from digest.ranking.usual import Usual

__all__ = ["Rise", "at_least", "measure_rise"]

# Days from the look that growth is counted from to the last; a day's looks are a bit less than a day apart.
SPANS = (0.9, 2.9, 7.0)
# Who was last looked at so many days before the source's newest look no longer rises for all we know.
STALE = 2.0
# Rising: so many times what is usual. Fewer than four votes are never as much, by the formula.
LEAST_TIMES = 2.0
# A source of which nothing was learnt needs so many other papers that were looked at twice.
LEAST_OTHERS = 4
# The prior of a paper's rate: as if so many votes had come where so many are usual.
PRIOR = 1.0
# The normal distribution's 0.95 quantile.
SURE = 1.645
# The growth of others counts up to so many times what is usual, and so many votes more.
CUT_TIMES, CUT_MORE = 3, 3
# What was learnt of a source counts as so many papers beside today's: at least, at most, and half of that
# where so many papers were learnt from.
LEAST_WEIGHT, MOST_WEIGHT, HALF_WEIGHT = 2.0, 30.0, 200
# Papers are held against those of about their age first: days at which another group begins.
GROUPS = np.array([0.5, 1.5, 2.5, 3.5, 5.5, 8.5, 14.5])
# A comment is worth half a vote, and comments at most a quarter of the votes.
COMMENT, MOST_TALK = 0.5, 0.25


@dataclass(frozen=True, eq=False, slots=True)
class Rise:
    """What was gained and what is usual, for each history of a source.

    ``rising`` is 0 for those that do not rise. ``since`` is the look that the growth is counted from; the
    last one where there was no other. ``gained`` holds a little for comments too; ``usual`` is ``expected``
    a day.
    """

    rising: Floats
    gained: Floats
    expected: Floats
    usual: Floats
    since: Whole


def measure_rise(looks: Looks, listed: Floats, first: Whole, usual: Usual) -> Rise:
    """Hold each history's growth against what is usual.

    ``first`` is the earliest look of each that may count, ``listed`` the day of its list (days since 1970).
    Where neither the past nor enough other papers say what is usual, nothing rises.
    """
    birth = births(looks.time[looks.start], listed)
    last = looks.time[looks.last]
    weight = LEAST_WEIGHT + (MOST_WEIGHT - LEAST_WEIGHT) * usual.papers / (usual.papers + HALF_WEIGHT)
    rising, gained, expected = (np.zeros(len(first)) for _ in range(3))
    begun = looks.last.copy()
    for span in reversed(SPANS):
        old = looks.start + looks.count_each(looks.time <= np.repeat(last - span, looks.sizes)) - 1
        since = np.minimum(np.maximum(first, old), looks.last)
        known = looks.time[since] < last
        if usual.papers == 0 and known.sum() <= LEAST_OTHERS:
            continue
        usually = usual.gain(birth, looks.time[since], last)
        # Against the most it ever had: a count that fell for a while does not grow by coming back.
        votes = np.maximum(looks.count[looks.last] - looks.reached[since], 0)
        usually[known] *= _scale(votes[known], usually[known], (last - birth)[known], weight)
        more = votes + np.minimum(COMMENT * _talk(looks, since, birth, usual), MOST_TALK * votes)
        times = at_least(more, usually)
        enough = known & (times >= LEAST_TIMES) & (last >= last.max() - STALE)
        score = np.where(enough, 1 - 1 / np.maximum(times, 1), 0)
        better = score > rising
        rising[better], begun[better] = score[better], since[better]
        gained[better], expected[better] = more[better], usually[better]
    days = np.maximum(last - looks.time[begun], LEAST_DAYS)
    return Rise(rising, gained, expected, expected / days, begun)


def at_least(gained: Floats, usual: Floats) -> Floats:
    """Return how many times the usual rate a paper has with a probability of 0.95."""
    shape = gained + PRIOR
    root: Floats = np.maximum(1 - 1 / (9 * shape) - SURE / (3 * np.sqrt(shape)), 0)
    times: Floats = shape / (usual + PRIOR) * root**3
    return times


def _talk(looks: Looks, since: Whole, birth: Floats, usual: Usual) -> Floats:
    """How many comments came beyond those that every paper of that age has."""
    before, after = (
        np.maximum(np.nan_to_num(looks.comments[at]) - usual.usual_comments(looks.time[at] - birth), 0)
        for at in (since, looks.last)
    )
    more: Floats = np.maximum(after - before, 0)
    return more


def _scale(gained: Floats, expected: Floats, ages: Floats, weight: float) -> Floats:
    """How many times faster than was expected the other papers grew, for each paper; those of its age first.

    What was expected counts as ``weight`` papers more. Nobody's own growth is held against them, and what
    grew out of all bounds says no more of others than the fastest usual ones.
    """
    if not len(gained):
        return gained
    scale = float(np.median((gained + 1) / (expected + 1)))
    for _ in range(2):
        kept = np.minimum(gained, CUT_TIMES * scale * expected + CUT_MORE)
        # Where much is expected papers still differ: none counts for more than one.
        each = 1 / (1 + scale * expected)
        votes, usual = each * kept, each * expected
        mean = float(expected.mean())
        known = weight * mean / (1 + scale * mean)
        scale = float((known + votes.sum()) / (known + usual.sum()))
    of_all = (known + votes.sum() - votes) / (known + usual.sum() - usual)
    group = np.searchsorted(GROUPS, ages)
    near = [np.bincount(group, of, len(GROUPS) + 1)[group] - of for of in (votes, usual)]
    found: Floats = (known * of_all + near[0]) / (known + near[1])
    return found
