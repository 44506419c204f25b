"""Citation keys: ``vaswani-2017-attention``, ASCII, each once in a file."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from digest.libraries.names import last_name
from digest.libraries.paper import LibraryPaper
from digest.libraries.tidying import tidied
from digest.text import normalise

__all__ = ["with_keys"]

MAX_PART: Final = 30
_SMALL_WORDS: Final = """
    a an and are as at can do does for from how in into is of on or the to towards via we what when where why
    with
"""
_SMALL: Final = frozenset(_SMALL_WORDS.split())
_ASCII: Final = re.compile(r"[a-z0-9]+")


def with_keys(papers: Iterable[LibraryPaper]) -> Iterator[tuple[str, LibraryPaper]]:
    """Each paper, fit to be written, with its key. The same papers in the same order get the same keys."""
    used: set[str] = set()
    counts: dict[str, int] = {}
    for paper in map(tidied, papers):
        stem = key = _stem(paper)
        while key in used:
            counts[stem] = counts.get(stem, 1) + 1
            key = f"{stem}-{counts[stem]}"
        used.add(key)
        yield key, paper


def _stem(paper: LibraryPaper) -> str:
    author = _word(last_name(paper.authors[0])) if paper.authors else ""
    words = (_word(word) for word in paper.title.split()[:20])
    title = next((word for word in words if word and word not in _SMALL), "")
    year = str(paper.year) if paper.year is not None else ""
    return "-".join(part for part in (author, year, title) if part) or "paper"


def _word(text: str) -> str:
    plain = unicodedata.normalize("NFKD", normalise(text))
    return "".join(_ASCII.findall(plain))[:MAX_PART]
