"""The outbox: what is to be sent, who sends it now, and what became of it.

A delivery that is being sent belongs to one run, by its lease: every change of it names the lease, so that
whoever lost it changes nothing.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Integer, Row, Select, bindparam, func, or_, select, update
from sqlmodel import Session, col

from digest.models import Delivery, Group, Issue, Letter, Subscriber, Subscription, Suppression
from digest.storage.bulk import in_batches, table
from digest.types import DeliveryStatus, IssueStatus

__all__ = [
    "Decision",
    "Waiting",
    "claim",
    "complete",
    "count_by_status",
    "decide",
    "expire_issues",
    "get_delivery",
    "get_row",
    "list_deliveries",
    "list_due",
    "list_stuck",
    "list_waiting",
    "mark_data",
    "presume",
    "sent_times",
    "suppressed",
    "went_by_smtp",
    "withdraw",
]

# Longer than anything is put off.
MAX_PUT_OFF = timedelta(hours=12)
# Not yet on their way, and not given up.
WAITING = (DeliveryStatus.PLANNED.value, DeliveryStatus.DEFERRED.value)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery that waits to be sent, with all that decides whether it still may be.

    Of an issue or of a letter. The reader's standing (``reader_status``, ``paused_until``,
    ``token_version``) is ``None`` for letters. ``suppressed`` is why the address is not written to.
    ``shared``: the recipient is the list of a group. ``moved``: an issue's reader has another address by now.
    """

    delivery_id: int
    recipient: str
    message_id: str
    status: str
    attempts: int
    may_have_arrived: bool
    envelope_from: str | None
    retry_at: datetime | None
    issue_id: int | None
    letter_id: int | None
    expires_at: datetime
    zone: str
    subscriber_id: int | None
    reader_status: str | None
    paused_until: date | None
    token_version: int | None
    cadence: str | None
    suppressed: str | None
    letter_kind: str | None = None
    shared: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a delivery: its new status and the facts that belong to it.

    ``untried``: it was claimed, but not begun, so that this was no attempt.
    """

    delivery_id: int
    status: DeliveryStatus
    reply: str | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    may_have_arrived: bool = False
    sent_at: datetime | None = None
    untried: bool = False


def list_due(s: Session, now: datetime) -> Sequence[int]:
    """The ids of what is planned, and of what was deferred until now or earlier, in the order planned.

    Says nothing about whether a reader may still be written to: whoever sends decides that.
    """
    deferred = col(Delivery.status) == DeliveryStatus.DEFERRED.value
    # What is put off for longer than anything ever is was put off by a clock that was wrong.
    ready = (
        col(Delivery.retry_at).is_(None)
        | (col(Delivery.retry_at) <= now)
        | (col(Delivery.retry_at) > now + MAX_PUT_OFF)
    )
    planned = col(Delivery.status) == DeliveryStatus.PLANNED.value
    query = select(col(Delivery.id)).where(planned | (deferred & ready)).order_by(col(Delivery.id))
    return array("q", s.execute(query).scalars())


def list_waiting(s: Session, delivery_ids: Iterable[int]) -> list[Waiting]:
    """Those of the deliveries that still wait, as they, their readers and the addresses stand now."""
    found = []
    for batch in in_batches(delivery_ids):
        query = _waiting().where(col(Delivery.id).in_(batch), col(Delivery.status).in_(WAITING))
        rows = s.execute(query.order_by(col(Delivery.id))).all()
        reasons = suppressed(s, [row[1] for row in rows])
        columns: list[tuple[Any, ...]] = [
            (*row[:-3], reasons.get(key_of(row[1])), row[-3], row[-2] is not None, _is_moved(row))
            for row in rows
        ]
        found += [Waiting(*values) for values in columns]
    return found


def _is_moved(row: Row[Any]) -> bool:
    return row.reader is not None and key_of(row.recipient) != row.email_key


def key_of(address: str) -> str:
    """The address as it is compared: upper and lower case aside."""
    return address.strip().casefold()


def is_same_mailbox(one: str | None, other: str) -> bool:
    """Whether two addresses that are compared alike are one mailbox.

    Folding makes one of ``straße`` and ``strasse``, which may be two people's.
    """
    if one is None or one == other:
        return one is not None
    return one.isascii() and other.isascii() and one.lower() == other.lower()


def suppressed(s: Session, addresses: Iterable[str]) -> dict[str, str]:
    """Why those of the addresses that are not to be written to are not, by :func:`key_of`."""
    found: dict[str, str] = {}
    for batch in in_batches(map(key_of, addresses)):
        query = select(col(Suppression.email_key), col(Suppression.reason)).where(
            col(Suppression.email_key).in_(batch)
        )
        found |= dict(tuple(row) for row in s.execute(query))
    return found


def _waiting() -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(col(column) for column in (Delivery.id, Delivery.recipient, Delivery.message_id)),
            *(col(column) for column in (Delivery.status, Delivery.attempts, Delivery.may_have_arrived)),
            *(col(column) for column in (Delivery.envelope_from, Delivery.retry_at)),
            *(col(column) for column in (Delivery.issue_id, Delivery.letter_id)),
            func.coalesce(col(Issue.expires_at), col(Letter.expires_at)),
            func.coalesce(col(Issue.zone), "UTC"),
            col(Subscriber.id).label("reader"),
            *(col(column) for column in (Subscriber.status, Subscriber.paused_until)),
            *(col(column) for column in (Subscriber.token_version, Subscription.cadence, Letter.kind)),
            col(Group.id),
            col(Subscriber.email_key),
        )
        .select_from(Delivery)
        .outerjoin(Issue, col(Issue.id) == col(Delivery.issue_id))
        .outerjoin(Letter, col(Letter.id) == col(Delivery.letter_id))
        .outerjoin(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .outerjoin(Subscriber, col(Subscriber.id) == col(Subscription.subscriber_id))
        .outerjoin(Group, col(Group.subscriber_id) == col(Subscriber.id))
    )


def list_stuck(s: Session) -> list[Delivery]:
    """What a killed run left in sending, in the order planned."""
    query = select(Delivery).where(col(Delivery.status) == DeliveryStatus.SENDING.value)
    return list(s.execute(query.order_by(col(Delivery.id))).scalars())


# --- changing --------------------------------------------------------------------------------------

# Made once: building a statement takes longer than running it. Every one is run for many rows.
_DELIVERIES = table("deliveries")
_THIS = _DELIVERIES.c.id == bindparam("the_id")
_HELD = (
    _THIS,
    _DELIVERIES.c.lease == bindparam("the_lease"),
    _DELIVERIES.c.status == DeliveryStatus.SENDING.value,
)
_CLAIM = (
    update(_DELIVERIES)
    .where(_THIS, or_(*(_DELIVERIES.c.status == status for status in WAITING)))
    .values(
        status=DeliveryStatus.SENDING.value,
        lease=bindparam("the_lease"),
        attempts=_DELIVERIES.c.attempts + 1,
        envelope_from=func.coalesce(_DELIVERIES.c.envelope_from, bindparam("sender")),
        sending_at=bindparam("now"),
        data_at=None,
        retry_at=None,
        reason=None,
    )
)
_MARK = update(_DELIVERIES).where(*_HELD).values(data_at=bindparam("now"))
_LEFT = (
    update(_DELIVERIES)
    .where(_THIS, _DELIVERIES.c.status == DeliveryStatus.SENDING.value)
    .values(data_at=bindparam("now"))
)
_OUTCOME: dict[str, Any] = {
    name: bindparam(f"new_{name}") for name in ("status", "reply", "reason", "retry_at", "sent_at")
}
_DECIDE = (
    update(_DELIVERIES)
    .where(_THIS)
    .values(
        **_OUTCOME,
        may_have_arrived=_DELIVERIES.c.may_have_arrived | bindparam("new_may_have_arrived", type_=Boolean()),
        attempts=_DELIVERIES.c.attempts - bindparam("untried", type_=Integer()),
        lease=None,
    )
)
_COMPLETE = _DECIDE.where(*_HELD[1:])


def claim(s: Session, senders: Sequence[tuple[int, str]], *, lease: str, now: datetime) -> None:
    """Mark (delivery id, envelope sender) as being sent by this lease. What no longer waits is let be."""
    rows = [{"the_id": one, "sender": sender, "the_lease": lease, "now": now} for one, sender in senders]
    if rows:
        s.connection().execute(_CLAIM, rows)


def mark_data(s: Session, delivery_ids: Sequence[int], *, lease: str, now: datetime) -> set[int]:
    """Note that the end of their data is about to leave; returns those that are not ours to send.

    They were deleted with their reader, or another run took them over.
    """
    rows = [{"the_id": one, "the_lease": lease, "now": now} for one in delivery_ids]
    if not rows or s.connection().execute(_MARK, rows).rowcount == len(rows):
        return set()
    held = select(_DELIVERIES.c.id).where(_DELIVERIES.c.id.in_(delivery_ids), *_HELD[1:])
    return set(delivery_ids) - set(s.execute(held, {"the_lease": lease}).scalars())


def presume(s: Session, delivery_ids: Sequence[int], *, now: datetime) -> None:
    """Let those that wait stand as a run would leave them that was killed when their end had just left."""
    rows = [{"the_id": one, "sender": None, "the_lease": None, "now": now} for one in delivery_ids]
    if rows:
        s.connection().execute(_CLAIM, rows)
        s.connection().execute(_LEFT, [{"the_id": one, "now": now} for one in delivery_ids])


def complete(s: Session, decisions: Sequence[Decision], *, lease: str) -> int:
    """Write down what became of deliveries this lease holds, and give them up.

    Returns how many were not ours any more; they stay as they are.
    """
    rows = [_parameters(one) | {"the_lease": lease} for one in decisions]
    return len(rows) - s.connection().execute(_COMPLETE, rows).rowcount if rows else 0


def decide(s: Session, decisions: Sequence[Decision]) -> None:
    """Write down what becomes of deliveries that nobody is sending."""
    if decisions:
        s.connection().execute(_DECIDE, [_parameters(one) for one in decisions])


def _parameters(one: Decision) -> dict[str, Any]:
    return {
        "the_id": one.delivery_id,
        "new_status": one.status.value,
        "new_reply": one.reply,
        "new_reason": one.reason,
        "new_retry_at": one.retry_at,
        "new_sent_at": one.sent_at,
        "new_may_have_arrived": one.may_have_arrived,
        "untried": int(one.untried),
    }


def withdraw(s: Session, subscriber_id: int) -> None:
    """Take a reader's mails back from who is sending them, as long as their end has not left.

    They wait again, and whoever claims them next looks at how the reader stands then.
    """
    own = (
        select(col(Delivery.id))
        .join(Issue, col(Issue.id) == col(Delivery.issue_id))
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .where(
            col(Subscription.subscriber_id) == subscriber_id,
            col(Delivery.status) == DeliveryStatus.SENDING.value,
            col(Delivery.data_at).is_(None),
        )
    )
    deliveries = table("deliveries")
    s.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(own))
        .values(status=DeliveryStatus.PLANNED.value, lease=None, attempts=deliveries.c.attempts - 1)
    )


def expire_issues(s: Session, issue_ids: Sequence[int]) -> None:
    """Mark issues as too old to send: their papers were never received and may be recommended again."""
    for batch in in_batches(issue_ids):
        s.execute(update(Issue).where(col(Issue.id).in_(batch)).values(status=IssueStatus.EXPIRED.value))


# --- looking ---------------------------------------------------------------------------------------


def get_delivery(s: Session, issue_id: int, channel: str) -> Delivery | None:
    """The delivery of an issue on a channel."""
    query = select(Delivery).where(col(Delivery.issue_id) == issue_id, col(Delivery.channel) == channel)
    return s.execute(query).scalars().first()


def get_row(s: Session, delivery_id: int) -> Delivery | None:
    """The delivery of that id."""
    return s.get(Delivery, delivery_id)


def list_deliveries(
    s: Session,
    *,
    subscriber_id: int | None = None,
    local_date: date | None = None,
    ids: Iterable[int] | None = None,
    limit: int = 1000,
) -> list[tuple[Delivery, Issue | None, Letter | None]]:
    """Deliveries, newest first: of one reader, of one date, those asked for, or all.

    Letters have no date of that kind.
    """
    query = (
        select(Delivery, Issue, Letter)
        .outerjoin(Issue, col(Issue.id) == col(Delivery.issue_id))
        .outerjoin(Letter, col(Letter.id) == col(Delivery.letter_id))
        .outerjoin(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .order_by(col(Delivery.id).desc())
        .limit(limit)
    )
    if subscriber_id is not None:
        own = select(col(Subscriber.email)).where(col(Subscriber.id) == subscriber_id).scalar_subquery()
        query = query.where(
            (col(Subscription.subscriber_id) == subscriber_id) | (col(Letter.recipient) == own)
        )
    if local_date is not None:
        query = query.where(col(Issue.local_date) == local_date)
    queries = [query] if ids is None else [query.where(col(Delivery.id).in_(b)) for b in in_batches(ids)]
    return [(delivery, issue, letter) for one in queries for delivery, issue, letter in s.execute(one)]


def count_by_status(s: Session) -> dict[str, int]:
    """How many deliveries have each status; those that none has are left out."""
    status = col(Delivery.status)
    query = select(status, func.count()).group_by(status).order_by(status)
    return dict(tuple(row) for row in s.execute(query))


def went_by_smtp(s: Session) -> bool:
    """Whether a mail was ever taken by a mail server: its answer begins with a code of 250 or the like."""
    reply = col(Delivery.reply)
    taken = select(col(Delivery.id)).where(col(Delivery.sent_at).is_not(None), reply >= "2", reply < "3")
    return s.execute(taken.limit(1)).first() is not None


def sent_times(s: Session, since: datetime, *, limit: int) -> list[datetime]:
    """When the last mails left, oldest first, at most ``limit`` and none from before ``since``."""
    query = select(col(Delivery.sent_at)).where(col(Delivery.sent_at) > since)
    rows = s.execute(query.order_by(col(Delivery.sent_at).desc()).limit(limit)).scalars()
    return [when for when in rows if when is not None][::-1]
