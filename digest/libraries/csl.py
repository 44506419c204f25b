"""CSL-JSON, the format of Zotero, Pandoc and citeproc: read and written."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from digest.libraries import zotero
from digest.libraries.keys import with_keys
from digest.libraries.paper import MAX_ENTRIES, OTHER_IDS, Collector, LibraryPaper, RawPaper
from digest.text import plain

__all__ = ["read_csl_json", "write_csl_json"]

# By kind, the type that is written; and by type, the kind that is read.
TYPES: Final = {
    "article": "article-journal",
    "conference": "paper-conference",
    "book": "book",
    "chapter": "chapter",
    "thesis": "thesis",
    "report": "report",
    "preprint": "article",
    "dataset": "dataset",
    "software": "software",
    "other": "document",
}
KINDS: Final = {name: kind for kind, name in TYPES.items()} | {
    "article-magazine": "article",
    "article-newspaper": "article",
    "manuscript": "preprint",
}
MAX_DIGITS: Final = 18


def read_csl_json(text: str, found: Collector) -> None:
    """Every item that can be read is a paper; a list of items, or an object with ``items``.

    Zotero's own items are read too; what hangs on them (files, notes) is no paper.
    """
    try:
        items = json.loads(text, parse_int=_bounded, parse_constant=lambda _: None)
    except RecursionError:
        found.tell("the file", "is JSON nested too deeply to be a library")
        return
    except ValueError as error:
        line = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "the file"
        found.tell(line, "is no JSON, or JSON that was cut off")
        return
    if isinstance(items, dict):
        items = items.get("items", [items])
    if not isinstance(items, list):
        found.tell("the file", "is JSON, but no list of papers")
        return
    for number, item in enumerate(items[:MAX_ENTRIES], start=1):
        if found.must_stop():
            break
        data = zotero.item_data(item)
        if data is not None:
            if _text(data["itemType"]) not in zotero.NO_PAPERS:
                found.add(zotero.read_item(data), f"item {number}")
        elif isinstance(item, dict):
            found.add(_read_item(item), f"item {number}")
        else:
            found.tell(f"item {number}", "is no paper")


def _bounded(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_DIGITS else None


def _read_item(item: Mapping[str, Any]) -> RawPaper:
    custom = item.get("custom")
    others = {str(kind): _text(value) for kind, value in custom.items()} if isinstance(custom, dict) else {}
    others |= {kind: _text(item[kind.upper()]) for kind in ("pmid", "pmcid") if kind.upper() in item}
    venue = plain(_text(item.get("container-title")) or _text(item.get("publisher")))
    return RawPaper(
        title=plain(_text(item.get("title"))),
        abstract=plain(_text(item.get("abstract"))),
        authors=_names(item.get("author")),
        doi=_text(item.get("DOI")),
        ids=(_text(item.get("number")), _text(item.get("archive_location")), venue),
        others={kind: value for kind, value in others.items() if kind in OTHER_IDS},
        urls=[_text(item.get("URL"))],
        year=_year(item.get("issued")),
        venue=venue,
        kind=KINDS.get(_text(item.get("type")), "other"),
        note=_text(item.get("note")),
    )


def _text(value: object) -> str:
    if isinstance(value, list) and value:  # as Crossref gives titles
        value = value[0]
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _names(value: object) -> list[str]:
    names = []
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            parts = ("given", "dropping-particle", "non-dropping-particle", "family", "suffix")
            spoken = " ".join(part for name in parts if (part := _text(one.get(name))))
            names.append(plain(_text(one.get("literal")) or spoken))
        elif isinstance(one, str):
            names.append(plain(one))
    return names


def _year(issued: object) -> str:
    if not isinstance(issued, dict):
        return _text(issued)
    parts = issued.get("date-parts")
    first = parts[0] if isinstance(parts, list) and parts else None
    year = first[0] if isinstance(first, list) and first else None
    return _text(year) or _text(issued.get("raw")) or _text(issued.get("literal"))


# --- writing ---------------------------------------------------------------------------------------


def write_csl_json(papers: Iterable[LibraryPaper]) -> str:
    """One item a paper, in order; read again by ``read_library`` they are the same papers."""
    items = [_item(key, paper) for key, paper in with_keys(papers)]
    return json.dumps(items, ensure_ascii=False, indent=1) + "\n"


def _item(key: str, paper: LibraryPaper) -> dict[str, Any]:
    others = dict(paper.other_ids)
    item: dict[str, Any] = {
        "id": key,
        "type": TYPES[paper.kind],
        "title": paper.title,
        "author": [_name(name) for name in paper.authors],
        "issued": {"date-parts": [[paper.year]]} if paper.year is not None else None,
        "container-title": paper.venue,
        "DOI": paper.doi,
        "number": f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else None,
        "PMID": others.pop("pmid", None),
        "PMCID": others.pop("pmcid", None),
        "custom": others,
        "URL": paper.url,
        "abstract": paper.abstract,
        "note": paper.note,
    }
    return {name: value for name, value in item.items() if value}


def _name(name: str) -> dict[str, str]:
    given, _, family = name.rpartition(" ")
    return {"family": family, "given": given} if given else {"literal": name}
