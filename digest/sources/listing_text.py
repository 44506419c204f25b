"""The text of a page of papers: its header, and then titles and abstracts in turn.

Nothing marks a title, so paragraphs are labelled all together: titles are short, abstracts long, and
they take turns. The labels that contradict this least are found by dynamic programming, so that one
paper without an abstract, or with an empty, endless or odd title, does not turn all later ones round.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from digest.text import parse_day, plain

__all__ = ["Header", "Pair", "Paragraph", "pair_up", "read_header", "split_paragraphs"]

# What contradictions cost. One odd paragraph in its turn must cost less than the two breaks that would
# take it out of turn; a few usual paragraphs out of turn must cost more than two breaks.
BREAK = 2.0
LONG_TITLE, SENTENCE_AS_TITLE = 3.0, 1.0
SHORT_ABSTRACT, NO_SENTENCE = 1.5, 0.4
# Lengths in characters at which a paragraph begins to be odd, and is as odd as it gets.
LONG_TITLES = (200, 350)
SHORT_ABSTRACTS = (200, 20)
# Shorter text between two linked titles is a label or a number, not an abstract.
MIN_LINKED_ABSTRACT = 60

# The header's lines in the page's order; each stands there at most once. ``rest`` is what a line had
# glued to it: reader mode joins a button and the heading behind it.
HEADER = (
    re.compile(r"new", re.IGNORECASE),
    re.compile(r"get trending papers in your email inbox once a day!?", re.IGNORECASE),
    re.compile(r"get trending papers in your email inbox!?", re.IGNORECASE),
    re.compile(r"Subscribe(?!(?:r|rs|d|s)\b)(?P<rest>\S.*)?"),
    re.compile(r"(?:daily|trending) papers(?: [-–—·|] hugging face)?", re.IGNORECASE),
    re.compile(r"(?:(?:Daily|Trending) Papers ?)?by ?@?AK(?: and the research community(?P<rest>.*))?"),
    re.compile(r"search by arxiv id or title", re.IGNORECASE),
    re.compile(r"submit(?: a paper)?", re.IGNORECASE),
)
# The lines no other page has, and how far down a page they are looked for (menus may come before).
CERTAIN = (HEADER[1], HEADER[2], HEADER[5])
HEADER_DEPTH = 40
# "Aug" and "1" stand in two boxes on the page of 2024.
MONTH = re.compile(r"[A-Z][a-z]{2,8}\.?")
DAY = re.compile(r"\d{1,2}")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text. ``ref`` is the paper's id where it is a heading that links to one."""

    text: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What stood before the papers. ``is_certain``: no other site's page begins like this."""

    is_certain: bool
    page_date: date | None
    rest: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A title and its abstract; either may be empty. ``ref`` is the paper's id where it is told."""

    title: str
    abstract: str
    ref: str | None = None


