"""Incidents: one mail to the operator when a source begins to fail, and one when it is well again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import Session

from digest.message import make_message_id
from digest.models import Letter, Source
from digest.pipeline.coverage import source_labels
from digest.pipeline.letters import make_operator_letter
from digest.storage import letters as letter_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import Verdict

__all__ = ["WORDS", "Operator", "plan_for", "tell_operator"]

# What a verdict says of a source, and what a person can do about it.
WORDS = {
    Verdict.PARTIAL: (
        "gives only a part of its list",
        "Look at the page: papers may be missing there too.",
    ),
    Verdict.STALE: (
        "shows the list of another day",
        "Usually it recovers by itself; if not, its address may have changed.",
    ),
    Verdict.BLOCKED: (
        "does not let us in",
        "It may want fewer requests, an address to write to (DIGEST_CONTACT), or a key.",
    ),
    Verdict.BROKEN: (
        "gives a page that cannot be read",
        "If the site was rebuilt, a newer version of this program may read it: the pages are kept, and "
        "digest sources replay NAME reads them again then.",
    ),
    Verdict.UNREACHABLE: (
        "cannot be reached",
        "Check the network of this machine and the address of the source.",
    ),
}


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is told, and as whom."""

    address: str
    list_name: str
    mail_domain: str


def tell_operator(database: Database, operator: Operator, names: Sequence[str], now: datetime) -> int:
    """Plan the mails about those sources whose incident began or ended; returns how many.

    An incident begins with the first refresh whose newest day could not be believed, and ends with the first
    good one; in between nothing more is said.
    """
    planned = 0
    with database.write() as session:
        labels = source_labels(session)
        for source in source_rows.list_sources(session):
            if source.name not in names or (source.failures_in_row > 0) == (source.incident_at is not None):
                continue
            if source.incident_at is None:
                source.incident_at = source.last_checked_at or now
                letter = _begun(operator, source, labels[source.name], now)
            else:
                letter = _over(operator, source, labels[source.name], now)
                source.incident_at = None
            session.add(source)
            plan_for(operator, session, letter, now)
            planned += 1
    return planned


def plan_for(operator: Operator, session: Session, letter: Letter, now: datetime) -> None:
    """Put a letter to the operator into the outbox."""
    message_id = make_message_id(f"{letter.kind} {letter.recipient} {letter.key}", operator.mail_domain)
    letter_rows.plan_letter(session, letter, message_id=message_id, now=now)


def _begun(operator: Operator, source: Source, label: str, now: datetime) -> Letter:
    words, hint = WORDS[Verdict(source.last_verdict or Verdict.UNREACHABLE)]
    good = (
        f"It was last read well on {_when(source.last_good_at)}."
        if source.last_good_at
        else "It was never read well."
    )
    lines = [
        f"{label} {words} since {_when(source.incident_at)}: {source.last_error}.",
        f"{good} It is tried again by itself, less and less often, down to once a day. Nothing that was "
        "stored is lost, and readers are told in their digest.",
        hint.replace("NAME", source.name),
        f"To see what it gives now: digest sources try {source.name}",
    ]
    return _letter(operator, source, "began", f"{label} {words}", lines, now)


def _over(operator: Operator, source: Source, label: str, now: datetime) -> Letter:
    lines = [
        f"{label} is read well again since {_when(source.last_good_at or now)}; it had failed since "
        f"{_when(source.incident_at)}.",
        "What it listed meanwhile is read as far back as it shows it, up to 30 days.",
    ]
    return _letter(operator, source, "ended", f"{label} is well again", lines, now)


def _letter(
    operator: Operator, source: Source, what: str, heading: str, lines: Sequence[str], now: datetime
) -> Letter:
    began = source.incident_at.isoformat() if source.incident_at else ""
    key = f"source {source.name} {what} {began}"
    return make_operator_letter(operator.list_name, operator.address, key, heading, lines, now)


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "its beginning"
