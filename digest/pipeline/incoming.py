"""Incoming: what bounces, complaints and readers' mails do to deliveries, readers and suppressions.

Whom a report is about is proven by the signed tag of the envelope sender that it came back to, never by
what it says; whom a command is from by the tag or token that only their mail had. What is said of mail to a
group's list counts only if it is about the list itself; else it is kept to be looked at. Each mail is one
transaction, and is marked as read after it: a mail that is read twice counts once.

Failures in a row. A reader's issues that left are taken in order, the newest last. Around the issue that
was reported, those that bounced stand in a row, ended on either side by an issue that was sent and did not
bounce. A refusal for policy neither counts nor ends the row. The row's hard bounces are held against
``hard_bounces``, its hard and soft ones together against ``soft_bounces``: several reports of one issue
count once.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from digest.bounces import Command, CommandKind, Report, ReportKind, parse_command, parse_report
from digest.mailbox import Mailbox, MailboxError
from digest.models import Bounce, Delivery, Subscriber
from digest.pipeline.leaving import leave
from digest.pipeline.rating import say
from digest.storage import bounces as bounce_rows
from digest.storage import groups as group_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.tokens import Secret, address_tag, read_reader_reference, read_tag, read_token
from digest.types import DeliveryStatus, SubscriberStatus

__all__ = ["COUNTED", "MAX_BELIEVED", "Incoming", "IncomingRules", "failures_in_a_row"]

_log = logging.getLogger(__name__)

# What became of each mail; ``suspended`` counts readers besides.
COUNTED = (
    "bounced", "complained", "delayed", "unsubscribed", "commands", "repeated", "ignored", "forged",
    "unsigned", "unproven", "unknown", "later",
)  # fmt: skip
# Not ours, not proven or not understood: such mail stays unread, for a person to find.
LEFT = ("unsigned", "unproven", "unknown", "later")
# So many readers may leave in a day by the bare word, which anybody can write in anybody's name.
MAX_BELIEVED = 5
DAY = timedelta(days=1)
BY_WORD = "by mail, as its sender"
FAILURES = (ReportKind.HARD, ReportKind.SOFT, ReportKind.POLICY)
TAG_CHARS = 27


@dataclass(frozen=True, slots=True)
class IncomingRules:
    """After how many issues in a row that failed a reader is suspended: for good, or for the time being."""

    hard_bounces: int = 1
    soft_bounces: int = 3


@dataclass(frozen=True, slots=True)
class Incoming:
    """Reads incoming mail and acts on what is proven. Sends nothing."""

    database: Database
    secret: Secret
    rules: IncomingRules = IncomingRules()

    def read(
        self, mailbox: Mailbox, now: datetime, *, progress: Callable[[str], None] = lambda _: None
    ) -> dict[str, int]:
        """Act on every unread mail; return counts: ``read``, ``suspended``, by outcome, ``unreadable``.

        The last are those that could not be read, or not be marked as read; the log says why. Raises
        ``MailboxError`` and ``StorageError``; what was done by then is done and marked.
        """
        counts = dict.fromkeys(("read", "suspended", *COUNTED, "unreadable"), 0)
        for ref, raw in mailbox.mails():
            if raw is None:
                counts["unreadable"] += 1
                continue
            outcome, suspended = self.take(raw, now)
            counts["read"] += 1
            counts[outcome] += 1
            counts["suspended"] += suspended
            if outcome not in LEFT:
                counts["unreadable"] += not _is_marked(mailbox, ref)
            progress(str(counts["read"]))
        return counts

    def take(self, raw: bytes, now: datetime) -> tuple[str, bool]:
        """Act on one mail; return what became of it, and whether a reader was suspended for it."""
        report = parse_report(raw)
        reference, is_forged = self._delivery_reference(report)
        if reference is not None and report.kind in (*FAILURES, ReportKind.COMPLAINT, ReportKind.DELAYED):
            with self.database.write() as session:
                return self._report(session, report, reference, _hash(raw), now)
        command = parse_command(raw)
        if command is not None:
            with self.database.write() as session:
                outcome = self._command(session, command, now)
            if outcome != "unknown":
                return outcome, False
        if is_forged:
            return "forged", False
        if report.kind is ReportKind.UNKNOWN:
            return "unknown", False
        failed = report.kind not in (ReportKind.AUTOREPLY, ReportKind.DELIVERED)
        return "unsigned" if failed and reference is None else "ignored", False

    def _delivery_reference(self, report: Report) -> tuple[str | None, bool]:
        """The first digits of the Message-ID that a report proves to be about; whether a tag was forged.

        The returned mail's own envelope sender is signed too; it stands in where the report's address was
        rewritten on its way, or where a complaint comes by way of the reader's provider.
        """
        quoted = report.quoted_senders if report.is_structured else ()
        tags = [tag for tag in _tags((*report.to_addresses, *quoted)) if tag[:1].lower() == "b"]
        for tag in tags:
            reference = read_tag(self.secret, "b", tag)
            if reference is not None:
                return reference.hex(), False
        return None, any(len(tag) == TAG_CHARS for tag in tags)

    # --- reports -----------------------------------------------------------------------------------

    def _report(
        self, session: Session, report: Report, prefix: str, digest: str, now: datetime
    ) -> tuple[str, bool]:
        if bounce_rows.has_bounce(session, digest):
            return "repeated", False
        delivery = bounce_rows.find_delivery(session, prefix)
        if delivery is not None and delivery.status == DeliveryStatus.SENDING:
            return "later", False  # a run is sending it, or died in it; that is settled first
        is_members = _is_a_members(session, report, delivery)
        reader = None if delivery is None or is_members else bounce_rows.get_reader(session, delivery)
        told = report.about(delivery.recipient if delivery is not None else "")
        bounce_rows.add_bounce(
            session,
            Bounce(
                digest=digest,
                delivery_id=delivery.id if delivery is not None else None,
                subscriber_id=reader.id if reader is not None else None,
                kind=told.kind.value,
                code=told.code,
                diagnostic=told.diagnostic,
                received_at=now,
            ),
        )
        if is_members:
            return "ignored", False
        if told.kind is ReportKind.COMPLAINT:
            self._complained(session, delivery, reader, told.diagnostic, now)
            return "complained", False
        if told.kind not in FAILURES:
            return ("delayed" if told.kind is ReportKind.DELAYED else "ignored"), False
        if delivery is None:
            return "bounced", False  # the reader is gone, and all of theirs
        words = f"{told.code or told.kind.value} {told.diagnostic}".strip()
        bounce_rows.set_returned(session, delivery, DeliveryStatus.BOUNCED, words)
        return "bounced", self._suspended(session, delivery, reader, told.kind, words, now)

    def _complained(
        self,
        session: Session,
        delivery: Delivery | None,
        reader: Subscriber | None,
        words: str,
        now: datetime,
    ) -> None:
        if delivery is None:
            return
        bounce_rows.set_returned(session, delivery, DeliveryStatus.COMPLAINED, words or "complaint")
        suppression_rows.add_suppression(session, delivery.recipient, "complained", detail=words, now=now)
        if reader is not None:
            subscriber_rows.set_status(session, reader, SubscriberStatus.UNSUBSCRIBED, now=now)

    def _suspended(
        self,
        session: Session,
        delivery: Delivery,
        reader: Subscriber | None,
        kind: ReportKind,
        words: str,
        now: datetime,
    ) -> bool:
        """Suspend the reader if enough failed in a row; whether that happened now."""
        served = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED, SubscriberStatus.UNCONFIRMED)
        if kind is ReportKind.POLICY or reader is None or reader.id is None or reader.status not in served:
            return False
        assert delivery.id is not None  # noqa: S101 - stored rows have ids
        outcomes = bounce_rows.list_outcomes(session, reader.id)
        row = failures_in_a_row(outcomes, delivery.id) or [kind]
        hard = sum(one is ReportKind.HARD for one in row)
        if hard < self.rules.hard_bounces and len(row) < self.rules.soft_bounces:
            return False
        subscriber_rows.set_status(session, reader, SubscriberStatus.BOUNCED, now=now)
        suppression_rows.add_suppression(session, delivery.recipient, "bounced", detail=words, now=now)
        return True

    # --- commands ----------------------------------------------------------------------------------

    def _command(self, session: Session, command: Command, now: datetime) -> str:
        leaves = command.kind in (CommandKind.UNSUBSCRIBE, CommandKind.NONE)
        if command.token is not None and not leaves:
            return self._signed(session, command, command.token, now)
        forged = False
        for tag in _tags(command.to_addresses):
            reference = read_tag(self.secret, "u", tag)
            if reference is not None:
                number, _ = read_reader_reference(reference)
                reader = subscriber_rows.get_by_id(session, number)
                return _unsubscribe(session, reader, "by mail", now)
            forged = forged or (len(tag) == TAG_CHARS and tag[:1].lower() == "u")
        if command.token is not None:
            return self._signed(session, command, command.token, now)
        if command.kind is CommandKind.UNSUBSCRIBE and command.sender is not None:
            # The sender may be forged: for a few the harm is a nuisance. Not to listen would be the greater.
            reader = subscriber_rows.get_subscriber(session, command.sender)
            if reader is not None and not group_rows.is_group(session, reader.id or 0):
                return _believe(session, reader, now)
        return "forged" if forged else "unknown"

    def _signed(self, session: Session, command: Command, token: str, now: datetime) -> str:
        purpose = {
            CommandKind.UNSUBSCRIBE: "unsubscribe",
            CommandKind.MORE: "feedback",
            CommandKind.LESS: "feedback",
        }.get(command.kind, "preferences")
        claim = read_token(self.secret, purpose, token)
        if claim is None:
            return "forged"
        subject, version = claim
        reader = subscriber_rows.get_by_id(session, int(subject) if subject.isdecimal() else 0)
        if command.kind is CommandKind.UNSUBSCRIBE:
            return _unsubscribe(session, reader, "by mail", now)
        if reader is None or reader.id is None or reader.token_version != version:
            return "ignored"
        if command.paper_id is not None:
            is_said = say(session, reader.id, command.paper_id, command.kind.value, now)
            return "commands" if is_said else "ignored"
        for row in subscriber_rows.list_subscriptions(session, reader.id):
            row.cadence = command.kind.value
            subscriber_rows.add_subscription(session, row)
        return "commands"


def _is_a_members(session: Session, report: Report, delivery: Delivery | None) -> bool:
    """Whether a report on a list's mail is of one of its members, who may not stop it for all the others.

    A list that only forwards leaves our tag in place, so what comes back for any member comes back to it.
    Only a failure that names the list's own address is about the list; a complaint is always one person's.
    """
    if delivery is None or not bounce_rows.is_of_list(session, delivery):
        return False
    own = delivery.recipient.casefold()
    named = {text.casefold() for one in report.recipients for text in one.spellings}
    return report.kind is ReportKind.COMPLAINT or own not in named


def _is_marked(mailbox: Mailbox, ref: str) -> bool:
    """Mark a mail as read; one that cannot be is read again, and counts once all the same."""
    try:
        mailbox.mark_done(ref)
    except MailboxError as error:
        _log.warning("%s is not marked as read: %s", ref, error)
        return False
    return True


def _believe(session: Session, reader: Subscriber, now: datetime) -> str:
    """Let a reader leave whom only the sender's address names, unless many have on this day."""
    left = suppression_rows.count_suppressions(session, detail=BY_WORD, since=now - DAY)
    if left >= MAX_BELIEVED and reader.status != SubscriberStatus.UNSUBSCRIBED:
        return "unproven"
    return _unsubscribe(session, reader, BY_WORD, now)