def split_paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of a text, each as plain text, empty ones left out.

    Lines end in LF or CRLF only (in CR where there is nothing else): U+2028, U+0085 and form feeds do
    not tear a title apart. Where blank lines stand between nearly all lines, lines without one between
    them are one paragraph.
    """
    lines = (text if "\n" in text else text.replace("\r", "\n")).split("\n")
    filled = [bool(line.strip()) for line in lines]
    adjacent = sum(one and next_one for one, next_one in pairwise(filled))
    apart = sum(one and not next_one for one, next_one in pairwise(filled))
    if adjacent * 2 < apart:
        groups: list[list[str]] = [[]]
        for line, is_filled in zip(lines, filled, strict=True):
            if is_filled:
                groups[-1].append(line)
            elif groups[-1]:
                groups.append([])
        lines = [" ".join(group) for group in groups]
    return [Paragraph(clean) for line in lines if (clean := plain(line))]


def read_header(paragraphs: Sequence[Paragraph], *, today: date) -> Header:
    """Take the header off the front: known lines in the page's order, each once, the date last.

    So a first title that reads like a line of the header stays a title. The page's date is the
    latest day of its name that is not after ``today``.
    """
    rest = list(paragraphs)
    start, is_certain = _first_certain(rest)
    del rest[:start]
    stage = 0
    while rest and (found := _header_line(rest[0].text, stage)):
        stage, glued = found
        rest[:1] = [Paragraph(glued)] if glued else []
    dated = _date(rest, today)
    if dated is None:
        return Header(is_certain, None, tuple(rest))
    day, lines = dated
    return Header(is_certain, day, tuple(rest[lines:]))


def pair_up(paragraphs: Sequence[Paragraph]) -> list[Pair]:
    """Titles with their abstracts, in order; a paragraph that only repeats the one before is dropped.

    Where headings link to papers, they are the titles, and the longest paragraph up to the next one
    is the abstract.
    """
    kept = [one for before, one in pairwise([None, *paragraphs]) if one is not None and one != before]
    if any(paragraph.ref for paragraph in kept):
        return _pair_linked(kept)
    pairs: list[Pair] = []
    after_title = False
    for paragraph, is_title in zip(kept, _label(kept), strict=True):
        if is_title:
            pairs.append(Pair(_once(paragraph.text), ""))
        elif after_title:
            pairs[-1] = Pair(pairs[-1].title, paragraph.text)
        else:
            pairs.append(Pair("", paragraph.text))
        after_title = is_title
    return pairs


def _pair_linked(paragraphs: Sequence[Paragraph]) -> list[Pair]:
    starts = [index for index, paragraph in enumerate(paragraphs) if paragraph.ref]
    pairs = []
    for start, end in pairwise([*starts, len(paragraphs)]):
        longest = max((one.text for one in paragraphs[start + 1 : end]), key=len, default="")
        abstract = longest if len(longest) >= MIN_LINKED_ABSTRACT else ""
        pairs.append(Pair(_once(paragraphs[start].text), abstract, paragraphs[start].ref))
    return pairs


def _first_certain(paragraphs: Sequence[Paragraph]) -> tuple[int, bool]:
    """Where the header begins, and whether a line proves that it is one."""
    for index, paragraph in enumerate(paragraphs[:HEADER_DEPTH]):
        if any(line.fullmatch(paragraph.text) for line in CERTAIN):
            return index, True
    return 0, False


def _header_line(text: str, stage: int) -> tuple[int, str] | None:
    """The stage after this line of the header and what was glued to it, or ``None`` for another text."""
    for number in range(stage, len(HEADER)):
        if match := HEADER[number].fullmatch(text):
            return number + 1, (match.groupdict().get("rest") or "").strip()
    return None


def _date(paragraphs: Sequence[Paragraph], today: date) -> tuple[date, int] | None:
    """The day that stands in front, and how many paragraphs it takes."""
    if not paragraphs:
        return None
    first = paragraphs[0].text
    if day := parse_day(first, not_after=today):
        return day, 1
    if len(paragraphs) > 1 and MONTH.fullmatch(first) and DAY.fullmatch(paragraphs[1].text):
        day = parse_day(f"{first} {paragraphs[1].text}", not_after=today)
    return (day, 2) if day else None


def _label(paragraphs: Sequence[Paragraph]) -> list[bool]:
    """For each paragraph whether it is a title: the cheapest of all labellings (Viterbi, linear)."""
    abstract, title = 0.0, BREAK  # the costs so far; as if an abstract stood before the first one
    came_from: list[tuple[bool, bool]] = []
    for paragraph in paragraphs:
        came_from.append((title <= abstract + BREAK, title + BREAK < abstract))
        abstract, title = (
            min(title, abstract + BREAK) + _abstract_cost(paragraph.text),
            min(abstract, title + BREAK) + _title_cost(paragraph.text),
        )
    is_title = title <= abstract
    labels: list[bool] = []
    for before in reversed(came_from):
        labels.append(is_title)
        is_title = before[is_title]
    return labels[::-1]


def _title_cost(text: str) -> float:
    cost = LONG_TITLE * _oddness(len(text), *LONG_TITLES)
    return min(cost + (SENTENCE_AS_TITLE if _is_sentence(text) else 0.0), LONG_TITLE)


def _abstract_cost(text: str) -> float:
    cost = SHORT_ABSTRACT * _oddness(len(text), *SHORT_ABSTRACTS)
    return cost + (0.0 if _is_sentence(text) else NO_SENTENCE)


def _is_sentence(text: str) -> bool:
    return text.rstrip("\"'”’)]").endswith((".", "!", "?", "…"))


def _oddness(length: int, usual: int, odd: int) -> float:
    """0 up to the usual length, 1 at the odd one and beyond, a straight line between them."""
    return min(max((length - usual) / (odd - usual), 0.0), 1.0)


def _once(title: str) -> str:
    """A title that is written twice in a row, once. Two words ("New York New York") may mean it."""
    half, odd = divmod(len(title), 2)
    if odd and title[half] == " " and title[:half] == title[half + 1 :] and title[:half].count(" ") >= 2:
        return title[:half]
    return title
