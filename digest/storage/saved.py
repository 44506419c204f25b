"""The papers a reader saved, with what they wrote beside them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from digest.models import Feedback, Paper
from digest.storage.bulk import in_batches
from digest.types import FeedbackKind

__all__ = ["SavedRow", "SavedText", "list_feedback", "list_saved", "list_saved_texts", "set_note"]

SAVED = FeedbackKind.SAVED.value


class SavedRow(NamedTuple):
    """One saved paper."""

    paper_id: int
    note: str
    saved_at: datetime


class SavedText(NamedTuple):
    """What a paper is searched by."""

    title: str
    abstract: str
    authors: str


def list_feedback(s: Session, subscriber_id: int) -> list[Feedback]:
    """All that a reader said of papers, in the order it was stored."""
    query = select(Feedback).where(Feedback.subscriber_id == subscriber_id)
    return list(s.exec(query.order_by(col(Feedback.id))))


def list_saved(s: Session, subscriber_id: int) -> list[SavedRow]:
    """All that a reader saved, newest first."""
    query = select(Feedback.paper_id, Feedback.note, col(Feedback.created_at)).where(
        Feedback.subscriber_id == subscriber_id, Feedback.kind == SAVED
    )
    rows = s.exec(query.order_by(col(Feedback.created_at).desc(), col(Feedback.id).desc()))
    return [SavedRow(*row) for row in rows]


def list_saved_texts(s: Session, paper_ids: Sequence[int]) -> dict[int, SavedText]:
    """The words of these papers."""
    found: dict[int, SavedText] = {}
    for batch in in_batches(paper_ids):
        columns = select(Paper.id, Paper.title, Paper.abstract, Paper.authors_text)
        for paper_id, *texts in s.exec(columns.where(col(Paper.id).in_(batch))):
            if paper_id is not None:
                found[paper_id] = SavedText(*texts)
    return found


def set_note(s: Session, subscriber_id: int, paper_id: int, note: str) -> bool:
    """Write a note beside a saved paper; ``False`` where the reader did not save it."""
    query = select(Feedback).where(
        Feedback.subscriber_id == subscriber_id, Feedback.paper_id == paper_id, Feedback.kind == SAVED
    )
    row = s.exec(query).first()
    if row is None:
        return False
    row.note = note
    s.add(row)
    s.flush()
    return True
