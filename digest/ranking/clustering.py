"""A library split into topics: how many there are is decided by the papers themselves.

Spherical k-means makes more groups than are wanted, in the few directions in which the papers differ most.
Then those that are most alike on average are joined, again and again, until none are more alike than
``ALIKE``. With ``within(a)`` and ``between(a, b)`` the mean cosines of two papers of one group, or of two::

    likeness(a, b) = between(a, b) / sqrt(within(a) × within(b))

It is near 1 for two halves of one topic, however loose the topic is, and near 0 for topics that have nothing
in common. ``ALIKE``, ``DIRECTIONS`` and ``LEAST`` were chosen on 72 mixtures of one to six topics of
citeulike-t, each the papers around one paper: adjusted Rand index .89 in the space of a model of all papers,
.69 in that of one fitted on the mixture alone. Around them it changes little; without joining, or with joined
groups counted as one, a broad library stays in pieces, or comes together wholly. Papers of one field have
much in common: leaving out the usual direction raised it from .24 to .62 on 21 mixtures of machine learning.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "cluster"]

# Topics of one library.
MOST: Final = 8
ALIKE: Final = 0.2
DIRECTIONS: Final = 8
FIRST_GROUPS: Final = 12
# A topic has as many papers as the square root of the library's at least, within these bounds.
LEAST: Final = (5, 25)
RESTARTS: Final = 6
ROUNDS: Final = 30
# Mean cosines of few papers can be anything; this is as small as one that counts gets.
LEAST_WITHIN: Final = 1e-3

Labels = NDArray[np.int64]
Matrix = NDArray[np.float64]


def cluster(
    rows: NDArray[np.floating],
    usual: NDArray[np.floating] | None = None,
    *,
    fewest: int = 1,
    most: int = MOST,
) -> list[list[int]]:
    """Split papers into topics, ``fewest`` to ``most`` where there are enough papers for so many.

    Each is the places of its papers, ascending; the largest comes first.

    ``rows`` (papers × k) have length 1, or 0 where nothing is known of one: those go to the largest topic.
    ``usual`` is the mean row of papers at large: what most papers have in common makes no two of them alike.
    Equal input gives equal topics, whatever its order. It needs as much memory as three times the rows.
    """
    known = np.flatnonzero(np.abs(rows).sum(axis=1) > 0)
    # In an order of their own, so that nothing depends on the one they come in.
    known = known[np.lexsort(rows[known].T[::-1])] if rows.shape[1] else known[:0]
    if not len(known):
        return [list(range(len(rows)))] if len(rows) else []
    some = np.asarray(rows[known], dtype=np.float64)
    labels = _topics(some if usual is None else _without(some, usual), fewest, most)
    found = [sorted(known[labels == label].tolist()) for label in range(int(labels.max()) + 1)]
    first = {label: int(np.argmax(labels == label)) for label in range(len(found))}
    order = sorted(range(len(found)), key=lambda label: (-len(found[label]), first[label]))
    unknown = set(range(len(rows))) - set(known.tolist())
    largest, *others = (found[label] for label in order)
    return [sorted([*largest, *unknown]), *others]


def _topics(rows: Matrix, fewest: int, most: int) -> Labels:
    least = min(max(round(np.sqrt(len(rows))), LEAST[0]), LEAST[1])
    groups = min(FIRST_GROUPS, len(rows) // least)
    if groups < 2 or most < 2:
        return np.zeros(len(rows), dtype=np.int64)
    near = _reduced(rows)
    labels = _without_small(near, _k_means(near, groups), least)
    labels = _joined(_likeness(rows, labels), np.bincount(labels), fewest, most)[labels]
    return _without_small(near, _settled(near, labels), least)


def _reduced(rows: Matrix) -> Matrix:
    """The rows in the directions in which they differ most, of length 1 again."""
    _, vectors = np.linalg.eigh(rows.T @ rows)
    return _unit(np.asarray(rows @ vectors[:, -DIRECTIONS:], dtype=np.float64))


def _without(rows: Matrix, usual: NDArray[np.floating]) -> Matrix:
    """The rows without their share of one direction, of length 1 again."""
    direction = np.asarray(usual, dtype=np.float64) / max(float(np.linalg.norm(usual)), LEAST_WITHIN)
    return _unit(rows - np.outer(rows @ direction, direction))


def _unit(rows: Matrix) -> Matrix:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1), dtype=np.float64)


def _sums(rows: Matrix, labels: Labels) -> Matrix:
    """The sum of each group's rows."""
    return np.stack([rows[labels == label].sum(axis=0) for label in range(int(labels.max()) + 1)])


