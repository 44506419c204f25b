"""How much each candidate is to the taste of each interest: every interest by itself, many in one product.

For an interest and a candidate, all parts from 0 to 1::

    words      the keywords' words as a TF-IDF query: field × s / (s + usual)
    keywords   keywords and phrases found: field × (1 - exp(-sum of weight × strength of each))
    examples   the mean of the examples' vectors (given, marked "more", saved) as a query: s / (s + usual),
               half of it where there are few of them and one word makes most of it
    category   0.2 for a category asked for; 0.65 where the interest consists of categories
    less       how close it is to a paper marked "less"
    taste    = (1 - (1-words)(1-keywords)(1-examples)(1-category)) × (1-less)

``s`` is a cosine, divided by the candidate's hubness; ``usual`` is what 19 of 20 background texts stay
below with this very query, so ½ means: stands out as one text in twenty does. ``field`` is below 1 where
a paper has the words, but is about something else (see :func:`_field`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.library import Floats, Library, chosen_examples, mixed, stack, unit, wanted
from digest.ranking.prepared import Prepared
from digest.types import Example, InterestSpec

__all__ = ["PARTS", "Tastes", "taste_of"]

PARTS = ("words", "keywords", "examples", "category", "less", "field", "taste")
USUAL_SHARE, TIMES_MIDDLE = 0.95, 4
# In a small or empty model this is what is usual, with the weight of so many texts; and never below a floor.
USUAL, USUAL_TEXTS, USUAL_FLOOR = 0.06, 20, 0.04
# Of words asked for, where a paper has one of several only; and of examples, where one word makes more
# than that share of the closeness: a rare word that two papers share by chance is no common topic.
LONELY, LONELY_SHARE = 0.5, 0.75
# With more examples than that, a word they have in common is no chance.
FEW_EXAMPLES = 3
ONLY_CATEGORY, ALSO_CATEGORY = 0.65, 0.2
# The field is made of so many papers at most; with few of them it counts less.
FIELD_PAPERS, FIELD_PRIOR, FIELD_MOST = 20, 3, 0.8
# Closeness to a paper marked "less": begins where 1 of 50 background texts is, and is full 0.3 further on.
LESS_SHARE, LESS_FLOOR, LESS_RANGE, LESS_MOST = 0.98, 0.08, 0.3, 0.95
# Interests × candidates of one block: each part is an array of that many doubles.
CELLS = 1 << 19


@dataclass(frozen=True, eq=False, slots=True)
class Tastes:
    """The parts of the taste of several interests: arrays of interests × candidates under ``PARTS``.

    ``must[i]`` are the rows that have a must-have keyword of interest ``i``, ``None`` where it has none.
    ``weights[i]`` says how much a hit of each of its keywords counts.
    """

    interests: tuple[InterestSpec, ...]
    parts: dict[str, Floats]
    must: tuple[NDArray[np.int32] | None, ...]
    weights: tuple[dict[str, float], ...]


def taste_of(interests: Sequence[InterestSpec], library: Library) -> Tastes:
    """Score all candidates for several interests, each independently of the others."""
    prepared = library.prepared
    shape = (len(interests), len(prepared.candidates))
    query, weights = _keyword_queries(interests, library)
    keywords = _keyword_hits(weights, library, shape)
    words = _similarity(query, prepared)
    words[_lonely(interests, library, shape)] *= LONELY
    field = _field(interests, query, library)
    liked = [chosen_examples(interest, liked=True) for interest in interests]
    parts = {
        "words": words * field,
        "keywords": keywords * field,
        "examples": _closeness(_example_queries(liked, library), [len(each) for each in liked], prepared),
        "category": _category(interests, prepared, shape),
        "less": _less([chosen_examples(interest, liked=False) for interest in interests], library, shape),
        "field": field,
    }
    against = np.ones(shape)
    for name in ("words", "keywords", "examples", "category"):
        against *= 1 - parts[name]
    parts["taste"] = (1 - against) * (1 - parts["less"])
    must = _admit(interests, parts["taste"], library)
    return Tastes(tuple(interests), parts, must, tuple(weights))


def _admit(
    interests: Sequence[InterestSpec], taste: Floats, library: Library
) -> tuple[NDArray[np.int32] | None, ...]:
    """Set the taste to 0 where a must-have keyword is missing or an unwanted one is there."""
    must: list[NDArray[np.int32] | None] = []
    for row, interest in enumerate(interests):
        unwanted = _exact_rows(interest.not_keywords, library)
        if interest.must_keywords:
            having = np.setdiff1d(_exact_rows(interest.must_keywords, library), unwanted)
            others = np.ones(taste.shape[1], dtype=bool)
            others[having] = False
            taste[row, others] = 0
        must.append(having if interest.must_keywords else None)
        taste[row, unwanted] = 0
    return tuple(must)


def _exact_rows(keywords: Iterable[str], library: Library) -> NDArray[np.int32]:
    found = [library.hits(keyword) for keyword in keywords]
    return np.unique(np.concatenate([np.empty(0, np.int32), *(hits.rows[hits.exact] for hits in found)]))


def _keyword_queries(
    interests: Sequence[InterestSpec], library: Library
) -> tuple[sp.csr_array, list[dict[str, float]]]:
    """Return a query per interest, and what a hit of each keyword says.

    A keyword that shares its words with the interest's other keywords says more of the topic than one that
    stands alone among them: "search" beside "retrieval", "dense retrieval", "text retrieval".
    """
    numbers: dict[str, int] = {}
    mix = [[(numbers.setdefault(word, len(numbers)), 1.0) for word in wanted(each)] for each in interests]
    found = [library.query(word) for word in numbers]
    vectors = stack([vector for vector, _ in found], library.prepared.matrix.shape[1])
    query = mixed(mix, vectors)
    owner = np.array([row for row, each in enumerate(mix) for _ in each], dtype=np.int32)
    which = np.array([number for each in mix for number, _ in each], dtype=np.int32)
    share = np.asarray(query[owner].multiply(vectors[which]).sum(axis=1)).ravel() if len(which) else which
    weights: list[dict[str, float]] = [{} for _ in interests]
    most = np.zeros(len(interests))
    np.maximum.at(most, owner, share)
    for row, number, closeness in zip(owner, which, share, strict=True):
        word, hit = list(numbers)[number], found[number][1]
        weights[row][word] = hit * (0.5 + 0.5 * float(closeness / (most[row] or 1.0)))
    return query, weights


def _keyword_hits(weights: Sequence[dict[str, float]], library: Library, shape: tuple[int, int]) -> Floats:
    numbers = {
        word: number for number, word in enumerate(sorted({word for each in weights for word in each}))
    }
    hits = [library.hits(word) for word in numbers]
    strength = stack([(one.rows, one.strength) for one in hits], shape[1])
    ends = np.cumsum([0, *(len(each) for each in weights)], dtype=np.int32)
    which = np.array([numbers[word] for each in weights for word in each], dtype=np.int32)
    weight = np.array([value for each in weights for value in each.values()], dtype=np.float32)
    asked = sp.csr_array((weight, which, ends), shape=(shape[0], len(numbers)))
    return np.asarray(1 - np.exp(-(asked @ strength).toarray().astype(np.float64)))


def _similarity(query: sp.csr_array, prepared: Prepared, *, of_examples: bool = False) -> Floats:
    """Return s / (s + usual) for each query and candidate; 0 for an empty query.

    For examples ``usual`` is at most four times what the middle background text has. In mixed sources one
    text in twenty has about three times that, so it only matters where much of what is stored is of the
    reader's field; else a specialised source would have nothing unusual to show.
    """
    found = (prepared.matrix @ query.T).toarray().T.astype(np.float64) / prepared.hub
    usual = np.full((query.shape[0], 1), USUAL)
    texts = prepared.background.shape[0]
    if texts:
        among = (prepared.background @ query.T).toarray().T.astype(np.float64) / prepared.background_hub
        middle, level = np.quantile(among, (0.5, USUAL_SHARE), axis=1)
        level = np.minimum(level, TIMES_MIDDLE * middle) if of_examples else level
        level = (texts * level + USUAL_TEXTS * USUAL) / (texts + USUAL_TEXTS)
        usual = np.maximum(level, USUAL_FLOOR)[:, None]
    return np.asarray(found / (found + usual))


def _closeness(query: sp.csr_array, examples: Sequence[int], prepared: Prepared) -> Floats:
    """Return how close candidates are to examples, less where a single word makes them so."""
    found, matrix = _similarity(query, prepared, of_examples=True), prepared.matrix
    filled = np.flatnonzero(np.diff(matrix.indptr))
    for row, number in enumerate(examples):
        if not 0 < number <= FEW_EXAMPLES:
            continue
        terms = query[[row]].toarray().ravel()
        shared = matrix.data * terms[matrix.indices]
        most = np.maximum.reduceat(shared, matrix.indptr[filled]) if len(filled) else shared
        whole = np.add.reduceat(shared, matrix.indptr[filled]) if len(filled) else shared
        found[row, filled[most > LONELY_SHARE * whole]] *= LONELY
    return found


def _lonely(interests: Sequence[InterestSpec], library: Library, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where of several words asked for a paper has but one: "cloud" without "point" says little."""
    numbers: dict[str, int] = {}
    asked = [
        sorted(
            {numbers.setdefault(term, len(numbers)) for word in wanted(each) for term in library.terms(word)}
        )
        for each in interests
    ]
    having = _ones([library.rows(term) for term in numbers], shape[1])
    counts = (_ones([np.array(each, dtype=np.int32) for each in asked], len(numbers)) @ having).toarray()
    several = np.array([len(each) > 1 for each in asked], dtype=bool)
    return np.asarray((counts == 1) & several[:, None])


