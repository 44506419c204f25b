"""Sparse rows of words that outlast a morning: over a model's terms, and over terms it did not know."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp

from digest.ranking.linear import Floats
from digest.ranking.model import Ints

__all__ = ["Words", "matrix_of", "stacked"]


class Words(NamedTuple):
    """Rows of weighted words: ``ends``, ``columns`` and ``values`` as a CSR matrix over the model's terms has
    them, ``new`` are (row, term, value) of terms that the model does not know.
    """

    ends: Ints
    columns: Ints
    values: Floats
    new: tuple[tuple[int, str, float], ...] = ()

    @classmethod
    def of(cls, rows: sp.csr_array, known: int, new_terms: Sequence[str]) -> Self:
        """Take up rows whose columns from ``known`` on stand for ``new_terms``."""
        inside = rows.indices < known
        ends = np.concatenate([[0], np.cumsum(inside)])[rows.indptr].astype(np.int32)
        row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))[~inside].tolist()
        outside = zip(row, rows.indices[~inside].tolist(), rows.data[~inside].tolist(), strict=True)
        new = tuple((at, new_terms[column - known], value) for at, column, value in outside)
        return cls(ends, rows.indices[inside].astype(np.int32), rows.data[inside].astype(np.float32), new)

    def over(self, extra: Mapping[str, int]) -> "Words":
        """Return the rows with those new terms that ``extra`` has a column for; the others are dropped."""
        if not self.new:
            return self
        there = [(row, extra[term], value) for row, term, value in self.new if term in extra]
        if not there:
            return Words(self.ends, self.columns, self.values)
        row = np.array([row for row, _, _ in there])
        column = np.array([column for _, column, _ in there], dtype=np.int32)
        value = np.array([value for _, _, value in there], dtype=np.float32)
        at = self.ends[row + 1]
        more = np.bincount(row + 1, minlength=len(self.ends)).cumsum()
        return Words(
            (self.ends + more).astype(np.int32),
            np.insert(self.columns, at, column),
            np.insert(self.values, at, value),
        )


def stacked(words: Sequence[Words], extra: Mapping[str, int], columns: int) -> sp.csr_array:
    """Return rows, one of each, under one another, over ``columns`` columns; ``extra`` has those of new ones.

    New terms without a column are left out. Columns are in no order within a row.
    """
    placed = [one.over(extra) if one.new else one for one in words]
    values = np.concatenate([np.empty(0, np.float32), *(one.values for one in placed)])
    taken = np.concatenate([np.empty(0, np.int32), *(one.columns for one in placed)])
    ends = np.zeros(len(placed) + 1, dtype=np.int32)
    np.cumsum([len(one.values) for one in placed], out=ends[1:])
    return sp.csr_array((values, taken, ends), shape=(len(placed), columns))


def matrix_of(words: Words, extra: Mapping[str, int], columns: int) -> sp.csr_array:
    """Return all rows of one, as :func:`stacked` does."""
    placed = words.over(extra)
    return sp.csr_array((placed.values, placed.columns, placed.ends), shape=(len(placed.ends) - 1, columns))
