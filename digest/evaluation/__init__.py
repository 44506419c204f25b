"""How well the ranking does: its own lists, and those of known methods, held against what readers liked.

``read_folder`` or ``from_log`` makes a :class:`Dataset`; ``ours`` and the ``BASELINES`` make a scorer of
it, ``rank`` lists the first hundred papers for each reader, ``measure`` and ``intervals`` say how good the
lists are. Pure but for reading the folder it is given: no clock, no database, no network.
"""

from digest.evaluation.baselines import BASELINES, check_baselines
from digest.evaluation.dataset import Dataset, Known, Rows
from digest.evaluation.folder import read_folder
from digest.evaluation.metrics import NAMES, difference, intervals, measure
from digest.evaluation.ours import Mode, ours
from digest.evaluation.own import Said, from_log, shortfall, split_day
from digest.evaluation.ranking import DEPTH, Scorer, rank

__all__ = [
    "BASELINES",
    "DEPTH",
    "NAMES",
    "Dataset",
    "Known",
    "Mode",
    "Rows",
    "Said",
    "Scorer",
    "check_baselines",
    "difference",
    "from_log",
    "intervals",
    "measure",
    "ours",
    "rank",
    "read_folder",
    "shortfall",
    "split_day",
]
