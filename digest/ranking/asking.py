"""What an interest's keywords ask for: a query of their words, and what a hit of each says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from digest.ranking.model import Model
from digest.ranking.terms import feature_counts
from digest.ranking.words import Words, stacked
from digest.types import InterestSpec

__all__ = ["Asked", "ask", "telling", "wanted"]

PHRASE_WEIGHT, WORD_WEIGHT = 1.6, 1.3
# Of a keyword of stop words or bare numbers.
LEAST_TELLING = 0.3
# What 19 of 20 background papers stay below with a query, as a cosine; in a small or empty model this is
# what is usual, with the weight of so many texts; and never below a floor.
USUAL_SHARE, USUAL, USUAL_TEXTS, USUAL_FLOOR = 0.95, 0.06, 20, 0.04


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """``query`` is one row of length 1: the keywords' words; ``usual`` what 19 of 20 known papers stay below.

    ``hits`` says what a hit of each keyword counts; ``groups`` are the keywords, those that share words
    together; ``terms`` are all words asked for.
    """

    query: Words
    usual: float
    hits: Mapping[str, float]
    groups: tuple[tuple[str, ...], ...]
    terms: tuple[str, ...]


def wanted(interest: InterestSpec) -> tuple[str, ...]:
    """Return all keywords an interest asks for, each once, in a fixed order."""
    given = sorted((*interest.keywords, *interest.must_keywords))
    keywords = {" ".join(word.split()).casefold(): word.strip() for word in given}
    return tuple(keywords[key] for key in sorted(keywords) if key)


def telling(counts: Mapping[str, int], model: Model) -> float:
    """Return how much a hit says, from 0 to 1: little for a word that most papers have.

    Full from half of the rarest word's bare idf on.
    """
    bare = 1 / model.idf_power
    most = float(model.idf.max()) ** bare
    each = [float(model.idf[model.terms.get(term, -1)]) ** bare for term in counts]
    return min(1.0, 2 * sum(each) / most) if each else LEAST_TELLING


def ask(interests: Sequence[InterestSpec], model: Model) -> list[Asked | None]:
    """Make the queries of interests; ``None`` for those without keywords."""
    keywords = [wanted(one) for one in interests]
    asked = [_Asking.of(each, one, model) for each, one in zip(keywords, interests, strict=True) if each]
    usual = _usual([one.query for one in asked], model)
    made = iter([one.made(float(level)) for one, level in zip(asked, usual, strict=True)])
    return [next(made) if each else None for each in keywords]


@dataclass(frozen=True, eq=False, slots=True)
class _Asking:
    query: Words
    hits: Mapping[str, float]
    groups: tuple[tuple[str, ...], ...]
    terms: tuple[str, ...]

    @classmethod
    def of(cls, keywords: Sequence[str], interest: InterestSpec, model: Model) -> "_Asking":
        """All words of a keyword count alike: "cloud", though rarer, does not stand for "point cloud".

        A keyword that shares its words with the interest's other keywords says more of the topic than one
        that stands alone among them: "search" beside "retrieval", "dense retrieval", "text retrieval".
        """
        counts = {word: feature_counts(word) for word in keywords}
        boosts = {word: interest.weights.get(word, 1.0) for word in keywords}
        sums: dict[str, float] = {}
        for word, of in counts.items():
            for term in of:
                sums[term] = sums.get(term, 0.0) + boosts[word] / sqrt(len(of))
        length = sqrt(sum(value * value for value in sums.values())) or 1.0
        query = {term: value / length for term, value in sums.items()}
        shares = {
            word: sum(query[term] for term in of) / sqrt(max(len(of), 1)) for word, of in counts.items()
        }
        most = max(shares.values(), default=0.0) or 1.0
        hits = {
            word: float(
                boosts[word]
                * (PHRASE_WEIGHT if len(of) > 1 else WORD_WEIGHT)
                * telling(of, model)
                * (0.5 + 0.5 * shares[word] / most)
            )
            for word, of in counts.items()
        }
        return cls(_words(query, model), hits, _groups(counts), tuple(sorted(query)))

    def made(self, usual: float) -> Asked:
        """The query with what is usual of it."""
        return Asked(self.query, usual, self.hits, self.groups, self.terms)


def _groups(counts: Mapping[str, Mapping[str, int]]) -> tuple[tuple[str, ...], ...]:
    """Put keywords together that have words in common, also by way of others."""
    groups: list[tuple[list[str], set[str]]] = []
    for word, of in counts.items():
        joined, terms = [word], set(of)
        apart = []
        for group in groups:
            if group[1] & terms:
                joined, terms = [*group[0], *joined], group[1] | terms
            else:
                apart.append(group)
        groups = [*apart, (joined, terms)]
    return tuple(tuple(words) for words, _ in groups)


def _words(query: Mapping[str, float], model: Model) -> Words:
    known = sorted((model.terms[term], value) for term, value in query.items() if term in model.terms)
    return Words(
        np.array([0, len(known)], dtype=np.int32),
        np.array([column for column, _ in known], dtype=np.int32),
        np.array([value for _, value in known], dtype=np.float32),
        tuple((0, term, float(value)) for term, value in sorted(query.items()) if term not in model.terms),
    )


def _usual(queries: Sequence[Words], model: Model) -> NDArray[np.float64]:
    background = model.background
    texts = background.words.shape[1]
    level = np.full(len(queries), USUAL)
    if texts and queries:
        found = (stacked(queries, {}, len(model.terms)) @ background.words).toarray() * background.usual_sigma
        level = np.quantile(found, USUAL_SHARE, axis=1).astype(np.float64)
        level = (texts * level + USUAL_TEXTS * USUAL) / (texts + USUAL_TEXTS)
    return np.asarray(np.maximum(level, USUAL_FLOOR), dtype=np.float64)
