"""What scoring found of many interests: each one's taste for each candidate, and the parts it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.learning import Learned
from digest.ranking.linear import Floats
from digest.ranking.model import Ints
from digest.types import InterestSpec

__all__ = ["Tastes"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Tastes:
    """Tastes of several interests (``taste``: interests × candidates), and what they are made of.

    ``closeness`` has a row for each interest that likes papers, ``dense_closeness`` its part that is not by
    words; ``words``, ``keywords``, ``category`` and ``people`` are sparse parts of all interests, ``less``
    has rows of those that dislike some; ``row_of_*`` say which row is whose (-1: none). ``must[i]`` are the
    candidates that have a must-have keyword of interest ``i``, ``None`` where it has none. ``dense`` are
    their rows, turned: topics, then other readers' likes (``factors``), then what a text model makes of
    them, if there is one.
    """

    interests: Sequence[InterestSpec]
    learned: Sequence[Learned]
    taste: Floats
    closeness: Floats
    dense_closeness: Floats
    words: sp.csr_array
    keywords: sp.csr_array
    category: sp.csr_array
    people: sp.csr_array
    less: Floats
    row_of_liked: Ints
    row_of_less: Ints
    must: Sequence[Ints | None]
    dense: Floats
    factors: slice

    def parts(self, interest: Ints, row: Ints) -> dict[str, Doubles]:
        """Return the parts of some tastes by name, unrounded: each an array, for pairs of interest and row.

        How close a candidate is to the liked papers is told by words, topics and other readers, which add up
        to ``closeness``, and what is usual.
        """
        whole = (self.words, self.keywords, self.category, self.people)
        words, keywords, category, people = (_entries_at(each, interest, row) for each in whole)
        liked = self.row_of_liked[interest]
        dense = _at(self.dense_closeness, liked, row)
        readers = self._dense_part(self.factors, liked, row)
        view = slice(self.factors.stop, len(self.dense))
        meaning = self._dense_part(view, liked, row)
        usual = [1.0 if at < 0 or (one := self.learned[at].liked) is None else one.usual for at in interest]
        return {
            "words": words,
            "keywords": keywords,
            "category": category,
            "people": people,
            "similar_words": _at(self.closeness, liked, row) - dense,
            "similar_topic": dense - readers - meaning,
            "similar_readers": readers,
            **({"similar_meaning": meaning} if view.start < view.stop else {}),
            "usual": np.array(usual),
            "less": _at(self.less, self.row_of_less[interest], row),
        }

    def _dense_part(self, space: slice, liked: Ints, row: Ints) -> Doubles:
        """What one of the spaces adds to the closeness of candidates."""
        found = np.zeros(len(row))
        having = np.flatnonzero(liked >= 0)
        if len(having) and space.start < space.stop:
            own = [one.liked.dense[space] for one in self.learned if one.liked is not None]
            theirs = self.dense[space, row[having]].T
            found[having] = np.einsum("ij,ij->i", np.stack(own)[liked[having]], theirs)
        return found


def _at(parts: Floats, which: Ints, row: Ints) -> Doubles:
    """Return one value of each pair as float64; 0 where ``which`` is -1."""
    if not len(parts):
        return np.zeros(len(row))
    return np.where(which >= 0, parts[which, row], 0).astype(np.float64)


def _entries_at(part: sp.csr_array, which: Ints, row: Ints) -> Doubles:
    return _at(part.toarray(), which, row) if part.nnz else np.zeros(len(row))
