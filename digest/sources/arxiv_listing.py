"""arXiv's page of a category's newest announcements, which counts what it lists in its headings.

Shape of ``/list/cs.CL/new``: ``h3`` "Showing new listings for Wednesday, 12 August 2026", then for each sort
of announcement an ``h3`` such as "New submissions (showing 79 of 79 entries)", "Cross submissions (…)",
"Replacement submissions (…)" ("showing first 50 of 79", "continued, showing last 29 of 79" where it takes
several pages), each with pairs of ``dt`` (``a[title=Abstract]`` with the id) and ``dd`` (``.list-title``,
``.list-authors``, ``.list-comments``, ``.list-journal-ref``, ``.list-doi``, ``.list-subjects``, the abstract
as ``p.mathjax``). It is renewed some hours before the feeds, in the evening before the day it names, and at
the weekend still shows Friday.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.errors import ParseError
from digest.sources.arxiv_fields import (
    MAX_TITLE,
    is_withdrawn,
    read_categories,
    read_id,
    read_journal_doi,
    read_names,
    read_venue,
)
from digest.text import parse_day, plain
from digest.types import Entry

__all__ = ["CROSS", "NEW", "REPLACED", "Listing", "Section", "parse_listing"]

SOUGHT = "arXiv's list of new announcements (a heading «Showing new listings for …»)"
NEW, CROSS, REPLACED = "new", "cross", "replacement"

DATED = re.compile(
    r"Showing new listings for (?:[A-Za-z]{3,9},? )?([0-9]{1,2} [A-Za-z]{3,9} [0-9]{4})(?![0-9])"
)
COUNTED = re.compile(
    r"(New|Cross|Replacement)[^()]{0,80}\((?P<continued>continued, )?showing (?P<part>first |last )?"
    r"(?P<shown>[0-9]{1,6}) of (?P<total>[0-9]{1,6}) entr",
    re.IGNORECASE,
)
DESCRIPTOR = re.compile(r"\s{0,50}(?:Title|Comments|Journal-ref|DOI|Subjects|Abstract)\s{0,5}:")
CODE = re.compile(r"\(([A-Za-z.-]{2,20})\)(?=\s*(?:;|\Z))")
NOTHING = "No updates"
# No such page has these inside each other; one that does was made to be slow to read.
NESTED = "h3 h3, dt dt, dd dd"


@dataclass(frozen=True, slots=True)
class Section:
    """One sort of announcement: how many its heading shows here and counts in all, and those found here.

    ``ends``: the last of them is on this page.
    """

    shown: int
    total: int
    ends: bool
    entries: tuple[Entry, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing page: its day, its sections by name, in its order, and how many things it lists."""

    day: date
    sections: Mapping[str, Section]
    items: int


def parse_listing(html: str) -> Listing:
    """What a listing page shows; entries announce as their section says, positions count through.

    An entry needs an id; where its title cannot be read it is empty. Raises ``ParseError``.
    """
    tree = LexborHTMLParser(html)
    if tree.css_first(NESTED) is not None:
        raise ParseError(f"looked for {SOUGHT}, found its elements inside each other")
    day: date | None = None
    groups: list[tuple[re.Match[str], list[LexborNode]]] = []
    for node in tree.css("h3, dt"):
        if node.tag == "dt":
            if groups:
                groups[-1][1].append(node)
            continue
        heading = plain(node.text(), limit=300)
        if dated := DATED.match(heading):
            day = parse_day(dated[1], not_after=date.max)
        elif counted := COUNTED.match(heading):
            groups.append((counted, []))
    if day is None:
        raise ParseError(f"looked for {SOUGHT}, found {_title(tree)}")
    if not groups and NOTHING not in (tree.body.text() if tree.body else ""):
        raise ParseError("looked for arXiv's sections of new announcements with their counts, found none")
    return Listing(day, _sections(groups, day), sum(len(nodes) for _, nodes in groups))


def _sections(groups: list[tuple[re.Match[str], list[LexborNode]]], day: date) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    position = 1
    for heading, nodes in groups:
        name = heading[1].lower()
        found: dict[str, Entry] = {}
        skipped = 0
        for node in nodes:
            entry = _entry(node, position, day, announces=name != REPLACED)
            if entry is None:
                skipped += 1
            elif entry.source_ref not in found:
                found[entry.source_ref or ""] = entry
                position += 1
        shown, total = int(heading["shown"]), int(heading["total"])
        ends = shown >= total or (heading["part"] or "").startswith("last")
        sections.setdefault(name, Section(shown, total, ends, tuple(found.values()), skipped))
    return sections


def _entry(term: LexborNode, position: int, day: date, *, announces: bool) -> Entry | None:
    links = [link.attributes.get("href") or "" for link in term.css("a[href]")]
    arxiv_id = next(filter(None, (read_id(part)[0] for part in _after("/abs/", links))), None)
    if arxiv_id is None:
        return None
    about = _about(term)
    abstract = plain(_text(about, "p.mathjax"))
    return Entry(
        title=plain(_text(about, ".list-title"), limit=MAX_TITLE),
        position=position,
        abstract=abstract,
        arxiv_id=arxiv_id,
        doi=read_journal_doi(_text(about, ".list-doi")),
        source_ref=arxiv_id,
        listed_on=day,
        authors=read_names(_authors(about)),
        categories=read_categories((), CODE.findall(_text(about, ".list-subjects")[:5000])),
        venue=read_venue(_text(about, ".list-journal-ref")),
        version=next(filter(None, (read_id(part)[1] for part in _after("/html/", links))), None),
        withdrawn=is_withdrawn(plain(_text(about, ".list-comments"), limit=1000), abstract),
        announces=announces,
    )


def _after(path: str, links: list[str]) -> list[str]:
    """What follows a path in the links that have it: the id with its version."""
    return [link.partition(path)[2] for link in links if path in link]


def _about(term: LexborNode) -> LexborNode | None:
    """The ``dd`` that belongs to a ``dt``: the next element, if it is one."""
    node = term.next
    while node is not None and not node.is_element_node:
        node = node.next
    return node if node is not None and node.tag == "dd" else None


def _text(about: LexborNode | None, selector: str) -> str:
    found = about.css_first(selector) if about is not None else None
    return DESCRIPTOR.sub("", found.text(), count=1) if found is not None else ""


def _authors(about: LexborNode | None) -> list[str]:
    """Names are links to a search for the author; "12 additional authors not shown" links to the paper."""
    links = about.css(".list-authors a[href]") if about is not None else []
    return [link.text() for link in links if "/search" in (link.attributes.get("href") or "")]


def _title(tree: LexborHTMLParser) -> str:
    title = tree.css_first("title")
    name = plain(title.text(), limit=80) if title else ""
    return f"a page titled {name!r}" if name else "none"
