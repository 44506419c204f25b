"""A paper as term counts: its fields, each with its weight, in one row."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from digest.ranking.terms import feature_counts

__all__ = ["TITLE_WEIGHT", "Counted", "Text", "category_term", "count_rows", "is_word", "paper_counts"]

TITLE_WEIGHT = 3
_CATEGORY = "category:"
# Counts are kept in a byte: a word more frequent than that says nothing more.
MOST = 255


class Text(Protocol):
    """What is read of a paper: a candidate's or an example's fields."""

    @property
    def title(self) -> str: ...  # noqa: D102

    @property
    def abstract(self) -> str: ...  # noqa: D102

    @property
    def keywords(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def categories(self) -> Sequence[str]: ...  # noqa: D102


def category_term(category: str) -> str:
    """Return the term that stands for a category; no word of a text is like it."""
    return f"{_CATEGORY}{category.strip().casefold()}"


def is_word(term: str) -> bool:
    """Return whether a term is of a text, and not a category's."""
    return not term.startswith(_CATEGORY)


def paper_counts(paper: Text) -> Counter[str]:
    """Return the counts of a paper's telling terms and categories, those of the title counted three times."""
    counts = feature_counts(" \n ".join((paper.abstract, *paper.keywords)))
    for term, count in feature_counts(paper.title).items():
        counts[term] += TITLE_WEIGHT * count
    for category in paper.categories:
        if category.strip():
            counts[category_term(category)] = 1
    return counts


class Counted:
    """Counts of some papers as a matrix; terms that are not ``known`` get columns behind them."""

    def __init__(self, rows: sp.csr_array, extra: Mapping[str, int]) -> None:
        self.rows = rows
        self.extra = extra


def count_rows(papers: Iterable[Text], known: Mapping[str, int], *, with_extra: bool = False) -> Counted:
    """Count the papers' terms: a row each, columns ascending.

    Terms that are not known are left out, or get new columns in alphabetical order (``with_extra``).
    """
    all_counts = [paper_counts(paper) for paper in papers]
    extra: dict[str, int] = {}
    if with_extra:
        unknown = sorted({term for counts in all_counts for term in counts if term not in known})
        extra = {term: len(known) + place for place, term in enumerate(unknown)}
    ends, columns, counted = array("i", [0]), array("i"), array("B")
    for counts in all_counts:
        places = ((known.get(term, extra.get(term)), count) for term, count in counts.items())
        found = sorted((column, min(count, MOST)) for column, count in places if column is not None)
        columns.extend([column for column, _ in found])
        counted.extend([count for _, count in found])
        ends.append(len(columns))
    parts = (
        np.array(counted, dtype=np.float32),
        np.array(columns, dtype=np.int32),
        np.array(ends, dtype=np.int32),
    )
    return Counted(sp.csr_array(parts, shape=(len(ends) - 1, len(known) + len(extra))), extra)
