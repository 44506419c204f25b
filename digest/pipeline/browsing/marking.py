"""Which words of a text are those that were looked for, and the part of an abstract that shows them. Pure.

Databases match words by their stems; here a word matches where it is the same but for its ending, or begins
with the last word that was looked for.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from digest.ranking.terms import fold

__all__ = ["Pieces", "Words", "excerpt_of", "mark_words"]

# A text in pieces: (text, whether it is one of the words).
Pieces = tuple[tuple[str, bool], ...]

EXCERPT = 300
WORD = re.compile(r"[^\W_]+")
ENDINGS = (
    *("ations", "ation", "ators", "ator", "ments", "ment", "ings", "ing", "ions", "ion", "ives", "ive"),
    *("ally", "als", "al", "ers", "er", "ors", "or", "ies", "ied", "ed", "es", "ly", "s", "e", "y"),
)
LEAST_STEM = 3


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    folded = fold(word)
    for ending in ENDINGS:
        if folded.endswith(ending) and len(folded) - len(ending) >= LEAST_STEM:
            return folded[: -len(ending)]
    return folded


class Words:
    """The words that were looked for. ``beginning``: the last may be only the start of one."""

    def __init__(self, words: Sequence[str], *, beginning: bool = False) -> None:
        self._stems = frozenset(map(_stem, words))
        self._start = fold(words[-1]) if beginning and words else ""

    def __bool__(self) -> bool:
        return bool(self._stems)

    def match(self, text: str) -> list[tuple[int, int]]:
        """Where the text has them: (from, to), in order."""
        return [found.span() for found in WORD.finditer(text) if self._is_one(found[0])]

    def _is_one(self, word: str) -> bool:
        return _stem(word) in self._stems or bool(self._start and fold(word).startswith(self._start))


def mark_words(text: str, words: Words) -> Pieces:
    """The whole text in pieces."""
    pieces: list[tuple[str, bool]] = []
    place = 0
    for first, last in words.match(text) if words else ():
        pieces += [(text[place:first], False), (text[first:last], True)]
        place = last
    pieces.append((text[place:], False))
    return tuple(piece for piece in pieces if piece[0])


def excerpt_of(text: str, words: Words, *, length: int = EXCERPT) -> Pieces:
    """About ``length`` characters of the text where most of the words stand, else its beginning."""
    if len(text) <= length:
        return mark_words(text, words)
    first, last = _window(text, [first for first, _ in words.match(text)], length)
    before = (("… ", False),) if first else ()
    after = ((" …", False),) if last < len(text) else ()
    return (*before, *mark_words(text[first:last].strip(), words), *after)


def _window(text: str, hits: Sequence[int], length: int) -> tuple[int, int]:
    """The span of whole words with most hits, which begins a little before the first of them."""
    counts = {at: bisect_left(hits, at + length * 3 // 4) - place for place, at in enumerate(hits)}
    best = max(hits, key=lambda at: (counts[at], -at), default=0)
    first = max(best - length // 5, 0)
    if first:
        first = text.find(" ", first, best) + 1 or best
    last = first + length
    if last >= len(text):
        return first, len(text)
    space = text.rfind(" ", first, last)
    return first, space if space > first else last
