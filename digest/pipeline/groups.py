"""Groups: interests that several readers share, and one digest for a mailing list.

A group's interests are those of a subscriber of its own, which has the list address; so they are written,
learnt from and looked at as any reader's are. Who belongs to a group gets them beside their own.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Group, Interest, Subscriber, Subscription
from digest.pipeline.consent import Way, record_consent
from digest.pipeline.readers import (
    InterestWords,
    Schedule,
    add_interest,
    change_schedule,
    check_email,
    check_suppression,
    get_subscriber,
    remove_interest,
    show_subscriber_basics,
)
from digest.schedule import WEEKDAYS
from digest.storage import groups as group_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.text import clean_text
from digest.types import SubscriberStatus

__all__ = [
    "add_group",
    "add_group_interest",
    "delete_group",
    "get_group",
    "join_group",
    "leave_group",
    "list_groups",
    "move_list",
    "remove_group_interest",
    "reschedule_group",
    "show_group",
]

MAX_NAME = 80
LIST_WORD = "the list address of a group"


def get_group(session: Session, name: str) -> Group:
    """The group of that name; ``UsageError`` where there is none."""
    found = group_rows.get_group(session, clean_text(name, limit=MAX_NAME))
    if found is None:
        raise UsageError(f"there is no group {name!r} (digest group list, digest group add NAME)")
    return found


def add_group(
    database: Database, name: str, schedule: Schedule, *, list_address: str | None, now: datetime
) -> str:
    """Make a group and return its name as stored.

    With a ``list_address`` one digest a day goes there. Raises ``UsageError`` for a name that is there
    already or none, a wrong schedule, and an address that is somebody's or is not to be written to.
    """
    schedule, clean = schedule.checked(), clean_text(name, limit=MAX_NAME)
    if not clean:
        raise UsageError("a group needs a name")
    with database.write() as session:
        if group_rows.get_group(session, clean) is not None:
            raise UsageError(f"there is a group {clean!r} already (digest group show)")
        address = _free_address(session, list_address)
        status = SubscriberStatus.ACTIVE if address else SubscriberStatus.PAUSED
        reader = subscriber_rows.add_subscriber(session, email=address, status=status, now=now)
        assert reader.id is not None  # noqa: S101 - stored rows have ids
        row = Subscription(
            subscriber_id=reader.id,
            cadence=schedule.cadence,
            weekday=WEEKDAYS.index(schedule.weekday),
            hour=schedule.hour,
            zone=schedule.zone,
            language=schedule.language,
            feed=False,
            created_at=now,
        )
        subscriber_rows.add_subscription(session, row)
        group_rows.add_group(session, Group(name=clean, subscriber_id=reader.id, created_at=now))
        if address:
            record_consent(session, reader.id, Way.COMMAND, now, word=LIST_WORD)
    return clean


def move_list(database: Database, name: str, list_address: str | None, *, now: datetime) -> None:
    """Send a group's digest to another list address, or to none.

    What is on its way to the old one is not sent any more. Raises ``UsageError`` as :func:`add_group` does.
    """
    with database.write() as session:
        reader = _reader(session, name)
        address = _free_address(session, list_address, reader)
        if address != reader.email:
            subscriber_rows.set_status(session, reader, SubscriberStatus.PAUSED, now=now)
            group_rows.set_address(session, reader, address)
            if address:
                record_consent(session, reader.id, Way.COMMAND, now, word=LIST_WORD)
        status = SubscriberStatus.ACTIVE if address else SubscriberStatus.PAUSED
        subscriber_rows.set_status(session, reader, status, now=now)


def reschedule_group(
    database: Database,
    name: str,
    *,
    cadence: str | None = None,
    weekday: str | None = None,
    hour: int | None = None,
    zone: str | None = None,
    language: str | None = None,
) -> Schedule:
    """Change what is given of a list's schedule and return it whole; as
    :func:`~digest.pipeline.readers.change_schedule` does.
    """
    number = _number(database, name)
    return change_schedule(
        database, number, cadence=cadence, weekday=weekday, hour=hour, zone=zone, language=language
    )


def delete_group(database: Database, name: str) -> None:
    """Delete a group, its interests and the digests of its list; its members stay what they are."""
    with database.write() as session:
        subscriber_rows.delete_subscriber(session, _reader(session, name))


def list_groups(database: Database) -> list[dict[str, Any]]:
    """All groups by name, JSON-ready; ``list`` is ``None`` where there is no shared digest."""
    with database.read() as session:
        members = group_rows.count_members(session)
        return [
            {
                "name": group.name,
                "list": reader.email,
                "status": reader.status if reader.email else None,
                "members": members.get(group.id or 0, 0),
                "interests": len(subscriber_rows.list_interests(session, group.subscriber_id)),
            }
            for group, reader in group_rows.list_groups(session)
        ]


def show_group(database: Database, name: str) -> dict[str, Any]:
    """Everything about a group, JSON-ready. Raises ``UsageError`` where there is none of that name."""
    with database.read() as session:
        group = get_group(session, name)
        reader = get_subscriber(session, group.subscriber_id)
        members = group_rows.list_members(session, group.id or 0)
        return {
            "name": group.name,
            "list": reader.email,
            "status": reader.status if reader.email else None,
            **show_subscriber_basics(session, group.subscriber_id),
            "members": [{"email": one.email, "status": one.status} for one in members],
        }


def join_group(database: Database, name: str, emails: Sequence[str], now: datetime) -> int:
    """Let readers belong to a group; how many did not before. Raises ``UsageError`` for who is no reader."""
    with database.write() as session:
        group = get_group(session, name)
        found = [_member(session, email) for email in emails]
        return group_rows.add_members(session, group.id or 0, found, now)


def leave_group(database: Database, name: str, email: str) -> None:
    """Let a reader belong to a group no more; ``UsageError`` where they do not."""
    with database.write() as session:
        group = get_group(session, name)
        reader = get_subscriber(session, email)
        if not group_rows.delete_member(session, group.id or 0, reader.id or 0):
            raise UsageError(f"{email} does not belong to {group.name} (digest group show)")


def add_group_interest(
    database: Database, group: str, name: str, words: InterestWords, *, now: datetime
) -> tuple[Interest, list[str]]:
    """Add an interest to a group, or add to the one of that name (see ``add_interest``)."""
    return add_interest(database, _number(database, group), name, words, now=now)


def remove_group_interest(database: Database, group: str, name: str) -> None:
    """Delete an interest of a group; ``UsageError`` where there is none of that name."""
    remove_interest(database, _number(database, group), name, who=group)


def _number(database: Database, name: str) -> int:
    with database.read() as session:
        return get_group(session, name).subscriber_id


def _reader(session: Session, name: str) -> Subscriber:
    return get_subscriber(session, get_group(session, name).subscriber_id)


def _member(session: Session, email: str) -> int:
    reader = get_subscriber(session, email)
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    if group_rows.is_group(session, reader.id):
        raise UsageError(f"{email} is the list address of a group, which belongs to no other")
    return reader.id


def _free_address(session: Session, given: str | None, own: Subscriber | None = None) -> str | None:
    """The address as it is written to, if nobody else has it."""
    if given is None:
        return None
    address = check_email(given)
    there = subscriber_rows.get_subscriber(session, address)
    if there is not None and (own is None or there.id != own.id):
        raise UsageError(f"{address} is a subscriber already (digest subscriber remove, or another address)")
    check_suppression(session, address)
    return address
