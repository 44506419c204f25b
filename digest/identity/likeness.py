"""Titles and abstracts held against each other: are two texts one paper's, and how sure is that?

Measured on real pages (``bench/identity.py``): the abstracts of different papers with like titles share at
most .52 of their letters, except for two papers of one title whose abstracts differ in fourteen words; the
same abstract with its LaTeX mangled differs in what is no plain word. So plain words are what is compared.
"""

from collections.abc import Sequence
from typing import Final

from rapidfuzz.distance import Indel

from digest.identity.texts import CUT_ABSTRACT, SHORT_ABSTRACT, Words

__all__ = ["likeness"]

# A title in other letters, and an abstract of which three plain words in a hundred differ.
SAME_TITLE: Final = 0.8
SAME_ABSTRACT: Final = 0.97
# With so many plain words, of which one in a hundred differs, an abstract proves a paper under another
# title, as journals give it, if half of the title's words are there.
EQUAL_ABSTRACT: Final = 0.985
LONG_ABSTRACT: Final = 60
SHARED_TITLE: Final = 0.5
# An abstract is cut off where the other goes on for more than a tenth.
CUT: Final = 0.9
# One cut off proves less than a whole one.
CUT_CERTAINTY: Final = 0.95


def likeness(one: Words, other: Words) -> tuple[str, float] | None:
    """Why two texts of different sources are one paper's, and how sure that is (0 to 1).

    ``None`` where they are not, or nothing shows that they are.
    Both need an abstract: of a title alone nothing follows. Numbers in the titles have to agree, since
    "Part I" is not "Part II".
    """
    if one.numbers != other.numbers:
        return None
    abstract = _abstracts(one.abstract, other.abstract)
    if abstract is None:
        return None
    title = Indel.normalized_similarity(one.letters, other.letters)
    sure = 0.3 * title + 0.7 * abstract
    if title >= SAME_TITLE:
        return "same title and abstract", sure
    enough = min(len(one.abstract), len(other.abstract)) >= LONG_ABSTRACT and abstract >= EQUAL_ABSTRACT
    if enough and _shared(one.title, other.title) >= SHARED_TITLE:
        return "same abstract, other title", sure
    return None


def _abstracts(one: Sequence[str], other: Sequence[str]) -> float | None:
    """How alike two abstracts of one paper are, ``None`` where they are not one paper's.

    One that is cut off is held against the beginning of the other.
    """
    short, long = sorted((one, other), key=len)
    if len(short) < SHORT_ABSTRACT:
        return None
    if len(short) >= CUT * len(long):
        whole = Indel.normalized_similarity(short, long)
        return whole if whole >= SAME_ABSTRACT else None
    if len(short) < CUT_ABSTRACT:
        return None
    # The last word may be cut in half.
    begun = Indel.normalized_similarity(short[:-1], long[: len(short) - 1])
    return CUT_CERTAINTY * begun if begun >= EQUAL_ABSTRACT else None


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, min(len(one), len(other)))
