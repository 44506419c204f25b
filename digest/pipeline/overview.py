"""Overview: what happened in the last day, what is due next, and what is wrong. Reads only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from digest.models import Run, Source
from digest.pipeline.arming import Restored
from digest.pipeline.coverage import source_labels
from digest.pipeline.health import is_due
from digest.pipeline.incidents import WORDS
from digest.pipeline.losses import Loss
from digest.pipeline.reading import ConfiguredSource
from digest.schedule import SubscriptionRule, next_due
from digest.storage import groups as group_rows
from digest.storage import measuring
from digest.storage import overview as rows
from digest.storage import runs as run_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import Cadence, DeliveryStatus, IssueStatus, SubscriberStatus, Verdict

__all__ = [
    "USE_CASES",
    "DaySent",
    "Front",
    "NextDigests",
    "Queue",
    "Trouble",
    "is_failing",
    "last_runs",
    "look_over",
    "sent_by_day",
]

DAY = timedelta(days=1)
# A mail that should go by the hour is late after this; nothing ran at all for longer than a day and a bit.
LATE = timedelta(hours=1)
SILENT = timedelta(hours=26)
# A run that began so long ago and has not ended was killed.
STUCK = timedelta(hours=2)
USE_CASES = ("refresh", "enrich", "compose", "deliver", "bounces", "backup", "prune", "fit")
NEXT = 5
# How a list stands that nobody meant to stop.
STOPPED = (SubscriberStatus.BOUNCED, SubscriberStatus.UNSUBSCRIBED)
ADMIN = "/admin"
# Where more is told of what a use case did.
PAGES = {
    "refresh": f"{ADMIN}/sources",
    "enrich": f"{ADMIN}/sources",
    "compose": f"{ADMIN}/sent",
    "deliver": f"{ADMIN}/sent",
}

FAILED = (
    DeliveryStatus.REFUSED.value,
    DeliveryStatus.UNCERTAIN.value,
    DeliveryStatus.BOUNCED.value,
    DeliveryStatus.COMPLAINED.value,
)


class Trouble(NamedTuple):
    """Something that is wrong, what to do about it, and the page that shows more."""

    what: str
    mend: str
    path: str


class NextDigests(NamedTuple):
    """So many readers are served next at that time."""

    due_at: datetime
    readers: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Mails that are still on their way, by status, and since when the oldest of them waits."""

    mails: Mapping[str, int]
    oldest_at: datetime | None

    @property
    def number(self) -> int:
        """All of them."""
        return sum(self.mails.values())


@dataclass(frozen=True, slots=True)
class DaySent:
    """What became of the issues of one local date: by what was composed, and by what became of the mail."""

    day: date
    issues: Mapping[str, int]
    mails: Mapping[str, int]

    @property
    def sent(self) -> int:
        """Mails that left."""
        return self.mails.get(DeliveryStatus.SENT, 0)

    @property
    def failed(self) -> int:
        """Mails that did not arrive, or that nobody wanted."""
        return sum(self.mails.get(status, 0) for status in FAILED)


@dataclass(frozen=True, slots=True)
class Front:
    """Everything on the first page. ``issues`` and ``mails`` are of issues composed in the last day.

    ``runs`` are those of the last day and ``last_runs`` the latest, by use case.
    """

    now: datetime
    since: datetime
    runs: Mapping[str, rows.RunCount]
    last_runs: Mapping[str, Run]
    sources_good: int
    sources_failing: int
    sources_due: int
    papers: int
    issues: Mapping[str, int]
    mails: Mapping[str, int]
    letters: int
    queue: Queue
    readers: Mapping[str, int]
    next_digests: Sequence[NextDigests]
    troubles: Sequence[Trouble]


def last_runs(session: Session, now: datetime) -> dict[str, Run]:
    """The latest run of each use case that had one.

    One that is recorded later than ``now`` proves nothing, since the clock was set back since.
    """
    return {name: run for name in USE_CASES if (run := run_rows.last_run(session, name, now))}


def is_failing(run: Run, now: datetime) -> bool:
    """Whether that latest run was not all well, or was killed; what nobody repeats for a day is history."""
    age = now - run.started_at
    return age <= SILENT and (run.ok is False or (run.ok is None and age > STUCK))


