"""Fitting a model: one pass over the papers, then small dense blocks. Its memory is bounded."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.authors import name_number
from digest.ranking.features import MOST, paper_counts
from digest.ranking.linear import decompose, scaled, unit_rows
from digest.ranking.model import Fitted, Ids, Ints, Model, Shared
from digest.ranking.saving import version_of
from digest.ranking.word_space import word_space
from digest.types import Candidate

__all__ = ["BACKGROUND", "fit"]

# Beyond that the rarest terms are forgotten. They weigh like any term that the model does not know.
MAX_TERMS = 100_000
# Papers and terms that the latent space is made of, and papers kept with their readers' factors.
FIT_ROWS, LATENT_TERMS, MAX_LIKED = 20_000, 20_000, 30_000
LATENT, WORDS, FACTORS = 128, 128, 256
TEXTS_A_DIMENSION, LEAST_LATENT = 16, 8
BACKGROUND = 1_000
MAX_LIKES = 4_000_000
# So many readers a dimension: fewer readers tell fewer tastes apart.
READERS_A_FACTOR = 5
# Below that share of common likes, readers say nothing of one another.
LEAST_SHARE = 0.2
# Damping of readers with many likes, and of papers that many like.
READER_POWER, PAPER_POWER = -0.35, -0.15
FACTOR_ROUNDS = 6
FLOOR, LEAST_FLOOR = 0.02, 1e-9
# Names of authors that are counted at once, and from how many papers on one is kept.
MAX_NAMES, OFTEN = 100_000, 10

Kept = tuple[Ints, NDArray[np.uint8]]


class Likes(NamedTuple):
    """Pairs of reader and paper, each once."""

    readers: Ids
    papers: Ids


def fit(
    papers: Iterable[Candidate],
    likes: Iterable[tuple[int, int]] = (),
    *,
    max_terms: int = MAX_TERMS,
    sample: int = BACKGROUND,
    rows: int = FIT_ROWS,
) -> Model:
    """Fit a model on a stream of papers, each read once, and on pairs of (reader id, liked paper's id).

    The order of both does not matter while the papers hold fewer than ``2 × max_terms`` distinct terms.
    Beyond, the rarest are forgotten each time that bound is reached (ties: the alphabet), and so are names of
    authors beyond 200,000. The latent space
    sees at most ``rows`` papers and the background ``sample``, those with the smallest hashes. Likes of
    papers that do not come are left out; of more than 4 million, those of some readers are taken.
    """
    liked = _bounded(likes)
    wanted = _most_liked(liked)
    reader = _Reader(max_terms, rows, frozenset(wanted.tolist()))
    for paper in papers:
        reader.read(paper)
    return _fitted(reader, liked, sample)


def _fitted(reader: "_Reader", liked: Likes, sample: int) -> Model:
    terms, frequency, columns_of = reader.vocabulary()
    chosen, background = sorted(reader.sample()), sorted(reader.sample()[:sample])
    papers = [paper_id for paper_id in sorted(reader.liked) if paper_id in reader.kept]
    counts = _matrix(reader, papers, columns_of)
    of_background = _matrix(reader, background, columns_of)
    x = Model(_nothing(terms, frequency, reader.texts), "").weighed(_matrix(reader, chosen, columns_of))
    reader.kept.clear()
    fitted = _spaces(_nothing(terms, frequency, reader.texts), x)
    del x
    names, counted = reader.names()
    fitted = replace(
        fitted,
        background=of_background,
        background_ids=np.array(background, dtype=np.int64),
        names=names,
        name_counts=counted,
    )
    shared = _share(Model(fitted, ""), liked, np.array(papers, dtype=np.int64), counts)
    fitted = replace(fitted, shared=shared)
    return Model(fitted, version_of(fitted))


def _spaces(fitted: Fitted, x: sp.csr_array) -> Fitted:
    """Fit latent space, vectors of words and sigma to TF-IDF rows."""
    squares = np.bincount(x.indices, np.square(x.data, dtype=np.float64), minlength=x.shape[1])
    rest = squares / max(x.shape[0], 1)
    columns = np.sort(np.argsort(-rest, kind="stable")[:LATENT_TERMS]).astype(np.int32)
    words = word_space(x, WORDS)
    place = np.searchsorted(columns, words.terms)
    place[place == len(columns)] = 0
    there = columns[place] == words.terms if len(columns) else np.zeros(0, dtype=bool)
    vectors = np.zeros((len(columns), words.vectors.shape[1]), dtype=np.float32)
    vectors[place[there]] = words.vectors[there]
    few = x[:2000]
    some = x if len(columns) == x.shape[1] else sp.csr_array(x[:, columns])
    # A space with a dimension for every other paper holds those papers as they are, and new ones otherwise.
    sizes, basis = decompose(some, min(LATENT, max(x.shape[0] // TEXTS_A_DIMENSION, LEAST_LATENT)))
    energy = (np.square(sizes) / max(x.shape[0], 1)).astype(np.float32)
    rest[columns] -= np.square(basis) @ energy
    found = replace(
        fitted,
        columns=columns,
        basis=basis,
        vectors=vectors,
        energy=energy,
        rest=np.maximum(rest, 0).astype(np.float32),
        floor=LEAST_FLOOR,
    )
    return replace(found, floor=_floor(Model(found, ""), few))


def _nothing(terms: dict[str, int], frequency: Ints, texts: int) -> Fitted:
    """A model that knows frequencies only."""
    return Fitted(
        terms=terms,
        frequency=frequency,
        texts=texts,
        columns=np.zeros(0, np.int32),
        basis=np.zeros((0, 0), np.float32),
        vectors=np.zeros((0, 0), np.float32),
        energy=np.zeros(0, np.float32),
        rest=np.zeros(len(terms), np.float32),
        floor=0.0,
        background=sp.csr_array((0, len(terms)), dtype=np.float32),
        background_ids=np.zeros(0, np.int64),
        names=np.zeros(0, np.int64),
        name_counts=np.zeros(0, np.int32),
    )


def _floor(model: Model, x: sp.csr_array) -> float:
    """Return the least sigma: no paper is so unusual that a chance likeness would carry it to the top."""
    return float(np.median(model.sigma(x, model.projected(x))) * FLOOR) if x.shape[0] else 0.0


class _Reader:
    """Counts terms over the stream, and keeps the counts of a sample of papers and of those liked."""

    def __init__(self, max_terms: int, rows: int, liked: frozenset[int]) -> None:
        self.max_terms, self.rows, self.liked = max_terms, rows, liked
        self.texts = 0
        self.kept: dict[int, Kept] = {}
        self._numbers: dict[str, int] = {}
        self._frequency: Counter[int] = Counter()
        self._places: dict[int, int] = {}  # of the papers of the sample: their hashes
        self._names: Counter[int] = Counter()

    def read(self, paper: Candidate) -> None:
        """Take up a paper."""
        self.texts += 1
        counts = paper_counts(paper)
        numbers = self._numbers
        ids = [numbers.setdefault(term, len(numbers)) for term in counts]
        self._frequency.update(ids)
        if ids and paper.paper_id not in self.kept:
            values = np.minimum(np.fromiter(counts.values(), np.int64, len(ids)), MOST).astype(np.uint8)
            self.kept[paper.paper_id] = np.array(ids, dtype=np.int32), values
            self._places[paper.paper_id] = _place(paper)
        self._names.update({name_number(name) for name in paper.authors})
        if len(self._names) > 2 * MAX_NAMES:
            self._names = Counter(dict(sorted(self._names.items(), key=_most_frequent)[:MAX_NAMES]))
        if len(self._places) > self.rows + max(self.rows // 4, 16):
            self._cut()
        if len(numbers) > 2 * self.max_terms:
            self._forget()

    def _cut(self) -> None:
        stay = set(self.sample())
        for paper_id in [one for one in self._places if one not in stay]:
            del self._places[paper_id]
            if paper_id not in self.liked:
                del self.kept[paper_id]

    def sample(self) -> list[int]:
        """Return the ids of the papers with the smallest hashes, the smallest first."""
        return sorted(self._places, key=lambda one: (self._places[one], one))[: self.rows]

    def names(self) -> tuple[Ids, Ints]:
        """Return numbers of the authors' names that many papers have, ascending, and how many have each."""
        often = sorted((name, count) for name, count in self._names.items() if count >= OFTEN)
        found = np.array(often, dtype=np.int64).reshape(-1, 2)
        return found[:, 0].copy(), found[:, 1].astype(np.int32)

    def _forget(self) -> None:
        """Keep the most frequent terms, the alphabet deciding between equals."""
        frequency = self._frequency
        order = sorted(self._numbers, key=lambda term: (-frequency[self._numbers[term]], term))
        stay = order[: self.max_terms]
        new = {term: number for number, term in enumerate(stay)}
        moved = np.full(len(self._numbers), -1, dtype=np.int32)
        for term, number in new.items():
            moved[self._numbers[term]] = number
        self._frequency = Counter({new[term]: frequency[self._numbers[term]] for term in stay})
        self._numbers = new
        for paper_id, (ids, values) in self.kept.items():
            ids = moved[ids]
            self.kept[paper_id] = ids[ids >= 0], values[ids >= 0]

    def vocabulary(self) -> tuple[dict[str, int], Ints, Ints]:
        """Return the terms in alphabetical order, their frequencies, and the column of each number kept."""
        if len(self._numbers) > self.max_terms:
            self._forget()
        ordered = sorted(self._numbers)
        columns_of = np.zeros(len(ordered), dtype=np.int32)
        columns_of[[self._numbers[term] for term in ordered]] = np.arange(len(ordered), dtype=np.int32)
        frequency = np.array([self._frequency[self._numbers[term]] for term in ordered], dtype=np.int32)
        return {term: column for column, term in enumerate(ordered)}, frequency, columns_of


def _most_frequent(counted: tuple[int, int]) -> tuple[int, int]:
    name, count = counted
    return -count, name


def _place(paper: Candidate) -> int:
    text = f"{paper.paper_id}\n{paper.title}"
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _matrix(reader: _Reader, papers: list[int], columns_of: Ints) -> sp.csr_array:
    """Return the counts of papers that were kept."""
    kept = [reader.kept[paper_id] for paper_id in papers]
    ends = np.cumsum([0, *(len(ids) for ids, _ in kept)], dtype=np.int32)
    indices = np.empty(int(ends[-1]), dtype=np.int32)
    values = np.empty(int(ends[-1]), dtype=np.float32)
    for number, (ids, counts) in enumerate(kept):
        own = slice(int(ends[number]), int(ends[number + 1]))
        found = columns_of[ids]
        order = np.argsort(found)
        indices[own], values[own] = found[order], counts[order]
    return sp.csr_array((values, indices, ends), shape=(len(kept), len(columns_of)))


def _bounded(likes: Iterable[tuple[int, int]]) -> Likes:
    """Take up likes; where there are too many, those of readers with small hashes, whatever their order."""
    bits, pairs = 0, []
    for reader, paper in likes:
        if not bits or _chance(reader) >> (64 - bits) == 0:
            pairs.append((reader, paper))
        if len(pairs) > MAX_LIKES:
            bits += 1
            pairs = [pair for pair in pairs if _chance(pair[0]) >> (64 - bits) == 0]
    found = np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)
    return Likes(found[:, 0], found[:, 1])


