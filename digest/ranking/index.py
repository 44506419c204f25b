"""Where each word of the candidates stands, so that keywords and phrases are found as a person reads them.

Matching is by whole words, whatever their case, accents and plural; hyphens may be there or not
("3-D", "3D"; "pre-training", "pre training", "pretraining"). It does not guess at synonyms.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.ranking.features import TITLE_WEIGHT
from digest.ranking.terms import FUNCTION_WORDS, Token, tokenise, tokens_of, words

__all__ = ["Hits", "IndexBuilder", "TermIndex"]

# Places between two fields: more than any term spans, so that no phrase goes across.
GAP = (-1,) * 4
# Squared count at which a keyword says half of what it can: once in passing is little, in the title much.
HALF_AT = 6.0
# What a phrase says whose words all occur, but apart, or of which only two of three occur.
LOOSE, PARTLY = 0.5, 0.35

Ints = NDArray[np.int32]
Spans = tuple[Ints, Ints]


@dataclass(frozen=True, eq=False, slots=True)
class Hits:
    """Where one keyword was found: rows of candidates (ascending) and how strongly, in (0, 1).

    ``exact``: the phrase stands there as such; else its words do, but apart. ``titled``: in the title.
    """

    rows: Ints
    strength: NDArray[np.float32]
    exact: NDArray[np.bool_]
    titled: NDArray[np.bool_]

    def at(self, row: int) -> int | None:
        """Return the place of a candidate's row in these arrays, or ``None`` where there is no hit."""
        place = int(np.searchsorted(self.rows, row))
        return place if place < len(self.rows) and self.rows[place] == row else None


