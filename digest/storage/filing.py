"""How what a source listed is written down: what the diff decided, in a few statements for a whole page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session

from digest.identity import REF, JoiningChange, canonical, described
from digest.models import Paper, PaperVersion
from digest.storage.bulk import BATCH, in_batches, table, upsert
from digest.storage.identity import CONTENT_FIELDS, LISTS, TEXT, find_known, ref_kind
from digest.storage.identity_words import brought, kinds_brought
from digest.storage.merging import merge_papers
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry

__all__ = ["CONTENT_FIELDS", "apply_changes", "find_known"]

COUNTED = ("citations", "version")
COLUMNS = ("arxiv_id", "doi")
# What an integer column holds on both databases.
MAX_COUNT = 2**31 - 1
NOBODY: Mapping[str, int] = {}
# By paper, the source's own ids.
Refs = dict[int, set[str]]
# By kind and value, the paper that has the id; 0 for one that is being added.
Owners = dict[tuple[str, str], int]


def apply_changes(
    s: Session,
    source_id: int,
    changes: Sequence[Change],
    now: datetime,
    *,
    trust_of: Mapping[str, int] = NOBODY,
) -> list[int]:
    """File what the diff decided; returns the paper ids, one per change, in order.

    Stored papers that were found to be one are merged first, by ``trust_of`` (see
    :func:`~digest.storage.merging.merge_papers`). New papers are added, changed content fields taken over
    (an entry's empty field never empties a stored one), missing ids adopted unless another paper has them;
    a title or abstract that is replaced is kept as a version. Each change of an entry that announces leaves
    one entry row for its day (``first_seen_at`` is that of the first time) and one observation at ``now``.
    """
    if not changes:
        return []
    s.flush()
    changes = [_canonical(change) for change in changes]
    kind = _kind(s, source_id)
    for change in changes:
        for join in change.joins if isinstance(change, JoiningChange) else ():
            merge_papers(s, join, now, trust_of=trust_of)
    owners = _owners(s, changes)
    added = _add_papers(s, [one for one in changes if one.paper_id is None], owners, kind, now)
    learnt = _update_papers(s, [one for one in changes if one.paper_id is not None], owners, kind, now)
    new = iter(added)
    ids = [next(new) if one.paper_id is None else one.paper_id for one in changes]
    filed = list(zip(ids, changes, strict=True))
    refs = _refs(s, source_id, filed)
    _add_ids(s, source_id, filed, owners, refs, learnt)
    _keep_told_texts(s, filed, kind, now)
    _add_entries(s, source_id, [one for one in filed if one[1].entry.announces], refs, now)
    _note_brought(s, source_id, filed, learnt)
    return ids


def _canonical(change: Change) -> Change:
    """For changes that no diff made; the further ids of the source that a diff noted stay."""
    refs = tuple(pair for pair in change.entry.other_ids if pair[0] == REF)
    entry = canonical(change.entry)
    entry = replace(entry, other_ids=(*entry.other_ids, *refs)) if refs else entry
    return change if entry is change.entry else replace(change, entry=entry)


def _kind(s: Session, source_id: int) -> str | None:
    sources = table("sources")
    found: str | None = (
        s.connection().execute(select(sources.c.kind).where(sources.c.id == source_id)).scalar()
    )
    return found


def _owners(s: Session, changes: Sequence[Change]) -> Owners:
    """Which of the changes' ids a stored paper has."""
    papers, ids = table("papers"), table("paper_ids")
    owners: Owners = {}
    for name, kind in zip(COLUMNS, ("arxiv", "doi"), strict=True):
        column = papers.c[name]
        for batch in in_batches(value for one in changes if (value := getattr(one.entry, name))):
            for value, paper_id in s.connection().execute(
                select(column, papers.c.id).where(column.in_(batch))
            ):
                owners[kind, value] = paper_id
    for batch in in_batches(value for one in changes for _, value in one.entry.other_ids):
        for row in s.connection().execute(select(ids).where(ids.c.value.in_(batch))):
            owners[row.kind, row.value] = row.paper_id
    return owners


# --- papers ----------------------------------------------------------------------------------------


def _add_papers(
    s: Session, changes: Sequence[Change], owners: Owners, kind: str | None, now: datetime
) -> list[int]:
    papers = table("papers")
    rows = [_new_paper(change, owners, kind, now) for change in changes]
    add = insert(papers).returning(papers.c.id, sort_by_parameter_order=True)
    ids: list[int] = []
    for start in range(0, len(rows), BATCH):
        ids += s.connection().execute(add, rows[start : start + BATCH]).scalars()
    return ids


def _new_paper(change: Change, owners: Owners, kind: str | None, now: datetime) -> dict[str, Any]:
    entry = change.entry
    row: dict[str, Any] = {name: _value(entry, name) for name in CONTENT_FIELDS}
    for name, of in zip(COLUMNS, ("arxiv", "doi"), strict=True):
        value = getattr(entry, name)
        # An id that another paper has is a mistake somewhere outside; the paper is kept without it.
        row[name] = value if value and (of, value) not in owners else None
        if row[name]:
            owners[of, value] = 0
    return row | {
        "fingerprint": change.fingerprint,
        "authors_text": _authors_text(entry.authors),
        "summary_by": entry.summary_by if entry.summary else None,
        "text_by": kind,
        "withdrawn_at": now if entry.withdrawn else None,
        "first_seen_at": now,
        "updated_at": now,
    }


def _value(entry: Entry, name: str) -> Any:
    value = getattr(entry, name)
    if name in LISTS:
        return list(value)
    return _bounded(value) if name in COUNTED else value


def _update_papers(
    s: Session, changes: Sequence[Change], owners: Owners, kind: str | None, now: datetime
) -> dict[int, list[str]]:
    """Change stored papers; gives the kinds of id that each learnt."""
    touched = [one for one in changes if _may_change_paper(one, owners)]
    papers: dict[int, Paper] = {}
    for batch in in_batches(one.paper_id for one in touched):
        query = select(Paper).where(table("papers").c.id.in_(batch))
        papers |= {paper.id: paper for paper in s.scalars(query) if paper.id is not None}
    learnt: dict[int, list[str]] = {}
    for change in touched:
        if change.paper_id in papers:
            paper = papers[change.paper_id]
            learnt.setdefault(change.paper_id, []).extend(_learn_ids(paper, change.entry, owners))
            _update_paper(s, paper, change, kind, now)
    s.flush()
    return learnt


def _may_change_paper(change: Change, owners: Owners) -> bool:
    if not {*CONTENT_FIELDS, "withdrawn", "text_by"}.isdisjoint(change.fields):
        return True
    ids = (("arxiv", change.entry.arxiv_id), ("doi", change.entry.doi))
    return any(value and (kind, value) not in owners for kind, value in ids)


def _learn_ids(paper: Paper, entry: Entry, owners: Owners) -> list[str]:
    learnt = []
    for name, kind in zip(COLUMNS, ("arxiv", "doi"), strict=True):
        value = getattr(entry, name)
        if value and (kind, value) not in owners and getattr(paper, name) is None:
            setattr(paper, name, value)
            owners[kind, value] = paper.id or 0
            learnt.append(kind)
    return learnt


def _update_paper(s: Session, paper: Paper, change: Change, kind: str | None, now: datetime) -> None:
    entry = change.entry
    if paper.updated_at > now:
        _fill_in(paper, change)
        return
    before = (paper.title, paper.abstract, paper.fingerprint, paper.version, paper.text_by)
    for name in CONTENT_FIELDS:
        value = _value(entry, name)
        if name in change.fields and (value or (name in COUNTED and value is not None)):
            setattr(paper, name, value)
    if "summary" in change.fields and entry.summary:
        paper.summary_by = entry.summary_by
    if "withdrawn" in change.fields:
        paper.withdrawn_at = (paper.withdrawn_at or now) if entry.withdrawn else None
    if "text_by" in change.fields or (
        paper.text_by is None and not {"title", "abstract"}.isdisjoint(change.fields)
    ):
        paper.text_by = kind
    paper.authors_text = _authors_text(paper.authors)
    paper.fingerprint = fingerprint(paper.title, paper.abstract)
    if paper.fingerprint != before[2]:
        _keep_version(s, paper.id or 0, before, now)
    if change.kind is not ChangeKind.UNCHANGED:
        paper.updated_at = now


def _fill_in(paper: Paper, change: Change) -> None:
    """Take over from a page older than what is stored only what is not known at all."""
    for name in CONTENT_FIELDS:
        value = _value(change.entry, name)
        if name in change.fields and value and getattr(paper, name) in (None, "", []):
            setattr(paper, name, value)
            if name == "summary":
                paper.summary_by = change.entry.summary_by
    paper.authors_text = _authors_text(paper.authors)
    paper.fingerprint = fingerprint(paper.title, paper.abstract)


def _authors_text(authors: Sequence[str]) -> str:
    return ", ".join(authors)


# --- what else is known of a paper -----------------------------------------------------------------


def _keep_version(
    s: Session, paper_id: int, text: tuple[str, str, str, int | None, str | None], now: datetime
) -> None:
    """Keep a title and abstract that the paper had or was told with, and what it is found by then."""
    title, abstract, its_fingerprint, version, text_by = text
    s.add(
        PaperVersion(
            paper_id=paper_id, version=version, title=title, abstract=abstract, text_by=text_by, seen_at=now
        )
    )
    row = {"paper_id": paper_id, "kind": TEXT, "value": its_fingerprint}
    upsert(s, "paper_ids", [row], unique=("kind", "value"))


def _keep_told_texts(
    s: Session, filed: Sequence[tuple[int, Change]], kind: str | None, now: datetime
) -> None:
    """Keep texts that were merely alike the stored one: the same entry is known by its own text next time."""
    alike = {
        (paper_id, fingerprint(change.entry.title, change.entry.abstract)): change.entry
        for paper_id, change in filed
        if change.paper_id is not None and change.confidence is not None and 0 < change.confidence < 1
    }
    ids, papers = table("paper_ids"), table("papers")
    known: set[str] = set()
    for batch in in_batches(told for _, told in alike):
        texts = select(ids.c.value).where(ids.c.kind == TEXT, ids.c.value.in_(batch))
        standing = select(papers.c.fingerprint).where(papers.c.fingerprint.in_(batch))
        known.update(s.connection().execute(texts.union_all(standing)).scalars())
    for (paper_id, told), entry in alike.items():
        if told not in known:
            _keep_version(s, paper_id, (entry.title, entry.abstract, told, entry.version, kind), now)
    s.flush()


def _refs(s: Session, source_id: int, filed: Sequence[tuple[int, Change]]) -> Refs:
    """The source's own ids that stand with its entries of stored papers."""
    listings = table("entries")
    refs: Refs = {}
    for batch in in_batches(paper_id for paper_id, change in filed if change.paper_id is not None):
        own = select(listings.c.paper_id, listings.c.source_ref).where(
            listings.c.source_id == source_id,
            listings.c.paper_id.in_(batch),
            listings.c.source_ref.is_not(None),
        )
        for paper_id, ref in s.connection().execute(own):
            refs.setdefault(paper_id, set()).add(ref)
    return refs


def _is_further(ref: str | None, refs: set[str]) -> bool:
    """Whether a source's own id comes after another: that one stays, this one is kept beside it."""
    return bool(ref and refs and ref not in refs)


def _add_ids(
    s: Session,
    source_id: int,
    filed: Sequence[tuple[int, Change]],
    owners: Owners,
    refs: Refs,
    learnt: dict[int, list[str]],
) -> None:
    """Other ids that nobody has, one of each kind for a paper, and further ids of the source's own."""
    ids = table("paper_ids")
    has: set[tuple[int, str]] = set()
    for batch in in_batches(paper_id for paper_id, change in filed if change.entry.other_ids):
        query = select(ids.c.paper_id, ids.c.kind).where(ids.c.paper_id.in_(batch))
        has |= {(paper_id, kind) for paper_id, kind in s.connection().execute(query)}
    rows: list[dict[str, Any]] = []
    for paper_id, change in filed:
        entry = change.entry
        further = [value for kind, value in entry.other_ids if kind == REF]
        if entry.source_ref and (
            not entry.announces or _is_further(entry.source_ref, refs.get(paper_id, set()))
        ):
            further.append(entry.source_ref)
        rows += ({"paper_id": paper_id, "kind": ref_kind(source_id), "value": ref} for ref in further)
        for kind, value in entry.other_ids:
            if kind != REF and (kind, value) not in owners and (paper_id, kind) not in has:
                rows.append({"paper_id": paper_id, "kind": kind, "value": value})
                owners[kind, value] = paper_id
                has.add((paper_id, kind))
                learnt.setdefault(paper_id, []).append(kind)
    upsert(s, "paper_ids", rows, unique=("kind", "value"))


# --- listings --------------------------------------------------------------------------------------


def _add_entries(
    s: Session,
    source_id: int,
    filed: Sequence[tuple[int, Change]],
    refs: Refs,
    now: datetime,
) -> None:
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
                "source_ref": None
                if _is_further(entry.source_ref, refs.get(paper_id, set()))
                else entry.source_ref,
                "submitter": entry.submitter,
                "joined_by": change.joined_by,
                "confidence": change.confidence,
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
        # A page that was kept and is read again only now takes nothing from one that came after it.
        dated_by="seen_at",
    )
    upsert(
        s,
        "observations",
        observations,
        unique=("paper_id", "source_id", "observed_at"),
        replace=("position",),
        keep_if_null=("votes", "comments", "stars"),
    )


def _note_brought(
    s: Session, source_id: int, filed: Sequence[tuple[int, Change]], learnt: Mapping[int, Sequence[str]]
) -> None:
    """Say with an entry which ids it brought to a paper that others had made: a split needs to know."""
    entries = table("entries")
    for paper_id, change in filed:
        kinds = {described(kind) for kind in learnt.get(paper_id, ())}
        if not kinds or change.paper_id is None:
            continue
        here = (entries.c.source_id == source_id, entries.c.paper_id == paper_id)
        row = (
            s.connection()
            .execute(
                select(entries.c.id, entries.c.joined_by).where(
                    *here, entries.c.listed_on == change.listed_on
                )
            )
            .first()
        )
        if row is not None and row.joined_by is not None and kinds - kinds_brought(row.joined_by):
            words = brought(row.joined_by, sorted(kinds - kinds_brought(row.joined_by)))
            s.connection().execute(entries.update().where(entries.c.id == row.id).values(joined_by=words))


def _bounded(count: int | None) -> int | None:
    # A page may claim any number; one that no column holds must not cost the other papers.
    return None if count is None else max(-MAX_COUNT, min(count, MAX_COUNT))
