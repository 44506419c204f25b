"""Works: papers as they are told from one place to another, by their ids and words.

Finding goes by ids and by whole texts only; that two texts are merely alike is for listings to say.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select, update
from sqlmodel import Session

from digest.identity import Ids, canonical
from digest.storage.bulk import in_batches, table
from digest.storage.filing import apply_changes
from digest.storage.identity import IMPORTED, TEXT
from digest.storage.sightings import address_of
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry

__all__ = ["add_works", "find_works", "load_works"]

NO_SOURCE: Final = 0
Key = tuple[str, str]


def load_works(s: Session, paper_ids: Iterable[int]) -> dict[int, Entry]:
    """The stored papers of these numbers, as entries that tell what they are, not where they were listed."""
    papers, ids = table("papers"), table("paper_ids")
    works: dict[int, Entry] = {}
    for batch in in_batches(paper_ids):
        others: dict[int, list[Key]] = defaultdict(list)
        rows = select(ids).where(ids.c.paper_id.in_(batch), ids.c.kind != TEXT).order_by(ids.c.kind)
        for row in s.connection().execute(rows):
            if ":" not in row.kind:  # a source's own
                others[row.paper_id].append((row.kind, row.value))
        for row in s.connection().execute(select(papers).where(papers.c.id.in_(batch))):
            works[row.id] = Entry(
                title=row.title,
                position=1,
                abstract=row.abstract,
                authors=tuple(row.authors),
                arxiv_id=row.arxiv_id,
                doi=row.doi,
                other_ids=tuple(others[row.id]),
                published_on=row.published_on,
                venue=row.venue,
                url=address_of(row),
            )
    return works


def find_works(s: Session, entries: Sequence[Entry]) -> list[int | None]:
    """For each entry the stored paper that it is: by arXiv id, else DOI, else other ids, else its whole text.

    A paper that has another id of a stronger or the same kind is not it.
    """
    entries = [canonical(entry) for entry in entries]
    owners = _owners(s, {key for entry in entries for key in _keys(entry)})
    ids = _ids_of(s, {paper_id for found in owners.values() for paper_id in found})
    return [_find(entry, owners, ids) for entry in entries]


def _keys(entry: Entry) -> Iterator[Key]:
    yield from Ids.of(entry)
    yield TEXT, fingerprint(entry.title, entry.abstract)


def _find(entry: Entry, owners: dict[Key, list[int]], ids: dict[int, Ids]) -> int | None:
    own = Ids.of(entry)
    for key in _keys(entry):
        for paper_id in owners.get(key, ()):
            # Different papers share titles, so a title alone is a paper only where nobody knows an id.
            is_telling = key[0] != TEXT or entry.abstract or not (own or ids[paper_id])
            if is_telling and not own.differ(ids[paper_id]):
                return paper_id
    return None


def _owners(s: Session, keys: set[Key]) -> dict[Key, list[int]]:
    papers, ids = table("papers"), table("paper_ids")
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, value in sorted(keys):
        by_kind[kind].append(value)
    owners: dict[Key, list[int]] = defaultdict(list)

    def look(kind: str, query: Select[Any], column: Any) -> None:
        for batch in in_batches(by_kind.get(kind, ())):
            for value, paper_id in s.connection().execute(query.where(column.in_(batch))):
                owners[kind, value].append(paper_id)

    look("arxiv", select(papers.c.arxiv_id, papers.c.id), papers.c.arxiv_id)
    look("doi", select(papers.c.doi, papers.c.id), papers.c.doi)
    look(TEXT, select(papers.c.fingerprint, papers.c.id).order_by(papers.c.id), papers.c.fingerprint)
    for kind in sorted(by_kind.keys() - {"arxiv", "doi"}):
        look(kind, select(ids.c.value, ids.c.paper_id).where(ids.c.kind == kind), ids.c.value)
    return owners


def _ids_of(s: Session, paper_ids: set[int]) -> dict[int, Ids]:
    return {paper_id: Ids.of(work) for paper_id, work in load_works(s, sorted(paper_ids)).items()}


def add_works(s: Session, entries: Sequence[Entry], now: datetime) -> list[int]:
    """Store papers that nobody listed here; their numbers in order.

    Nothing recommends them. The first source that lists one takes over its title and abstract. Of its ids the
    strongest is kept: two that do not belong together would make two papers one. Expects entries that
    :func:`find_works` does not find, each once.
    """
    entries = [_with_one_id(canonical(entry)) for entry in entries]
    changes = [
        Change(ChangeKind.NEW, entry, now.date(), fingerprint(entry.title, entry.abstract))
        for entry in entries
    ]
    added = apply_changes(s, NO_SOURCE, changes, now)
    papers = table("papers")
    for batch in in_batches(added):
        s.connection().execute(update(papers).where(papers.c.id.in_(batch)).values(text_by=IMPORTED))
    return added


def _with_one_id(entry: Entry) -> Entry:
    if entry.arxiv_id:
        return replace(entry, doi=None, other_ids=(), announces=False)
    return replace(entry, other_ids=() if entry.doi else entry.other_ids[:1], announces=False)
