"""A reader as the selection sees them, and what is picked for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from digest.ranking.authors import AuthorMatch
from digest.types import InterestSpec, Profile, Section

__all__ = ["THRESHOLD", "Pick", "Reader", "Scored"]

# The least taste of a paper for a reader of whom nothing else was learnt.
THRESHOLD = 0.6


class Pick(NamedTuple):
    """A chosen candidate: its row, and the interest it was chosen for by place in ``Tastes``, if any."""

    row: int
    section: Section
    interest: int | None = None
    author: AuthorMatch | None = None


class Scored(NamedTuple):
    """The named parts of a pick's score, the score, and what of it is by liked papers, from 0 to 1."""

    parts: dict[str, float]
    score: float
    examples: float = 0.0


@dataclass(eq=False, slots=True)
class Reader:
    """A profile with its interests in a fixed order; those of ``first`` on are its rows of ``Tastes``.

    ``weight`` is that of trend, from 0 to 1; ``cap`` the most papers of a digest; ``threshold`` the least
    taste of a paper; ``has_taste`` says whether any interest asks for something.
    """

    profile: Profile
    interests: Sequence[InterestSpec]
    first: int
    weight: float = field(init=False)
    cap: int = field(init=False)
    threshold: float = field(init=False)
    has_taste: bool = field(init=False)

    def __post_init__(self) -> None:
        """Read once what is asked for often."""
        profile = self.profile
        self.weight = min(max(profile.trend_weight, 0.0), 1.0)
        self.cap = max(profile.max_papers, 0)
        self.threshold = THRESHOLD if profile.threshold is None else profile.threshold
        self.has_taste = any(map(_asks, self.interests))

    @property
    def own(self) -> slice:
        """The reader's rows of ``Tastes``."""
        return slice(self.first, self.first + len(self.interests))

    def shows(self, section: Section) -> bool:
        """Whether the reader wants a section."""
        return section not in self.profile.hidden


def _asks(interest: InterestSpec) -> bool:
    if interest.categories or interest.keywords or interest.must_keywords:
        return True
    return any(one.weight > 0 for one in interest.examples)
