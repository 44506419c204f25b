"""Kept pages and the checks they were read for: what can be read again. Queries only."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.models import Check, StoredPage
from digest.types import Verdict

__all__ = ["list_checks_with_pages", "newest_check_with_ids", "page_until", "pages_of"]

GOOD = tuple(verdict.value for verdict in Verdict if verdict.is_good)
BELIEVED = (*GOOD, Verdict.PARTIAL.value)
OK = 200


def newest_check_with_ids(s: Session, source_id: int) -> Check | None:
    """The source's newest good check of a list that had papers, whose ids are known."""
    query = select(Check).where(
        Check.source_id == source_id,
        col(Check.verdict).in_(GOOD),
        Check.entries > 0,
        col(Check.ids).is_not(None),
    )
    return s.exec(query.order_by(col(Check.checked_at).desc(), col(Check.id).desc()).limit(1)).first()


def pages_of(s: Session, check_id: int) -> list[StoredPage]:
    """The pages that were read for a check, in the order in which they came."""
    return list(
        s.exec(select(StoredPage).where(StoredPage.check_id == check_id).order_by(col(StoredPage.id)))
    )


def page_until(s: Session, source_id: int, url: str, until: datetime) -> StoredPage | None:
    """The newest believed page of an address that had come by then: what a 304 at that time stood for."""
    query = select(StoredPage).where(
        StoredPage.source_id == source_id,
        StoredPage.url == url,
        StoredPage.status == OK,
        StoredPage.fetched_at <= until,
        or_(col(StoredPage.verdict).is_(None), col(StoredPage.verdict).in_(BELIEVED)),
    )
    newest_first = (col(StoredPage.fetched_at).desc(), col(StoredPage.id).desc())
    return s.exec(query.order_by(*newest_first).limit(1)).first()


def list_checks_with_pages(
    s: Session, source_id: int, *, verdicts: Sequence[str], days: Sequence[date] | None, missed: bool
) -> list[Check]:
    """The source's checks with such a verdict that have a page with status 200, oldest first.

    ``days``: only of these days. ``missed``: only of days that no later check read well.
    """
    has_page = select(StoredPage.id).where(StoredPage.check_id == Check.id, StoredPage.status == OK).exists()
    query = select(Check).where(Check.source_id == source_id, col(Check.verdict).in_(verdicts), has_page)
    if days is not None:
        query = query.where(col(Check.day).in_(days))
    if missed:
        later = aliased(Check)
        same_time = (col(later.checked_at) == col(Check.checked_at)) & (col(later.id) > col(Check.id))
        well = select(later.id).where(
            later.source_id == source_id,
            later.day == Check.day,
            col(later.verdict).in_(GOOD),
            (col(later.checked_at) > col(Check.checked_at)) | same_time,
        )
        query = query.where(~well.exists())
    return list(s.exec(query.order_by(col(Check.checked_at), col(Check.day), col(Check.id))))
