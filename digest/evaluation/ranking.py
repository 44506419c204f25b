"""From scores to lists: the first hundred candidates for each reader, in blocks of readers."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from digest.evaluation.dataset import Dataset

__all__ = ["DEPTH", "Floats", "Ints", "Scorer", "rank"]

DEPTH = 100
# Scores held at once: never those of all readers.
CELLS = 1 << 21

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
# Gives for each of these readers (places in ``Dataset.names``) a row of scores of all candidates.
Scorer = Callable[[Ints], Floats]


def rank(data: Dataset, score: Scorer) -> Iterator[list[Ints]]:
    """Yield for blocks of the ranked readers, in order, the rows of their first 100 candidates.

    Equal scores are in the candidates' order. What a reader judged before is left out, as a digest does.
    """
    step = max(CELLS // max(len(data.candidates), 1), 1)
    for first in range(0, len(data.ranked), step):
        block = data.ranked[first : first + step]
        scores = score(block)
        for row, reader in zip(scores, block, strict=True):
            row[data.rows_of(data.said_of(int(reader)))] = -np.inf
        yield [_first(row) for row in scores]


def _first(scores: Floats) -> Ints:
    """The rows of the highest scores, highest first; those of -inf left out."""
    if len(scores) > DEPTH:
        least = np.partition(scores, len(scores) - DEPTH)[len(scores) - DEPTH]
        among = np.flatnonzero((scores >= least) & (scores > -np.inf))
    else:
        among = np.flatnonzero(scores > -np.inf)
    return among[np.argsort(-scores[among], kind="stable")][:DEPTH]
