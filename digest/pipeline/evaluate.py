"""Evaluate: how good the ranking is on papers and likes, beside known methods, and what it costs.

Decides nothing: takes the time, watches memory, writes the lists; what is measured and how is in the
evaluation room.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import IO, TYPE_CHECKING, Any

from digest.errors import UsageError
from digest.files import PART

if TYPE_CHECKING:  # heavy
    import numpy as np
    from numpy.typing import NDArray

    from digest.evaluation import Dataset, Mode, Scorer
    from digest.ranking.encoding import Encoder

__all__ = ["compare", "evaluate_folder"]

Say = Callable[[str], None]
# Told the lists of a block of readers: the first one's place among the ranked, and the rows of each.
Take = Callable[[int, "Sequence[NDArray[np.int64]]"], None]


def evaluate_folder(
    folder: Path,
    *,
    users: Path | None = None,
    profile_size: int | None = None,
    rankings: Path | None = None,
    mode: "Mode" = "auto",
    baselines: Sequence[str] = (),
    encoder: "Encoder | None" = None,
    progress: Say = lambda _: None,
) -> dict[str, Any]:
    """Rank a folder's new papers for its readers; returns what :func:`compare` does.

    ``rankings`` is a file for our lists: user, paper, rank from 1 to 100. Raises ``UsageError`` for a folder
    that is none, a file that cannot be written, and baselines that do not exist or are not installed.
    """
    from digest.evaluation import check_baselines, read_folder

    asked = check_baselines(baselines)
    progress(f"reading {folder}")
    data = read_folder(folder, users=users, profile_size=profile_size)
    if rankings is None:
        return compare(data, mode, asked, encoder=encoder, progress=progress)
    with _written(rankings) as file:
        file.write("user\tpaper\trank\n")

        def write(first: int, lists: "Sequence[NDArray[np.int64]]") -> None:
            for place, rows in enumerate(lists, first):
                name = data.names[int(data.ranked[place])]
                file.writelines(f"{name}\t{data.labels[row]}\t{at}\n" for at, row in enumerate(rows, 1))

        return compare(data, mode, asked, encoder=encoder, take=write, progress=progress)


def compare(
    data: "Dataset",
    mode: "Mode",
    baselines: Sequence[str] = (),
    *,
    encoder: "Encoder | None" = None,
    take: Take = lambda *_: None,
    progress: Say = lambda _: None,
) -> dict[str, Any]:
    """Measure our ranking (with a text model's view, where ``encoder`` is given), then each baseline.

    ``ndcg@20``, ``recall@20``, ``recall@100`` and ``mrr`` are [mean, low, high] over readers, with the
    number of ``readers``; ``cpu_ms_per_reader`` is processor time for learning, scoring and sorting,
    ``fit_s`` the seconds of all that is done once, ``peak_mb`` the most memory this process held so far.
    ``mode`` is what was used in the end, ``baselines`` has the same for each, with the paired ``difference``
    of our nDCG@20 to theirs.
    """
    from digest.evaluation import BASELINES, difference, ours

    used: list[Mode] = []

    def make(data: "Dataset") -> "Scorer":
        score, came_to = ours(data, mode, encoder)
        used.append(came_to)
        return score

    mine = _measure(data, make, "ours", progress, take)
    result = mine.as_dict() | {"mode": used[0]}
    if baselines:
        result["baselines"] = {}
    for name in baselines:
        its = _measure(data, BASELINES[name], name, progress)
        ahead = [round(value, 6) for value in difference(mine.figures, its.figures)[0]]
        result["baselines"][name] = its.as_dict() | {"difference": ahead}
    return result


@dataclass(frozen=True, eq=False, slots=True)
class _Measured:
    """How good one method's lists are (readers × figures), and what they cost."""

    figures: "NDArray[np.float64]"
    cpu_ms: float
    fit_s: float
    peak_mb: float

    def as_dict(self) -> dict[str, Any]:
        """The figures with their intervals."""
        from digest.evaluation import NAMES, intervals

        found = zip(NAMES, intervals(self.figures), strict=True)
        return {name: [round(value, 6) for value in each] for name, each in found} | {
            "readers": len(self.figures),
            "cpu_ms_per_reader": round(self.cpu_ms, 4),
            "fit_s": round(self.fit_s, 2),
            "peak_mb": round(self.peak_mb, 1),
        }


def _measure(
    data: "Dataset",
    make: "Callable[[Dataset], Scorer]",
    name: str,
    progress: Say,
    take: Take = lambda *_: None,
) -> _Measured:
    import numpy as np

    from digest.evaluation import measure, rank

    progress(f"{name}: fitting")
    began = perf_counter()
    score = make(data)
    fit_s = perf_counter() - began
    blocks, figures, done, cpu_s = rank(data, score), [], 0, 0.0
    while True:
        before = process_time()
        lists = next(blocks, None)
        cpu_s += process_time() - before
        if lists is None:
            break
        figures.append(measure((rows, data.relevant[done + at]) for at, rows in enumerate(lists)))
        take(done, lists)
        done += len(lists)
        progress(f"{name}: {done:,} of {len(data.ranked):,} readers")
    return _Measured(np.concatenate(figures), 1000 * cpu_s / max(done, 1), fit_s, _peak_mb())


def _peak_mb() -> float:
    """The most memory that this process held at any time."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@contextmanager
def _written(path: Path) -> Iterator[IO[str]]:
    """A file for text that takes the place of ``path`` once it is whole."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
