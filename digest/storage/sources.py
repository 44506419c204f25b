"""Sources with their health, the pages they gave, and what each refresh proved."""

from datetime import date, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.models import Check, Source, StoredPage
from digest.types import Verdict

__all__ = [
    "add_check",
    "add_page",
    "ensure_source",
    "first_failure_since_good",
    "get_source",
    "last_good_check",
    "last_read_at",
    "latest_page",
    "list_checks",
    "list_sources",
]

GOOD = tuple(verdict.value for verdict in Verdict if verdict.is_good)
READ = (*GOOD, Verdict.PARTIAL.value, Verdict.STALE.value)
OK = 200


def ensure_source(s: Session, name: str, kind: str, url: str, now: datetime) -> Source:
    """The source of that name, added where it is new, its kind and address brought up to date."""
    source = get_source(s, name)
    if source is None:
        source = Source(name=name, kind=kind, url=url, created_at=now)
    source.kind, source.url = kind, url
    s.add(source)
    s.flush()
    return source


def list_sources(s: Session) -> list[Source]:
    """All sources, in the order they were added."""
    return list(s.exec(select(Source).order_by(col(Source.id))))


def get_source(s: Session, name: str) -> Source | None:
    """The source of exactly that name."""
    return s.exec(select(Source).where(Source.name == name)).first()


def add_check(s: Session, check: Check) -> None:
    """Record what a refresh proved, and what that means for the source's health.

    A verdict that is not good counts as a failure; a good one ends the row of failures.
    """
    s.add(check)
    source = s.get_one(Source, check.source_id)
    source.last_checked_at = check.checked_at
    source.last_verdict = check.verdict
    if check.verdict in GOOD:
        source.last_good_at = check.checked_at
        source.failures_in_row = 0
        source.last_error = None
    else:
        source.failures_in_row += 1
        source.last_error = check.error or check.verdict
    s.add(source)
    s.flush()


def list_checks(
    s: Session, *, first_day: date, last_day: date, until: datetime | None = None
) -> list[tuple[Source, Check]]:
    """The latest check of each source and day in the span (both ends in), by source, then day.

    ``until``: checks made later than that did not happen yet.
    """
    newest = func.row_number().over(
        partition_by=(col(Check.source_id), col(Check.day)),
        order_by=(col(Check.checked_at).desc(), col(Check.id).desc()),
    )
    ranked = select(col(Check.id), newest.label("place")).where(
        col(Check.day) >= first_day, col(Check.day) <= last_day
    )
    if until is not None:
        ranked = ranked.where(col(Check.checked_at) <= until)
    latest = ranked.subquery()
    rows = s.exec(
        select(Source, Check)
        .join(Check, col(Check.source_id) == col(Source.id))
        .join(latest, latest.c.id == col(Check.id))
        .where(latest.c.place == 1)
        .order_by(col(Source.id), col(Check.day))
    )
    return [(source, check) for source, check in rows]


def last_good_check(s: Session, source_id: int, until: datetime | None = None) -> Check | None:
    """The latest check of a source with a good verdict, not later than ``until``."""
    query = select(Check).where(Check.source_id == source_id, col(Check.verdict).in_(GOOD))
    if until is not None:
        query = query.where(col(Check.checked_at) <= until)
    return s.exec(query.order_by(col(Check.checked_at).desc(), col(Check.id).desc()).limit(1)).first()


def last_read_at(s: Session, source_id: int, until: datetime) -> datetime | None:
    """When a source last gave a page with a list, complete and current or not, up to ``until``."""
    query = select(func.max(col(Check.checked_at))).where(
        Check.source_id == source_id, col(Check.verdict).in_(READ), col(Check.checked_at) <= until
    )
    return s.exec(query).one()


def first_failure_since_good(s: Session, source_id: int, until: datetime | None = None) -> Check | None:
    """The failed check after which no good one followed, up to ``until``; ``None`` if the last was good."""
    query = select(Check).where(Check.source_id == source_id, col(Check.verdict).not_in(GOOD))
    if until is not None:
        query = query.where(col(Check.checked_at) <= until)
    good = last_good_check(s, source_id, until)
    if good is not None:
        same_time = (col(Check.checked_at) == good.checked_at) & (col(Check.id) > good.id)
        query = query.where((col(Check.checked_at) > good.checked_at) | same_time)
    return s.exec(query.order_by(col(Check.checked_at), col(Check.id)).limit(1)).first()


def latest_page(s: Session, source_id: int, url: str) -> StoredPage | None:
    """The newest kept page of that address that came with status 200."""
    query = select(StoredPage).where(
        StoredPage.source_id == source_id, StoredPage.url == url, StoredPage.status == OK
    )
    return s.exec(
        query.order_by(col(StoredPage.fetched_at).desc(), col(StoredPage.id).desc()).limit(1)
    ).first()


def add_page(s: Session, page: StoredPage) -> StoredPage:
    """Record a page whose bytes are kept."""
    s.add(page)
    s.flush()
    return page
