"""What the ranking knows of the stored papers as a whole: which words are common, what is usual.

A model is fitted over all stored texts in one pass and bounded memory, and saved for the next morning.
It holds no matrix of the papers: a vocabulary with document frequencies, and a small sample of texts
(the background) that tells how similar any paper is to any other.
"""

import heapq
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.errors import StorageError
from digest.ranking.terms import feature_counts

__all__ = ["IDF_POWER", "Model", "fit", "idf_of", "weigh"]

MAX_TERMS = 200_000
BACKGROUND = 1_000
FORMAT = 1
# Chosen on held-out train rows of citeulike-t (1,974 readers, nDCG@20): power 1 .213, 1.5 .215, 2 .213;
# raw counts and no counts at all are worse than 1 + log(count).
IDF_POWER = 1.5


def idf_of(frequency: NDArray[np.int32], texts: int) -> NDArray[np.float32]:
    """Return the weight of terms found in ``frequency`` of ``texts`` texts: log((n+1)/(df+0.5))^1.5.

    A term seen once weighs as one seen twice: it may be a slip of the pen.
    """
    counted = np.minimum(np.maximum(frequency, 2), max(texts, 2))
    return np.asarray(np.log((max(texts, 2) + 1) / (counted + 0.5)) ** IDF_POWER, dtype=np.float32)


def weigh(counts: sp.csr_array, idf: NDArray[np.float32]) -> sp.csr_array:
    """Turn rows of term counts into TF-IDF rows of length 1, in place: (1 + log count) × idf, normalised.

    Rows without any weight stay zero.
    """
    np.log(counts.data, out=counts.data)
    counts.data += 1.0
    for first in range(0, counts.nnz, 1 << 20):  # in slices: no second array as large as the matrix
        part = slice(first, first + (1 << 20))
        counts.data[part] *= idf[counts.indices[part]]
    for row in range(counts.shape[0]):
        part = slice(counts.indptr[row], counts.indptr[row + 1])
        length = float(np.sqrt(np.square(counts.data[part], dtype=np.float64).sum()))
        if length > 0:
            counts.data[part] /= length
    return counts


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """Vocabulary, document frequencies and a background sample of the texts it was fitted on.

    ``terms`` maps each term to its column, in alphabetical order; ``frequency`` holds the number of
    texts per column; ``background`` holds term counts, one row per sampled text (at most 1,000).
    """

    terms: Mapping[str, int]
    frequency: NDArray[np.int32]
    texts: int
    background: sp.csr_array

    def save(self, path: Path | str) -> None:
        """Write the model to ``path``, whole or not at all; equal models give equal bytes."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, **self._arrays())
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _arrays(self) -> dict[str, Any]:
        words = "\n".join(self.terms).encode("utf-8", "surrogatepass")
        return {
            "format": np.array([FORMAT, self.texts], dtype=np.int64),
            "terms": np.frombuffer(words, dtype=np.uint8),
            "frequency": self.frequency,
            "indptr": self.background.indptr.astype(np.int32),
            "indices": self.background.indices.astype(np.int32),
            "counts": self.background.data.astype(np.float32),
        }

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a saved model.

        Raises ``FileNotFoundError`` where there is none and :class:`StorageError` for a file that is no
        model or one of another version; both mean: fit again.
        """
        try:
            with Path(path).open("rb") as file:
                archive = np.load(file, allow_pickle=False)
                # A lone array is no archive, and has none of the names.
                files = archive.files if isinstance(archive, np.lib.npyio.NpzFile) else ()
                return cls._from({name: archive[name] for name in files})
        except (ValueError, KeyError, IndexError, EOFError, BadZipFile, UnicodeDecodeError) as error:
            raise StorageError(f"the ranking model in {path} cannot be read: {error}") from error

    @classmethod
    def _from(cls, arrays: Mapping[str, Any]) -> Self:
        version, texts = (int(number) for number in arrays["format"])
        if version != FORMAT:
            raise ValueError(f"it has format {version}, not {FORMAT}")
        words = arrays["terms"].tobytes().decode("utf-8", "surrogatepass")
        terms = {term: column for column, term in enumerate(words.split("\n") if words else ())}
        frequency, indptr = arrays["frequency"], arrays["indptr"]
        if len(terms) != len(frequency) or texts < 0:
            raise ValueError("its parts do not fit together")
        shape = (len(indptr) - 1, len(terms))
        background = sp.csr_array((arrays["counts"], arrays["indices"], indptr), shape=shape)
        background.check_format(full_check=True)
        return cls(terms, frequency, texts, background)


def fit(texts: Iterable[str], *, max_terms: int = MAX_TERMS, sample: int = BACKGROUND) -> Model:
    """Fit a model on a stream of texts (title and abstract together), each read once.

    Exact and independent of their order while they hold fewer than ``2 × max_terms`` distinct terms.
    Beyond, the rarest are forgotten each time that bound is reached (ties: the alphabet), so memory does
    not grow with the number of texts. The sample is the texts with the smallest hashes.
    """
    frequency: Counter[str] = Counter()
    heap: list[tuple[int, int, Counter[str]]] = []
    number = 0
    for number, text in enumerate(texts, 1):
        counts = feature_counts(text)
        frequency.update(counts.keys())
        if len(frequency) > 2 * max_terms:
            frequency = _most_frequent(frequency, max_terms)
        if counts:
            place = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
            item = (-place, number, counts)
            if len(heap) < sample:
                heapq.heappush(heap, item)
            elif item > heap[0]:
                heapq.heapreplace(heap, item)
    kept = sorted(_most_frequent(frequency, max_terms))
    terms = {term: column for column, term in enumerate(kept)}
    found = np.array([frequency[term] for term in kept], dtype=np.int32)
    ordered = sorted(heap, key=lambda item: (-item[0], item[1]))
    return Model(terms, found, number, _rows([counts for _, _, counts in ordered], terms))


def _most_frequent(frequency: Counter[str], most: int) -> Counter[str]:
    """Keep the ``most`` most frequent terms, the alphabet deciding between equals."""
    if len(frequency) <= most:
        return frequency
    room = most
    for value, number in sorted(Counter(frequency.values()).items(), reverse=True):
        if number > room:
            edge = set(sorted(term for term, count in frequency.items() if count == value)[:room])
            return Counter({t: c for t, c in frequency.items() if c > value or (c == value and t in edge)})
        room -= number
    return frequency


def _rows(counted: list[Counter[str]], terms: Mapping[str, int]) -> sp.csr_array:
    indptr, indices, counts = [0], [], []
    for row in counted:
        known = sorted((terms[term], count) for term, count in row.items() if term in terms)
        indices.extend([column for column, _ in known])
        counts.extend([float(count) for _, count in known])
        indptr.append(len(indices))
    parts = (np.array(counts, np.float32), np.array(indices, np.int32), np.array(indptr, np.int32))
    return sp.csr_array(parts, shape=(len(counted), len(terms)))
