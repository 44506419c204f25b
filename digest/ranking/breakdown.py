"""All that a score is made of, for one paper and one reader, with the facts behind each part."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

import numpy as np

from digest.ranking.asking import wanted
from digest.ranking.authors import AuthorMatch
from digest.ranking.disliking import disliked_papers
from digest.ranking.learning import Learned
from digest.ranking.library import Library
from digest.ranking.likeness import Asking, Nearest, nearest_several
from digest.ranking.parts import score_picks, taste_of_parts
from digest.ranking.people import ByLiked, liked_author
from digest.ranking.prepared import Prepared
from digest.ranking.reader import Pick, Reader
from digest.ranking.reasons import categories_found, stands
from digest.ranking.taste import lowering
from digest.ranking.tastes import Tastes
from digest.ranking.trend import Growth, rising_parts, rising_score, trending_parts, trending_score
from digest.types import InterestSpec, Section

__all__ = ["InterestPart", "KeywordHit", "Lowered", "TrendFigures", "interest_part", "trend_figures"]

NEAREST: Final = 3
DIGITS: Final = 6


class KeywordHit(NamedTuple):
    """A keyword found in a paper; ``exact``: as it is written, else its words stand apart.

    ``adds`` is its part of the sum in ``keywords`` = 1 - exp(-sum), before the field counts.
    """

    keyword: str
    exact: bool
    in_title: bool
    is_must: bool
    adds: float


class Lowered(NamedTuple):
    """A paper marked "less", and the share of the taste that it takes (the strongest mark counts)."""

    paper_id: int | None
    title: str
    by: float


@dataclass(frozen=True, slots=True)
class InterestPart:
    """What one interest makes of a paper: the parts of a score (:mod:`digest.ranking.parts`) and their facts.

    ``taste`` is that of the parts, be it admitted or not; ``words`` are the words asked for that it has.
    ``by_liked`` is the author of several liked papers that it is by.
    ``lacks_must``: the interest has must-have keywords, and the paper none of them.
    """

    name: str
    interest_id: int | None
    taste: float
    score: float
    parts: Mapping[str, float]
    keywords: tuple[KeywordHit, ...] = ()
    words: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    lacks_must: bool = False
    categories: tuple[str, ...] = ()
    author: AuthorMatch | None = None
    by_liked: ByLiked | None = None
    nearest: tuple[Nearest, ...] = ()
    lowered_by: tuple[Lowered, ...] = ()

    @property
    def is_admitted(self) -> bool:
        """Whether neither an unwanted keyword nor the lack of a must-have one speaks against it."""
        return not self.unwanted and not self.lacks_must


@dataclass(frozen=True, slots=True)
class TrendFigures:
    """What votes say of a paper: the parts and scores of Trending and Rising, and its places in them.

    A place counts from 1 among all candidates; ``None`` where there is no evidence, and the score is 0.
    """

    trending: Mapping[str, float]
    trending_score: float
    trending_place: int | None
    rising: Mapping[str, float]
    rising_score: float
    rising_place: int | None
    growth: Growth | None


def interest_part(place: int, row: int, reader: Reader, tastes: Tastes, library: Library) -> InterestPart:
    """Return what the interest at a place of ``tastes`` makes of the candidate of that row."""
    interest, learned = tastes.interests[place], tastes.learned[place]
    author = _author(interest, row, library)
    pick = Pick(row, Section.FOR_YOU, place, author if reader.shows(Section.FOLLOWING) else None)
    parts, score, _ = score_picks([reader], [[pick]], tastes, library)[0][0]
    liked = learned.liked
    nearest = [] if liked is None else nearest_several(Asking(liked, [row]), library, NEAREST)[0]
    musts = [stands(word, row, library) for word in interest.must_keywords]
    terms = () if learned.asked is None else learned.asked.terms
    written = library.written(row)
    return InterestPart(
        name=interest.name,
        interest_id=interest.interest_id,
        taste=taste_of_parts(parts),
        score=score,
        parts=parts,
        keywords=_keywords(interest, learned, row, library),
        words=tuple(written[term] for term in terms if term in written),
        unwanted=tuple(word for word in interest.not_keywords if stands(word, row, library)),
        lacks_must=bool(interest.must_keywords) and not any(musts),
        categories=tuple(categories_found(interest, library.prepared.candidates[row])),
        author=author,
        by_liked=liked_author(learned.people, library.prepared.candidates[row].authors),
        nearest=tuple(one for one in nearest if one.part > 0),
        lowered_by=_lowered_by(interest, learned, row, library.prepared),
    )


def _author(interest: InterestSpec, row: int, library: Library) -> AuthorMatch | None:
    matches = chain.from_iterable(library.authors(name) for name in sorted(set(interest.authors)))
    own = [match for match in matches if match.row == row]
    return max(own, key=lambda match: match.exact, default=None)


def _keywords(interest: InterestSpec, learned: Learned, row: int, library: Library) -> tuple[KeywordHit, ...]:
    if learned.asked is None:
        return ()
    musts = {" ".join(word.split()).casefold() for word in interest.must_keywords}
    found = []
    for word in wanted(interest):
        hit = library.found(word).get(row)
        if hit is not None:
            is_must = hit.exact and " ".join(word.split()).casefold() in musts
            adds = round(hit.strength * learned.asked.hits[word], DIGITS)
            found.append(KeywordHit(word, hit.exact, hit.titled, is_must, adds))
    return tuple(sorted(found, key=lambda one: (-one.adds, one.keyword)))


def _lowered_by(
    interest: InterestSpec, learned: Learned, row: int, prepared: Prepared
) -> tuple[Lowered, ...]:
    if learned.marks is None:
        return ()
    by = np.concatenate([each[:, row] for each in lowering(learned.marks, prepared)])
    marked = [
        Lowered(paper.paper_id, paper.title, round(float(value), DIGITS))
        for paper, value in zip(disliked_papers(interest), by, strict=True)
        if value > 0
    ]
    return tuple(sorted(marked, key=lambda one: -one.by)[:NEAREST])


def trend_figures(row: int, prepared: Prepared) -> TrendFigures:
    """Return what votes say of the candidate of that row."""
    trend = prepared.trend
    trending, rising = trending_parts(trend, row), rising_parts(trend, row)
    places = [np.flatnonzero(order == row) for order in (trend.order, trend.rising_order)]
    first, second = (int(found[0]) + 1 if len(found) else None for found in places)
    is_rising = second is not None
    return TrendFigures(
        trending=trending,
        trending_score=trending_score(trending),
        trending_place=first,
        rising=rising,
        rising_score=rising_score(rising) if is_rising else 0.0,
        rising_place=second,
        growth=trend.growth[row],
    )
