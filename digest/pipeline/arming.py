"""Copies do not mail: what was restored from a backup, or loaded from a dump, waits to be armed.

The machine it was copied from may still be at work, or have mailed after the copy was made: who is mailed
twice does not come back. A file in the data directory says so (``restored.json``); it is in every backup, so
that a copy made by hand does not mail either. Everything that sends asks for it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest.errors import StorageError, UsageError
from digest.files import write_whole
from digest.pipeline.due import rule_of, take_turns
from digest.pipeline.moment import Moment
from digest.schedule import due_at, is_served
from digest.storage import deliveries as delivery_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import waiting as waiting_rows
from digest.storage.database import Database
from digest.storage.deliveries import Decision
from digest.types import DeliveryStatus

__all__ = [
    "MARKER",
    "Restored",
    "Waits",
    "check_choice",
    "disarm",
    "mark_restored",
    "read_restored",
    "skip_until",
    "what_waits",
]

MARKER = "restored.json"
TAKEN_AS_SENT = "taken as sent by the machine that this copy was made from"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a data directory is a copy of: the name of a backup or dump, and the moment it was made."""

    origin: str
    made_at: datetime | None

    def __str__(self) -> str:
        of = f", which was made at {self.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.made_at else ""
        return (
            f"this is a copy, restored from {self.origin}{of}: it does not mail until it is told to "
            "(see: digest arm)"
        )


@dataclass(frozen=True, slots=True)
class Waits:
    """What an armed copy would send at once.

    ``issues`` and ``letters`` are planned; of them ``before`` were planned before the copy was made, so that
    the other machine has probably sent them. ``due`` issues would be composed first.
    """

    issues: int
    letters: int
    before: int
    due: int

    @property
    def is_nothing(self) -> bool:
        """Whether arming sends nothing now."""
        return not (self.issues or self.letters or self.due)

    def as_dict(self) -> dict[str, int]:
        """JSON-ready."""
        return {
            "waiting_issues": self.issues,
            "waiting_letters": self.letters,
            "planned_before": self.before,
            "due": self.due,
        }

    def sentence(self, restored: Restored) -> str:
        """What a person has to know before they decide."""
        when = f"{restored.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if restored.made_at else "then"
        return (
            f"if this copy were armed now, it would send {_counted(self.issues, 'planned issue')} and "
            f"{_counted(self.letters, 'letter')} ({self.before} planned before {when}), and compose and send "
            f"{_counted(self.due, 'issue')} more"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def mark_restored(data_dir: Path, restored: Restored) -> None:
    """Say in a data directory that it is a copy. Raises ``OSError``."""
    made_at = restored.made_at.astimezone(UTC).isoformat() if restored.made_at else None
    write_whole(data_dir / MARKER, json.dumps({"origin": restored.origin, "made_at": made_at}).encode())


def read_restored(data_dir: Path) -> Restored | None:
    """What a data directory is a copy of; ``None`` where it may mail. A marker that is no JSON counts."""
    path = data_dir / MARKER
    try:
        told: Mapping[str, Any] = json.loads(path.read_bytes())
        return Restored(str(told["origin"]), datetime.fromisoformat(told["made_at"]).astimezone(UTC))
    except FileNotFoundError:
        return None
    except (OSError, ArithmeticError, LookupError, ValueError, TypeError, RecursionError):
        return Restored("somewhere", None)


def disarm(data_dir: Path) -> None:
    """Let a data directory be a copy no more. Raises ``StorageError``."""
    try:
        (data_dir / MARKER).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{data_dir / MARKER} cannot be deleted: {error.strerror}") from error


def what_waits(database: Database, moment: Moment, restored: Restored, *, window_h: int) -> Waits:
    """What would be sent if the copy were armed now. Reads only."""
    with database.read() as session:
        pairs = [
            (reader, subscription)
            for reader, subscription in subscriber_rows.list_active(session)
            if is_served(reader.status, reader.paused_until, moment.today_in(subscription.zone))
        ]
        turns = take_turns(session, pairs, moment, window_h=window_h)
        unsent = waiting_rows.list_unsent(session)
    issues = sum(one.local_date is not None for one in unsent)
    before = sum(restored.made_at is not None and one.planned_at <= restored.made_at for one in unsent)
    return Waits(issues, len(unsent) - issues, before, sum(turn.day is not None for turn in turns))


def check_choice(
    restored: Restored, waits: Waits, now: datetime, skip_until: datetime | None, *, send: bool
) -> None:
    """Raise ``UsageError`` where somebody has to decide what becomes of mail that waits, or chose badly."""
    if skip_until is not None and skip_until > now:
        raise UsageError("what is due later cannot be skipped yet: give a time that is over, or now")
    if skip_until is not None and send:
        raise UsageError("choose one of --skip-until and --send")
    if skip_until is None and not send and not waits.is_nothing:
        raise UsageError(
            f"{waits.sentence(restored)}. Say what is to happen: with digest arm --skip-until now all of it "
            "counts as sent already (the other machine did it), but for letters that this copy planned; with "
            "digest arm --send it is sent"
        )


def skip_until(database: Database, restored: Restored, until: datetime, now: datetime) -> int:
    """Count as sent what waits and was due by then; return how many mails.

    Letters that the copy planned itself, such as confirmations asked of it, stay: nobody else sent them.
    """
    with database.write() as session:
        taken = [
            one.delivery_id
            for one in waiting_rows.list_unsent(session)
            if _due(one, now) <= until and not _is_own_letter(one, restored)
        ]
        decisions = [Decision(number, DeliveryStatus.SKIPPED, reason=TAKEN_AS_SENT) for number in taken]
        delivery_rows.decide(session, decisions)
    return len(taken)


def _is_own_letter(one: waiting_rows.Unsent, restored: Restored) -> bool:
    return one.local_date is None and restored.made_at is not None and one.planned_at > restored.made_at


def _due(one: waiting_rows.Unsent, now: datetime) -> datetime:
    """When a mail was to be sent at the earliest; a letter at once."""
    if one.subscription is None or one.local_date is None:
        return one.planned_at
    return due_at(rule_of(one.subscription, now), one.local_date) or one.planned_at
