"""Recommendations for many readers at once: score in blocks, then select and explain for each reader."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from digest.ranking.learning import Learned, learn
from digest.ranking.library import Library
from digest.ranking.parts import OF_TREND, score_picks
from digest.ranking.prepared import Prepared
from digest.ranking.reader import Pick, Reader, Scored
from digest.ranking.reasons import explain
from digest.ranking.selection import select
from digest.ranking.taste import CELLS, taste_of
from digest.ranking.tastes import Tastes
from digest.types import InterestSpec, Profile, Reason, Recommendation, Section

__all__ = ["Chosen", "choose", "recommend"]

ORDER = {section: place for place, section in enumerate(Section)}
# Readers of one block: more gain nothing.
MOST_READERS = 128


class Chosen(NamedTuple):
    """Some readers, what is to their taste, and what was picked for each."""

    readers: Sequence[Reader]
    tastes: Tastes
    picks: Sequence[Sequence[Pick]]


def recommend(
    profiles: Sequence[Profile],
    already_sent: Mapping[int, Collection[int]],
    prepared: Prepared,
    learned: Sequence[Sequence[Learned]] | None = None,
    library: Library | None = None,
) -> list[list[Recommendation]]:
    """Choose papers for each profile, in reading order; ``already_sent`` maps subscriber ids to paper ids.

    ``learned`` has what was learnt of each profile's interests, in their order; left out, it is learnt now.
    ``library`` is what earlier calls looked up of the same candidates, in this thread.
    A score is recomputed from its ``parts`` by :func:`digest.ranking.parts.score_of`.

    Equal input gives equal output, whatever the order of papers, observations, profiles, interests or of
    what an interest consists of, and whoever else is served beside a reader.
    """
    library = library or Library(prepared)
    found: list[list[Recommendation]] = []
    for readers, tastes, picks in choose(profiles, already_sent, library, learned):
        scored = score_picks(readers, picks, tastes, library)
        reasons = explain(readers, picks, scored, tastes, library)
        found.extend(_made(*each, tastes, library) for each in zip(picks, scored, reasons, strict=True))
        library.forget()
    return found


def choose(
    profiles: Sequence[Profile],
    already_sent: Mapping[int, Collection[int]],
    library: Library,
    learned: Sequence[Sequence[Learned]] | None = None,
) -> Iterator[Chosen]:
    """Score and select for blocks of readers, in their order; no words are made."""
    candidates = len(library.prepared.candidates)
    for first, last in _blocks(profiles, max(CELLS // max(candidates, 1), 1)):
        specs: list[InterestSpec] = []
        known: list[Learned] = []
        readers = []
        for at in range(first, last):
            profile = profiles[at]
            order = _order(profile.interests)
            own = [profile.interests[place] for place in order]
            readers.append(Reader(profile, own, len(specs)))
            specs.extend(own)
            if learned is not None:
                known.extend(learned[at][place] for place in order)
        tastes = taste_of(specs, learn(specs, library.prepared.model) if learned is None else known, library)
        sent = [already_sent.get(one.profile.subscriber_id, frozenset()) for one in readers]
        yield Chosen(readers, tastes, select(readers, tastes, sent, library))


def _blocks(profiles: Sequence[Profile], most: int) -> Iterator[tuple[int, int]]:
    """Yield spans of profiles of at most ``most`` interests and 128 readers, at least one profile each."""
    first, size = 0, 0
    for at, profile in enumerate(profiles):
        if at > first and (size + len(profile.interests) > most or at - first >= MOST_READERS):
            yield first, at
            first, size = at, 0
        size += max(len(profile.interests), 1)
    if first < len(profiles):
        yield first, len(profiles)


def _order(interests: Sequence[InterestSpec]) -> list[int]:
    """Return the places of interests in an order that does not depend on the one they are in."""
    names = [one.name for one in interests]
    places = range(len(names))
    if len(set(names)) == len(names):
        return sorted(places, key=names.__getitem__)
    return sorted(places, key=lambda place: _tells_apart(interests[place]))


def _tells_apart(
    interest: InterestSpec,
) -> tuple[str, int, list[list[str]], list[tuple[str, str, float]]]:
    number = -1 if interest.interest_id is None else interest.interest_id
    asked = (
        interest.keywords,
        interest.authors,
        interest.must_keywords,
        interest.not_keywords,
        interest.categories,
    )
    examples = sorted((one.title, one.abstract, one.weight) for one in interest.examples)
    return interest.name, number, [sorted(each) for each in asked], examples


def _made(
    picks: Sequence[Pick],
    scored: Sequence[Scored],
    reasons: Sequence[tuple[Reason, ...]],
    tastes: Tastes,
    library: Library,
) -> list[Recommendation]:
    """Put a reader's picks into reading order."""
    candidates, interests, position = library.prepared.candidates, tastes.interests, library.positions
    order = sorted(
        (ORDER[pick.section], -one.score, position[pick.row] if pick.section in OF_TREND else 0, pick.row, at)
        for at, (pick, one) in enumerate(zip(picks, scored, strict=True))
    )
    found = []
    for _, _, _, row, at in order:
        pick, one = picks[at], scored[at]
        interest = None if pick.interest is None else interests[pick.interest]
        found.append(
            Recommendation(
                candidates[row].paper_id,
                pick.section,
                one.score,
                interest.name if interest else None,
                interest.interest_id if interest else None,
                reasons[at],
                one.parts,
            )
        )
    return found
