"""What is looked up for one run, shared by all readers, and queries made of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.authors import AuthorMatch
from digest.ranking.index import Hits
from digest.ranking.prepared import Prepared, text_counts, title_key, title_number
from digest.ranking.terms import feature_counts, surfaces
from digest.types import Example, InterestSpec

__all__ = ["Floats", "Library", "Vector", "chosen_examples", "mixed", "stack", "wanted"]

PHRASE_WEIGHT, WORD_WEIGHT = 1.6, 1.3
# Of a keyword of stop words or bare numbers.
LEAST_TELLING = 0.3

Floats = NDArray[np.float64]
Vector = tuple[NDArray[np.int32], NDArray[np.float32]]


class Library:
    """Remembers what was found for a keyword, an author or an example, so that readers share the work."""

    MOST = 20_000

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self._hits: dict[str, Hits] = {}
        self._keyword_terms: dict[str, frozenset[str]] = {}
        self._rows: dict[str, NDArray[np.int32]] = {}
        self._vectors: dict[tuple[str, str], Vector] = {}
        self._queries: dict[str, tuple[Vector, float]] = {}
        self._authors: dict[str, list[AuthorMatch]] = {}
        self._titles: dict[str, int | None] = {}
        self._surfaces: dict[int, dict[str, str]] = {}
        self._title_terms: dict[int, frozenset[str]] = {}
        self._terms: list[str] = []

    def forget(self) -> None:
        """Drop what was remembered once it is much, so that memory stays bounded over many readers."""
        kept: tuple[dict[Any, Any], ...] = (
            *(self._hits, self._rows, self._vectors, self._queries, self._authors),
            *(self._keyword_terms, self._titles),
        )
        for each in kept:
            if len(each) > self.MOST:
                each.clear()

    def hits(self, keyword: str) -> Hits:
        """Return where a keyword is found among the candidates."""
        found = self._hits.get(keyword)
        if found is None:
            found = self._hits[keyword] = self.prepared.index.find(keyword)
        return found

    def terms(self, keyword: str) -> frozenset[str]:
        """Return the telling terms of a keyword."""
        found = self._keyword_terms.get(keyword)
        if found is None:
            found = self._keyword_terms[keyword] = frozenset(feature_counts(keyword))
        return found

    def rows(self, term: str) -> NDArray[np.int32]:
        """Return the rows of the candidates that have a term."""
        found = self._rows.get(term)
        if found is None:
            found = self._rows[term] = self.prepared.index.rows_with(term)
        return found

    def authors(self, name: str) -> list[AuthorMatch]:
        """Return the candidates by an author."""
        found = self._authors.get(name)
        if found is None:
            found = self._authors[name] = self.prepared.authors.find(name)
        return found

    def same_title(self, title: str) -> int | None:
        """Return the number that candidates of this title have in ``same_title``, or ``None``."""
        if title not in self._titles:
            self._titles[title] = self.prepared.titles.get(title_number(title))
        return self._titles[title]

    def title_terms(self, row: int) -> frozenset[str]:
        """Return the set of terms of a candidate's title."""
        found = self._title_terms.get(row)
        if found is None:
            found = frozenset(title_key(self.prepared.candidates[row].title).split())
            self._title_terms[row] = found
        return found

    def _written(self, row: int) -> dict[str, str]:
        found = self._surfaces.get(row)
        if found is None:
            paper = self.prepared.candidates[row]
            found = self._surfaces[row] = surfaces((paper.abstract, paper.title, *paper.keywords))
        return found

    def has(self, row: int, term: str) -> bool:
        """Whether a term stands in a candidate's text."""
        return term in self._written(row)

    def written(self, row: int, term: str) -> str:
        """Return a term as the candidate writes it."""
        return self._written(row).get(term, term)

    def term(self, column: int) -> str:
        """Return the term of a column."""
        if not self._terms:
            index = self.prepared.index
            self._terms = [*index.known, *index.extra]
        return self._terms[column]

    def example(self, example: Example) -> Vector:
        """Return the vector of an example paper."""
        key = (example.title, example.abstract)
        found = self._vectors.get(key)
        if found is None:
            found = self._vectors[key] = self.prepared.vector(text_counts(*key))
        return found

    def query(self, keyword: str) -> tuple[Vector, float]:
        """Return a keyword's vector and how much a hit says: little for a word that most papers have."""
        found = self._queries.get(keyword)
        if found is None:
            counts = feature_counts(keyword)
            weight = PHRASE_WEIGHT if len(counts) > 1 else WORD_WEIGHT
            found = self._queries[keyword] = self._flat(counts), weight * self._telling(counts)
        return found

    def _flat(self, counts: Counter[str]) -> Vector:
        """All words alike: a rare one ("cloud") does not stand for its phrase ("point cloud")."""
        columns = sorted(at for term in counts if (at := self.prepared.index.column(term)) is not None)
        weight = np.full(len(columns), 1 / np.sqrt(max(len(counts), 1)), dtype=np.float32)
        return np.array(columns, dtype=np.int32), weight

    def _telling(self, counts: Counter[str]) -> float:
        """Full from half of the rarest word's bare idf on (weights are idf^1.5)."""
        idf, column = self.prepared.idf, self.prepared.index.column
        each = [float(idf[-1 if (at := column(term)) is None else at]) ** (2 / 3) for term in counts]
        return min(1.0, 2 * sum(each) / float(idf.max()) ** (2 / 3)) if each else LEAST_TELLING


