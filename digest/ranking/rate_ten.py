"""Rate ten: which papers to ask a new reader about, so that their answers say most of what they like.

Of a paper that was liked its neighbours are known to be liked too, of a disliked one that its field is none
of the reader's; so each next paper is the one whose answer speaks for most that is still open ("facility
location", Cornuejols, Fisher and Nemhauser 1977, with what the answers so far have taught)::

    likeness_ij  = max(cos(z_i, z_j), 0)²      z: a candidate's topics, from the middle of all candidates
    want_j       = 0.3 + trend_j               people read some fields more than others
    up_j, down_j = Σ likeness to the liked papers (with taste_j, known otherwise), and to the disliked ones
    hope_j       = (1 - taste_j) (0.1 + 5 up_j) / (0.1 + up_j + down_j)
    covered_j    = the highest likeness to a paper that was asked about, of a liked one ¾ of it
    worth_i      = √want_i hope_i Σ_j want_j hope_j max(likeness_ij - covered_j, 0)

So the first papers are typical ones of the largest fields, far from each other; where one was liked the next
come from what is near to it and not the same, where one was not from elsewhere. The constants were chosen on
one half of the readers of citeulike-t's train rows; ``bench/rate_ten.py`` measures on the other.
"""

from collections.abc import Collection, Iterable
from typing import Final

import numpy as np

from digest.ranking.linear import Floats, unit_rows
from digest.ranking.model import Ints
from digest.ranking.prepared import Prepared

__all__ = ["TEN", "next_to_rate"]

TEN: Final = 10
# Of more candidates, half are those that people look at most or that are nearest to what is known of the
# reader, the others are spread evenly over the rest: a table of their likenesses takes 4 MB.
MOST_ASKABLE: Final = 1_000
WANT_LEAST = np.float32(0.3)
PRIOR, LIKED_MOST = np.float32(0.1), np.float32(5)
# How much of a liked paper's neighbourhood stays to be asked about.
STILL_OPEN = np.float32(0.25)


def next_to_rate(
    prepared: Prepared,
    *,
    liked: Collection[int] = (),
    disliked: Collection[int] = (),
    passed: Collection[int] = (),
    known: Collection[int] = (),
    taste: Floats | None = None,
    most: int = TEN,
) -> list[int]:
    """Return the ids of at most ``most`` papers to ask about, the most telling first.

    ``liked``, ``disliked`` and ``passed`` (no answer) are ids of papers that were asked about; those that are
    no candidates any more count no more. ``known`` are ids of other papers that the reader needs not be asked
    about. None of them, and none that says the same as one of them, is returned; nor are two that say the
    same. Papers without an abstract come only where there are no others. ``taste`` is how much each candidate
    is to the reader's taste by what is known of them otherwise (one a row, from 0 to 1).

    The first depends on all that was answered; those after it assume no answer to the ones before, so a
    page asks for one at a time. Equal input gives equal output, whatever its order.
    """
    if most <= 0 or not prepared.candidates:
        return []
    rated = [_rows(one, prepared) for one in (liked, disliked, passed)]
    prior = np.zeros(len(prepared.candidates)) if taste is None else np.clip(taste, 0, 1)
    prior = prior.astype(np.float32)
    want = WANT_LEAST + prepared.trend.score.astype(np.float32)
    open_ = _askable([*rated, _rows(known, prepared)], want, prior, prepared, most)
    asked = np.unique(np.concatenate(rated))
    rows = np.union1d(open_, asked)
    table = _Table(prepared, rows, want[rows], prior[rows])
    for each, verdict in zip(rated, (1, -1, 0), strict=True):
        for place in np.searchsorted(rows, each).tolist():
            table.ask(place, verdict)
    return [prepared.candidates[int(rows[place])].paper_id for place in table.choose(min(most, len(open_)))]


def _rows(ids: Iterable[int], prepared: Prepared) -> Ints:
    return np.array(sorted({prepared.rows[one] for one in ids if one in prepared.rows}), dtype=np.int32)


def _askable(known: list[Ints], want: Floats, prior: Floats, prepared: Prepared, most: int) -> Ints:
    """Return the rows that may be asked about, ascending: one of each group of papers that say the same."""
    group = prepared.alike.group
    is_open = ~np.isin(group, group[np.concatenate(known)])
    has_text = np.array([bool(one.abstract.strip()) for one in prepared.candidates])
    if len(np.unique(group[is_open & has_text])) >= most:
        is_open &= has_text
    found = np.flatnonzero(is_open)
    order = found[np.lexsort((found, -want[found], ~has_text[found]))]
    _, first = np.unique(group[order], return_index=True)
    order = order[np.sort(first)]
    if len(order) > MOST_ASKABLE:
        order = order[np.lexsort((order, -(want * (WANT_LEAST + prior))[order]))]
        rest = np.sort(order[MOST_ASKABLE // 2 :])
        even = np.linspace(0, len(rest) - 1, MOST_ASKABLE - MOST_ASKABLE // 2).astype(np.int64)
        order = np.concatenate([order[: MOST_ASKABLE // 2], rest[even]])
    return np.sort(order).astype(np.int32)


class _Table:
    """The papers held against each other, a place for each: what is covered, and what was learnt."""

    def __init__(self, prepared: Prepared, rows: Ints, want: Floats, taste: Floats) -> None:
        self.likeness = _likeness(prepared, rows)
        self.want, self.taste = want, taste
        self.up, self.down = taste.copy(), np.zeros(len(rows), np.float32)
        self.covered = np.zeros(len(rows), np.float32)
        self.is_open = np.ones(len(rows), dtype=bool)

    def ask(self, place: int, verdict: int) -> None:
        """Learn from a paper that was liked (1), disliked (-1) or passed (0), and ask about it no more."""
        near = self.likeness[place]
        if verdict > 0:
            self.up += near
            near = near * (1 - STILL_OPEN)
        elif verdict < 0:
            self.down += near
        np.maximum(self.covered, near, out=self.covered)
        self.is_open[place] = False

    def choose(self, most: int) -> list[int]:
        """Return the places of the most telling papers, each as if nothing were said of those before it."""
        hope = (1 - self.taste) * (PRIOR + LIKED_MOST * self.up) / (PRIOR + self.up + self.down)
        share, eager, chosen = self.want * hope, np.sqrt(self.want) * hope, []
        for _ in range(most):
            gain = np.maximum(self.likeness - self.covered, 0) @ share
            chosen.append(int(np.where(self.is_open, eager * gain, -1).argmax()))
            self.ask(chosen[-1], 0)
        return chosen


def _likeness(prepared: Prepared, rows: Ints) -> Floats:
    """Return how alike the papers are by topic, from 0 to 1; each is wholly like itself."""
    topics = prepared.dense[: prepared.model.topic_size]
    middle = topics.mean(axis=1, keepdims=True)
    own = np.ascontiguousarray(topics[:, rows].T)
    is_told = np.linalg.norm(own, axis=1) > 0  # a paper without known words is of no field, so like no other
    rows_of = unit_rows((own - middle.T) * is_told[:, None])
    found = np.square(np.maximum(rows_of @ rows_of.T, 0))
    np.fill_diagonal(found, 1)
    return np.asarray(np.minimum(found, 1), dtype=np.float32)
