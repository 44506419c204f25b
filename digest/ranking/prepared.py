"""The candidates of one morning, made ready once for all readers."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.ranking.alike import Likeness, title_number
from digest.ranking.authors import AuthorIndex, index_authors
from digest.ranking.features import MOST, category_term
from digest.ranking.index import IndexBuilder, TermIndex
from digest.ranking.linear import Floats, scaled
from digest.ranking.model import Model
from digest.ranking.trend import Trend, measure_trend
from digest.ranking.usual import UsualGrowth
from digest.types import Candidate, Sighting

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """Candidates as arrays. A *row* is a candidate's place among all, ascending by paper id.

    ``ids`` are theirs. ``matrix`` holds a TF-IDF row of length 1 per candidate; its columns are those of
    ``index``. ``words`` is the same over each candidate's sigma, turned (terms × candidates); ``there`` has
    a 1 wherever ``words`` has a value. ``dense`` are the rows of ``Model.dense``, turned (size × candidates);
    ``latent`` are the first k of each (candidates × k), ``topics`` the same, turned, and shorter for those
    that it holds little of (k × candidates); ``topics_middle`` is their mean (k).
    ``same_title`` gives candidates of one title one place, that of its number in ``titles``.
    """

    now: datetime
    model: Model
    candidates: tuple[Candidate, ...]
    rows: Mapping[int, int]
    ids: NDArray[np.int64]
    index: TermIndex
    matrix: sp.csr_array
    sigma: Floats
    words: sp.csr_array
    there: sp.csr_array
    dense: Floats
    latent: Floats
    topics: Floats
    topics_middle: Floats
    authors: AuthorIndex
    categories: Mapping[str, NDArray[np.int32]]
    same_title: NDArray[np.int32]
    titles: NDArray[np.int64]
    alike: Likeness
    trend: Trend


def prepare(
    papers: Sequence[Candidate],
    observations: Iterable[Sighting],
    model: Model,
    now: datetime,
    usual: UsualGrowth | None = None,
) -> Prepared:
    """Make the candidates ready for any number of readers; the order of the input does not matter.

    Of papers with one id the first in alphabetical order is kept. Words the model does not know count as
    rare ones, so an empty or an old model serves too. ``usual`` says how fast votes come at each source.
    """
    unique: dict[int, Candidate] = {}
    for candidate in sorted(papers, key=lambda one: (one.paper_id, one.title, one.abstract)):
        unique.setdefault(candidate.paper_id, candidate)
    candidates = tuple(unique.values())
    rows = {paper_id: row for row, paper_id in enumerate(unique)}
    index, counts = _read(candidates, model)
    matrix = model.weighed(counts)
    projected = model.projected(matrix)
    sigma = model.sigma(matrix, projected)
    words = sp.csr_array(scaled(matrix.copy(), 1 / sigma).T)
    dense = model.dense(matrix, projected, candidates)
    latent = np.ascontiguousarray(dense[:, : model.topic_size])
    unit = latent / np.float32(np.sqrt(max(model.topics, 1)))
    topics = np.ascontiguousarray((unit * _inside(projected)[:, None]).T)
    titles, same_title = np.unique(
        np.array([title_number(one.title) for one in candidates], dtype=np.int64), return_inverse=True
    )
    return Prepared(
        now=now,
        model=model,
        candidates=candidates,
        rows=rows,
        ids=np.array(list(rows), dtype=np.int64),
        index=index,
        matrix=matrix,
        sigma=sigma,
        words=words,
        there=sp.csr_array((np.ones_like(words.data), words.indices, words.indptr), shape=words.shape),
        dense=np.ascontiguousarray(dense.T),
        latent=latent,
        topics=topics,
        topics_middle=topics.mean(axis=1) if candidates else np.zeros(len(topics), np.float32),
        authors=index_authors(candidates),
        categories=_categories(candidates),
        same_title=same_title.astype(np.int32),
        titles=titles,
        alike=Likeness.of(candidates, matrix, unit),
        trend=measure_trend(candidates, rows, observations, now, usual),
    )


def _inside(projected: Floats) -> Floats:
    length = np.linalg.norm(projected, axis=1)
    middle = float(np.median(length)) if len(length) else 0.0
    return np.asarray(np.minimum(length / (middle or 1.0), 1), dtype=np.float32)


def _read(candidates: Sequence[Candidate], model: Model) -> tuple[TermIndex, sp.csr_array]:
    """Read each candidate once: places for the index, counts for the matrix."""
    builder = IndexBuilder(model.terms)
    pointers, columns, counts = array("i", [0]), array("i"), array("B")
    for candidate in candidates:
        found = builder.add((candidate.title, candidate.abstract, *candidate.keywords))
        for category in candidate.categories:
            if category.strip():
                found[builder.column(category_term(category))] = 1
        ordered = sorted(found)
        columns.extend(ordered)
        counts.extend([min(found[column], MOST) for column in ordered])
        pointers.append(len(columns))
    index = builder.build()
    shape = (len(candidates), index.columns)
    # Counts stay bytes until the index is built, and columns keep their memory: it is a lot with many papers.
    weights = np.array(counts, dtype=np.float32)
    taken = np.frombuffer(columns, dtype=np.int32) if columns else np.empty(0, dtype=np.int32)
    return index, sp.csr_array((weights, taken, np.array(pointers, dtype=np.int32)), shape=shape)


def _categories(candidates: Sequence[Candidate]) -> dict[str, NDArray[np.int32]]:
    """Rows by category, lower case; "cs" has those of "cs.CL" too."""
    found: dict[str, set[int]] = defaultdict(set)
    for row, candidate in enumerate(candidates):
        for category in candidate.categories:
            key = category.strip().casefold()
            found[key].add(row)
            found[key.partition(".")[0]].add(row)
    return {key: np.array(sorted(rows), dtype=np.int32) for key, rows in found.items() if key}
