"""For you: the good papers of many readers, put in the order in which they are to be taken.

All readers of a block take their next paper together: each turn is a few operations on arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.ranking.linear import Floats
from digest.ranking.model import Ids, Ints
from digest.ranking.prepared import Prepared
from digest.ranking.reader import Reader
from digest.ranking.tastes import Tastes
from digest.types import Section

__all__ = ["ALIKE", "Liked", "in_turn"]

# How far a paper sinks that says the same as one chosen already.
ALIKE = 0.5
# Of each interest so many papers more than there are places are held against each other.
SPARE = 12

Mask = NDArray[np.bool_]
# Rows of candidates, and the interests they were chosen for, by place in ``Tastes``.
Liked = tuple[list[int], list[int]]


def in_turn(
    readers: Sequence[Reader],
    tastes: Tastes,
    known: Mask,
    taken: Sequence[Sequence[int]],
    prepared: Prepared,
) -> list[Liked]:
    """Return each reader's good papers in the order they are to be taken, at most as many as places;
    ``taken`` are the rows of those that each has already.
    """
    short = _good(readers, tastes, known, prepared)
    if not len(short.row):
        return [([], []) for _ in readers]
    table = _Table.of(short, len(readers))
    rows, interests = _take(readers, table, taken, prepared)
    sizes = (rows >= 0).sum(axis=1).tolist()
    each = zip(rows.tolist(), interests.tolist(), sizes, strict=True)
    return [(row[:size], interest[:size]) for row, interest, size in each]


@dataclass(frozen=True, eq=False, slots=True)
class _Short:
    """Good papers of some readers, flat and in order: by reader, then the best first."""

    reader: Ids
    interest: Ids
    row: Ids
    score: Floats


@dataclass(frozen=True, eq=False, slots=True)
class _Table:
    """The same as tables (readers × papers): candidates' rows, interests, scores (0 where there is none)."""

    row: Ids
    interest: Ids
    score: Floats

    @classmethod
    def of(cls, short: _Short, readers: int) -> "_Table":
        """Put each reader's papers in a row."""
        sizes = np.bincount(short.reader, minlength=readers)
        place = np.arange(len(short.row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        shape = (readers, int(sizes.max()))
        row, interest = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        score = np.zeros(shape, dtype=np.float32)
        at = short.reader * shape[1] + place
        for into, values in ((row, short.row), (interest, short.interest), (score, short.score)):
            into.reshape(-1)[at] = values
        return cls(row, interest, score)


def _good(readers: Sequence[Reader], tastes: Tastes, known: Mask, prepared: Prepared) -> _Short:
    """Return the papers at or above the readers' thresholds, each for the interest that likes it most."""
    owner = np.repeat(np.arange(len(readers)), [len(one.interests) for one in readers])
    wants = np.array([one.weight < 1 and one.shows(Section.FOR_YOU) and one.cap > 0 for one in readers])
    least = np.array([one.threshold for one in readers], dtype=np.float32)
    good = tastes.taste >= np.where(wants, least, np.float32(np.inf))[owner, None]
    must = _must(tastes, wants[owner])
    if must is not None:
        good |= must
    cells = np.flatnonzero(good)
    interest, row = np.divmod(cells, max(good.shape[1], 1))
    new = ~known[owner[interest], row]
    cells, interest, row = cells[new], interest[new], row[new]
    reader = owner[interest]
    taste = tastes.taste.reshape(-1)[cells]
    has = np.zeros(len(row), np.float32) if must is None else must.reshape(-1)[cells].astype(np.float32)
    order = _ordered(reader * len(prepared.candidates) + row, taste + has, interest)
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(row[order]) != 0) | (np.diff(reader[order]) != 0)
    best = order[first]
    weight = np.array([one.weight for one in readers], dtype=np.float32)[reader[best]]
    trend = prepared.trend.score.astype(np.float32)[row[best]]
    score = has[best] + (1 - weight) * taste[best] + weight * trend
    short = _Short(reader[best], interest[best], row[best], score)
    return _shortened(short, np.array([one.cap for one in readers]), prepared.alike.group)


def _must(tastes: Tastes, wants: Mask) -> Mask | None:
    """Where papers have a must-have keyword of an interest (interests × candidates), if any asks for one."""
    if all(one is None for one in tastes.must):
        return None
    must = np.zeros(tastes.taste.shape, dtype=bool)
    for at, rows in enumerate(tastes.must):
        if rows is not None and wants[at]:
            must[at, rows] = True
    return must


def _ordered(group: Ids, value: Floats, tie: Ids) -> Ids:
    """Return the order by group, then the highest value (none is negative), then the lowest tie.

    In one number each, if they fit: sorting those takes a fifth of the time that three keys take.
    """
    bits = [max(int(one.max(initial=0)), 1).bit_length() for one in (group, tie)]
    if bits[0] + 32 + bits[1] > 63:
        return np.lexsort((tie, -value, group))
    down = np.uint32(0xFFFFFFFF) - value.astype(np.float32).view(np.uint32)
    key = (group.astype(np.uint64) << np.uint64(32)) | down
    return np.argsort((key << np.uint64(bits[1])) | tie.astype(np.uint64))


def _shortened(short: _Short, caps: Ids, group: Ints) -> _Short:
    """Keep the best papers of each interest, a few more than there are places, and order them by score."""
    order = _ordered(short.interest, short.score, short.row)
    order = order[_first_to_say(short.interest[order], short.row[order], group)]
    ends = np.flatnonzero(np.diff(short.interest[order])) + 1
    starts = np.concatenate([[0], ends])
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.concatenate([starts, [len(order)]])))
    kept = order[place < caps[short.reader[order]] + SPARE]
    kept = kept[_ordered(short.reader[kept], short.score[kept], short.row[kept])]
    return _Short(short.reader[kept], short.interest[kept], short.row[kept], short.score[kept])


