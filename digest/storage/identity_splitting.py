"""A wrong join undone: what one source listed leaves a paper for one of its own, and stays away for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from digest.identity import described
from digest.models import Paper, PaperId, PaperJoin, PaperSplit, PaperVersion
from digest.storage.bulk import table
from digest.storage.identity import TEXT, ref_kind
from digest.storage.identity_words import came_with, kinds_brought
from digest.text import fingerprint, parse_arxiv_id, parse_doi

__all__ = [
    "Listing",
    "last_join",
    "list_apart",
    "list_joins",
    "list_listings",
    "list_other_ids",
    "list_versions",
    "split_off",
]


@dataclass(frozen=True, slots=True)
class Listing:
    """One entry of a paper, with its source."""

    entry_id: int
    source_id: int
    source: str
    kind: str
    source_ref: str | None
    joined_by: str | None
    confidence: float | None
    first_seen_at: datetime
    seen_at: datetime


def list_listings(s: Session, paper_id: int) -> list[Listing]:
    """A paper's entries, in the order in which they came."""
    entries, sources = table("entries"), table("sources")
    query = (
        select(entries, sources.c.name, sources.c.kind)
        .join(sources, sources.c.id == entries.c.source_id)
        .where(entries.c.paper_id == paper_id)
        .order_by(entries.c.first_seen_at, entries.c.id)
    )
    return [
        Listing(
            entry_id=row.id,
            source_id=row.source_id,
            source=row.name,
            kind=row.kind,
            source_ref=row.source_ref,
            joined_by=row.joined_by,
            confidence=row.confidence,
            first_seen_at=row.first_seen_at,
            seen_at=row.seen_at,
        )
        for row in s.connection().execute(query)
    ]


def list_joins(s: Session, paper_id: int) -> list[PaperJoin]:
    """The papers that were joined to this one, in order."""
    query = select_rows(PaperJoin).where(PaperJoin.paper_id == paper_id)
    return list(s.exec(query.order_by(col(PaperJoin.joined_at), col(PaperJoin.id))))


def list_versions(s: Session, paper_id: int) -> list[PaperVersion]:
    """The texts that a paper had before, or was told with, oldest first."""
    query = select_rows(PaperVersion).where(PaperVersion.paper_id == paper_id)
    return list(s.exec(query.order_by(col(PaperVersion.seen_at), col(PaperVersion.id))))


def list_other_ids(s: Session, paper_id: int) -> list[tuple[str, str]]:
    """Kind and value of the ids that sources told, besides arXiv id and DOI."""
    query = select_rows(PaperId).where(PaperId.paper_id == paper_id, PaperId.kind != TEXT)
    return sorted((one.kind, one.value) for one in s.exec(query) if ":" not in one.kind)


def list_apart(s: Session, paper_id: int) -> list[int]:
    """The papers that a person told apart from this one."""
    splits = table("paper_splits")
    mine = or_(splits.c.paper_id == paper_id, splits.c.other_id == paper_id)
    rows = s.connection().execute(select(splits.c.paper_id, splits.c.other_id).where(mine))
    return sorted({one for row in rows for one in row} - {paper_id})


def last_join(s: Session, paper_id: int) -> list[Listing]:
    """The entries that came to the paper with its last join; empty where nothing was ever joined.

    Those are the entries of the stored paper that was joined to it, or of the source that came last.
    """
    listings = list_listings(s, paper_id)
    came: dict[int, Listing] = {}
    for one in listings:
        came.setdefault(one.source_id, one)
    sources = sorted(came.values(), key=lambda one: (one.first_seen_at, one.entry_id))
    last = sources[-1] if len(sources) > 1 else None
    joins = list_joins(s, paper_id)
    for join in reversed(joins):
        mark = came_with(join.gone_id)
        with_it = [one for one in listings if (one.joined_by or "").startswith(mark)]
        if (
            with_it
            and len(with_it) < len(listings)
            and (last is None or join.joined_at >= last.first_seen_at)
        ):
            return with_it
    return [one for one in listings if last is not None and one.source_id == last.source_id]


def split_off(s: Session, paper: Paper, moved: Sequence[Listing], now: datetime) -> Paper:
    """Give entries of a paper, some but not all of them, a paper of their own; both stay two for ever.

    Ids that only these entries brought go with them; one that both claim stays with the paper that stays.
    Readers' words on the paper, and that it was sent, stay with it too. The text goes with the kind of
    source that told it.
    """
    assert paper.id is not None  # noqa: S101 - stored rows have ids
    staying = [one for one in list_listings(s, paper.id) if one.entry_id not in {it.entry_id for it in moved}]
    new = _copy(paper, moved, now)
    s.add(new)
    s.flush()
    assert new.id is not None  # noqa: S101 - it has just been stored
    _move_texts(s, paper, new, moved, staying, now)
    _move_ids(s, paper, new, moved, staying)
    entries = table("entries")
    for one in moved:
        # What is alone is no longer joined.
        change = update(entries).where(entries.c.id == one.entry_id)
        s.connection().execute(change.values(paper_id=new.id, joined_by=None, confidence=None))
    if not _made(staying):
        # What made the paper has left, so the next one stands for it.
        made = update(entries).where(entries.c.id == staying[0].entry_id)
        s.connection().execute(made.values(joined_by=None, confidence=None))
    _move_observations(s, paper.id, new.id, moved, staying)
    for gone_id in _undone(s, paper.id, moved, staying):
        joins = table("paper_joins")
        s.connection().execute(update(joins).where(joins.c.gone_id == gone_id).values(paper_id=new.id))
    first, second = sorted((paper.id, new.id))
    s.add(PaperSplit(paper_id=first, other_id=second, split_at=now))
    s.flush()
    return new


