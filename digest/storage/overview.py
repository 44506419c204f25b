"""What an operator looks at: counts over a span of time, and lists cut into pages. Queries only.

Lists go backwards by number: ``before`` is the last number of the page before, so that a page costs the same
however far back it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from digest.models import (
    Bounce,
    Check,
    Delivery,
    Group,
    Issue,
    Letter,
    ListedEntry,
    Paper,
    Run,
    Source,
    StoredPage,
    Subscriber,
    Subscription,
    Suppression,
)
from digest.types import DeliveryStatus, IssueStatus

__all__ = [
    "WAITING",
    "IssueFilter",
    "QueueCount",
    "RunCount",
    "count_entries",
    "count_issues",
    "count_letters",
    "count_papers_since",
    "count_queue",
    "count_readers",
    "count_runs",
    "get_issue_of",
    "get_page",
    "list_checks_of",
    "list_pages_of",
    "page_issues",
    "page_letters",
    "page_readers",
    "page_suppressions",
    "reader_marks",
]

# Still on their way, as far as is known.
QUEUED = (DeliveryStatus.PLANNED.value, DeliveryStatus.DEFERRED.value, DeliveryStatus.SENDING.value)
# Asked for as a status, it means any of these.
WAITING = "waiting"
VISIBLE = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value)
# Both an issue and a delivery may have these.
SHARED = {status.value for status in IssueStatus} & {status.value for status in DeliveryStatus}


@dataclass(frozen=True, slots=True)
class RunCount:
    """The runs of one use case that began in a span: how many, how many of them failed or never ended."""

    use_case: str
    runs: int
    failed: int
    unended: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class QueueCount:
    """Mails of one status that are still on their way, and since when the oldest is planned."""

    status: str
    mails: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class IssueFilter:
    """Which issues are wanted. ``status`` is their mail's where there is one, else theirs; or ``WAITING``."""

    day: date | None = None
    address: str = ""
    status: str = ""
    subscriber_id: int | None = None


# --- counts ----------------------------------------------------------------------------------------


def count_runs(s: Session, since: datetime, until: datetime) -> list[RunCount]:
    """The runs that began in the span (both ends in), by use case."""
    query = (
        select(
            col(Run.use_case),
            func.count(),
            func.sum(case((col(Run.ok).is_(False), 1), else_=0)),
            func.sum(case((col(Run.ok).is_(None), 1), else_=0)),
            func.max(col(Run.started_at)),
        )
        .where(col(Run.started_at) >= since, col(Run.started_at) <= until)
        .group_by(col(Run.use_case))
        .order_by(func.min(col(Run.id)))
    )
    return [RunCount(*row) for row in s.execute(query)]


def count_papers_since(s: Session, since: datetime) -> int:
    """How many papers were first seen at that time or later."""
    query = select(func.count()).select_from(Paper).where(col(Paper.first_seen_at) >= since)
    return int(s.execute(query).scalar_one())


def count_issues(
    s: Session, *, composed_since: datetime | None = None, days_since: date | None = None
) -> list[tuple[date, str, str | None, int]]:
    """How many issues each (local date, status, status of their mail) has; ``None``: without mail.

    Only those composed since that time, or those of that local date and later.
    """
    groups = (col(Issue.local_date), col(Issue.status), col(Delivery.status))
    query = (
        select(*groups, func.count())
        .select_from(Issue)
        .outerjoin(Delivery, col(Delivery.issue_id) == col(Issue.id))
        .group_by(*groups)
        .order_by(*groups)
    )
    if composed_since is not None:
        query = query.where(col(Issue.composed_at) >= composed_since)
    if days_since is not None:
        # No issue is made more than two days before its date: this much the index on times can tell.
        began = datetime(days_since.year, days_since.month, days_since.day, tzinfo=UTC) - timedelta(days=2)
        query = query.where(col(Issue.local_date) >= days_since, col(Issue.composed_at) >= began)
    return [(day, status, sent, number) for day, status, sent, number in s.execute(query)]


def count_letters(s: Session, since: datetime) -> dict[tuple[str, str], int]:
    """How many letters made since then each (kind, status of their mail) has."""
    groups = (col(Letter.kind), col(Delivery.status))
    query = (
        select(*groups, func.count())
        .join(Delivery, col(Delivery.letter_id) == col(Letter.id))
        .where(col(Letter.created_at) >= since)
        .group_by(*groups)
        .order_by(*groups)
    )
    return {(kind, status): number for kind, status, number in s.execute(query)}


