"""Which liked paper a new one is close to, and by which words: the score's own parts, split among the papers.

Topic and readers are sums over the liked papers. So are the words, but for the power 0.7 on each term's sum:
the part of a term is split as the papers share in that sum.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.ranking.learning import PROFILE_POWER, Liked, Said
from digest.ranking.library import Library
from digest.ranking.linear import Floats

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
    prepared = library.prepared
    extra = prepared.index.extra
    query, share = liked.words.over(extra), _Shares(liked, extra)
    dense = liked.said_dense.astype(np.float32) @ prepared.dense[:, rows]
    weight = library.scratch()
    weight[query.columns] = query.values
    found = []
    for at, row in enumerate(rows):
        own = slice(prepared.matrix.indptr[row], prepared.matrix.indptr[row + 1])
        columns = prepared.matrix.indices[own]
        parts = weight[columns] * prepared.matrix.data[own] / prepared.sigma[row]
        found.append(share.nearest(columns, parts, dense[:, at], library, most))
    weight[query.columns] = 0
    return found


class _Shares:
    """The liked papers' shares in each term of an interest."""

    def __init__(self, liked: Liked, extra: Mapping[str, int]) -> None:
        self.liked = liked
        self.ends, self.columns, values, _ = liked.said_words.over(extra)
        self.values = values * np.repeat(liked.weights, np.diff(self.ends))

    def nearest(
        self, columns: NDArray[np.integer], parts: Floats, dense: Floats, library: Library, most: int
    ) -> list[Nearest]:
        """Split the parts of a candidate's terms among the papers, and return those with most."""
        liked, weight = self.liked, library.scratch(1)
        strong = parts > 0
        columns, parts = columns[strong], parts[strong]
        query = library.scratch()[columns] / liked.scale
        weight[columns] = parts / query ** (1 / PROFILE_POWER)
        each = self.values * weight[self.columns]
        weight[columns] = 0
        sums = np.concatenate([[0], np.cumsum(each, dtype=np.float64)])
        total = sums[self.ends[1:]] - sums[self.ends[:-1]] + dense
        best = [int(total.argmax())] if most == 1 else np.argsort(-total, kind="stable")[:most].tolist()
        return [Nearest(liked.said[at], float(total[at]), self._words(at, each, library)) for at in best]

    def _words(self, paper: int, each: Floats, library: Library) -> dict[str, float]:
        own = slice(int(self.ends[paper]), int(self.ends[paper + 1]))
        parts, columns = each[own], self.columns[own]
        most = np.argsort(-parts, kind="stable")[:MOST_WORDS]
        return {library.term(int(columns[at])): float(parts[at]) for at in most if parts[at] > 0}
