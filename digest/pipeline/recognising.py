"""A library's papers held against what is stored: which are there, which wait, which cannot be told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from digest.identity import Ids, canonical
from digest.libraries import LibraryPaper
from digest.pipeline.interest_wish import ExamplePaper, example_paper
from digest.pipeline.told import entry_of, paper_of, told_besides, told_of
from digest.storage import papers as paper_rows
from digest.storage.browsing import keep_those
from digest.storage.bulk import in_batches
from digest.storage.database import Database
from digest.storage.works import add_works, find_works, load_works
from digest.text import normalise
from digest.types import Entry

__all__ = ["MAX_ABSTRACT", "Recognised", "distinct", "file_examples", "recognise"]

# Beyond that an abstract says nothing more of a taste; a library of long ones stays small enough to carry.
MAX_ABSTRACT = 4000
# Works that are filed in one transaction.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Recognised:
    """A library's paper and the stored one that it is, if any; ``is_listed``: a source has listed that."""

    paper: LibraryPaper
    number: int | None = None
    work: Entry | None = None
    is_listed: bool = False

    @property
    def has_id(self) -> bool:
        """Whether it can be told from all others once a source lists it."""
        told = (self.paper, self.work)
        return any(one and (one.arxiv_id or one.doi or one.other_ids) for one in told)

    def example(self) -> ExamplePaper:
        """The paper as an example: in the stored words, else in its own."""
        told = told_of(self.paper)
        if self.work is not None:
            abstract = self.work.abstract[:MAX_ABSTRACT]
            return example_paper(self.number, self.work.title, abstract, told_besides(told, self.work))
        title = self.paper.title or entry_of(self.paper).title
        return example_paper(None, title, self.paper.abstract[:MAX_ABSTRACT], told)


def distinct(papers: Iterable[LibraryPaper]) -> tuple[list[LibraryPaper], list[int]]:
    """``(each paper once, the place among the papers given of each)``.

    Those that share an id are one, and those that share a title and differ in no id; what the first does not
    tell, the others do.
    """
    found: list[LibraryPaper] = []
    places: list[int] = []
    by_key: dict[tuple[str, str], int] = {}
    for place, paper in enumerate(papers):
        keys = _keys(paper)
        known = next((by_key[key] for key in keys if key in by_key), None)
        if known is not None and _ids(paper).differ(_ids(found[known])):
            known = None
        if known is None:
            known = len(found)
            found.append(paper)
            places.append(place)
        else:
            found[known] = _both(found[known], paper)
        for key in keys:
            by_key.setdefault(key, known)
    return found, places


def _ids(paper: LibraryPaper) -> Ids:
    return Ids.of(canonical(entry_of(paper)))


def _keys(paper: LibraryPaper) -> list[tuple[str, str]]:
    title = normalise(paper.title)
    return [*_ids(paper), *([("title", title)] if title else [])]


def _both(one: LibraryPaper, two: LibraryPaper) -> LibraryPaper:
    return replace(
        one,
        title=one.title or two.title,
        abstract=one.abstract or two.abstract,
        authors=one.authors or two.authors,
        arxiv_id=one.arxiv_id or two.arxiv_id,
        doi=one.doi or two.doi,
        other_ids=tuple(sorted({**dict(two.other_ids), **dict(one.other_ids)}.items())),
        url=one.url or two.url,
        year=one.year or two.year,
        venue=one.venue or two.venue,
        note=one.note or two.note,
    )


def recognise(session: Session, papers: Sequence[LibraryPaper]) -> list[Recognised]:
    """Find the stored paper of each: by arXiv id, DOI or other ids, by its whole text, else by its title."""
    entries = [canonical(entry_of(paper)) for paper in papers]
    numbers = find_works(session, entries)
    titles = paper_rows.find_titles(
        session, [one.title for one, number in zip(papers, numbers, strict=True) if number is None]
    )
    found = [
        titles.get(paper.title) if number is None else number
        for paper, number in zip(papers, numbers, strict=True)
    ]
    works = load_works(session, filter(None, found))
    listed = set(keep_those(session, list(works)))
    return [
        _recognised(paper, entry, number, works, listed)
        for paper, entry, number in zip(papers, entries, found, strict=True)
    ]


def _recognised(
    paper: LibraryPaper, entry: Entry, number: int | None, works: dict[int, Entry], listed: set[int]
) -> Recognised:
    work = works.get(number or 0)
    # A title is no proof against an id.
    if number is None or work is None or Ids.of(entry).differ(Ids.of(work)):
        return Recognised(paper)
    return Recognised(paper, number, work, number in listed)


# --- filing ----------------------------------------------------------------------------------------


def file_examples(
    database: Database, examples: Sequence[ExamplePaper], now: datetime
) -> tuple[ExamplePaper, ...]:
    """The examples, those that can be told from others filed as works that no source listed yet.

    So they are recognised when one does, and their words are kept once, however many readers have them. In
    short transactions, so that nobody waits for a large library.
    """
    made = list(examples)
    waiting = [place for place, one in enumerate(made) if one["paper_id"] is None and _can_be_told(one)]
    for batch in in_batches(waiting, AT_ONCE):
        papers = [_paper(made[place]) for place in batch]
        with database.write() as session:
            numbers = _file(session, [entry_of(paper) for paper in papers], now)
            works = load_works(session, numbers)
        for place, paper, number in zip(batch, papers, numbers, strict=True):
            work = works[number]
            made[place] = example_paper(number, work.title, "", told_besides(told_of(paper), work))
    # The words of stored papers are kept with them.
    return tuple(one if one["paper_id"] is None else {**one, "abstract": ""} for one in made)


def _paper(example: ExamplePaper) -> LibraryPaper:
    return paper_of(example["title"], example["abstract"], example.get("told", {}), None)


def _can_be_told(example: ExamplePaper) -> bool:
    told = example.get("told", {})
    return bool(told.get("arxiv_id") or told.get("doi") or told.get("other_ids") or example["abstract"])


def _file(session: Session, entries: list[Entry], now: datetime) -> list[int]:
    """The numbers of works, those that are unknown added. Runs inside the caller's write transaction."""
    known = find_works(session, entries)
    unknown = [entry for entry, number in zip(entries, known, strict=True) if number is None]
    added = iter(add_works(session, unknown, now))
    return [next(added) if number is None else number for number in known]