def _chance(reader: int) -> int:
    return int.from_bytes(blake2b(str(reader).encode(), digest_size=8).digest())


def _most_liked(liked: Likes) -> Ids:
    papers, counts = np.unique(liked.papers, return_counts=True)
    return np.sort(papers[np.lexsort((papers, -counts))[:MAX_LIKED]])


def _share(model: Model, liked: Likes, ids: Ids, counts: sp.csr_array) -> Shared | None:
    """Factor the readers' likes, or return ``None`` where too few readers like the same papers."""
    there = np.isin(liked.papers, ids)
    readers, papers = liked.readers[there], liked.papers[there]
    if not len(readers):
        return None
    names, row = np.unique(readers, return_inverse=True)
    column = np.searchsorted(ids, papers)
    by_reader, by_paper = np.bincount(row), np.bincount(column, minlength=len(ids))
    share = float((by_paper[column] > 1).mean())
    size = min(FACTORS, len(names) // READERS_A_FACTOR)
    if share <= LEAST_SHARE or size < 1:
        return None
    damped = by_reader[row] ** READER_POWER * by_paper[column] ** PAPER_POWER
    table = sp.csr_array((damped.astype(np.float32), (row, column)), shape=(len(names), len(ids)))
    sizes, vectors = decompose(table, size, rounds=FACTOR_ROUNDS)
    x = model.weighed(counts)
    projected = model.projected(x)
    topics = model.topic_rows(projected)
    words = scaled(x, 1 / model.sigma(x, projected))
    factors = unit_rows(vectors * np.sqrt(sizes))
    nothing = np.zeros((0, factors.shape[1]), np.float32)
    found = Shared(ids, words, topics.astype(np.float16), factors, share, nothing)
    background = model.weighed(model.fitted.background.copy())
    own = model.topic_rows(model.projected(background))
    both = Model(replace(model.fitted, shared=found), "")
    carried = both.carried(background, own, model.fitted.background_ids.tolist())
    return replace(found, background=carried)
