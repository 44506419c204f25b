"""What one reader knows of papers, with days: those they were sent, and those they said anything of."""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session

from digest.storage.bulk import table
from digest.types import IssueStatus

__all__ = ["Word", "list_sent_days", "list_words", "listed_days"]


class Word(NamedTuple):
    """What a reader said of a paper: more, less, saved, or seen."""

    kind: str
    said_at: datetime


def list_sent_days(s: Session, subscriber_id: int) -> dict[int, date]:
    """The papers of a reader's composed issues, with the date of the first that each was in."""
    chosen, issues, subscriptions = table("recommendations"), table("issues"), table("subscriptions")
    query = (
        select(chosen.c.paper_id, func.min(issues.c.local_date))
        .join(issues, issues.c.id == chosen.c.issue_id)
        .join(subscriptions, subscriptions.c.id == issues.c.subscription_id)
        .where(subscriptions.c.subscriber_id == subscriber_id, issues.c.status == IssueStatus.COMPOSED.value)
        .group_by(chosen.c.paper_id)
    )
    return dict(s.connection().execute(query).all())


def list_words(s: Session, subscriber_id: int) -> dict[int, Word]:
    """The last word of a reader on each paper they said anything of."""
    said = table("feedback").c
    query = select(said.paper_id, said.kind, said.created_at).where(said.subscriber_id == subscriber_id)
    rows = s.connection().execute(query.order_by(said.created_at, said.id))
    return {paper_id: Word(kind, at) for paper_id, kind, at in rows}


def listed_days(s: Session, paper_id: int, day: date) -> tuple[date | None, date | None]:
    """The last day up to ``day`` that any source listed a paper on, and the first after it."""
    entries = table("entries").c
    of_paper = entries.paper_id == paper_id
    last = select(func.max(entries.listed_on)).where(of_paper, entries.listed_on <= day)
    first = select(func.min(entries.listed_on)).where(of_paper, entries.listed_on > day)
    return s.connection().execute(last).scalar(), s.connection().execute(first).scalar()
