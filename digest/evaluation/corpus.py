"""The words of known and new papers as counts, for the methods that ours is held against."""

from array import array
from collections.abc import Iterable
from itertools import chain

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.evaluation.dataset import Dataset
from digest.ranking.terms import feature_counts
from digest.types import Candidate

__all__ = ["Corpus", "tf_idf", "unit"]

Ints = NDArray[np.int64]


class Corpus:
    """Term counts of title and abstract together: the known papers' rows first, then the candidates'.

    ``known`` is the number of the former, ``ids`` has the paper of each row. Words are those of the
    ranking's own tokeniser, so that methods differ by what they do with them. Unlike the ranking it holds
    all known papers, some 8 bytes for each of their terms.
    """

    def __init__(self, data: Dataset) -> None:
        self.data = data
        ids = array("q")
        self.counts = _count(chain(data.known, data.candidates), ids)
        self.known = len(ids) - len(data.candidates)
        self.ids = np.array(ids)
        self._order = np.argsort(self.ids)

    @property
    def new(self) -> slice:
        """The candidates' rows."""
        return slice(self.known, None)

    def rows(self, papers: NDArray[np.int32]) -> Ints:
        """The rows of papers by their ids."""
        return self._order[np.searchsorted(self.ids, papers, sorter=self._order)]

    def likes(self, readers: Ints) -> sp.csr_array:
        """Readers × papers: 1 where a reader liked a paper."""
        liked = [self.rows(self.data.liked[int(reader)]) for reader in readers]
        ends = np.cumsum([0, *(len(each) for each in liked)])
        columns = np.concatenate(liked) if liked else np.empty(0, dtype=np.int64)
        shape = (len(readers), self.counts.shape[0])
        return sp.csr_array((np.ones(len(columns), np.float32), columns, ends), shape=shape)

    def frequency(self) -> Ints:
        """In how many known papers each term is."""
        return np.bincount(self.counts[: self.known].indices, minlength=self.counts.shape[1])


def _count(papers: Iterable[Candidate], ids: "array[int]") -> sp.csr_array:
    terms: dict[str, int] = {}
    ends, columns, counts = array("q", [0]), array("i"), array("f")
    for paper in papers:
        ids.append(paper.paper_id)
        for term, count in feature_counts(f"{paper.title}\n{paper.abstract}").items():
            columns.append(terms.setdefault(term, len(terms)))
            counts.append(count)
        ends.append(len(columns))
    parts = (np.array(counts), np.array(columns), np.array(ends))
    found = sp.csr_array(parts, shape=(len(ids), len(terms)))
    found.sort_indices()
    return found


def tf_idf(corpus: Corpus) -> sp.csr_array:
    """Rows of (1 + log count) × log((n + 1) / (df + 1/2)), of length 1; n and df are of the known papers."""
    weight = np.log((corpus.known + 1) / (np.maximum(corpus.frequency(), 1) + 0.5)).clip(min=0)
    rows = corpus.counts.copy()
    rows.data = ((1 + np.log(rows.data)) * weight[rows.indices]).astype(np.float32)
    return unit(rows)


def unit(rows: sp.csr_array) -> sp.csr_array:
    """The same rows with length 1; empty ones stay."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    scale = 1 / np.where(length > 0, length, 1)
    return sp.csr_array(sp.diags_array(scale.astype(np.float32)) @ rows)
