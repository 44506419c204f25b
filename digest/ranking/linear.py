"""The linear algebra of the ranking: rows of unit length, a randomised singular value decomposition."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = [
    "Floats",
    "chosen_rows",
    "decompose",
    "places_of",
    "product",
    "product_into",
    "scaled",
    "strongest",
    "unit_rows",
    "unit_sparse",
]

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

OVERSAMPLED = 10
# Rows of one dense product. Always as many, the rest being zeros, so that a row's result is the same to the
# last bit whatever other rows are beside it.
AT_ONCE = 64


def unit_rows(rows: Floats) -> Floats:
    """Bring dense rows to length 1; rows without length stay zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 1e-6, length, 1), dtype=np.float32)


def unit_sparse(rows: sp.csr_array) -> sp.csr_array:
    """Bring sparse rows to length 1, in place; zero rows stay zero."""
    squares = np.zeros(rows.shape[0])
    filled = np.flatnonzero(np.diff(rows.indptr))
    if len(filled):
        squares[filled] = np.add.reduceat(np.square(rows.data, dtype=np.float64), rows.indptr[filled])
    return scaled(rows, 1 / np.sqrt(np.where(squares > 0, squares, 1)))


def scaled(rows: sp.csr_array, by: NDArray[np.floating]) -> sp.csr_array:
    """Multiply each sparse row by its factor, in place."""
    by = by.astype(np.float32)
    for first in range(0, rows.shape[0], 4096):  # in slices: no second array as large as the matrix
        last = min(first + 4096, rows.shape[0])
        part = slice(rows.indptr[first], rows.indptr[last])
        rows.data[part] *= np.repeat(by[first:last], np.diff(rows.indptr[first : last + 1]))
    return rows


def strongest(rows: sp.csr_array, most: int) -> sp.csr_array:
    """Keep the ``most`` largest entries of each row (ties: the lower column), columns ascending."""
    rows = rows.tocsr()
    sizes = np.diff(rows.indptr)
    if sizes.max(initial=0) <= most:
        return rows
    row = np.repeat(np.arange(rows.shape[0]), sizes)
    order = np.lexsort((rows.indices, -rows.data, row))
    place = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], sizes)
    kept = order[place < most]
    kept = kept[np.lexsort((rows.indices[kept], row[kept]))]
    ends = np.concatenate([[0], np.cumsum(np.minimum(sizes, most))]).astype(np.int32)
    return sp.csr_array((rows.data[kept], rows.indices[kept], ends), shape=rows.shape)


def chosen_rows(parts: list[tuple[Ints, Floats]], columns: int) -> sp.csr_array:
    """Return sparse rows, each given by its columns and values, as one matrix."""
    ends = np.cumsum([0, *(len(one) for one, _ in parts)], dtype=np.int32)
    which = np.concatenate([np.empty(0, np.int32), *(one for one, _ in parts)])
    values = np.concatenate([np.empty(0, np.float32), *(two for _, two in parts)])
    return sp.csr_array((values, which, ends), shape=(len(parts), columns))


def places_of(having: Sequence[int] | NDArray[np.integer], size: int) -> Ints:
    """Return for each of ``size`` numbers its place among those in ``having``, -1 for those that are not."""
    found = np.full(size, -1, dtype=np.int32)
    found[having] = np.arange(len(having), dtype=np.int32)
    return found


def product(left: Floats, right: Floats) -> Floats:
    """Return the dense product; a row of it does not depend on the other rows of ``left``."""
    rows = len(left)
    padded = np.zeros((-(-rows // AT_ONCE) * AT_ONCE, left.shape[1]), dtype=np.float32)
    padded[:rows] = left
    found = np.empty((len(padded), right.shape[1]), dtype=np.float32)
    for first in range(0, len(padded), AT_ONCE):
        np.matmul(padded[first : first + AT_ONCE], right, out=found[first : first + AT_ONCE])
    return found[:rows]


def product_into(into: Floats, left: sp.csr_array, right: sp.csr_array) -> None:
    """Add the sparse product ``left @ right`` to a dense, contiguous array."""
    found = left @ right
    place = np.repeat(np.arange(found.shape[0], dtype=np.int64) * into.shape[1], np.diff(found.indptr))
    into.reshape(-1)[place + found.indices] += found.data


def _orthonormal(block: Floats) -> Floats:
    """Make the columns orthonormal by the eigenvectors of the small product: two thin arrays, no copy."""
    values, vectors = np.linalg.eigh((block.T @ block).astype(np.float64))
    least = max(values[-1] * 1e-12, 1e-30)
    return np.asarray(block @ (vectors / np.sqrt(np.maximum(values, least))).astype(np.float32))


def decompose(rows: sp.csr_array, most: int, *, rounds: int = 3) -> tuple[Floats, Floats]:
    """Return the largest singular values and the right singular vectors (columns × k, k ≤ ``most``).

    Randomised with power iterations (Halko, Martinsson and Tropp 2011, algorithm 4.4): only blocks of
    (columns × k) and (rows × k) are dense. Exact on the smaller side where that is hardly larger than k.
    The same input gives the same vectors; each vector's largest entry is positive.
    """
    k = min(most, min(rows.shape) - 1)
    if k < 1 or not rows.nnz:
        return np.zeros(0, np.float32), np.zeros((rows.shape[1], 0), np.float32)
    if rows.shape[0] <= k + OVERSAMPLED:
        gram = (rows @ rows.T).toarray().astype(np.float64)
        values, left = np.linalg.eigh(gram)
        values, left = values[::-1][:k], left[:, ::-1][:, :k]
        good = values > 1e-6 * values[0]
        sizes = np.sqrt(values[good])
        return sizes.astype(np.float32), _signed(rows.T @ (left[:, good] / sizes).astype(np.float32))
    turned = rows.T  # a view: no second copy of the rows
    chance = np.random.default_rng(0)
    block = turned @ chance.standard_normal((rows.shape[0], k + OVERSAMPLED), dtype=np.float32)
    for _ in range(rounds):
        block = turned @ _orthonormal(rows @ _orthonormal(block))
    basis = _orthonormal(block)
    small = rows @ basis
    values, rotation = np.linalg.eigh((small.T @ small).astype(np.float64))
    values, rotation = values[::-1][:k], rotation[:, ::-1][:, :k]
    good = values > 1e-10 * max(values[0], 1e-30)
    sizes = np.sqrt(np.maximum(values[good], 0)).astype(np.float32)
    return sizes, _signed(basis @ rotation[:, good].astype(np.float32))


def _signed(vectors: Floats) -> Floats:
    at = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[at, np.arange(vectors.shape[1])])
    return np.ascontiguousarray(vectors * signs, dtype=np.float32)
