"""Libraries: lists of papers as other programs keep them, read and written.

Pure: bytes in, papers and problems out, and the other way. BibTeX, RIS, CSL-JSON, and plain lists of ids,
titles and links, one a line. Whatever is in a file, what is good in it is read, and the rest is told.
"""

from digest.libraries.bibtex_writing import write_bibtex
from digest.libraries.csl import write_csl_json
from digest.libraries.paper import KINDS, Library, LibraryPaper
from digest.libraries.reading import MAX_BYTES, MAX_PAPERS, read_library
from digest.libraries.ris_writing import write_ris
from digest.libraries.table import write_csv

__all__ = [
    "KINDS",
    "MAX_BYTES",
    "MAX_PAPERS",
    "Library",
    "LibraryPaper",
    "read_library",
    "write_bibtex",
    "write_csl_json",
    "write_csv",
    "write_ris",
]
