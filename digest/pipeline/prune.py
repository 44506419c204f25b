"""Pruning: what is too old goes, a little at a time, so that nobody waits long for a turn to write.

What is needed for ever stays: which papers a reader was sent, what they saved and judged, and which addresses
are not written to. Pages are not seen to here: each refresh drops those that are too old.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from digest.pipeline.letters import CONFIRMING, REMINDER
from digest.pipeline.readers import remove_subscriber
from digest.storage import retention, space, thinning
from digest.storage.database import Database
from digest.storage.retention import KINDS, Limits

__all__ = ["KeptDays", "prune"]

BATCH = 500
# Issues put away in one transaction; each has some ten papers.
ISSUES = 50
LOOKS = 2_000
ALL = 2**31 - 1
# The search index is written anew as a whole, so once a week: on Sundays.
TIDY_ON = 6
# After so many days in a row with nothing to thin, those before were thinned long ago.
THIN_DAYS = 7

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KeptDays:
    """How many days each is kept, as the settings of these names say."""

    observations: int
    records: int
    issues: int
    left: int
    papers: int

    def limits(self, now: datetime) -> Limits:
        """The same as times."""

        def ago(days: int) -> datetime:
            return now - timedelta(days=days)

        return Limits(
            records=ago(self.records),
            left=ago(self.left),
            issues=ago(self.issues),
            papers=ago(self.papers),
            passing=(*CONFIRMING, REMINDER),
        )


def prune(
    database: Database,
    kept: KeptDays,
    now: datetime,
    feeds_dir: Path,
    *,
    dry_run: bool = False,
    progress: Say = lambda _: None,
) -> dict[str, int]:
    """Delete what is older than it is kept, or with ``dry_run`` only count it.

    Returns how many rows of each kind went; of ``issues_put_away`` the papers' titles stay; ``freed`` is how
    many bytes the file became smaller by. Whoever calls sees to it that nobody else prunes meanwhile. Raises
    ``StorageError``; what went until then is gone, and the rest goes the next time.
    """
    limits = kept.limits(now)
    counts = {"readers": _forget_left(database, limits, feeds_dir, dry_run=dry_run)}
    until = now - timedelta(days=kept.observations)
    counts["observations"] = _thin(database, until, dry_run=dry_run, progress=progress)
    counts["issues_put_away"] = _put_away(database, limits, dry_run=dry_run, progress=progress)
    for kind in KINDS:
        progress(kind)
        counts[kind] = _drop(database, kind, limits, dry_run=dry_run, progress=progress)
    if not dry_run:
        with database.write() as session:
            counts |= retention.drop_unkeyed(session, limits)
        if now.weekday() == TIDY_ON:
            progress("the search index")
            space.tidy_search(database)
        progress("giving room back")
        counts["freed"] = space.give_back(database)
    return counts


def _drop(database: Database, kind: str, limits: Limits, *, dry_run: bool, progress: Say) -> int:
    number = after = 0
    while True:
        with database.read() as session:
            ids = retention.old_ids(session, kind, limits, after=after, size=BATCH)
        if not ids:
            return number
        if not dry_run:
            with database.write() as session:
                # Once more: what was too old may be needed since, such as a paper that was just saved.
                old = retention.old_ids(session, kind, limits, among=ids, size=BATCH)
                retention.delete_rows(session, kind, old)
        number, after = number + len(ids), ids[-1]
        progress(f"{number} {kind}")


def _forget_left(database: Database, limits: Limits, feeds_dir: Path, *, dry_run: bool) -> int:
    """Delete readers who left or never came.

    That who left is not to be written to stays where it is noted; where it is not, somebody lifted it.
    """
    number = 0
    while True:
        with database.read() as session:
            readers = retention.list_left(session, limits.left, limit=ALL if dry_run else BATCH)
        if dry_run:
            return len(readers)
        for reader in readers:
            assert reader.id is not None  # noqa: S101 - stored rows have ids
            remove_subscriber(database, reader.id, feeds_dir)
        number += len(readers)
        if not readers:
            return number


def _thin(database: Database, until: datetime, *, dry_run: bool, progress: Say) -> int:
    number = 0
    # The oldest first: where it is ended early, what is left begins with the newest, and is found again.
    for day in reversed(_days_to_thin(database, until)):
        progress(f"observations of {day}")
        while True:
            with database.read() as session:
                ids = thinning.surplus_looks(session, day, limit=ALL if dry_run else LOOKS)
            number += len(ids)
            if not ids or dry_run:
                break
            with database.write() as session:
                for first in range(0, len(ids), BATCH):
                    retention.delete_rows(session, "observations", ids[first : first + BATCH])
    return number


def _days_to_thin(database: Database, until: datetime) -> list[date]:
    """The days that hold what tells nothing more, newest first."""
    days: list[date] = []
    idle, before = 0, until.date()
    while idle < THIN_DAYS:
        with database.read() as session:
            day = thinning.last_day_of_looks(session, before)
            has_surplus = day is not None and bool(thinning.surplus_looks(session, day, limit=1))
        if day is None:
            break
        if has_surplus:
            days.append(day)
        idle, before = 0 if has_surplus else idle + 1, day
    return days


def _put_away(database: Database, limits: Limits, *, dry_run: bool, progress: Say) -> int:
    number = after = 0
    while True:
        with database.read() as session:
            ids = thinning.list_whole_issues(session, limits.issues, limit=ISSUES, after=after)
        if not ids:
            return number
        progress(f"{number} issues")
        if not dry_run:
            with database.write() as session:
                thinning.put_away(session, ids)
        number, after = number + len(ids), ids[-1]
