"""The parts of a taste that keywords make: their words as a query, the keywords found, and the field of both.

What they are is in :mod:`digest.ranking.taste`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.asking import Asked
from digest.ranking.library import Library
from digest.ranking.linear import Floats, places_of, product, strongest, unit_rows
from digest.ranking.model import Ints
from digest.ranking.prepared import Prepared
from digest.ranking.words import stacked

__all__ = ["asked_parts"]

# Of words asked for, where a paper has one of several only.
LONELY = 0.5
# The field is made of so many papers at most; with few of them it counts less.
FIELD_PAPERS, FIELD_PRIOR, FIELD_MOST = 20, 3, 0.8
# A paper is wholly of the field at half the way from the middle of all candidates to that of the field.
FIELD_WHOLE = 0.5


def asked_parts(asked: Sequence[Asked | None], library: Library) -> tuple[sp.csr_array, sp.csr_array]:
    """Return the parts words and keywords (interests × candidates)."""
    prepared = library.prepared
    shape = (len(asked), len(prepared.candidates))
    having = [at for at, one in enumerate(asked) if one is not None]
    some = [one for one in asked if one is not None]
    if not some:
        return sp.csr_array(shape, dtype=np.float32), sp.csr_array(shape, dtype=np.float32)
    words, sought = _words(some, prepared), _Sought.of(some, library)
    keywords, field = sought.keywords(), sought.field(prepared)
    if field is not None:
        for part in (words, keywords):
            part.data *= field.at(part)
    return _spread(words, having, shape), _spread(keywords, having, shape)


def _spread(rows: sp.csr_array, places: Sequence[int], shape: tuple[int, int]) -> sp.csr_array:
    """Put sparse rows at their places among more rows."""
    sizes = np.zeros(shape[0], dtype=np.int32)
    sizes[places] = np.diff(rows.indptr)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return sp.csr_array((rows.data, rows.indices, ends), shape=shape)


def _words(asked: Sequence[Asked], prepared: Prepared) -> sp.csr_array:
    query = stacked([one.query for one in asked], prepared.index.extra, prepared.index.columns)
    found = sp.csr_array(query @ prepared.words)
    ones = sp.csr_array((np.ones_like(query.data), query.indices, query.indptr), shape=query.shape)
    count = ones @ prepared.there  # of the same structure, since no value of either is zero or less
    sizes = np.diff(found.indptr)
    usual = np.repeat(np.array([one.usual for one in asked], dtype=np.float32), sizes)
    several = np.repeat(np.array([len(one.terms) > 1 for one in asked]), sizes)
    similar = found.data * np.float32(prepared.model.background.usual_sigma)
    found.data = similar / (similar + usual)
    found.data[(count.data == 1) & several] *= LONELY
    return found


@dataclass(frozen=True, eq=False, slots=True)
class _Field:
    """How far candidates are of the fields of interests: ``close`` (fields × candidates) counts from
    ``middle`` to ``whole`` more; ``trusted`` says how much it counts at all. ``place`` has the field of each
    interest, the last of ``trusted`` is 0 and stands for none.
    """

    place: Ints
    close: Floats
    middle: Floats
    whole: Floats
    trusted: Floats

    def at(self, part: sp.csr_array) -> Floats:
        """Return from 0.2 to 1 for each value of a sparse part."""
        place = np.repeat(self.place, np.diff(part.indptr))
        close = self.close[place, part.indices]
        inside = np.clip((close - self.middle[place]) / self.whole[place], 0, 1)
        return np.asarray(1 - self.trusted[place] * (1 - inside), dtype=np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class _Sought:
    """The keywords of interests, by number, as rows of ``strength`` (numbers × candidates): one group of an
    interest after the other.
    """

    which: Ints
    weight: Floats
    groups: Sequence[int]  # how many keywords each group has
    owners: Sequence[int]  # how many groups each interest has
    strength: sp.csr_array

    @classmethod
    def of(cls, asked: Sequence[Asked], library: Library) -> Self:
        """Look up the keywords of interests."""
        which, strength = library.strengths([word for one in asked for group in one.groups for word in group])
        weight = [one.hits[word] for one in asked for group in one.groups for word in group]
        groups = [len(group) for one in asked for group in one.groups]
        owners = [len(one.groups) for one in asked]
        return cls(which, np.array(weight, dtype=np.float32), groups, owners, strength)

    def keywords(self) -> sp.csr_array:
        """Return the part of the keywords found, before the field counts."""
        ends = np.cumsum([0, *self.groups])[np.cumsum([0, *self.owners])]
        found = sp.csr_array(_rows(self.which, self.weight, ends, self.strength.shape[0]) @ self.strength)
        found.data = 1 - np.exp(-found.data)
        return found

    def field(self, prepared: Prepared) -> _Field | None:
        """Return how far each paper is of each interest's field; ``None`` if none has one.

        Where several keywords of an interest meet in one paper, that paper is of the field; how close others
        are to such papers in the latent space tells "search" in retrieval from "search" for architectures.
        Keywords that share words do not meet. Without such papers, or a latent space, all are of the field.
        """
        if not prepared.model.topic_size or len(self.groups) == len(self.owners) or not prepared.candidates:
            return None
        ones = np.ones_like(self.weight)
        ends = np.cumsum([0, *self.groups])
        each = sp.csr_array(_rows(self.which, ones, ends, self.strength.shape[0]) @ self.strength)
        numbers, ones = np.arange(len(self.groups), dtype=np.int32), ones[: len(self.groups)]
        own = _rows(numbers, ones, np.cumsum([0, *self.owners]), len(self.groups))
        meeting = sp.csr_array(own @ each)
        squares = own @ sp.csr_array((np.square(each.data), each.indices, each.indptr), shape=each.shape)
        meeting.data = np.sqrt(np.maximum(np.square(meeting.data) - squares.data, 0))
        meeting.data[meeting.data < 1e-3] = 0
        meeting.eliminate_zeros()
        if not meeting.nnz:
            return None
        meeting.sort_indices()
        return _closeness_to_field(strongest(meeting, FIELD_PAPERS), prepared)


def _rows(which: Ints, weight: Floats, ends: NDArray[np.int64], columns: int) -> sp.csr_array:
    return sp.csr_array((weight, which, ends.astype(np.int32)), shape=(len(ends) - 1, columns))


def _closeness_to_field(meeting: sp.csr_array, prepared: Prepared) -> _Field:
    every = np.diff(meeting.indptr)
    having = np.flatnonzero(every)
    papers = every[having]
    ends = np.concatenate([[0], np.cumsum(papers)]).astype(np.int32)
    field = sp.csr_array((meeting.data, meeting.indices, ends), shape=(len(having), meeting.shape[1]))
    common = unit_rows(np.asarray(field @ prepared.latent, dtype=np.float32))
    # What is made of other words is shorter there: it is of another field.
    close = product(common, prepared.topics)
    row = np.repeat(np.arange(len(having), dtype=np.int64), papers)
    own = np.bincount(row, close[row, field.indices], minlength=len(papers)) / papers
    # Where most candidates are of the field, their middle says nothing of what is not.
    middle = np.minimum((common * prepared.topics_middle).sum(axis=1), own / 2)
    whole = np.maximum(FIELD_WHOLE * (own - middle), 1e-6)
    trusted = FIELD_MOST * papers / (papers + FIELD_PRIOR)
    place = places_of(having, len(every))
    figures = (
        np.append(each, last).astype(np.float32) for each, last in ((middle, 0), (whole, 1), (trusted, 0))
    )
    return _Field(place, close, *figures)
