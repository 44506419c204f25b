"""How good a paper must be for a reader, learnt from what they said of papers they were sent.

A paper of taste x is good for a reader with threshold t with a probability of ::

    P(good | x) = 1 / (1 + exp(-a (x - t)))        a = 10

so of papers right at the threshold one in two is good. With the verdicts y (1 good, 0 bad) and their weights
w, t is where the posterior is highest (MAP), with a normal prior around ``selection.THRESHOLD``::

    Σ w (y log P + (1 - y) log (1 - P)) - (t - 0.6)² / (2 · 0.08²)      t from 0.45 to 0.85

"More" and "saved" are good, "less" is bad, each with weight 1. A paper that was left without a word, in an
issue of which the reader judged something, counts as bad with weight 0.1: they may have liked it in silence.
So somebody who likes two of ten papers ends higher, who likes eight of ten lower. Slope, prior and weight are
assumptions, not measured: no log of readers was at hand.
"""

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np

from digest.ranking.reader import THRESHOLD

__all__ = ["HIGHEST", "LOWEST", "Verdict", "learn_threshold"]

Verdict = Literal["good", "bad", "left"]

SLOPE: Final = 10.0
DEVIATION: Final = 0.08
LEFT: Final = 0.1
LOWEST, HIGHEST = 0.45, 0.85
# Each step halves the interval: to within 0.4 / 2^20.
STEPS: Final = 20
DIGITS: Final = 4


def learn_threshold(judged: Iterable[tuple[float, Verdict]]) -> float | None:
    """Return the reader's threshold from pairs of (taste at the time, verdict), in any order.

    ``None`` where nothing was called good or bad. Rounded to 4 digits.
    """
    pairs = sorted(judged)
    if all(verdict == "left" for _, verdict in pairs):
        return None
    taste = np.array([value for value, _ in pairs])
    good = np.array([verdict == "good" for _, verdict in pairs], dtype=float)
    weight = np.array([LEFT if verdict == "left" else 1.0 for _, verdict in pairs])
    low, high = LOWEST, HIGHEST
    for _ in range(STEPS):  # the derivative of the log posterior only falls
        middle = (low + high) / 2
        likely = 1 / (1 + np.exp(-SLOPE * (taste - middle)))
        rises = SLOPE * (weight @ (likely - good)) + (THRESHOLD - middle) / DEVIATION**2 > 0
        low, high = (middle, high) if rises else (low, middle)
    return round((low + high) / 2, DIGITS)
