"""The letters there are: what each says.

A letter that leads somewhere is frozen with a mark where its link goes: the link is put there when it is
sent, so that nobody can follow it who only has a copy of the database.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from digest.branding import PLAIN, Look
from digest.errors import DeliveryError
from digest.models import Letter, Subscriber
from digest.render import render_letter
from digest.templating import wrap
from digest.tokens import Secret, key_named, make_confirmation, make_token
from digest.translation import gettext as _

__all__ = [
    "CONFIRMATION",
    "CONFIRMING",
    "INVITATION",
    "INVITATION_LIFE",
    "LIFTED",
    "REMINDER",
    "fill_in_link",
    "make_confirmation_letter",
    "make_invitation_letter",
    "make_operator_letter",
    "make_reminder_letter",
    "make_test_letter",
]

# Kinds that lead somewhere, and that go to who has left or bounced too: the owner of the address asks anew.
CONFIRMATION = "confirmation"
REMINDER = "reminder"
# Goes to whom the operator put on a list of people; to nobody who left.
INVITATION = "invitation"
# Those whose link confirms an address.
CONFIRMING = (CONFIRMATION, INVITATION)
# What an address is suppressed for that its owner takes back by following their link.
LIFTED = ("unsubscribed", "bounced")
LINK = "[the link goes here]"
# Shorter than what its link lives, so that who gets it late can still follow it.
LINK_LIFE = timedelta(hours=24)
# Many at once may wait long for their turn, where mail leaves slowly.
INVITATION_LIFE = timedelta(days=14)
TEST_LIFE = timedelta(hours=20)
# What concerns the operator is still worth reading after a weekend without mail.
OPERATOR_LIFE = timedelta(days=7)


def make_test_letter(list_name: str, recipient: str, now: datetime, *, key: str = "") -> Letter:
    """A short mail that proves the way; each is sent, unless ``key`` says which one it is."""
    words = "This is a test: mail from your paper digest arrives."
    subject = f"{list_name}: a test"
    return _letter("test", recipient, key or now.isoformat(), subject, list_name, [words], now, TEST_LIFE)


def make_operator_letter(
    list_name: str, recipient: str, key: str, heading: str, lines: Sequence[str], now: datetime
) -> Letter:
    """A word to the person who runs this; ``key`` says which one it is, so that it is sent once."""
    return _letter("operator", recipient, key, f"{list_name}: {heading}", heading, lines, now, OPERATOR_LIFE)


def make_confirmation_letter(
    list_name: str, recipient: str, key: str, now: datetime, look: Look = PLAIN
) -> Letter:
    """Asks the owner of an address whether they want what somebody asked for; holds no word of whoever did.

    ``key`` is what its link is made from: the nonce (hexadecimal), a blank, and the name of the secret key.
    """
    lines = [
        _(
            "Somebody, we hope you, asked for the digest “%(name)s” to be sent to this address. "
            "If it was not you, do nothing, and nothing happens.",
            name=list_name,
        )
    ]
    subject, heading = _("%(name)s: please confirm", name=list_name), _("Is this what you want?")
    button = _("See what it is, and confirm")
    return _letter(
        CONFIRMATION, recipient, key, subject, heading, lines, now, LINK_LIFE, button=button, look=look
    )


def make_invitation_letter(
    list_name: str, recipient: str, key: str, now: datetime, look: Look = PLAIN
) -> Letter:
    """Asks somebody whom the operator wants to invite; nothing is sent to them unless they say yes.

    ``key`` is as in :func:`make_confirmation_letter`.
    """
    lines = [
        _(
            "Whoever runs the digest “%(name)s” invites you to get it at this address: a few new papers on "
            "what you work on, as often as you like. If you do nothing, no digest comes.",
            name=list_name,
        )
    ]
    subject, heading = _("%(name)s: an invitation", name=list_name), _("Would you like this?")
    button = _("See what it is, and say yes")
    return _letter(
        INVITATION, recipient, key, subject, heading, lines, now, INVITATION_LIFE, button=button, look=look
    )


def make_reminder_letter(list_name: str, reader: Subscriber, now: datetime, look: Look = PLAIN) -> Letter:
    """Tells a subscriber whom somebody asked for, on this day (UTC), where their preferences are."""
    lines = [
        _(
            "Somebody, we hope you, asked %(name)s for mail to this address, which is subscribed already. "
            "Nothing was changed; to change or stop what you get, open your preferences.",
            name=list_name,
        )
    ]
    key = f"{reader.id} {reader.token_version} {now:%Y-%m-%d}"
    subject = _("%(name)s: you are subscribed", name=list_name)
    heading, button = _("You are subscribed already"), _("Open your preferences")
    assert reader.email is not None  # noqa: S101 - who has no address is written no letters
    return _letter(
        REMINDER, reader.email, key, subject, heading, lines, now, LINK_LIFE, button=button, look=look
    )


def fill_in_link(letter: Letter, secret: Secret, base_url: str | None) -> Letter:
    """The letter with its link, the same on every attempt; one that leads nowhere as it is.

    Raises ``DeliveryError`` (transient) where there is no web of ours to lead to.
    """
    if letter.kind not in (*CONFIRMING, REMINDER):
        return letter
    if base_url is None:
        raise DeliveryError("this mail leads to the web, and base_url is not set any more", transient=True)
    if letter.kind in CONFIRMING:
        # With the key it was planned with: what confirms is stored by its hash.
        nonce, _blank, name = letter.key.partition(" ")
        path = f"/confirm/{make_confirmation(key_named(secret, name), bytes.fromhex(nonce))}"
    else:
        subscriber_id, version, _day = letter.key.split(" ")
        path = f"/p/{make_token(secret, 'preferences', subscriber_id, int(version))}"
    filled = {name: getattr(letter, name).replace(LINK, base_url + path) for name in ("text", "html")}
    return Letter(**(letter.model_dump() | filled))


def _letter(
    kind: str,
    recipient: str,
    key: str,
    subject: str,
    heading: str,
    lines: Sequence[str],
    now: datetime,
    life: timedelta,
    *,
    button: str = "",
    look: Look = PLAIN,
) -> Letter:
    text = "\n\n".join("\n".join(wrap(line)) for line in lines) + "\n"
    foot = "".join("\n" + "".join(f"{part}\n" for part in wrap(line)) for line in look.footer)
    return Letter(
        kind=kind,
        recipient=recipient,
        key=key,
        subject=subject,
        text=(f"{text}\n{button}:\n{LINK}\n" if button else text) + foot,
        html=render_letter(subject, heading, lines, link=LINK if button else "", button=button, look=look),
        created_at=now,
        expires_at=now + life,
    )
