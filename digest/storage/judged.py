"""What readers said of the papers they were sent: rows for measuring how good the choice is."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, and_, case, exists, func, select
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session

from digest.storage.bulk import in_batches, table
from digest.types import Candidate, FeedbackKind, IssueStatus

__all__ = ["JudgedRow", "SentRow", "count_sent", "get_papers", "iter_papers", "list_judgements", "listed_by"]

STREAMED = 500
WELL = (FeedbackKind.MORE.value, FeedbackKind.SAVED.value)
BADLY = (FeedbackKind.LESS.value,)
LISTS = ("authors", "categories", "keywords")
FIELDS = ("title", "abstract", *LISTS)


class JudgedRow(NamedTuple):
    """What a subscriber said of a paper: more, less or saved."""

    subscriber_id: int
    paper_id: int
    kind: str
    said_at: datetime


class SentRow(NamedTuple):
    """How many papers stood at a place of a section in composed issues, and what readers said of them."""

    section: str
    position: int
    sent: int
    well: int
    badly: int


def list_judgements(s: Session) -> list[JudgedRow]:
    """Everything that subscribers said of papers, oldest first."""
    said = table("feedback").c
    query = select(said.subscriber_id, said.paper_id, said.kind, said.created_at)
    query = query.where(said.kind.in_((*WELL, *BADLY))).order_by(said.created_at, said.id)
    return [JudgedRow(*row) for row in s.connection().execute(query)]


def listed_by(s: Session, paper_ids: Iterable[int], day: date) -> set[int]:
    """Those of the papers that any source had listed by the end of ``day``."""
    entries, found = table("entries").c, set[int]()
    for batch in in_batches(paper_ids):
        query = select(entries.paper_id).where(entries.paper_id.in_(batch), entries.listed_on <= day)
        found.update(s.connection().execute(query.distinct()).scalars())
    return found


def iter_papers(s: Session) -> Iterator[Candidate]:
    """Every stored paper, by id; streamed, never all in memory."""
    with s.connection().execute(_papers(), execution_options={"yield_per": STREAMED}) as rows:
        yield from map(_candidate, rows)


def get_papers(s: Session, paper_ids: Iterable[int]) -> dict[int, Candidate]:
    """Those papers, by id."""
    found: dict[int, Candidate] = {}
    for batch in in_batches(paper_ids):
        rows = s.connection().execute(_papers().where(table("papers").c.id.in_(batch)))
        found |= {row.id: _candidate(row) for row in rows}
    return found


def _papers() -> Select[Any]:
    papers = table("papers").c
    return select(papers.id, *(papers[name] for name in FIELDS)).order_by(papers.id)


def _candidate(row: Row[Any]) -> Candidate:
    lists = {name: tuple(getattr(row, name)) for name in LISTS}
    return Candidate(row.id, row.title, row.abstract, **lists)  # type: ignore[arg-type]


def count_sent(s: Session) -> list[SentRow]:
    """How many papers were sent at each place of each section, and how many of them were rated well or badly.

    A paper counts for each issue it is in. Rated well is one that its reader wants more of or saved.
    """
    chosen, issues, subscriptions = table("recommendations"), table("issues"), table("subscriptions")

    def rated(kinds: tuple[str, ...]) -> ColumnElement[int]:
        said = table("feedback").alias()
        is_so = exists().where(
            and_(
                said.c.subscriber_id == subscriptions.c.subscriber_id,
                said.c.paper_id == chosen.c.paper_id,
                said.c.kind.in_(kinds),
            )
        )
        return func.sum(case((is_so, 1), else_=0))

    query = (
        select(chosen.c.section, chosen.c.position, func.count(), rated(WELL), rated(BADLY))
        .join(issues, issues.c.id == chosen.c.issue_id)
        .join(subscriptions, subscriptions.c.id == issues.c.subscription_id)
        .where(issues.c.status == IssueStatus.COMPOSED.value)
        .group_by(chosen.c.section, chosen.c.position)
        .order_by(chosen.c.section, chosen.c.position)
    )
    return [SentRow(*row) for row in s.connection().execute(query)]
