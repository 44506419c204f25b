"""What a parsed page may hold: clean text, safe addresses, natural numbers, positions from 1."""

import pickle
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, datetime

from digest.text import clean_text, parse_arxiv_id, parse_doi, safe_url
from digest.types import Entry, ParsedPage

__all__ = ["faults_of_page"]

# What an integer column of every database holds.
MAX_COUNT = 2**31 - 1
LIMITS = {"title": 2000, "abstract": 25_000, "summary": 25_000, "source_ref": 1000}
DEFAULT_LIMIT = 2000
MAX_MANY = 10_000

URLS = ("code_url", "project_url", "thumbnail_url", "url")
COUNTS = ("votes", "comments", "stars", "citations", "version")
DAYS = ("listed_on", "published_on")
TEXTS = ("title", "abstract", "source_ref", "submitter", "organisation", "summary", "venue", "summary_by")
LISTS = ("authors", "keywords", "categories", "media_urls")


def faults_of_page(page: ParsedPage) -> Iterator[str]:
    """What a page holds that it may not, each as words without the page's name."""
    if not isinstance(page.entries, tuple) or not all(isinstance(entry, Entry) for entry in page.entries):
        yield "its entries are no tuple of Entry"
        return
    if [entry.position for entry in page.entries] != list(range(1, len(page.entries) + 1)):
        yield "its positions do not count from 1 in the page's order"
    for name in ("declared", "skipped"):
        value = getattr(page, name)
        if not (_is_count(value) or (value is None and name == "declared")):
            yield f"{name} is no count: {value!r}"
    if page.page_date is not None and not _is_day(page.page_date):
        yield f"page_date is no day: {page.page_date!r}"
    try:
        pickle.dumps(page)
    except Exception as error:  # whatever a foreign value raises
        yield f"it cannot be pickled on its way from a child process: {type(error).__name__}"
    for entry in page.entries:
        yield from (f"entry {entry.position}: {fault}" for fault in _faults_of_entry(entry))


def _faults_of_entry(entry: Entry) -> Iterator[str]:
    if not entry.title:
        yield "has no title"
    for name in TEXTS:
        value = getattr(entry, name)
        if value is not None or name in ("title", "abstract"):
            yield from _faults_of_text(name, value)
    for name in LISTS:
        values = getattr(entry, name)
        if not isinstance(values, tuple) or len(values) > MAX_MANY:
            yield f"{name} is no tuple of reasonable length"
            continue
        for value in values:
            yield from _faults_of_text(name, value)
    yield from _faults_of_addresses(entry)
    yield from _faults_of_ids(entry)
    yield from _faults_of_numbers(entry)


def _faults_of_text(name: str, value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{name} is no text: {type(value).__name__}"
        return
    if len(value) > LIMITS.get(name, DEFAULT_LIMIT):
        yield f"{name} is {len(value)} characters long; cap it"
    if clean_text(value, limit=len(value) + 1) != value:
        yield f"{name} is not clean text (use clean_text or plain): {value[:60]!r}"


def _faults_of_addresses(entry: Entry) -> Iterator[str]:
    told = [(name, getattr(entry, name)) for name in URLS]
    told += [("media_urls", url) for url in entry.media_urls] if isinstance(entry.media_urls, tuple) else []
    for name, url in told:
        if url is not None and safe_url(url) != url:
            yield f"{name} is no safe address (use safe_url): {url!r}"[:200]


def _faults_of_ids(entry: Entry) -> Iterator[str]:
    if entry.arxiv_id is not None and parse_arxiv_id(str(entry.arxiv_id)) != entry.arxiv_id:
        yield f"arxiv_id is none: {entry.arxiv_id!r}"[:200]
    if entry.doi is not None and parse_doi(str(entry.doi)) != entry.doi:
        yield f"doi is none in the form that is stored: {entry.doi!r}"[:200]
    pairs = entry.other_ids
    if not isinstance(pairs, tuple) or not all(
        isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(one, str) and one for one in pair)
        for pair in pairs
    ):
        yield "other_ids are no pairs of text"


def _faults_of_numbers(entry: Entry) -> Iterator[str]:
    for name in COUNTS:
        value = getattr(entry, name)
        if value is not None and not _is_count(value):
            yield f"{name} is no count from 0 to {MAX_COUNT}: {value!r}"[:200]
    for name in DAYS:
        value = getattr(entry, name)
        if value is not None and not _is_day(value):
            yield f"{name} is no day: {value!r}"[:200]
    for one in fields(entry):
        if one.name in ("withdrawn", "announces") and not isinstance(getattr(entry, one.name), bool):
            yield f"{one.name} is neither True nor False"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def _is_day(value: object) -> bool:
    # A datetime is a date to Python, but no day.
    return isinstance(value, date) and not isinstance(value, datetime)