def _unsubscribe(session: Session, reader: Subscriber | None, detail: str, now: datetime) -> str:
    """Let a reader leave; by whichever of their mails, also one of before they made all links invalid."""
    if reader is None:
        return "ignored"
    return "unsubscribed" if leave(session, reader, detail, now) else "repeated"


def _tags(addresses: Sequence[str]) -> list[str]:
    return [tag for tag in (address_tag(address)[1] for address in addresses) if tag]


def _hash(raw: bytes) -> str:
    """The same for a report however its lines end, and with or without an mbox's first line."""
    text = raw.replace(b"\r\n", b"\n")
    if text.startswith(b"From "):
        text = text.partition(b"\n")[2]
    return hashlib.blake2b(text.rstrip(b"\n"), digest_size=16).hexdigest()


def failures_in_a_row(outcomes: Sequence[tuple[int, str, set[str]]], delivery_id: int) -> list[ReportKind]:
    """Hard and soft failures of the row that a delivery stands in; empty if it is none of ``outcomes``.

    ``outcomes`` are (delivery, status, kinds of its bounces), newest first.
    """
    row: list[ReportKind] = []
    is_here = False
    for one, status, kinds in outcomes:
        kind = next((kind for kind in FAILURES if kind.value in kinds), None)
        if status != DeliveryStatus.BOUNCED or kind is None:
            if is_here:
                break
            row = []
            continue
        is_here = is_here or one == delivery_id
        if kind is not ReportKind.POLICY:
            row.append(kind)
    return row if is_here else []
