"""How slowly to go with the mail servers of a recipient domain."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, delete, select

from digest.models import DomainPace
from digest.storage.bulk import upsert

__all__ = ["Pace", "clear_pace", "list_paces", "set_pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """So many refusals for now in a row; nothing goes there before ``not_before``."""

    failures: int
    not_before: datetime


def list_paces(s: Session) -> dict[str, Pace]:
    """Every domain that is gone slowly with."""
    return {row.domain: Pace(row.failures, row.not_before) for row in s.exec(select(DomainPace))}


def set_pace(s: Session, domain: str, pace: Pace, now: datetime) -> None:
    """Go slowly with that domain."""
    row = {"domain": domain, "failures": pace.failures, "not_before": pace.not_before, "updated_at": now}
    upsert(s, "domain_pace", [row], unique=["domain"], replace=["failures", "not_before", "updated_at"])


def clear_pace(s: Session, domain: str) -> None:
    """Go with that domain as with any other."""
    s.exec(delete(DomainPace).where(col(DomainPace.domain) == domain))
