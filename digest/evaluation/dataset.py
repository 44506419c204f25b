"""What is evaluated: known papers, new ones, and who liked which.

Holds the texts of new papers only; those of the known ones are read anew by whoever needs them, so memory
grows with the number of candidates and of likes, not with the length of what is stored.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from digest.types import Candidate

__all__ = ["Dataset", "Known", "Rows"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Lists of whole numbers, one after the other: list ``n`` is ``values[ends[n]:ends[n + 1]]``."""

    ends: Ints
    values: NDArray[np.int32]

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Self:
        """The same lists, close together."""
        ends = np.cumsum([0, *(len(each) for each in lists)], dtype=np.int64)
        return cls(ends, np.array([value for each in lists for value in each], dtype=np.int32))

    @classmethod
    def grouped(cls, owner: Ints, values: NDArray[np.int32], lists: int) -> Self:
        """One list for each owner from 0 to ``lists - 1``, each in the order given."""
        order = np.argsort(owner, kind="stable")
        ends = np.searchsorted(owner[order], np.arange(lists + 1))
        return cls(ends.astype(np.int64), values[order])

    @classmethod
    def empty(cls, lists: int) -> Self:
        """So many lists with nothing in them."""
        return cls(np.zeros(lists + 1, dtype=np.int64), np.empty(0, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, number: int) -> NDArray[np.int32]:
        return self.values[self.ends[number] : self.ends[number + 1]]

    def owners(self) -> Ints:
        """Which list each value is in."""
        return np.repeat(np.arange(len(self)), np.diff(self.ends))


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """The known papers, as often as they are asked for; each time they are read anew."""

    read: Callable[[], Iterator[Candidate]]

    def __iter__(self) -> Iterator[Candidate]:
        return self.read()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Who liked what before, and what they liked among the papers that are new.

    ``candidates`` are the new papers, ids ascending: a *row* is a paper's place here, and of equals the
    first comes first. ``known`` gives all others, any number of times. ``names`` are all readers in
    alphabetical order; ``liked`` and ``disliked`` have a list of paper ids for each, oldest first.
    ``ranked`` are the readers to be ranked (places in ``names``, ascending), ``relevant`` the rows each of
    them liked. ``judged`` has every paper that a ranked reader liked or disliked, by its id.
    ``labels`` are the candidates' names outside, one a row.
    """

    candidates: tuple[Candidate, ...]
    known: Iterable[Candidate]
    judged: Mapping[int, Candidate]
    names: Sequence[str]
    liked: Rows
    ranked: Ints
    relevant: Rows
    disliked: Rows
    labels: Sequence[str] = ()

    def rows_of(self, papers: NDArray[np.int32]) -> Ints:
        """The rows of those papers that are candidates."""
        if not len(papers):
            return np.empty(0, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.ids, papers), len(self.ids) - 1)
        return np.asarray(at[self.ids[at] == papers])

    @cached_property
    def ids(self) -> Ints:
        """The candidates' ids, ascending."""
        return np.array([one.paper_id for one in self.candidates], dtype=np.int64)

    def said_of(self, reader: int) -> NDArray[np.int32]:
        """All that a reader said something of before."""
        return np.concatenate([self.liked[reader], self.disliked[reader]])

    def pairs(self) -> Iterator[tuple[int, int]]:
        """All likes of known papers as (reader, paper id), reader after reader."""
        owners = self.liked.owners()
        is_new = np.isin(self.liked.values, self.ids)
        for reader, paper in zip(owners[~is_new], self.liked.values[~is_new], strict=True):
            yield int(reader), int(paper)
