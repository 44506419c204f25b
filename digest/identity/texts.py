"""Titles and abstracts as words: those that are compared, and those that a paper is looked up by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from digest.text import normalise

__all__ = ["CUT_ABSTRACT", "SHORT_ABSTRACT", "LookupWords", "Words", "lookup_words", "words_of"]

# How much of a long text is looked at.
MAX_LETTERS: Final = 6000
MAX_WORDS: Final = 400
# Shorter words are articles, or what is left of formulas.
PLAIN_LETTERS: Final = 4
# Below that an abstract proves nothing; so much of one that was cut off has to be there.
SHORT_ABSTRACT: Final = 15
CUT_ABSTRACT: Final = 40

_LATEX_WORDS: Final = """
    begin bigl bigr cdot cite emph ensuremath equiv frac geq ldots left leftarrow leq mathbb mathbf mathcal
    mathit mathrm mathsf operatorname otimes overline quad right rightarrow sqrt text textbf textcolor textit
    textrm textsc textsf textsubscript textsuperscript texttt textup times underline varepsilon
"""
_LATEX: Final = frozenset(_LATEX_WORDS.split())
_GLUED: Final = re.compile(
    r"text(?:tt|bf|it|rm|sc|sf|up|color)|math(?:bb|bf|cal|it|rm|sf)|cdot|times(?=\d)|(?<=\d)times"
)
_NUMBER: Final = re.compile(r"\d+")
_ROMAN: Final = frozenset(("ii", "iii", "iv", "vi", "vii", "viii", "ix", "xi", "xii"))
_COMMON_WORDS: Final = """
    about also based from have into learning method methods model models more network networks neural over
    paper propose show such than that their then these this through towards under using very what when which
    while with
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Words:
    """A text made comparable. ``letters`` is the title without spaces, ``numbers`` what it counts."""

    letters: str
    title: frozenset[str]
    numbers: tuple[str, ...]
    abstract: tuple[str, ...]


@lru_cache(maxsize=4096)
def words_of(title: str, abstract: str) -> Words:
    """The comparable form of a title and an abstract."""
    words = [word for word in normalise(title[:MAX_LETTERS]).split() if word not in _LATEX]
    half = len(words) // 2
    if half > 1 and words[:half] == words[half:]:
        words = words[:half]  # one site writes a title twice in a row
    letters = _GLUED.sub("", "".join(words))
    numbers = sorted([*_NUMBER.findall(letters), *(word for word in words if word in _ROMAN)])
    return Words(
        letters=letters,
        title=frozenset(word for word in words if len(word) >= PLAIN_LETTERS),
        numbers=tuple(numbers),
        abstract=tuple(_plain_words(abstract)),
    )


def _plain_words(text: str) -> list[str]:
    words = normalise(text[:MAX_LETTERS]).split()
    plain = (word for word in words if len(word) >= PLAIN_LETTERS and word.isalpha() and word not in _LATEX)
    return [word for word, _ in zip(plain, range(MAX_WORDS), strict=False)]


# --- looking candidates up -------------------------------------------------------------------------

TITLE_WORDS: Final = 4
ABSTRACT_WORDS: Final = 5
LONGEST: Final = 18


@dataclass(frozen=True, slots=True)
class LookupWords:
    """The words that a paper of such a text has: all but one of ``title``, or all but one of ``abstract``."""

    title: tuple[str, ...]
    abstract: tuple[str, ...]

    @property
    def title_needed(self) -> int:
        """How many of the title's words are enough; 0 where they are too few to go by."""
        return max(2, len(self.title) - 1) if len(self.title) > 1 else 0

    @property
    def abstract_needed(self) -> int:
        """The same of the abstract's."""
        return len(self.abstract) - 1 if len(self.abstract) == ABSTRACT_WORDS else 0


def lookup_words(words: Words) -> LookupWords | None:
    """The rarest words by their looks: the longest ones. ``None`` where the text can join nothing."""
    if len(words.abstract) < SHORT_ABSTRACT:
        return None
    title = [word for word in words.title if word.isalpha()]
    # The beginning only: the rest may be cut off.
    abstract = words.abstract[:CUT_ABSTRACT]
    return LookupWords(tuple(_longest(title, TITLE_WORDS)), tuple(_longest(abstract, ABSTRACT_WORDS)))


def _longest(words: Sequence[str], number: int) -> list[str]:
    usual = {word for word in words if len(word) <= LONGEST}
    return sorted(usual, key=lambda word: (word in _COMMON, -len(word), word))[:number]
