"""Vectors of words from the words they stand beside: what papers of different words have in common.

With B the presence of terms in papers and n the number of terms of each paper::

    C = B' diag(1/n) B                             how often two terms meet, each paper counting alike
    P = max(0, log(C_st / (c_s p_t)) - 1)          c: row sums of C, p: shares of c^0.75
    E = the right singular vectors of P

This is the shifted positive pointwise mutual information of Levy and Goldberg (2014), whose factors are what
word2vec approximates, with the context smoothing of Levy, Goldberg and Dagan (2015). Beside the latent space
it gave +.003 nDCG@20 on likes held out of the train rows of citeulike-t (five folds).
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.linear import Floats, decompose

__all__ = ["WordSpace", "word_space"]

# Terms in fewer papers meet others by chance, and fewer papers than that tell chance from habit badly: with
# 400 of them the vectors did harm.
LEAST_PAPERS, LEAST_TEXTS = 5, 3_000
MAX_TERMS = 8_000
SHIFT, SMOOTHING = 1.0, 0.75
ROUNDS = 2
ROWS_AT_ONCE = 64

Ints = NDArray[np.int32]


class WordSpace(NamedTuple):
    """``terms`` (columns, ascending) and their vectors (terms × k)."""

    terms: Ints
    vectors: Floats


def word_space(rows: sp.csr_array, size: int) -> WordSpace:
    """Return vectors of at most ``size`` dimensions for the terms of papers (rows: papers × terms).

    None with fewer than 3,000 papers. Memory: what pairs of at most 8,000 terms say, a block at a time.
    """
    nothing = WordSpace(np.zeros(0, np.int32), np.zeros((0, 0), np.float32))
    if rows.shape[0] < LEAST_TEXTS:
        return nothing
    frequency = np.bincount(rows.indices, minlength=rows.shape[1])
    often = np.argsort(-frequency, kind="stable")[:MAX_TERMS]
    terms = np.sort(often[frequency[often] >= LEAST_PAPERS]).astype(np.int32)
    if len(terms) < 2:
        return nothing
    pairs = _pairs(_presence(rows, terms))
    # Fewer terms have fewer habits: a vector for each of them would be none of its own.
    _, vectors = decompose(pairs, min(size, max(len(terms) // 16, 8)), rounds=ROUNDS)
    return WordSpace(terms, vectors)


def _presence(rows: sp.csr_array, terms: Ints) -> sp.csr_array:
    """Return 1/√n wherever a paper has a term (papers × terms)."""
    place = np.full(rows.shape[1], -1, dtype=np.int32)
    place[terms] = np.arange(len(terms), dtype=np.int32)
    found = place[rows.indices]
    inside = found >= 0
    ends = np.concatenate([[0], np.cumsum(inside)])[rows.indptr].astype(np.int32)
    sizes = np.diff(ends)
    weight = 1 / np.sqrt(np.maximum(sizes, 1))
    values = np.repeat(weight, sizes).astype(np.float32)
    return sp.csr_array((values, found[inside], ends), shape=(rows.shape[0], len(terms)))


def _pairs(presence: sp.csr_array) -> sp.csr_array:
    """Return the shifted positive pointwise mutual information of all pairs of terms (terms × terms)."""
    turned = presence.T.tocsr()
    total = np.asarray(turned @ (presence @ np.ones(presence.shape[1], np.float32)), dtype=np.float32)
    shares = total**SMOOTHING
    shares /= shares.sum()
    values, columns, sizes = [], [], [np.zeros(1, np.int64)]
    for first in range(0, turned.shape[0], ROWS_AT_ONCE):
        block = sp.csr_array(turned[first : first + ROWS_AT_ONCE] @ presence)
        row = np.repeat(total[first : first + ROWS_AT_ONCE], np.diff(block.indptr))
        block.data /= row
        block.data /= shares[block.indices]
        np.log(block.data, out=block.data)
        block.data = np.maximum(block.data - np.float32(SHIFT), 0)
        block.eliminate_zeros()
        values.append(block.data)
        columns.append(block.indices)
        sizes.append(np.diff(block.indptr))
    data = np.concatenate(values)
    values.clear()  # one after the other: there is never all of it twice
    parts = (data, np.concatenate(columns), np.concatenate(sizes).cumsum())
    return sp.csr_array(parts, shape=(len(total), len(total)))
