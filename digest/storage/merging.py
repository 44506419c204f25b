"""Two stored papers found to be one: everything that refers to one of them goes to the other.

Nobody who refers to a paper is left out: a test walks all references to ``papers.id``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, and_, cast, delete, exists, insert, or_, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from digest.identity import StoredJoin, described
from digest.models import Interest, Paper, PaperJoin, PaperVersion
from digest.storage.bulk import table, upsert
from digest.storage.identity import CONTENT_FIELDS, TEXT, ref_kind
from digest.storage.identity_words import brought, came_with
from digest.text import fingerprint

__all__ = ["merge_papers"]

NOBODY: Mapping[str, int] = {}
COUNTS = ("votes", "comments", "stars")
Values = dict[str, Any]


def merge_papers(
    s: Session, join: StoredJoin, now: datetime, *, trust_of: Mapping[str, int] = NOBODY
) -> bool:
    """Make ``join.gone`` part of ``join.keep``; ``False`` where that may not be, and nothing was done.

    It may not where one does not exist (any more), where both have ids of one kind that differ, and where a
    person told them apart. The text of the more trusted kind of source stands (``trust_of``; of equal ones
    that of ``keep``), the other is kept as a version. What was said of and sent of either is said of and
    sent of the one; an issue that had both has it once, where the first of them stood.
    """
    s.flush()
    keep, gone = s.get(Paper, join.keep), s.get(Paper, join.gone)
    if keep is None or gone is None or keep is gone or not _may_merge(s, keep, gone):
        return False
    assert keep.id is not None and gone.id is not None  # noqa: S101, PT018 - stored rows have ids
    _move_listings(s, keep, gone, join)
    _move_rows(s, keep.id, gone.id)
    _move_splits(s, keep.id, gone.id)
    _move_examples(s, keep.id, gone.id)
    _join_rows(s, keep, gone, trust_of, now)
    s.add(
        PaperJoin(
            paper_id=keep.id,
            gone_id=join.gone,
            reason=join.reason,
            confidence=join.confidence,
            joined_at=now,
        )
    )
    s.flush()
    return True


def _may_merge(s: Session, keep: Paper, gone: Paper) -> bool:
    for name in ("arxiv_id", "doi"):
        mine, theirs = getattr(keep, name), getattr(gone, name)
        if mine and theirs and mine != theirs:
            return False
    ids, splits = table("paper_ids"), table("paper_splits")
    other = ids.alias()
    shared = select(ids.c.id).where(
        ids.c.paper_id == keep.id,
        other.c.paper_id == gone.id,
        ids.c.kind == other.c.kind,
        _is_told(ids.c.kind),
    )
    first, second = sorted((keep.id or 0, gone.id or 0))
    apart = select(splits.c.id).where(splits.c.paper_id == first, splits.c.other_id == second)
    return s.connection().execute(shared.union_all(apart)).first() is None


def _is_told(kind: Any) -> ColumnElement[bool]:
    """Whether sources tell ids of that kind, one for a paper; the others are our own means of finding it."""
    return and_(kind != TEXT, ~kind.like("ref:%"))


# --- rows that refer to a paper --------------------------------------------------------------------


def _move(
    s: Session,
    name: str,
    keep: int,
    gone: int,
    same: Sequence[str],
    settle: Callable[[Row[Any], Row[Any]], Values],
) -> None:
    """Give a table's rows to ``keep``.

    Where it has one with the ``same`` columns already, that one takes over what ``settle`` gives.
    """
    rows = table(name)
    theirs = rows.alias()
    clash = and_(theirs.c.paper_id == keep, *(theirs.c[column] == rows.c[column] for column in same))
    pairs = select(rows.c.id, theirs.c.id).where(rows.c.paper_id == gone, clash)
    for gone_row, keep_row in s.connection().execute(pairs).all():
        old = s.connection().execute(select(rows).where(rows.c.id == gone_row)).one()
        new = s.connection().execute(select(rows).where(rows.c.id == keep_row)).one()
        s.connection().execute(delete(rows).where(rows.c.id == gone_row))
        if values := settle(new, old):
            s.connection().execute(update(rows).where(rows.c.id == keep_row).values(**values))
    s.connection().execute(update(rows).where(rows.c.paper_id == gone).values(paper_id=keep))


def _move_rows(s: Session, keep: int, gone: int) -> None:
    _move(s, "observations", keep, gone, ("source_id", "observed_at"), _fill_counts)
    _move(s, "feedback", keep, gone, ("subscriber_id", "kind"), _later)
    _move(s, "recommendations", keep, gone, ("issue_id",), _first_place)
    _move(s, "enrichments", keep, gone, ("enricher",), _better_answer)
    for name in ("paper_ids", "paper_versions", "paper_joins"):
        rows = table(name)
        s.connection().execute(update(rows).where(rows.c.paper_id == gone).values(paper_id=keep))


def _fill_counts(new: Row[Any], old: Row[Any]) -> Values:
    return {
        name: old._mapping[name]
        for name in COUNTS
        if new._mapping[name] is None and old._mapping[name] is not None
    }


def _later(new: Row[Any], old: Row[Any]) -> Values:
    """Feedback said twice counts as said last."""
    if old.created_at <= new.created_at:
        return {}
    return {"created_at": old.created_at, "interest_id": old.interest_id}


def _first_place(new: Row[Any], old: Row[Any]) -> Values:
    if new.position < old.position:
        return {}
    return {name: value for name, value in old._mapping.items() if name not in ("id", "paper_id", "issue_id")}


def _better_answer(new: Row[Any], old: Row[Any]) -> Values:
    cost = new.cost + old.cost
    if new.outcome == "found" or old.outcome != "found":
        return {"cost": cost}
    return {name: value for name, value in old._mapping.items() if name not in ("id", "paper_id")} | {
        "cost": cost
    }


def _move_listings(s: Session, keep: Paper, gone: Paper, join: StoredJoin) -> None:
    """Entries say from now on that they came with the paper that is gone, and which ids came with them."""
    entries = table("entries")
    kinds = _kinds_brought(s, keep, gone)
    reason = brought(join.reason, kinds) or join.reason
    listed = select(entries).where(entries.c.paper_id == gone.id)
    for row in s.connection().execute(listed).all():
        words = came_with(join.gone, reason, row.joined_by)
        sure = join.confidence if row.confidence is None else min(join.confidence, row.confidence)
        change = update(entries).where(entries.c.id == row.id).values(joined_by=words, confidence=sure)
        s.connection().execute(change)

    def settle(new: Row[Any], old: Row[Any]) -> Values:
        if old.source_ref and new.source_ref and old.source_ref != new.source_ref:
            further = {"paper_id": keep.id, "kind": ref_kind(old.source_id), "value": old.source_ref}
            upsert(s, "paper_ids", [further], unique=("kind", "value"))
        last, first = (old, new) if old.seen_at > new.seen_at else (new, old)
        counts = {
            name: first._mapping[name] if last._mapping[name] is None else last._mapping[name]
            for name in (*COUNTS, "submitter")
        }
        times = {"first_seen_at": min(new.first_seen_at, old.first_seen_at), "seen_at": last.seen_at}
        return counts | times | {"position": last.position, "source_ref": new.source_ref or old.source_ref}

    _move(s, "entries", join.keep, join.gone, ("source_id", "listed_on"), settle)


def _kinds_brought(s: Session, keep: Paper, gone: Paper) -> list[str]:
    columns = (("arxiv", keep.arxiv_id, gone.arxiv_id), ("doi", keep.doi, gone.doi))
    kinds = [described(kind) for kind, mine, theirs in columns if theirs and not mine]
    ids = table("paper_ids")
    told = select(ids.c.kind).where(ids.c.paper_id == gone.id, _is_told(ids.c.kind))
    return [*kinds, *s.connection().execute(told).scalars()]


def _move_splits(s: Session, keep: int, gone: int) -> None:
    """What one of them was told apart from, both are."""
    splits = table("paper_splits")
    mine = or_(splits.c.paper_id == gone, splits.c.other_id == gone)
    rows = s.connection().execute(select(splits).where(mine)).all()
    s.connection().execute(delete(splits).where(mine))
    for row in rows:
        other = row.other_id if row.paper_id == gone else row.paper_id
        first, second = sorted((keep, other))
        known = exists().where(splits.c.paper_id == first, splits.c.other_id == second)
        if first != second and not s.connection().execute(select(known)).scalar():
            values = {"paper_id": first, "other_id": second, "split_at": row.split_at}
            s.connection().execute(insert(splits).values(**values))


def _move_examples(s: Session, keep: int, gone: int) -> None:
    """Examples of interests name their papers in JSON, where no reference can be followed."""
    named = cast(col(Interest.examples), Text).like(f'%"paper_id": {gone}%')
    for interest in s.exec(select_rows(Interest).where(named)):
        moved = [
            one | {"paper_id": keep} if one.get("paper_id") == gone else one for one in interest.examples
        ]
        once: list[dict[str, Any]] = []
        for one in moved:
            if one.get("paper_id") != keep or all(other.get("paper_id") != keep for other in once):
                once.append(one)
        interest.examples = once
    s.flush()


# --- the paper itself ------------------------------------------------------------------------------


def _join_rows(s: Session, keep: Paper, gone: Paper, trust_of: Mapping[str, int], now: datetime) -> None:
    """One row of two, as :func:`digest.identity.joined` has it; the text that does not stand is a version."""
    gone_wins = trust_of.get(gone.text_by or "", 0) > trust_of.get(keep.text_by or "", 0)
    best, other = (gone, keep) if gone_wins else (keep, gone)
    told = {name: getattr(best, name) or getattr(other, name) for name in CONTENT_FIELDS}
    summary = best if best.summary else other
    told |= {
        "arxiv_id": best.arxiv_id or other.arxiv_id,
        "doi": best.doi or other.doi,
        "text_by": best.text_by,
        "summary_by": summary.summary_by,
        "withdrawn_at": best.withdrawn_at or other.withdrawn_at,
        "first_seen_at": min(best.first_seen_at, other.first_seen_at),
        "fingerprint": fingerprint(told["title"], told["abstract"]),
        "authors_text": ", ".join(told["authors"]),
        "updated_at": now,
    }
    before = {one.fingerprint: one for one in (other, best)}
    before.pop(told["fingerprint"], None)
    for one in before.values():
        version = PaperVersion(
            paper_id=keep.id or 0,
            version=one.version,
            title=one.title,
            abstract=one.abstract,
            text_by=one.text_by,
            seen_at=now,
        )
        s.add(version)
        text = {"paper_id": keep.id, "kind": TEXT, "value": one.fingerprint}
        upsert(s, "paper_ids", [text], unique=("kind", "value"))
    s.flush()
    # Ids are unique, so the paper that goes has to go before the one that stays can have its ids.
    s.delete(gone)
    s.flush()
    for name, value in told.items():
        setattr(keep, name, value)
    s.flush()
