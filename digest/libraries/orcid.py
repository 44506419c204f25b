"""The works of an ORCID record by its public API, version 3.0: what is asked, and what the answers mean.

https://info.orcid.org/documentation/api-tutorials/api-tutorial-read-data-on-a-record/: ``/{iD}/works`` groups
what several sources say of one work; ``/{iD}/works/{put-code,…}`` tells up to fifty of them whole. This asks
nothing itself.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from digest.errors import ParseError
from digest.libraries.paper import LibraryPaper, RawPaper, make_paper
from digest.text import plain

__all__ = ["AT_ONCE", "Work", "details_url", "read_details", "read_works", "works_url"]

AT_ONCE: Final = 50
MAX_WORKS: Final = 20_000
KINDS: Final[Mapping[str, str]] = {
    "journal-article": "article",
    "magazine-article": "article",
    "newspaper-article": "article",
    "conference-paper": "conference",
    "conference-proceedings": "conference",
    "book": "book",
    "edited-book": "book",
    "book-chapter": "chapter",
    "dissertation": "thesis",
    "dissertation-thesis": "thesis",
    "report": "report",
    "working-paper": "preprint",
    "preprint": "preprint",
    "data-set": "dataset",
    "software": "software",
}
ID_KINDS: Final = ("pmid", "pmc")


class Work(NamedTuple):
    """A work, and the number by which it is told whole."""

    put_code: int
    paper: LibraryPaper


def works_url(base: str, orcid: str) -> str:
    """Where all works of a record are asked for."""
    return f"{base}/v3.0/{orcid}/works"


def details_url(base: str, orcid: str, put_codes: list[int]) -> str:
    """Where some of them are asked for, whole."""
    return f"{base}/v3.0/{orcid}/works/{','.join(map(str, put_codes))}"


def _load(body: bytes, name: str) -> list[Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ParseError("ORCID's answer is no JSON") from error
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ParseError(f"ORCID's answer has no list {name!r}")
    return found[:MAX_WORKS]


def read_works(body: bytes) -> tuple[list[Work], int]:
    """``(works, how many tell neither a title nor an id)``. Raises ``ParseError``.

    Of what several sources say of a work the first counts, which is the one its author prefers.
    """
    works, untold = [], 0
    for group in _load(body, "group"):
        summaries = _list(group, "work-summary")
        first = summaries[0] if summaries and isinstance(summaries[0], dict) else {}
        # The ids of the group are those that all its sources tell together.
        paper = make_paper(_raw(first, [*_ids(first), *_ids(group)]))
        code = first.get("put-code")
        if paper is None:
            untold += 1
        else:
            works.append(Work(code if type(code) is int else 0, paper))
    return works, untold


def read_details(body: bytes) -> dict[int, LibraryPaper]:
    """By number what is told of works asked for by it, abstracts and authors too. Raises ``ParseError``."""
    found = {}
    for one in _load(body, "bulk"):
        work = one.get("work") if isinstance(one, dict) else None
        code = work.get("put-code") if isinstance(work, dict) else None
        if isinstance(work, dict) and type(code) is int:
            raw = _raw(work, list(_ids(work)))
            abstract = plain(_text(work, "short-description"))
            raw = replace(raw, abstract=abstract, authors=_authors(work))
            if (paper := make_paper(raw)) is not None:
                found[code] = paper
    return found


def _raw(work: Mapping[str, Any], ids: list[tuple[str, str]]) -> RawPaper:
    title, date = _dict(work, "title"), _dict(work, "publication-date")
    words = [_value(title, "title"), _value(title, "subtitle")]
    told = dict(reversed(ids))  # the first of a kind counts
    return RawPaper(
        title=plain(": ".join(word for word in words if word)),
        arxiv=told.get("arxiv", ""),
        doi=told.get("doi", ""),
        others={kind.replace("pmc", "pmcid"): told[kind] for kind in ID_KINDS if kind in told},
        urls=[_value(work, "url")],
        year=_value(date, "year"),
        venue=plain(_value(work, "journal-title")),
        kind=KINDS.get(_text(work, "type"), "other"),
    )


def _ids(work: object) -> Iterator[tuple[str, str]]:
    """The ids that are the work's own, not those of what it is part of."""
    for one in _list(_dict(work, "external-ids"), "external-id"):
        if isinstance(one, dict) and _text(one, "external-id-relationship").lower() in ("self", ""):
            yield _text(one, "external-id-type").lower(), _text(one, "external-id-value").strip()


def _authors(work: Mapping[str, Any]) -> list[str]:
    contributors = _list(_dict(work, "contributors"), "contributor")
    return [plain(name) for one in contributors if (name := _value(_dict(one, "credit-name"), "value"))]


def _dict(data: object, name: str) -> dict[str, Any]:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _list(data: object, name: str) -> list[Any]:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, list) else []


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _value(data: Mapping[str, Any], name: str) -> str:
    """A text, or one wrapped in ``{"value": …}``."""
    return _text(_dict(data, name), "value") or _text(data, name)
