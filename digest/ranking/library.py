"""What is looked up for one run, shared by all readers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from digest.ranking.authors import AuthorMatch
from digest.ranking.index import Hits
from digest.ranking.linear import Floats, chosen_rows
from digest.ranking.model import Ints
from digest.ranking.prepared import Prepared
from digest.ranking.terms import feature_counts, surfaces
from digest.types import Reason

__all__ = ["Library"]


class Library:
    """Remembers what was found for a keyword or an author, so that readers share the work."""

    MOST = 20_000
    ROWS = 16

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.trending: list[int] = prepared.trend.order.tolist()
        self.rising: list[int] = prepared.trend.rising_order.tolist()
        self.groups: list[int] = prepared.alike.group.tolist()
        # How much each candidate grew, as readers of a zone are told it (see digest.ranking.reasons).
        self.growth: dict[tuple[int, str], list[tuple[float, Reason]]] = {}
        self._hits: dict[str, Hits] = {}
        self._numbers: dict[str, int] = {}
        self._strength = sp.csr_array((0, len(prepared.candidates)), dtype=np.float32)
        self._places: dict[str, dict[int, int]] = {}
        self._keyword_terms: dict[str, frozenset[str]] = {}
        self._authors: dict[str, list[AuthorMatch]] = {}
        self._surfaces: dict[int, Mapping[str, str]] = {}
        self._terms: list[str] = []
        self._scratch: Floats = np.zeros((0, 0), dtype=np.float32)

    def forget(self) -> None:
        """Drop what was remembered once it is much, so that memory stays bounded over many readers."""
        kept: tuple[dict[Any, Any], ...] = (
            self.growth,
            self._hits,
            self._numbers,
            self._places,
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

    def place(self, keyword: str, row: int) -> int | None:
        """Return the place of a candidate among a keyword's hits, or ``None`` where there is none."""
        found = self._places.get(keyword)
        if found is None:
            found = self._places[keyword] = {at: n for n, at in enumerate(self.hits(keyword).rows.tolist())}
        return found.get(row)

    def terms(self, keyword: str) -> frozenset[str]:
        """Return the telling terms of a keyword."""
        found = self._keyword_terms.get(keyword)
        if found is None:
            found = self._keyword_terms[keyword] = frozenset(feature_counts(keyword))
        return found

    def authors(self, name: str) -> list[AuthorMatch]:
        """Return the candidates by an author."""
        found = self._authors.get(name)
        if found is None:
            found = self._authors[name] = self.prepared.authors.find(name)
        return found

    def _written(self, row: int) -> Mapping[str, str]:
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

    def scratch(self) -> Floats:
        """Return some rows of zeros over all columns, to write to and to clear again."""
        if not len(self._scratch):
            self._scratch = np.zeros((self.ROWS, self.prepared.index.columns), dtype=np.float32)
        return self._scratch

    def exact_rows(self, keywords: tuple[str, ...]) -> Ints:
        """Return the rows where any of the keywords stands as such, ascending."""
        found = [self.hits(keyword) for keyword in keywords]
        return np.unique(np.concatenate([np.empty(0, np.int32), *(hits.rows[hits.exact] for hits in found)]))
