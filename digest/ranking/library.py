"""What is looked up for one run, shared by all readers."""

from collections.abc import KeysView, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.authors import AuthorMatch
from digest.ranking.features import is_word
from digest.ranking.index import Hits
from digest.ranking.linear import Floats, chosen_rows
from digest.ranking.model import Ints
from digest.ranking.prepared import Prepared
from digest.ranking.reader import Scored
from digest.ranking.terms import feature_counts, surfaces
from digest.types import Reason, Section

__all__ = ["Library"]


class Found(NamedTuple):
    """How strongly a keyword is found in a candidate; ``exact`` and ``titled`` as in ``Hits``."""

    strength: float
    exact: bool
    titled: bool


class Library:
    """Remembers what was found for a keyword or an author, so that readers share the work."""

    MOST = 20_000

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.trending: list[int] = prepared.trend.order.tolist()
        self.rising: list[int] = prepared.trend.rising_order.tolist()
        self.positions: list[int] = prepared.trend.position.tolist()
        self.groups: list[int] = prepared.alike.group.tolist()
        # Why candidates are in a section, as readers of a zone are told it (see digest.ranking.reasons), and
        # what their scores there are (see digest.ranking.parts).
        self.told: dict[tuple[Section, int, str], tuple[Reason, ...]] = {}
        self.scored: dict[tuple[Section, int], Scored] = {}
        self._hits: dict[str, Hits] = {}
        self._numbers: dict[str, int] = {}
        self._strength = sp.csr_array((0, len(prepared.candidates)), dtype=np.float32)
        self._found: dict[str, Mapping[int, Found]] = {}
        self._keyword_terms: dict[str, KeysView[str]] = {}
        self._authors: dict[str, list[AuthorMatch]] = {}
        self._surfaces: dict[int, Mapping[str, str]] = {}
        self._terms: list[str] = []
        self._are_words: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._entries: list[tuple[NDArray[np.int64], Floats]] = []
        self._scratch: NDArray[np.int16] = np.zeros(0, dtype=np.int16)

    def forget(self) -> None:
        """Drop what was remembered once it is much, so that memory stays bounded over many readers."""
        kept: tuple[dict[Any, Any], ...] = (
            self.told,
            self.scored,
            self._hits,
            self._numbers,
            self._found,
            self._keyword_terms,
            self._authors,
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

    def strengths(self, keywords: Sequence[str]) -> tuple[Ints, sp.csr_array]:
        """Return the number of each keyword, and how strongly candidates have those of all numbers so far
        (numbers × candidates).
        """
        numbers = self._numbers
        new = [word for word in keywords if word not in numbers]
        if new or not numbers:
            new = list(dict.fromkeys(new))
            hits = [self.hits(word) for word in new]
            more = chosen_rows([(one.rows, one.strength) for one in hits], len(self.prepared.candidates))
            self._strength = sp.csr_array(sp.vstack([self._strength, more])) if numbers else more
            numbers.update(zip(new, range(len(numbers), self._strength.shape[0]), strict=True))
        return np.array(list(map(numbers.__getitem__, keywords)), dtype=np.int32), self._strength

    def found(self, keyword: str) -> Mapping[int, Found]:
        """Return how a keyword is found in the candidates that have it, by row."""
        found = self._found.get(keyword)
        if found is None:
            hits = self.hits(keyword)
            each = zip(hits.strength.tolist(), hits.exact.tolist(), hits.titled.tolist(), strict=True)
            found = self._found[keyword] = dict(zip(hits.rows.tolist(), map(Found._make, each), strict=True))
        return found

    def terms_of(self, keyword: str) -> KeysView[str]:
        """Return the telling terms of a keyword, in reading order."""
        found = self._keyword_terms.get(keyword)
        if found is None:
            found = self._keyword_terms[keyword] = feature_counts(keyword).keys()
        return found

    def authors(self, name: str) -> list[AuthorMatch]:
        """Return the candidates by an author."""
        found = self._authors.get(name)
        if found is None:
            found = self._authors[name] = self.prepared.authors.find(name)
        return found

    def written(self, row: int) -> Mapping[str, str]:
        """Return the terms of a candidate's text, each as it is written there."""
        found = self._surfaces.get(row)
        if found is None:
            paper = self.prepared.candidates[row]
            found = self._surfaces[row] = surfaces((paper.abstract, paper.title, *paper.keywords))
        return found

    @property
    def terms(self) -> list[str]:
        """The term of each column."""
        if not self._terms:
            index = self.prepared.index
            self._terms = [*index.known, *index.extra]
        return self._terms

    @property
    def are_words(self) -> NDArray[np.bool_]:
        """Which columns are of words, and not of categories."""
        if not len(self._are_words):
            self._are_words = np.array([is_word(term) for term in self.terms] or [True])
        return self._are_words

    @property
    def entries(self) -> list[tuple[NDArray[np.int64], Floats]]:
        """The columns and values of each candidate's row of ``Prepared.matrix``."""
        if not self._entries:
            rows, ends = self.prepared.matrix, self.prepared.matrix.indptr[1:-1]
            columns = rows.indices.astype(np.int64)  # as numpy looks up by
            self._entries = [*zip(np.split(columns, ends), np.split(rows.data, ends), strict=True)]
        return self._entries

    def scratch(self) -> NDArray[np.int16]:
        """Return a zero for each column, to write to and to clear again."""
        if not len(self._scratch):
            self._scratch = np.zeros(self.prepared.index.columns, dtype=np.int16)
        return self._scratch

    def exact_rows(self, keywords: tuple[str, ...]) -> Ints:
        """Return the rows where any of the keywords stands as such, ascending."""
        found = [self.hits(keyword) for keyword in keywords]
        return np.unique(np.concatenate([np.empty(0, np.int32), *(hits.rows[hits.exact] for hits in found)]))