def _ones(rows: Sequence[NDArray[np.int32]], columns: int) -> sp.csr_array:
    return stack([(each, np.ones(len(each), dtype=np.float32)) for each in rows], columns)


def _field(interests: Sequence[InterestSpec], query: sp.csr_array, library: Library) -> Floats:
    """Return how far each paper is of the interest's field, from 0.2 to 1, by words not asked for.

    Where several keywords of an interest meet in one paper, that paper is of the field; what such papers
    have in common beyond the keywords tells "search" in retrieval from "search" for architectures. Keywords
    that share words do not meet. Without such papers all are of the field.
    """
    prepared, mix = library.prepared, []
    for interest in interests:
        meeting = _meeting(wanted(interest), library)
        found = np.flatnonzero(meeting)
        top = found[np.argsort(-meeting[found], kind="stable")][:FIELD_PAPERS]
        mix.append([(int(row), float(np.sqrt(meeting[row]))) for row in top])
    common = mixed(mix, prepared.matrix)
    asked = sp.csr_array((np.ones(query.nnz, np.float32), query.indices, query.indptr), shape=query.shape)
    common = unit((common - common.multiply(asked)).tocsr())
    papers = np.array([len(each) for each in mix], dtype=np.float64)[:, None]
    trusted = FIELD_MOST * papers / (papers + FIELD_PRIOR)
    return np.asarray(1 - trusted * (1 - np.minimum(2 * _similarity(common, prepared), 1)))


