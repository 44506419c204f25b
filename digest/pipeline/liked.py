"""Papers that somebody likes, as they name them: typed or pasted, or as a library of another program."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from digest.errors import UsageError
from digest.libraries import read_library
from digest.pipeline.examples import resolve_paper
from digest.pipeline.recognising import MAX_ABSTRACT, distinct, recognise
from digest.pipeline.wishes import ExamplePaper, InterestWish
from digest.storage import papers as paper_rows
from digest.storage.database import Database
from digest.storage.profiles import LIKED
from digest.text import clean_text, normalise, parse_arxiv_id, parse_doi, truncate
from digest.translation import decimal
from digest.translation import gettext as _

__all__ = [
    "LIKED",
    "MAX_ABSTRACT",
    "MAX_LINES",
    "MAX_PAPERS",
    "Liked",
    "read_lines",
    "read_upload",
    "together",
    "with_liked",
]

MAX_LINES = 40
MAX_PAPERS = 2000
_MARK = re.compile(r"(?:[-*•–—·]|[0-9]{1,3}[.)])\s+")
_NUMBER = re.compile(r"#?[0-9]{1,9}")
_LIBRARY = re.compile(r"^[ \t]*@[A-Za-z]{2,40}[ \t]*\{|^TY {1,2}- ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Liked:
    """The papers that were meant, each once, and what could not be read, each in a sentence."""

    papers: tuple[ExamplePaper, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        """How many of them are stored here; the others count by their words."""
        return sum(one["paper_id"] is not None for one in self.papers)


def read_lines(database: Database, text: str) -> Liked:
    """Papers one a line: an id, a link, or a whole title. BibTeX and RIS may be pasted too.

    An id that is not stored yet counts as soon as its paper is read, a title by its words. A title that
    several papers have, and a link that leads to no paper we know, are problems.
    """
    if _LIBRARY.search(text):
        return read_upload(database, "", text.encode("utf-8", "replace"))
    lines = [(n, line) for n, raw in enumerate(text.splitlines(), start=1) if (line := _clean(raw))]
    papers, problems = [], []
    with database.read() as session:
        for n, line in lines[:MAX_LINES]:
            try:
                papers.append(_meant(session, line))
            except UsageError as error:
                problems.append(_("line %(line)s: %(why)s", line=n, why=error))
    if len(lines) > MAX_LINES:
        problems.append(_("only the first %(most)s lines were read; upload a file for more", most=MAX_LINES))
    return Liked(together(papers), tuple(problems))


def read_upload(database: Database, name: str, data: bytes, *, most: int = MAX_PAPERS) -> Liked:
    """The papers of a library file (BibTeX, RIS, CSL-JSON, a plain list); what is stored is recognised.

    Of more than ``most`` papers the first are taken, and that is told.
    """
    library = read_library(name, data)
    with database.read() as session:
        found = recognise(session, distinct(library.papers[:most])[0])
    problems = library.problems
    if len(library.papers) > most:
        problems = (
            *problems,
            _(
                "only the first %(most)s papers of %(all)s are taken",
                most=decimal(most),
                all=decimal(len(library.papers)),
            ),
        )
    return Liked(together(one.example() for one in found), problems)


def together(*lists: Iterable[ExamplePaper]) -> tuple[ExamplePaper, ...]:
    """All papers of these lists in their order, each once."""
    found: dict[object, ExamplePaper] = {}
    for papers in lists:
        for one in papers:
            found.setdefault(_key(one), one)
    return tuple(found.values())


def _key(one: ExamplePaper) -> object:
    """What tells a paper: its number here, else its ids, else its title."""
    told = one.get("told", {})
    ids = told.get("arxiv_id"), told.get("doi"), *told.get("other_ids", {}).items()
    return one["paper_id"] or (ids if any(ids) else normalise(one["title"]) or one["title"])


def with_liked(interests: Sequence[InterestWish], papers: Sequence[ExamplePaper]) -> tuple[InterestWish, ...]:
    """The interests, and these papers as one of their own, with what it has already."""
    if not papers:
        return tuple(interests)
    there = [one for one in interests if one.name == LIKED]
    kept = there[0] if there else InterestWish(name=LIKED)
    liked = replace(kept, examples=together(kept.examples, papers))
    others = [one for one in interests if one.name != LIKED]
    return (*others, liked)


def _clean(raw: str) -> str:
    return _MARK.sub("", clean_text(raw, limit=paper_rows.MAX_TITLE), count=1)


def _meant(session: Session, line: str) -> ExamplePaper:
    found = resolve_paper(session, line)
    if found["paper_id"] is None and _NUMBER.fullmatch(line):
        raise UsageError(_("there is no paper %(ref)s here", ref=line))
    is_id = parse_arxiv_id(line) or parse_doi(line)
    if found["paper_id"] is None and "://" in line and not is_id:
        raise UsageError(
            _("no paper is known by %(ref)s; give its title, arXiv id or DOI", ref=truncate(line, 80))
        )
    return found