# --- k-means ---------------------------------------------------------------------------------------


def _k_means(rows: Matrix, groups: int) -> Labels:
    """The best of some runs from different beginnings; which ones is fixed."""
    random = np.random.default_rng(0)
    best, labels = -np.inf, np.zeros(len(rows), dtype=np.int64)
    for _ in range(RESTARTS):
        fit, found = _run(rows, _beginning(rows, groups, random))
        if fit > best + 1e-9:
            best, labels = fit, found
    return labels


def _beginning(rows: Matrix, groups: int, random: np.random.Generator) -> Matrix:
    """k-means++ (Arthur and Vassilvitskii 2007): each centre by chance, far ones more likely."""
    chosen = [int(random.integers(len(rows)))]
    far = np.maximum(1 - rows @ rows[chosen[0]], 0)
    while len(chosen) < groups and far.sum() > 0:
        chosen.append(int(random.choice(len(rows), p=far / far.sum())))
        far = np.minimum(far, np.maximum(1 - rows @ rows[chosen[-1]], 0))
    return rows[chosen]


def _run(rows: Matrix, centres: Matrix) -> tuple[float, Labels]:
    labels = np.full(len(rows), -1, dtype=np.int64)
    for _ in range(ROUNDS):
        likeness = rows @ centres.T
        nearest = np.argmax(likeness, axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        for label in range(len(centres)):  # one that lost all its rows stays where it is
            total = rows[labels == label].sum(axis=0)
            if total.any():
                centres[label] = total / np.linalg.norm(total)
    return float(likeness.max(axis=1).sum()), labels


# --- joining ---------------------------------------------------------------------------------------


def _joined(likeness: Matrix, number: Labels, fewest: int, most: int) -> Labels:
    """Which topic each group belongs to, by average linkage (Sokal and Michener 1958)."""
    groups = [[group] for group in range(len(number))]
    while len(groups) > fewest:
        pairs = [(one, two) for one in range(len(groups)) for two in range(one + 1, len(groups))]
        linked = [_mean(likeness, number, groups[one], groups[two]) for one, two in pairs]
        best = int(np.argmax(linked))
        if linked[best] <= ALIKE and len(groups) <= most:
            break
        one, two = pairs[best]
        groups[one] += groups.pop(two)
    topics = np.zeros(len(number), dtype=np.int64)
    for topic, members in enumerate(groups):
        topics[members] = topic
    return topics


def _mean(likeness: Matrix, number: Labels, one: list[int], two: list[int]) -> float:
    weight = np.outer(number[one], number[two])
    return float((likeness[np.ix_(one, two)] * weight).sum() / weight.sum())


def _likeness(rows: Matrix, labels: Labels) -> Matrix:
    """How alike each two groups are, chance aside."""
    number = np.bincount(labels).astype(np.float64)
    sums = _sums(rows, labels)
    together = sums @ sums.T
    own = np.bincount(labels, np.einsum("ij,ij->i", rows, rows))
    within = np.maximum((np.diag(together) - own) / np.maximum(number * (number - 1), 1), LEAST_WITHIN)
    return np.asarray(together / np.outer(number, number) / np.sqrt(np.outer(within, within)))


def _without_small(near: Matrix, labels: Labels, least: int) -> Labels:
    """The groups numbered from 0 without gaps, those that are too small given to the nearest."""
    while True:
        labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        number = np.bincount(labels)
        if len(number) == 1 or number.min() >= least:
            return labels
        small = int(np.argmin(number))
        centres = _unit(_sums(near, labels))
        likeness = centres @ centres[small]
        likeness[small] = -np.inf
        labels = np.where(labels == small, int(np.argmax(likeness)), labels)


def _settled(near: Matrix, labels: Labels) -> Labels:
    """Each paper with the topic that it is nearest to."""
    for _ in range(ROUNDS):
        nearest = np.argmax(near @ _unit(_sums(near, labels)).T, axis=1)
        if np.array_equal(nearest, labels) or len(np.unique(nearest)) < len(np.unique(labels)):
            break
        labels = nearest
    return labels
