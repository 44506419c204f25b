"""Papers → BibTeX."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from digest.libraries.bibtex import TYPES
from digest.libraries.keys import with_keys
from digest.libraries.latex import to_latex
from digest.libraries.names import write_names
from digest.libraries.paper import LibraryPaper

__all__ = ["write_bibtex"]

# Where the venue of each kind stands.
VENUE: Final = {
    "conference": "booktitle",
    "chapter": "booktitle",
    "thesis": "school",
    "report": "institution",
    "book": "publisher",
    "dataset": "publisher",
    "software": "publisher",
}
# An id or address is written as it stands; these could end the field.
_UNFIT: Final = re.compile(r"[{}\\]")


def write_bibtex(papers: Iterable[LibraryPaper]) -> str:
    """One entry a paper, in order; read again by ``read_library`` they are the same papers."""
    return "\n".join(_entry(key, paper) for key, paper in with_keys(papers))


def _entry(key: str, paper: LibraryPaper) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in _fields(paper) if value]
    return "\n".join((f"@{TYPES[paper.kind]}{{{key},", *lines, "}\n"))


def _fields(paper: LibraryPaper) -> Iterator[tuple[str, str]]:
    # The second pair of braces keeps the title's capitals.
    yield "title", f"{{{to_latex(paper.title)}}}" if paper.title else ""
    yield "author", write_names(paper.authors)
    yield "year", str(paper.year) if paper.year is not None else ""
    yield VENUE.get(paper.kind, "journal"), to_latex(paper.venue)
    yield "howpublished", "Preprint" if paper.kind == "preprint" else ""
    if paper.arxiv_id:
        yield "eprint", paper.arxiv_id
        yield "archiveprefix", "arXiv"
    yield "doi", _verbatim(paper.doi or "")
    yield "url", _verbatim(paper.url or "")
    yield from paper.other_ids
    yield "abstract", to_latex(paper.abstract)
    # Lines stay lines; set in, so that none looks like the beginning of an entry.
    yield "annote", "\n    ".join(map(to_latex, paper.note.split("\n")))


def _verbatim(value: str) -> str:
    return _UNFIT.sub(lambda found: f"%{ord(found[0]):02X}", value)
