"""What a library told of a paper besides title and abstract: kept with the example, given back in an export.

As JSON: ``{"authors": […], "arxiv_id": …, "doi": …, "other_ids": {…}, "year": 2017, "venue": …, "url": …,
"kind": "article", "note": …}``, each only where it says more than the paper that is stored.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from digest.libraries import KINDS, LibraryPaper
from digest.libraries.paper import RawPaper, make_paper
from digest.text import id_title, is_id_title
from digest.types import Entry

__all__ = ["Told", "clean_told", "entry_of", "library_paper", "paper_of", "told_besides", "told_of"]

Told = dict[str, Any]


def told_of(paper: LibraryPaper) -> Told:
    """All that a library's paper tells."""
    told: Told = {
        "authors": list(paper.authors),
        "arxiv_id": paper.arxiv_id,
        "doi": paper.doi,
        "other_ids": dict(paper.other_ids),
        "year": paper.year,
        "venue": paper.venue,
        "url": paper.url,
        "kind": paper.kind if paper.kind != "other" else "",
        "note": paper.note,
    }
    return {name: value for name, value in told.items() if value}


def told_besides(told: Told, work: Entry) -> Told:
    """What of it the stored paper does not say."""
    stored = told_of(library_paper(work))
    more = {name: value for name, value in told.items() if value != stored.get(name)}
    if work.authors:
        more.pop("authors", None)
    if work.arxiv_id or work.doi:
        more.pop("url", None)
    return more


def clean_told(given: object) -> Told:
    """The same from anywhere, clean and bounded; what is none of it is left out."""
    if not isinstance(given, Mapping):
        return {}
    authors, others = given.get("authors"), given.get("other_ids")
    paper = make_paper(
        RawPaper(
            title="-",  # a paper needs one; it is not told
            authors=[one for one in authors if isinstance(one, str)] if isinstance(authors, list) else (),
            arxiv=_text(given, "arxiv_id"),
            doi=_text(given, "doi"),
            others={k: v for k, v in others.items() if isinstance(k, str) and isinstance(v, str)}
            if isinstance(others, Mapping)
            else {},
            urls=(_text(given, "url"),),
            year=str(given["year"]) if type(given.get("year")) is int else "",
            venue=_text(given, "venue"),
            kind=kind if (kind := _text(given, "kind")) in KINDS else "other",
            note=_text(given, "note"),
        )
    )
    return told_of(paper) if paper is not None else {}


def _text(given: Mapping[Any, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


def entry_of(paper: LibraryPaper) -> Entry:
    """A library's paper as what stored papers are held against, and as what is filed of it."""
    return Entry(
        title=paper.title or id_title(("arXiv", paper.arxiv_id), ("doi", paper.doi), *paper.other_ids),
        position=1,
        abstract=paper.abstract,
        authors=paper.authors,
        arxiv_id=paper.arxiv_id,
        doi=paper.doi,
        other_ids=paper.other_ids,
        url=paper.url,
        venue=paper.venue or None,
        announces=False,
    )


def library_paper(work: Entry, note: str = "") -> LibraryPaper:
    """A stored paper as other programs know papers; what kind of work it is goes by its ids."""
    kind = "article" if work.doi or work.venue else "preprint" if work.arxiv_id else "other"
    return LibraryPaper(
        title="" if is_id_title(work.title) else work.title,
        abstract=work.abstract,
        authors=work.authors,
        arxiv_id=work.arxiv_id,
        doi=work.doi,
        other_ids=work.other_ids,
        url=work.url,
        year=_year(work),
        venue=work.venue or "",
        kind=kind,
        note=note,
    )


def _year(work: Entry) -> int | None:
    if work.published_on is not None:
        return work.published_on.year
    # Since April 2007 an arXiv id begins with its year and month.
    is_dated = work.arxiv_id is not None and "." in work.arxiv_id
    return 2000 + int(work.arxiv_id[:2]) if is_dated and work.arxiv_id else None


def paper_of(title: str, abstract: str, told: Told, work: Entry | None) -> LibraryPaper:
    """An example as a library's paper: the stored paper where there is one, and what was told besides."""
    base = LibraryPaper(title=title, abstract=abstract) if work is None else library_paper(work)
    return replace(
        base,
        authors=base.authors or tuple(told.get("authors", ())),
        arxiv_id=base.arxiv_id or told.get("arxiv_id"),
        doi=base.doi or told.get("doi"),
        other_ids=tuple(sorted({**told.get("other_ids", {}), **dict(base.other_ids)}.items())),
        url=base.url or told.get("url"),
        year=told.get("year", base.year),
        venue=base.venue or told.get("venue", ""),
        kind=told.get("kind", base.kind),
        note=told.get("note", base.note),
    )
