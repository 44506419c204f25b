"""What a library is made of, and how the raw fields of any format become a paper."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from digest.text import clean_lines, clean_text, parse_arxiv_id, parse_doi, safe_url

__all__ = [
    "KINDS",
    "OTHER_IDS",
    "Collector",
    "Library",
    "LibraryPaper",
    "RawPaper",
    "fit_ids",
    "make_paper",
    "year_of",
]

# What a paper can be, in the words that all formats are translated from and to.
KINDS: Final = (
    *("article", "conference", "book", "chapter", "thesis"),
    *("report", "preprint", "dataset", "software", "other"),
)
# Kinds of further ids that travel with a paper, with what they look like.
OTHER_IDS: Final[Mapping[str, re.Pattern[str]]] = {
    "pmid": re.compile(r"[0-9]{1,9}"),
    "pmcid": re.compile(r"PMC[0-9]{1,9}"),
    "s2": re.compile(r"[0-9a-f]{40}"),
    "acl": re.compile(r"[A-Za-z0-9.-]{3,60}"),
    "mag": re.compile(r"[0-9]{1,12}"),
    "corpusid": re.compile(r"[0-9]{1,12}"),
}
MAX_TITLE: Final = 2000
MAX_ABSTRACT: Final = 20_000
MAX_NAME: Final = 200
MAX_AUTHORS: Final = 3000
MAX_VENUE: Final = 300
MAX_NOTE: Final = 4000
# A file that is wrong throughout is not told line by line.
MAX_PROBLEMS: Final = 50
MAX_ENTRIES: Final = 40_000

_YEAR: Final = re.compile(r"(?<![0-9])(1[5-9][0-9]{2}|20[0-9]{2})(?![0-9])")
_ARXIV_DOI: Final = "10.48550/arxiv."
_ARXIV_VENUE: Final = re.compile(r"(?:arxiv|corr)\b.*", re.IGNORECASE)
_PUBMED: Final = re.compile(
    r"https?://(?:www\.)?(?:pubmed\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/pubmed)/([0-9]{1,9})/?"
)


@dataclass(frozen=True, slots=True)
class LibraryPaper:
    """One paper of a library. All text is plain and on one line, but for the lines of ``note``.

    ``kind`` is one of ``KINDS``; ``line`` is where its entry begins (from 1), where the format has lines;
    ``note`` is what its owner wrote beside it. Of title and ids at least one is there.
    """

    title: str = ""
    abstract: str = ""
    authors: tuple[str, ...] = ()
    arxiv_id: str | None = None
    doi: str | None = None
    other_ids: tuple[tuple[str, str], ...] = ()
    url: str | None = None
    year: int | None = None
    venue: str = ""
    kind: str = "other"
    line: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """The papers of a file in its order, and what could not be read, each in one sentence that says where."""

    papers: tuple[LibraryPaper, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class RawPaper:
    """The fields of one entry as its format's reader found them, before they are cleaned.

    ``ids`` are texts that may hold an arXiv id or DOI (an address, a ``note``), ``urls`` addresses.
    """

    title: str = ""
    abstract: str = ""
    authors: Sequence[str] = ()
    arxiv: str = ""
    doi: str = ""
    ids: Sequence[str] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    urls: Sequence[str] = ()
    year: str = ""
    venue: str = ""
    kind: str = "other"
    line: int | None = None
    note: str = ""


@dataclass(slots=True)
class Collector:
    """Papers and problems on the way to a library; keeps both within their bounds."""

    max_papers: int
    max_problems: int = MAX_PROBLEMS
    is_cut: bool = False
    papers: list[LibraryPaper] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    untold: int = 0
    entries: int = 0

    def add(self, raw: RawPaper, where: str) -> None:
        """Keep one entry, or say why it is none."""
        self.entries += 1
        paper = make_paper(raw)
        if paper is None:
            self.tell(where, "has neither a title nor an arXiv id or DOI")
        else:
            self.papers.append(paper)

    def must_stop(self) -> bool:
        """Whether what comes next is not to be read: there are enough papers, or entries. That is told."""
        self.is_cut = len(self.papers) >= self.max_papers or self.entries >= MAX_ENTRIES
        return self.is_cut

    def tell(self, where: str, what: str) -> None:
        """Note a problem: ``line 3 holds no words``."""
        if len(self.problems) < self.max_problems:
            self.problems.append(f"{where} {what}")
        else:
            self.untold += 1

    def finish(self) -> Library:
        """All that was collected."""
        ends = []
        if self.untold:
            ends.append(f"and {self.untold:,} more like these")
        if self.is_cut:
            ends.append(f"nothing was read beyond {len(self.papers):,} papers")
        return Library(tuple(self.papers), (*self.problems, *ends))


def make_paper(raw: RawPaper) -> LibraryPaper | None:
    """The entry's fields cleaned and its ids recognised; ``None`` where nothing says which paper it is."""
    title = clean_text(raw.title, limit=MAX_TITLE)
    doi = parse_doi(raw.doi)
    arxiv_id = parse_arxiv_id(raw.arxiv)
    urls = [url for one in raw.urls if (url := safe_url(one)) is not None]
    for hint in (*raw.ids, *urls):
        arxiv_id = arxiv_id or parse_arxiv_id(hint)
        doi = doi or parse_doi(hint)
    if doi is not None and doi.startswith(_ARXIV_DOI):
        arxiv_id, doi = arxiv_id or parse_arxiv_id(doi[len(_ARXIV_DOI) :]), None
    others = _others(raw.others, urls)
    if not (title or arxiv_id or doi or others):
        return None
    venue = clean_text(raw.venue, limit=MAX_VENUE)
    is_preprint = arxiv_id is not None and (raw.kind == "other" or bool(_ARXIV_VENUE.fullmatch(venue)))
    return LibraryPaper(
        title=title,
        abstract=clean_text(raw.abstract, limit=MAX_ABSTRACT),
        authors=tuple(name for one in raw.authors[:MAX_AUTHORS] if (name := clean_text(one, limit=MAX_NAME))),
        arxiv_id=arxiv_id,
        doi=doi,
        other_ids=others,
        url=urls[0] if urls else None,
        year=year_of(raw.year),
        venue="" if is_preprint and _ARXIV_VENUE.fullmatch(venue) else venue,
        kind="preprint" if is_preprint else raw.kind,
        line=raw.line,
        note=clean_lines(raw.note, limit=MAX_NOTE),
    )


def _others(told: Mapping[str, str], urls: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = fit_ids(told)
    for url in urls:
        if match := _PUBMED.fullmatch(url):
            found.setdefault("pmid", match[1])
    return tuple(sorted(found.items()))


def fit_ids(told: Mapping[str, str]) -> dict[str, str]:
    """Those of the ids that are of a known kind and look like it."""
    return {
        kind: value
        for kind, pattern in OTHER_IDS.items()
        if (value := clean_text(told.get(kind, ""), limit=MAX_NAME)) and pattern.fullmatch(value)
    }


def year_of(text: str) -> int | None:
    """The first year from 1500 to 2099 in a text such as ``2017-06-12`` or ``June 2017``."""
    match = _YEAR.search(text[:200])
    return int(match[1]) if match else None
