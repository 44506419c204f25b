"""Which candidates are by a followed author: exact names, those that differ by initials, and groups.

Names are compared case-folded and without accents; "Example, Ada" is Ada Example. It does not know
people: two authors of one name are one here. An ORCID iD is kept beside a name, and no source tells one, so
it is the name that is compared. A group is a paper's organisation, or stands among its authors.
"""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.ranking.terms import fold
from digest.text import read_followed
from digest.types import Candidate

__all__ = ["AuthorIndex", "AuthorMatch", "compare", "index_authors", "name_key", "name_number", "name_parts"]

_PART = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[^\W_]+")


class AuthorMatch(NamedTuple):
    """A candidate's row, the followed name, the name as the paper has it, and whether they are equal.

    ``followed`` is the name alone, without the iD or the word that it was written with.
    """

    row: int
    followed: str
    listed: str
    exact: bool
    is_group: bool = False


@lru_cache(maxsize=4_096)
def name_parts(name: str) -> tuple[str, ...]:
    """Return a name's words for comparing, given names first; empty for a name without letters."""
    family, comma, given = name.partition(",")
    return tuple(_PART.findall(fold(f"{given} {family}" if comma else name)))


def compare(one: str, two: str) -> Literal["exact", "initials"] | None:
    """Hold two names against each other.

    ``initials``: the family names are equal, and each given name equals the other's, or is its initial,
    or is missing after the first ("A. Example", "Ada Example", "Ada B. Example").
    """
    first, second = name_parts(one), name_parts(two)
    if not first or not second:
        return None
    if first == second:
        return "exact"
    if first[-1] != second[-1] or min(len(first), len(second)) < 2:
        return None
    given = zip(first[:-1], second[:-1], strict=False)
    alike = all(a == b or (min(len(a), len(b)) == 1 and a[0] == b[0]) for a, b in given)
    return "initials" if alike else None


def name_key(name: str) -> int | None:
    """Return a number that names which may be alike have in common: of family name and first initial."""
    parts = name_parts(name)
    if not parts:
        return None
    return _number(f"{parts[-1]} {parts[0][0] if len(parts) > 1 else ''}")


def name_number(name: str) -> int:
    """Return a number of a whole name: equal for names that :func:`compare` calls exact."""
    return _number(" ".join(name_parts(name)))


def _number(words: str) -> int:
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest(), signed=True)


@dataclass(frozen=True, eq=False, slots=True)
class AuthorIndex:
    """Keys of all authors of the candidates, ascending, with the candidates' rows."""

    keys: NDArray[np.int64]
    rows: NDArray[np.int32]
    candidates: Sequence[Candidate]

    def find(self, followed: str) -> list[AuthorMatch]:
        """Return the candidates by an author; of one paper, an exact name before a similar one.

        ``followed`` is as people write it (see :func:`digest.text.read_followed`).
        """
        meant = read_followed(followed)
        key = name_key(meant.name)
        if key is None:
            return []
        first, last = self.keys.searchsorted(key), self.keys.searchsorted(key, "right")
        if first == last:
            return []
        match = self._group if meant.is_group else self._author
        found = (match(int(row), meant.name) for row in np.unique(self.rows[first:last]))
        return [one for one in found if one is not None]

    def spans(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where each key's candidates begin and end in ``rows``."""
        return np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")

    def _author(self, row: int, name: str) -> AuthorMatch | None:
        similar = None
        for listed in self.candidates[row].authors:
            kind = compare(name, listed)
            if kind == "exact":
                return AuthorMatch(row, name, listed, True)
            if kind and similar is None:
                similar = AuthorMatch(row, name, listed, False)
        return similar

    def _group(self, row: int, name: str) -> AuthorMatch | None:
        paper, words = self.candidates[row], _group_words(name)
        for listed in (paper.organisation or "", *paper.authors):
            if _group_words(listed) == words:
                return AuthorMatch(row, name, listed, True, is_group=True)
        return None


@lru_cache(maxsize=4_096)
def _group_words(name: str) -> tuple[str, ...]:
    """All words of a group's name; a number tells groups apart."""
    return tuple(_WORD.findall(fold(name)))


def index_authors(candidates: Sequence[Candidate]) -> AuthorIndex:
    """Index the authors and organisations of candidates; a row is a candidate's place in the sequence."""
    keys, rows = array("q"), array("i")
    for row, candidate in enumerate(candidates):
        names = (*candidate.authors, candidate.organisation or "")
        found = {key for name in names if (key := name_key(name)) is not None}
        keys.extend(found)
        rows.extend([row] * len(found))
    key_of, row_of = np.array(keys, dtype=np.int64), np.array(rows, dtype=np.int32)
    order = np.lexsort((row_of, key_of))
    return AuthorIndex(key_of[order], row_of[order], candidates)
