"""Inviting: the operator asks people whether they want a digest, each by one mail.

It is the way in of the web: a row and a letter, whose link its owner follows; only that nobody asked at the
web, so that the limits of strangers do not hold.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlmodel import Session

from digest.branding import Look
from digest.config import Settings
from digest.errors import UsageError
from digest.message import make_message_id
from digest.models import Letter, SignUp
from digest.pipeline.letters import INVITATION, make_invitation_letter
from digest.pipeline.signing_up import hash_token
from digest.pipeline.subscriber_table import Person
from digest.storage import enrolling as enrolling_rows
from digest.storage.deliveries import key_of
from digest.tokens import Keys, make_confirmation
from digest.translation import in_language, speaking

__all__ = ["Installation", "check_can_invite", "plan_invitations"]

# People open such a mail when they have time for it.
LIFE = timedelta(days=14)
NONCE_BYTES = 32


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
    """Plan one mail for each of these people; who was asked today already has one on its way.

    ``origin`` names where their addresses are from.
    """
    today = now.astimezone(UTC).date()
    asked = enrolling_rows.list_asked(session, (one.email for one in people), today)
    rows, letters = [], {}
    settings, keys = app.settings, app.secret_key()
    domain = settings.sender.rpartition("@")[2]
    samples = {}
    for language in {_language(one, settings) for one in people}:
        with speaking(language):
            samples[language] = make_invitation_letter(settings.list_name, "", "", now, app.look)
    for person in people:
        if key_of(person.email) in asked:
            continue
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
    enrolling_rows.add_rows(session, rows)
    enrolling_rows.add_letters(session, letters)


def _language(person: Person, settings: Settings) -> str:
    return in_language(person.wishes.language, settings.language)
