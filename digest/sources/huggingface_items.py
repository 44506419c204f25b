"""One item of Hugging Face's list of papers, as the API and the page's ``data-props`` both carry it.

Shape, as measured over two years: ``{"paper": {id, title, summary, authors: [{name, hidden}],
upvotes, publishedAt, submittedOnDailyAt?, ai_summary?, ai_keywords?, githubRepo?, githubStars?,
projectPage?, organization?, …}, title, summary?, numComments, thumbnail?, mediaUrl? | mediaUrls?,
submittedBy?, organization?, …}``. Fields come and go every few months: nothing but id and title is
needed, whatever has the wrong type counts as not there, and what is unknown is ignored.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeGuard

from digest.text import clean_text, parse_arxiv_id, plain, safe_url
from digest.types import Entry

__all__ = ["MAX_NAME", "MAX_TITLE", "THUMBNAIL", "read_items", "utc_day"]

MAX_TITLE = 1000
MAX_NAME = 200
MAX_LIST = 5000
# What an integer column of every database holds.
MAX_COUNT = 2**31 - 1
# Most names need no cleaning, and a page has hundreds of them.
NAME = r"[A-Za-z]{1,40}(?:[ -][A-Za-z]{1,40}){0,4}"
CLEAN_NAME = re.compile(NAME)
CLEAN_NAMES = re.compile(rf"{NAME}(?:\n{NAME})*")
# One look at so many names is quicker than one at each.
LOOK_AT = 20
# Nearly every id; an arXiv id as it stands, and clean.
ARXIV_ID = re.compile(r"[0-9]{2}(?:0[1-9]|1[0-2])\.[0-9]{4,5}")
THUMBNAIL = "/social-thumbnails/"
# Who the reader is told wrote what stands in ai_summary: the site's machine, not the authors.
SUMMARY_BY = "Hugging Face"
NO_FIELDS: Mapping[str, object] = {}


def read_items(items: Sequence[object], *, page_date: date | None = None) -> tuple[tuple[Entry, ...], int]:
    """The entries of a list of items in its order, and how many items lacked an id or a title.

    ``page_date`` is the day of the page; an item's own date of record comes before it.
    """
    entries: list[Entry] = []
    for item in items:
        entry = _entry(item, len(entries) + 1, page_date) if isinstance(item, dict) else None
        if entry is not None:
            entries.append(entry)
    return tuple(entries), len(items) - len(entries)


def _entry(item: Mapping[str, object], position: int, page_date: date | None) -> Entry | None:
    paper = _fields(item.get("paper"))
    ref = _string(paper.get("id"))
    arxiv_id = ref if ARXIV_ID.fullmatch(ref) else None
    if arxiv_id is None:
        ref = clean_text(ref, limit=MAX_NAME)
        arxiv_id = parse_arxiv_id(ref)
    # The outer title still had its raw LaTeX in 2024, so the inner one comes first.
    title = _plain(paper.get("title"), MAX_TITLE) or _plain(item.get("title"), MAX_TITLE)
    if not title and _string(paper.get("title")).strip():
        title = ref  # nothing but tags or control characters: the paper is there all the same
    if not ref or not title:
        return None
    media = _media(item) or _media(paper)
    summary = _plain(paper.get("ai_summary")) or None
    return Entry(
        title=title,
        position=position,
        abstract=_plain(paper.get("summary")) or _plain(item.get("summary")),
        arxiv_id=arxiv_id,
        source_ref=ref,
        # The outer publishedAt meant this day until March 2025 and something else since: not used.
        listed_on=utc_day(paper.get("submittedOnDailyAt")) or page_date,
        published_on=utc_day(paper.get("publishedAt")),
        votes=_count(paper.get("upvotes")),
        comments=_count(item.get("numComments")),
        stars=_count(paper.get("githubStars")),
        authors=_authors(paper.get("authors")),
        submitter=_submitter(item.get("submittedBy")) or _submitter(paper.get("submittedOnDailyBy")),
        organisation=_organisation(paper.get("organization")) or _organisation(item.get("organization")),
        summary=summary,
        keywords=_names(paper.get("ai_keywords")),
        code_url=safe_url(paper.get("githubRepo")),
        project_url=safe_url(paper.get("projectPage")),
        # Until June 2024 the thumbnail was the mediaUrl of a paper without media of its own.
        thumbnail_url=safe_url(item.get("thumbnail"))
        or next((url for url in media if THUMBNAIL in url), None),
        media_urls=media,
        summary_by=SUMMARY_BY if summary else None,
    )


def utc_day(value: object) -> date | None:
    """The UTC day of an ISO 8601 time (without a zone: UTC), ``None`` for anything else."""
    try:
        moment = datetime.fromisoformat(_string(value))
        return (moment if moment.tzinfo in (None, UTC) else moment.astimezone(UTC)).date()
    except (ValueError, OverflowError):  # overflow: the first or last day there is, in another zone
        return None


def _media(fields: Mapping[str, object]) -> tuple[str, ...]:
    if told := fields.get("mediaUrls"):
        return tuple(filter(None, map(safe_url, _list(told))))
    url = safe_url(fields.get("mediaUrl"))
    return (url,) if url else ()


def _authors(value: object) -> tuple[str, ...]:
    return _names(
        [
            author.get("name")
            for author in _list(value)
            if isinstance(author, dict) and author.get("hidden") is not True
        ]
    )


def _submitter(value: object) -> str | None:
    # The account's name, not the full one: it is what the page's cards show.
    return _first_name(value, "user", "name", "fullname")


def _organisation(value: object) -> str | None:
    return _first_name(value, "fullname", "name")


def _first_name(value: object, *fields: str) -> str | None:
    if not isinstance(value, dict):
        return None
    return next((name for field in fields if (name := _plain(value.get(field), MAX_NAME))), None)


def _names(value: object) -> tuple[str, ...]:
    names = _list(value)
    found: list[str] = []
    for start in range(0, len(names), LOOK_AT):
        some = names[start : start + LOOK_AT]
        found += some if _are_clean(some) else filter(None, [_plain(name, MAX_NAME) for name in some])
    return tuple(found)


def _are_clean(names: list[Any]) -> TypeGuard[list[str]]:
    """Whether none of these names needs cleaning. Raises nothing, whatever they are."""
    try:
        text = "\n".join(names)
    except TypeError:  # not all of them are texts
        return False
    # A name of two lines would look like two.
    return CLEAN_NAMES.fullmatch(text) is not None and text.count("\n") == len(names) - 1


def _count(value: object) -> int | None:
    # bool is an int to Python, but no count.
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def _plain(value: object, limit: int = 20_000) -> str:
    if not isinstance(value, str):
        return ""
    return value if CLEAN_NAME.fullmatch(value) else plain(value, limit=limit)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return value[:MAX_LIST] if isinstance(value, list) else []


def _fields(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else NO_FIELDS
