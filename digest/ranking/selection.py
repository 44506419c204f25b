"""Which papers a reader gets, in which section, from tastes and trend. No words are made here.

Sections: Following, For you, Trending, Rising, Something different; within each the highest score first, ties
by paper id.

* Following: papers of followed authors, all of them while the cap allows, whatever else speaks against.
* For you: papers whose taste is at least the reader's threshold (learnt from what they said, else
  ``THRESHOLD``), and those with a must-have keyword. Taste is measured against what is usual (see ``taste``):
  0.6 from one part alone means half as close again as the line that 19 of 20 known papers stay below. So a
  day without good papers gives a short list, and a rich one is cut by the cap. Each place goes to the paper
  with the highest score × (1 - ½ likeness to those chosen) / (papers its interest had + 1): so a
  strong interest does not crowd out another, and ten papers are not ten times the same ("maximal marginal
  relevance", Carbonell and Goldstein 1998).
* Trending and Rising keep their places (two each in a digest of ten) where there is evidence; what others
  leave over goes to For you, then to Trending up to ``trend_weight`` of the digest, or wholly for a
  reader without interests.
* Something different: one paper below the threshold of which a word from the reader would teach most (see
  :mod:`digest.ranking.exploring`).

Of near-duplicates one is shown, and none of a paper that was sent or that the reader gave. A section that
the reader hides stays empty; its papers may come in another.
"""

from collections.abc import Collection, Iterator, Sequence, Set
from itertools import chain, filterfalse, islice, repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digest.ranking.authors import AuthorMatch
from digest.ranking.exploring import most_telling
from digest.ranking.library import Library
from digest.ranking.model import Ids
from digest.ranking.prepared import Prepared
from digest.ranking.reader import THRESHOLD, Pick, Reader
from digest.ranking.shortlist import Liked, in_turn
from digest.ranking.tastes import Tastes
from digest.types import Section

__all__ = ["THRESHOLD", "Pick", "Reader", "mark_known", "select"]

# In a digest shorter than that no place is given away to something different.
LEAST_WITH_DIFFERENT = 5

Mask = NDArray[np.bool_]


# A candidate's row, the interest it was chosen for, and the author, as far as there are any.
Offer = tuple[int, int | None, AuthorMatch | None]
NONE: Final = repeat(None)


class _Chosen:
    """The papers taken so far for one reader, and their groups of near-duplicates."""

    __slots__ = ("groups", "of_rows", "picks")

    def __init__(self, library: Library) -> None:
        self.of_rows = library.groups
        self.groups: set[int] = set()
        self.picks: list[Pick] = []

    def take_all(self, rows: Sequence[int], interests: Sequence[int], section: Section) -> None:
        """Take papers of which none says the same as another or as one taken before."""
        self.groups.update(map(self.of_rows.__getitem__, rows))
        self.picks.extend(map(Pick, rows, repeat(section), interests))

    def take(self, source: Iterator[Offer], most: int, section: Section) -> int:
        """Take up to ``most`` papers that say something new, and say how many there were."""
        if most <= 0:
            return 0
        of_rows, groups, picks = self.of_rows, self.groups, self.picks
        had = len(picks)
        for row, interest, author in source:
            group = of_rows[row]
            if group not in groups:
                groups.add(group)
                picks.append(Pick(row, section, interest, author))
                if len(picks) - had >= most:
                    break
        return len(picks) - had


def select(
    readers: Sequence[Reader], tastes: Tastes, sent: Sequence[Collection[int]], library: Library
) -> list[list[Pick]]:
    """Choose at most ``max_papers`` papers for each reader, none that was sent or given as an example."""
    prepared = library.prepared
    known = mark_known(readers, tastes, sent, prepared)
    following = [_following(reader, tastes, known[at], library) for at, reader in enumerate(readers)]
    first = [
        [row for row, _, _ in each[: reader.cap]] for reader, each in zip(readers, following, strict=True)
    ]
    liked = in_turn(readers, tastes, known, first, prepared)
    different = _different(readers, tastes, known, prepared)
    # As bytes, since they are asked one by one.
    return [
        _arranged(reader, library, known[at].tobytes(), following[at], liked[at], different[at])
        for at, reader in enumerate(readers)
    ]


