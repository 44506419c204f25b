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

from digest.branding import Look
from digest.config import Settings
from digest.errors import TooManyError, UsageError
from digest.message import make_message_id
from digest.models import Letter, SignUp, Subscriber
from digest.pipeline.consent import Way, record_consent, shown_wording
from digest.pipeline.letters import (
    CONFIRMATION,
    CONFIRMING,
    INVITATION,
    LIFTED,
    REMINDER,
    make_confirmation_letter,
    make_reminder_letter,
)
from digest.pipeline.limiting import SignUpLimits
from digest.pipeline.readers import check_email
from digest.pipeline.wishes import Wishes, load_wishes, store_wishes
from digest.storage import bounces as bounce_rows
from digest.storage import groups as group_rows
from digest.storage import letters as letter_rows
from digest.storage import sign_ups as sign_up_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.storage.deliveries import is_same_mailbox, key_of
from digest.tokens import Keys, make_confirmation
from digest.translation import gettext as _
from digest.translation import in_language, language, speaking
from digest.types import SubscriberStatus

__all__ = [
    "Installation",
    "TooManyError",
    "are_sign_ups_open",
    "ask",
    "ask_for_link",
    "confirm",
    "hash_token",
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

    @property
    def look(self) -> Look:
        """How mails look."""

    def secret_key(self) -> Keys:
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
        raise UsageError(_("nobody can sign up here: the operator has closed it"))
    app.sign_up_limits.check_network(network)
    _plan(app, address, wishes, now)


def ask_for_link(app: Installation, email: str, *, network: str, now: datetime) -> None:
    """Somebody at ``network`` wants the link to the preferences of that address: mail it there.

    An address that nobody is subscribed with is asked whether it wants to be (unless sign-ups are closed),
    with nothing chosen. Says nothing of the address, and raises as :func:`ask`.
    """
    address = check_email(email)
    if app.settings.base_url is None:
        raise UsageError(_("this installation has no address of its own, so its mails hold no links to it"))
    app.sign_up_limits.check_network(network)
    _plan(app, address, None, now)


def subscribe_by_feed(app: Installation, wishes: Wishes, *, network: str, now: datetime) -> Subscriber:
    """A new subscriber without an address, served by private feeds.

    Raises ``UsageError`` for impossible wishes and where sign-ups are closed, ``TooManyError`` where too many
    ask, from this network or in all.
    """
    wishes = replace(wishes, mail=False, feed=True).checked()
    if app.settings.sign_ups != "open":
        raise UsageError(_("nobody can sign up here: the operator has closed it"))
    limits = app.sign_up_limits
    limits.check_network(network)
    if not limits.take_one():
        raise TooManyError(
            _("Too many sign up at once. Please try again later."), retry_after_s=limits.wait_s()
        )
    with app.database.write() as session:
        reader = subscriber_rows.add_subscriber(session, email=None, status=SubscriberStatus.ACTIVE, now=now)
        store_wishes(session, reader, wishes, now)
        wording = shown_wording(Way.FEED, language(), app.look.template_dir)
        record_consent(session, reader.id, Way.FEED, now, origin=network, wording=wording)
        return reader


def read(app: Installation, token: str) -> SignUp | None:
    """What the token of a confirmation mail is for, confirmed or not; ``None`` for an unknown one.

    Whether it is too old is for the caller to compare (``expires_at``).
    """
    with app.database.read() as session:
        return sign_up_rows.get_by_hash(session, hash_token(token))


def confirm(app: Installation, token: str, now: datetime, *, network: str = "") -> Subscriber | None:
    """The owner of an address, at ``network``, says yes: make them a subscriber, or make them one again.

    A token counts once, as long as it lives (of an invitation longer): given again, it changes nothing, and
    the subscriber is returned as long as they are one. Who is one already keeps what they have; their yes is
    recorded. Returns ``None`` for an unknown or old token, for a used one of somebody who left since, and for
    an address that only the operator can let be written to again.
    """
    with app.database.write() as session:
        row = sign_up_rows.get_by_hash(session, hash_token(token))
        if row is None or row.kind not in CONFIRMING or now >= row.expires_at:
            return None
        reader = subscriber_rows.get_subscriber(session, row.email)
        if reader is not None and not is_same_mailbox(reader.email, row.email):
            return None
        if reader is not None and group_rows.is_group(session, reader.id or 0):
            return None  # a list of people, who all have the link
        if row.confirmed_at is not None:
            return reader if reader is not None and reader.status in SERVED else None
        suppression = suppression_rows.get_suppression(session, row.email)
        if suppression is not None and suppression.reason not in LIFTED:
            return None
        row.confirmed_at = now
        sign_up_rows.add_sign_up(session, row)
        reader = _welcome(session, row, reader, now)
        way = Way.INVITE if row.kind == INVITATION else Way.WEB
        # As the page was shown: in the language that was chosen, else in the one spoken here.
        spoken = in_language(row.wishes.get("language"), language())
        record_consent(
            session,
            reader.id,
            way,
            now,
            origin=network,
            word=f"invited from {row.origin}" if row.origin else "",
            wording=shown_wording(way, spoken, app.look.template_dir),
        )
        return reader


def _welcome(session: Session, row: SignUp, reader: Subscriber | None, now: datetime) -> Subscriber:
    suppression_rows.delete_suppression(session, row.email, reasons=LIFTED)
    is_new = reader is None or reader.status not in SERVED
    if reader is None:
        reader = subscriber_rows.add_subscriber(
            session, email=row.email, status=SubscriberStatus.ACTIVE, now=now
        )
    elif is_new:
        assert reader.id is not None  # noqa: S101 - stored rows have ids
        bounce_rows.forgive_bounces(session, reader.id)
        reader.left_from = None
        subscriber_rows.set_status(session, reader, SubscriberStatus.ACTIVE, now=now)
    if is_new:
        store_wishes(session, reader, Wishes.from_dict(row.wishes), now)
    return reader


# --- what is planned -------------------------------------------------------------------------------


def _plan(app: Installation, address: str, wishes: Wishes | None, now: datetime) -> None:
    """Write down who asked and plan a letter, once a day; without ``wishes`` the link was asked for."""
    today = now.astimezone(UTC).date()
    with app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, address)
        is_known = reader is not None and (wishes is None or reader.status in SERVED)
        is_shared = group_rows.is_group(session, reader.id or 0 if reader is not None else 0)
        unanswered = sign_up_rows.count_unconfirmed(session, address, CONFIRMATION)
        row = sign_up_rows.get_of_day(session, address, today)
        if row is not None:
            # Written in any case: whether somebody asked today already is nobody's business.
            is_open = wishes is not None and row.confirmed_at is None and row.kind != INVITATION
            sign_up_rows.ask_again(session, row, now, wishes.as_dict() if wishes and is_open else None)
            return
        if not app.sign_up_limits.take_one():
            return
        nonce, keys = secrets.token_bytes(NONCE_BYTES), app.secret_key()
        kind = REMINDER if is_known else CONFIRMATION
        row = SignUp(
            email=address,
            email_key=key_of(address),
            asked_on=today,
            kind=kind,
            nonce=nonce.hex(),
            token_hash=hash_token(make_confirmation(keys, nonce)),
            wishes=(wishes or _defaults(app.settings)).as_dict(),
            asked_at=now,
            expires_at=now + LIFE,
        )
        sign_up_rows.add_sign_up(session, row)
        chosen = _language(session, row, reader if is_known else None)
        with speaking(in_language(chosen, app.settings.language)):
            letter = _letter(app, row, reader if is_known else None, keys.name)
        skipped = None if is_known else _obstacle(app.settings, unanswered)
        if is_shared:
            skipped = "it is the list address of a group, and its digest is the operator's to change"
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


def _language(session: Session, row: SignUp, reader: Subscriber | None) -> str | None:
    """The language that a letter's reader chose, or chose just now."""
    if reader is not None and reader.id is not None:
        return load_wishes(session, reader.id).language
    return row.wishes.get("language")


def _letter(app: Installation, row: SignUp, reader: Subscriber | None, key_name: str) -> Letter:
    if reader is not None and reader.email is not None:
        # To the address as it is stored: the one that was given may be another mailbox.
        return make_reminder_letter(app.settings.list_name, reader, row.asked_at, app.look)
    key = f"{row.nonce} {key_name}"
    return make_confirmation_letter(app.settings.list_name, row.email, key, row.asked_at, app.look)


def _defaults(settings: Settings) -> Wishes:
    return Wishes(hour=settings.hour, zone=settings.zone)


def hash_token(token: str) -> str:
    """What is stored of a sign-up's token."""
    return sha256(token.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()
