"""Overview of sources: how each is doing, with its last weeks, its checks and the pages kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from digest.config import IMPORTS
from digest.errors import UsageError
from digest.models import Check, Run, Source, StoredPage
from digest.pipeline.coverage import source_labels
from digest.pipeline.health import is_due
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import ConfiguredSource
from digest.storage import evidence as evidence_rows
from digest.storage import overview as rows
from digest.storage import runs as run_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database

__all__ = [
    "CheckLine",
    "DayMark",
    "SourceDetail",
    "SourceLine",
    "evidence_words",
    "list_source_lines",
    "load_page",
    "show_source",
]

DAYS = 30
CHECKS = 60
PAGES = 60


@dataclass(frozen=True, slots=True)
class DayMark:
    """One day of a source: the verdict of its latest check (``None``: not read), and how many papers."""

    day: date
    verdict: str | None
    papers: int


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check, and what its verdict rests on, in words."""

    day: date
    checked_at: datetime
    verdict: str
    evidence: str
    error: str
    new: int
    modified: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A source, how it is doing, and its last 30 days, oldest first.

    ``row`` is ``None`` for one that was never read; ``next_try`` says in words when it is read again.
    """

    name: str
    label: str
    kind: str
    url: str
    configured: bool
    row: Source | None
    last: CheckLine | None
    next_try: str
    days: Sequence[DayMark]

    @property
    def health(self) -> str:
        """``good``, ``failing`` or ``unread``."""
        if self.row is None or self.row.last_verdict is None:
            return "unread"
        return "failing" if self.row.failures_in_row else "good"


@dataclass(frozen=True, slots=True)
class SourceDetail:
    """A source with its latest checks and kept pages, newest first; and what its canary said, in words."""

    line: SourceLine
    checks: Sequence[CheckLine]
    pages: Sequence[StoredPage]
    canary: str


def list_source_lines(
    database: Database, configured: Sequence[ConfiguredSource], now: datetime
) -> list[SourceLine]:
    """Every configured source, then those that are stored but configured no more."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    with database.read() as session:
        stored = {row.name: row for row in source_rows.list_sources(session)}
        labels = source_labels(session)
        checks = source_rows.list_checks(session, first_day=first, last_day=today)
        papers = rows.count_entries(session, first_day=first, last_day=today)
        newest = {row.name: rows.list_checks_of(session, row.id or 0, limit=1) for row in stored.values()}
    verdicts = {(source.id, check.day): check.verdict for source, check in checks}
    span = [first + timedelta(days=ahead) for ahead in range(DAYS)]

    def line(name: str, kind: str, url: str, source: ConfiguredSource | None) -> SourceLine:
        row = stored.get(name)
        number = row.id if row is not None and row.id is not None else 0
        return SourceLine(
            name=name,
            label=labels.get(name, name),
            kind=kind,
            url=url,
            configured=source is not None,
            row=row,
            last=next((_check_line(check) for check in newest.get(name, ())), None),
            next_try=_next_try(row, source, now),
            days=[DayMark(day, verdicts.get((number, day)), papers.get((number, day), 0)) for day in span],
        )

    lines = [line(one.name, one.kind.kind, one.url, one) for one in configured]
    others = [stored[name] for name in stored.keys() - {one.name for one in configured}]
    others.sort(key=lambda row: row.name)
    return lines + [line(row.name, row.kind, row.url, None) for row in others]


def _next_try(row: Source | None, source: ConfiguredSource | None, now: datetime) -> str:
    if row is not None and row.name == IMPORTS:
        return "pages that were imported by hand"
    if source is None:
        return "not read any more: it is not in the settings"
    if row is None or is_due(row, source.every_minutes, now):
        return "read by the next run"
    if row.next_try_at is not None and row.next_try_at > now:
        return f"tried again from {row.next_try_at:%Y-%m-%d %H:%M} UTC on"
    return f"read every {source.every_minutes} minutes"


def show_source(
    database: Database, configured: Sequence[ConfiguredSource], name: str, now: datetime
) -> SourceDetail:
    """One source. ``UsageError`` where there is none of that name, configured or stored."""
    line = next((one for one in list_source_lines(database, configured, now) if one.name == name), None)
    if line is None:
        raise UsageError(f"there is no source named {name!r}")
    number = line.row.id if line.row is not None and line.row.id is not None else 0
    with database.read() as session:
        held = evidence_rows.newest_check_with_ids(session, number)
        last = run_rows.last_run(session, "refresh")
        return SourceDetail(
            line=line,
            checks=[_check_line(check) for check in rows.list_checks_of(session, number, limit=CHECKS)],
            pages=rows.list_pages_of(session, number, limit=PAGES),
            canary=_canary(name, held, last),
        )


def _canary(name: str, held: Check | None, last: Run | None) -> str:
    """What the last refresh found when it read the newest good list again."""
    if held is None:
        return "No list is kept yet that could be read again."
    day = f"the list of {held.day.isoformat()}"
    if last is None or last.finished_at is None:
        return f"At the next refresh {day} is read again and compared."
    when = f"{last.started_at:%Y-%m-%d %H:%M} UTC"
    faults = [str(one) for one in last.outcome.get("canaries", ()) if str(one).startswith(f"{name}: ")]
    if faults:
        return f"At {when}: {faults[0].removeprefix(f'{name}: ')}."
    return f"At {when} no difference was found. Next, {day} is read again and compared."


def _check_line(check: Check) -> CheckLine:
    return CheckLine(
        day=check.day,
        checked_at=check.checked_at,
        verdict=check.verdict,
        evidence=evidence_words(check.entries, check.declared, check.evidence),
        error=check.error or "",
        new=check.new,
        modified=check.modified,
        unchanged=check.unchanged,
    )


def evidence_words(entries: int, declared: int | None, evidence: Mapping[str, object]) -> str:
    """What a verdict rests on: ``41 of 42 papers; usually 40; 6 % of them stood on another day too``."""
    count = f"{entries} of {declared}" if declared is not None else f"{entries}"
    noun = "paper" if entries == 1 and declared in (None, 1) else "papers"
    words = [f"{count} {noun}"]
    usual, overlap = evidence.get("usual"), evidence.get("overlap")
    if isinstance(usual, int | float):
        words.append(f"usually {usual:g}")
    if entries and isinstance(overlap, int | float):
        words.append(f"{overlap:.0%} of them stood on another day too")
    return "; ".join(words)


def load_page(
    database: Database, pages: PageStore, source_name: str, page_id: int
) -> tuple[StoredPage, bytes] | None:
    """A kept page of that source with its bytes; ``None`` where it, or its file, is there no more."""
    with database.read() as session:
        row = rows.get_page(session, source_name, page_id)
    body = pages.load(row) if row is not None else None
    return (row, body) if row is not None and body is not None else None
