"""Replay: kept pages that could not be believed, parsed again, so that a mended parser recovers the days.

A page that is still bad changes nothing. What is recovered is filed as of the time at which its page came.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlmodel import Session

from digest.models import Check, Source
from digest.pipeline.filing import CheckRow, Filing, file_page, load_history
from digest.pipeline.kept import KeptPages, read_again
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import ConfiguredSource, Parse, Reading, best_of
from digest.storage import evidence as evidence_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import Verdict
from digest.verdict import is_readable, weigh

__all__ = ["replay"]

SUSPECT = (Verdict.BROKEN, Verdict.PARTIAL, Verdict.STALE, Verdict.BLOCKED)


def replay(
    database: Database,
    pages: PageStore,
    source: ConfiguredSource,
    parse: Parse,
    now: datetime,
    *,
    days: Sequence[date] | None = None,
    everything: bool = False,
) -> Iterator[CheckRow]:
    """Read a source's kept pages again, oldest first; yield a row per check, filed before it is yielded.

    Only those of checks that were broken, partial, stale or blocked, on days that were not read well since;
    ``everything``: all. ``days``: only of these days. Filed is what is good now, and a partial list that is
    longer than it was; of all else the row says what is still wrong with it. Recovered pages count from
    then on as those of a good check made at ``now``.
    """
    verdicts = [verdict.value for verdict in (Verdict if everything else SUSPECT)]
    with database.read() as session:
        row = source_rows.get_source(session, source.name)
        if row is None or row.id is None:
            return
        checks = evidence_rows.list_checks_with_pages(
            session, row.id, verdicts=verdicts, days=days, missed=not everything
        )
    for check in checks:
        kept = KeptPages.of(database, pages, check)
        readings = read_again(kept, source, parse, now)
        if readings:
            yield _file(database, row, source, kept, _best(readings), now)


def _best(readings: Sequence[Reading]) -> Reading:
    """The first way that gives a page that is understood; as in a refresh."""
    good = (one for one in readings if one.page is not None and is_readable(one.page))
    return next(good, None) or best_of(readings)


def _file(
    database: Database,
    row: Source,
    source: ConfiguredSource,
    kept: KeptPages,
    reading: Reading,
    now: datetime,
) -> CheckRow:
    with database.write() as session:
        attempt = session.begin_nested()
        filing = _filing(session, source, kept, reading)
        result, check = file_page(session, row, reading.page, filing, error=reading.error)
        if _is_better(result, kept.check):
            # The page is of then, but only now is it known what it says.
            check.checked_at = now
            session.add(check)
            for stored in kept.served:
                stored.verdict, stored.check_id = check.verdict, check.id
                session.merge(stored)
            attempt.commit()
            return result
        attempt.rollback()
    return replace(result, new=0, modified=0)


def _is_better(result: CheckRow, before: Check) -> bool:
    if result.verdict.is_good:
        return True
    longer = before.verdict != Verdict.PARTIAL or result.entries > before.entries
    return result.verdict is Verdict.PARTIAL and longer


def _filing(session: Session, source: ConfiguredSource, kept: KeptPages, reading: Reading) -> Filing:
    """The page judged by what was known when it came, and filed under that time."""
    day = next((row.day for row in kept.served if row.day is not None), kept.check.day)
    filing = Filing(
        day,
        kept.until,
        dated=source.is_dated,
        is_over=source.is_dated and day < kept.until.date(),
        # Days before only: that a later day repeated this list is that day's fault.
        history=load_history(session, kept.check.source_id, day, later=False),
    )
    evidence = weigh(
        reading.page,
        filing.history,
        day=filing.day_of(reading.page),
        check=reading.check,
        proven=reading.proven,
    )
    return replace(filing, evidence=evidence)
