"""Stamps: short texts that change when stored papers do, so that what was made of them can be kept."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.models import Check, PaperJoin, PaperSplit, Run

__all__ = ["papers_stamp", "read_at"]


def papers_stamp(s: Session) -> str:
    """Another text after every refresh, import, enrichment, join or split; cheap to ask."""
    marks = select(
        select(func.max(Check.id)).scalar_subquery(),
        select(func.max(PaperJoin.id)).scalar_subquery(),
        select(func.max(PaperSplit.id)).scalar_subquery(),
    )
    # An enrichment may change a row that is there; its run is recorded when it begins and when it ends.
    enriched = select(Run.id, Run.finished_at).where(Run.use_case == "enrich")
    last = s.exec(enriched.order_by(col(Run.started_at).desc()).limit(1)).first()
    return " ".join(str(value) for value in (*s.exec(marks).one(), *(last or ())))


def read_at(s: Session) -> datetime | None:
    """When a source was looked at last; what trends changes with that and not with the hour."""
    return s.exec(select(Check.checked_at).order_by(col(Check.checked_at).desc()).limit(1)).first()
