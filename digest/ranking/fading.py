"""Old likes fade: what somebody said of a paper long ago says less of what they want now."""

import math
from dataclasses import replace
from datetime import datetime
from typing import Final

from digest.types import Example, Profile

__all__ = ["faded", "faded_weight"]

# Weights change once in so many days, so that what is kept of an interest holds meanwhile.
STEP_DAYS: Final = 30
# The share of its weight that a like never falls below.
LEAST: Final = 0.05


def faded_weight(weight: float, liked_at: datetime | None, now: datetime, half_life_days: float) -> float:
    """Return ``weight × 0.5^(age / half-life)``, the age in whole steps of 30 days, at least a twentieth.

    What has no date does not fade, and nothing does with a half-life of 0. Both times are aware.
    """
    if liked_at is None or half_life_days <= 0:
        return weight
    steps = max((now - liked_at).days, 0) // STEP_DAYS
    return weight * max(math.pow(0.5, steps * STEP_DAYS / half_life_days), LEAST)


def faded(profile: Profile, now: datetime, half_life_days: float) -> Profile:
    """Return the profile with its likes (and dislikes) faded; the same object where nothing fades."""

    def aged(example: Example) -> Example:
        weight = faded_weight(example.weight, example.liked_at, now, half_life_days)
        return example if weight == example.weight else replace(example, weight=weight)

    interests = []
    for one in profile.interests:
        examples = tuple(map(aged, one.examples))
        is_same = all(new is old for new, old in zip(examples, one.examples, strict=True))
        interests.append(one if is_same else replace(one, examples=examples))
    if all(new is old for new, old in zip(interests, profile.interests, strict=True)):
        return profile
    return replace(profile, interests=tuple(interests))
