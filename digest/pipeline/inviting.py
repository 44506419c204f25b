"""Inviting: the operator asks people whether they want a digest, each by one mail.

It is the way in of the web: a row and a letter, whose link its owner follows; only that nobody asked at the
web, so that the limits of strangers do not hold.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlmodel import Session

from digest.branding import Look
from digest.config import Settings
from digest.errors import UsageError
from digest.message import make_message_id
from digest.models import Letter, SignUp
from digest.pipeline.letters import INVITATION, INVITATION_LIFE, make_invitation_letter
from digest.pipeline.signing_up import hash_token
from digest.pipeline.subscriber_table import Person
from digest.storage import enrolling as enrolling_rows
from digest.storage import letters as letter_rows
from digest.storage.deliveries import key_of
from digest.tokens import Keys, make_confirmation
from digest.translation import in_language, speaking

__all__ = ["Installation", "check_can_invite", "plan_invitations"]

# People open such a mail when they have time for it: so long after the last moment that it may leave.
LIFE = INVITATION_LIFE + timedelta(days=14)
NONCE_BYTES = 32
TAKEN = "the operator's invitation took its place"


def check_can_invite(settings: Settings) -> None:
    """Raise ``UsageError`` where an invitation would lead nowhere."""
    if settings.base_url is None:
        raise UsageError("an invitation leads to the web: set base_url, and let digest web or serve run")


class Installation(Protocol):
    """What inviting needs of the program."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def look(self) -> Look:
        """How mails look."""

    def secret_key(self) -> Keys:
        """What tokens are made with."""


def plan_invitations(
    session: Session, app: Installation, people: Sequence[Person], *, origin: str, now: datetime
) -> None:
    """Plan one mail for each of these people. It takes the place of what was asked for at an address today.

    Whoever asked: an earlier link of that day confirms nothing any more, so that only what the operator
    invites to can be agreed to by an invitation's. ``origin`` names where their addresses are from.
    """
    today = now.astimezone(UTC).date()
    domain = app.settings.sender.rpartition("@")[2]
    asked = enrolling_rows.find_asked(session, (one.email for one in people), today)
    rows, letters = [], {}
    settings, keys = app.settings, app.secret_key()
    samples = _samples(app, {_language(one, settings) for one in people}, now)
    for person in people:
        before = asked.get(key_of(person.email))
        if before is not None:
            letter_rows.give_up(session, before.kind, before.email, before.nonce, TAKEN)
            session.delete(before)
        nonce = secrets.token_bytes(NONCE_BYTES)
        rows.append(
            SignUp(
                email=person.email,
                email_key=key_of(person.email),
                asked_on=today,
                kind=INVITATION,
                nonce=nonce.hex(),
                token_hash=hash_token(make_confirmation(keys, nonce)),
                wishes=person.wishes.as_dict(),
                origin=origin,
                asked_at=now,
                expires_at=now + LIFE,
            )
        )
        key = f"{nonce.hex()} {keys.name}"
        # All of a language say the same but for the link, which has a mark in its place: rendered once.
        sample = samples[_language(person, settings)]
        letter = Letter(**(sample.model_dump(exclude={"id"}) | {"recipient": person.email, "key": key}))
        letters[make_message_id(f"{letter.kind} {letter.recipient} {letter.key}", domain)] = letter
    session.flush()
    enrolling_rows.add_rows(session, rows)
    enrolling_rows.add_letters(session, letters)


def _samples(app: Installation, languages: Iterable[str], now: datetime) -> dict[str, Letter]:
    """The letter in each of the languages, to nobody."""
    found = {}
    for language in languages:
        with speaking(language):
            found[language] = make_invitation_letter(app.settings.list_name, "", "", now, app.look)
    return found


def _language(person: Person, settings: Settings) -> str:
    return in_language(person.wishes.language, settings.language)
