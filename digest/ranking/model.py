"""What the ranking knows of the stored papers as a whole, and of all readers' likes.

A model is fitted on all stored papers in one pass and bounded memory (:mod:`digest.ranking.fitting`) and
saved for the next mornings. With ``n`` texts, ``df`` of them with a term, and ``count`` weighted by field::

    x      = unit((1 + log count) × idf)          idf = log((n + 1) / (df + 0.5))^p, p 1 to 1.5
    z      = unit(x V)                            V: the 128 largest right singular vectors of the known x
    e      = unit(x E)                            E: vectors of words (:mod:`digest.ranking.word_space`)
    sigma² = Σ_k (s_k²/n) (v_k·x)² + Σ_t D_t x_t²    the mean square similarity of x to the known papers,
                                                  from their singular values s and what these leave over, D
    f      = a paper's place among the readers' likes (factors), carried to a new paper by its words
    m      = a text model's row of a paper        only with one (:mod:`digest.ranking.encoding`)

Dividing a similarity by ``sigma`` keeps papers that are similar to everything from being recommended to
everybody ("hubness"). It is the largest single gain on likes held out of the train rows of citeulike-t.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.encoding import Encoder, View
from digest.ranking.features import Text, count_rows
from digest.ranking.linear import Floats, product, scaled, unit_rows, unit_sparse

__all__ = ["IDF_POWER", "Fitted", "Model", "Paper", "Shared", "idf_of", "idf_power", "weigh"]

# Chosen on held-out train rows of citeulike-t (1,974 readers, nDCG@20): power 1 .213, 1.5 .215, 2 .213;
# raw counts and no counts at all are worse than 1 + log(count). Of few texts, how rare a word is says less:
# with 400 papers power 1 is better, on libraries of citeulike-t (AUC .839, with 1.5 .833) and on saved pages.
IDF_POWER, IDF_POWER_FEW, MANY_TEXTS = 1.5, 1.0, 5_000
# Liked papers whose factors a new paper gets: by words, by vectors of words, and by the latent space, with
# the power that similarity has and the weight of each. Chosen on held-out train rows of citeulike-t: +.003
# over words alone, and flat around (powers 4 to 10, 25 to 100 papers, weights by half).
NEIGHBOURS = 50
BY_WORDS, BY_VECTORS, BY_LATENT = (2, 1.0), (6, 1.0), (6, 0.6)
# A background this small says little: scales count what is typical as so many texts more.
PRIOR_TEXTS = 20
# Typical deviation of a reader's scores where there is no background at all.
NO_BACKGROUND = 1.0
CARRIED_AT_ONCE = 512
# Papers of the background that show what is typical.
TYPICAL = slice(0, 200)

Ints = NDArray[np.int32]
Ids = NDArray[np.int64]


def idf_power(texts: int) -> float:
    """Return the power of idf: 1 with few texts, 1.5 from 5,000 on."""
    return IDF_POWER_FEW + (IDF_POWER - IDF_POWER_FEW) * min(texts / MANY_TEXTS, 1)


def idf_of(frequency: Ints, texts: int) -> Floats:
    """Return the weight of terms found in ``frequency`` of ``texts`` texts: log((n+1)/(df+0.5)) to a power
    (see :func:`idf_power`).

    A term seen once weighs as one seen twice: it may be a slip of the pen.
    """
    counted = np.minimum(np.maximum(frequency, 2), max(texts, 2))
    return np.asarray(np.log((max(texts, 2) + 1) / (counted + 0.5)) ** idf_power(texts), dtype=np.float32)


def weigh(counts: sp.csr_array, idf: Floats) -> sp.csr_array:
    """Turn rows of term counts into TF-IDF rows of length 1, in place: (1 + log count) × idf, normalised.

    Rows without any weight stay zero.
    """
    np.log(counts.data, out=counts.data)
    counts.data += 1.0
    for first in range(0, counts.nnz, 1 << 20):  # in slices: no second array as large as the matrix
        part = slice(first, first + (1 << 20))
        counts.data[part] *= idf[counts.indices[part]]
    return unit_sparse(counts)


@dataclass(frozen=True, eq=False, slots=True)
class Shared:
    """What many readers' likes say of papers.

    ``ids`` are the liked papers, ascending; ``words`` their TF-IDF rows over sigma (papers × terms);
    ``topics`` their rows of latent space and vectors of words (papers × k), ``factors`` of what readers like
    (papers × f), each of length 1. ``share`` is the part of all likes that another reader shares.
    ``background`` holds the factors of the model's background papers.
    """

    ids: Ids
    words: sp.csr_array
    topics: NDArray[np.float16]
    factors: Floats
    share: float
    background: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """The arrays of a model, as they are stored.

    ``terms`` are in alphabetical order, ``frequency`` holds the number of texts of each, of ``texts`` in
    all. ``columns`` are the terms of the spaces (ascending), ``basis`` the singular vectors (columns × 128),
    ``energy`` s²/n of each, ``rest`` the mean square of each term that the basis leaves over, ``floor`` the
    least sigma. ``vectors`` are those of words (columns × 128). ``background`` are term counts of a small
    sample of the papers, ``background_ids`` their ids. ``names`` are numbers of the authors' names that many
    papers have (ascending, see :func:`digest.ranking.authors.name_number`), ``name_counts`` how many.
    ``view`` is what a text model makes of the background.
    """

    terms: Mapping[str, int]
    frequency: Ints
    texts: int
    columns: Ints
    basis: Floats
    vectors: Floats
    energy: Floats
    rest: Floats
    floor: float
    background: sp.csr_array
    background_ids: Ids
    names: Ids
    name_counts: Ints
    shared: Shared | None = None
    view: View | None = None


class Paper(Text, Protocol):
    """A text that may be a stored paper."""

    @property
    def paper_id(self) -> int | None: ...  # noqa: D102


class Model:
    """A fitted model, ready for use. ``version`` names its content: equal models have equal versions.

    One with a view needs the ``encoder`` that made it (see :func:`digest.ranking.viewing.with_view`).
    """

    def __init__(self, fitted: Fitted, version: str, encoder: Encoder | None = None) -> None:
        if (None if fitted.view is None else fitted.view.name) != (None if encoder is None else encoder.name):
            raise ValueError("a model has a view where its encoder is there, and only there")
        self.fitted, self.version, self.encoder = fitted, version, encoder
        self.terms, self.texts = fitted.terms, fitted.texts
        self.idf_power = idf_power(fitted.texts)
        self.shared = fitted.shared
        unseen = idf_of(np.zeros(1, dtype=np.int32), fitted.texts)
        # One more weight at the end, for terms that the model does not know.
        self.idf = np.concatenate([idf_of(fitted.frequency, fitted.texts), unseen])
        self._place = np.full(len(fitted.terms) + 1, -1, dtype=np.int32)
        self._place[fitted.columns] = np.arange(len(fitted.columns), dtype=np.int32)
        self._rest = np.append(fitted.rest, np.float32(0))
        self._spaces = np.ascontiguousarray(np.hstack([fitted.basis, fitted.vectors]))

    @property
    def spaces(self) -> tuple[slice, ...]:
        """Where the parts of a dense row stand: latent space, vectors of words, factors; any may be empty.

        With a text model its rows come last.
        """
        latent = self.fitted.basis.shape[1]
        words = latent + self.fitted.vectors.shape[1]
        factors = words + (0 if self.shared is None else self.shared.factors.shape[1])
        found = slice(0, latent), slice(latent, words), slice(words, factors)
        view = self.fitted.view
        return found if view is None else (*found, slice(factors, factors + view.size))

    @property
    def topic_size(self) -> int:
        """How many dimensions latent space and vectors of words have: none where nothing was fitted."""
        return int(self.spaces[1].stop)

    @property
    def topics(self) -> int:
        """How many spaces tell topics: 0 to 2. So much is the squared length of a paper's row in them."""
        return sum(space.stop > space.start for space in self.spaces[:2])

    def papers_by(self, name: int) -> int:
        """Return how many stored papers have an author of that name, 0 where these are few."""
        at = int(np.searchsorted(self.fitted.names, name))
        found = at < len(self.fitted.names) and self.fitted.names[at] == name
        return int(self.fitted.name_counts[at]) if found else 0

    def weighed(self, counts: sp.csr_array) -> sp.csr_array:
        """Turn counts (columns: the model's terms, then any others) into TF-IDF rows, in place."""
        more = counts.shape[1] - len(self.terms)
        return weigh(counts, np.concatenate([self.idf[:-1], np.repeat(self.idf[-1:], max(more, 0))]))

    def projected(self, x: sp.csr_array) -> Floats:
        """Return x in both spaces, without slicing it: terms outside them have no row."""
        place = self._place[np.minimum(x.indices, len(self.terms))]
        inside = place >= 0
        ends = np.concatenate([[0], np.cumsum(inside)])[x.indptr]
        some = sp.csr_array(
            (x.data[inside], place[inside], ends), shape=(x.shape[0], len(self.fitted.columns))
        )
        return np.asarray(some @ self._spaces, dtype=np.float32)

    def sigma(self, x: sp.csr_array, projected: Floats) -> Floats:
        """Return the root mean square similarity of each row to the known papers; 1 where none are known."""
        if not self.fitted.floor:
            return np.ones(x.shape[0], dtype=np.float32)
        rest = self._rest[np.minimum(x.indices, len(self.terms))] * np.square(x.data)
        alone = sp.csr_array((rest, x.indices, x.indptr), shape=x.shape).sum(axis=1)
        squares = np.square(projected[:, : len(self.fitted.energy)]) @ self.fitted.energy
        squares += np.asarray(alone).ravel()
        return np.asarray(np.maximum(np.sqrt(np.maximum(squares, 0)), self.fitted.floor), dtype=np.float32)

    def topic_rows(self, projected: Floats) -> Floats:
        """Return latent space and vectors of words side by side, each of length 1 (rows × topic size)."""
        return np.hstack([unit_rows(projected[:, space]) for space in self.spaces[:2]])

    def carried(self, x: sp.csr_array, topics: Floats, ids: Sequence[int | None]) -> Floats:
        """Return the factors of papers (rows × f): their own where readers liked them, else from the liked
        papers that are most like them.
        """
        shared = self.shared
        if shared is None:
            return np.zeros((x.shape[0], 0), dtype=np.float32)
        found = np.zeros((x.shape[0], shared.factors.shape[1]), dtype=np.float32)
        wanted = np.array([-1 if one is None else one for one in ids], dtype=np.int64)
        at = np.minimum(np.searchsorted(shared.ids, wanted), len(shared.ids) - 1)
        own = shared.ids[at] == wanted
        found[own] = shared.factors[at[own]]
        others = np.flatnonzero(~own)
        for first in range(0, len(others), CARRIED_AT_ONCE):
            some = others[first : first + CARRIED_AT_ONCE]
            found[some] = self._carry(x[some], topics[some])
        return found

    def _carry(self, x: sp.csr_array, topics: Floats) -> Floats:
        """Mix the factors of the liked papers nearest by words, by vectors of words and by latent space."""
        shared, (latent, words, _) = self.shared, self.spaces
        assert shared is not None  # noqa: S101 - only then there is something to carry
        columns = shared.words.shape[1]
        if x.shape[1] > columns:  # terms that the model does not know are in no liked paper
            x = x[:, :columns]
        mixed = _nearest((x @ shared.words.T).toarray(), BY_WORDS, shared.factors)
        mixed += _nearest(product(topics[:, latent], self._liked[:, latent].T), BY_LATENT, shared.factors)
        if words.stop > words.start:
            centred = unit_rows(topics[:, words] - self._middle)
            mixed += _nearest(product(centred, self._liked[:, words].T), BY_VECTORS, shared.factors)
        return unit_rows(mixed)

    @cached_property
    def _middle(self) -> Floats:
        """The mean vector of the liked papers: what all papers have in common."""
        assert self.shared is not None  # noqa: S101
        return np.asarray(self.shared.topics[:, self.spaces[1]].astype(np.float32).mean(axis=0))

    @cached_property
    def _liked(self) -> Floats:
        """The liked papers' topics, the vectors of words from their middle."""
        assert self.shared is not None  # noqa: S101
        rows = self.shared.topics.astype(np.float32)
        words = self.spaces[1]
        if words.stop > words.start:
            rows[:, words] = unit_rows(rows[:, words] - self._middle)
        return rows

    def dense(self, x: sp.csr_array, projected: Floats, papers: Sequence[Paper]) -> Floats:
        """Return topics, factors and the text model's rows of papers side by side, as ``spaces`` says."""
        topics = self.topic_rows(projected)
        found = [topics, self.carried(x, topics, [one.paper_id for one in papers])]
        if self.fitted.view is not None and self.encoder is not None:
            found.append(self.fitted.view.rows(self.encoder, papers))
        return np.hstack(found)

    def latent(self, papers: Sequence[Text]) -> Floats:
        """Return papers by their topics: papers × k, rows of length 1 (0 for one without known words)."""
        rows = self.topic_rows(self.projected(self.weighed(count_rows(papers, self.terms).rows)))
        return np.asarray(rows / np.sqrt(max(self.topics, 1)), dtype=np.float32)

    @cached_property
    def background(self) -> "Background":
        """The sample of known papers on which a reader's scores are standardised."""
        x = self.weighed(self.fitted.background.copy())
        projected = self.projected(x)
        sigma = self.sigma(x, projected)
        factors = np.zeros((x.shape[0], 0), np.float32) if self.shared is None else self.shared.background
        words = scaled(x.copy(), 1 / sigma)
        dense = np.hstack([self.topic_rows(projected), factors])
        if self.fitted.view is not None:
            dense = np.hstack([dense, self.fitted.view.background.astype(np.float32)])
        each = (
            (x[TYPICAL] @ words.T).toarray(),
            *(dense[TYPICAL, own] @ dense[:, own].T for own in self.spaces),
        )
        return Background(
            ids=self.fitted.background_ids,
            x=x,
            words=sp.csr_array(words.T),
            dense=dense,
            usual_sigma=float(sigma.mean()) if len(sigma) else 1.0,
            typical=tuple(_typical(one) for one in each),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Background:
    """A sample of the known papers: ``words`` (terms × papers) over sigma, ``dense`` as ``Model.dense`` is.

    ``typical`` has the usual standard deviation of one paper's similarity to the others by words and in each
    of the spaces; ``usual_sigma`` is the mean sigma.
    """

    ids: Ids
    x: sp.csr_array
    words: sp.csr_array
    dense: Floats
    usual_sigma: float
    typical: tuple[float, ...]


def _typical(similar: Floats) -> float:
    if similar.shape[1] < 3:
        return NO_BACKGROUND
    np.fill_diagonal(similar, np.nan)  # a paper is no measure of itself
    deviation = float(np.nanmean(np.nanstd(similar, axis=1)))
    return deviation if deviation > 0 else NO_BACKGROUND


def _nearest(similar: Floats, how: tuple[int, float], factors: Floats) -> Floats:
    """Return the weighted factors of the 50 most similar liked papers, of the length that ``how`` says."""
    power, weight = how
    most = min(NEIGHBOURS, similar.shape[1] - 1)
    least = -np.partition(-similar, most, axis=1)[:, most : most + 1]
    near = np.where(similar > np.maximum(least, 0), similar, 0) ** power
    return weight * unit_rows(np.asarray(sp.csr_array(near) @ factors, dtype=np.float32))