def wanted(interest: InterestSpec) -> tuple[str, ...]:
    """Return all keywords an interest asks for, each once, in a fixed order."""
    keywords = {" ".join(word.split()).casefold(): word.strip() for word in _keywords(interest)}
    return tuple(keywords[key] for key in sorted(keywords) if key)


def _keywords(interest: InterestSpec) -> Iterable[str]:
    return sorted((*interest.keywords, *interest.must_keywords))


def chosen_examples(interest: InterestSpec, *, liked: bool) -> list[Example]:
    """Return the examples that speak for an interest, or those against it, in a fixed order."""
    chosen = [one for one in interest.examples if (one.weight > 0 if liked else one.weight < 0)]
    return sorted(
        chosen, key=lambda one: (one.title, one.abstract, one.origin, one.weight, one.paper_id or 0)
    )


def stack(vectors: Sequence[Vector], columns: int) -> sp.csr_array:
    """Return vectors as the rows of a matrix."""
    ends = np.cumsum([0, *(len(indices) for indices, _ in vectors)], dtype=np.int32)
    indices = np.concatenate([np.empty(0, np.int32), *(indices for indices, _ in vectors)])
    weights = np.concatenate([np.empty(0, np.float32), *(weights for _, weights in vectors)])
    return sp.csr_array((weights, indices, ends), shape=(len(vectors), columns))


def mixed(mix: Sequence[Sequence[tuple[int, float]]], rows: sp.csr_array) -> sp.csr_array:
    """Return rows of length 1, each the weighted sum of some of the rows given; zero rows stay zero."""
    ends = np.cumsum([0, *(len(row) for row in mix)], dtype=np.int32)
    which = np.array([number for row in mix for number, _ in row], dtype=np.int32)
    weight = np.array([value for row in mix for _, value in row], dtype=np.float32)
    sums = sp.csr_array((weight, which, ends), shape=(len(mix), rows.shape[0])) @ rows
    return unit(sums)


def unit(rows: sp.csr_array) -> sp.csr_array:
    """Bring rows to length 1 in place, columns ascending; zero rows stay zero."""
    rows.sort_indices()
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), dtype=np.float64)).ravel()
    rows.data /= np.repeat(np.where(length > 0, length, 1), np.diff(rows.indptr)).astype(np.float32)
    return rows
