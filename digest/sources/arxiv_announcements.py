"""arXiv's announcement feeds: what was announced today in some categories, as RSS or Atom.

Shape (https://info.arxiv.org/help/rss_specifications.html): an RSS ``channel`` with ``item``s or an Atom
``feed`` with ``entry``s. Each has ``title``, ``guid`` or ``id`` (``oai:arXiv.org:2508.13426v1``),
``link``, ``category``, ``pubDate`` or ``published`` (the day of the announcement), ``dc:creator`` (all
authors in one text), ``arxiv:announce_type`` (new, cross, replace, replace-cross), sometimes
``arxiv:DOI`` and ``arxiv:journal_reference``, and ``description`` or ``summary`` such as
``arXiv:2508.13426v1 Announce Type: cross`` and, on the next line, ``Abstract: …``. A channel without
items is what a weekend or a holiday looks like. A feed of several categories has each paper once, and
ends at 2,000.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from digest.errors import ParseError
from digest.sources.arxiv_fields import (
    MAX_TITLE,
    is_withdrawn,
    read_authors,
    read_categories,
    read_id,
    read_journal_doi,
    read_venue,
)
from digest.sources.arxiv_xml import Parts, local_name, parts_of, read_xml, text_of, texts_of
from digest.text import plain
from digest.types import Entry, ParsedPage

__all__ = ["parse_announcements"]

SOUGHT = "arXiv's feed of announcements (an RSS channel or an Atom feed)"
# arXiv announces at midnight of this zone.
ZONE = ZoneInfo("America/New_York")
PREAMBLE = re.compile(
    r"\s*arXiv:(?P<id>\S{1,60})\s{1,10}Announce\s{1,10}Type:\s{0,10}(?P<type>[a-z-]{1,20})\s+(?:Abstract:\s*)?",
    re.IGNORECASE,
)
# The stronger first: what stands twice in a feed is what says more of it.
TYPES = ("new", "cross", "replace", "replace-cross")
# What may stand beside the items and have parts of its own.
STRUCTURED = frozenset({"author", "contributor", "image", "skipdays", "skiphours", "textinput"})


def parse_announcements(body: bytes, *, cross: bool = False) -> ParsedPage:
    """What a feed announces. New papers announce, cross-listed ones where ``cross`` says so.

    Replacements never do: they only tell of a paper's new version. ``page_date`` is the day of the feed
    in New York, an entry's ``listed_on`` the day of its own announcement. What has no id, no title or no
    readable type of announcement is skipped. Raises ``ParseError``.
    """
    channel, items = _container(read_xml(body, sought=SOUGHT))
    found: dict[str, tuple[int, Entry]] = {}
    skipped = _strange(channel)
    for item in items:
        entry = _entry(parts_of(item), len(found) + 1, cross=cross)
        if entry is None:
            skipped += 1
            continue
        rank, paper = entry
        key = paper.arxiv_id or ""
        if key not in found:
            found[key] = entry
        elif rank < found[key][0]:
            found[key] = (rank, replace(paper, position=found[key][1].position))
    entries = tuple(entry for _, entry in found.values())
    return ParsedPage(entries=entries, page_date=_page_date(channel), skipped=skipped)


def _container(root: Element) -> tuple[Parts, list[Element]]:
    """The parts of the channel or feed, and its items."""
    name = local_name(root)
    parts = parts_of(root)
    if name == "rss" and "channel" in parts:
        parts = parts_of(parts["channel"][0])
    elif name != "feed":
        found = f"RSS with {', '.join(parts) or 'nothing'}" if name == "rss" else f"a document {name}"
        raise ParseError(f"looked for {SOUGHT}, found {plain(found, limit=100)}")
    title = plain(text_of(parts, "title"), limit=200)
    if title.startswith("Feed error"):
        reason = plain(text_of(parts, "description", "subtitle"), limit=300)
        raise ParseError(f"arXiv answered with an error: {reason or title}")
    return parts, parts.get("item" if name == "rss" else "entry", [])


def _strange(channel: Parts) -> int:
    """How many things in a channel look like items under another name, so that it only seems empty."""
    known = STRUCTURED | {"item", "entry"}
    return sum(len(one) > 0 for name, ones in channel.items() if name not in known for one in ones)


def _entry(parts: Parts, position: int, *, cross: bool) -> tuple[int, Entry] | None:
    """(Rank of the announcement, the entry)."""
    described = text_of(parts, "description", "summary")
    preamble = PREAMBLE.match(described)
    arxiv_id, version = _id(parts, preamble)
    title = plain(text_of(parts, "title"), limit=MAX_TITLE)
    kind = (text_of(parts, "announce_type") or (preamble["type"] if preamble else "")).strip().lower()
    if not arxiv_id or not title or kind not in TYPES:
        return None
    abstract = plain(described[preamble.end() :] if preamble else described)
    return TYPES.index(kind), Entry(
        title=title,
        position=position,
        abstract=abstract,
        arxiv_id=arxiv_id,
        doi=read_journal_doi(text_of(parts, "doi")),
        source_ref=arxiv_id,
        listed_on=_day(text_of(parts, "pubdate"), _rss_time) or _day(text_of(parts, "published"), _atom_time),
        authors=read_authors(texts_of(parts, "creator")),
        categories=read_categories((), _categories(parts)),
        venue=read_venue(text_of(parts, "journal_reference", "journal_ref")),
        version=version,
        withdrawn=is_withdrawn("", abstract),
        announces=kind == "new" or (cross and kind == "cross"),
    )


def _id(parts: Parts, preamble: re.Match[str] | None) -> tuple[str | None, int | None]:
    """The paper's id and version, wherever they stand; an address of the paper has no version."""
    links = [link.get("href", "") for link in parts.get("link", ())]
    told = [*texts_of(parts, "guid", "id"), f"arXiv:{preamble['id']}" if preamble else ""]
    pairs = [read_id(text) for text in (*told, *texts_of(parts, "link"), *links)]
    first = next((arxiv_id for arxiv_id, _ in pairs if arxiv_id), None)
    return first, next((version for arxiv_id, version in pairs if arxiv_id == first and version), None)


def _categories(parts: Parts) -> list[str]:
    return [element.get("term") or element.text or "" for element in parts.get("category", ())]


def _page_date(channel: Parts) -> date | None:
    """The day the feed is for. A time at which it was built is turned into New York's day."""
    return (
        _day(text_of(channel, "pubdate"), _rss_time)
        or _day(text_of(channel, "lastbuilddate"), _rss_time, zone=ZONE)
        or _day(text_of(channel, "updated"), _atom_time, zone=ZONE)
    )


def _day(text: str, read: Callable[[str], datetime], zone: ZoneInfo | None = None) -> date | None:
    """The day of a time as it is written there, or in a zone."""
    try:
        moment = read(text.strip()[:100])
        return (moment.astimezone(zone) if zone and moment.tzinfo else moment).date()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


_rss_time: Callable[[str], datetime] = parsedate_to_datetime
_atom_time: Callable[[str], datetime] = datetime.fromisoformat
