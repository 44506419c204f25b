"""While you were away: the best of what a reader missed, once, behind what is new."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import numpy as np

from digest.pipeline.due import LOOK_BACK_DAYS, Absence
from digest.ranking import Learned, Library, Prepared, recommend
from digest.types import Profile, Recommendation, Section

__all__ = ["Question", "over_time", "question_of", "recommend_with_missed", "span_days"]

# Readers who were away for about as long share what is prepared.
SPANS = (7, 14, 30, LOOK_BACK_DAYS)
# Up to so many days an absence is short: it fills a digest up by half; a longer one doubles it.
SHORT_DAYS = 7

Sent = Mapping[int, Collection[int]]


def span_days(absence: Absence, day: date, usual: int) -> int:
    """How many days up to ``day`` are to be prepared for an absence: the usual, or a longer span."""
    days = (day - absence.first).days + 1
    return next((span for span in (usual, *SPANS) if span >= days), SPANS[-1])


def recommend_with_missed(
    profiles: Sequence[Profile],
    absences: Sequence[Absence | None],
    sent: Sent,
    library: Library,
    wide: Mapping[Absence, Prepared],
    learned: Sequence[Sequence[Learned]],
) -> list[list[Recommendation]]:
    """What each reader gets; papers listed while they were away come last, in a section of their own.

    ``absences`` and ``learned`` go with ``profiles``; ``wide`` has the papers to look back on. Who was away
    gets at most ``max_papers`` of what is new, and of what was missed; both together at most half as many
    again as usual, or twice as many after more than a week. No paper comes twice.
    """
    listed = {absence: _listed(library.prepared, absence) for absence in set(absences) if absence is not None}
    new = {
        profile.subscriber_id: listed[absence].union(sent.get(profile.subscriber_id, ()))
        for profile, absence in zip(profiles, absences, strict=True)
        if absence is not None
    }
    found = recommend(profiles, {**sent, **new}, library.prepared, learned, library)
    alike: dict[int, list[int]] = defaultdict(list)
    for place, absence in enumerate(absences):
        if absence is not None:
            alike[id(wide[absence])].append(place)
    for places in alike.values():
        away = [absences[place] for place in places]
        missed = _missed(
            [profiles[place] for place in places],
            away,
            sent,
            [found[place] for place in places],
            wide,
            [learned[place] for place in places],
        )
        for place, more in zip(places, missed, strict=True):
            found[place] = [*found[place], *more]
    return found


def _missed(
    profiles: Sequence[Profile],
    absences: Sequence[Absence | None],
    sent: Sent,
    chosen: Sequence[Sequence[Recommendation]],
    wide: Mapping[Absence, Prepared],
    learned: Sequence[Sequence[Learned]],
) -> list[list[Recommendation]]:
    """The best of what these readers missed, all of them looking back on the same papers."""
    known: dict[int, frozenset[int]] = {}
    others: dict[Absence, frozenset[int]] = {}
    asked = []
    prepared: Prepared | None = None
    for profile, absence, had in zip(profiles, absences, chosen, strict=True):
        assert absence is not None  # noqa: S101 - only who was away is asked for
        prepared = wide[absence]
        if absence not in others:
            others[absence] = _others(prepared, absence)
        known[profile.subscriber_id] = others[absence].union(sent.get(profile.subscriber_id, ()))
        asked.append(replace(profile, max_papers=_places(profile.max_papers, absence, len(had))))
    assert prepared is not None  # noqa: S101 - somebody was away
    return [
        sorted(
            (replace(one, section=Section.AWAY) for one in found), key=lambda one: (-one.score, one.paper_id)
        )
        for found in recommend(asked, known, prepared, learned)
    ]


class Question(NamedTuple):
    """How a paper was asked about for a reader: the profile, what counts as known, and among which papers."""

    profile: Profile
    known: frozenset[int]
    prepared: Prepared


def question_of(
    paper_id: int,
    profile: Profile,
    absence: Absence | None,
    new: int,
    sent: Collection[int],
    prepared: Prepared,
    wide: Mapping[Absence, Prepared],
) -> Question:
    """How :func:`recommend_with_missed` asks about a paper for a reader who gets ``new`` new ones."""
    if absence is None:
        return Question(profile, frozenset(sent), prepared)
    missed = wide[absence]
    if paper_id not in _listed(missed, absence):
        return Question(profile, _listed(prepared, absence).union(sent), prepared)
    places = replace(profile, max_papers=_places(profile.max_papers, absence, new))
    return Question(places, _others(missed, absence).union(sent), missed)


def over_time(prepared: Prepared) -> Prepared:
    """The same papers, judged by how many votes they have and not by how fast these came.

    Votes a day favour the last days of a long time: over weeks it is the best of all of them that counts.
    """
    trend = prepared.trend
    level = trend.level
    order = np.lexsort((np.arange(len(level)), trend.position, -level.round(9)))
    none = np.zeros(len(level))
    by_votes = replace(
        trend,
        speed=level,
        score=level,
        order=order[level[order] > 0].astype(np.int32),
        rising=none,
        rising_order=np.zeros(0, dtype=np.int32),
    )
    return replace(prepared, trend=by_votes)


def _places(usual: int, absence: Absence, taken: int) -> int:
    is_short = (absence.last - absence.first).days < SHORT_DAYS
    whole = usual + (usual + 1) // 2 if is_short else 2 * usual
    return min(usual, whole - taken)


def _listed(prepared: Prepared, absence: Absence) -> frozenset[int]:
    """The papers listed while the reader was away."""
    return frozenset(
        one.paper_id
        for one in prepared.candidates
        if one.listed_on is not None and absence.first <= one.listed_on <= absence.last
    )


def _others(prepared: Prepared, absence: Absence) -> frozenset[int]:
    """All other papers, but for those under the title of one that was missed.

    What is left out for one paper is left out for all of its title; so each would keep the other away.
    """
    within = _listed(prepared, absence)
    titles = {int(prepared.same_title[prepared.rows[number]]) for number in within}
    return frozenset(
        one.paper_id
        for one in prepared.candidates
        if one.paper_id not in within and int(prepared.same_title[prepared.rows[one.paper_id]]) not in titles
    )
