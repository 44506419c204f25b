"""What a score is made of: named parts, rounded, from which anyone can recompute it.

For you, Following and Something different::

    close    = max(similar_words + similar_topic + similar_readers + similar_meaning, 0)
    examples = close² / (close² + usual²), 0 without liked papers
    taste    = (1 - (1-words)(1-keywords)(1-examples)(1-category)(1-people)) × (1-less)
    score    = author + must + (1-trend_weight) × taste + trend_weight × trend

``similar_meaning`` is there with a text model only, ``people`` not in issues of earlier versions; what is not
there is 0.

Trending and Rising: see :func:`digest.ranking.trend.trending_score` and ``rising_score``. A ``taste`` that
was not admitted (no must-have keyword, or an unwanted one) is told as 0 by ``admitted``.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from digest.ranking.library import Library
from digest.ranking.model import Ints
from digest.ranking.reader import Pick, Reader, Scored
from digest.ranking.tastes import Tastes
from digest.ranking.trend import rising_parts, rising_score, trending_parts, trending_score
from digest.types import Section

__all__ = ["OF_TREND", "examples_of", "score_of", "score_picks", "taste_of_parts", "taste_when_chosen"]

DIGITS = 6
OF_TREND = (Section.TRENDING, Section.RISING)

Value = TypeVar("Value", float, NDArray[np.float64])


def score_picks(
    readers: Sequence[Reader], picks: Sequence[Sequence[Pick]], tastes: Tastes, library: Library
) -> list[list[Scored]]:
    """Return the scores of all readers' picks; what is of taste is looked up for all at once."""
    by_taste = [
        (pick, weight)
        for weight, own in zip([reader.weight for reader in readers], picks, strict=True)
        for pick in own
        if pick.section not in OF_TREND
    ]
    found = iter(_by_taste(by_taste, tastes, library))
    return [
        [_by_trend(pick, library) if pick.section in OF_TREND else next(found) for pick in own]
        for own in picks
    ]


def _by_trend(pick: Pick, library: Library) -> Scored:
    """The same for all readers."""
    key = (pick.section, pick.row)
    found = library.scored.get(key)
    if found is None:
        of = trending_parts if pick.section is Section.TRENDING else rising_parts
        parts = of(library.prepared.trend, pick.row)
        found = library.scored[key] = Scored(parts, score_of(parts))
    return found


def _by_taste(picked: Sequence[tuple[Pick, float]], tastes: Tastes, library: Library) -> list[Scored]:
    if not picked:
        return []
    place = np.array([pick.interest or 0 for pick, _ in picked])
    row = np.array([pick.row for pick, _ in picked])
    columns = {name: each.round(DIGITS) for name, each in tastes.parts(place, row).items()}
    chosen, unadmitted = tastes.taste[place, row], _taste(columns)
    columns["admitted"] = ((chosen > 0) | (unadmitted == 0)).astype(np.float64)
    columns["trend"] = library.prepared.trend.score[row].astype(np.float64).round(DIGITS)
    columns["trend_weight"] = np.array([weight for _, weight in picked])
    columns["must"] = np.zeros(len(picked))
    if any(one is not None for one in tastes.must):
        columns["must"][:] = [_has(tastes.must[pick.interest or 0], pick.row) for pick, _ in picked]
    columns["author"] = np.array([float(pick.author is not None) for pick, _ in picked])
    names = tuple(columns)
    values = zip(*(each.tolist() for each in columns.values()), strict=True)
    scores, examples = _score(columns).tolist(), _examples(columns).tolist()
    return [
        Scored(dict(zip(names, own, strict=True)), round(score, DIGITS), close)
        for own, score, close in zip(values, scores, examples, strict=True)
    ]


def _has(rows: Ints | None, row: int) -> float:
    return float(rows is not None and bool((rows == row).any()))


def examples_of(parts: Mapping[str, float]) -> float:
    """Return the part of the liked papers, from 0 to 1."""
    return _examples(parts)


def _examples(parts: Mapping[str, Value]) -> Value:
    close = parts["similar_words"] + parts["similar_topic"] + parts["similar_readers"]
    if "similar_meaning" in parts:
        close = close + parts["similar_meaning"]
    close = close * (close > 0)
    return close * close / (close * close + parts["usual"] * parts["usual"])


def taste_of_parts(parts: Mapping[str, float]) -> float:
    """Return the taste that parts make, be it admitted or not."""
    return _taste(parts)


def _taste(parts: Mapping[str, Value]) -> Value:
    against = (1 - parts["words"]) * (1 - parts["keywords"]) * (1 - parts["category"])
    if "people" in parts:
        against = against * (1 - parts["people"])
    return (1 - against * (1 - _examples(parts))) * (1 - parts["less"])


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
    return round(_score(parts), DIGITS)


def _score(parts: Mapping[str, Value]) -> Value:
    taste = _taste(parts) * parts["admitted"]
    mixed = (1 - parts["trend_weight"]) * taste + parts["trend_weight"] * parts["trend"]
    return parts["author"] + parts["must"] + mixed
