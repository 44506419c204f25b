"""Records of bioRxiv's and medRxiv's API, one a version of a preprint.

Shape: ``doi, title, authors`` ("Surname, A.; Other, B. C."), ``author_corresponding``,
``author_corresponding_institution, date`` (the day this version was posted), ``version`` ("1"), ``type``,
``license, category`` ("cell biology"), ``abstract, published`` (the DOI of the journal's version, or "NA"),
``server``, and others that come and go. Whatever has the wrong type counts as not there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from digest.text import clean_text, parse_doi, plain
from digest.types import Entry

__all__ = ["normal_category", "read_records"]

MAX_TITLE = 1000
MAX_NAME = 200
MAX_AUTHORS = 5000
CLEAN_NAME = re.compile(r"[A-Za-z]{1,40}(?:-[A-Za-z]{1,40})?, (?:[A-Z]\. ?){1,4}")
VERSION = re.compile(r"[0-9]{1,3}")
DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].{0,40})?")
# A withdrawn preprint gets a version that says so, first of all in its title.
WITHDRAWN_TITLE = re.compile(r"\W{0,3}withdrawn\b\s*[:\])-]|\W{0,3}withdrawn\W{0,3}\Z", re.IGNORECASE)
WITHDRAWN_ABSTRACT = re.compile(
    r"(?:withdrawal statement\W{1,5})?(?:the authors? (?:have|has) withdrawn (?:this|their|the) "
    r"|this (?:manuscript|preprint|paper|article) (?:has been|was|is) (?:temporarily )?withdrawn\b"
    r"|(?:bio|med)rxiv has withdrawn (?:this|the) )",
    re.IGNORECASE,
)
NO_FIELDS: Mapping[str, object] = {}


def read_records(
    records: Sequence[object], categories: frozenset[str] = frozenset()
) -> tuple[tuple[Entry, ...], int]:
    """The preprints of a list of records, each once, and how many records lacked DOI or title.

    A first version announces, later ones only tell of what is stored. ``categories`` (see
    :func:`normal_category`) are the subjects that announce; none: all. Of several versions of one preprint
    the newest tells it; it announces if the first version is among them.
    """
    found: dict[str, Entry] = {}
    skipped = 0
    for record in records:
        fields = record if isinstance(record, dict) else NO_FIELDS
        is_wanted = not categories or normal_category(_string(fields.get("category"))) in categories
        entry = _entry(fields, len(found) + 1, is_wanted=is_wanted)
        if entry is None:
            skipped += 1
            continue
        ref = entry.source_ref or ""
        found[ref] = _newest(found[ref], entry) if ref in found else entry
    return tuple(found.values()), skipped


def normal_category(name: str) -> str:
    """A subject's name to compare by: "Cell_Biology" and "cell biology" are one."""
    return " ".join(clean_text(name, limit=MAX_NAME).lower().replace("_", " ").replace("-", " ").split())


def _entry(record: Mapping[str, object], position: int, *, is_wanted: bool) -> Entry | None:
    doi = parse_doi(_string(record.get("doi")))
    title = plain(_string(record.get("title")), limit=MAX_TITLE)
    if not doi or not title:
        return None
    version = _version(record.get("version"))
    day = _day(record.get("date"))
    first = version is None or version == 1
    abstract = plain(_string(record.get("abstract")))
    category = plain(_string(record.get("category")), limit=MAX_NAME)
    journal_doi = parse_doi(_string(record.get("published")))
    return Entry(
        title=title,
        position=position,
        abstract=abstract,
        doi=doi,
        source_ref=doi,
        listed_on=day,
        published_on=day if first else None,
        authors=_authors(record.get("authors")),
        organisation=plain(_string(record.get("author_corresponding_institution")), limit=MAX_NAME) or None,
        categories=(category,) if category else (),
        other_ids=(("journal_doi", journal_doi),) if journal_doi and journal_doi != doi else (),
        version=version,
        withdrawn=_is_withdrawn(record, title, abstract),
        announces=first and is_wanted,
    )


def _newest(one: Entry, other: Entry) -> Entry:
    newest = max(one, other, key=lambda entry: entry.version or 0)
    return replace(
        newest,
        position=one.position,
        announces=one.announces or other.announces,
        published_on=one.published_on or other.published_on,
    )


def _authors(value: object) -> tuple[str, ...]:
    """Names as they are spoken: the API writes "Surname, A. B.; Other, C.", consortia without a comma."""
    told = _string(value)[: MAX_AUTHORS * MAX_NAME].split(";", MAX_AUTHORS)[:MAX_AUTHORS]
    return tuple(name for name in map(_name, told) if name)


def _name(text: str) -> str:
    text = text.strip()
    name = text if CLEAN_NAME.fullmatch(text) else plain(text, limit=MAX_NAME)
    surname, comma, rest = name.partition(", ")
    given, _, suffix = rest.partition(", ")
    return " ".join(part for part in (given, surname, suffix) if part) if comma else name


def _is_withdrawn(record: Mapping[str, object], title: str, abstract: str) -> bool:
    kind = clean_text(_string(record.get("type")), limit=40).lower()
    return kind.startswith("withdrawn") or bool(
        WITHDRAWN_TITLE.match(title) or WITHDRAWN_ABSTRACT.match(abstract)
    )


def _version(value: object) -> int | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if VERSION.fullmatch(text) else None


def _day(value: object) -> date | None:
    found = DAY.fullmatch(_string(value).strip()[:60])
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
