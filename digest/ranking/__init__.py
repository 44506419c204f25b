"""Which of the day's papers are for whom, and why: pure, from values and arrays to recommendations.

``fit`` a :class:`Model` on all stored texts (nightly), ``prepare`` the day's candidates once, ``recommend``
for all readers. It reads no clock, no database and no network; only :meth:`Model.save` and
:meth:`Model.load` touch a file.
"""

from digest.ranking.model import Model, fit
from digest.ranking.prepared import Prepared, prepare
from digest.ranking.recommending import recommend

__all__ = ["Model", "Prepared", "fit", "prepare", "recommend"]
