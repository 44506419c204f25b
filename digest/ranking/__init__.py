"""Which of the day's papers are for whom, and why: pure, from values and arrays to recommendations.

``fit`` a :class:`Model` on all stored papers (nightly), ``learn`` the interests that changed, ``prepare`` the
day's candidates once, ``recommend`` for all readers. It reads no clock, no database and no network; only
``save_model`` and ``load_model`` touch a file.
"""

from digest.ranking.fitting import fit
from digest.ranking.keeping import fingerprint, pack, unpack
from digest.ranking.learning import Learned, learn
from digest.ranking.model import Model
from digest.ranking.prepared import Prepared, prepare
from digest.ranking.recommending import recommend
from digest.ranking.saving import load_model, save_model
from digest.ranking.taste import closeness
from digest.ranking.viewing import with_view, without_view

__all__ = [
    "Learned",
    "Model",
    "Prepared",
    "closeness",
    "fingerprint",
    "fit",
    "learn",
    "load_model",
    "pack",
    "prepare",
    "recommend",
    "save_model",
    "unpack",
    "with_view",
    "without_view",
]