def count_queue(s: Session) -> list[QueueCount]:
    """What is still on its way, by status."""
    status = col(Delivery.status)
    query = select(status, func.count(), func.min(col(Delivery.planned_at))).where(status.in_(QUEUED))
    return [QueueCount(*row) for row in s.execute(query.group_by(status).order_by(status))]


def count_readers(s: Session) -> dict[str, int]:
    """How many readers each status has, without who stands for a group; those that none has are left out."""
    status = col(Subscriber.status)
    is_reader = col(Subscriber.id).not_in(select(col(Group.subscriber_id)))
    query = select(status, func.count()).where(is_reader).group_by(status).order_by(status)
    return {name: number for name, number in s.execute(query)}  # noqa: C416 - rows are no pairs


def count_entries(s: Session, *, first_day: date, last_day: date) -> dict[tuple[int, date], int]:
    """How many papers each (source, day) listed; both ends of the span in."""
    groups = (col(ListedEntry.source_id), col(ListedEntry.listed_on))
    query = (
        select(*groups, func.count())
        .where(col(ListedEntry.listed_on) >= first_day, col(ListedEntry.listed_on) <= last_day)
        .group_by(*groups)
    )
    return {(source_id, day): number for source_id, day, number in s.execute(query)}


# --- sources ---------------------------------------------------------------------------------------


def list_checks_of(s: Session, source_id: int, *, limit: int) -> list[Check]:
    """A source's latest checks, newest first."""
    query = select(Check).where(col(Check.source_id) == source_id)
    newest = query.order_by(col(Check.checked_at).desc(), col(Check.day).desc(), col(Check.id).desc())
    return list(s.execute(newest.limit(limit)).scalars())


def list_pages_of(s: Session, source_id: int, *, limit: int) -> list[StoredPage]:
    """A source's kept pages, newest first."""
    query = select(StoredPage).where(col(StoredPage.source_id) == source_id, col(StoredPage.path) != "")
    newest = query.order_by(col(StoredPage.fetched_at).desc(), col(StoredPage.id).desc())
    return list(s.execute(newest.limit(limit)).scalars())


def get_page(s: Session, source_name: str, page_id: int) -> StoredPage | None:
    """The kept page of that number, if it is of that source."""
    if not 0 < page_id < 2**31:
        return None
    query = (
        select(StoredPage)
        .join(Source, col(Source.id) == col(StoredPage.source_id))
        .where(col(Source.name) == source_name, col(StoredPage.id) == page_id)
    )
    return s.execute(query).scalars().first()


# --- what was sent ---------------------------------------------------------------------------------


