"""A DOI as sites give it: arXiv's own DOIs are arXiv ids, all others name what a publisher put out."""

from digest.text import clean_text, parse_arxiv_id, parse_doi

__all__ = ["read_doi"]

# https://info.arxiv.org/help/doi.html: 10.48550/arXiv. and the id, for every paper.
ARXIV_DOI = "10.48550/arxiv."


def read_doi(value: object) -> tuple[str | None, str | None]:
    """(arXiv id, DOI) of a text that holds a DOI, bare or in an address; at most one of them is told."""
    doi = parse_doi(clean_text(value, limit=500)) if isinstance(value, str) else None
    if doi and doi.startswith(ARXIV_DOI):
        return parse_arxiv_id(doi), None
    return None, doi
