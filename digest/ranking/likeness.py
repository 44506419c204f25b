"""Which liked paper a new one is close to, and by which words: the score's own parts, split among the papers.

Topic and readers are sums over the liked papers. So are the words, but for the power 0.7 on each term's sum:
the part of a term is split as the papers share in that sum.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from digest.ranking.learning import PROFILE_POWER, Liked, Said
from digest.ranking.library import Library
from digest.ranking.linear import Floats
from digest.ranking.model import Ints
from digest.ranking.words import Words

__all__ = ["MOST_WORDS", "Nearest", "nearest_liked", "nearest_several"]

MOST_WORDS = 3


class Nearest(NamedTuple):
    """A liked paper that a part of a candidate's closeness comes from.

    ``part`` is what comes from it; ``words`` its words that made most of that, with the part of each.
    """

    paper: Said
    part: float
    words: Mapping[str, float]


def nearest_liked(liked: Liked, rows: Sequence[int], library: Library) -> list[Nearest]:
    """Return for each candidate, by row, the liked paper it is closest to."""
    return [found[0] for found in nearest_several(liked, rows, library, 1)]


def nearest_several(liked: Liked, rows: Sequence[int], library: Library, most: int) -> list[list[Nearest]]:
    """Return for each candidate the liked papers it is closest to, at most ``most``, the closest first."""
    said = liked.said_words.over(library.prepared.index.extra)
    each = _parts(liked, said, np.asarray(rows), library)
    sums = np.zeros((len(rows), each.shape[1] + 1))
    np.cumsum(each, axis=1, dtype=np.float64, out=sums[:, 1:])
    dense = liked.said_dense.astype(np.float32) @ library.prepared.dense[:, rows]
    total = sums[:, said.ends[1:]] - sums[:, said.ends[:-1]] + dense.T
    order = np.argsort(-total, axis=1, kind="stable")[:, :most].astype(np.int32)
    words = iter(_words(said, order, each, library))
    part = np.take_along_axis(total, order, axis=1).tolist()
    return [
        [Nearest(liked.said[paper], own, next(words)) for paper, own in zip(papers, owns, strict=True)]
        for papers, owns in zip(order.tolist(), part, strict=True)
    ]


def _parts(liked: Liked, said: Words, rows: Ints, library: Library) -> Floats:
    """Return what each word of each liked paper adds to the closeness of candidates (candidates × words).

    A candidate's term t adds q_t x_t / sigma, of which a liked paper has the part that it has in the sum
    whose power q_t is.
    """
    prepared = library.prepared
    query = liked.words.over(prepared.index.extra)
    asked = library.scratch()[0]
    asked[query.columns] = query.values
    share = asked[said.columns]
    asked[query.columns] = 0
    share[share > 0] /= (share[share > 0] / np.float32(liked.scale)) ** np.float32(1 / PROFILE_POWER)
    share *= said.values * np.repeat(liked.weights, np.diff(said.ends))
    parts = np.empty((len(rows), len(said.columns)), dtype=np.float32)
    scratch = library.scratch()
    for first in range(0, len(rows), len(scratch)):
        some = rows[first : first + len(scratch)]
        own, columns, values = _entries(prepared.matrix, some)
        scratch[own, columns] = values
        np.take(scratch[: len(some)], said.columns, axis=1, out=parts[first : first + len(some)])
        scratch[own, columns] = 0
    parts *= share
    parts /= prepared.sigma[rows][:, None]
    return parts


def _entries(matrix: sp.csr_array, rows: Ints) -> tuple[Ints, Ints, Floats]:
    """Return place among ``rows``, column and value of all entries of these rows."""
    sizes = matrix.indptr[rows + 1] - matrix.indptr[rows]
    own = np.repeat(np.arange(len(rows), dtype=np.int32), sizes)
    start = matrix.indptr[rows] - (np.cumsum(sizes) - sizes)
    at = np.arange(len(own)) + start[own]
    return own, matrix.indices[at], matrix.data[at]


def _words(said: Words, order: Ints, each: Floats, library: Library) -> list[dict[str, float]]:
    """Return for each candidate and each of its papers the words with the largest parts."""
    width = int(np.diff(said.ends).max(initial=0))
    papers = order.reshape(-1)
    if not width:
        return [{} for _ in papers]
    row = np.repeat(np.arange(len(order)), order.shape[1])
    place = said.ends[papers][:, None] + np.arange(width)
    inside = place < said.ends[papers + 1][:, None]
    place[~inside] = 0
    parts = np.where(inside, each[row[:, None], place], 0)
    most = np.argsort(-parts, axis=1, kind="stable")[:, :MOST_WORDS]
    columns = said.columns[np.take_along_axis(place, most, axis=1)].tolist()
    values = np.take_along_axis(parts, most, axis=1).tolist()
    return [
        {library.term(column): value for column, value in zip(*pair, strict=True) if value > 0}
        for pair in zip(columns, values, strict=True)
    ]
