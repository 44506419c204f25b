"""Papers → RIS: one line a field, so that no text can begin another field or record."""

from collections.abc import Iterable, Iterator

from digest.libraries.keys import with_keys
from digest.libraries.paper import LibraryPaper
from digest.libraries.ris import TYPES

__all__ = ["write_ris"]


def write_ris(papers: Iterable[LibraryPaper]) -> str:
    """One record a paper, in order; read again by ``read_library`` they are the same papers.

    Lines end as the format asks (CR LF). Of a note each line is one ``N1``.
    """
    lines: list[str] = []
    for key, paper in with_keys(papers):
        lines += [f"{tag}  - {value}" for tag, value in _fields(key, paper)]
        lines += ["ER  - ", ""]
    return "\r\n".join(lines)


def _fields(key: str, paper: LibraryPaper) -> Iterator[tuple[str, str]]:
    yield "TY", TYPES[paper.kind]
    yield "ID", key
    yield from _told("TI", paper.title)
    for name in paper.authors:
        yield "AU", _name(name)
    yield from _told("PY", str(paper.year) if paper.year is not None else "")
    yield from _told("T2", paper.venue)
    yield from _told("DO", paper.doi or "")
    yield from _told("AN", "; ".join(_ids(paper)))
    yield from _told("UR", paper.url or "")
    yield from _told("AB", paper.abstract)
    for line in paper.note.split("\n") if paper.note else ():
        yield "N1", line


def _told(tag: str, value: str) -> Iterator[tuple[str, str]]:
    if value:
        yield tag, value


def _ids(paper: LibraryPaper) -> list[str]:
    told = [f"arXiv:{paper.arxiv_id}"] if paper.arxiv_id else []
    return told + [f"{kind}:{value}" for kind, value in paper.other_ids]


def _name(name: str) -> str:
    """``Last, First``; a name that has a comma is written so already."""
    first, _, last = name.rpartition(" ")
    return f"{last}, {first}" if first and "," not in name else name
