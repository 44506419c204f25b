"""Why a candidate is in a reader's digest, or is not: the choice made once more for one reader, and read out.

Everything comes from the functions that choose: the same tastes, the same selection, the same parts. The
first cause that is true is told, from the paper itself (it was sent, or says the same as another) to the
places that others took.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from digest.ranking.alike import title_number
from digest.ranking.breakdown import InterestPart, TrendFigures, interest_part, trend_figures
from digest.ranking.learning import Learned
from digest.ranking.library import Library
from digest.ranking.prepared import Prepared
from digest.ranking.reader import Pick, Reader
from digest.ranking.recommending import Chosen, choose, recommend
from digest.ranking.selection import mark_known
from digest.ranking.tastes import Tastes
from digest.types import Candidate, Example, InterestSpec, Profile, Recommendation, Section

__all__ = ["Cause", "PaperExplanation", "explain_paper"]


class Cause(StrEnum):
    """Why a candidate is shown or not."""

    SHOWN = "shown"
    SENT = "sent"
    GIVEN = "given"
    LIKE_KNOWN = "like_known"
    LIKE_SHOWN = "like_shown"
    SECTION_HIDDEN = "section_hidden"
    CROWDED_OUT = "crowded_out"
    UNWANTED_KEYWORD = "unwanted_keyword"
    NO_MUST_KEYWORD = "no_must_keyword"
    BELOW_THRESHOLD = "below_threshold"
    NO_VOTES = "no_votes"
    NOTHING_WANTED = "nothing_wanted"


@dataclass(frozen=True, slots=True)
class PaperExplanation:
    """The first true cause, its facts, and all that was measured.

    ``papers`` is the digest as it would be. ``section`` is where the paper is, where it would be but for the
    cause, or where others took the places: ``taken`` of them, ``better`` by a higher score; ``place`` counts
    from 1 in the whole digest. ``interest`` is the one that the cause speaks of. ``other`` and
    ``other_title`` name the paper that this one says the same as, ``origin`` why that (or this) is known, as
    in :class:`digest.types.Example`, or "sent". ``interests`` stand nearest first.
    """

    paper_id: int
    cause: Cause
    threshold: float
    interests: tuple[InterestPart, ...]
    trend: TrendFigures
    papers: tuple[Recommendation, ...] = ()
    section: Section | None = None
    place: int | None = None
    interest: InterestPart | None = None
    other: int | None = None
    other_title: str = ""
    origin: str = ""
    taken: int = 0
    better: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class _Case:
    """One reader and one candidate, with what was chosen for the reader, and what was found out so far."""

    profile: Profile
    sent: Collection[int]
    row: int
    learned: Sequence[Sequence[Learned]] | None
    library: Library
    chosen: Chosen
    found: PaperExplanation

    @property
    def reader(self) -> Reader:
        return self.chosen.readers[0]

    @property
    def tastes(self) -> Tastes:
        return self.chosen.tastes

    @property
    def picks(self) -> Sequence[Pick]:
        return self.chosen.picks[0]


def explain_paper(
    profile: Profile,
    sent: Collection[int],
    row: int,
    prepared: Prepared,
    learned: Sequence[Learned] | None = None,
) -> PaperExplanation:
    """Say why the candidate of that row is in the profile's digest, or is not.

    ``sent`` are the papers the reader had already, ``learned`` is what was learnt of the interests, in their
    order (left out, it is learnt now).
    """
    library = Library(prepared)
    own, had = None if learned is None else [learned], {profile.subscriber_id: sent}
    (chosen,) = choose([profile], had, library, own)
    reader, tastes = chosen.readers[0], chosen.tastes
    parts = [interest_part(place, row, reader, tastes, library) for place in range(len(reader.interests))]
    found = PaperExplanation(
        paper_id=prepared.candidates[row].paper_id,
        cause=Cause.NOTHING_WANTED,
        threshold=reader.threshold,
        interests=tuple(sorted(parts, key=lambda one: (-one.taste, not one.is_admitted, one.name))),
        trend=trend_figures(row, prepared),
        papers=tuple(recommend([profile], had, prepared, own)[0]),
    )
    case = _Case(profile, sent, row, own, library, chosen, found)
    for look in (_shown, _known, _like_shown, _hidden, _by_author, _by_taste, _by_trend):
        if (told := look(case)) is not None:
            return told
    return found


def _shown(case: _Case) -> PaperExplanation | None:
    found = case.found
    for place, one in enumerate(found.papers, start=1):
        if one.paper_id == found.paper_id:
            interest = _of(found, one.interest, one.interest_id) if one.interest is not None else None
            return replace(found, cause=Cause.SHOWN, section=one.section, place=place, interest=interest)
    return None


def _of(found: PaperExplanation, name: str | None, number: int | None) -> InterestPart:
    return next(one for one in found.interests if (one.name, one.interest_id) == (name, number))


def _known(case: _Case) -> PaperExplanation | None:
    """The reader had it, gave it or judged it; or one that says the same."""
    prepared, row = case.library.prepared, case.row
    if not mark_known([case.reader], case.tastes, [case.sent], prepared)[0, row]:
        return None
    same = np.flatnonzero(prepared.alike.group == prepared.alike.group[row]).tolist()
    for at in sorted(same, key=lambda at: (at != row, at)):
        paper = prepared.candidates[at]
        found = replace(case.found, other=paper.paper_id, other_title=paper.title)
        if paper.paper_id in case.sent:
            return replace(found, cause=Cause.SENT if at == row else Cause.LIKE_KNOWN, origin="sent")
        if (given := _given(case.reader, paper)) is not None:
            interest, example = given
            part = _of(found, interest.name, interest.interest_id)
            cause = Cause.GIVEN if at == row else Cause.LIKE_KNOWN
            return replace(
                found, cause=cause, interest=part, other_title=example.title, origin=example.origin
            )
    return None


def _given(reader: Reader, paper: Candidate) -> tuple[InterestSpec, Example] | None:
    """The example that a candidate is, by its id or its title."""
    number = title_number(paper.title)
    for interest in reader.interests:
        for one in interest.examples:
            is_title = one.origin != "about" and title_number(one.title) == number
            if is_title or one.paper_id == paper.paper_id:
                return interest, one
    return None


def _like_shown(case: _Case) -> PaperExplanation | None:
    groups, candidates = case.library.groups, case.library.prepared.candidates
    for pick in case.picks:
        if groups[pick.row] == groups[case.row]:
            other = candidates[pick.row]
            return replace(case.found, cause=Cause.LIKE_SHOWN, other=other.paper_id, other_title=other.title)
    return None


def _hidden(case: _Case) -> PaperExplanation | None:
    """It would be shown if the reader hid nothing."""
    hidden = case.profile.hidden
    if not hidden:
        return None
    everything = replace(case.profile, hidden=frozenset())
    had = {case.profile.subscriber_id: case.sent}
    (chosen,) = choose([everything], had, case.library, case.learned)
    for pick in chosen.picks[0]:
        if pick.row == case.row and pick.section in hidden:
            return replace(
                case.found,
                cause=Cause.SECTION_HIDDEN,
                section=pick.section,
                interest=_part_of(case, pick.interest),
            )
    return None


def _part_of(case: _Case, place: int | None) -> InterestPart | None:
    if place is None:
        return None
    interest = case.tastes.interests[place]
    return _of(case.found, interest.name, interest.interest_id)


def _by_author(case: _Case) -> PaperExplanation | None:
    """It is by somebody followed, and others of theirs have all the places."""
    by = [one for one in case.found.interests if one.author is not None]
    if not by or not case.reader.shows(Section.FOLLOWING):
        return None
    return _crowded_out(case.found, Section.FOLLOWING, by[0], by[0].score)


def _by_taste(case: _Case) -> PaperExplanation | None:
    """What speaks for or against it by taste, for readers whose digest goes by that."""
    reader, found = case.reader, case.found
    if not reader.has_taste or reader.weight == 1:
        return None
    taste = case.tastes.taste[:, case.row] >= np.float32(reader.threshold)
    good = [
        part
        for place in range(len(reader.interests))
        if (part := _part_of(case, place)) is not None and (taste[place] or part.parts["must"])
    ]
    if good:
        best = max(good, key=lambda one: one.score)
        if not reader.shows(Section.FOR_YOU):
            return replace(found, cause=Cause.SECTION_HIDDEN, section=Section.FOR_YOU, interest=best)
        return _crowded_out(found, Section.FOR_YOU, best, best.score)
    nearest = found.interests[0]
    if nearest.is_admitted:
        return replace(found, cause=Cause.BELOW_THRESHOLD, interest=nearest)
    cause = Cause.UNWANTED_KEYWORD if nearest.unwanted else Cause.NO_MUST_KEYWORD
    return replace(found, cause=cause, interest=nearest)


def _by_trend(case: _Case) -> PaperExplanation | None:
    """For readers whose digest goes by votes alone."""
    if case.reader.weight == 0:
        return None
    if case.found.trend.trending_place is None:
        return replace(case.found, cause=Cause.NO_VOTES, section=Section.TRENDING)
    if not case.reader.shows(Section.TRENDING):
        return replace(case.found, cause=Cause.SECTION_HIDDEN, section=Section.TRENDING)
    return _crowded_out(case.found, Section.TRENDING, None, case.found.trend.trending_score)


def _crowded_out(
    found: PaperExplanation, section: Section, interest: InterestPart | None, score: float
) -> PaperExplanation:
    scores = [one.score for one in found.papers if one.section is section]
    better = sum(one > score for one in scores)
    return replace(
        found,
        cause=Cause.CROWDED_OUT,
        section=section,
        interest=interest,
        taken=len(scores),
        better=better,
    )