def look_over(
    database: Database,
    configured: Sequence[ConfiguredSource],
    now: datetime,
    restored: Restored | None = None,
    losses: Sequence[Loss] = (),
) -> Front:
    """How things stand now, and what happened in the day before; ``restored`` where it is a copy."""
    since = now - DAY
    with database.read() as session:
        known = {row.name: row for row in source_rows.list_sources(session)}
        stored = [known[one.name] for one in configured if one.name in known]
        due = [is_due(known[one.name], one.every_minutes, now) for one in configured if one.name in known]
        issues, mails = _tally(rows.count_issues(session, composed_since=since))
        latest = last_runs(session, now)
        queue = _queue(session)
        next_digests = _next_digests(session, now)
        failing = [row for row in stored if row.failures_in_row]
        found = [
            *_copy_troubles(restored),
            *(Trouble(one.what, one.mend, f"{ADMIN}/settings") for one in losses),
            *_source_troubles(failing, stored, source_labels(session)),
            *_run_troubles(latest, now, is_due=bool(next_digests)),
            *_mail_troubles(mails, queue, now),
            *_list_troubles(session),
        ]
        return Front(
            now=now,
            since=since,
            runs={one.use_case: one for one in rows.count_runs(session, since, now)},
            last_runs=latest,
            sources_good=sum(row.last_verdict is not None and not row.failures_in_row for row in stored),
            sources_failing=len(failing),
            sources_due=sum(due) + len(configured) - len(stored),
            papers=rows.count_papers_since(session, since),
            issues=issues,
            mails=mails,
            letters=sum(rows.count_letters(session, since).values()),
            queue=queue,
            readers=rows.count_readers(session),
            next_digests=next_digests,
            troubles=found,
        )


def sent_by_day(database: Database, today: date, *, days: int) -> list[DaySent]:
    """What became of the issues of the last days, ``today`` included, oldest first; no day is left out."""
    first = today - (days - 1) * DAY
    with database.read() as session:
        counted = rows.count_issues(session, days_since=first)
    # A reader far in the east may be a day ahead.
    last = max([today, *(day for day, *_ in counted)])
    found = []
    for ahead in range((last - first).days + 1):
        day = first + ahead * DAY
        issues, mails = _tally([row for row in counted if row[0] == day])
        found.append(DaySent(day, issues, mails))
    return found


def _tally(counted: Sequence[tuple[date, str, str | None, int]]) -> tuple[dict[str, int], dict[str, int]]:
    """By what was composed, and by what became of the mail."""
    issues: dict[str, int] = {}
    mails: dict[str, int] = {}
    for _, status, sent, number in counted:
        issues[status] = issues.get(status, 0) + number
        if sent is not None:
            mails[sent] = mails.get(sent, 0) + number
    order = [status.value for status in IssueStatus]
    by_mail = [status.value for status in DeliveryStatus]
    return (
        {name: issues[name] for name in sorted(issues, key=order.index)},
        {name: mails[name] for name in sorted(mails, key=by_mail.index)},
    )


def _queue(session: Session) -> Queue:
    counted = rows.count_queue(session)
    oldest = min((one.oldest_at for one in counted), default=None)
    return Queue({one.status: one.mails for one in counted}, oldest)


def _next_digests(session: Session, now: datetime) -> list[NextDigests]:
    """When readers are served next, the soonest first, those of one time together."""
    due: dict[datetime, int] = {}
    for one in measuring.list_schedules(session, now):
        rule = SubscriptionRule(
            Cadence(one.cadence), one.weekday, one.hour, one.zone, min(one.created_at, now)
        )
        day, at = next_due(rule, now)
        if one.last is not None and day <= one.last:  # whoever had it before its hour
            _, at = next_due(rule, at)
        due[at] = due.get(at, 0) + one.readers
    return [NextDigests(at, due[at]) for at in sorted(due)[:NEXT]]


# --- what is wrong ---------------------------------------------------------------------------------