def _arranged(
    reader: Reader,
    library: Library,
    known: bytes,
    following: Sequence[Offer],
    liked: Liked,
    different: Sequence[Offer],
) -> list[Pick]:
    """Fill the places of one digest."""
    cap, weight, has_taste = reader.cap, reader.weight, reader.has_taste
    chosen = _Chosen(library)
    chosen.take(iter(following), cap, Section.FOLLOWING)
    for_trending, for_rising = _places(cap, weight, has_taste=has_taste)
    trending = library.trending if reader.shows(Section.TRENDING) else []
    rising = library.rising if reader.shows(Section.RISING) else []
    for_trending, by_trend = _unknown(trending, known, for_trending)
    for_rising, by_rise = _unknown(rising, known, for_rising)
    has_other = bool(different) and _has_different(reader, has_taste=has_taste)
    rows, interests = liked

    def room() -> int:
        return cap - len(chosen.picks) - has_other

    first = max(room() - for_trending - for_rising, 0)
    chosen.take_all(rows[:first], interests[:first], Section.FOR_YOU)
    by_taste = zip(rows[first:], interests[first:], NONE, strict=False)
    # Rising comes before the rest of Trending, else a long Trending has all that rises.
    had = chosen.take(by_trend, min(for_trending, 2, room()), Section.TRENDING)
    chosen.take(by_rise, min(for_rising, room()), Section.RISING)
    had += chosen.take(by_trend, min(for_trending - had, room()), Section.TRENDING)
    chosen.take(by_taste, room(), Section.FOR_YOU)
    if for_trending:
        most = cap if weight == 1 or not has_taste else round(cap * weight)
        chosen.take(by_trend, min(most - had, room()), Section.TRENDING)
    if has_other:
        chosen.take(iter(different), min(1, cap - len(chosen.picks)), Section.DIFFERENT)
        chosen.take(by_taste, cap - len(chosen.picks), Section.FOR_YOU)  # where it was taken already
    return chosen.picks


def _has_different(reader: Reader, *, has_taste: bool) -> bool:
    return (
        has_taste
        and reader.weight < 1
        and reader.cap >= LEAST_WITH_DIFFERENT
        and reader.shows(Section.DIFFERENT)
    )


def _unknown(rows: Sequence[int], known: bytes, most: int) -> tuple[int, Iterator[Offer]]:
    """The papers of a list that the reader does not know, and how many these are, as far as ``most``."""
    new = filterfalse(known.__getitem__, rows)
    first = list(islice(new, most))
    return len(first), zip(chain(first, new), NONE, NONE, strict=False)


