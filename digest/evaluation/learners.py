"""Baselines that learn a classifier for each reader. They need scikit-learn (the extra ``evaluate``)."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.errors import UsageError
from digest.evaluation.corpus import Corpus, tf_idf
from digest.evaluation.dataset import Dataset
from digest.evaluation.ranking import Floats, Ints, Scorer
from digest.types import Candidate

__all__ = ["logistic", "svm"]

# arxiv-sanity-lite's compute.py, as its latest version (d7a303b of 2022) sets it.
VECTORISER: dict[str, Any] = {
    "strip_accents": "unicode",
    "stop_words": "english",
    "token_pattern": r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b",
    "ngram_range": (1, 2),
    "max_features": 20_000,
    "sublinear_tf": True,
}
# How common a word may be: as set there, and for fewer papers than that leaves words of.
COMMON: tuple[dict[str, Any], ...] = ({"min_df": 5, "max_df": 0.1}, {"min_df": 1, "max_df": 1.0})
# The best of C from 0.1 to 100, of 500 to 10,000 negatives, and of classes weighted or not.
LOGISTIC_C, NEGATIVES = 10.0, 5_000

# Makes of the numbers of the liked rows, and of a reader, the weights of terms.
Learner = Callable[[Ints, int], NDArray[np.float64]]


def svm(data: Dataset) -> Scorer:
    """A linear SVM per reader, what they liked against all else: arxiv-sanity-lite with its settings
    (compute.py and send_emails.py of github.com/karpathy/arxiv-sanity-lite).

    There the new papers are in the fit too, as not liked. Here they are not, which is a little better for it
    (.217 to .215 on likes held out from train rows).
    """
    from sklearn.svm import LinearSVC

    rows, new = _vectors(data)
    place = {paper.paper_id: row for row, paper in enumerate(data.known)}

    def learn(liked: Ints, _: int) -> NDArray[np.float64]:
        labels = np.zeros(rows.shape[0])
        labels[liked] = 1
        classifier = LinearSVC(class_weight="balanced", max_iter=10_000, tol=1e-6, C=0.01)
        return np.asarray(classifier.fit(rows, labels).coef_).ravel()

    return _scorer(data, learn, place, new)


def _vectors(data: Dataset) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """TF-IDF of the known and of the new papers."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    for common in COMMON:
        vectoriser = TfidfVectorizer(**VECTORISER, **common)
        try:
            rows = vectoriser.fit_transform(map(_text, data.known))
        except ValueError:  # no words are left
            continue
        return rows.astype(np.float32), vectoriser.transform(map(_text, data.candidates)).astype(np.float32)
    raise UsageError("the baseline svm finds no words in the known papers")


def _text(paper: Candidate) -> str:
    return " ".join((paper.title, paper.abstract, *paper.authors))


def logistic(data: Dataset) -> Scorer:
    """A logistic regression per reader on TF-IDF, what they liked against 5,000 known papers drawn at random.

    C and their number were chosen on likes held out from train rows; the draw is seeded by the reader.
    """
    from sklearn.linear_model import LogisticRegression

    corpus = Corpus(data)
    vectors = tf_idf(corpus)
    known = _for_liblinear(vectors[: corpus.known])
    place = {paper: row for row, paper in enumerate(corpus.ids[: corpus.known].tolist())}

    def learn(liked: Ints, reader: int) -> NDArray[np.float64]:
        chance = np.random.default_rng(reader)
        drawn = chance.choice(corpus.known, min(NEGATIVES + len(liked), corpus.known), replace=False)
        others = drawn[~np.isin(drawn, liked)][:NEGATIVES]
        labels = np.repeat([1.0, 0.0], [len(liked), len(others)])
        classifier = LogisticRegression(C=LOGISTIC_C, solver="liblinear", max_iter=1_000)
        return np.asarray(classifier.fit(known[np.concatenate([liked, others])], labels).coef_).ravel()

    return _scorer(data, learn, place, vectors[corpus.new])


def _for_liblinear(rows: sp.csr_array) -> sp.csr_matrix:
    """The same with the kinds of numbers that liblinear takes without a copy each time."""
    parts = (rows.data.astype(np.float64), rows.indices.astype(np.int32), rows.indptr.astype(np.int32))
    return sp.csr_matrix(parts, shape=rows.shape)


def _scorer(data: Dataset, learn: Learner, place: dict[int, int], new: sp.csr_array) -> Scorer:
    """Score by one classifier a reader; who liked nothing known, or all of it, has no list of their own."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # scikit-learn's own way

    def weights(reader: int) -> NDArray[np.float64]:
        liked = np.array([place[paper] for paper in data.liked[reader].tolist() if paper in place], np.int64)
        if not 0 < len(liked) < len(place):
            return np.zeros(new.shape[1])
        return learn(liked, reader)

    def score(readers: Ints) -> Floats:
        # On vectors as short as these, BLAS with several threads mostly waits for itself: ten times the time.
        with threadpool_limits(1, "blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # as good as it gets in 10,000 rounds
            return np.array([new @ weights(int(reader)) for reader in readers], dtype=np.float32)

    return score
