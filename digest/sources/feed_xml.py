"""RSS (0.9x, 1.0, 2.0) and Atom, read by feedparser, which gets bytes and nothing else to decide.

feedparser opens whatever looks like an address or a path, bytes that do so too: it is given a stream. The
text is decoded here, freed of characters that no XML may hold, and begins with the feed's own element: no
DTD reaches feedparser, hence no entity that is declared there. What is not well formed is mended where an
unknown entity or a bare "&" is all there is to it, because feedparser reads the rest with an HTML reader,
slowly.
"""

import io
import re
from datetime import date
from html.entities import html5
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

from digest.errors import ParseError
from digest.sources.feed_items import FeedItem
from digest.text import clean_text, parse_day, truncate

__all__ = ["XmlFeed", "read_xml_feed"]

SOUGHT = "an RSS, Atom or JSON feed"
MAX_DEPTH = 200
MAX_ITEMS = 20_000
MAX_LIST = 5000
# More titles than a channel has by itself (its own, its image's, its search box's), and no item: renamed.
USUAL_TITLES = 4
# Nothing but a name tells such an Atom feed from any other XML.
NO_VERSIONS = ("", "atom")

# What feedparser has been seen to stumble with over damaged feeds (a space in a namespace: ValueError).
FAULTS = (AssertionError, AttributeError, LookupError, OverflowError, TypeError, ValueError)

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
ROOT = re.compile(r"<(?P<name>(?:[A-Za-z][\w.-]{0,30}:)?(?P<kind>rss|rdf|feed))(?=[\s>/])", re.IGNORECASE)
MISC = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
HTML = re.compile(r"<!doctype\s+html|<(?:html|head|body)[\s>]", re.IGNORECASE)
# Parameter entities (with "%") only bring in the names of HTML's letters, which are known here.
ENTITY = re.compile(r"<!ENTITY\s+[^%\s]", re.IGNORECASE)
CHANNEL = re.compile(r"<(?:[\w.-]{1,30}:)?channel[\s>/]", re.IGNORECASE)
TITLE = re.compile(r"<(?:[\w.-]{1,30}:)?title[\s>]", re.IGNORECASE)
OPENED = re.compile(r"<(?:[\w.-]{1,30}:)?(?:item|entry)[\s>/]", re.IGNORECASE)
CLOSED = re.compile(r"</(?:[\w.-]{1,30}:)?(?:item|entry)\s*>", re.IGNORECASE)
AMPERSAND = re.compile(
    r"&(?:(?P<name>[A-Za-z][A-Za-z0-9]{0,31});|(?P<number>#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6}));)?"
)
XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})
# feedparser takes the square of the number of prefixes, and much memory for a tag without an end.
PREFIX = re.compile(r"\sxmlns:([^\s=<>]+)")
MAX_PREFIXES = 200
ENDLESS_TAG = re.compile(r"<[^<>]{20000}")
MAX_ATTRIBUTES = 200
# feedparser looks for addresses in authors by a pattern that takes the square of such a run's length:
# 250,000 letters took it five minutes.
LONG_RUN = re.compile(r"([A-Za-z0-9_.+-]{500})[A-Za-z0-9_.+-]+")


class XmlFeed(NamedTuple):
    """What a feed holds: its items in its order, the address of its next page if told.

    ``cut_off``: the feed stops before its end; an item that was not finished is left out.
    """

    items: list[FeedItem]
    next_url: str
    cut_off: bool


def read_xml_feed(text: str, url: str) -> XmlFeed:
    """Read a decoded feed; ``url`` is what its relative addresses start from. Raises ``ParseError``."""
    text = FORBIDDEN.sub("", text)
    text, root = _without_prolog(text)
    text = _bounded(text)
    read = _read(text, url)
    entries = [dict(dict.items(entry)) for entry in read.entries]
    _check(text, root, read.version, entries)
    cut_off = f"</{root['name']}" not in text
    if cut_off:
        entries = entries[: len(CLOSED.findall(text))]
        if not entries:
            raise ParseError(f"looked for {SOUGHT}, found one that is cut off before its first entry ends")
    return XmlFeed([_item(entry) for entry in entries], _next_url(read.feed), cut_off)


