"""Which paper would teach most about a reader: the one that many others, equally uncertain, are like.

Uncertainty sampling weighted by information density (Settles and Craven 2008): a paper whose taste is
neither high nor low, in the midst of others of which the same is true, not an odd one out::

    uncertainty u = 4 × taste × (1 - taste)
    worth         = u_i × (½ + ½ trend_i) × Σ_j likeness_ij² u_j      over an even sample j of the candidates
"""

import numpy as np
from numpy.typing import NDArray

from digest.ranking.linear import Floats, product
from digest.ranking.prepared import Prepared

__all__ = ["MOST_TELLING", "most_telling", "uncertainty"]

# The most telling papers of each reader that are offered, in case the first is taken already.
MOST_TELLING = 3
# A paper that hardly concerns any interest is not uncertain, but elsewhere.
LEAST_TASTE = 0.25


def uncertainty(taste: Floats) -> Floats:
    """Return 4 × taste × (1 - taste): 1 where it may be this or that, 0 where it is clear."""
    return np.asarray(4 * taste * (1 - taste), dtype=np.float32)


def most_telling(
    best: Floats, least: NDArray[np.float32], known: NDArray[np.bool_], prepared: Prepared
) -> NDArray[np.int64]:
    """Return up to three candidates' rows for each reader, the most telling first (readers × 3); -1 for none.

    ``best`` is the highest taste any interest has of a candidate (readers × candidates), ``least`` the
    reader's threshold: from there on a paper is for the reader, and no exploration.
    """
    alike = prepared.alike
    found = np.full((len(best), MOST_TELLING), -1, dtype=np.int64)
    if not best.shape[1]:
        return found
    unsure = uncertainty(best)
    worth = product(unsure[:, alike.sample], alike.squares)
    worth *= unsure
    worth *= (0.5 + 0.5 * prepared.trend.score).astype(np.float32)
    worth *= ~known & (best >= LEAST_TASTE) & (best < least[:, None])
    every = np.arange(len(best))
    for turn in range(MOST_TELLING):
        rows = worth.argmax(axis=1)
        found[:, turn] = np.where(worth[every, rows] > 0, rows, -1)
        worth[every, rows] = 0
    return found
