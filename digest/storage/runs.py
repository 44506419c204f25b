"""When each use case ran, so that "it did not run" can be told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from digest.models import Run

__all__ = ["began_before", "finish_run", "last_run", "list_runs", "start_run"]


def start_run(s: Session, use_case: str, now: datetime) -> int:
    """Record that a use case began; returns the run's id."""
    run = Run(use_case=use_case, started_at=now)
    s.add(run)
    s.flush()
    assert run.id is not None  # noqa: S101 - a flushed row has its id
    return run.id


def finish_run(s: Session, run_id: int, *, ok: bool, outcome: Mapping[str, Any], now: datetime) -> None:
    """Record how a run ended; ``outcome`` is JSON-ready."""
    run = s.get_one(Run, run_id)
    run.ok = ok
    run.outcome = dict(outcome)
    run.finished_at = now
    s.add(run)
    s.flush()


def last_run(s: Session, use_case: str, until: datetime | None = None) -> Run | None:
    """The run that began last (not later than ``until``), finished or not."""
    query = select(Run).where(Run.use_case == use_case)
    if until is not None:
        query = query.where(col(Run.started_at) <= until)
    return s.exec(query.order_by(col(Run.started_at).desc(), col(Run.id).desc()).limit(1)).first()


def began_before(s: Session, when: datetime) -> bool:
    """Whether anything ran before that time."""
    return s.exec(select(Run.id).where(col(Run.started_at) < when).limit(1)).first() is not None


def list_runs(s: Session, use_case: str, *, first: datetime, last: datetime) -> list[Run]:
    """The runs that began in the span (both ends in), in that order."""
    query = select(Run).where(
        Run.use_case == use_case, col(Run.started_at) >= first, col(Run.started_at) <= last
    )
    return list(s.exec(query.order_by(col(Run.started_at), col(Run.id))))
