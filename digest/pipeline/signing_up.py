"""Signing up: somebody asks for a digest at an address, and its owner says yes, or nothing happens.

Whatever the address is (unknown, subscribed, left, bounced, not to be written to), the same answer is given
after the same work: one transaction that writes a row of the day and plans one letter. Which letter that is,
and whether it leaves, only the address's owner learns. The outbox sends it (``digest deliver``); what may not
be sent is planned too, as skipped, with the reason.
"""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from sqlmodel import Session

from digest.config import Settings
from digest.errors import TooManyError, UsageError
from digest.message import make_message_id
from digest.models import Letter, SignUp, Subscriber
from digest.pipeline.letters import (
    CONFIRMATION,
    LIFTED,
    REMINDER,
    make_confirmation_letter,
    make_reminder_letter,
)
from digest.pipeline.limiting import SignUpLimits
from digest.pipeline.readers import check_email
from digest.pipeline.wishes import Wishes, store_wishes
from digest.storage import bounces as bounce_rows
from digest.storage import letters as letter_rows
from digest.storage import sign_ups as sign_up_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.storage.deliveries import key_of
from digest.tokens import make_confirmation
from digest.types import SubscriberStatus

__all__ = [
    "Installation",
    "TooManyError",
    "are_sign_ups_open",
    "ask",
    "ask_for_link",
    "confirm",
    "read",
    "subscribe_by_feed",
]

LIFE = timedelta(hours=48)
# So many confirmations are sent to an address that answers none; then no more.
MAX_UNANSWERED = 3
NONCE_BYTES = 32
SERVED = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)