def _copy_troubles(restored: Restored | None) -> Iterator[Trouble]:
    if restored is not None:
        mend = "digest arm says what would be sent at once, and lets it mail."
        yield Trouble(f"No mail leaves: {restored}", mend, f"{ADMIN}/sent")


def _source_troubles(
    failing: Sequence[Source], stored: Sequence[Source], labels: Mapping[str, str]
) -> Iterator[Trouble]:
    for row in failing:
        words, mend = WORDS.get(Verdict(row.last_verdict or Verdict.UNREACHABLE), ("failed", ""))
        often = f", {row.failures_in_row} times in a row" if row.failures_in_row > 1 else ""
        yield Trouble(
            f"{labels[row.name]} {words}{often}: {row.last_error}",
            mend.replace("NAME", row.name),
            f"{ADMIN}/sources/{row.name}",
        )
    for row in stored:
        if row.moved_to:
            yield Trouble(
                f"{labels[row.name]} says that it moved for good to {row.moved_to}",
                "Change its url in the settings if that is right.",
                f"{ADMIN}/sources/{row.name}",
            )


def _run_troubles(latest: Mapping[str, Run], now: datetime, *, is_due: bool) -> Iterator[Trouble]:
    for name, run in latest.items():
        path = PAGES.get(name, ADMIN)
        if run.ok is None and is_failing(run, now):
            mend = "The next run takes up what it left; look into the log of that time for why."
            yield Trouble(f"The last {name} began and never ended", mend, path)
        elif is_failing(run, now) and "error" in run.outcome:
            yield Trouble(f"The last {name} failed: {run.outcome['error']}", "Run it by hand to see.", path)
        for fault in run.outcome.get("canaries", ()):
            mend = "A parser was changed by an upgrade. Compare the page with what is stored of that day."
            yield Trouble(str(fault), mend, path)
    mend = "See that digest run is called every hour, or that the service is up."
    if is_due:  # for a reader or a list
        for name, verb in (("refresh", "read"), ("compose", "composed")):
            last = latest.get(name)
            if last is None or now - last.started_at > SILENT:
                since = f"for {_span(now - last.started_at)}" if last else "yet"
                yield Trouble(f"Nothing was {verb} {since}", mend, ADMIN)


def _mail_troubles(mails: Mapping[str, int], queue: Queue, now: datetime) -> Iterator[Trouble]:
    if queue.oldest_at is not None and now - queue.oldest_at > LATE:
        yield Trouble(
            f"{_mails(queue.number)} not sent yet, the oldest for {_span(now - queue.oldest_at)}",
            "Those that wait for a server are tried again by themselves; a reader's pause holds theirs back.",
            f"{ADMIN}/sent?status={rows.WAITING}",
        )
    mends = {
        DeliveryStatus.REFUSED: "The server's own words are beside each.",
        DeliveryStatus.UNCERTAIN: "They may have arrived; they are not sent again.",
        DeliveryStatus.BOUNCED: "Addresses that bounce are not written to any more.",
        DeliveryStatus.COMPLAINED: "Who called it spam is not written to any more.",
    }
    words = {
        DeliveryStatus.UNCERTAIN: "may or may not have arrived",
        DeliveryStatus.COMPLAINED: "called spam",
    }
    for status, mend in mends.items():
        number = mails.get(status, 0)
        if number:
            what = f"{_mails(number)} {words.get(status, status.value)}"
            yield Trouble(f"{what} in the last day", mend, f"{ADMIN}/sent?status={status.value}")


def _list_troubles(session: Session) -> Iterator[Trouble]:
    """Lists that get nothing any more, though nobody paused them."""
    for group, reader in group_rows.list_groups(session):
        if reader.email is not None and reader.status in STOPPED:
            yield Trouble(
                f"The list of {group.name} gets no digest any more: it is {reader.status}",
                f"digest bounces list says why; digest subscriber activate ADDRESS lets it go on "
                f"(digest group show {group.name}).",
                f"{ADMIN}/subscribers/{reader.id}",
            )


def _mails(number: int) -> str:
    return f"{number:,} mail{'' if number == 1 else 's'}"


def _span(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    if hours < 48:
        return f"{hours} hour{'' if hours == 1 else 's'}"
    return f"{hours // 24} days"
