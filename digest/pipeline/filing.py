"""Filing: one page held against what is stored, judged, and what it lists stored, in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlmodel import Session

from digest.diff import SourceFacts, diff
from digest.errors import SourceError
from digest.models import Check, Source
from digest.sources import TRUST
from digest.storage import history as history_rows
from digest.storage import papers as paper_rows
from digest.storage import sources as source_rows
from digest.types import Change, ChangeKind, Entry, ParsedPage, Verdict
from digest.verdict import Evidence, History, ids_hash, is_readable, judge, usual_number, weigh

__all__ = ["CheckRow", "Filing", "file_page", "load_history"]

# What a page of such a verdict lists is not filed: it is not what was asked for.
NOT_FILED = (Verdict.STALE, Verdict.BROKEN, Verdict.BLOCKED)
# A repeated list is that of a day nearby; what is usual is told by eight weeks that were read well.
NEARBY = timedelta(days=10)
USUAL = timedelta(weeks=8)
ONE_DAY = timedelta(days=1)
FIRST_YEAR = 1990
WHOLE = tuple(verdict.value for verdict in Verdict if verdict.is_good)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One row of a refresh: a source, a day, and what was found."""

    name: str
    date: date
    verdict: Verdict
    entries: int = 0
    declared: int | None = None
    new: int = 0
    modified: int = 0
    unchanged: int = 0
    error: str | None = None
    evidence: dict[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "date": self.date.isoformat(), "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class Filing:
    """How a page is judged and filed.

    ``day`` is the day it was asked for; a list that is not ``dated`` belongs to its own date, and its
    entries to theirs. ``is_over``: the day has ended. ``trust`` is that of the source's kind.
    """

    day: date
    now: datetime
    dated: bool = True
    is_over: bool = False
    history: History = field(default_factory=History)
    evidence: Evidence | None = None

    def day_of(self, page: ParsedPage | None) -> date:
        """The day that the page's check belongs to, and entries that tell no day of their own."""
        return self.day if self.dated or page is None else page.page_date or self.day


def load_history(session: Session, source_id: int, day: date, *, later: bool = True) -> History:
    """What a source showed around ``day``; ``later``: also on the days after it."""
    counts = history_rows.count_by_day(
        session, source_id, first_day=day - USUAL, last_day=day - ONE_DAY, verdicts=WHOLE
    )
    last_day = day + NEARBY if later else day - ONE_DAY
    ids = history_rows.ids_by_day(session, source_id, first_day=day - NEARBY, last_day=last_day)
    return History(usual_number(counts, day), MappingProxyType(ids))


def file_page(
    session: Session,
    row: Source,
    page: ParsedPage | None,
    filing: Filing,
    *,
    error: SourceError | None = None,
) -> tuple[CheckRow, Check]:
    """Hold a parsed page against what is stored, file what it lists, record the check.

    Runs inside the caller's write transaction, so that a page is filed wholly or not at all.
    """
    assert row.id is not None  # noqa: S101 - stored rows have ids
    day = filing.day_of(page)
    changes = _changes(session, row, page, filing)
    evidence = filing.evidence or weigh(page, filing.history, day=day)
    verdict = judge(
        page,
        changes,
        day=filing.day,
        error=error,
        evidence=evidence,
        history=filing.history,
        is_dated=filing.dated,
        is_over=filing.is_over,
    )
    listed = evidence.parsed
    if verdict in NOT_FILED:
        changes, listed = [], 0
    paper_rows.apply_changes(session, row.id, changes, filing.now, trust_of=TRUST)
    moved = sum(one.entry.announces and one.kind is not ChangeKind.UNCHANGED for one in changes)
    result = CheckRow(
        name=row.name,
        date=day,
        verdict=verdict,
        entries=evidence.parsed,
        declared=evidence.declared,
        new=_count(changes, ChangeKind.NEW),
        modified=_count(changes, ChangeKind.MODIFIED),
        # An entry that stands on the page twice changes nothing the second time.
        unchanged=listed - moved,
        error=_words(page, error),
        evidence=evidence.as_dict(),
    )
    return result, source_rows.add_check(session, _check(row.id, result, page, filing.now))


def _changes(session: Session, row: Source, page: ParsedPage | None, filing: Filing) -> list[Change]:
    """What the page's entries are, held against what is stored."""
    assert row.id is not None  # noqa: S101 - stored rows have ids
    entries = [_sanely_dated(entry, filing.day) for entry in page.entries] if page else []
    known = paper_rows.find_known(session, row.id, entries) if entries else []
    return diff(
        entries,
        known,
        listed_on=filing.day if filing.dated else None,
        today=filing.day_of(page),
        source=SourceFacts(row.kind, row.name, TRUST),
    )


def _sanely_dated(entry: Entry, today: date) -> Entry:
    """Without a day of its own that no list can mean: long before there were any, or in the future."""
    own = entry.listed_on
    if own is None or (own.year >= FIRST_YEAR and own <= today + NEARBY):
        return entry
    return replace(entry, listed_on=None)


def _count(changes: Sequence[Change], kind: ChangeKind) -> int:
    return sum(one.kind is kind for one in changes)


def _check(source_id: int, result: CheckRow, page: ParsedPage | None, now: datetime) -> Check:
    facts = asdict(result) | {"verdict": result.verdict.value}
    del facts["name"], facts["date"]
    ids = ids_hash(page.entries) if page else None
    return Check(source_id=source_id, day=result.date, checked_at=now, ids=ids, **facts)


def _words(page: ParsedPage | None, error: SourceError | None) -> str | None:
    """What went wrong, in words."""
    if error is not None:
        return str(error)
    if page is None or is_readable(page):
        return None
    things = len(page.entries) + page.skipped
    return page.disagreement or f"{page.skipped} of {things} entries lack what every entry has"
