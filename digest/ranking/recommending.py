"""Recommendations for many readers at once: score in blocks, then select and explain for each reader."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from digest.ranking.library import Library
from digest.ranking.prepared import Prepared
from digest.ranking.reasons import explain
from digest.ranking.selection import Pick, Reader, select
from digest.ranking.taste import CELLS, taste_of
from digest.types import InterestSpec, Profile, Reason, Recommendation

__all__ = ["recommend"]


def recommend(
    profiles: Sequence[Profile], already_sent: Mapping[int, Collection[int]], prepared: Prepared
) -> list[list[Recommendation]]:
    """Choose papers for each profile, in reading order; ``already_sent`` maps subscriber ids to paper ids.

    A score is recomputed from its ``parts``. For you and Following::

        taste = (1 - (1-words)(1-keywords)(1-examples)(1-category)) × (1-less), or 0 where not admitted
        score = author + must + (1-trend_weight) × taste + trend_weight × trend

    Trending: ``score = trend = (votes + votes_a_day) / 2``, both as shares (log) of the most any candidate
    has. Rising: ``score = rising = 1 - (usual_at_its_age + 1) / (votes_a_day + 1)``.

    Equal input gives equal output, whatever the order of papers, observations, profiles, interests or of
    what an interest consists of.
    """
    library = Library(prepared)
    found: list[list[Recommendation]] = []
    for block in _blocks(profiles, max(CELLS // max(len(prepared.candidates), 1), 1)):
        interests = [sorted(profile.interests, key=_order) for profile in block]
        tastes = taste_of([one for each in interests for one in each], library)
        first = 0
        for profile, own in zip(block, interests, strict=True):
            part = slice(first, first + len(own))
            parts = {name: values[part] for name, values in tastes.parts.items()}
            reader = Reader(profile, own, parts, tastes.must[part])
            picks = select(reader, already_sent.get(profile.subscriber_id, ()), library)
            reasons = explain(reader, picks, library)
            found.append([_made(*each, reader, prepared) for each in zip(picks, reasons, strict=True)])
            first += len(own)
        library.forget()
    return found


def _blocks(profiles: Sequence[Profile], most: int) -> Iterator[list[Profile]]:
    """Yield profiles in blocks of at most ``most`` interests, at least one profile each."""
    block: list[Profile] = []
    size = 0
    for profile in profiles:
        if block and size + len(profile.interests) > most:
            yield block
            block, size = [], 0
        block.append(profile)
        size += max(len(profile.interests), 1)
    if block:
        yield block


def _order(interest: InterestSpec) -> tuple[str, int, tuple[str, ...], tuple[str, ...]]:
    number = -1 if interest.interest_id is None else interest.interest_id
    return interest.name, number, tuple(sorted(interest.keywords)), tuple(sorted(interest.authors))


def _made(pick: Pick, reasons: tuple[Reason, ...], reader: Reader, prepared: Prepared) -> Recommendation:
    interest = None if pick.interest is None else reader.interests[pick.interest]
    return Recommendation(
        paper_id=prepared.candidates[pick.row].paper_id,
        section=pick.section,
        score=pick.score,
        interest=interest.name if interest else None,
        interest_id=interest.interest_id if interest else None,
        reasons=reasons,
        parts=pick.parts,
    )
