"""What is measured: how sources, mail, readers and runs are doing, as numbers for alerts. Reads only.

Everything comes from the database and the data directory at the time of asking, so it is right after a
restart and the same whichever process is asked. Counts "of the last day" go up and down; times are Unix
seconds.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from digest.config import Settings
from digest.errors import StorageError
from digest.metrics import Measure
from digest.models import Source
from digest.pipeline.overview import DAY, USE_CASES, last_runs
from digest.pipeline.reading import ConfiguredSource
from digest.schedule import SubscriptionRule, due_at, due_date
from digest.storage import measuring
from digest.storage import overview as rows
from digest.storage import papers as paper_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import Cadence, DeliveryStatus, IssueStatus, SubscriberStatus, Verdict

__all__ = ["newest_file", "read_measures"]

QUEUED = (DeliveryStatus.PLANNED, DeliveryStatus.DEFERRED, DeliveryStatus.SENDING)
OUTCOMES = ("ok", "failed", "unended")


def read_measures(
    database: Database, settings: Settings, configured: Sequence[ConfiguredSource], now: datetime
) -> list[Measure]:
    """All measures. Where the database cannot be read ``database_up`` is 0, and what is in it is left out."""
    found = list(_places(settings.data_dir, settings.backups))
    try:
        with database.read() as session:
            found += [
                *_sources(session, [one.name for one in configured], now),
                *_papers_and_readers(session, now),
                *_issues(session, now, settings.issue_window_h),
                *_mail(session, now),
                *_runs(session, now),
                _plain("database_bytes", "Size of the database.", measuring.database_bytes(session)),
            ]
    except StorageError:
        return [_plain("database_up", "Whether the database can be read.", 0), *found]
    return [_plain("database_up", "Whether the database can be read.", 1), *found]


def newest_file(folder: Path, pattern: str = "*") -> float | None:
    """When the newest file of the folder was written (Unix seconds); ``None``: there is none."""
    times = []
    for path in folder.glob(pattern):
        try:
            if not path.name.startswith("."):
                times.append(path.stat().st_mtime)
        except OSError:  # deleted meanwhile
            continue
    return max(times, default=None)


def _plain(name: str, words: str, number: float) -> Measure:
    return Measure(name, words, [({}, number)])


def _by(name: str, words: str, label: str, numbers: Mapping[str, float]) -> Measure:
    return Measure(name, words, [({label: key}, number) for key, number in numbers.items()])


def _all(names: Sequence[str], counts: Mapping[str, int]) -> Mapping[str, int]:
    """The counts with zeros for what none has, so that no time series comes and goes."""
    return {name: counts.get(name, 0) for name in names} | dict(counts)


def _places(data_dir: Path, backups: Path) -> Iterator[Measure]:
    try:
        yield _plain("disk_free_bytes", "Free in the data directory.", shutil.disk_usage(data_dir).free)
    except OSError:  # there is no such folder; database_up tells
        return
    for name, words, at in (
        (
            "model_timestamp_seconds",
            "When the ranking model was fitted.",
            (data_dir / "models", "ranking-*.npz"),
        ),
        ("backup_timestamp_seconds", "When the newest backup was written.", (backups, "digest-*")),
    ):
        if (when := newest_file(*at)) is not None:
            yield _plain(name, words, when)


def _sources(session: Session, names: Sequence[str], now: datetime) -> Iterator[Measure]:
    stored = {row.name: row for row in source_rows.list_sources(session)}
    known = {name: stored[name] for name in names if name in stored}

    def times(name: str, words: str, at: Mapping[str, datetime | None]) -> Measure:
        return _by(name, words, "source", {one: when.timestamp() for one, when in at.items() if when})

    good: dict[str, datetime | None] = {name: row.last_good_at for name, row in known.items()}
    checked: dict[str, datetime | None] = {name: row.last_checked_at for name, row in known.items()}
    yield times("source_last_good_timestamp_seconds", "When the source was last read well.", good)
    yield times("source_last_checked_timestamp_seconds", "When the source was last asked.", checked)
    failures = {name: known[name].failures_in_row if name in known else 0 for name in names}
    yield _by("source_failures_in_row", "How often in a row it was not read well.", "source", failures)
    yield Measure("source_verdict", "1 for what the last check found of the source.", list(_verdicts(known)))
    checks = measuring.count_checks(session, now - DAY)
    yield Measure(
        "source_checks_last_day",
        "Checks of the last day, by what they found.",
        [
            ({"source": name, "verdict": verdict.value}, checks.get((name, verdict.value), 0))
            for name in names
            for verdict in Verdict
        ],
    )


def _verdicts(known: Mapping[str, Source]) -> Iterator[tuple[dict[str, str], float]]:
    for name, row in known.items():
        for verdict in Verdict:
            yield {"source": name, "verdict": verdict.value}, float(row.last_verdict == verdict)


def _papers_and_readers(session: Session, now: datetime) -> Iterator[Measure]:
    yield _plain("papers", "Papers that are stored.", paper_rows.count_papers(session))
    new = rows.count_papers_since(session, now - DAY)
    yield _plain("papers_last_day", "Papers first seen in the last day.", new)
    readers = _all([one.value for one in SubscriberStatus], rows.count_readers(session))
    yield _by("readers", "Readers, by how they stand.", "status", readers)


def _issues(session: Session, now: datetime, window_h: int) -> Iterator[Measure]:
    due, oldest = 0, timedelta(0)
    for one in measuring.list_schedules(session, now):
        rule = SubscriptionRule(Cadence(one.cadence), one.weekday, one.hour, one.zone, one.created_at)
        day = due_date(rule, now, {one.last} if one.last else set(), window_h)
        begins = due_at(rule, day) if day is not None else None
        if begins is not None and begins > one.created_at:
            due += one.readers
            oldest = max(oldest, now - begins)
    yield _plain("issues_due", "Issues that are due and not composed yet.", due)
    yield _plain(
        "issues_due_oldest_seconds", "For how long the oldest of them is due.", oldest.total_seconds()
    )
    issues: dict[str, int] = {}
    mails: dict[str, int] = {}
    for _, status, sent, number in rows.count_issues(session, composed_since=now - DAY):
        issues[status] = issues.get(status, 0) + number
        if sent is not None:
            mails[sent] = mails.get(sent, 0) + number
    made = _all([one.value for one in IssueStatus], issues)
    yield _by("issues_last_day", "Issues of the last day, by what became of them.", "status", made)
    left = _all([one.value for one in DeliveryStatus], mails)
    yield _by("issue_mails_last_day", "Mails of those issues, by what became of them.", "status", left)


def _mail(session: Session, now: datetime) -> Iterator[Measure]:
    queue = {one.status: one for one in rows.count_queue(session)}
    waiting = _all([one.value for one in QUEUED], {name: one.mails for name, one in queue.items()})
    yield _by("mails_waiting", "Mails on their way, letters included.", "status", waiting)
    oldest = min((one.oldest_at for one in queue.values()), default=now)
    age = max((now - oldest).total_seconds(), 0.0)
    yield _plain("mail_oldest_waiting_seconds", "For how long the oldest of them waits.", age)
    bounces = measuring.count_bounces(session, now - DAY)
    yield _plain("bounces_last_day", "Reports that came back in the last day.", sum(bounces.values()))


def _runs(session: Session, now: datetime) -> Iterator[Measure]:
    last = last_runs(session, now)
    began: dict[str, float] = {name: run.started_at.timestamp() for name, run in last.items()}
    yield _by("run_last_timestamp_seconds", "When the last run began.", "use_case", began)
    good: dict[str, float] = {
        name: at.timestamp()
        for name, at in measuring.last_good_runs(session, now).items()
        if name in USE_CASES
    }
    yield _by("run_last_good_timestamp_seconds", "When the last good run began.", "use_case", good)
    took: dict[str, float] = {
        name: max((run.finished_at - run.started_at).total_seconds(), 0.0)
        for name, run in last.items()
        if run.finished_at is not None
    }
    yield _by("run_last_seconds", "How long the last run took.", "use_case", took)
    counted = {one.use_case: one for one in rows.count_runs(session, now - DAY, now)}
    yield Measure(
        "runs_last_day",
        "Runs of the last day, by how they ended.",
        [
            ({"use_case": name, "outcome": outcome}, _ended(counted.get(name), outcome))
            for name in USE_CASES
            for outcome in OUTCOMES
        ],
    )


def _ended(count: rows.RunCount | None, outcome: str) -> float:
    if count is None:
        return 0.0
    numbers = {"failed": count.failed, "unended": count.unended}
    return float(numbers.get(outcome, count.runs - count.failed - count.unended))
