"""What is measured again and again: counts that are cheap enough for every scrape. Queries only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from digest.models import Bounce, Check, Group, Issue, Run, Source, Subscriber, Subscription, Suppression
from digest.types import SubscriberStatus

__all__ = [
    "Schedule",
    "count_bounces",
    "count_checks",
    "database_bytes",
    "last_good_runs",
    "list_joined",
    "list_left",
    "list_schedules",
]

# An issue older than that says nothing of what is due: the rarest cadence is a week.
_LOOK_BACK = timedelta(days=9)


@dataclass(frozen=True, slots=True)
class Schedule:
    """So many active readers are served at that hour, and had their last issue of that date (if any).

    ``created_at`` is since when they are: their own time for those who came within a day, else long ago.
    """

    cadence: str
    weekday: int
    hour: int
    zone: str
    last: date | None
    created_at: datetime
    readers: int


def database_bytes(s: Session) -> int:
    """How large the database is, without what SQLite has not put into its file yet."""
    connection = s.connection()
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return int(pages) * int(size)
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def count_checks(s: Session, since: datetime) -> dict[tuple[str, str], int]:
    """How many checks since then each (source, verdict) has."""
    groups = (col(Source.name), col(Check.verdict))
    query = (
        select(*groups, func.count())
        .join(Check, col(Check.source_id) == col(Source.id))
        .where(col(Check.checked_at) >= since)
        .group_by(*groups)
        .order_by(*groups)
    )
    return {(name, verdict): number for name, verdict, number in s.execute(query)}


def count_bounces(s: Session, since: datetime) -> dict[str, int]:
    """How many reports of each kind came back since then."""
    kind = col(Bounce.kind)
    query = select(kind, func.count()).where(col(Bounce.received_at) >= since).group_by(kind).order_by(kind)
    return {name: number for name, number in s.execute(query)}  # noqa: C416 - rows are no pairs


def last_good_runs(s: Session, until: datetime) -> dict[str, datetime]:
    """When the last run of each use case that ended well began, not later than ``until``."""
    query = (
        select(col(Run.use_case), func.max(col(Run.started_at)))
        .where(col(Run.ok).is_(True), col(Run.started_at) <= until)
        .group_by(col(Run.use_case))
        .order_by(col(Run.use_case))
    )
    return {use_case: at for use_case, at in s.execute(query)}  # noqa: C416 - rows are no pairs


def list_schedules(s: Session, now: datetime) -> list[Schedule]:
    """When the active readers are served, and what they had last; those alike counted together."""
    latest = (
        select(
            col(Issue.subscription_id).label("subscription"), func.max(col(Issue.local_date)).label("last")
        )
        .where(col(Issue.composed_at) >= now - _LOOK_BACK)
        .group_by(col(Issue.subscription_id))
        .subquery()
    )
    since = now - timedelta(days=1)
    # Who is new has a time of their own; what was due before it was never theirs.
    created = case((col(Subscription.created_at) > since, col(Subscription.created_at)), else_=None)
    when = [col(one) for one in (Subscription.cadence, Subscription.weekday)]
    where = [col(one) for one in (Subscription.hour, Subscription.zone)]
    groups = (*when, *where, latest.c.last, created)
    query = (
        select(*groups, func.count())
        .select_from(Subscription)
        .join(Subscriber, col(Subscriber.id) == col(Subscription.subscriber_id))
        .outerjoin(latest, latest.c.subscription == col(Subscription.id))
        .where(col(Subscriber.status) == SubscriberStatus.ACTIVE.value)
        .group_by(*groups)
    )
    long_ago = now - timedelta(days=30)
    return [
        Schedule(cadence, weekday, hour, zone, last, made or long_ago, readers)
        for cadence, weekday, hour, zone, last, made, readers in s.execute(query)
    ]


def list_joined(s: Session, since: datetime) -> list[int]:
    """The numbers of the readers who came since then and are read to, or were: not the unconfirmed."""
    came = func.coalesce(col(Subscriber.confirmed_at), col(Subscriber.created_at))
    query = select(col(Subscriber.id)).where(
        came >= since,
        col(Subscriber.status) != SubscriberStatus.UNCONFIRMED.value,
        col(Subscriber.id).not_in(select(col(Group.subscriber_id))),  # who stands for a group is no reader
    )
    return [number for number in s.execute(query.order_by(col(Subscriber.id))).scalars() if number]


def list_left(s: Session, since: datetime) -> list[int]:
    """The numbers of the readers with an address who left since then, by what their address is closed for."""
    query = (
        select(col(Subscriber.id))
        .join(Suppression, col(Suppression.email_key) == col(Subscriber.email_key))
        .where(
            col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED.value,
            col(Suppression.reason).in_(("unsubscribed", "complained")),
            col(Suppression.created_at) >= since,
        )
        .order_by(col(Subscriber.id))
    )
    return [number for number in s.execute(query).scalars() if number]
