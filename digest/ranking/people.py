"""Authors of several liked papers speak for their new ones: a little, and never alone.

For an author of an interest's examples, each paper counted once, with ``a`` its weight (old likes fade)::

    net    = Σ a of the liked papers - Σ |a| of the disliked ones
    people = 0.15 × more / (more + 2) × 20 / (20 + others)     more = net - 1, nothing where that is 0 or less

so one liked paper says nothing of its authors, three say half of what many do. ``others`` is how many more of
the stored papers have that name than were liked: a name that hundreds have is rarely one person. A name that
differs by initials counts half. Of a paper's authors the strongest counts, since co-authors come together.

These figures are an assumption: no benchmark of likes has authors (docs/ranking.md).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp

from digest.ranking.alike import title_number
from digest.ranking.authors import AuthorIndex, compare, name_key, name_number, name_parts
from digest.ranking.linear import Floats, chosen_rows
from digest.ranking.model import Ids, Ints, Model
from digest.types import Example, InterestSpec

__all__ = ["ByLiked", "People", "liked_author", "liked_people", "people_part"]

MOST: Final = 0.15
FIRST, HALF_AT = 1.0, 2.0
# So many stored papers of a name are as likely one person's as several's.
NAMESAKES: Final = 20
BY_INITIALS: Final = 0.5
# Authors kept of an interest, and below what they are not worth it.
MOST_PEOPLE, LEAST = 200, 0.001


@dataclass(frozen=True, eq=False, slots=True)
class People:
    """Authors of several liked papers of an interest, the strongest first.

    ``keys`` are theirs in an :class:`~digest.ranking.authors.AuthorIndex`, ``liked`` says how many papers of
    theirs were liked, ``strength`` what an exact name adds.
    """

    names: tuple[str, ...]
    keys: Ids
    liked: Ints
    strength: Floats


class ByLiked(NamedTuple):
    """A liked author of a candidate: the name as liked papers have it, and as this one does."""

    name: str
    listed: str
    exact: bool
    liked: int
    adds: float


class _Counted(NamedTuple):
    name: str
    net: float
    liked: int


def liked_people(interests: Sequence[InterestSpec], model: Model) -> list[People | None]:
    """Learn the authors of interests; ``None`` where nobody wrote several liked papers."""
    return [_people(one.examples, model) for one in interests]


def _people(examples: Sequence[Example], model: Model) -> People | None:
    found = [(one, _strength(one, model)) for one in _counted(examples)]
    kept = sorted((-value, one.name, one) for one, value in found if value >= LEAST)[:MOST_PEOPLE]
    if not kept:
        return None
    return People(
        names=tuple(name for _, name, _ in kept),
        keys=np.array([name_key(name) for _, name, _ in kept], dtype=np.int64),
        liked=np.array([one.liked for _, _, one in kept], dtype=np.int32),
        strength=np.array([-value for value, _, _ in kept], dtype=np.float32),
    )


def _counted(examples: Sequence[Example]) -> list[_Counted]:
    """Add up each author's papers; a paper that was liked twice counts as liked once, the stronger time."""
    weights: dict[tuple[str, ...], dict[object, list[float]]] = defaultdict(lambda: defaultdict(list))
    written: dict[tuple[str, ...], str] = {}
    for one in examples:
        paper = one.paper_id if one.paper_id is not None else f"{title_number(one.title)}"
        for name in one.authors:
            parts = name_parts(name)
            if len(parts) > 1:  # a family name alone is nobody's
                weights[parts][paper].append(one.weight)
                written[parts] = min(name, written.get(parts, name))
    found = []
    for parts, papers in weights.items():
        for_it = [max(each) for each in papers.values() if max(each) > 0]
        against = [min(each) for each in papers.values() if min(each) < 0]
        found.append(_Counted(written[parts], sum(sorted(for_it)) + sum(sorted(against)), len(for_it)))
    return found


def _strength(one: _Counted, model: Model) -> float:
    more = one.net - FIRST
    if more <= 0:
        return 0.0
    others = max(model.papers_by(name_number(one.name)) - one.liked, 0)
    return MOST * more / (more + HALF_AT) * NAMESAKES / (NAMESAKES + others)


def people_part(people: Sequence[People | None], authors: AuthorIndex, candidates: int) -> sp.csr_array:
    """Return the part of liked authors (interests × candidates)."""
    having = [(row, one) for row, one in enumerate(people) if one is not None]
    shape = (len(people), candidates)
    if not having or not candidates:
        return sp.csr_array(shape, dtype=np.float32)
    keys = np.concatenate([one.keys for _, one in having])
    first, last = authors.spans(keys)
    parts = [(np.empty(0, np.int32), np.empty(0, np.float32))] * len(people)
    begin = 0
    for row, one in having:
        end = begin + len(one.keys)
        places = np.flatnonzero(first[begin:end] < last[begin:end])
        if len(places):
            own: dict[int, float] = {}
            for at in places.tolist():
                for found in authors.rows[first[begin + at] : last[begin + at]].tolist():
                    value, _, _ = _match(one, at, authors.candidates[found].authors)
                    own[found] = max(own.get(found, 0.0), value)
            filled = sorted((found, value) for found, value in own.items() if value > 0)
            parts[row] = (
                np.array([found for found, _ in filled], dtype=np.int32),
                np.array([value for _, value in filled], dtype=np.float32),
            )
        begin = end
    return chosen_rows(parts, candidates)


def liked_author(people: People | None, listed: Sequence[str]) -> ByLiked | None:
    """Return the liked author among those of a candidate, the strongest; ``None`` where there is none."""
    if people is None:
        return None
    best: ByLiked | None = None
    alike = {name_key(name) for name in listed}
    for at, key in enumerate(people.keys.tolist()):
        if key in alike:
            value, exact, as_listed = _match(people, at, listed)
            if value > (best.adds if best else 0.0):
                best = ByLiked(people.names[at], as_listed, exact, int(people.liked[at]), value)
    return best


def _match(people: People, at: int, listed: Sequence[str]) -> tuple[float, bool, str]:
    """Return what an author adds to a paper of these authors, whether by the exact name, and that name."""
    similar = ""
    for name in listed:
        kind = compare(people.names[at], name)
        if kind == "exact":
            return float(people.strength[at]), True, name
        if kind and not similar:
            similar = name
    return (float(people.strength[at]) * BY_INITIALS if similar else 0.0), False, similar