def _read(text: str, url: str) -> Any:
    import feedparser  # slow to import, and needed in the child that parses only

    try:
        return feedparser.parse(
            io.BytesIO(text.encode("utf-8")),
            response_headers={"content-type": "application/xml; charset=utf-8", "content-location": url},
            # Nothing here is shown as HTML: all of it becomes plain text.
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except FAULTS as error:
        raise ParseError(
            f"looked for {SOUGHT}, found one that feedparser cannot read: {error!r}"[:300]
        ) from error


def _bounded(text: str) -> str:
    """The text as feedparser reads it in time that grows with its length. Raises ``ParseError``."""
    if len(OPENED.findall(text)) > MAX_ITEMS:
        raise ParseError(f"looked for {SOUGHT}, found one with more than {MAX_ITEMS} entries")
    if len(set(PREFIX.findall(text))) > MAX_PREFIXES:
        raise ParseError(f"looked for {SOUGHT}, found one with more than {MAX_PREFIXES} namespaces")
    if not _is_well_formed(text):
        text = AMPERSAND.sub(_mended, text)
        # What the first fault hid may be nested too deeply.
        if not _is_well_formed(text) and ENDLESS_TAG.search(text):
            raise ParseError(f"looked for {SOUGHT}, found a tag that does not end")
    return LONG_RUN.sub(r"\1", text)


def _without_prolog(text: str) -> tuple[str, re.Match[str]]:
    """The text from the feed's own element on, and that element's match."""
    start = 0
    while misc := MISC.match(text, start):
        start = misc.end()
    root = ROOT.search(text, start)
    prolog = text[start : root.start()] if root else text[start : start + 10_000]
    if root is None or HTML.search(prolog):
        raise ParseError(f"looked for {SOUGHT}, found {_shape(text[start:])}")
    if ENTITY.search(prolog):
        raise ParseError(f"looked for {SOUGHT}, found XML that declares entities of its own")
    text = text[root.start() :]
    again = ROOT.match(text)
    assert again is not None  # noqa: S101 - it was found there
    return text, again


def _shape(text: str) -> str:
    start = text[:2000].strip("\ufeff \t\r\n")
    if not start:
        return "nothing"
    if HTML.search(start):
        return "HTML"
    if start.startswith("<"):
        return "XML that is no feed"
    return f"the text {truncate(clean_text(start, limit=100), 40)!r}"


def _check(text: str, root: re.Match[str], version: str, entries: list[dict[str, Any]]) -> None:
    """Raise ``ParseError`` where the feed's own parts are missing, so that no entries does not mean none."""
    if not entries and version in NO_VERSIONS:
        raise ParseError(f"looked for {SOUGHT}, found XML that only begins like one")
    if root["kind"].lower() == "rss" and not CHANNEL.search(text):
        raise ParseError(f"looked for the channel of an RSS feed, found <{root['name']}> without one")
    if not entries and len(TITLE.findall(text)) > USUAL_TITLES:
        raise ParseError("looked for the entries of a feed, found titles outside of any entry")
    # arXiv's API tells an error as if it were a paper.
    if len(entries) == 1 and "/api/errors#" in _string(entries[0].get("id")):
        words = truncate(clean_text(entries[0].get("summary"), limit=400), 200)
        raise ParseError(f"the feed's only entry is an error: {words}")


def _is_well_formed(text: str) -> bool:
    """Whether it is XML to its end. Raises ``ParseError`` for elements too deep or too wide to be read."""
    parser = ParserCreate(encoding="utf-8")
    depth = 0

    def start(_name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ParseError(f"looked for {SOUGHT}, found XML nested too deeply to read")
        if len(attributes) > MAX_ATTRIBUTES:
            raise ParseError(
                f"looked for {SOUGHT}, found an element with more than {MAX_ATTRIBUTES} attributes"
            )

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(text.encode("utf-8"), True)
    except ExpatError:
        return False
    return True


def _mended(found: re.Match[str]) -> str:
    name, number = found["name"], found["number"]
    if name in XML_NAMES:
        return found[0]
    if name and f"{name};" in html5:
        return html5[f"{name};"].replace("&", "&amp;").replace("<", "&lt;")
    if number:
        code = int(number[1:].lower().replace("x", "0x"), 0 if number[1] in "xX" else 10)
        return found[0] if 0 < code < 0x110000 and not FORBIDDEN.search(chr(code)) else ""
    return "&amp;" + found[0][1:]


def _item(entry: dict[str, Any]) -> FeedItem:
    contents = [part for part in _list(entry.get("content")) if isinstance(part, dict)]
    texts = [_string(entry.get("summary")), *(_string(part.get("value")) for part in contents)]
    names = [_string(one.get("name")) for one in _list(entry.get("authors")) if isinstance(one, dict)]
    ids = (entry.get("prism_doi"), entry.get("dc_identifier"), entry.get("arxiv_doi"))
    return FeedItem(
        title=_string(entry.get("title")),
        texts=tuple(text for text in texts if text),
        link=_string(entry.get("link")),
        ref=_string(entry.get("id")),
        ids=tuple(text for text in map(_string, ids) if text),
        authors=tuple(name for name in names if name) or (_string(entry.get("author")),),
        day=_day(entry),
        tags=tuple(_string(one.get("term")) for one in _list(entry.get("tags")) if isinstance(one, dict)),
        venue=_string(entry.get("prism_publicationname")),
    )


def _day(entry: dict[str, Any]) -> date | None:
    """The entry's own day in UTC: when it was published, else last changed."""
    for name in ("published_parsed", "created_parsed", "updated_parsed"):
        told = entry.get(name)
        try:
            if told:
                return date(told[0], told[1], told[2])
        except (TypeError, ValueError, IndexError):
            continue
    return parse_day(_string(entry.get("prism_publicationdate")), not_after=date.max)


def _next_url(feed: Any) -> str:
    links = dict.get(feed, "links", [])
    told = (link for link in _list(links) if isinstance(link, dict) and link.get("rel") == "next")
    return next((_string(link.get("href")) for link in told), "")


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value[:MAX_LIST] if isinstance(value, list) else []
