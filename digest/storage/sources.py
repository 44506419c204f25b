"""Sources with their health, the pages they gave, and what each refresh proved."""

from datetime import date, datetime

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from digest.models import Check, Source, StoredPage
from digest.storage.bulk import in_batches
from digest.types import Verdict

__all__ = [
    "add_check",
    "add_page",
    "days_read",
    "drop_pages",
    "ensure_source",
    "first_failure_since_good",
    "get_source",
    "last_good_check",
    "latest_page",
    "list_checks",
    "list_sources",
    "newest_day",
    "note_move",
]

GOOD = tuple(verdict.value for verdict in Verdict if verdict.is_good)
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


def add_check(s: Session, check: Check) -> Check:
    """Record what a refresh proved about one page."""
    s.add(check)
    s.flush()
    return check


def note_move(s: Session, source_id: int, moved_to: str | None) -> None:
    """Remember where a source says it went for good; ``None`` where it says nothing of the kind."""
    source = s.get_one(Source, source_id)
    if source.moved_to != moved_to:
        source.moved_to = moved_to
        s.add(source)


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


def days_read(s: Session, source_id: int, *, first_day: date, tried_since: datetime) -> set[date]:
    """The days from ``first_day`` on that need no look: read well, or looked at since ``tried_since``."""
    query = select(col(Check.day)).where(
        Check.source_id == source_id,
        col(Check.day) >= first_day,
        or_(col(Check.verdict).in_(GOOD), col(Check.checked_at) >= tried_since),
    )
    return set(s.exec(query))


def newest_day(s: Session, source_id: int) -> date | None:
    """The newest day that was ever asked of a source."""
    return s.exec(select(func.max(col(Check.day))).where(Check.source_id == source_id)).one()


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
    """The newest kept page of that address that came with status 200 and was believed, if only in part."""
    query = select(StoredPage).where(
        StoredPage.source_id == source_id,
        StoredPage.url == url,
        StoredPage.status == OK,
        or_(col(StoredPage.verdict).is_(None), col(StoredPage.verdict).in_((*GOOD, Verdict.PARTIAL.value))),
    )
    return s.exec(
        query.order_by(col(StoredPage.fetched_at).desc(), col(StoredPage.id).desc()).limit(1)
    ).first()


def drop_pages(s: Session, *, before: datetime, max_suspects: int, max_bytes: int) -> list[str]:
    """Forget pages fetched before that time, and each source's suspect ones beyond the newest so many.

    Also those of a source that has kept more than ``max_bytes`` since (unpacked), the oldest first.

    What is known of files (``saved:…``) stays: it says that they were read. Returns the paths of the kept
    files that no page refers to any more.
    """
    newest = func.row_number().over(
        partition_by=col(StoredPage.source_id), order_by=col(StoredPage.fetched_at).desc()
    )
    suspects = (
        select(col(StoredPage.id), newest.label("place"))
        .where(col(StoredPage.verdict).not_in((*GOOD, Verdict.PARTIAL.value)))
        .subquery()
    )
    surplus = select(suspects.c.id).where(suspects.c.place > max_suspects)
    so_far = func.sum(col(StoredPage.size)).over(
        partition_by=col(StoredPage.source_id),
        order_by=(col(StoredPage.fetched_at).desc(), col(StoredPage.id).desc()),
    )
    sized = select(col(StoredPage.id), so_far.label("so_far")).subquery()
    too_much = select(sized.c.id).where(sized.c.so_far > max_bytes)
    gone = list(
        s.exec(
            select(StoredPage).where(
                or_(
                    col(StoredPage.fetched_at) < before,
                    col(StoredPage.id).in_(surplus),
                    col(StoredPage.id).in_(too_much),
                ),
                col(StoredPage.url).not_like("saved:%"),
            )
        )
    )
    paths = {page.path for page in gone}
    for page in gone:
        s.delete(page)
    s.flush()
    used: set[str] = set()
    for batch in in_batches(paths):
        used |= set(s.exec(select(StoredPage.path).where(col(StoredPage.path).in_(batch))))
    return sorted(paths - used)


def add_page(s: Session, page: StoredPage) -> StoredPage:
    """Record a page whose bytes are kept."""
    s.add(page)
    s.flush()
    return page