def _first_to_say(interest: Ids, row: Ids, group: Ints) -> Mask:
    """Return which papers are the first of their near-duplicates in each interest, so that many copies do
    not take the room of other papers.
    """
    first = np.ones(len(row), dtype=bool)
    copies = np.flatnonzero((np.bincount(group) > 1)[group[row]])
    first[copies] = False
    says = interest[copies] * len(group) + group[row[copies]]
    first[copies[np.unique(says, return_index=True)[1]]] = True
    return first


def _take(
    readers: Sequence[Reader], table: _Table, taken: Sequence[Sequence[int]], prepared: Prepared
) -> tuple[Ids, Ids]:
    """Choose one paper after the other for all readers at once; return rows and interests (readers × turns),
    -1 where a reader has no more.
    """
    alike = prepared.alike
    group = alike.group[table.row]
    likeness = np.zeros(table.row.shape, dtype=np.float32)
    score = table.score.copy()  # 0 where a paper is taken, or says the same as one
    for at, own in enumerate(taken):
        for one in own:
            score[at] *= group[at] != alike.group[one]
            likeness[at] = np.maximum(likeness[at], alike.to(one, table.row[at]))
    crowd = np.ones_like(likeness)  # the papers that the interest of a paper had, and one
    worth = np.empty_like(likeness)
    first = np.arange(len(readers)) * table.row.shape[1]
    caps = np.array([one.cap for one in readers])
    rows, interests = (np.full((int(caps.max()), len(readers)), -1, dtype=np.int64) for _ in range(2))
    for turn in range(len(rows)):
        np.multiply(likeness, np.float32(-ALIKE), out=worth)
        worth += 1
        worth *= score
        worth /= crowd
        best = worth.argmax(axis=1) + first
        going = (worth.reshape(-1)[best] > 0) & (turn < caps)
        if not going.any():
            break
        row, interest = table.row.reshape(-1)[best], table.interest.reshape(-1)[best]
        rows[turn], interests[turn] = np.where(going, row, -1), interest
        crowd += table.interest == interest[:, None]
        score *= group != group.reshape(-1)[best][:, None]
        np.maximum(likeness, alike.pairs(row, table.row), out=likeness)
    return rows.T, interests.T
