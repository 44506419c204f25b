"""A paper made fit to be written: whatever it holds, every field is plain text of one line."""

from dataclasses import replace

from digest.libraries.paper import KINDS, LibraryPaper, fit_ids, year_of
from digest.text import clean_lines, clean_text, parse_arxiv_id, parse_doi, safe_url

__all__ = ["tidied"]


def tidied(paper: LibraryPaper) -> LibraryPaper:
    """The same paper without what no field may hold: controls, line breaks, addresses that are none."""
    return replace(
        paper,
        title=clean_text(paper.title),
        abstract=clean_text(paper.abstract),
        authors=tuple(name for one in paper.authors if (name := clean_text(one))),
        arxiv_id=parse_arxiv_id(paper.arxiv_id or ""),
        doi=parse_doi(paper.doi or ""),
        other_ids=tuple(sorted(fit_ids(dict(paper.other_ids)).items())),
        url=safe_url(paper.url),
        year=year_of(str(paper.year)) if paper.year is not None else None,
        venue=clean_text(paper.venue),
        kind=paper.kind if paper.kind in KINDS else "other",
        note=clean_lines(paper.note),
    )
