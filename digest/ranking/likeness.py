"""Which liked paper a new one is close to, and by which words: the score's own parts, split among the papers.

Topic and readers are sums over the liked papers. So are the words, but for the power 0.7 on each term's sum:
the part of a term is split as the papers share in that sum.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from digest.ranking.learning import PROFILE_POWER, Liked, Said
from digest.ranking.library import Library
from digest.ranking.linear import Floats
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
    prepared, said = library.prepared, liked.said_words.over(library.prepared.index.extra)
    each = _parts(liked, said, rows, library)
    sums = np.zeros((len(rows), each.shape[1] + 1))
    np.cumsum(each, axis=1, dtype=np.float64, out=sums[:, 1:])
    dense = liked.said_dense.astype(np.float32) @ prepared.dense[:, rows]
    total = sums[:, said.ends[1:]] - sums[:, said.ends[:-1]] + dense.T
    order = (
        total.argmax(axis=1)[:, None] if most == 1 else np.argsort(-total, axis=1, kind="stable")[:, :most]
    )
    found = []
    for at, papers in enumerate(order.tolist()):
        words = [_words(said, paper, each[at], library) for paper in papers]
        named = zip(papers, words, strict=True)
        found.append([Nearest(liked.said[paper], float(total[at, paper]), own) for paper, own in named])
    return found


def _parts(liked: Liked, said: Words, rows: Sequence[int], library: Library) -> Floats:
    """Return what each word of each liked paper adds to the closeness of candidates (candidates × words).

    A candidate's term t adds q_t x_t / sigma, of which a liked paper has the part that it has in the sum
    whose power q_t is.
    """
    prepared = library.prepared
    query = liked.words.over(prepared.index.extra)
    asked = library.scratch()
    asked[query.columns] = query.values
    terms, place = np.unique(said.columns, return_inverse=True)
    weight = asked[terms]
    asked[query.columns] = 0
    kept = weight > 0
    share = np.zeros(len(terms), dtype=np.float32)
    share[kept] = weight[kept] / (weight[kept] / np.float32(liked.scale)) ** (1 / PROFILE_POWER)
    matrix, where = prepared.matrix, library.places_of(terms)
    parts = np.zeros((len(rows), len(terms)), dtype=np.float32)
    for at, row in enumerate(rows):
        own = slice(matrix.indptr[row], matrix.indptr[row + 1])
        found = where[matrix.indices[own]]
        there = found >= 0
        parts[at, found[there]] = matrix.data[own][there] / prepared.sigma[row]
    where[terms] = -1
    weights = said.values * np.repeat(liked.weights, np.diff(said.ends))
    return np.asarray((parts * share)[:, place] * weights, dtype=np.float32)


def _words(said: Words, paper: int, each: Floats, library: Library) -> dict[str, float]:
    own = slice(int(said.ends[paper]), int(said.ends[paper + 1]))
    parts, columns = each[own], said.columns[own]
    most = np.argsort(-parts, kind="stable")[:MOST_WORDS].tolist()
    return {library.term(int(columns[at])): float(parts[at]) for at in most if parts[at] > 0}