@dataclass(frozen=True, eq=False, slots=True)
class TermIndex:
    """The words of all candidates in a row, titles first in each, as columns of terms.

    ``places`` are those of all words, column after column and ascending within each; those of column ``c``
    end at ``ends[c + 1]`` (column -1 stands for function words and for what is between texts). Joined forms
    of hyphenated words are kept apart: ``joined`` are their columns, ascending, with places and widths beside
    them. ``text_starts`` and ``title_ends`` have a place per candidate; ``extra`` are columns of terms the
    model does not know.
    """

    known: Mapping[str, int]
    extra: Mapping[str, int]
    places: Ints
    ends: Ints
    joined: Ints
    joined_places: Ints
    joined_widths: Ints
    text_starts: Ints
    title_ends: Ints

    @property
    def columns(self) -> int:
        """The number of columns."""
        return len(self.known) + len(self.extra)

    def column(self, term: str) -> int | None:
        """Return a term's column, or ``None`` for one that neither model nor candidates have."""
        found = self.known.get(term)
        return self.extra.get(term) if found is None else found

    def _spans(self, term: str) -> Spans:
        column = self.column(term)
        if column is None:
            nothing = np.empty(0, dtype=np.int32)
            return nothing, nothing
        starts = self.places[self.ends[column] : self.ends[column + 1]]
        first, last = self.joined.searchsorted((column, column + 1))
        if first == last:
            return starts, starts + 1
        joined, widths = self.joined_places[first:last], self.joined_widths[first:last]
        return np.concatenate([starts, joined]), np.concatenate([starts + 1, joined + widths])

    def rows_with(self, term: str) -> Ints:
        """Return the rows of the candidates that have a term, ascending."""
        return np.unique(self.rows_of(self._spans(term)[0]))

    def phrase(self, keyword: str) -> Ints:
        """Return the places where a keyword begins in the candidates' texts, ascending, each once."""
        return self._begins(tokenise(keyword))

    def _begins(self, tokens: Sequence[Token]) -> Ints:
        words = [token for token in tokens if token.term not in FUNCTION_WORDS]
        if not words:
            return np.empty(0, dtype=np.int32)
        first, last = words[0].start, max(token.start + token.width for token in words)
        chains: dict[int, list[Spans]] = {}  # place in the keyword -> spans that match it up to there
        for token in sorted([*tokens, *_pairs(words)], key=lambda token: token.start):
            if not first <= token.start < last:
                continue
            before = _join(chains.get(token.start, []))
            if token.term in FUNCTION_WORDS:  # any one word may stand here
                spans = (before[0], before[1] + 1)
            else:
                spans = self._spans(token.term)
                spans = spans if token.start == first else _follow(before, spans)
            chains.setdefault(token.start + token.width, []).append(spans)
        return np.unique(_join(chains.get(last, []))[0])

    def rows_of(self, places: Ints) -> Ints:
        """Return the candidate's row for each place."""
        return (self.text_starts.searchsorted(places, side="right") - 1).astype(np.int32)

    def _weights(self, places: Ints) -> tuple[Ints, NDArray[np.float64], NDArray[np.bool_]]:
        places = np.sort(places)
        rows = self.rows_of(places)
        titled = places < self.title_ends[rows]
        if not len(rows):
            return rows, np.empty(0), np.empty(0, dtype=bool)
        new = np.ones(len(rows), dtype=bool)
        new[1:] = rows[1:] != rows[:-1]
        first = np.flatnonzero(new)
        weight = np.add.reduceat(np.where(titled, float(TITLE_WEIGHT), 1.0), first)
        return rows[first], weight, np.logical_or.reduceat(titled, first)

    def find(self, keyword: str) -> Hits:
        """Return where a keyword is found: as a phrase, or weaker where its words stand apart.

        Of a phrase of three words or more, all but one suffice for a weak hit.
        """
        tokens = tokenise(keyword)
        rows, weight, titled = self._weights(self._begins(tokens))
        strength, exact = _saturated(weight), np.ones(len(rows), dtype=bool)
        words = {token.term for token in tokens if token.width == 1 and token.feature}
        if len(words) > 1:
            apart, how_much, in_title = self._apart(sorted(words))
            new = ~np.isin(apart, rows)
            rows = np.concatenate([rows, apart[new]])
            order = np.argsort(rows, kind="stable")
            rows = rows[order]
            strength = np.concatenate([strength, how_much[new]])[order]
            exact = np.concatenate([exact, np.zeros(int(new.sum()), dtype=bool)])[order]
            titled = np.concatenate([titled, in_title[new]])[order]
        return Hits(rows.astype(np.int32), strength.astype(np.float32), exact, titled)

    def _apart(self, words: Sequence[str]) -> tuple[Ints, NDArray[np.float64], NDArray[np.bool_]]:
        """Return rows that have all of the words, or all but one of three and more, with what that says."""
        found = [self._weights(self._spans(word)[0]) for word in words]
        rows = np.unique(np.concatenate([each for each, _, _ in found]))
        weights = np.zeros((len(words), len(rows)))
        titled = np.zeros((len(words), len(rows)), dtype=bool)
        for number, (each, weight, in_title) in enumerate(found):
            at = np.searchsorted(rows, each)
            weights[number, at], titled[number, at] = weight, in_title
        weights.sort(axis=0)
        number_found = (weights > 0).sum(axis=0)
        enough = number_found >= max(len(words) - 1, 2)
        least = np.where(number_found == len(words), weights[0], weights[min(1, len(words) - 1)])
        share = np.where(number_found == len(words), LOOSE, PARTLY)
        return (
            rows[enough],
            (share * _saturated(least))[enough],
            np.all(titled, axis=0, keepdims=True)[0, enough],
        )


def _saturated(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weight**2 / (weight**2 + HALF_AT))


def _pairs(words: Sequence[Token]) -> list[Token]:
    """Two neighbouring words of a keyword may stand written together in a text."""
    single = [token for token in words if token.width == 1]
    return [
        Token(one.term + two.term, one.start, 2, True)
        for one, two in pairwise(single)
        if two.start == one.start + 1 and one.term.isascii()
    ]


def _join(spans: Sequence[Spans]) -> Spans:
    if len(spans) == 1:
        return spans[0]
    nothing = np.empty(0, dtype=np.int32)
    starts = np.concatenate([nothing, *(start for start, _ in spans)])
    ends = np.concatenate([nothing, *(end for _, end in spans)])
    return starts, ends


