"""A reader as the selection sees them, and what is picked for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from digest.ranking.authors import AuthorMatch
from digest.types import InterestSpec, Profile, Section

__all__ = ["THRESHOLD", "Pick", "Reader"]

# The least taste of a paper for a reader of whom nothing else was learnt.
THRESHOLD = 0.6


class Pick(NamedTuple):
    """A chosen candidate: its row, and the interest it was chosen for by place in ``Tastes``, if any."""

    row: int
    section: Section
    interest: int | None = None
    author: AuthorMatch | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Reader:
    """A profile with its interests in a fixed order; those of ``first`` on are its rows of ``Tastes``."""

    profile: Profile
    interests: Sequence[InterestSpec]
    first: int

    @property
    def own(self) -> slice:
        """The reader's rows of ``Tastes``."""
        return slice(self.first, self.first + len(self.interests))

    @property
    def weight(self) -> float:
        """The weight of trend, from 0 to 1."""
        return min(max(self.profile.trend_weight, 0.0), 1.0)

    @property
    def cap(self) -> int:
        """The most papers of a digest."""
        return max(self.profile.max_papers, 0)

    @property
    def threshold(self) -> float:
        """The least taste of a paper for the reader."""
        return THRESHOLD if self.profile.threshold is None else self.profile.threshold

    @property
    def has_taste(self) -> bool:
        """Whether any interest asks for something."""
        return any(
            one.categories
            or one.keywords
            or one.must_keywords
            or any(each.weight > 0 for each in one.examples)
            for one in self.interests
        )

    def shows(self, section: Section) -> bool:
        """Whether the reader wants a section."""
        return section not in self.profile.hidden
