"""BibTeX (and BibLaTeX) → papers. bibtexparser finds the entries and fields; their values are read here."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from bibtexparser.model import Block, Entry, ParsingFailedBlock, String
from bibtexparser.splitter import Splitter

from digest.libraries.latex import from_latex, unbraced
from digest.libraries.names import read_names
from digest.libraries.paper import (
    MAX_ABSTRACT,
    MAX_ENTRIES,
    MAX_NOTE,
    MAX_TITLE,
    MAX_VENUE,
    OTHER_IDS,
    Collector,
    RawPaper,
)
from digest.text import truncate

__all__ = ["TYPES", "read_bibtex"]

# By kind, the entry type that is written; and by entry type, the kind that is read.
TYPES: Final = {
    "article": "article",
    "conference": "inproceedings",
    "book": "book",
    "chapter": "incollection",
    "thesis": "phdthesis",
    "report": "techreport",
    "preprint": "misc",
    "dataset": "dataset",
    "software": "software",
    "other": "misc",
}
KINDS: Final = {name: kind for kind, name in TYPES.items()} | {
    "conference": "conference",
    "inbook": "chapter",
    "collection": "book",
    "proceedings": "book",
    "mastersthesis": "thesis",
    "thesis": "thesis",
    "report": "report",
    "unpublished": "preprint",
    "online": "other",
}
VENUES: Final = ("journal", "journaltitle", "booktitle", "school", "institution", "publisher")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# bibtexparser takes time for each entry and each of these marks, so both are bounded. In libraries every
# tenth letter or less is one; 20,000 entries with all that programs export have some three million.
MAX_MARKS: Final = 2_500_000
MARKS: Final = '{}",='
USUAL_MARKS: Final = 0.2
# What all uses of @string abbreviations together may bring: they can be nested to any size.
MAX_BROUGHT: Final = 1_000_000
MAX_PARTS: Final = 30

_START: Final = re.compile(r"@\w*[ \t]*[{(]")
# BibTeX lets spaces and a line's end stand around the type, bibtexparser passes over such entries.
_SPACED: Final = re.compile(
    rf"^([ \t]*@)[ \t]{{0,20}}({'|'.join(KINDS)})[ \t]{{0,20}}(\n?)[ \t]{{0,20}}\{{",
    re.MULTILINE | re.IGNORECASE,
)
_NEXT_PART: Final = re.compile(r"(?<!\\)[{}\"#]")
_NEXT_FIELD: Final = re.compile(r"\s{0,200}([A-Za-z][A-Za-z0-9_-]{1,40})\s{0,20}=\s{0,20}(?=[{\"0-9A-Za-z])")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,40}(?=\s)")
_MACRO_URL: Final = re.compile(r"\\(?:url|href)\s?\{([^{}]*)\}")
_ESCAPED: Final = re.compile(r"\\([_%&#~$])")
# The brackets of old DOIs, as programs write them.
_BRACKET: Final = re.compile(r"\{?\\text(less|greater)(?:\{\}|\}|\s)?|\{?\$([<>])\$\}?")

logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)


class _Abbreviations:
    """What ``@string`` names stand for; gives no more than a bounded amount of text."""

    def __init__(self) -> None:
        self._values = {name: name.title() for name in MONTHS}
        self._left = MAX_BROUGHT

    def define(self, name: str, value: str) -> None:
        """Take a definition; later ones win."""
        self._values[name.lower()] = self.resolve(value)[:MAX_VENUE]

    def resolve(self, value: str) -> str:
        """The text of a field's value: ``{a}``, ``"a"``, a number, a name, or several joined by ``#``."""
        value = value.strip()
        if "#" not in value:
            return self._part(value)
        return "".join(self._part(part.strip()) for part in _parts(value))

    def _part(self, part: str) -> str:
        if len(part) > 1 and (part[0], part[-1]) in (("{", "}"), ('"', '"')):
            return part[1:-1]
        known = self._values.get(part.lower())
        if known is None:
            return part
        known = known[: self._left]
        self._left -= len(known)
        return known


def _parts(value: str) -> list[str]:
    """A value cut at each ``#`` outside of braces and quotes."""
    parts: list[str] = []
    start, depth, quoted = 0, 0, False
    for mark in _NEXT_PART.finditer(value):
        letter = mark[0]
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
        elif letter == '"' and not depth:
            quoted = not quoted
        elif letter == "#" and not depth and not quoted and len(parts) < MAX_PARTS:
            parts.append(value[start : mark.start()])
            start = mark.end()
    return [*parts, value[start:]]


def _fields_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """Name and value of each field; where the comma between two is missing, they come as one value."""
    for one in entry.fields:
        name, value = one.key, one.value.strip()
        for _ in range(MAX_PARTS):
            end = _end(value)
            following = _NEXT_FIELD.match(value, end) if end else None
            if following is None:
                break
            yield name.lower(), value[:end]
            name, value = following[1], value[following.end() :]
        yield name.lower(), value


def _end(value: str) -> int:
    """Where the braces, quotes or word end that a value begins with; 0 where they do not."""
    if not value.startswith(("{", '"')):
        word = _WORD.match(value)
        return word.end() if word else 0
    depth = 0
    for mark in _NEXT_PART.finditer(value):
        depth += {"{": 1, "}": -1}.get(mark[0], 0)
        if depth == 0 and mark.start() and mark[0] == {"{": "}"}.get(value[0], '"'):
            return mark.end()
    return 0


