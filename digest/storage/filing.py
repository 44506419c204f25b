"""How what a source listed meets what is stored: looked up before the diff, written after it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, Select, insert, select
from sqlmodel import Session

from digest.models import Paper
from digest.storage.bulk import BATCH, in_batches, table, upsert
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry, KnownPaper

__all__ = ["CONTENT_FIELDS", "apply_changes", "find_known"]

LISTS = ("authors", "keywords", "categories", "media_urls")
# What a paper takes over from an entry, under the same name in both.
CONTENT_FIELDS = (
    "title",
    "abstract",
    "authors",
    "organisation",
    "summary",
    "keywords",
    "categories",
    "code_url",
    "project_url",
    "thumbnail_url",
    "media_urls",
    "published_on",
)
Counts = tuple[int | None, int | None, int | None]
# What an integer column holds on both databases.
MAX_COUNT = 2**31 - 1


def find_known(s: Session, source_id: int, entries: Sequence[Entry]) -> list[KnownPaper]:
    """Every stored paper that could be one of the entries, by id.

    Found by arXiv id, DOI, this source's own id, or fingerprint. ``fields`` holds the content fields and
    ``submitter``; ``listed`` the days of this source only.
    """
    s.flush()
    papers, listings = table("papers"), table("entries")
    wanted: dict[int, Row[Any]] = {}
    by_column = {
        papers.c.arxiv_id: [entry.arxiv_id for entry in entries if entry.arxiv_id],
        papers.c.doi: [entry.doi for entry in entries if entry.doi],
        papers.c.fingerprint: [fingerprint(entry.title, entry.abstract) for entry in entries],
    }
    for column, values in by_column.items():
        for batch in in_batches(values):
            wanted |= _rows_by_id(s, select(papers).where(column.in_(batch)))
    for batch in in_batches(entry.source_ref for entry in entries if entry.source_ref):
        refs = select(listings.c.paper_id).where(
            listings.c.source_id == source_id, listings.c.source_ref.in_(batch)
        )
        wanted |= _rows_by_id(s, select(papers).where(papers.c.id.in_(refs)))
    listed = _listed(s, source_id, wanted)
    return [_known(wanted[paper_id], listed.get(paper_id, [])) for paper_id in sorted(wanted)]


def _rows_by_id(s: Session, query: Select[Any]) -> dict[int, Row[Any]]:
    return {row.id: row for row in s.connection().execute(query)}


def _listed(s: Session, source_id: int, paper_ids: Iterable[int]) -> dict[int, list[Row[Any]]]:
    """This source's entries of the papers, oldest day first."""
    listings = table("entries")
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for batch in in_batches(paper_ids):
        query = (
            select(listings)
            .where(listings.c.source_id == source_id, listings.c.paper_id.in_(batch))
            .order_by(listings.c.listed_on)
        )
        for row in s.connection().execute(query):
            found[row.paper_id].append(row)
    return found


def _known(paper: Row[Any], listed: Sequence[Row[Any]]) -> KnownPaper:
    stored = paper._mapping
    fields = {name: tuple(stored[name]) if name in LISTS else stored[name] for name in CONTENT_FIELDS}
    fields["submitter"] = _last(listed, "submitter")
    days: dict[date, Counts] = {row.listed_on: (row.votes, row.comments, row.stars) for row in listed}
    return KnownPaper(
        paper_id=paper.id,
        arxiv_id=paper.arxiv_id,
        doi=paper.doi,
        source_ref=_last(listed, "source_ref"),
        fingerprint=paper.fingerprint,
        fields=MappingProxyType(fields),
        listed=MappingProxyType(days),
    )


def _last(listed: Sequence[Row[Any]], name: str) -> str | None:
    return next((row._mapping[name] for row in reversed(listed) if row._mapping[name] is not None), None)


def apply_changes(s: Session, source_id: int, changes: Sequence[Change], now: datetime) -> list[int]:
    """File what the diff decided; returns the paper ids, one per change, in order.

    New papers are added, changed content fields taken over (an entry's empty field never empties a stored
    one), missing arXiv ids and DOIs adopted unless another paper has them. Each change leaves one entry
    row for its day (``first_seen_at`` is that of the first time) and one observation at ``now``.
    """
    if not changes:
        return []
    s.flush()
    taken = _taken_ids(s, changes)
    added = _add_papers(s, [one for one in changes if one.paper_id is None], taken, now)
    _update_papers(s, [one for one in changes if one.paper_id is not None], taken, now)
    new = iter(added)
    ids = [next(new) if one.paper_id is None else one.paper_id for one in changes]
    _add_entries(s, source_id, list(zip(ids, changes, strict=True)), now)
    return ids


