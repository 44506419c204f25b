"""What a score is made of: named parts, rounded, from which anyone can recompute it.

For you, Following and Something different::

    close    = max(similar_words + similar_topic + similar_readers, 0)
    examples = close² / (close² + usual²), 0 without liked papers
    taste    = (1 - (1-words)(1-keywords)(1-examples)(1-category)) × (1-less)
    score    = author + must + (1-trend_weight) × taste + trend_weight × trend

Trending and Rising: see :func:`digest.ranking.trend.trending_score` and ``rising_score``. A ``taste`` that
was not admitted (no must-have keyword, or an unwanted one) is told as 0 by ``admitted``.
"""

from collections.abc import Mapping

import numpy as np

from digest.ranking.library import Library
from digest.ranking.reader import Pick, Reader
from digest.ranking.taste import Tastes
from digest.ranking.trend import rising_parts, rising_score, trending_parts, trending_score
from digest.types import Section

__all__ = ["examples_of", "parts_of", "score_of", "taste_of_parts", "taste_when_chosen"]

DIGITS = 6


def parts_of(pick: Pick, reader: Reader, tastes: Tastes, library: Library) -> dict[str, float]:
    """Return the parts of a pick's score by name."""
    trend = library.prepared.trend
    if pick.section is Section.TRENDING:
        return trending_parts(trend, pick.row)
    if pick.section is Section.RISING:
        return rising_parts(trend, pick.row)
    place = pick.interest or 0
    parts = {name: round(value, DIGITS) for name, value in tastes.parts(place, pick.row).items()}
    must = tastes.must[place]
    parts["admitted"] = float(tastes.taste[place, pick.row] > 0 or not taste_of_parts(parts))
    parts["trend"] = round(float(trend.score[pick.row]), DIGITS)
    parts["trend_weight"] = reader.weight
    parts["must"] = float(must is not None and bool(np.any(must == pick.row)))
    parts["author"] = float(pick.author is not None)
    return parts


def examples_of(parts: Mapping[str, float]) -> float:
    """Return the part of the liked papers, from 0 to 1."""
    close = max(parts["similar_words"] + parts["similar_topic"] + parts["similar_readers"], 0.0)
    return close**2 / (close**2 + parts["usual"] ** 2)


def taste_of_parts(parts: Mapping[str, float]) -> float:
    """Return the taste that parts make, be it admitted or not."""
    against = (1 - parts["words"]) * (1 - parts["keywords"]) * (1 - parts["category"])
    return (1 - against * (1 - examples_of(parts))) * (1 - parts["less"])


def taste_when_chosen(parts: Mapping[str, float]) -> float | None:
    """Return the taste that a stored recommendation was chosen by, from its parts.

    ``None`` where something else decided: votes, a followed author, a must-have keyword. Issues of earlier
    versions have the taste itself among the parts.
    """
    if parts.get("author") or parts.get("must"):
        return None
    if "taste" in parts:
        return parts["taste"]
    return taste_of_parts(parts) if "usual" in parts and "words" in parts else None


def score_of(parts: Mapping[str, float]) -> float:
    """Return the score that parts make; which of the module's formulas it is, their names tell."""
    if "votes_a_day" in parts:
        return trending_score(parts)
    if "gained" in parts:
        return rising_score(parts)
    taste = taste_of_parts(parts) * parts["admitted"]
    mixed = (1 - parts["trend_weight"]) * taste + parts["trend_weight"] * parts["trend"]
    return round(parts["author"] + parts["must"] + mixed, DIGITS)
