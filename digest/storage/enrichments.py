"""What enrichers were asked of which paper, what that cost, and what they found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from digest.models import Enrichment, ListedEntry, Paper
from digest.storage.bulk import in_batches
from digest.storage.identity import IMPORTED
from digest.storage.sightings import latest_votes

__all__ = [
    "FAILED",
    "FOUND",
    "NOTHING",
    "Answered",
    "Asking",
    "Lacking",
    "Spent",
    "claim",
    "count_outcomes",
    "list_askable",
    "list_unread",
    "set_text_by",
    "settle",
    "spent_since",
]

FOUND, NOTHING, FAILED = "found", "nothing", "failed"
NO_ANSWER_YET = "was asked, and how that ended is not known"
MAX_ERROR = 500


class Lacking(NamedTuple):
    """A paper that may be asked about, with what came of asking before (``None``: it was not asked)."""

    paper: Paper
    listed_on: date
    votes: int | None
    outcome: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What an enricher used up: its cost, and the papers it was asked about."""

    cost: float = 0.0
    papers: int = 0


@dataclass(frozen=True, slots=True)
class Asking:
    """A paper that is about to be asked about. ``cost`` is the most it may cost."""

    paper_id: int
    cost: float
    next_try_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it. ``claimed`` is the cost that was written down before, ``cost`` the true one."""

    paper_id: int
    outcome: str
    attempts: int
    next_try_at: datetime | None
    claimed: float = 0.0
    cost: float = 0.0
    error: str | None = None


def list_askable(
    s: Session, enricher: str, *, since: date, again_since: date, until: date, now: datetime
) -> list[Lacking]:
    """The papers that may be asked about at ``now``: newest listing first, then those with most votes.

    Those listed from ``since`` on that were never asked about, and those listed from ``again_since`` on
    whose time to be asked again has come. Withdrawn papers are left out.
    """
    listed = (
        select(col(ListedEntry.paper_id), func.max(col(ListedEntry.listed_on)).label("listed_on"))
        .where(col(ListedEntry.listed_on) >= min(since, again_since), col(ListedEntry.listed_on) <= until)
        .group_by(col(ListedEntry.paper_id))
        .subquery()
    )
    own = and_(col(Enrichment.paper_id) == col(Paper.id), col(Enrichment.enricher) == enricher)
    never = and_(col(Enrichment.id).is_(None), listed.c.listed_on >= since)
    again = and_(col(Enrichment.next_try_at) <= now, listed.c.listed_on >= again_since)
    query: Any = (
        select(Paper, listed.c.listed_on, col(Enrichment.outcome), col(Enrichment.attempts))
        .join(listed, listed.c.paper_id == col(Paper.id))
        .outerjoin(Enrichment, own)
        .where(col(Paper.withdrawn_at).is_(None), or_(never, again))
    )
    rows = s.exec(query).all()
    votes = latest_votes(s, [paper.id for paper, *_ in rows], now)
    found = [
        Lacking(paper, listed_on, votes.get(paper.id), outcome, attempts or 0)
        for paper, listed_on, outcome, attempts in rows
    ]
    return sorted(found, key=lambda one: (one.listed_on, one.votes or 0, one.paper.id or 0), reverse=True)


def list_unread(s: Session, enricher: str, *, now: datetime, limit: int) -> list[Lacking]:
    """The papers that readers brought along and of which only ids (and a title) are known, by id.

    They were listed nowhere, so the day they came counts; those that were asked about are left out until
    their time to be asked again has come.
    """
    own = and_(col(Enrichment.paper_id) == col(Paper.id), col(Enrichment.enricher) == enricher)
    is_listed = select(ListedEntry.id).where(col(ListedEntry.paper_id) == col(Paper.id)).exists()
    query: Any = (
        select(Paper, col(Enrichment.outcome), col(Enrichment.attempts))
        .outerjoin(Enrichment, own)
        .where(
            col(Paper.text_by) == IMPORTED,
            col(Paper.abstract) == "",
            or_(col(Paper.arxiv_id).is_not(None), col(Paper.doi).is_not(None)),
            ~is_listed,
            or_(col(Enrichment.id).is_(None), col(Enrichment.next_try_at) <= now),
        )
        .order_by(col(Paper.id))
        .limit(limit)
    )
    return [
        Lacking(paper, paper.first_seen_at.date(), None, outcome, attempts or 0)
        for paper, outcome, attempts in s.exec(query)
    ]


def spent_since(s: Session, enricher: str, since: datetime) -> Spent:
    """What the enricher used up from that time on.

    A paper that was asked about on several days counts wholly for the last: rather too much than too little.
    """
    query = select(func.coalesce(func.sum(Enrichment.cost), 0.0), func.count()).where(
        Enrichment.enricher == enricher, col(Enrichment.asked_at) >= since
    )
    cost, papers = s.exec(query).one()
    return Spent(float(cost), papers)


def claim(s: Session, enricher: str, asking: Sequence[Asking], now: datetime) -> None:
    """Write down that papers are asked about now, and what that may cost: before a request leaves.

    Where the program ends before the answer is settled, the cost stays, and the paper is asked about again
    at its ``next_try_at``. Papers that are no longer stored are left out.
    """
    rows = _rows(s, enricher, [one.paper_id for one in asking])
    stored = _stored(s, [one.paper_id for one in asking])
    for one in asking:
        if one.paper_id not in stored:
            continue
        row = rows.get(one.paper_id) or Enrichment(
            paper_id=one.paper_id, enricher=enricher, outcome=FAILED, asked_at=now, error=NO_ANSWER_YET
        )
        row.asked_at, row.next_try_at, row.cost = now, one.next_try_at, row.cost + one.cost
        s.add(row)
    s.flush()


def settle(s: Session, enricher: str, answered: Sequence[Answered]) -> None:
    """Write down what came of asking; papers that were not claimed, or are gone since, are left out."""
    rows = _rows(s, enricher, [one.paper_id for one in answered])
    for one in answered:
        row = rows.get(one.paper_id)
        if row is None:
            continue
        row.outcome, row.attempts, row.next_try_at = one.outcome, one.attempts, one.next_try_at
        row.cost = max(row.cost - one.claimed, 0.0) + one.cost
        row.error = one.error[:MAX_ERROR] if one.error else None
        s.add(row)
    s.flush()


def _rows(s: Session, enricher: str, paper_ids: Sequence[int]) -> dict[int, Enrichment]:
    rows: dict[int, Enrichment] = {}
    for batch in in_batches(paper_ids):
        query = select(Enrichment).where(Enrichment.enricher == enricher, col(Enrichment.paper_id).in_(batch))
        rows |= {row.paper_id: row for row in s.exec(query)}
    return rows


def _stored(s: Session, paper_ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for batch in in_batches(paper_ids):
        found |= {one for one in s.exec(select(col(Paper.id)).where(col(Paper.id).in_(batch))) if one}
    return found


def count_outcomes(s: Session, *, since: datetime) -> dict[str, dict[str, Any]]:
    """For each enricher that was ever asked: how many papers it found something for, and so on.

    ``cost`` and ``papers`` are those from ``since`` on; ``error`` is that of the last asking, if it failed.
    """
    query: Any = select(
        Enrichment.enricher, Enrichment.outcome, func.count(), func.max(col(Enrichment.asked_at))
    ).group_by(col(Enrichment.enricher), col(Enrichment.outcome))
    report: dict[str, dict[str, Any]] = {}
    for enricher, outcome, number, asked_at in s.exec(query):
        row = report.setdefault(enricher, {FOUND: 0, NOTHING: 0, FAILED: 0, "last_asked_at": asked_at})
        row[outcome] = number
        row["last_asked_at"] = max(row["last_asked_at"], asked_at)
    for enricher, row in report.items():
        spent = spent_since(s, enricher, since)
        row |= {"papers": spent.papers, "cost": round(spent.cost, 6), "error": _last_error(s, enricher, row)}
    return report


def _last_error(s: Session, enricher: str, row: Mapping[str, Any]) -> str | None:
    query = select(Enrichment.error).where(
        Enrichment.enricher == enricher,
        Enrichment.asked_at == row["last_asked_at"],
        Enrichment.outcome == FAILED,
    )
    return s.exec(query.limit(1)).first()


def set_text_by(s: Session, paper_id: int, kind: str) -> None:
    """Note whose title and abstract a paper has, where that is no stored source's."""
    paper = s.get(Paper, paper_id, populate_existing=True)
    if paper is not None:
        paper.text_by = kind
        s.add(paper)
        s.flush()