def _taken_ids(s: Session, changes: Sequence[Change]) -> dict[str, dict[str, int]]:
    """Which of the changes' arXiv ids and DOIs a stored paper has: ``{"arxiv_id": {id: paper}, …}``."""
    papers = table("papers")
    taken: dict[str, dict[str, int]] = {"arxiv_id": {}, "doi": {}}
    for name, owners in taken.items():
        column = papers.c[name]
        for batch in in_batches(value for one in changes if (value := getattr(one.entry, name))):
            found = s.connection().execute(select(column, papers.c.id).where(column.in_(batch)))
            owners |= dict(found.all())
    return taken


def _add_papers(
    s: Session, changes: Sequence[Change], taken: Mapping[str, dict[str, int]], now: datetime
) -> list[int]:
    papers = table("papers")
    rows = [_new_paper(change, taken, now) for change in changes]
    add = insert(papers).returning(papers.c.id, sort_by_parameter_order=True)
    ids: list[int] = []
    for start in range(0, len(rows), BATCH):
        ids += s.connection().execute(add, rows[start : start + BATCH]).scalars()
    return ids


def _new_paper(change: Change, taken: Mapping[str, dict[str, int]], now: datetime) -> dict[str, Any]:
    entry = change.entry
    row: dict[str, Any] = {name: getattr(entry, name) for name in CONTENT_FIELDS}
    row |= {name: list(row[name]) for name in LISTS}
    for name, owners in taken.items():
        value = getattr(entry, name)
        # An id that another paper has is a mistake somewhere outside; the paper is kept without it.
        row[name] = value if value and value not in owners else None
        if row[name]:
            owners[value] = 0
    return row | {
        "fingerprint": change.fingerprint,
        "authors_text": _authors_text(entry.authors),
        "first_seen_at": now,
        "updated_at": now,
    }


def _update_papers(
    s: Session, changes: Sequence[Change], taken: Mapping[str, dict[str, int]], now: datetime
) -> None:
    touched = [one for one in changes if _may_change_paper(one, taken)]
    papers: dict[int, Paper] = {}
    for batch in in_batches(one.paper_id for one in touched):
        query = select(Paper).where(table("papers").c.id.in_(batch))
        papers |= {paper.id: paper for paper in s.scalars(query) if paper.id is not None}
    for change in touched:
        if change.paper_id in papers:
            _update_paper(papers[change.paper_id], change, taken, now)
    s.flush()


def _may_change_paper(change: Change, taken: Mapping[str, dict[str, int]]) -> bool:
    if change.kind is ChangeKind.MODIFIED and not set(change.fields).isdisjoint(CONTENT_FIELDS):
        return True
    ids = ((getattr(change.entry, name), owners) for name, owners in taken.items())
    return any(value and value not in owners for value, owners in ids)


def _update_paper(paper: Paper, change: Change, taken: Mapping[str, dict[str, int]], now: datetime) -> None:
    entry = change.entry
    for name in CONTENT_FIELDS:
        value = getattr(entry, name)
        if name in change.fields and value:
            setattr(paper, name, list(value) if name in LISTS else value)
    for name, owners in taken.items():
        value = getattr(entry, name)
        if value and value not in owners and getattr(paper, name) is None:
            setattr(paper, name, value)
            owners[value] = change.paper_id or 0
    paper.authors_text = _authors_text(paper.authors)
    # The entry's own fingerprint is the paper's only where the entry told both title and abstract.
    whole = paper.title == entry.title and paper.abstract == entry.abstract
    paper.fingerprint = change.fingerprint if whole else fingerprint(paper.title, paper.abstract)
    paper.updated_at = now


def _authors_text(authors: Sequence[str]) -> str:
    return ", ".join(authors)


def _add_entries(s: Session, source_id: int, filed: Sequence[tuple[int, Change]], now: datetime) -> None:
    entries, observations = [], []
    for paper_id, change in filed:
        entry = change.entry
        seen = {
            "source_id": source_id,
            "paper_id": paper_id,
            "position": entry.position,
            "votes": _bounded(entry.votes),
            "comments": _bounded(entry.comments),
            "stars": _bounded(entry.stars),
        }
        observations.append(seen | {"observed_at": now})
        entries.append(
            seen
            | {
                "listed_on": change.listed_on,
                "source_ref": entry.source_ref,
                "submitter": entry.submitter,
                "first_seen_at": now,
                "seen_at": now,
            }
        )
    upsert(
        s,
        "entries",
        entries,
        unique=("source_id", "paper_id", "listed_on"),
        replace=("position", "seen_at"),
        # A page that tells no counts says nothing about those another page told.
        keep_if_null=("votes", "comments", "stars", "source_ref", "submitter"),
    )
    upsert(
        s,
        "observations",
        observations,
        unique=("paper_id", "source_id", "observed_at"),
        replace=("position",),
        keep_if_null=("votes", "comments", "stars"),
    )


def _bounded(count: int | None) -> int | None:
    # A page may claim any number; one that no column holds must not cost the other papers.
    return None if count is None else max(-MAX_COUNT, min(count, MAX_COUNT))
