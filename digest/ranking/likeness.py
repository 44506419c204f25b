"""Which liked paper a new one is close to, and by which words: the score's own parts, split among the papers.

Topic and readers are sums over the liked papers. So are the words, but for the power 0.7 on each term's sum:
the part of a term is split as the papers share in that sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.ranking.learning import PROFILE_POWER, PROFILE_TERMS, Liked, Said
from digest.ranking.library import Library
from digest.ranking.linear import Floats
from digest.ranking.model import Ints

__all__ = ["MOST_WORDS", "Asking", "Nearest", "nearest_liked", "nearest_several"]

MOST_WORDS = 3
# Liked papers of one table (with 128: 150 kB); more gain nothing.
MOST_PAPERS = 128
# Place 0 is of all terms that an interest does not ask for.
WIDTH = PROFILE_TERMS + 1
PLACES = np.arange(WIDTH, dtype=np.int16)


class Asking(NamedTuple):
    """The liked papers of an interest, and candidates, by row, of which to tell what they are close to."""

    liked: Liked
    rows: Sequence[int]


class Nearest(NamedTuple):
    """A liked paper that a part of a candidate's closeness comes from.

    ``part`` is what comes from it; ``words`` its words that made most of that, with the part of each.
    """

    paper: Said
    part: float
    words: Mapping[str, float]


def nearest_liked(asking: Sequence[Asking], library: Library, digits: int) -> list[Nearest]:
    """Return for each candidate of each in turn the liked paper it is closest to; parts have ``digits``."""
    return [one for some in _split(asking) for one in _nearest(some, library, 1, digits)]


def nearest_several(asking: Asking, library: Library, most: int) -> list[list[Nearest]]:
    """Return for each candidate the liked papers it is closest to, at most ``most``, the closest first."""
    found = _nearest([asking], library, most)
    each = min(most, len(asking.liked.said))
    return [found[at : at + each] for at in range(0, len(found), each)]


def _split(asking: Sequence[Asking]) -> Iterator[Sequence[Asking]]:
    first, papers = 0, 0
    for at, one in enumerate(asking):
        if papers >= MOST_PAPERS:
            yield asking[first:at]
            first, papers = at, 0
        papers += len(one.liked.said)
    if first < len(asking):
        yield asking[first:]


def _nearest(
    asking: Sequence[Asking], library: Library, most: int, digits: int | None = None
) -> list[Nearest]:
    """Find them for some interests at once; several papers of each candidate for one interest only.

    A candidate's term t adds q_t x_t / sigma, of which a liked paper has the part (``share``) that it has in
    the sum whose power q_t is.
    """
    columns, share, own = _tables(asking, library)
    rows = np.array([row for one in asking for row in one.rows])
    sigma = library.prepared.sigma[rows][:, None]
    total, other = _closeness(asking, share, own / sigma, library.prepared.dense[:, rows])
    order = np.argsort(-total, axis=1, kind="stable")[:, : min(most, len(asking[0].liked.said))]
    which = np.repeat(np.arange(len(asking)), [len(one.rows) for one in asking])[:, None]
    first = np.cumsum([0, *(len(one.liked.said) for one in asking)])
    papers = first[which] + order
    parts = own[:, None] * share[papers] / sigma[:, None]
    whole = parts.sum(axis=2, dtype=np.float64) + np.take_along_axis(other, order, axis=1)
    parts *= library.are_words[columns][which]  # a category adds its part, and is no word to name
    places, strongest = _strongest(parts)
    if digits is not None:
        whole, strongest = whole.round(digits), strongest.round(digits)
    said, terms = [paper for one in asking for paper in one.liked.said], library.terms
    flat = zip(
        papers.reshape(-1).tolist(),
        whole.reshape(-1).tolist(),
        columns[which[:, None], places].reshape(-1, MOST_WORDS).tolist(),
        strongest.reshape(-1, MOST_WORDS).tolist(),
        strict=True,
    )
    return [
        Nearest(
            said[paper], part, {terms[column]: one for column, one in zip(of, by, strict=True) if one > 0}
        )
        for paper, part, of, by in flat
    ]


def _closeness(asking: Sequence[Asking], share: Floats, own: Floats, dense: Floats) -> tuple[Floats, Floats]:
    """Return how close candidates are to the liked papers, and how much of that is not by words.

    Both are candidates × papers, as many as the interest with most has; what another has not is far away.
    """
    said = np.concatenate([one.liked.said_dense for one in asking]).astype(np.float32)
    shape = (len(own), max(len(one.liked.said) for one in asking))
    total, other = np.full(shape, -np.inf, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    first = begin = 0
    for one in asking:
        size = len(one.liked.said)
        last, end = first + size, begin + len(one.rows)
        other[begin:end, :size] = (said[first:last] @ dense[:, begin:end]).T
        total[begin:end, :size] = own[begin:end] @ share[first:last].T
        first, begin = last, end
    total += other
    return total, other


def _strongest(parts: Floats) -> tuple[Ints, NDArray[np.float64]]:
    """Return places and values of the largest along the last axis; ``parts`` is used up."""
    places, values = [], []
    for _ in range(MOST_WORDS):
        place = parts.argmax(axis=-1)[..., None]
        places.append(place)
        values.append(np.take_along_axis(parts, place, axis=-1))
        np.put_along_axis(parts, place, 0, axis=-1)
    return np.concatenate(places, axis=-1), np.concatenate(values, axis=-1).astype(np.float64)


def _tables(asking: Sequence[Asking], library: Library) -> tuple[Ints, Floats, Floats]:
    """Return three tables of ``WIDTH`` places, those of the terms an interest asks for.

    The first has each interest's columns, the second what each liked paper has in what a term adds to a
    candidate, the third the values of each candidate.
    """
    extra, entries, place = library.prepared.index.extra, library.entries, library.scratch()
    columns = np.zeros((len(asking), WIDTH), dtype=np.int32)
    query = np.zeros((len(asking), WIDTH), dtype=np.float32)
    every_said, of_said, of_own = [], [], []
    for at, one in enumerate(asking):
        asked, said = one.liked.words.over(extra), one.liked.said_words.over(extra)
        size, terms = len(asked.columns) + 1, asked.columns.astype(np.int64)
        columns[at, 1:size], query[at, 1:size] = terms, asked.values
        place[terms] = PLACES[1:size]
        every_said.append(said)
        of_said.append(place.take(said.columns))
        of_own.append(place.take(np.concatenate([entries[row][0] for row in one.rows])))
        place[terms] = 0
    own = [entries[row][1] for one in asking for row in one.rows]
    sizes = np.concatenate([said.ends[1:] - said.ends[:-1] for said in every_said])
    share = _table(sizes, of_said, [said.values for said in every_said])
    share *= np.concatenate([one.liked.weights for one in asking])[:, None]
    scale = np.array([one.liked.scale for one in asking], dtype=np.float32)[:, None]
    np.divide(query, (query / scale) ** np.float32(1 / PROFILE_POWER), out=query, where=query > 0)
    share *= np.repeat(query, [len(one.liked.said) for one in asking], axis=0)
    return columns, share, _table([len(each) for each in own], of_own, own)


def _table(
    sizes: Sequence[int] | Ints, places: Sequence[NDArray[np.int16]], values: Sequence[Floats]
) -> Floats:
    """Put values to their places, in rows of so many; place 0 is of terms that are not asked for."""
    found = np.zeros((len(sizes), WIDTH), dtype=np.float32)
    start = np.arange(0, found.size, WIDTH)
    found.reshape(-1)[np.repeat(start, sizes) + np.concatenate(places)] = np.concatenate(values)
    found[:, 0] = 0
    return found
