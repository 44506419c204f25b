"""Answers of arXiv's query API: an Atom feed of papers, or an error that looks like one.

Shape (https://info.arxiv.org/help/api/user-manual.html): ``feed`` with ``opensearch:totalResults`` and
``entry``s of ``id`` (``http://arxiv.org/abs/2605.08083v1``), ``title``, ``summary``, ``published`` (the
first version's time), ``updated``, ``author/name``, ``arxiv:primary_category``, ``category``, and where
the authors gave them ``arxiv:comment``, ``arxiv:journal_ref``, ``arxiv:doi``. An error is an entry like any
other, with a title and an author; only its id, which contains ``/api/errors#``, tells.
"""

import re
from datetime import UTC, date, datetime
from xml.etree.ElementTree import Element

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
from digest.sources.arxiv_xml import Parts, local_name, parts_of, read_xml, text_of, texts_of
from digest.text import plain
from digest.types import Entry, ParsedPage

__all__ = ["parse_atom"]

SOUGHT = "the Atom feed that arXiv's query API answers"
ERROR = "/api/errors"
NUMBER = re.compile(r"[0-9]{1,9}")
STRUCTURED = frozenset({"author", "contributor", "entry"})


def parse_atom(body: bytes, *, announces: bool = False) -> ParsedPage:
    """The papers of one answer; ``declared`` is the number of all that were found, on whatever page.

    Without ``announces`` the entries only tell of papers that are stored already: what an enricher wants.
    An id that arXiv does not know comes back as an entry without a title, and is skipped. Raises
    ``ParseError``, also for an error that comes as an entry.
    """
    root = read_xml(body, sought=SOUGHT)
    if local_name(root) != "feed":
        raise ParseError(f"looked for {SOUGHT}, found a document {plain(local_name(root), limit=60)}")
    feed = parts_of(root)
    found: dict[str, Entry] = {}
    strange = [one for name, ones in feed.items() if name not in STRUCTURED for one in ones if len(one)]
    skipped = len(strange)
    for element in feed.get("entry", ()):
        entry = _entry(parts_of(element), len(found) + 1, announces=announces)
        if entry is None:
            skipped += 1
        else:
            found.setdefault(entry.source_ref or "", entry)
    total = text_of(feed, "totalresults").strip()
    declared = int(total) if NUMBER.fullmatch(total) else None
    return ParsedPage(entries=tuple(found.values()), declared=declared, skipped=skipped)


def _entry(parts: Parts, position: int, *, announces: bool) -> Entry | None:
    ref = text_of(parts, "id")
    if ERROR in ref:
        reason = plain(text_of(parts, "summary", "title"), limit=300)
        raise ParseError(f"arXiv answered with an error: {reason or 'it gives no reason'}")
    arxiv_id, version = read_id(ref)
    title = plain(text_of(parts, "title"), limit=MAX_TITLE)
    if not arxiv_id or not title:
        return None
    abstract = plain(text_of(parts, "summary"))
    comment = plain(text_of(parts, "comment"), limit=1000)
    return Entry(
        title=title,
        position=position,
        abstract=abstract,
        arxiv_id=arxiv_id,
        doi=read_journal_doi(text_of(parts, "doi")),
        source_ref=arxiv_id,
        published_on=_utc_day(text_of(parts, "published")),
        authors=read_names(text_of(parts_of(author), "name") for author in parts.get("author", ())),
        categories=read_categories(_terms(parts, "primary_category"), _terms(parts, "category")),
        venue=read_venue(" ".join(texts_of(parts, "journal_ref"))),
        version=version,
        withdrawn=is_withdrawn(comment, abstract),
        announces=announces,
    )


def _terms(parts: Parts, name: str) -> list[str]:
    elements: list[Element] = parts.get(name, [])
    return [element.get("term", "") for element in elements]


def _utc_day(text: str) -> date | None:
    try:
        moment = datetime.fromisoformat(text.strip()[:100])
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError):
        return None