def _meeting(words: Sequence[str], library: Library) -> Floats:
    """Return per candidate the sum over pairs of keywords of the product of their hits."""
    meeting = np.zeros(len(library.prepared.candidates))
    if len(words) < 2:
        return meeting
    strength = np.zeros((len(words), len(meeting)))
    for number, word in enumerate(words):
        hits = library.hits(word)
        strength[number, hits.rows] = hits.strength
    terms = [library.terms(word) for word in words]
    apart = np.array([[float(not one & two) for two in terms] for one in terms])
    return np.asarray((strength * (apart @ strength)).sum(axis=0))


def _example_queries(liked: Sequence[Sequence[Example]], library: Library) -> sp.csr_array:
    numbers: dict[tuple[str, str], int] = {}
    mix = [
        [(numbers.setdefault((one.title, one.abstract), len(numbers)), one.weight) for one in each]
        for each in liked
    ]
    found = {numbers[one.title, one.abstract]: library.example(one) for each in liked for one in each}
    vectors = [found[number] for number in range(len(found))]
    return mixed(mix, stack(vectors, library.prepared.matrix.shape[1]))


def _category(interests: Sequence[InterestSpec], prepared: Prepared, shape: tuple[int, int]) -> Floats:
    found = np.zeros(shape)
    for row, interest in enumerate(interests):
        only = not wanted(interest) and not any(one.weight > 0 for one in interest.examples)
        for category in interest.categories:
            rows = prepared.categories.get(category.strip().casefold())
            if rows is not None:
                found[row, rows] = ONLY_CATEGORY if only else ALSO_CATEGORY
    return found


def _less(disliked: Sequence[Sequence[Example]], library: Library, shape: tuple[int, int]) -> Floats:
    """Return how close candidates are to each interest's disliked papers; their field at large is spared."""
    prepared, less = library.prepared, np.zeros(shape)
    asked = [(row, one) for row, each in enumerate(disliked) for one in each]
    step = max(CELLS // max(shape[1], 1), 1)
    for first in range(0, len(asked), step):
        some = asked[first : first + step]
        rows = stack([library.example(one) for _, one in some], prepared.matrix.shape[1])
        close = (prepared.matrix @ rows.T).toarray().T.astype(np.float64)
        begins = np.full(len(some), LESS_FLOOR)
        if prepared.background.shape[0]:
            among = (prepared.background @ rows.T).toarray()
            begins = np.maximum(np.quantile(among, LESS_SHARE, axis=0), LESS_FLOOR)
        weight = np.array([min(-one.weight, 1.0) for _, one in some])[:, None]
        part = weight * np.clip((close - begins[:, None]) / LESS_RANGE, 0, LESS_MOST)
        np.maximum.at(less, np.array([row for row, _ in some]), part)
    return less