class Installation(Protocol):
    """What signing up needs of the program."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def database(self) -> Database:
        """Where rows and letters go."""

    @property
    def sign_up_limits(self) -> SignUpLimits:
        """How often strangers may ask."""

    def secret_key(self) -> bytes:
        """What tokens are made with."""


def are_sign_ups_open(settings: Settings) -> bool:
    """Whether anybody may subscribe: as set, and only where mails can hold links to us."""
    return settings.sign_ups == "open" and settings.base_url is not None


def ask(app: Installation, email: str, wishes: Wishes, *, network: str, now: datetime) -> None:
    """Somebody at ``network`` wants this at that address: plan the letter that its owner answers.

    Says nothing of the address. An address that is subscribed gets the link to its preferences instead, and
    keeps what it has. Raises ``UsageError`` for no address, for impossible wishes, and where sign-ups are
    closed; ``TooManyError`` for a network that asks too often. Where too many ask in all nothing is planned,
    which the log tells and the caller does not.
    """
    address, wishes = check_email(email), wishes.checked()
    if not are_sign_ups_open(app.settings):
        raise UsageError("nobody can sign up here: the operator has closed it")
    app.sign_up_limits.check_network(network)
    _plan(app, address, wishes, now)


def ask_for_link(app: Installation, email: str, *, network: str, now: datetime) -> None:
    """Somebody at ``network`` wants the link to the preferences of that address: mail it there.

    An address that nobody is subscribed with is asked whether it wants to be (unless sign-ups are closed),
    with nothing chosen. Says nothing of the address, and raises as :func:`ask`.
    """
    address = check_email(email)
    if app.settings.base_url is None:
        raise UsageError("this installation has no address of its own, so its mails hold no links to it")
    app.sign_up_limits.check_network(network)
    _plan(app, address, None, now)


def subscribe_by_feed(app: Installation, wishes: Wishes, *, network: str, now: datetime) -> Subscriber:
    """A new subscriber without an address, served by private feeds.

    Raises ``UsageError`` for impossible wishes and where sign-ups are closed, ``TooManyError`` where too many
    ask, from this network or in all.
    """
    wishes = replace(wishes, mail=False, feed=True).checked()
    if app.settings.sign_ups != "open":
        raise UsageError("nobody can sign up here: the operator has closed it")
    limits = app.sign_up_limits
    limits.check_network(network)
    if not limits.take_one():
        raise TooManyError("Too many sign up at once. Please try again later.", retry_after_s=limits.wait_s())
    with app.database.write() as session:
        reader = subscriber_rows.add_subscriber(session, email=None, status=SubscriberStatus.ACTIVE, now=now)
        store_wishes(session, reader, wishes, now)
        return reader


def read(app: Installation, token: str) -> SignUp | None:
    """What the token of a confirmation mail is for, confirmed or not; ``None`` for an unknown one.

    Whether it is too old is for the caller to compare (``expires_at``).
    """
    with app.database.read() as session:
        return sign_up_rows.get_by_hash(session, _hash(token))


def confirm(app: Installation, token: str, now: datetime) -> Subscriber | None:
    """The owner of an address says yes: make them a subscriber, or make them one again.

    A token counts once, for 48 hours: given again, it changes nothing, and the subscriber is returned as
    long as they are one. Who is one already keeps what they have. Returns ``None`` for an unknown or old
    token, for a used one of somebody who left since, and for an address that only the operator can let be
    written to again.
    """
    with app.database.write() as session:
        row = sign_up_rows.get_by_hash(session, _hash(token))
        if row is None or row.kind != CONFIRMATION or now >= row.expires_at:
            return None
        reader = subscriber_rows.get_subscriber(session, row.email)
        if reader is not None and not _is_same_mailbox(reader.email, row.email):
            return None
        if row.confirmed_at is not None:
            return reader if reader is not None and reader.status in SERVED else None
        suppression = suppression_rows.get_suppression(session, row.email)
        if suppression is not None and suppression.reason not in LIFTED:
            return None
        row.confirmed_at = now
        sign_up_rows.add_sign_up(session, row)
        return _welcome(session, row, reader, now)


def _welcome(session: Session, row: SignUp, reader: Subscriber | None, now: datetime) -> Subscriber:
    suppression_rows.delete_suppression(session, row.email, reasons=LIFTED)
    if reader is not None and reader.status in SERVED:
        return reader
    if reader is None:
        reader = subscriber_rows.add_subscriber(
            session, email=row.email, status=SubscriberStatus.ACTIVE, now=now
        )
    else:
        assert reader.id is not None  # noqa: S101 - stored rows have ids
        bounce_rows.forgive_bounces(session, reader.id)
        reader.left_from = None
        subscriber_rows.set_status(session, reader, SubscriberStatus.ACTIVE, now=now)
    store_wishes(session, reader, Wishes.from_dict(row.wishes), now)
    return reader


def _is_same_mailbox(one: str | None, other: str) -> bool:
    """Whether two addresses that are compared alike are one mailbox.

    Folding makes one of ``straße`` and ``strasse``, which may be two people's.
    """
    if one is None or one == other:
        return one is not None
    return one.isascii() and other.isascii() and one.lower() == other.lower()


# --- what is planned -------------------------------------------------------------------------------


def _plan(app: Installation, address: str, wishes: Wishes | None, now: datetime) -> None:
    """Write down who asked and plan a letter, once a day; without ``wishes`` the link was asked for."""
    today = now.astimezone(UTC).date()
    with app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, address)
        is_known = reader is not None and (wishes is None or reader.status in SERVED)
        unanswered = sign_up_rows.count_unconfirmed(session, address, CONFIRMATION)
        row = sign_up_rows.get_of_day(session, address, today)
        if row is not None:
            # Written in any case: whether somebody asked today already is nobody's business.
            is_open = wishes is not None and row.confirmed_at is None
            sign_up_rows.ask_again(session, row, now, wishes.as_dict() if wishes and is_open else None)
            return
        if not app.sign_up_limits.take_one():
            return
        nonce = secrets.token_bytes(NONCE_BYTES)
        kind = REMINDER if is_known else CONFIRMATION
        row = SignUp(
            email=address,
            email_key=key_of(address),
            asked_on=today,
            kind=kind,
            nonce=nonce.hex(),
            token_hash=_hash(make_confirmation(app.secret_key(), nonce)),
            wishes=(wishes or _defaults(app.settings)).as_dict(),
            asked_at=now,
            expires_at=now + LIFE,
        )
        sign_up_rows.add_sign_up(session, row)
        letter = _letter(app.settings, row, reader if is_known else None)
        skipped = None if is_known else _obstacle(app.settings, unanswered)
        domain = app.settings.sender.rpartition("@")[2]
        message_id = make_message_id(f"{letter.kind} {letter.recipient} {letter.key}", domain)
        letter_rows.plan_letter(session, letter, message_id=message_id, now=now, skipped=skipped)


def _obstacle(settings: Settings, unanswered: int) -> str | None:
    """Why a confirmation is not sent, whoever asked."""
    if not are_sign_ups_open(settings):
        return "sign-ups are closed, and nobody is subscribed with this address"
    if unanswered >= MAX_UNANSWERED:
        return f"{MAX_UNANSWERED} confirmations were asked for this address and none was answered"
    return None


def _letter(settings: Settings, row: SignUp, reader: Subscriber | None) -> Letter:
    if reader is not None and reader.email is not None:
        # To the address as it is stored: the one that was given may be another mailbox.
        return make_reminder_letter(settings.list_name, reader, row.asked_at)
    return make_confirmation_letter(settings.list_name, row.email, row.nonce, row.asked_at)


def _defaults(settings: Settings) -> Wishes:
    return Wishes(hour=settings.hour, zone=settings.zone)


def _hash(token: str) -> str:
    return sha256(token.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()
