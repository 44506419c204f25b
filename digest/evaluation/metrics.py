"""nDCG, recall and reciprocal rank of lists of papers, with bootstrap intervals over readers.

The definitions are those of TREC's evaluation with yes-or-no relevance: a hit at rank r gains 1/log2(r+1).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["NAMES", "Estimate", "difference", "intervals", "measure"]

NAMES = ("ndcg@20", "recall@20", "recall@100", "mrr")
SHORT, LONG = 20, 100
DRAWS, SEED = 1_000, 0

Floats = NDArray[np.float64]
Rows = NDArray[np.integer]
# Mean, and the ends of its 95 % interval.
Estimate = tuple[float, float, float]

_GAINS = 1 / np.log2(np.arange(2, SHORT + 2))
_IDEAL = np.concatenate([[0.0], np.cumsum(_GAINS)])


def measure(lists: Iterable[tuple[Rows, Rows]]) -> Floats:
    """Return a row of figures (in the order of ``NAMES``) for each pair of ranked and relevant papers.

    nDCG@20: gains of the first 20, divided by those of a list that begins with all (at most 20) relevant
    papers. Recall@k: the share of the relevant papers among the first k. MRR: 1 / rank of the first hit
    among 100, else 0. Where nothing is relevant all are 0.
    """
    found = [_figures(ranked[:LONG], relevant) for ranked, relevant in lists]
    return np.array(found, dtype=np.float64).reshape(-1, len(NAMES))


def _figures(ranked: Rows, relevant: Rows) -> tuple[float, float, float, float]:
    number = len(np.unique(relevant))
    hits = np.flatnonzero(np.isin(ranked, relevant))
    if not number or not len(hits):
        return 0.0, 0.0, 0.0, 0.0
    early = hits[hits < SHORT]
    gain = float(_GAINS[early].sum() / _IDEAL[min(SHORT, number)])
    return gain, len(early) / number, len(hits) / number, 1 / (1 + int(hits[0]))


def intervals(figures: Floats) -> list[Estimate]:
    """Return for each column the mean over readers and its 95 % percentile-bootstrap interval.

    1,000 draws of as many readers, with replacement, seeded: equal input gives equal ends.
    """
    if not len(figures):
        return [(0.0, 0.0, 0.0)] * figures.shape[1]
    chance = np.random.default_rng(SEED)
    means = np.stack(
        [figures[chance.integers(0, len(figures), len(figures))].mean(axis=0) for _ in range(DRAWS)]
    )
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    return [
        (float(mean), float(a), float(b)) for mean, a, b in zip(figures.mean(axis=0), low, high, strict=True)
    ]


def difference(figures: Floats, other: Floats) -> list[Estimate]:
    """Return by how much the first are higher than the second, reader by reader (paired bootstrap)."""
    return intervals(figures - other)
