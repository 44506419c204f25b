"""How much each candidate is to the taste of each interest: every interest by itself, many in one product.

For an interest and a candidate, all parts from 0 to 1::

    examples   close to the liked papers: c² / (c² + usual²), c as :mod:`digest.ranking.learning` has it
    words      the keywords' words as a TF-IDF query: field × s / (s + usual), halved where a paper has one
               of several words only; s is a cosine over the candidate's sigma, in units of the mean sigma
    keywords   keywords and phrases found: field × (1 - exp(-sum of weight × strength of each))
    category   0.2 for a category asked for; 0.65 where the interest consists of categories
    people     by an author of several liked papers: at most 0.15 (:mod:`digest.ranking.people`)
    less       how close it is to a paper marked "less"
    taste    = (1 - (1-words)(1-keywords)(1-examples)(1-category)(1-people)) × (1-less)

``usual`` is what 19 of 20 known papers stay below with this very query, so ½ means: stands out as one paper
in twenty does. ``field`` is below 1 where a paper has the words, but is about something else
(:mod:`digest.ranking.asked_parts`). Where a must-have keyword is missing or an unwanted one is there, the
taste is 0.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from digest.ranking.asked_parts import asked_parts
from digest.ranking.disliking import LESS_MOST, LESS_RANGE, Marks
from digest.ranking.learning import Learned
from digest.ranking.library import Library
from digest.ranking.linear import Floats, chosen_rows, places_of, product, product_into
from digest.ranking.model import Ints
from digest.ranking.people import people_part
from digest.ranking.prepared import Prepared
from digest.ranking.tastes import Tastes
from digest.ranking.words import matrix_of, stacked
from digest.types import InterestSpec

__all__ = ["CELLS", "closeness", "lowering", "taste_of"]

ONLY_CATEGORY, ALSO_CATEGORY = 0.65, 0.2
# Interests × candidates of one block: each part is an array of that many numbers.
CELLS = 1 << 19


def closeness(learned: Sequence[Learned], prepared: Prepared) -> Floats:
    """Return how close candidates are to the liked papers of interests (interests × candidates); higher is
    closer, 0 throughout for an interest that likes none.
    """
    found = np.zeros((len(learned), len(prepared.candidates)), dtype=np.float32)
    having = np.array([at for at, one in enumerate(learned) if one.liked is not None], dtype=np.int32)
    found[having], _ = _closeness([learned[at] for at in having.tolist()], prepared)
    return found


def _closeness(learned: Sequence[Learned], prepared: Prepared) -> tuple[Floats, Floats]:
    """Return closeness, and the part of it that is by topics, other readers and a text model."""
    liked = [one.liked for one in learned if one.liked is not None]
    size, columns = len(prepared.candidates), prepared.index.columns
    if not liked:
        return np.zeros((0, size), dtype=np.float32), np.zeros((0, size), dtype=np.float32)
    dense = product(np.stack([one.dense for one in liked]), prepared.dense)
    found = dense.copy()
    if size:
        product_into(
            found, stacked([one.words for one in liked], prepared.index.extra, columns), prepared.words
        )
    return found, dense


def taste_of(interests: Sequence[InterestSpec], learned: Sequence[Learned], library: Library) -> Tastes:
    """Score all candidates for several interests, each independently of the others."""
    prepared = library.prepared
    shape = (len(interests), len(prepared.candidates))
    having = [at for at, one in enumerate(learned) if one.liked is not None]
    close, dense_closeness = _closeness([learned[at] for at in having], prepared)
    against = _against(close, [learned[at] for at in having])
    if len(having) < shape[0]:
        every = np.ones(shape, dtype=np.float32)
        every[having] = against
        against = every
    words, keywords = asked_parts([one.asked for one in learned], library)
    category = _categories(interests, learned, prepared)
    people = people_part([one.people for one in learned], prepared.authors, shape[1])
    for part in (words, keywords, category, people):
        row = np.repeat(np.arange(shape[0], dtype=np.int64) * shape[1], np.diff(part.indptr))
        against.reshape(-1)[row + part.indices] *= 1 - part.data
    taste = np.subtract(1, against, out=against)
    disliking = [at for at, one in enumerate(learned) if one.marks is not None]
    less = _less([marks for one in learned if (marks := one.marks) is not None], prepared)
    taste[disliking] *= 1 - less
    return Tastes(
        interests=interests,
        learned=learned,
        taste=taste,
        closeness=close,
        dense_closeness=dense_closeness,
        words=words,
        keywords=keywords,
        category=category,
        people=people,
        less=less,
        row_of_liked=places_of(having, len(interests)),
        row_of_less=places_of(disliking, len(interests)),
        must=_admit(interests, taste, library),
        dense=prepared.dense,
        factors=prepared.model.spaces[2],
    )


def _against(close: Floats, learned: Sequence[Learned]) -> Floats:
    """Return 1 - c² / (c² + usual²) = usual² / (c² + usual²)."""
    usual = np.array([one.liked.usual for one in learned if one.liked is not None], np.float32)[:, None] ** 2
    found = np.maximum(close, 0)
    np.square(found, out=found)
    found += usual
    return np.divide(usual, found, out=found)


def _admit(interests: Sequence[InterestSpec], taste: Floats, library: Library) -> list[Ints | None]:
    """Set the taste to 0 where a must-have keyword is missing or an unwanted one is there."""
    must: list[Ints | None] = []
    for row, interest in enumerate(interests):
        having = None
        if interest.not_keywords or interest.must_keywords:
            unwanted = library.exact_rows(interest.not_keywords)
            if interest.must_keywords:
                having = np.setdiff1d(library.exact_rows(interest.must_keywords), unwanted)
                others = np.ones(taste.shape[1], dtype=bool)
                others[having] = False
                taste[row, others] = 0
            taste[row, unwanted] = 0
        must.append(having)
    return must


def _categories(
    interests: Sequence[InterestSpec], learned: Sequence[Learned], prepared: Prepared
) -> sp.csr_array:
    if not any(interest.categories for interest in interests):
        return sp.csr_array((len(interests), len(prepared.candidates)), dtype=np.float32)
    parts: list[tuple[Ints, Floats]] = []
    for interest, one in zip(interests, learned, strict=True):
        asked = {category.strip().casefold() for category in interest.categories}
        rows = [found for key in sorted(asked) if (found := prepared.categories.get(key)) is not None]
        both = np.unique(np.concatenate([np.empty(0, np.int32), *rows]))
        value = ALSO_CATEGORY if one.liked is not None or one.asked is not None else ONLY_CATEGORY
        parts.append((both, np.full(len(both), value, dtype=np.float32)))
    return chosen_rows(parts, len(prepared.candidates))


def _less(marks: Sequence[Marks], prepared: Prepared) -> Floats:
    """Return how close candidates are to each interest's disliked papers; their field at large is spared."""
    size = len(prepared.candidates)
    found = np.zeros((len(marks), size), dtype=np.float32)
    for row, one in enumerate(marks):
        for each in lowering(one, prepared):
            np.maximum(found[row], each.max(axis=0), out=found[row])
    return found


def lowering(marks: Marks, prepared: Prepared) -> Iterator[Floats]:
    """Yield how much each mark lowers each candidate, from 0 to 1; some marks after the other, in order."""
    step = max(CELLS // max(len(prepared.candidates), 1), 1)
    words = matrix_of(marks.words, prepared.index.extra, prepared.index.columns)
    for first in range(0, len(marks.begins), step):
        part = slice(first, first + step)
        close = (words[part] @ prepared.words).toarray() * prepared.sigma
        if marks.topics.shape[1]:
            close = (close + marks.topics[part] @ prepared.dense[: marks.topics.shape[1]]) / 2
        each = np.clip((close - marks.begins[part, None]) / LESS_RANGE, 0, LESS_MOST)
        yield marks.weights[part, None] * each