def _follow(before: Spans, after: Spans) -> Spans:
    """Chain spans: where one of ``after`` begins at the end of one of ``before``."""
    if not len(after[0]) or not len(before[0]):
        nothing = np.empty(0, dtype=np.int32)
        return nothing, nothing
    order = np.argsort(after[0], kind="stable")
    starts, ends = after[0][order], after[1][order]
    first = np.searchsorted(starts, before[1], side="left")
    last = np.searchsorted(starts, before[1], side="right")
    chained = np.repeat(np.arange(len(first)), last - first)
    if not len(chained):
        nothing = np.empty(0, dtype=np.int32)
        return nothing, nothing
    offsets = np.arange(len(chained)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    return before[0][chained], ends[first[chained] + offsets]


class _Entry(NamedTuple):
    """What a word adds: a column per place (-1: none), joined forms (column, width), columns to count."""

    places: tuple[int, ...]
    joined: tuple[tuple[int, int], ...]
    features: tuple[int, ...]


class IndexBuilder:
    """Takes up candidates' words one after the other."""

    REMEMBERED = 1 << 14

    def __init__(self, known: Mapping[str, int]) -> None:
        self.known = known
        self.extra: dict[str, int] = {}
        self._entries: dict[str, _Entry] = {}
        self._places = array("i")
        self._joined: list[tuple[int, int, int]] = []
        self._text_starts, self._title_ends = array("i"), array("i")

    def column(self, term: str) -> int:
        """Return a term's column, a new one for a term that is neither known nor had before."""
        found = self.known.get(term)
        if found is None:
            found = self.extra.setdefault(term, len(self.known) + len(self.extra))
        return found

    def _entry(self, word: str) -> _Entry:
        entry = self._entries.get(word)
        if entry is None:
            tokens = tokens_of(word)
            single = [token.term for token in tokens if token.width == 1]
            entry = _Entry(
                tuple(-1 if term in FUNCTION_WORDS else self.column(term) for term in single),
                tuple((self.column(token.term), token.width) for token in tokens if token.width > 1),
                tuple(self.column(token.term) for token in tokens if token.feature),
            )
            if len(self._entries) >= self.REMEMBERED:
                self._entries.clear()
            self._entries[word] = entry
        return entry

    def add(self, fields: Sequence[str]) -> dict[int, int]:
        """Take up a candidate's fields, the title first, and return the weighted counts of its features.

        Phrases do not cross fields.
        """
        counts: dict[int, int] = {}
        self._text_starts.append(len(self._places))
        for number, text in enumerate(fields):
            weight = 1 if number else TITLE_WEIGHT
            for word in words(text):
                places, joined, features = self._entry(word)
                for column in features:
                    counts[column] = counts.get(column, 0) + weight
                for column, width in joined:
                    self._joined.append((column, len(self._places), width))
                self._places.extend(places)
            self._places.extend(GAP)
            if number == 0:
                self._title_ends.append(len(self._places))
        return counts

    def build(self) -> TermIndex:
        """Return the index; the builder is used up."""
        joined = np.array(sorted(self._joined), dtype=np.int32).reshape(-1, 3)
        columns = np.frombuffer(self._places, dtype=np.int32) if self._places else np.empty(0, dtype=np.int32)
        sizes = np.bincount(columns + 1, minlength=len(self.known) + len(self.extra) + 1)
        return TermIndex(
            known=self.known,
            extra=self.extra,
            places=np.argsort(columns, kind="stable").astype(np.int32),
            ends=np.cumsum(sizes).astype(np.int32),
            joined=np.ascontiguousarray(joined[:, 0]),
            joined_places=joined[:, 1],
            joined_widths=joined[:, 2],
            text_starts=np.array(self._text_starts, dtype=np.int32),
            title_ends=np.array(self._title_ends, dtype=np.int32),
        )
