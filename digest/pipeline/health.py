"""How a source is doing: when it is worth a try again, and what its row remembers of a refresh."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session

from digest.models import Check, Source
from digest.pipeline.reading import ConfiguredSource
from digest.storage import sources as source_rows
from digest.types import Verdict

__all__ = ["is_any_due", "is_due", "is_quiet_weekend", "is_worth_a_run", "next_try", "record_health"]

# The first failures say little; from the third in a row on the pauses grow, up to a day.
PATIENCE = 2
FIRST_PAUSE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(days=1)
SATURDAY = 5
AFTER_A_FAILURE = timedelta(minutes=30)
# A run that starts a little early must not skip a whole round.
SLACK = timedelta(minutes=2)


def is_due(source: Source, every_minutes: int | None, now: datetime) -> bool:
    """Whether a source is to be read in a run that nobody asked for by hand."""
    wait = source.next_try_at - now if source.next_try_at is not None else timedelta(0)
    # One longer than any pause was set by a clock that went wrong.
    if SLACK < wait <= LONGEST_PAUSE:
        return False
    if every_minutes is None or source.last_checked_at is None or source.failures_in_row:
        return True
    since = now - source.last_checked_at
    # A clock that was set back must not make a source wait for it to come round again.
    return since < timedelta(0) or since >= timedelta(minutes=every_minutes) - SLACK


def is_any_due(
    session: Session, configured: Sequence[ConfiguredSource], usual_minutes: int | None, now: datetime
) -> bool:
    """Whether :func:`is_due` says so of any source, with ``usual_minutes`` where it has no interval."""
    known = {row.name: row for row in source_rows.list_sources(session)}
    return any(
        one.name not in known or is_due(known[one.name], one.every_minutes or usual_minutes, now)
        for one in configured
    )


def is_worth_a_run(
    session: Session, configured: Sequence[ConfiguredSource], usual_minutes: int, now: datetime
) -> bool:
    """Whether any source is worth starting a run for, where somebody looks every few minutes.

    That is one that is due, as :func:`is_due` says, with ``usual_minutes`` where it has no interval of its
    own; but one that has just failed is left alone for a while.
    """
    known = {row.name: row for row in source_rows.list_sources(session)}
    for one in configured:
        row, every = known.get(one.name), one.every_minutes or usual_minutes
        if row is None or row.last_checked_at is None:
            return True
        since = now - row.last_checked_at
        is_recent = timedelta(0) <= since < min(timedelta(minutes=every), AFTER_A_FAILURE) - SLACK
        if is_due(row, every, now) and (row.next_try_at is not None or not is_recent):
            return True
    return False


def next_try(failures_in_row: int, now: datetime, retry_after_s: float | None = None) -> datetime | None:
    """When a failing source is worth another try; ``None``: at the next run."""
    asked = timedelta(seconds=min(retry_after_s or 0.0, LONGEST_PAUSE.total_seconds()))
    own = timedelta(0)
    if failures_in_row > PATIENCE:
        own = min(FIRST_PAUSE * 2 ** min(failures_in_row - PATIENCE - 1, 10), LONGEST_PAUSE)
    pause = max(asked, own)
    # Half an hour less than a day, so that a run at the same hour tomorrow is not too early.
    return now + min(pause, LONGEST_PAUSE - timedelta(minutes=30)) if pause else None


def record_health(
    session: Session, source_id: int, check: Check, *, retry_after_s: float | None = None
) -> None:
    """Let the newest day's check of a run say how the source is doing.

    A verdict that is not good counts as one failure, however many days the run read; a good one ends the
    row of failures. A weekend that repeats Friday is neither: nothing new is expected then.
    """
    source = session.get_one(Source, source_id)
    verdict = Verdict(check.verdict)
    source.last_checked_at = check.checked_at
    source.last_verdict = check.verdict
    if verdict.is_good:
        source.last_good_at = check.checked_at
        source.failures_in_row = 0
        source.last_error = None
        source.next_try_at = None
    elif not is_quiet_weekend(check.day, verdict):
        source.failures_in_row += 1
        source.last_error = check.error or check.verdict
        source.next_try_at = next_try(source.failures_in_row, check.checked_at, retry_after_s)
    session.add(source)
    session.flush()


def is_quiet_weekend(day: date, verdict: Verdict) -> bool:
    """Whether this is a weekend that shows Friday's list again."""
    return verdict is Verdict.STALE and day.weekday() >= SATURDAY
