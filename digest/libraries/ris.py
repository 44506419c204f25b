"""RIS → papers. Records are cut here, so that a broken one harms no other; rispy reads each."""

import re
from collections.abc import Iterator
from typing import Any, Final

from rispy import RisParser

from digest.libraries.names import said
from digest.libraries.paper import OTHER_IDS, Collector, RawPaper
from digest.text import plain

__all__ = ["TYPES", "read_ris"]

# By kind, the type that is written; and by type, the kind that is read.
TYPES: Final = {
    "article": "JOUR",
    "conference": "CPAPER",
    "book": "BOOK",
    "chapter": "CHAP",
    "thesis": "THES",
    "report": "RPRT",
    "preprint": "UNPB",
    "dataset": "DATA",
    "software": "COMP",
    "other": "GEN",
}
KINDS: Final = {name: kind for kind, name in TYPES.items()} | {
    "CONF": "conference",
    "EJOUR": "article",
    "INPR": "article",
    "MGZN": "article",
    "EBOOK": "book",
    "ECHAP": "chapter",
    "MANSCPT": "preprint",
}
VENUES: Final = ("secondary_title", "journal_name", "alternate_title3", "alternate_title2", "publisher")
TITLES: Final = ("title", "primary_title", "translated_title")
MAX_LINES: Final = 5000  # of one record
UNENDED: Final = "begins a record that does not end (ER)"

_LINE: Final = re.compile(r"\s{0,20}([A-Z][A-Z0-9]) {1,2}-(?: (.*))?")
_OTHER: Final = re.compile(r"([a-z0-9]{1,10}):([^\s;]{1,100})")


def read_ris(text: str, found: Collector) -> None:
    """Every record that can be read is a paper; of what is left over the lines are told."""
    parser = RisParser(skip_unknown_tags=True)
    for line, tags, problem in _records(text):
        if found.must_stop():
            break
        if problem:
            found.tell(f"line {line}", problem)
        if tags:
            # Every value on one line, as rispy wants it; it would join lines in quadratic time.
            lines = [f"{tag}  - {' '.join(values)}" for tag, values in tags]
            for record in parser.parse("\n".join((*lines, "ER  - "))):
                found.add(_read_record(record, line), f"line {line}: the record")


Tags = list[tuple[str, list[str]]]


def _records(text: str) -> Iterator[tuple[int, Tags, str]]:
    """``(line, its tags with their lines, what is wrong)``; a record may be wrong and still be read."""
    begun, tags = 0, Tags()
    for number, line in enumerate(text.split("\n"), start=1):
        match = _LINE.fullmatch(line)
        tag, value = (match[1], (match[2] or "").strip()) if match else ("", line.strip())
        if tag in ("TY", "ER"):
            if begun:
                yield begun, tags, "" if tag == "ER" else UNENDED
            begun, tags = (number, [("TY", [value])]) if tag == "TY" else (0, [])
        elif begun and number - begun < MAX_LINES:
            _add_line(tags, tag, value)
        elif not begun and value:
            yield number, [], "stands outside of any record (TY … ER)"
    if begun:
        yield begun, tags, UNENDED


def _add_line(tags: Tags, tag: str, value: str) -> None:
    """A line with a tag begins a field, one without goes on with the last."""
    if tag:
        tags.append((tag, [value]))
    elif value:
        tags[-1][1].append(value)


def _read_record(record: dict[str, Any], line: int) -> RawPaper:
    accession = _text(record, ("accession_number",))
    links = [
        *record.get("urls", ()),
        *record.get("file_attachments1", ()),
        *record.get("file_attachments2", ()),
    ]
    authors = [*record.get("authors", ()), *record.get("first_authors", ())]
    venue = plain(_text(record, VENUES))
    return RawPaper(
        title=plain(_text(record, TITLES)),
        abstract=plain(_text(record, ("abstract", "notes_abstract"))),
        authors=[plain(said(name)) for name in authors],
        doi=_text(record, ("doi",)),
        ids=(accession, venue, _text(record, ("number", "note"))),
        others={kind: value for kind, value in _OTHER.findall(accession) if kind in OTHER_IDS},
        urls=[link for link in links if isinstance(link, str)],
        year=_text(record, ("year", "publication_year", "date")),
        venue=venue,
        kind=KINDS.get(str(record.get("type_of_reference", "")).strip().upper(), "other"),
        line=line,
        note="\n".join(record.get("notes", ())),
    )


def _text(record: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first of these fields that says something; of several values the first."""
    for name in names:
        value = record.get(name)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str) and first.strip():
            return first
    return ""
