"""Consent: a record of when, how and from where somebody agreed to be written to.

It goes with the reader: who is deleted leaves none. That an address is not to be written to is kept apart
(suppressions).
"""

from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session

from digest.models import Consent
from digest.storage import consents as consent_rows
from digest.text import clean_text

__all__ = [
    "WORDING",
    "Way",
    "consent_line",
    "make_consent",
    "record_consent",
    "show_consents",
    "shown_wording",
]

# The version of what a person reads before saying yes: the mails that ask, and the page behind their link.
# Raised with every change of what those say.
WORDING: Final = "2"
MAX_ORIGIN, MAX_WORD = 200, 400


class Way(StrEnum):
    """How somebody agreed."""

    WEB = "web"
    FEED = "feed"
    INVITE = "invite"
    RETURN = "return"
    IMPORT = "import"
    COMMAND = "command"
    OPERATOR = "operator"


IN_WORDS: Final = {
    Way.WEB: "asked on the web, and followed the link that was mailed",
    Way.FEED: "asked on the web for private feeds",
    Way.INVITE: "followed the link of an invitation",
    Way.RETURN: "took leaving back",
    Way.IMPORT: "the operator vouched for it in an import",
    Way.COMMAND: "the operator said so on the command line",
    Way.OPERATOR: "the operator said so on the pages for operators",
}
# The page that somebody read before they said yes, in these ways.
CONFIRMING_PAGE: Final = "web/confirm.html"
PAGES: Final = {Way.WEB: CONFIRMING_PAGE, Way.INVITE: CONFIRMING_PAGE, Way.FEED: "web/subscribe.html"}
HASH_CHARS = 12


def shown_wording(way: Way, language: str, own_templates: Path | None) -> str:
    """What somebody read before they said yes in that way: version and language, as "2 en".

    Where the operator has a template of their own for the page, its SHA-256 stands for the version, as
    "own 0123456789ab en". Empty for a way in which nothing is shown.
    """
    if way not in PAGES:
        return ""
    version = WORDING
    if own_templates is not None:
        with suppress(OSError):
            version = f"own {sha256((own_templates / PAGES[way]).read_bytes()).hexdigest()[:HASH_CHARS]}"
    return f"{version} {language}"


def make_consent(
    subscriber_id: int, way: Way, now: datetime, *, origin: str = "", word: str = "", wording: str = ""
) -> Consent:
    """The record, not stored.

    ``origin`` is a network (/24, /48) or a file's name, ``word`` what the operator says of it, ``wording``
    as :func:`shown_wording` has it.
    """
    return Consent(
        subscriber_id=subscriber_id,
        given_at=now,
        way=way.value,
        origin=clean_text(origin, limit=MAX_ORIGIN),
        word=clean_text(word, limit=MAX_WORD),
        wording=wording,
    )


def record_consent(
    session: Session,
    subscriber_id: int | None,
    way: Way,
    now: datetime,
    *,
    origin: str = "",
    word: str = "",
    wording: str = "",
) -> None:
    """Write down that a stored reader agreed."""
    assert subscriber_id is not None  # noqa: S101 - stored rows have ids
    made = make_consent(subscriber_id, way, now, origin=origin, word=word, wording=wording)
    consent_rows.add_consent(session, made)


def show_consents(session: Session, subscriber_id: int) -> list[dict[str, Any]]:
    """A reader's consents, oldest first, JSON-ready."""
    return [
        {
            "at": row.given_at.isoformat(),
            "way": row.way,
            "origin": row.origin,
            "word": row.word,
            "wording": row.wording,
        }
        for row in consent_rows.list_consents(session, subscriber_id)
    ]


def consent_line(shown: dict[str, Any]) -> str:
    """One of them in a line for people."""
    ways = {way.value: words for way, words in IN_WORDS.items()}
    line = f"{shown['at'][:16].replace('T', ' ')} UTC: {ways.get(shown['way'], shown['way'])}"
    line += f", from {shown['origin']}" if shown["origin"] else ""
    line += f" (wording {shown['wording']})" if shown["wording"] else ""
    return line + (f": “{shown['word']}”" if shown["word"] else "")
