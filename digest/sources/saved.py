"""Pages of trending papers as people save them: HTML, reader-mode HTML or text, or the API's JSON."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from selectolax.lexbor import LexborHTMLParser

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.huggingface_items import MAX_TITLE, read_items
from digest.sources.huggingface_page import CONTAINER, read_cards, read_page
from digest.sources.listing_html import html_paragraphs
from digest.sources.listing_text import Pair, Paragraph, pair_up, read_header, split_paragraphs
from digest.sources.strict_json import describe, load_json
from digest.text import clean_text, parse_arxiv_id
from digest.types import Entry, ParsedPage

__all__ = ["parse_saved"]

SOUGHT = (
    "Hugging Face's page of papers as HTML, the JSON of its API, or its text"
    " (“Get trending papers in your email inbox”, then titles and abstracts in turn)"
)
FORMATS = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"RIFF", "a picture or a sound"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)
HTML_START = re.compile(
    r"\s*<(?:!doctype|!--|\?xml|html|head|body|meta|title|article|div|main|h[1-6])\b", re.IGNORECASE
)
CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")
MAX_CONTROLS = 0.05

# What titles and abstracts look like where no header vouches for the page.
MIN_PAPERS = 2
MIN_SHARE = 0.9
TITLE = re.compile(r"(?![#*>|`+-]|\d+[.)] |//)[^{}]{6,250}(?<![.;:,])")
MIN_ABSTRACT = 150
MIN_LETTERS = 0.75
SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*(?:\s|$)")


def parse_saved(body: bytes, *, today: date, name: str = "") -> ParsedPage:
    """The papers of a saved page. ``page_date`` is the page's own day; its entries carry none.

    Read, in this order: Hugging Face's page (its JSON, else its cards), the API's answer, HTML or
    text of titles and abstracts in turn. A day without a year is the latest such day not after
    ``today``. ``name`` is the file's, for the message. Raises ``ParseError`` where it is no such
    page, or is one that lists no papers.
    """
    name = clean_text(name, limit=100) or "the file"
    page = _read(body, today, name)
    if not page.entries:
        raise ParseError(f"{name} is a page of trending papers, but lists no papers")
    days = {entry.listed_on for entry in page.entries if entry.listed_on}
    return replace(
        page,
        # One day for all: what the page says, or what its entries agree on. A page of mixed days (the
        # trending one) is of the day on which it was saved, which the caller knows.
        page_date=page.page_date or (days.pop() if len(days) == 1 else None),
        entries=tuple(replace(entry, listed_on=None) for entry in page.entries),
    )


def _read(body: bytes, today: date, name: str) -> ParsedPage:
    known = next((what for start, what in FORMATS if body.startswith(start)), None)
    if known:
        raise _no_page(name, known)
    text = decode(body)
    sample = text[:20_000]
    if not text.strip():
        raise _no_page(name, "nothing")
    if len(CONTROLS.findall(sample)) > MAX_CONTROLS * len(sample):
        raise _no_page(name, "bytes that are no text")
    if HTML_START.match(text):
        return _read_html(LexborHTMLParser(text), today, name)
    if text.lstrip()[0] in "[{":
        try:
            value = load_json(text, sought=SOUGHT)
        except ParseError:
            pass  # a text may begin with a bracket too
        else:
            return _read_json(value, name)
    return _read_paragraphs(split_paragraphs(text), today, name, "text of another shape")


def _read_json(value: object, name: str) -> ParsedPage:
    items = value.get("dailyPapers") if isinstance(value, dict) else value
    entries, skipped = read_items(items) if isinstance(items, list) else ((), 1)
    if skipped and not entries:
        raise _no_page(name, f"JSON: {describe(value)}")
    return ParsedPage(entries=entries, skipped=skipped)


def _read_html(tree: LexborHTMLParser, today: date, name: str) -> ParsedPage:
    container = tree.css_first(CONTAINER)
    if container is not None:
        return read_page(container)
    title = tree.css_first("title")
    found = f"a page titled {clean_text(title.text(), limit=80)!r}" if title else "HTML of another page"
    cards = read_cards(tree.root) if tree.root else ParsedPage(())
    paragraphs = html_paragraphs(tree)
    # Outside the container only arXiv's ids tell the cards from other sites' articles, and one article
    # around the whole list is no card.
    linked = {paragraph.ref for paragraph in paragraphs if paragraph.ref}
    if any(entry.arxiv_id for entry in cards.entries) and len(cards.entries) >= len(linked):
        return cards
    return _read_paragraphs(paragraphs, today, name, found)


def _read_paragraphs(paragraphs: Sequence[Paragraph], today: date, name: str, found: str) -> ParsedPage:
    header = read_header(paragraphs, today=today)
    pairs = pair_up(header.rest)
    is_linked = any(pair.ref and parse_arxiv_id(pair.ref) for pair in pairs)
    if not (header.is_certain or is_linked or _look_like_papers(pairs)):
        raise _no_page(name, found)
    titled = [pair for pair in pairs if pair.title]
    entries = tuple(_entry(pair, position) for position, pair in enumerate(titled, start=1))
    return ParsedPage(entries=entries, page_date=header.page_date, skipped=len(pairs) - len(titled))


def _entry(pair: Pair, position: int) -> Entry:
    return Entry(
        title=pair.title[:MAX_TITLE].rstrip(),
        position=position,
        abstract=pair.abstract,
        arxiv_id=parse_arxiv_id(pair.ref) if pair.ref else None,
        source_ref=pair.ref,
    )


def _look_like_papers(pairs: Sequence[Pair]) -> bool:
    """Whether nearly all pairs are a title and an abstract; the last one may be cut off."""
    if pairs and not pairs[-1].abstract:
        pairs = pairs[:-1]
    good = sum(bool(TITLE.fullmatch(pair.title)) and _is_prose(pair.abstract) for pair in pairs)
    return good >= MIN_PAPERS and good >= MIN_SHARE * len(pairs)


def _is_prose(text: str) -> bool:
    letters = sum(letter.isalpha() or letter == " " for letter in text)
    return len(text) >= MIN_ABSTRACT and letters >= MIN_LETTERS * len(text) and bool(SENTENCE.search(text))


def _no_page(name: str, found: str) -> ParseError:
    return ParseError(f"{name} is not a page of trending papers: looked for {SOUGHT}, found {found}")
