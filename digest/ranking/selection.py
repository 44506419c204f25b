"""Which papers a reader gets, in which section, from tastes and trend. No words are made here.

Sections: Following, For you, Trending, Rising; within each the highest score first, ties by paper id.

* Following: papers of followed authors, all of them while the cap allows, whatever else speaks against.
* For you: papers whose taste is at least ``THRESHOLD``, and those with a must-have keyword. Taste is measured
  against what is usual (see ``taste``): 0.6 from one part alone means half as close again as the line that
  19 of 20 stored papers stay below. So a day without good papers gives a short list, and a rich one is cut
  by the cap. Interests take turns by score / (papers had so far + 1), so that a strong interest does
  not crowd out another that has good papers.
* Trending and Rising keep their places (two each in a digest of ten) where there is evidence; what others
  leave over goes to For you, then to Trending up to ``trend_weight`` of the digest, or wholly for a
  reader without interests.

A section that the reader hides stays empty; its papers may come in another.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from digest.ranking.authors import AuthorMatch
from digest.ranking.library import Floats, Library, wanted
from digest.ranking.taste import PARTS
from digest.types import InterestSpec, Profile, Section

__all__ = ["THRESHOLD", "Pick", "Reader", "select"]

THRESHOLD = 0.6
ALIKE = 0.9  # share of words two titles have in common to be the same paper's
DIGITS = 6

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pick:
    """A chosen candidate: its row, and the interest it was chosen for by place, if any."""

    row: int
    section: Section
    score: float
    parts: dict[str, float]
    interest: int | None = None
    author: AuthorMatch | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Reader:
    """A profile with its interests in a fixed order and the tastes of each (interests × candidates)."""

    profile: Profile
    interests: Sequence[InterestSpec]
    tastes: dict[str, Floats]
    must: Sequence[NDArray[np.int32] | None]

    @property
    def weight(self) -> float:
        """The weight of trend, from 0 to 1."""
        return min(max(self.profile.trend_weight, 0.0), 1.0)

    @property
    def has_taste(self) -> bool:
        """Whether any interest asks for something."""
        return any(
            wanted(one) or one.categories or any(example.weight > 0 for example in one.examples)
            for one in self.interests
        )


class _Chosen:
    """The papers taken so far: none twice, none under a nearly equal title, none that is known."""

    def __init__(self, known: Mask, library: Library) -> None:
        self.known, self.library = known, library
        self.rows: list[int] = []

    def take(self, row: int) -> bool:
        if self.known[row] or row in self.rows:
            return False
        title = self.library.title_terms(row)
        for other in self.rows:
            other_title = self.library.title_terms(other)
            common = len(title & other_title)
            if common >= ALIKE * len(title | other_title) > 0:
                return False
        self.rows.append(row)
        return True


def select(reader: Reader, sent: Collection[int], library: Library) -> list[Pick]:
    """Choose at most ``max_papers`` papers for a reader, none that was sent or given as an example."""
    cap, weight = max(reader.profile.max_papers, 0), reader.weight
    chosen = _Chosen(_known(reader, sent, library), library)
    scores = _Scores(reader, library)
    hidden = reader.profile.hidden
    picks = [] if Section.FOLLOWING in hidden else list(islice(_following(scores, chosen), cap))
    kept_trending, kept_rising = _places(cap, weight, has_taste=reader.has_taste)
    kept_trending = 0 if Section.TRENDING in hidden else kept_trending
    kept_rising = 0 if Section.RISING in hidden else kept_rising
    trend = library.prepared.trend
    trending_rows = _unknown(trend.order, chosen.known) if kept_trending else []
    rising_rows = _unknown(trend.rising_order, chosen.known) if kept_rising else []
    kept_trending, kept_rising = min(kept_trending, len(trending_rows)), min(kept_rising, len(rising_rows))
    liked = _for_you(scores, chosen) if weight < 1 and Section.FOR_YOU not in hidden else iter(())
    trending, rising = _trending(trending_rows, chosen, library), _rising(rising_rows, chosen, library)

    def take(source: Iterator[Pick], most: int) -> int:
        """Take up to ``most`` papers from a section while the cap allows, and say how many there were."""
        taken = list(islice(source, max(min(most, cap - len(picks)), 0)))
        picks.extend(taken)
        return len(taken)

    take(liked, cap - len(picks) - kept_trending - kept_rising)
    # Rising comes before the rest of Trending, else a long Trending has all that rises.
    had = take(trending, min(kept_trending, 2))
    take(rising, kept_rising)
    had += take(trending, kept_trending - had)
    take(liked, cap)
    if kept_trending:
        take(trending, (cap if weight == 1 or not reader.has_taste else round(cap * weight)) - had)
    order = list(Section)
    return sorted(picks, key=lambda pick: (order.index(pick.section), -pick.score, _tie(pick, library)))


def _unknown(rows: NDArray[np.int32], known: Mask) -> list[int]:
    unknown: list[int] = rows[~known[rows]].tolist()
    return unknown


def _tie(pick: Pick, library: Library) -> tuple[int, int]:
    if pick.section in (Section.TRENDING, Section.RISING):
        return int(library.prepared.trend.position[pick.row]), pick.row
    return 0, pick.row


def _places(cap: int, weight: float, *, has_taste: bool) -> tuple[int, int]:
    """Return how many places are kept for Trending and for Rising: two and two of ten."""
    if weight == 0:
        return 0, 0
    rising = min(2, cap // 5)
    if weight == 1 or not has_taste:
        return cap - rising, rising
    return min(max(2, int(cap * weight * 2 / 3)), cap // 2), rising


def _known(reader: Reader, sent: Collection[int], library: Library) -> Mask:
    """Mark papers the reader has had or has given, and papers of the same title."""
    prepared = library.prepared
    titles = np.zeros(len(prepared.titles), dtype=bool)
    known = np.zeros(len(prepared.candidates), dtype=bool)
    had = set(sent)
    for interest in reader.interests:
        for example in interest.examples:
            if example.paper_id is not None:
                had.add(example.paper_id)
            if (same := library.same_title(example.title)) is not None:
                titles[same] = True
    rows = [row for paper_id in had if (row := prepared.rows.get(paper_id)) is not None]
    known[rows] = True
    titles[prepared.same_title[rows]] = True
    return np.asarray(known | titles[prepared.same_title])


class _Scores:
    """For each candidate the interest that wins, and the scores mixed with trend."""

    def __init__(self, reader: Reader, library: Library) -> None:
        self.reader, self.library = reader, library
        self.trend = library.prepared.trend.score
        taste = reader.tastes["taste"]
        self.must = np.zeros(taste.shape, dtype=bool)
        for place, rows in enumerate(reader.must):
            if rows is not None:
                self.must[place, rows] = True
        nobody = np.zeros(len(self.trend), dtype=np.int64)
        self.winner = np.argmax(taste + self.must, axis=0) if len(taste) else nobody
        self.mixed = self.must + (1 - reader.weight) * taste + reader.weight * self.trend

    def pick(self, row: int, place: int, section: Section, author: AuthorMatch | None = None) -> Pick:
        """Return a candidate chosen for an interest, with the parts that give its score, rounded."""
        reader = self.reader
        parts = {name: round(float(reader.tastes[name][place, row]), DIGITS) for name in PARTS}
        parts["trend"] = round(float(self.trend[row]), DIGITS)
        parts["trend_weight"] = reader.weight
        parts["must"] = float(self.must[place, row])
        parts["author"] = float(author is not None)
        mixed = (1 - reader.weight) * parts["taste"] + reader.weight * parts["trend"]
        score = round(parts["author"] + parts["must"] + mixed, DIGITS)
        return Pick(row, section, score, parts, place, author)


def _following(scores: _Scores, chosen: _Chosen) -> Iterator[Pick]:
    found: dict[int, tuple[bool, float, int, AuthorMatch]] = {}
    taste = scores.reader.tastes["taste"]
    for place, interest in enumerate(scores.reader.interests):
        for name in sorted(set(interest.authors)):
            for match in scores.library.authors(name):
                item = (match.exact, float(taste[place, match.row]), -place, match)
                if match.row not in found or item[:3] > found[match.row][:3]:
                    found[match.row] = item
    picks = [
        scores.pick(row, -place, Section.FOLLOWING, match) for row, (_, _, place, match) in found.items()
    ]
    for pick in sorted(picks, key=lambda pick: (-pick.score, pick.row)):
        if chosen.take(pick.row):
            yield pick


def _for_you(scores: _Scores, chosen: _Chosen) -> Iterator[Pick]:
    """Yield good papers, each time of the interest with the highest next score / (papers had + 1)."""
    queues: list[list[tuple[float, int]]] = []
    for place, taste in enumerate(scores.reader.tastes["taste"]):
        good = ((taste >= THRESHOLD) | scores.must[place]) & (scores.winner == place) & ~chosen.known
        rows = np.flatnonzero(good)
        values = scores.mixed[place, rows].round(DIGITS)
        order = np.lexsort((-rows, values))
        queues.append(list(zip(values[order].tolist(), rows[order].tolist(), strict=True)))
    had = [0] * len(queues)
    while any(queues):
        turn = max(
            (place for place, queue in enumerate(queues) if queue),
            key=lambda place: (queues[place][-1][0] / (had[place] + 1), -place),
        )
        _, row = queues[turn].pop()
        if chosen.take(row):
            had[turn] += 1
            yield scores.pick(row, turn, Section.FOR_YOU)


def _trending(rows: Sequence[int], chosen: _Chosen, library: Library) -> Iterator[Pick]:
    trend = library.prepared.trend
    for row in rows:
        if chosen.take(row):
            level, speed = round(float(trend.level[row]), DIGITS), round(float(trend.speed[row]), DIGITS)
            score = round((level + speed) / 2, DIGITS)
            yield Pick(row, Section.TRENDING, score, {"votes": level, "votes_a_day": speed, "trend": score})


def _rising(rows: Sequence[int], chosen: _Chosen, library: Library) -> Iterator[Pick]:
    trend = library.prepared.trend
    for row in rows:
        if chosen.take(row):
            growth = trend.growth[row]
            gained = round(growth.per_day or 0.0, DIGITS) if growth else 0.0
            usual = round(float(trend.usual[row]), DIGITS)
            score = round(1 - (usual + 1) / (gained + 1), DIGITS)
            parts = {"votes_a_day": gained, "usual_at_its_age": usual, "rising": score}
            yield Pick(row, Section.RISING, score, parts)
