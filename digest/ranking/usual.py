"""How fast votes usually come, by source, age and day of the week; learnt in ``habits``.

Votes are gained fast at first and slowly for weeks, few at weekends, and every source has its own scale.
Where nothing was learnt a prior of no source in particular stands in: ``6 / (1 + age in days)^1.5`` votes a
day on every day of the week.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.ranking.growth import Floats, Whole

__all__ = ["AGES", "BINS", "BOT_COMMENTS", "ENDS", "PRIOR", "Usual", "UsualGrowth", "bin_of", "weekday_of"]

# Ages in days at which the usual rate changes; the last one holds on.
AGES = np.array([0, 0.25, 0.5, 1, 2, 3, 4, 5, 7, 10, 14, 21, 30], dtype=np.float64)
BINS = len(AGES)
ENDS = np.append(AGES[1:], 60.0)
FOREVER = 1e5
# A fresh paper's first comment is usually a bot's.
BOT_COMMENTS = 1.0


def _prior_rate() -> Floats:
    """The prior's mean rate within each bin."""
    total = -12 / np.sqrt(1 + np.append(AGES, ENDS[-1]))
    rate: Floats = np.diff(total) / (ENDS - AGES)
    return rate


PRIOR = _prior_rate()


@dataclass(frozen=True, eq=False, slots=True)
class Usual:
    """What is usual at one source.

    ``rate`` is in votes a day by age (one for each of ``AGES``), ``activity`` what a weekday has of that
    (Monday first, 1 on average), ``comments`` what a paper of that age has anyway, ``papers`` how many were
    learnt from.
    """

    rate: Floats = field(default_factory=lambda: PRIOR)
    activity: Floats = field(default_factory=lambda: np.ones(7))
    comments: Floats = field(default_factory=lambda: np.full(BINS, BOT_COMMENTS))
    papers: int = 0

    def gain(self, birth: Floats, since: Floats, until: Floats) -> Floats:
        """Return the votes usually gained between two times, all in days since 1970, by papers born then."""
        edges = np.append(AGES, FOREVER)
        total = np.concatenate([[0.0], np.cumsum(self.rate * np.diff(edges))])
        gained = np.zeros(len(birth))
        first = np.floor(since)
        for ahead in range(int((np.ceil(until) - first).max(initial=0))):
            day = first + ahead
            begin, end = np.maximum(since, day), np.minimum(until, day + 1)
            ages = np.maximum(np.stack([begin, np.maximum(end, begin)]) - birth, 0)
            reached = np.interp(ages, edges, total)
            gained += self.activity[weekday_of(day)] * (reached[1] - reached[0])
        return gained

    def usual_comments(self, age: Floats) -> Floats:
        """Return how many comments papers of these ages (days) have anyway."""
        return self.comments[bin_of(age)]


def weekday_of(day: Floats) -> Whole:
    """The weekday of days since 1970, Monday 0; 1 January 1970 was a Thursday."""
    return (np.floor(day).astype(np.int64) + 3) % 7


def bin_of(age: Floats) -> Whole:
    """The place in ``AGES`` of ages in days."""
    places: Whole = np.clip(np.searchsorted(AGES, age, side="right") - 1, 0, BINS - 1)
    return places


UNKNOWN = Usual()


@dataclass(frozen=True, eq=False, slots=True)
class UsualGrowth:
    """What is usual at each source by its name; the prior for those that little is known of."""

    sources: Mapping[str, Usual] = field(default_factory=dict)

    def of(self, source: str) -> Usual:
        """Return what is usual at a source."""
        return self.sources.get(source, UNKNOWN)

    def renamed(self, names: Mapping[str, str]) -> "UsualGrowth":
        """Return the same under other names, such as labels; sources without one are left out."""
        return UsualGrowth({names[one]: usual for one, usual in self.sources.items() if one in names})

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays for ``np.savez``, the names beginning with ``usual_``."""
        kept = [self.sources[name] for name in sorted(self.sources)]
        return {
            "usual_sources": np.array(sorted(self.sources), dtype=np.str_),
            "usual_ages": AGES,
            "usual_rate": np.array([one.rate for one in kept]).reshape(-1, BINS),
            "usual_activity": np.array([one.activity for one in kept]).reshape(-1, 7),
            "usual_comments": np.array([one.comments for one in kept]).reshape(-1, BINS),
            "usual_papers": np.array([one.papers for one in kept], dtype=np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "UsualGrowth":
        """Return what :meth:`to_arrays` gave. Raises ``ValueError`` or ``KeyError`` where it is none."""
        if not np.array_equal(arrays["usual_ages"], AGES):
            raise ValueError("learnt for other ages")
        names = arrays["usual_sources"].tolist()
        rate, activity, comments, papers = (
            arrays[f"usual_{name}"] for name in ("rate", "activity", "comments", "papers")
        )
        shapes = (rate.shape, activity.shape, comments.shape, papers.shape)
        if shapes != ((len(names), BINS), (len(names), 7), (len(names), BINS), (len(names),)):
            raise ValueError("arrays that do not fit each other")
        if not all(np.isfinite(each).all() and (each >= 0).all() for each in (rate, activity, comments)):
            raise ValueError("rates that are none")
        found = zip(names, rate, activity, comments, papers.tolist(), strict=True)
        return cls({name: Usual(*each) for name, *each in found})