def read_bibtex(text: str, found: Collector) -> None:
    """Every entry that can be read is a paper; of the others the line and what is wrong is told."""
    text = _SPACED.sub(r"\1\2{\3", _bounded(text, found))
    abbreviations = _Abbreviations()
    for block in Splitter(text).split().blocks:
        line = (block.start_line or 0) + 1
        if isinstance(block, String):
            abbreviations.define(block.key, block.value)
            continue
        entry = _entry_of(block)
        if entry is None and not isinstance(block, ParsingFailedBlock):
            continue
        if found.must_stop():
            break
        if entry is not None:
            found.add(_read_entry(entry, line, abbreviations), f"line {line}: the entry {_named(entry.key)}")
        elif isinstance(block, ParsingFailedBlock):
            found.tell(f"line {line}:", _told(block))
    if not found.papers and not found.problems:
        found.tell("the file", "has no BibTeX entries")


def _bounded(text: str, found: Collector) -> str:
    starts = 0
    for starts, start in enumerate(_START.finditer(text), start=1):
        if starts > MAX_ENTRIES:
            line = text.count("\n", 0, start.start()) + 1
            found.tell(f"line {line}", f"and what follows were not read: more than {MAX_ENTRIES:,} entries")
            text = text[: start.start()]
            break
    if sum(map(text.count, MARKS)) > max(MAX_MARKS, USUAL_MARKS * len(text)):
        found.tell("the file", "is no library: it is made of braces and commas")
        return ""
    return text


def _entry_of(block: Block) -> Entry | None:
    """The entry itself, also where its key or a field stands twice, which does no harm here."""
    if isinstance(block, Entry):
        return block
    if isinstance(block, ParsingFailedBlock):
        inner = block.ignore_error_block
        return _entry_of(inner) if inner is not None else None
    return None


def _told(block: ParsingFailedBlock) -> str:
    reason = " ".join(str(getattr(block.error, "abort_reason", "")).split())
    return f"an entry that cannot be read ({truncate(reason.rstrip(' .'), 120) or 'broken off'})"


def _named(key: str) -> str:
    return f"“{truncate(' '.join(key.split()), 40)}”"


def _read_entry(entry: Entry, line: int, abbreviations: _Abbreviations) -> RawPaper:
    raw: dict[str, str] = {}
    for name, value in _fields_of(entry):
        if name in _FIELDS:
            raw.setdefault(name, abbreviations.resolve(value))
    eprint, archive = raw.get("eprint", ""), raw.get("archiveprefix") or raw.get("eprinttype", "")
    others = {name: from_latex(raw[name], limit=MAX_VENUE) for name in OTHER_IDS if name in raw}
    if archive.lower() == "pubmed":
        others.setdefault("pmid", eprint.strip())
    is_arxiv = archive.lower() in ("", "arxiv")
    venue = from_latex(_first(raw, VENUES), limit=MAX_VENUE)
    how = raw.get("howpublished", "")
    kind = KINDS.get(entry.entry_type.lower(), "other")
    if kind == "other" and how.strip("{} ").lower() == "preprint":
        kind = "preprint"
    title = from_latex(unbraced(raw.get("title", "")), limit=MAX_TITLE)
    subtitle = from_latex(unbraced(raw.get("subtitle", "")), limit=MAX_TITLE)
    return RawPaper(
        title=f"{title}: {subtitle}" if title and subtitle else title,
        abstract=from_latex(raw.get("abstract", ""), limit=MAX_ABSTRACT),
        authors=read_names(raw.get("author", "")),
        arxiv=f"arXiv:{_verbatim(eprint)}" if is_arxiv and eprint else "",
        doi=_verbatim(raw.get("doi", "")),
        ids=(venue, *(_verbatim(raw.get(name, "")) for name in ("note", "howpublished"))),
        others=others,
        urls=[_verbatim(raw[name]) for name in ("url", "howpublished") if name in raw],
        year=raw.get("year", "") or raw.get("date", ""),
        venue=venue,
        kind=kind,
        line=line,
        note=_note(raw.get("annote", "") or raw.get("annotation", "")),
    )


_FIELDS: Final = frozenset(
    (
        *("title", "subtitle", "abstract", "author", "eprint", "archiveprefix", "eprinttype", "doi", "note"),
        *("howpublished", "url", "year", "date", "annote", "annotation", *VENUES, *OTHER_IDS),
    )
)


def _first(raw: Mapping[str, str], names: Iterable[str]) -> str:
    return next((raw[name] for name in names if raw.get(name, "").strip()), "")


def _verbatim(value: str) -> str:
    """An id or address, which BibTeX takes as it stands, and other programs escape."""
    value = value.strip()[:MAX_NOTE]
    value = _BRACKET.sub(lambda found: found[2] or {"less": "<", "greater": ">"}[found[1]], value)
    match = _MACRO_URL.search(value)
    return _ESCAPED.sub(r"\1", match[1] if match else value).strip("{} ")


def _note(value: str) -> str:
    return "\n".join(from_latex(line, limit=MAX_NOTE) for line in value[: 20 * MAX_NOTE].split("\n"))
