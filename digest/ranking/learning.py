"""What is kept of an interest until it, or the model, changes: its liked papers as vectors, its scales.

With weights a of the liked papers (less for older ones) and m their sum::

    words    = (Σ a x)^0.7 · x_i / sigma_i         the 300 strongest terms
    latent   = (Σ a z) · z_i
    vectors  = (Σ a e) · e_i
    readers  = (Σ a f) · f_i                       with many readers only
    meaning  = (Σ a m) · m_i                       with a text model only
    closeness = words/sd + w (latent/sd + vectors/sd + meaning/sd) + v readers/sd   each over its deviation
    w        = 0.6 (0.4 + 1.5/√m), without the 0.6 where there is one space of topics only
    v        = share - 0.2, from 0 to 0.8          share: the part of all likes that another reader shares

The scales are deviations over the model's background papers, the interest's own left out; with a small
background, what is typical of all papers counts as 20 more. The constants were chosen on papers held out of
the train rows of citeulike-t; all lie on a plateau (docs/ranking.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.alike import title_number
from digest.ranking.asking import Asked, ask
from digest.ranking.disliking import Marks, mark
from digest.ranking.features import count_rows
from digest.ranking.linear import Floats, product, scaled, strongest
from digest.ranking.model import PRIOR_TEXTS, Ids, Model
from digest.ranking.people import People, liked_people
from digest.ranking.words import Words
from digest.types import Example, InterestSpec

__all__ = ["Given", "Learned", "Liked", "Said", "chosen_examples", "learn", "topic_weight"]

PROFILE_POWER = 0.7
PROFILE_TERMS = 300
TOPIC, TOPIC_FEW, TOPIC_OF_TWO = 0.4, 1.5, 0.6
READERS_FROM, READERS_MOST = 0.2, 0.8
# Of the background, that part stays below what is called usual of an interest.
USUAL_SHARE = 0.95
# What is usual in units of the three scales where there is no background to tell; and never below a floor.
USUAL, USUAL_FLOOR = 6.0, 0.5
# The line is lowered where more than that share of the background is at NEARLY the line, by so much a share.
NEARLY, FEW_NEAR, LOWERED, LOWEST = 0.8, 0.08, 1.5, 0.6
# Of the length that a sum of rows without anything in common has.
LEAST_LENGTH = 0.1
# Kept of each liked paper to say what a new one is close to: its strongest terms. And of so many papers.
SAID_TERMS, SAID_PAPERS = 48, 2_000
# Interests learnt at once.
BLOCK = 128

Doubles = NDArray[np.float64]


class Said(NamedTuple):
    """A liked paper as reasons name it; ``origin`` as in :class:`digest.types.Example`."""

    paper_id: int | None
    title: str
    origin: str


@dataclass(frozen=True, eq=False, slots=True)
class Liked:
    """The liked papers of an interest as vectors.

    ``words`` is one row over its deviation, 1 / ``scale``; ``dense`` the sums in the model's spaces, each
    times its weight over its deviation; ``usual`` what 19 of 20 known papers stay below in closeness.

    For telling which paper a new one is close to: ``said`` are the papers with the most weight, ``weights``
    theirs, ``said_words`` their strongest words, ``said_dense`` what each adds to ``dense`` (papers × size).
    """

    words: Words
    dense: Floats
    usual: float
    scale: float
    said: tuple[Said, ...]
    weights: Floats
    said_words: Words
    said_dense: NDArray[np.float16]


class Given(NamedTuple):
    """The papers a reader knows, since they gave or judged them: ids, and numbers of titles."""

    ids: Ids
    titles: Ids

    @classmethod
    def of(cls, interest: InterestSpec) -> Self:
        """All examples of an interest."""
        ids = [one.paper_id for one in interest.examples if one.paper_id is not None]
        titles = [title_number(one.title) for one in interest.examples if one.origin != "about"]
        return cls(np.unique(np.array(ids, dtype=np.int64)), np.unique(np.array(titles, dtype=np.int64)))


@dataclass(frozen=True, eq=False, slots=True)
class Learned:
    """An interest as the scoring needs it; each part is ``None`` where the interest has nothing of it."""

    given: Given
    liked: Liked | None = None
    asked: Asked | None = None
    marks: Marks | None = None
    people: People | None = None


def chosen_examples(interest: InterestSpec, *, liked: bool) -> list[Example]:
    """Return the examples that speak for an interest, or those against it, in a fixed order."""
    chosen = [one for one in interest.examples if (one.weight > 0 if liked else one.weight < 0)]
    return sorted(
        chosen, key=lambda one: (one.title, one.abstract, one.origin, one.weight, one.paper_id or 0)
    )


def topic_weight(likes: NDArray[np.floating], spaces: int) -> NDArray[np.float64]:
    """Return the weight of each space of topics: few liked papers have few words, so topics count more."""
    weight = TOPIC + TOPIC_FEW / np.sqrt(np.maximum(likes, 1))
    return np.asarray(weight * (TOPIC_OF_TWO if spaces > 1 else 1), dtype=np.float64)


def readers_weight(model: Model) -> float:
    """Return the weight of other readers' likes, 0 where these have little in common."""
    if model.shared is None:
        return 0.0
    return min(max(model.shared.share - READERS_FROM, 0.0), READERS_MOST)


