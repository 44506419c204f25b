"""What a reader may tell us by mail: to leave, to get more or less of a paper, weekly or daily.

Only the subject and the addresses count, never the body: it may quote anything. A command is signed, by a
token in the subject or by a tag in the address that the mail was sent to. One word works without either:
a mail whose whole subject is "unsubscribe", "stop" or "leave" is taken as its sender's own wish.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from enum import StrEnum

from digest.bounces.reading import addresses_in, one_line, read_mail
from digest.bounces.report import delivered_to, is_automatic, is_report

__all__ = ["Command", "CommandKind", "parse_command"]

MAX_SUBJECT = 1000

_TOKEN = r"([a-z2-7]{1,400}-[a-z2-7]{26})"  # noqa: S105 - the form of ours, see digest.tokens
_SIGNED = re.compile(rf"(?i)(unsubscribe|weekly|daily) {_TOKEN}")
_FEEDBACK = re.compile(rf"(?i)(more|less) ([0-9]{{1,10}}) {_TOKEN}")
_PLAIN = re.compile(r"(?i)(?:unsubscribe|stop|leave)")


class CommandKind(StrEnum):
    """What a mail asks for; ``none`` is a mail whose subject is no command of ours."""

    UNSUBSCRIBE = "unsubscribe"
    MORE = "more"
    LESS = "less"
    WEEKLY = "weekly"
    DAILY = "daily"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Command:
    """A mail from a person. ``token`` is unproven, and so is ``sender`` (the From address).

    ``to_addresses`` may hold the signed address of leaving, which makes any mail to it a wish to leave,
    whatever its subject, unless that is another command. ``UNSUBSCRIBE`` without a token is the plain word.
    """

    kind: CommandKind
    token: str | None = None
    paper_id: int | None = None
    sender: str | None = None
    to_addresses: tuple[str, ...] = ()


def parse_command(raw: bytes | None) -> Command | None:
    """What a person asks for by mail; ``None`` for what a program wrote, and for reports. Never raises."""
    mail = read_mail(raw)
    if not mail.headers or is_automatic(mail) or is_report(mail):
        return None
    kind, paper_id, token = _read_subject(_subject(mail.get("subject")))
    senders = addresses_in([mail.get("from")])
    return Command(
        kind=kind,
        token=token,
        paper_id=paper_id,
        # Several senders: nobody's own wish.
        sender=senders[0] if len(senders) == 1 else None,
        to_addresses=delivered_to(mail),
    )


def _subject(value: str) -> str:
    """The subject as one line, encoded-words (RFC 2047) decoded."""
    text = value[:MAX_SUBJECT]
    # An unknown charset or a damaged word is left as it is: no command of ours needs one.
    with suppress(HeaderParseError, LookupError, ValueError):
        text = str(make_header(decode_header(text)))
    return one_line(text, MAX_SUBJECT)


def _read_subject(subject: str) -> tuple[CommandKind, int | None, str | None]:
    if match := _SIGNED.fullmatch(subject):
        return CommandKind(match[1].lower()), None, match[2].lower()
    if match := _FEEDBACK.fullmatch(subject):
        return CommandKind(match[1].lower()), int(match[2]), match[3].lower()
    if _PLAIN.fullmatch(subject):
        return CommandKind.UNSUBSCRIBE, None, None
    return CommandKind.NONE, None, None
