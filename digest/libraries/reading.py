"""A file of unknown format → its papers: recognised by what is in it, its name being a hint only."""

import codecs
import re
from collections.abc import Callable
from typing import Final

from digest.libraries.bibtex import read_bibtex
from digest.libraries.csl import read_csl_json
from digest.libraries.lists import read_list
from digest.libraries.paper import MAX_PROBLEMS, Collector, Library
from digest.libraries.ris import read_ris

__all__ = ["MAX_BYTES", "MAX_PAPERS", "read_library"]

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PAPERS: Final = 20_000
# How far is looked for what tells the formats apart.
HEAD: Final = 200_000

_BIBTEX: Final = re.compile(r"^[ \t]*@[ \t]*[A-Za-z]{2,40}[ \t]*[{(]", re.MULTILINE)
_RIS: Final = re.compile(r"^\s{0,20}TY {1,2}- ?[A-Za-z]", re.MULTILINE)
_MARKUP: Final = re.compile(r"\s{0,200}<(?:\?xml|!doctype|html|[a-z:]{1,20}[\s>])", re.IGNORECASE)
_RDF: Final = re.compile(r"<rdf:RDF\b")
# Lists of references that none of our readers reads: as plain lists each of their lines would be a title.
_TITLE: Final = r"(?:[^\n]{0,2000}[,;\t])?\"?(?:(?:article|document|paper) )?title\"?[,;\t\n]"
_CELL: Final = r"\"?[\w ./()-]{1,40}\"?"
_FOREIGN: Final = (
    ("PubMed's own format", re.compile(r"\s{0,20}PMID ?- [0-9]")),
    ("Web of Science's own format", re.compile(r"\s{0,20}FN (?:Clarivate|Thomson|ISI)")),
    ("EndNote's own format", re.compile(r"\s{0,20}%0 [A-Z]")),
    ("a table", re.compile(rf"(?={_TITLE})\s{{0,20}}{_CELL}(?:[,;\t]{_CELL}){{2,200}}\n", re.IGNORECASE)),
)
_BINARY: Final = ("%PDF-", "PK\x03\x04", "\x89PNG", "\x1f\x8b", "Rar!")

Reader = Callable[[str, Collector], None]


def read_library(
    name: str,
    data: bytes,
    *,
    max_papers: int = MAX_PAPERS,
    max_bytes: int = MAX_BYTES,
    max_problems: int = MAX_PROBLEMS,
) -> Library:
    """The papers of a file, and its problems with their lines. Never raises.

    ``name`` is the file's (``refs.bib``) or empty. UTF-8, UTF-16 with its mark, else windows-1252. Of a file
    beyond ``max_bytes`` nothing is read, beyond ``max_papers`` papers nothing more; so many problems are told
    one by one.
    """
    if len(data) > max_bytes:
        return Library(problems=(f"the file is larger than {max_bytes // 2**20} MiB; split it, please",))
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return Library(problems=("the file is empty",))
    if text.startswith(_BINARY) or "\0" in text[:HEAD]:
        return Library(problems=("the file is no text; export it as BibTeX, RIS or CSL-JSON, please",))
    what = next((name for name, look in _FOREIGN if look.match(text)), "")
    if _MARKUP.match(text):
        what = "Zotero RDF" if _RDF.search(text[:HEAD]) else "XML or a web page"
    if what:
        problem = f"the file is {what}; export it as BibTeX, RIS or CSL-JSON, please"
        return Library(problems=(problem,))
    found = Collector(max_papers, max_problems)
    _reader_for(text, name.lower())(text, found)
    return found.finish()


def decode(data: bytes) -> str:
    """Bytes as text; never raises."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _reader_for(text: str, name: str) -> Reader:
    head = text[:HEAD]
    if head.lstrip()[:1] in ("{", "["):
        return read_csl_json
    ris, bibtex = _RIS.search(head), _BIBTEX.search(head)
    if ris and (not bibtex or ris.start() < bibtex.start()):
        return read_ris
    if bibtex:
        return read_bibtex
    endings: dict[str, Reader] = {".bib": read_bibtex, ".ris": read_ris, ".json": read_csl_json}
    return next((reader for ending, reader in endings.items() if name.endswith(ending)), read_list)
