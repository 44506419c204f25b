"""How things stand, on one screen: what happened, what is due, what is wrong and what to do. Reads only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from digest.pipeline.arming import Restored
from digest.pipeline.losses import Loss
from digest.pipeline.overview import Front, Trouble, look_over
from digest.pipeline.reading import ConfiguredSource
from digest.pipeline.reports import status_report
from digest.storage.database import Database

__all__ = ["Status", "look_at_status"]

# So that it stays one screen; what is left out is counted.
MAX_SOURCES = 10
MAX_TROUBLES = 6
MAX_CHARS = 400


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand: ``report`` are all counts since the beginning, ``front`` is the last day.

    ``place`` is the database in words.
    """

    report: Mapping[str, Any]
    front: Front
    place: str

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.front.troubles

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        front, queue = self.front, self.front.queue
        return {
            **self.report,
            "ok": self.ok,
            "now": front.now.isoformat(),
            "last_day": {
                "since": front.since.isoformat(),
                "papers": front.papers,
                "issues": dict(front.issues),
                "mails": dict(front.mails),
                "letters": front.letters,
                "runs": {name: {"runs": one.runs, "failed": one.failed} for name, one in front.runs.items()},
            },
            "due": {
                "sources": front.sources_due,
                "digests": [{"at": at.isoformat(), "readers": number} for at, number in front.next_digests],
                "mails": dict(queue.mails),
                "oldest_mail_at": queue.oldest_at.isoformat() if queue.oldest_at else None,
            },
            "wrong": [{"what": one.what, "mend": one.mend} for one in front.troubles],
        }

    def lines(self) -> list[str]:
        """For a person: at most a screen."""
        return [
            f"What happened since {_when(self.front.since)}",
            *(f"  {line}" for line in self._happened()),
            "What is due",
            *(f"  {line}" for line in self._due()),
            *self._wrong(),
        ]

    def _happened(self) -> Iterator[str]:
        front, report = self.front, self.report
        for name, run in front.last_runs.items():
            count = front.runs.get(name)
            often = f"{count.runs} times, " if count is not None and count.runs > 1 else ""
            how = "not ended" if run.ok is None else "fine" if run.ok else "not all well"
            yield f"{name}: {often}last {_when(run.started_at)}, {how}"
        if not front.last_runs:
            yield "nothing ran yet (digest run)"
        yield from _source_lines(report["sources"])
        for name, row in report["enrichers"].items():
            yield _enricher_line(name, row)
        yield f"papers: {front.papers:,} new, {report['papers']:,} in all"
        yield f"issues: {_counted(front.issues)}; their mail: {_counted(front.mails)}"
        # An empty place may be the wrong one: whoever forgot a setting is told where this looked.
        nobody = f"none in {self.place}: digest init makes one, DIGEST_DATA_DIR names another place"
        yield f"readers: {_counted(front.readers) if any(front.readers.values()) else nobody}"

    def _due(self) -> Iterator[str]:
        front, queue = self.front, self.front.queue
        if front.sources_due:
            yield f"sources: {front.sources_due} to be read by the next run"
        for at, number in front.next_digests[:3]:
            yield f"digests: {_when(at)} for {number:,} reader{'' if number == 1 else 's'}"
        oldest = f", the oldest since {_when(queue.oldest_at)}" if queue.oldest_at else ""
        yield f"mail: {_counted(queue.mails)}{oldest}"

    def _wrong(self) -> Iterator[str]:
        troubles = self.front.troubles
        if not troubles:
            yield "Nothing is wrong"
            return
        yield "What is wrong, and what to do"
        for one in troubles[:MAX_TROUBLES]:
            yield from _trouble_lines(one)
        if troubles[MAX_TROUBLES:]:
            yield f"  and {len(troubles) - MAX_TROUBLES} more (digest status --json)"


def look_at_status(
    database: Database,
    configured: Sequence[ConfiguredSource],
    now: datetime,
    restored: Restored | None = None,
    losses: Sequence[Loss] = (),
) -> Status:
    """How things stand now, and what happened in the day before; ``restored`` where it is a copy."""
    front = look_over(database, configured, now, restored, losses)
    return Status(status_report(database, list(configured), now), front, database.place)


def _source_lines(sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    # Those that fail first: they must not be among those left out.
    rows = sorted((row for row in sources if row["configured"]), key=lambda row: not row["failures_in_row"])
    for row in rows[:MAX_SOURCES]:
        if row["last_checked_at"] is None:
            yield f"source {row['name']}: not read yet (digest refresh)"
            continue
        failed = ""
        if row["failures_in_row"]:
            good = _when(row["last_good_at"]) if row["last_good_at"] else "never"
            failed = f", {row['failures_in_row']} failures in a row, last good {good}"
        yield f"source {row['name']}: {row['last_verdict']} at {_when(row['last_checked_at'])}{failed}"
    if rows[MAX_SOURCES:]:
        yield f"and {len(rows) - MAX_SOURCES} more sources (digest sources list)"


def _enricher_line(name: str, row: Mapping[str, Any]) -> str:
    outcomes = ", ".join(f"{row[outcome]} {outcome}" for outcome in ("found", "nothing", "failed"))
    spent = f"; today {row['papers']} papers for {row['cost']:g}" if row["cost"] else ""
    error = f": {row['error']}" if row["error"] else ""
    return f"enricher {name}: {outcomes}, last asked {_when(row['last_asked_at'])}{spent}{error}"


def _trouble_lines(one: Trouble) -> Iterator[str]:
    what = one.what if len(one.what) <= MAX_CHARS else f"{one.what[:MAX_CHARS]}…"
    yield f"  {what.rstrip('.')}."
    if one.mend:
        yield f"    → {one.mend}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items() if number) or "none"


def _when(at: datetime | str) -> str:
    """A time to the minute, in UTC."""
    time = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