def _places(cap: int, weight: float, *, has_taste: bool) -> tuple[int, int]:
    """Return how many places are kept for Trending and for Rising: two and two of ten."""
    if weight == 0:
        return 0, 0
    rising = min(2, cap // 5)
    if weight == 1 or not has_taste:
        return cap - rising, rising
    return min(max(2, int(cap * weight * 2 / 3)), cap // 2), rising


def _different(
    readers: Sequence[Reader], tastes: Tastes, known: Mask, prepared: Prepared
) -> list[list[Offer]]:
    """Return for each reader the papers to learn from, with the interests they are nearest to."""
    found: list[list[Offer]] = [[] for _ in readers]
    having = [at for at, one in enumerate(readers) if one.interests]
    if not having or not prepared.candidates:
        return found
    first = np.array([readers[at].first for at in having])
    sizes = np.array([len(readers[at].interests) for at in having])
    best = tastes.taste[first]
    for place in range(1, int(sizes.max())):
        np.maximum(best, tastes.taste[_or_first(place, first, sizes)], out=best)
    least = np.array([readers[at].threshold for at in having], dtype=np.float32)
    rows = most_telling(best, least, known[having], prepared)
    nearest = _nearest(rows, first, sizes, tastes)
    for at, row, of in zip(having, rows.tolist(), nearest.tolist(), strict=True):
        found[at] = [(one, place, None) for one, place in zip(row, of, strict=True) if one >= 0]
    return found


def _nearest(rows: Ids, first: Ids, sizes: Ids, tastes: Tastes) -> Ids:
    """Return which of its reader's interests likes each paper most (readers × papers)."""
    nearest = np.repeat(first[:, None], rows.shape[1], axis=1)
    most = tastes.taste[nearest, rows]
    for place in range(1, int(sizes.max())):
        other = _or_first(place, first, sizes)[:, None]
        taste = tastes.taste[other, rows]
        nearest = np.where(taste > most, other, nearest)
        most = np.maximum(taste, most)
    return nearest


def _or_first(place: int, first: Ids, sizes: Ids) -> Ids:
    """Return the interest at a place of each reader, the first of those who have fewer."""
    return np.asarray(np.where(sizes > place, first + place, first))


def mark_known(
    readers: Sequence[Reader], tastes: Tastes, sent: Sequence[Collection[int]], prepared: Prepared
) -> Mask:
    """Return what each reader has had or has given, and what says the same (readers × candidates)."""
    known = np.zeros((len(readers), len(prepared.candidates)), dtype=bool)
    owner = np.repeat(np.arange(len(readers)), [len(one.interests) for one in readers])
    given = [one.given for one in tastes.learned]
    of_ids = np.repeat(owner, [len(one.ids) for one in given])
    row, there = _looked_up(prepared.ids, [one.ids for one in given])
    known[of_ids[there], row[there]] = True
    had = [prepared.rows.keys() & (one if isinstance(one, Set) else frozenset(one)) for one in sent]
    rows = list(map(prepared.rows.__getitem__, chain.from_iterable(had)))
    known[np.repeat(np.arange(len(readers)), [len(each) for each in had]), rows] = True
    of_titles = np.repeat(owner, [len(one.titles) for one in given])
    title, there = _looked_up(prepared.titles, [one.titles for one in given])
    titles = np.zeros((len(readers), len(prepared.titles) + 1), dtype=bool)
    titles[of_titles[there], title[there]] = True
    known |= titles[:, prepared.same_title]
    at_reader, which = np.divmod(np.flatnonzero(known), max(known.shape[1], 1))
    groups = np.zeros_like(known)
    groups[at_reader, prepared.alike.group[which]] = True
    return np.asarray(groups[:, prepared.alike.group])


def _looked_up(among: Ids, wanted: Sequence[Ids]) -> tuple[Ids, Mask]:
    """Return the places of numbers among ascending ones, and whether they are there."""
    numbers = np.concatenate([np.empty(0, np.int64), *wanted])
    if not len(among):
        return np.zeros(len(numbers), np.int64), np.zeros(len(numbers), dtype=bool)
    places = np.minimum(np.searchsorted(among, numbers), len(among) - 1)
    return places, among[places] == numbers


def _following(reader: Reader, tastes: Tastes, known: Mask, library: Library) -> list[Offer]:
    """Return the papers of followed authors, the best first, one of each group of near-duplicates."""
    if not reader.shows(Section.FOLLOWING):
        return []
    found: dict[int, tuple[bool, float, int, AuthorMatch]] = {}
    for place, interest in enumerate(reader.interests, reader.first):
        for name in sorted(set(interest.authors)):
            for match in library.authors(name):
                if known[match.row]:
                    continue
                item = (match.exact, float(tastes.taste[place, match.row]), -place, match)
                if match.row not in found or item[:3] > found[match.row][:3]:
                    found[match.row] = item
    trend, weight = library.prepared.trend.score, reader.weight

    def strength(row: int) -> tuple[float, int]:
        taste = float(tastes.taste[-found[row][2], row])
        return -(1 - weight) * taste - weight * float(trend[row]), row

    best: dict[int, int] = {}
    for row in sorted(found, key=strength):
        best.setdefault(library.groups[row], row)
    return [(row, -found[row][2], found[row][3]) for row in best.values()]