def _copy(paper: Paper, moved: Sequence[Listing], now: datetime) -> Paper:
    """The same fields without ids; what does not fit is mended when its source is read next."""
    own = {"id", "arxiv_id", "doi", "text_by", "first_seen_at", "updated_at", "withdrawn_at"}
    fields = {name: value for name, value in paper.model_dump().items() if name not in own}
    return Paper(**fields, first_seen_at=min(one.first_seen_at for one in moved), updated_at=now)


# --- texts -----------------------------------------------------------------------------------------


def _move_texts(
    s: Session, paper: Paper, new: Paper, moved: Sequence[Listing], staying: Sequence[Listing], now: datetime
) -> None:
    """The text goes with what moves where only that has its kind of source; the other gets its last own."""
    theirs = {one.kind for one in moved} - {one.kind for one in staying}
    versions = list_versions(s, paper.id or 0)
    told = [one for one in versions if one.text_by in theirs]
    kept = [one for one in versions if one.text_by not in theirs]
    if paper.text_by in theirs:
        new.text_by = paper.text_by
        _set_text(s, paper, kept[-1] if kept else None)
    elif told:
        _set_text(s, new, told[-1])
    for one in told:
        one.paper_id = new.id or 0
    texts = table("paper_ids")
    prints = {fingerprint(one.title, one.abstract) for one in told} - {paper.fingerprint}
    named = (texts.c.paper_id == paper.id, texts.c.kind == TEXT, texts.c.value.in_(sorted(prints)))
    s.connection().execute(update(texts).where(*named).values(paper_id=new.id))
    paper.updated_at = now
    s.flush()


def _set_text(s: Session, paper: Paper, version: PaperVersion | None) -> None:
    """A text that was kept stands (again); without one, whoever tells it next may."""
    paper.text_by = version.text_by if version else None
    if version is not None:
        paper.title, paper.abstract = version.title, version.abstract
        paper.fingerprint = fingerprint(paper.title, paper.abstract)
    s.flush()


# --- ids -------------------------------------------------------------------------------------------


def _move_ids(
    s: Session, paper: Paper, new: Paper, moved: Sequence[Listing], staying: Sequence[Listing]
) -> None:
    arxiv_id, doi = paper.arxiv_id, paper.doi
    goes_arxiv = arxiv_id is not None and _goes("arxiv", arxiv_id, moved, staying)
    goes_doi = doi is not None and _goes("doi", doi, moved, staying)
    paper.arxiv_id, paper.doi = (None if goes_arxiv else arxiv_id), (None if goes_doi else doi)
    s.flush()  # before the other has them: ids are unique
    new.arxiv_id, new.doi = (arxiv_id if goes_arxiv else None), (doi if goes_doi else None)
    away = {one.source_id for one in moved} - {one.source_id for one in staying}
    refs = {ref_kind(source_id) for source_id in away}
    for one in s.exec(select_rows(PaperId).where(PaperId.paper_id == paper.id, PaperId.kind != TEXT)):
        goes = one.kind in refs if ":" in one.kind else _goes(one.kind, one.value, moved, staying)
        one.paper_id = (new.id if goes else one.paper_id) or 0
    s.flush()


def _goes(kind: str, value: str, moved: Sequence[Listing], staying: Sequence[Listing]) -> bool:
    """Whether an id was brought by what moves and is claimed by nothing that stays.

    What no entry is said to have brought came with the entry that made the paper.
    """
    if any(_claims(kind, value, one) for one in staying):
        return False
    return any(described(kind) in kinds_brought(one.joined_by) for one in moved) or not _made(staying)


def _made(listings: Sequence[Listing]) -> bool:
    """Whether the entry that the paper was made of is among them."""
    return any(one.joined_by is None for one in listings)


def _claims(kind: str, value: str, one: Listing) -> bool:
    """Whether an entry brought an id, was joined by it, or has it as its source's own."""
    name, ref = described(kind), one.source_ref or ""
    if name in kinds_brought(one.joined_by) or (one.joined_by or "").startswith(f"same {name}"):
        return True
    parse = {"arxiv": parse_arxiv_id, "doi": parse_doi}.get(kind)
    return value == ref or (parse is not None and parse(ref) == value)


# --- the rest --------------------------------------------------------------------------------------


def _move_observations(
    s: Session, paper_id: int, new_id: int, moved: Sequence[Listing], staying: Sequence[Listing]
) -> None:
    """Those of the sources that move wholly; of a source that lists both, what it showed stays."""
    observations = table("observations")
    away = {one.source_id for one in moved} - {one.source_id for one in staying}
    here = (observations.c.paper_id == paper_id, observations.c.source_id.in_(sorted(away)))
    s.connection().execute(update(observations).where(*here).values(paper_id=new_id))


def _undone(s: Session, paper_id: int, moved: Sequence[Listing], staying: Sequence[Listing]) -> list[int]:
    """The papers that no longer exist whose entries all move: what names them means the new one."""
    undone = []
    for join in list_joins(s, paper_id):
        mark = came_with(join.gone_id)
        came, stay = (
            any((one.joined_by or "").startswith(mark) for one in some) for some in (moved, staying)
        )
        if came and not stay:
            undone.append(join.gone_id)
    return undone
