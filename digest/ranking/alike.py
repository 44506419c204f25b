"""Which candidates say the same: near-duplicates, and how much two papers have in common."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.linear import Floats
from digest.ranking.model import Ints
from digest.ranking.terms import tokenise
from digest.types import Candidate

__all__ = ["Likeness", "title_key", "title_number"]

# Two papers are one where their titles share so many of their words, or their texts are so close (cosine).
SAME_TITLE, SAME_TEXT = 0.9, 0.9
# Of shorter texts (in different terms), such as titles alone, a likeness says little.
LEAST_TERMS = 20
# Texts that close are at least that close in the latent space, where looking is cheap.
NEARBY = 0.85
# So many candidates have all their likenesses kept (36 MB); of more, those needed are computed.
KEPT = 3_000
ROWS_AT_ONCE = 1_024
SAMPLE = 128


def title_key(title: str) -> str:
    """Return what titles are compared by: their terms in order."""
    return " ".join(token.term for token in tokenise(title) if token.width == 1)


def title_number(title: str) -> int:
    """Return a number that equal titles share, to hold many in little memory."""
    key = title_key(title) or title
    return int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=7).digest())


@dataclass(frozen=True, eq=False, slots=True)
class Likeness:
    """``group`` gives near-duplicates one number; ``matrix`` are the TF-IDF rows, ``all`` their cosines if
    there are few. ``sample`` are rows spread evenly over the candidates, ``squares`` the squared cosines of
    those with all (sample × candidates).
    """

    group: Ints
    matrix: sp.csr_array
    all: Floats | None
    sample: Ints
    squares: Floats

    @classmethod
    def of(cls, candidates: Sequence[Candidate], matrix: sp.csr_array, latent: Floats) -> "Likeness":
        """Find near-duplicates by titles and by texts; who is like the same paper is of one group."""
        every = (matrix @ matrix.T).toarray() if len(candidates) <= KEPT else None
        leaders = list(range(len(candidates)))
        long = np.diff(matrix.indptr) >= LEAST_TERMS
        texts = [pair for pair in _same_texts(matrix, latent, every) if long[pair[0]] and long[pair[1]]]
        for one, two in (*_same_titles(candidates), *texts):
            first, second = sorted((_leader(leaders, one), _leader(leaders, two)))
            leaders[second] = first
        group = np.array([_leader(leaders, row) for row in range(len(leaders))], dtype=np.int32)
        sample = np.unique(np.linspace(0, max(len(candidates) - 1, 0), SAMPLE).astype(np.int32))
        sample = sample[: len(candidates)]
        close = (matrix[sample] @ matrix.T).toarray() if every is None else every[sample]
        return cls(group, matrix, every, sample, np.square(close))

    def pairs(self, one: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
        """Return the cosines of texts: of each candidate of ``one`` (n) with those of ``others`` (n × m)."""
        if self.all is not None:
            return self.all.reshape(-1).take((one * len(self.all))[:, None] + others)
        return np.stack([self.to(int(row), each) for row, each in zip(one, others, strict=True)])

    def to(self, row: int, others: NDArray[np.int64]) -> Floats:
        """Return the cosines of one candidate's text with those of others."""
        if self.all is not None:
            return np.asarray(self.all[row, others])
        return np.asarray((self.matrix[others] @ self.matrix[[row]].T).toarray()[:, 0], dtype=np.float32)


def _leader(leaders: list[int], row: int) -> int:
    while leaders[row] != row:
        leaders[row] = leaders[leaders[row]]
        row = leaders[row]
    return row


def _same_titles(candidates: Sequence[Candidate]) -> list[tuple[int, int]]:
    """Return pairs of candidates whose titles are nearly equal as sets of words.

    Sets with a share of 0.9 in common share one of the rarest words of either ("prefix filtering",
    Chaudhuri, Ganti and Kaushik 2006), so only those are held against each other.
    """
    sets = [frozenset(title_key(one.title).split()) for one in candidates]
    frequency = Counter(term for each in sets for term in each)
    by_term: dict[str, list[int]] = defaultdict(list)
    pairs: list[tuple[int, int]] = []
    for row, title in enumerate(sets):
        rarest = sorted(title, key=lambda term: (frequency[term], term))
        near: dict[int, None] = {}
        for term in rarest[: len(title) - ceil(SAME_TITLE * len(title)) + 1]:
            near.update(dict.fromkeys(by_term[term]))
            by_term[term].append(row)
        pairs.extend((one, row) for one in near if _is_same(title, sets[one]))
    return pairs


def _is_same(one: frozenset[str], two: frozenset[str]) -> bool:
    return len(one & two) >= SAME_TITLE * len(one | two)


def _same_texts(matrix: sp.csr_array, latent: Floats, every: Floats | None) -> list[tuple[int, int]]:
    if every is not None:
        return _pairs(every, SAME_TEXT)
    pairs: list[tuple[int, int]] = []
    for first in range(0, latent.shape[0], ROWS_AT_ONCE):
        near = _pairs(latent[first : first + ROWS_AT_ONCE] @ latent.T, NEARBY, first)
        if near:
            one, two = (np.array(each, dtype=np.int32) for each in zip(*near, strict=True))
            close = np.asarray(matrix[one].multiply(matrix[two]).sum(axis=1)).ravel()
            pairs.extend(pair for pair, value in zip(near, close, strict=True) if value >= SAME_TEXT)
    return pairs


def _pairs(similar: NDArray[np.float32], least: float, first: int = 0) -> list[tuple[int, int]]:
    rows, columns = np.nonzero(similar >= least)
    rows = rows + first
    later = columns > rows
    return list(zip(rows[later].tolist(), columns[later].tolist(), strict=True))
