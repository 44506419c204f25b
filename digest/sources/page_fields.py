"""An item of a described list as an entry: what its fields say, made plain, safe and short."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from digest.sources.doi_or_arxiv import read_doi
from digest.text import parse_arxiv_id, parse_count, parse_day, plain, safe_url
from digest.types import Entry

__all__ = ["READERS", "Item", "Surroundings", "origin", "read_day", "read_declared", "read_entry"]

MAX_TITLE = 1000
MAX_NAME = 200
MAX_AUTHORS = 500
# A source's own id has to fit into an index.
MAX_REF = 300
# What an integer column of every database holds.
MAX_COUNT = 2**31 - 1
# No part of a word, of a longer number or of a version, and not below zero.
NUMBER = re.compile(
    r"(?<![\w.,])(?<!(?<![0-9])[-−])[0-9]{1,12}(?:,[0-9]{3}){0,3}(?:\.[0-9]{1,6})?"
    r"(?: ?[kKmMbB]\b)?(?![\w,.]*[0-9])"
)
# What stands between a part and the whole: "1–25 of 300", "25 reports of 300", "25/300".
OUT_OF = re.compile(r"[0-9] ?(?: [^\W0-9]{1,20} )?(?:\b(?:of|from|von|de|sur)|/) ?\Z", re.IGNORECASE)
YEAR = re.compile(r"(?<![0-9])[12][0-9]{3}(?![0-9])")
AUTHORS_LABEL = re.compile(r"\s*(?:(?:authors?|by)\s*:|by\s)\s*", re.IGNORECASE)
# White space has been squeezed before, or this would take quadratic time.
BETWEEN_AUTHORS = re.compile(r" ?[,;·•|\n] ?| (?:and|und|et|&) ")
SPACES = re.compile(r"[^\S\n]+")
LINE_BREAK = re.compile(r" ?\n[ \n]*")


class Item(Protocol):
    """One item of a list, whatever it is written in."""

    def text(self, name: str) -> str | None:
        """The raw text of a field, ``None`` where it is not there."""

    def texts(self, name: str) -> list[str]:
        """The raw texts of a field of which there may be several."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What fields are read by: the page's address, where its links start, the day it was asked for, and how
    days are written there.
    """

    url: str
    base: str
    day: date | None = None
    date_format: str | None = None


def read_entry(item: Item, around: Surroundings, position: int, *, needs_link: bool) -> Entry | None:
    """The item as an entry; ``None`` where it has no title, or no link that may be kept but needs one."""
    title = _title(item, around)
    url = _link(item, around)
    if not title or (needs_link and not url):
        return None
    arxiv_id, doi = _ids(url)
    day = _date(item, around)
    return Entry(
        title=title,
        position=position,
        abstract=_abstract(item, around) or "",
        arxiv_id=arxiv_id,
        doi=doi,
        source_ref=_ref(url, around.url) if url else None,
        # A day that has not come yet is no day it could have been listed on.
        listed_on=day if day and (around.day is None or day <= around.day) else None,
        published_on=day,
        votes=read_count(item.text("votes")),
        comments=read_count(item.text("comments")),
        stars=read_count(item.text("stars")),
        authors=_authors(item, around),
        url=url,
    )


def read_count(text: str | None) -> int | None:
    """The number in a text: ``1,234``, ``90.1k``, ``98 points``; ``None`` for none or a huge one."""
    if not text:
        return None
    words = plain(text, limit=MAX_NAME)
    found = NUMBER.search(words)
    count = parse_count(words)
    if count is None and found:
        count = parse_count(found[0])
    return count if count is not None and 0 <= count <= MAX_COUNT else None


def read_declared(text: str | None) -> int | None:
    """How many items a text says there are: of "25 of 300" it is 300, else the first number."""
    words = plain(text or "", limit=1000)
    told = list(NUMBER.finditer(words))
    last = [found for found in told if OUT_OF.search(words[: found.start()])]
    return read_count((last or told)[0][0]) if told else None


def read_day(text: str | None, around: Surroundings) -> date | None:
    """The day in a text; one without a year is the latest such day that is not after the day asked for."""
    if not text:
        return None
    words = plain(text, limit=MAX_NAME)
    if around.date_format is not None:
        try:
            return datetime.strptime(words, around.date_format).date()
        except ValueError:
            return None
    if around.day is None and not YEAR.search(words):
        return None
    return parse_day(words, not_after=around.day or date.max)


def origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of an address, ``None`` where it has none that can be read."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, (parts.hostname or "").lower(), port or usual)


def _title(item: Item, _: Surroundings) -> str | None:
    return plain(item.text("title") or "", limit=MAX_TITLE) or None


def _link(item: Item, around: Surroundings) -> str | None:
    told = item.text("link")
    if not told:
        return None
    try:
        return safe_url(urljoin(around.base, told))
    except ValueError:  # an address whose host is no host
        return None


def _abstract(item: Item, _: Surroundings) -> str | None:
    return plain(item.text("abstract") or "") or None


def _authors(item: Item, _: Surroundings) -> tuple[str, ...]:
    told = item.texts("authors")
    if len(told) == 1:
        squeezed = LINE_BREAK.sub("\n", SPACES.sub(" ", told[0][:20_000]))
        told = BETWEEN_AUTHORS.split(AUTHORS_LABEL.sub("", squeezed, count=1))
    names = (plain(name, limit=MAX_NAME).strip(" ,;") for name in told[:MAX_AUTHORS])
    return tuple(dict.fromkeys(name for name in names if name))


def _date(item: Item, around: Surroundings) -> date | None:
    return read_day(item.text("date"), around)


def _ids(url: str | None) -> tuple[str | None, str | None]:
    """(arXiv id, DOI) that the link leads to."""
    if not url:
        return None, None
    if arxiv_id := parse_arxiv_id(url):
        return arxiv_id, None
    return read_doi(url)


def _ref(url: str, page_url: str) -> str:
    """What tells the item from others of its source: its link, below the page's own site as a path."""
    parts = urlsplit(url)
    own = origin(url) == origin(page_url)
    ref = (parts.path or "/") + (f"?{parts.query}" if parts.query else "") if own else url
    if len(ref) <= MAX_REF:
        return ref
    return f"{ref[: MAX_REF - 17]}#{sha256(ref.encode()).hexdigest()[:16]}"


# What each field of a table gives, for those who explain a table field by field.
READERS: Mapping[str, Callable[[Item, Surroundings], object]] = {
    "title": _title,
    "link": _link,
    "abstract": _abstract,
    "authors": _authors,
    "votes": lambda item, _: read_count(item.text("votes")),
    "comments": lambda item, _: read_count(item.text("comments")),
    "stars": lambda item, _: read_count(item.text("stars")),
    "date": _date,
}
