"""Importing readers: who in a file becomes one, who is asked first, and who is left alone.

Nobody is revived: who left, whose mail bounced and who is not to be written to stay so, and are told. Who is
a reader already keeps what they have. So the same file a second time changes nothing, but that whose
invitation never left is invited again. Each block of lines is one transaction.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Group, Subscriber
from digest.pipeline import inviting
from digest.pipeline.consent import Way, make_consent
from digest.pipeline.groups import get_group
from digest.pipeline.inviting import check_can_invite, plan_invitations
from digest.pipeline.letters import INVITATION
from digest.pipeline.readers import SUPPRESSED
from digest.pipeline.subscriber_table import MAX_BYTES, Person, Table, read_table
from digest.pipeline.wishes import Wishes, interest_rows, subscription_row
from digest.storage import enrolling as enrolling_rows
from digest.storage import groups as group_rows
from digest.storage.database import Database
from digest.storage.deliveries import is_same_mailbox, key_of, suppressed
from digest.storage.subscribers import make_subscriber
from digest.types import SubscriberStatus

__all__ = ["ImportOrder", "ImportReport", "import_subscribers", "read_file"]

BLOCK = 500
SERVED = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)
COUNTED = ("added", "invited", "joined", "there", "repeated", "refused", "bad")


class Installation(inviting.Installation, Protocol):
    """What importing needs of the program."""

    @property
    def database(self) -> Database:
        """Where readers go."""


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What is to be done with a file. ``word`` is how the people in it agreed, as the operator says it.

    ``group``: whose members they become. ``invite``: each is asked first. ``dry_run``: nothing is stored.
    """

    name: str
    group: str | None = None
    invite: bool = False
    dry_run: bool = False
    word: str = ""