def page_issues(
    s: Session, wanted: IssueFilter, *, before: int | None, limit: int
) -> list[tuple[Issue, Delivery | None, Subscriber]]:
    """Issues with their mail and their reader, those stored last first."""
    query = (
        select(Issue, Delivery, Subscriber)
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .join(Subscriber, col(Subscriber.id) == col(Subscription.subscriber_id))
        .outerjoin(Delivery, col(Delivery.issue_id) == col(Issue.id))
        .where(*_wanted(wanted))
        .order_by(col(Issue.id).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(col(Issue.id) < before)
    return [(issue, delivery, subscriber) for issue, delivery, subscriber in s.execute(query)]


def _wanted(wanted: IssueFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.day is not None:
        conditions.append(col(Issue.local_date) == wanted.day)
    if wanted.address:
        conditions.append(_has(col(Subscriber.email_key), wanted.address))
    if wanted.subscriber_id is not None:
        conditions.append(col(Subscriber.id) == wanted.subscriber_id)
    if wanted.status == WAITING:
        conditions.append(col(Delivery.status).in_(QUEUED))
    elif wanted.status:
        of_mail = col(Delivery.status) == wanted.status
        of_issue = and_(col(Delivery.id).is_(None), col(Issue.status) == wanted.status)
        if wanted.status in SHARED:
            conditions.append(or_(of_mail, of_issue))
        else:
            conditions.append(of_mail if wanted.status in set(DeliveryStatus) else of_issue)
    return conditions


def page_letters(
    s: Session, wanted: IssueFilter, *, recipient: str = "", before: int | None, limit: int
) -> list[tuple[Letter, Delivery]]:
    """Mails that are no issue, those planned last first; they have no local date.

    ``recipient``: only those to exactly this address, upper and lower case aside.
    """
    query = (
        select(Letter, Delivery)
        .join(Delivery, col(Delivery.letter_id) == col(Letter.id))
        .order_by(col(Delivery.id).desc())
        .limit(limit)
    )
    if recipient:
        query = query.where(func.lower(col(Letter.recipient)) == recipient.lower())
    if wanted.address:
        query = query.where(_has(func.lower(col(Letter.recipient)), wanted.address))
    if wanted.status:
        statuses = QUEUED if wanted.status == WAITING else (wanted.status,)
        query = query.where(col(Delivery.status).in_(statuses))
    if before is not None:
        query = query.where(col(Delivery.id) < before)
    return [(letter, delivery) for letter, delivery in s.execute(query)]


def get_issue_of(s: Session, issue_id: int) -> tuple[Issue, Delivery | None, Subscriber] | None:
    """The issue of that number with its mail and its reader."""
    if not 0 < issue_id < 2**31:
        return None
    query = (
        select(Issue, Delivery, Subscriber)
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .join(Subscriber, col(Subscriber.id) == col(Subscription.subscriber_id))
        .outerjoin(Delivery, col(Delivery.issue_id) == col(Issue.id))
        .where(col(Issue.id) == issue_id)
    )
    found = s.execute(query).first()
    return (found[0], found[1], found[2]) if found is not None else None


# --- readers ---------------------------------------------------------------------------------------


def page_readers(
    s: Session, *, address: str, status: str, before: int | None, limit: int
) -> tuple[list[tuple[Subscriber, Subscription | None]], int]:
    """Readers with when they are served, who came last first; and how many match in all."""
    conditions: list[ColumnElement[bool]] = []
    if address:
        conditions.append(_has(col(Subscriber.email_key), address))
    if status:
        conditions.append(col(Subscriber.status) == status)
    number = s.execute(select(func.count()).select_from(Subscriber).where(*conditions)).scalar_one()
    # Who has several subscriptions is one reader, shown with the first.
    own = aliased(Subscription)
    first = (
        select(func.min(col(own.id))).where(col(own.subscriber_id) == col(Subscriber.id)).scalar_subquery()
    )
    query = (
        select(Subscriber, Subscription)
        .outerjoin(Subscription, col(Subscription.id) == first)
        .where(*conditions)
        .order_by(col(Subscriber.id).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(col(Subscriber.id) < before)
    return [(subscriber, subscription) for subscriber, subscription in s.execute(query)], number


def reader_marks(
    s: Session, subscriber_ids: Sequence[int]
) -> tuple[dict[int, tuple[int, date]], dict[int, int]]:
    """For each reader the latest issue that showed something (number, date), and how many bounces count."""
    latest = (
        select(
            col(Subscription.subscriber_id).label("reader"),
            col(Issue.id).label("issue"),
            col(Issue.local_date).label("day"),
            func.row_number()
            .over(
                partition_by=col(Subscription.subscriber_id),
                order_by=(col(Issue.local_date).desc(), col(Issue.id).desc()),
            )
            .label("place"),
        )
        .join(Issue, col(Issue.subscription_id) == col(Subscription.id))
        .where(col(Subscription.subscriber_id).in_(subscriber_ids), col(Issue.status).in_(VISIBLE))
        .subquery()
    )
    issues = s.execute(select(latest.c.reader, latest.c.issue, latest.c.day).where(latest.c.place == 1))
    whose = col(Bounce.subscriber_id)
    bounces = s.execute(
        select(whose, func.count()).where(whose.in_(subscriber_ids)).group_by(whose).order_by(whose)
    )
    return (
        {reader: (issue, day) for reader, issue, day in issues},
        {reader: number for reader, number in bounces if reader is not None},
    )


def page_suppressions(s: Session, *, address: str, before: int | None, limit: int) -> list[Suppression]:
    """Addresses that are not written to, those that came last first."""
    query = select(Suppression).order_by(col(Suppression.id).desc()).limit(limit)
    if address:
        query = query.where(_has(col(Suppression.email_key), address))
    if before is not None:
        query = query.where(col(Suppression.id) < before)
    return list(s.execute(query).scalars())


def _has(column: SQLColumnExpression[Any], text: str) -> ColumnElement[bool]:
    """Whether the text stands anywhere in it, upper and lower case aside."""
    return column.contains(text.strip().casefold(), autoescape=True)