def learn(interests: Sequence[InterestSpec], model: Model) -> list[Learned]:
    """Learn interests, each independently of the others; takes about a millisecond each.

    The order of examples, keywords and authors does not matter.
    """
    found: list[Learned] = []
    for first in range(0, len(interests), BLOCK):
        some = interests[first : first + BLOCK]
        parts = zip(
            map(Given.of, some),
            _liked(some, model),
            ask(some, model),
            mark(some, model),
            liked_people(some, model),
            strict=True,
        )
        found.extend(Learned(*each) for each in parts)
    return found


def _liked(interests: Sequence[InterestSpec], model: Model) -> list[Liked | None]:
    examples = [chosen_examples(one, liked=True) for one in interests]
    having = [number for number, each in enumerate(examples) if each]
    found: list[Liked | None] = [None] * len(interests)
    if having:
        for number, one in zip(having, _learn([examples[at] for at in having], model), strict=True):
            found[number] = one
    return found


@dataclass(frozen=True, eq=False, slots=True)
class _Vectors:
    """The distinct example papers of a block as rows; ``numbers`` has those of each interest's examples."""

    x: sp.csr_array
    new_terms: Sequence[str]
    dense: Floats
    numbers: Sequence[Sequence[int]]
    weights: sp.csr_array  # interests × papers

    @classmethod
    def of(cls, examples: Sequence[Sequence[Example]], model: Model) -> Self:
        """Read each distinct paper once."""
        places: dict[tuple[object, ...], int] = {}
        papers: list[Example] = []
        numbers: list[list[int]] = []
        for each in examples:
            own = [places.setdefault(_key(one), len(places)) for one in each]
            papers.extend(one for number, one in zip(own, each, strict=True) if number >= len(papers))
            numbers.append(own)
        counted = count_rows(papers, model.terms, with_extra=True)
        x = model.weighed(counted.rows)
        dense = model.dense(x, model.projected(x), papers)
        # In the order of each interest's examples, so that sums do not depend on who is learnt beside it.
        ends = np.cumsum([0, *(len(own) for own in numbers)], dtype=np.int32)
        column = np.array([number for own in numbers for number in own], dtype=np.int32)
        weight = np.array([one.weight for each in examples for one in each], dtype=np.float32)
        weights = sp.csr_array((weight, column, ends), shape=(len(examples), len(papers)))
        return cls(x, list(counted.extra), dense, numbers, weights)


def _key(one: Example) -> tuple[object, ...]:
    return one.paper_id, one.title, one.abstract, one.keywords, one.categories


def _learn(examples: Sequence[Sequence[Example]], model: Model) -> list[Liked]:
    vectors = _Vectors.of(examples, model)
    known = len(model.terms)
    likes = np.asarray(vectors.weights.sum(axis=1), dtype=np.float64).ravel()
    query = sp.csr_array(vectors.weights @ vectors.x)
    query.data **= PROFILE_POWER
    query.sort_indices()
    query = strongest(query, PROFILE_TERMS)
    sums = np.asarray(vectors.weights @ vectors.dense, dtype=np.float32)
    factors, closeness = _standardised(query, sums, likes, examples, model)
    usual = _usual(closeness, _others(examples, model))
    query = scaled(query, factors[0])
    every = np.ones((len(examples), model.spaces[-1].stop), dtype=np.float32)
    for space, factor in zip(model.spaces, factors[1:], strict=True):
        every[:, space] = factor[:, None]
    found = []
    for row, each in enumerate(examples):
        own = sorted(range(len(each)), key=lambda at: (-each[at].weight, at))[:SAID_PAPERS]
        said = np.array([vectors.numbers[row][at] for at in own], dtype=np.int32)
        weights = np.array([each[at].weight for at in own], dtype=np.float32)
        found.append(
            Liked(
                words=Words.of(sp.csr_array(query[[row]]), known, vectors.new_terms),
                dense=sums[row] * every[row],
                usual=float(usual[row]),
                scale=float(factors[0][row]),
                said=tuple(Said(each[at].paper_id, each[at].title, each[at].origin) for at in own),
                weights=weights,
                said_words=Words.of(strongest(vectors.x[said], SAID_TERMS), known, vectors.new_terms),
                said_dense=(weights[:, None] * vectors.dense[said] * every[row]).astype(np.float16),
            )
        )
    return found


