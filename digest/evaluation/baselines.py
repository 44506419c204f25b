"""Known methods that ours is held against. Each makes a scorer of the dataset; all are fitted on train alone.

Their settings are the usual ones of their authors, or were chosen on train rows of citeulike-t held out by
paper (400 readers), so that none is worse than it must be.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec

import numpy as np
import scipy.sparse as sp

from digest.errors import UsageError
from digest.evaluation.corpus import Corpus, tf_idf
from digest.evaluation.dataset import Dataset
from digest.evaluation.learners import logistic, svm
from digest.evaluation.ranking import Floats, Ints, Scorer

__all__ = ["BASELINES", "NEED_SKLEARN", "bm25", "centroid", "check_baselines", "popularity"]

# Robertson's usual constants: how soon repeating a word says no more, and how much long papers are checked.
K1, B = 1.2, 0.75
# Known papers that tell how much a new one would be liked, and new papers looked at together.
NEIGHBOURS, STEP = 50, 64


def popularity(data: Dataset) -> Scorer:
    """The same list for everybody. Nobody has liked a new paper yet, so it is scored by what it resembles:
    the mean number of likes of its 50 nearest known papers (TF-IDF), weighted by their similarity.
    """
    corpus = Corpus(data)
    rows = tf_idf(corpus)
    of_all = np.arange(len(data.liked))
    likes = np.asarray(corpus.likes(of_all).sum(axis=0)).ravel()[: corpus.known]
    known = sp.csc_array(rows[: corpus.known].T)
    scores = np.zeros(len(data.candidates), dtype=np.float32)
    for first in range(corpus.known, rows.shape[0], STEP):
        near = (rows[first : first + STEP] @ known).toarray()
        if near.shape[1] > NEIGHBOURS:
            near[near < np.partition(near, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]] = 0
        at = first - corpus.known
        scores[at : at + len(near)] = near @ likes / np.maximum(near.sum(axis=1), 1e-9)
    return lambda readers: np.tile(scores, (len(readers), 1))


def bm25(data: Dataset) -> Scorer:
    """BM25 (Robertson and Walker 1994; k1 = 1.2, b = 0.75) with the liked papers as one query.

    A word that a liked paper has n times asks 1 + log n times: better here than n times (.212 to .206).
    """
    corpus = Corpus(data)
    found = corpus.frequency()
    weight = np.log1p((corpus.known - found + 0.5) / (found + 0.5))
    length = np.asarray(corpus.counts.sum(axis=1)).ravel()
    usual = length[: corpus.known].mean() if corpus.known else 1.0
    new = corpus.counts[corpus.new].copy()
    damping = K1 * (1 - B + B * length[corpus.new] / max(usual, 1))
    new.data *= weight[new.indices] * (K1 + 1) / (new.data + np.repeat(damping, np.diff(new.indptr)))
    asked = corpus.counts.copy()
    asked.data = 1 + np.log(asked.data)
    return _product(corpus, asked, new)


def centroid(data: Dataset) -> Scorer:
    """The cosine of a new paper with the mean of the liked ones, as TF-IDF."""
    corpus = Corpus(data)
    rows = tf_idf(corpus)
    return _product(corpus, rows, rows[corpus.new])


def _product(corpus: Corpus, rows: sp.csr_array, new: sp.csr_array) -> Scorer:
    columns = sp.csr_array(new.T)

    def score(readers: Ints) -> Floats:
        asked = corpus.likes(readers) @ rows
        return np.asarray((asked @ columns).toarray(), dtype=np.float32)

    return score


BASELINES: Mapping[str, Callable[[Dataset], Scorer]] = {
    "popularity": popularity,
    "bm25": bm25,
    "centroid": centroid,
    "svm": svm,
    "logistic": logistic,
}
NEED_SKLEARN = ("svm", "logistic")


def check_baselines(names: Iterable[str]) -> tuple[str, ...]:
    """The baselines asked for, each once; ``all`` stands for every one.

    Raises ``UsageError`` for a name that is none, and where a learner's scikit-learn is not installed.
    """
    asked = tuple(dict.fromkeys(name for each in names for name in (BASELINES if each == "all" else (each,))))
    for name in asked:
        if name not in BASELINES:
            raise UsageError(f"there is no baseline {name!r}; there is: {', '.join(BASELINES)}, or all")
        if name in NEED_SKLEARN and find_spec("sklearn") is None:
            raise UsageError(
                f"the baseline {name} needs scikit-learn: pip install 'paper-digest[evaluate]', "
                f"or leave out {' and '.join(NEED_SKLEARN)}"
            )
    return asked
