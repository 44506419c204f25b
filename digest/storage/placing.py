"""Where what a reader said of papers goes: to the interest it was said for, else the nearest. No SQL here."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from digest.text import normalise
from digest.types import Example, InterestSpec

__all__ = ["LIKED", "Learning", "Placing"]

# Where feedback goes that no interest is near to.
LIKED = "Papers you liked"
# Words that every title has say nothing about what it is on.
COMMON_WORDS = """
    a an and are as at based be by can for from how in into is it its new not of on or our over that the their
    this through to toward towards under using via we what when where which with without
"""
COMMON = frozenset(COMMON_WORDS.split())


class Learning(NamedTuple):
    """An interest, and what feedback may join it: none, or that from a time on."""

    spec: InterestSpec
    only_examples: bool = False
    learn_from: datetime | None = None

    def takes(self, example: Example) -> bool:
        """Whether that may join it. What has no date counts as said now."""
        if self.only_examples:
            return False
        return self.learn_from is None or example.liked_at is None or example.liked_at >= self.learn_from


class Placing:
    """A profile's interests while feedback is added to them."""

    def __init__(self, interests: Sequence[Learning]) -> None:
        self._interests = list(interests)
        self._places = {
            one.spec.interest_id: place
            for place, one in enumerate(interests)
            if one.spec.interest_id is not None
        }
        self._words: dict[int, set[str]] = {}
        self._extra: dict[int, list[Example]] = defaultdict(list)

    def place(self, example: Example, interest_id: int | None) -> None:
        """Put an example where it was said to belong, else with the interest nearest to it.

        One that its interest does not take steers nothing.
        """
        place = self._places.get(interest_id) if interest_id is not None else None
        if place is None:
            place = self._nearest(example)
        if place is not None and self._interests[place].takes(example):
            self._extra[place].append(example)

    def _nearest(self, example: Example) -> int | None:
        paper = words_of(example.title, example.abstract)
        places = [place for place, one in enumerate(self._interests) if not one.only_examples]
        shared = [len(paper & self._words_of(place)) for place in places]
        if any(shared):
            return places[shared.index(max(shared))]
        liked = next((place for place in places if self._interests[place].spec.name == LIKED), None)
        if liked is None and example.weight > 0:
            self._interests.append(Learning(InterestSpec(name=LIKED)))
            liked = len(self._interests) - 1
        # What a reader does not want makes no topic of its own.
        return liked

    def _words_of(self, place: int) -> set[str]:
        found = self._words.get(place)
        if found is None:
            spec = self._interests[place].spec
            titles = (example.title for example in spec.examples)
            found = self._words[place] = words_of(*spec.keywords, *spec.must_keywords, *titles)
        return found

    def finish(self) -> tuple[InterestSpec, ...]:
        """The interests with what was added."""
        return tuple(
            replace(one.spec, examples=(*one.spec.examples, *self._extra[place]))
            if self._extra[place]
            else one.spec
            for place, one in enumerate(self._interests)
        )


def words_of(*texts: str) -> set[str]:
    """The words of texts that say what they are on."""
    return set(normalise(" ".join(texts)).split()) - COMMON
