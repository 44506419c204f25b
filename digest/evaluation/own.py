"""What the operator's own readers said, as a dataset: what was said before a day, and what came after it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from digest.evaluation.dataset import Dataset, Rows
from digest.types import Candidate, FeedbackKind

__all__ = ["Said", "from_log", "shortfall", "split_day"]

LIKES = (FeedbackKind.MORE.value, FeedbackKind.SAVED.value)
# Of all likes, that part is learnt from; the later ones are to be found again.
EARLIER = 0.7
# With fewer nothing can be told.
LEAST_JUDGED, LEAST_READERS = 30, 5


class Said(NamedTuple):
    """What a reader said of a paper: more, less or saved."""

    reader: int
    paper: int
    kind: str
    at: datetime

    @property
    def is_like(self) -> bool:
        """Whether it speaks for the paper."""
        return self.kind in LIKES


def split_day(said: Iterable[Said]) -> date | None:
    """The day (UTC) by whose end seven of ten likes were given; ``None`` where there are none."""
    days = sorted(one.at.date() for one in said if one.is_like)
    return days[max(int(EARLIER * len(days)) - 1, 0)] if days else None


def from_log(
    said: Sequence[Said],
    day: date,
    candidates: Sequence[Candidate],
    known: Iterable[Candidate],
    judged: Mapping[int, Candidate],
) -> Dataset:
    """Make a dataset of what was said up to the end of ``day``, and of the papers first listed after it.

    Of each paper counts what was said last, before and after by themselves. Relevant are the candidates
    liked after that day; ranked are the readers who have such ones and likes from before. ``judged`` has
    the papers that anything was said of.
    """
    new = {one.paper_id: row for row, one in enumerate(candidates)}
    readers = sorted({one.reader for one in said})
    earlier = (one for one in said if one.at.date() <= day)
    before = _last(one for one in earlier if one.paper in judged and one.paper not in new)
    after = _last(one for one in said if one.at.date() > day and one.paper in new)
    liked = _by_reader(readers, (one for one in before if one.is_like))
    relevant = _by_reader(readers, (one for one in after if one.is_like))
    ranked = [place for place in range(len(readers)) if liked[place] and relevant[place]]
    return Dataset(
        candidates=tuple(candidates),
        known=known,
        judged=judged,
        names=[str(reader) for reader in readers],
        liked=Rows.of(liked),
        disliked=Rows.of(_by_reader(readers, (one for one in before if not one.is_like))),
        ranked=np.array(ranked, dtype=np.int64),
        relevant=Rows.of([[new[paper] for paper in relevant[place]] for place in ranked]),
        labels=[str(one.paper_id) for one in candidates],
    )


def shortfall(said: Sequence[Said], data: Dataset | None) -> str | None:
    """Say what is missing to tell anything; ``None`` where there is enough."""
    judged = len({(one.reader, one.paper) for one in said})
    if judged < LEAST_JUDGED:
        return f"readers rated or saved {judged} papers so far; it takes {LEAST_JUDGED} to tell anything"
    ranked = 0 if data is None else len(data.ranked)
    if ranked < LEAST_READERS:
        return (
            f"{ranked} readers liked papers both before the split and among those listed since; "
            f"it takes {LEAST_READERS} to tell anything"
        )
    return None


def _last(said: Iterable[Said]) -> list[Said]:
    """What was said last of each paper by each reader, oldest first."""
    ordered = sorted(said, key=lambda one: one.at)
    return sorted({(one.reader, one.paper): one for one in ordered}.values(), key=lambda one: one.at)


def _by_reader(readers: Sequence[int], said: Iterable[Said]) -> list[list[int]]:
    places = {reader: place for place, reader in enumerate(readers)}
    found: list[list[int]] = [[] for _ in readers]
    for one in said:
        found[places[one.reader]].append(one.paper)
    return found