def _standardised(
    query: sp.csr_array, sums: Floats, likes: Doubles, examples: Sequence[Sequence[Example]], model: Model
) -> tuple[list[Doubles], Doubles]:
    """Return the factors of words and each space (weight over deviation), and closeness to the background."""
    background, mask = model.background, _others(examples, model)
    known = query if query.shape[1] == len(model.terms) else sp.csr_array(query[:, : len(model.terms)])
    scores = [(known @ background.words).toarray()]
    lengths = [np.sqrt(np.asarray(query.multiply(query).sum(axis=1)).ravel())]
    for space in model.spaces:
        scores.append(product(sums[:, space], background.dense[:, space].T))
        lengths.append(np.linalg.norm(sums[:, space], axis=1))
    has_view = len(model.spaces) > 3
    every, topic = np.ones(len(likes)), topic_weight(likes, model.topics + has_view)
    weights = [every, topic, topic, readers_weight(model) * every]
    if has_view:
        weights.append(topic)
        # Likes that say the contrary of each other leave noise, which is not to be made as large as the rest.
        lengths[-1] = np.maximum(lengths[-1], LEAST_LENGTH * np.sqrt(likes))
    factors = [
        weight / _deviation(each, mask, typical * length)
        for weight, each, typical, length in zip(weights, scores, background.typical, lengths, strict=True)
    ]
    closeness = np.zeros(scores[0].shape)
    for each, factor in zip(scores, factors, strict=True):
        closeness += each * factor[:, None]
    return factors, closeness


def _others(examples: Sequence[Sequence[Example]], model: Model) -> Doubles:
    """Where a background paper is none of the interest's own (interests × background papers)."""
    ids = model.background.ids
    mask = np.ones((len(examples), len(ids)))
    place = {paper_id: at for at, paper_id in enumerate(ids.tolist())}
    for row, each in enumerate(examples):
        own = [at for one in each if one.paper_id is not None and (at := place.get(one.paper_id)) is not None]
        mask[row, own] = 0
    return mask


def _deviation(scores: NDArray[np.floating], mask: Doubles, typical: NDArray[np.floating]) -> Doubles:
    """Return the standard deviation over the background, with what is typical as 20 texts more."""
    count = mask.sum(axis=1)
    mean = (scores * mask).sum(axis=1) / np.maximum(count, 1)
    squares = np.maximum((np.square(scores) * mask).sum(axis=1) - count * mean**2, 0)
    both = (squares + PRIOR_TEXTS * np.square(typical)) / (count + PRIOR_TEXTS)
    return np.asarray(np.maximum(np.sqrt(both), 1e-9), dtype=np.float64)


def _usual(closeness: Doubles, mask: Doubles) -> Doubles:
    """Return what 19 of 20 background papers stay below, with the prior as 20 texts more.

    Where many are nearly as close as that, what is read is mostly of the reader's field: the line is lowered,
    else a specialised source would have nothing unusual to show.
    """
    count = mask.sum(axis=1)
    level = np.full(len(closeness), USUAL)
    if closeness.shape[1]:
        least = closeness.min(axis=1, keepdims=True)
        level = np.quantile(np.where(mask > 0, closeness, least), USUAL_SHARE, axis=1)
        near = ((closeness >= NEARLY * level[:, None]) * mask).sum(axis=1) / np.maximum(count, 1)
        level *= np.clip(1 - LOWERED * (near - FEW_NEAR), LOWEST, 1)
    level = (count * level + PRIOR_TEXTS * USUAL) / (count + PRIOR_TEXTS)
    return np.asarray(np.maximum(level, USUAL_FLOOR), dtype=np.float64)
