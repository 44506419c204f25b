"""Pure text: cleaning, LaTeX remains, ids, numbers, days and addresses.

Everything takes values and gives values; no clock, no files, no network. Text that leaves
:func:`clean_text` or :func:`plain` holds no markup and is safe to store; it is *not* HTML, so
whatever shows it escapes it.
"""

from digest.text.addresses import is_this_machine, paper_url, pdf_url, safe_url
from digest.text.cleaning import clean_lines, clean_text, truncate
from digest.text.comparing import fingerprint, normalise
from digest.text.latex import latex_to_text, plain
from digest.text.reading import (
    id_title,
    is_id_title,
    parse_arxiv_id,
    parse_count,
    parse_day,
    parse_doi,
)
from digest.text.wanted import (
    Followed,
    author_fault,
    boost_fault,
    parse_orcid,
    read_followed,
    split_boost,
)

__all__ = [
    "Followed",
    "author_fault",
    "boost_fault",
    "clean_lines",
    "clean_text",
    "fingerprint",
    "id_title",
    "is_id_title",
    "is_this_machine",
    "latex_to_text",
    "normalise",
    "paper_url",
    "parse_arxiv_id",
    "parse_count",
    "parse_day",
    "parse_doi",
    "parse_orcid",
    "pdf_url",
    "plain",
    "read_followed",
    "safe_url",
    "split_boost",
    "truncate",
]
