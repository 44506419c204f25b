"""One paper as Semantic Scholar's APIs write it: search, batch and recommendations share the shape.

``{"paperId": 40 hex digits, "externalIds": {"ArXiv", "DOI", "PubMed", "PubMedCentral", "CorpusId", "DBLP",
"ACL", "MAG", …} | null, "url", "title", "abstract" | null, "venue", "journal": {"name", …} | null,
"publicationDate": "YYYY-MM-DD" | null, "authors": [{"authorId", "name"}], "citationCount",
"tldr": {"model", "text"} | null, …}``. What was not asked for by ``fields`` is missing, what the site does
not know is null; ids are texts or numbers. Nothing but ``paperId`` and ``title`` is needed, whatever has
the wrong type counts as not there, and what is unknown is ignored.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from digest.sources.doi_or_arxiv import read_doi
from digest.text import clean_text, parse_arxiv_id, parse_day, plain, safe_url
from digest.types import Entry

__all__ = ["FIELDS", "SITE_NAME", "read_paper", "read_papers"]

# What is worth asking for. The recommendations API knows no ``tldr`` (it answers 400), search and batch do.
FIELDS = (
    "title", "abstract", "externalIds", "url", "venue", "journal", "publicationDate", "authors",
    "citationCount",
)  # fmt: skip
SITE_NAME = "Semantic Scholar"

MAX_TITLE = 1000
MAX_NAME = 200
MAX_AUTHORS = 5000
# What an integer column of every database holds.
MAX_COUNT = 2**31 - 1
NO_FIELDS: Mapping[str, object] = {}

PAPER_ID = re.compile(r"[0-9a-f]{40}")
# (the name the site gives it, the name we give it, what it looks like, what we put before it)
OTHER_IDS = (
    ("CorpusId", "corpusid", re.compile(r"[0-9]{1,15}"), ""),
    ("PubMed", "pmid", re.compile(r"[0-9]{1,9}"), ""),
    ("PubMedCentral", "pmcid", re.compile(r"(?:PMC)?(?P<bare>[0-9]{1,9})"), "PMC"),
    ("DBLP", "dblp", re.compile(r"[A-Za-z0-9/._+-]{3,100}"), ""),
    ("ACL", "acl", re.compile(r"[A-Za-z0-9._-]{3,60}"), ""),
)
# A preprint's server is no venue: it would stand where another source knows the real one.
NO_VENUES = frozenset({"arxiv", "arxiv.org"})


def read_papers(items: Sequence[object]) -> tuple[tuple[Entry, ...], int]:
    """The entries of a list in its order, and how many of its items lacked an id or a title."""
    entries: list[Entry] = []
    for item in items:
        entry = read_paper(item, len(entries) + 1)
        if entry is not None:
            entries.append(entry)
    return tuple(entries), len(items) - len(entries)


def read_paper(item: object, position: int = 1) -> Entry | None:
    """The paper, or ``None`` where ``item`` is none (batch answers hold null for an unknown id).

    ``source_ref`` is the site's ``paperId``, which also stands in ``other_ids`` as ``s2``. A summary is the
    site's machine-made TL;DR, so ``summary_by`` says so.
    """
    if not isinstance(item, dict):
        return None
    ref = clean_text(_string(item.get("paperId")), limit=MAX_NAME)
    title = plain(_string(item.get("title")), limit=MAX_TITLE)
    if not ref or not title:
        return None
    ids = _fields(item.get("externalIds"))
    arxiv_of_doi, doi = read_doi(ids.get("DOI"))
    summary = plain(_string(_fields(item.get("tldr")).get("text"))) or None
    return Entry(
        title=title,
        position=position,
        abstract=plain(_string(item.get("abstract"))),
        arxiv_id=parse_arxiv_id(_string(ids.get("ArXiv"))) or arxiv_of_doi,
        doi=doi,
        source_ref=ref,
        published_on=_day(item.get("publicationDate")),
        authors=_authors(item.get("authors")),
        summary=summary,
        summary_by=SITE_NAME if summary else None,
        url=safe_url(item.get("url")),
        other_ids=_other_ids(ref, ids),
        venue=_venue(item),
        citations=_count(item.get("citationCount")),
    )


def _other_ids(ref: str, ids: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    found = [("s2", ref)] if PAPER_ID.fullmatch(ref) else []
    for theirs, ours, shape, prefix in OTHER_IDS:
        if match := shape.fullmatch(_id_text(ids.get(theirs))):
            found.append((ours, prefix + (match["bare"] if prefix else match[0])))
    return tuple(found)


def _id_text(value: object) -> str:
    """An id as text; bool is an int to Python, but no id."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18:
        return str(value)
    return _string(value).strip()


def _venue(item: Mapping[str, object]) -> str | None:
    told = (item.get("venue"), _fields(item.get("publicationVenue")).get("name"))
    for value in (*told, _fields(item.get("journal")).get("name")):
        name = plain(_string(value), limit=MAX_NAME)
        if name and name.lower() not in NO_VENUES:
            return name
    return None


def _authors(value: object) -> tuple[str, ...]:
    people = value[:MAX_AUTHORS] if isinstance(value, list) else []
    names = (plain(_string(_fields(one).get("name")), limit=MAX_NAME) for one in people)
    return tuple(name for name in names if name)


def _day(value: object) -> date | None:
    return parse_day(_string(value), not_after=date.max)


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _fields(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else NO_FIELDS
