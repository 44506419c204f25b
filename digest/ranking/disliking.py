"""Papers marked "less": what is close to one of them sinks, the field at large does not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.ranking.features import count_rows
from digest.ranking.linear import Floats, strongest
from digest.ranking.model import Model
from digest.ranking.words import Words
from digest.types import Example, InterestSpec

__all__ = ["LESS_MOST", "LESS_RANGE", "Marks", "disliked_papers", "mark"]

# Closeness to a paper marked "less" begins where 1 of 50 known papers is, and is full 0.3 further on.
LESS_SHARE, LESS_FLOOR, LESS_RANGE, LESS_MOST = 0.98, 0.08, 0.3, 0.95
MARK_TERMS = 100
# Marks of one interest that count: those with the most weight.
MOST_MARKS = 500


@dataclass(frozen=True, eq=False, slots=True)
class Marks:
    """An interest's disliked papers: words, topics, from where closeness counts, and how much it does.

    ``topics`` are such that a product with a candidate's row is a mean cosine.
    """

    words: Words
    topics: Floats
    begins: Floats
    weights: Floats


def mark(interests: Sequence[InterestSpec], model: Model) -> list[Marks | None]:
    """Make the marks of interests; ``None`` for those that dislike nothing."""
    return [_mark(disliked, model) if (disliked := disliked_papers(one)) else None for one in interests]


def disliked_papers(interest: InterestSpec) -> list[Example]:
    """Return the papers whose marks count, in the order of their marks."""
    chosen = [one for one in interest.examples if one.weight < 0]
    return sorted(chosen, key=lambda one: (one.weight, one.title, one.abstract, one.paper_id or 0))[
        :MOST_MARKS
    ]


def _mark(disliked: Sequence[Example], model: Model) -> Marks:
    counted = count_rows(disliked, model.terms, with_extra=True)
    x = model.weighed(counted.rows)
    topics = model.topic_rows(model.projected(x))
    background = model.background
    begins = np.full(len(disliked), LESS_FLOOR)
    if background.x.shape[0]:
        among = (x[:, : len(model.terms)] @ background.x.T).toarray()
        if topics.shape[1]:
            close = topics @ background.dense[:, : topics.shape[1]].T / model.topics
            among = (among + close) / 2
        begins = np.maximum(np.quantile(among, LESS_SHARE, axis=1), LESS_FLOOR)
    weights: NDArray[np.float32] = np.array([min(-one.weight, 1.0) for one in disliked], dtype=np.float32)
    words = Words.of(strongest(x, MARK_TERMS), len(model.terms), list(counted.extra))
    return Marks(words, topics / np.float32(max(model.topics, 1)), begins.astype(np.float32), weights)
