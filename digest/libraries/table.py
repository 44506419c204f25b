"""Papers → CSV, for spreadsheets."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Final

from digest.libraries.keys import with_keys
from digest.libraries.paper import LibraryPaper

__all__ = ["write_csv"]

COLUMNS: Final = ("title", "authors", "year", "venue", "arxiv_id", "doi", "url", "note", "abstract")
# What spreadsheets take for a formula, or for white space before one.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_csv(papers: Iterable[LibraryPaper]) -> str:
    """One row a paper after a row of names; no cell is ever a formula."""
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for _, paper in with_keys(papers):
        cells = {
            "authors": "; ".join(paper.authors),
            "year": str(paper.year) if paper.year is not None else "",
        }
        rows.writerow([_guarded(cells.get(name) or getattr(paper, name) or "") for name in COLUMNS])
    return text.getvalue()


def _guarded(cell: object) -> str:
    text = str(cell) if cell != () else ""
    return f"'{text}" if text.startswith(FORMULA) else text
