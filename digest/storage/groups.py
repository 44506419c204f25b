"""Groups: their names, their members, and the subscriber that stands for each."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from digest.models import Group, Membership, Subscriber
from digest.storage.bulk import in_batches, upsert
from digest.storage.deliveries import key_of

__all__ = [
    "add_group",
    "add_members",
    "count_members",
    "delete_member",
    "get_group",
    "is_group",
    "list_groups",
    "list_groups_of",
    "list_members",
    "names_by_reader",
    "set_address",
    "shared_ids",
]


def add_group(s: Session, group: Group) -> Group:
    """Store a group, new or changed."""
    s.add(group)
    s.flush()
    return group


def get_group(s: Session, name: str) -> Group | None:
    """The group of that name."""
    return s.exec(select(Group).where(Group.name == name)).first()


def list_groups(s: Session) -> list[tuple[Group, Subscriber]]:
    """All groups by name, each with the subscriber that stands for it."""
    query = select(Group, Subscriber).join(Subscriber, col(Subscriber.id) == col(Group.subscriber_id))
    return [(group, reader) for group, reader in s.exec(query.order_by(col(Group.name)))]


def is_group(s: Session, subscriber_id: int) -> bool:
    """Whether a subscriber stands for a group."""
    return s.exec(select(Group.id).where(Group.subscriber_id == subscriber_id)).first() is not None


def set_address(s: Session, subscriber: Subscriber, address: str | None) -> None:
    """Give the subscriber that stands for a group this list address, or none."""
    stored = s.get(Subscriber, subscriber.id)
    for row in (stored, subscriber):
        if row is not None:
            row.email, row.email_key = address, key_of(address) if address is not None else None
    s.flush()


def names_by_reader(s: Session, subscriber_ids: Iterable[int]) -> dict[int, str]:
    """The names of the groups that those of the subscribers stand for who stand for any."""
    found: dict[int, str] = {}
    for batch in in_batches(subscriber_ids):
        query = select(Group.subscriber_id, Group.name).where(col(Group.subscriber_id).in_(batch))
        found |= {number: name for number, name in s.exec(query)}  # noqa: C416 - rows are no pairs to mypy
    return found


def shared_ids(s: Session) -> set[int]:
    """The numbers of all subscribers that stand for a group."""
    return set(s.exec(select(Group.subscriber_id)))


def add_members(s: Session, group_id: int, subscriber_ids: Iterable[int], now: datetime) -> int:
    """Let readers belong to a group; how many did not before."""
    before = _count(s, group_id)
    for batch in in_batches(subscriber_ids):
        rows = [{"group_id": group_id, "subscriber_id": one, "joined_at": now} for one in batch]
        upsert(s, "memberships", rows, unique=("group_id", "subscriber_id"))
    return _count(s, group_id) - before


def _count(s: Session, group_id: int) -> int:
    return s.exec(select(func.count()).where(Membership.group_id == group_id)).one()


def delete_member(s: Session, group_id: int, subscriber_id: int) -> bool:
    """Let a reader belong to a group no more; whether they did."""
    query = delete(Membership).where(
        col(Membership.group_id) == group_id, col(Membership.subscriber_id) == subscriber_id
    )
    return bool(s.exec(query).rowcount)


def count_members(s: Session) -> dict[int, int]:
    """How many readers belong to each group that has any."""
    query = select(Membership.group_id, func.count()).group_by(col(Membership.group_id))
    return {group: number for group, number in s.exec(query)}  # noqa: C416 - rows are no pairs to mypy


def list_members(s: Session, group_id: int) -> list[Subscriber]:
    """The readers of a group, in the order they came to us."""
    query = select(Subscriber).join(Membership, col(Membership.subscriber_id) == col(Subscriber.id))
    return list(s.exec(query.where(Membership.group_id == group_id).order_by(col(Subscriber.id))))


def list_groups_of(s: Session, subscriber_ids: Iterable[int]) -> dict[int, list[Group]]:
    """For each of the readers who belongs to any: the groups, by name."""
    found: dict[int, list[Group]] = defaultdict(list)
    for batch in in_batches(subscriber_ids):
        query = select(Membership.subscriber_id, Group).join(Group, col(Group.id) == col(Membership.group_id))
        rows = s.exec(query.where(col(Membership.subscriber_id).in_(batch)).order_by(col(Group.name)))
        for number, group in rows:
            found[number].append(group)
    return found