@dataclass(slots=True)
class ImportReport:
    """What became of the lines.

    ``counts``: ``added`` readers are served at once, ``invited`` ones when they say yes; ``joined`` were
    readers and belong to the group now; ``there`` are as they were; ``repeated`` stand in the file before;
    ``refused`` are left alone; ``bad`` lines cannot be. ``told`` has a line, an address and a reason for each
    of the last three.
    """

    counts: Counter[str] = field(default_factory=Counter)
    told: list[dict[str, Any]] = field(default_factory=list)
    ignored: tuple[str, ...] = ()

    def tell(self, outcome: str, line: int, email: str, reason: str) -> None:
        """Count a line that nothing was done for, and why."""
        self.counts[outcome] += 1
        self.told.append({"line": line, "email": email, "outcome": outcome, "reason": reason})

    def as_dict(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        told = sorted(self.told, key=lambda one: int(one["line"]))
        counts = {name: self.counts[name] for name in COUNTED}
        return counts | {"lines": told, "ignored_columns": list(self.ignored)}


def read_file(path: Path) -> bytes:
    """The bytes of a file, at most one more than may be read. Raises ``UsageError``."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def import_subscribers(
    app: Installation,
    data: bytes,
    order: ImportOrder,
    now: datetime,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> ImportReport:
    """Make the people in a file readers, or ask them first, and say what became of each line.

    Raises ``UsageError`` for a file that is no table of people, a group that there is not, and invitations
    without a web.
    """
    if order.invite:
        check_can_invite(app.settings)
    usual = Wishes(hour=app.settings.hour, zone=app.settings.zone)
    with app.database.read() as session:
        group_id = get_group(session, order.group).id if order.group is not None else None
    table = read_table(data, usual, progress=progress)
    report = ImportReport(ignored=table.ignored)
    for line in table.bad:
        report.tell("bad", line.line, line.email, line.reason)
    people = _once(table, report)
    for at in range(0, len(people), BLOCK):
        block = people[at : at + BLOCK]
        if order.dry_run:
            with app.database.read() as session:
                _sort(session, block, order, group_id, report)
        else:
            with app.database.write() as session:
                _import_block(session, app, block, order, group_id, report, now)
        progress(f"{at + len(block):,} of {len(people):,}")
    return report


def _once(table: Table, report: ImportReport) -> list[Person]:
    """Each address once: the line that comes first counts."""
    first: dict[str, Person] = {}
    for person in table.people:
        before = first.setdefault(key_of(person.email), person)
        if before is not person:
            if is_same_mailbox(before.email, person.email):
                report.tell("repeated", person.line, person.email, f"is in line {before.line} already")
            else:
                report.tell("refused", person.line, person.email, _too_like(before.email))
    return list(first.values())


def _sort(
    session: Session, block: Sequence[Person], order: ImportOrder, group_id: int | None, report: ImportReport
) -> tuple[list[Person], list[Person], list[int]]:
    """Count what becomes of each.

    Returns the new ones, those who are to be invited again, and the numbers of readers who are to join.
    """
    known = enrolling_rows.find_subscribers(session, (one.email for one in block))
    reasons = suppressed(session, (one.email for one in block))
    numbers = [one.id for one in known.values() if one.id is not None]
    member_of = group_rows.list_groups_of(session, numbers)
    shared = group_rows.shared_ids(session) if numbers else set()
    unsent = enrolling_rows.list_never_sent(session, _unconfirmed(known.values(), order), INVITATION)
    new, again, joining = [], [], []
    for person in block:
        key = key_of(person.email)
        reader = known.get(key)
        refusal = _refusal(person, reader, reasons.get(key), order, shared)
        joins = reader is not None and group_id is not None and not _is_in(group_id, member_of, reader)
        if refusal is not None:
            report.tell("refused", person.line, person.email, refusal)
        elif reader is None:
            report.counts["invited" if order.invite else "added"] += 1
            new.append(person)
        else:
            if reader.email is not None and reader.email in unsent:
                report.counts["invited"] += 1
                again.append(replace(person, email=reader.email))
            else:
                report.counts["joined" if joins else "there"] += 1
            joining += [reader.id or 0] if joins else []
    return new, again, joining


def _unconfirmed(readers: Iterable[Subscriber], order: ImportOrder) -> Iterator[str]:
    """The addresses of those who may be waiting for an invitation that never left."""
    for one in readers:
        if order.invite and one.status == SubscriberStatus.UNCONFIRMED and one.email is not None:
            yield one.email


def _is_in(group_id: int, member_of: Mapping[int, Sequence[Group]], reader: Subscriber) -> bool:
    return any(one.id == group_id for one in member_of.get(reader.id or 0, ()))


def _too_like(email: str | None) -> str:
    return f"cannot be told apart from {email}, which is another mailbox"


def _refusal(
    person: Person, reader: Subscriber | None, reason: str | None, order: ImportOrder, shared: set[int]
) -> str | None:
    """Why that address is left alone; ``None`` where it is not."""
    if reader is not None and not is_same_mailbox(reader.email, person.email):
        return _too_like(reader.email)
    if reason is not None:
        return f"is not written to: {SUPPRESSED.get(reason, reason)} (digest suppression list)"
    if reader is None or reader.status in SERVED:
        is_list = reader is not None and reader.id in shared
        return "is the list address of a group (digest group list)" if is_list else None
    if reader.status == SubscriberStatus.UNCONFIRMED:
        return None if order.invite else "was asked and has not answered yet (digest subscriber activate)"
    return f"is {reader.status} (digest subscriber activate)"


def _import_block(
    session: Session,
    app: Installation,
    block: Sequence[Person],
    order: ImportOrder,
    group_id: int | None,
    report: ImportReport,
    now: datetime,
) -> None:
    new, again, joining = _sort(session, block, order, group_id, report)
    status = SubscriberStatus.UNCONFIRMED if order.invite else SubscriberStatus.ACTIVE
    readers = [make_subscriber(email=one.email, status=status, now=now) for one in new]
    numbers = enrolling_rows.add_subscribers(session, readers)
    pairs = list(zip(new, numbers, strict=True))
    enrolling_rows.add_rows(session, [subscription_row(one.wishes, number, now) for one, number in pairs])
    enrolling_rows.add_rows(
        session, [row for one, number in pairs for row in interest_rows(one.wishes, number, now)]
    )
    if order.invite:
        plan_invitations(session, app, [*new, *again], origin=order.name, now=now)
    else:
        consents = [
            make_consent(number, Way.IMPORT, now, origin=order.name, word=order.word) for number in numbers
        ]
        enrolling_rows.add_rows(session, consents)
    if group_id is not None:
        group_rows.add_members(session, group_id, [*numbers, *joining], now)
