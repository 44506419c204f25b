"""Leaving: by the mail's one click, by a page's button, by mail; and taking it back.

Leaving never asks why and counts once, however often it is said. What stood before is kept beside the
reader, so that taking it back restores exactly that: who was paused is paused again, and an address that the
operator had suppressed is suppressed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Subscriber, Subscription
from digest.pipeline.consent import Way, record_consent
from digest.pipeline.moment import Moment
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.translation import gettext as _
from digest.types import Cadence, SubscriberStatus

__all__ = [
    "PAUSE_DAYS",
    "Choice",
    "Standing",
    "choose",
    "is_gone",
    "leave",
    "leave_by_link",
    "look",
    "return_to",
]

BY_LINK = "by its link"
# What an address may be suppressed for that its owner's leaving takes the place of.
WEAKER = ("bounced", "operator")
PAUSE_DAYS = 30


class Choice(StrEnum):
    """What can be chosen instead of leaving for good."""

    UNDO = "undo"
    WEEKLY = "weekly"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a reader stands, as a page about leaving says it.

    ``can_undo``: what they chose in place of leaving can be taken back. ``language`` is the one they chose,
    if they chose one.
    """

    status: str
    cadence: str
    paused_until: date | None = None
    can_undo: bool = False
    language: str | None = None

    @property
    def has_left(self) -> bool:
        """Whether nothing is sent any more."""
        return self.status == SubscriberStatus.UNSUBSCRIBED


def leave(session: Session, reader: Subscriber, detail: str, now: datetime) -> bool:
    """Send this reader nothing more, not even what is on its way; whether that is news.

    ``detail`` says how they left.
    """
    before = suppression_rows.get_suppression(session, reader.email) if reader.email is not None else None
    was = {
        "status": reader.status,
        "paused_until": reader.paused_until.isoformat() if reader.paused_until else None,
        "suppressed": [before.reason, before.detail] if before and before.reason in WEAKER else None,
    }
    if reader.email is not None:
        suppression_rows.add_suppression(session, reader.email, "unsubscribed", detail=detail, now=now)
    if reader.status == SubscriberStatus.UNSUBSCRIBED:
        return False
    reader.left_from = was
    subscriber_rows.set_status(session, reader, SubscriberStatus.UNSUBSCRIBED, now=now)
    return True


def return_to(session: Session, reader: Subscriber, now: datetime) -> None:
    """Undo that a reader left, and nothing else: they stand as before, and so does their address.

    Raises ``UsageError`` where the address is not written to for another reason than that its owner left.
    """
    if reader.status != SubscriberStatus.UNSUBSCRIBED:
        return
    was = reader.left_from or {}
    if reader.email is not None:
        suppression = suppression_rows.get_suppression(session, reader.email)
        if suppression is not None and suppression.reason == "complained":
            raise UsageError(
                _("mail to your address was reported as spam, so only the operator can let it be sent again")
            )
        is_lifted = suppression_rows.delete_suppression(session, reader.email, reasons=("unsubscribed",))
        if is_lifted and was.get("suppressed"):
            reason, detail = was["suppressed"]
            suppression_rows.add_suppression(session, reader.email, reason, detail=detail, now=now)
    paused_until = date.fromisoformat(was["paused_until"]) if was.get("paused_until") else None
    reader.left_from = None
    has_agreed = reader.confirmed_at is not None
    usual = SubscriberStatus.ACTIVE if has_agreed else SubscriberStatus.UNCONFIRMED
    status = was.get("status", usual.value)
    if has_agreed:  # who never did is asked as before
        record_consent(session, reader.id, Way.RETURN, now)
    subscriber_rows.set_status(session, reader, status, paused_until=paused_until, now=now)


# --- for the pages of a link ------------------------------------------------------------------------


def is_gone(database: Database, subscriber_id: int) -> bool:
    """Whether there is no such reader, so that certainly nothing is sent to them."""
    with database.read() as session:
        return subscriber_rows.get_by_id(session, subscriber_id) is None


def look(database: Database, subscriber_id: int) -> Standing:
    """How the reader stands now. Raises ``UsageError`` for one who is gone."""
    with database.read() as session:
        return _standing(session, _get(session, subscriber_id))


def leave_by_link(database: Database, subscriber_id: int, now: datetime) -> Standing:
    """The reader leaves; said again it changes nothing. Raises ``UsageError`` for one who is gone."""
    with database.write() as session:
        reader = _get(session, subscriber_id)
        leave(session, reader, BY_LINK, now)
        return _standing(session, reader)


def choose(database: Database, subscriber_id: int, choice: Choice, moment: Moment) -> Standing:
    """The reader takes leaving back, and may have it weekly from now on, or nothing for 30 days.

    To undo the latter, too, brings back what was before.

    Raises ``UsageError`` for one who is gone, and where leaving cannot be taken back.
    """
    with database.write() as session:
        reader = _get(session, subscriber_id)
        instead = (reader.left_from or {}).get("instead")
        if choice is Choice.UNDO and instead is not None:
            _undo(session, reader, instead, moment.now)
            return _standing(session, reader)
        return_to(session, reader, moment.now)
        rows = subscriber_rows.list_subscriptions(session, subscriber_id)
        before = instead or {
            "status": reader.status,
            "paused_until": reader.paused_until.isoformat() if reader.paused_until else None,
            "cadences": [row.cadence for row in rows],
        }
        if choice is Choice.WEEKLY:
            _set_cadences(session, rows, [Cadence.WEEKLY.value] * len(rows))
            reader.left_from = {"instead": before}
        if choice is Choice.PAUSE and reader.status in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
            until = moment.today_in(rows[0].zone) + timedelta(days=PAUSE_DAYS)
            reader.left_from = {"instead": before}
            subscriber_rows.set_status(
                session, reader, SubscriberStatus.PAUSED, paused_until=until, now=moment.now
            )
        return _standing(session, reader)


def _undo(session: Session, reader: Subscriber, before: dict[str, Any], now: datetime) -> None:
    """Bring back what stood before something was chosen in place of leaving."""
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    _set_cadences(session, subscriber_rows.list_subscriptions(session, reader.id), before.get("cadences", []))
    reader.left_from = None
    paused_until = date.fromisoformat(before["paused_until"]) if before.get("paused_until") else None
    if reader.status in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
        subscriber_rows.set_status(session, reader, before["status"], paused_until=paused_until, now=now)


def _set_cadences(session: Session, rows: Sequence[Subscription], cadences: Sequence[str]) -> None:
    for row, cadence in zip(rows, cadences, strict=False):
        row.cadence = cadence
        subscriber_rows.add_subscription(session, row)


def _get(session: Session, subscriber_id: int) -> Subscriber:
    reader = subscriber_rows.get_by_id(session, subscriber_id)
    if reader is None:
        raise UsageError(_("nobody is subscribed by that link any more"))
    return reader


def _standing(session: Session, reader: Subscriber) -> Standing:
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    (row, *_) = subscriber_rows.list_subscriptions(session, reader.id)
    can_undo = "instead" in (reader.left_from or {})
    return Standing(reader.status, row.cadence, reader.paused_until, can_undo, row.language)
