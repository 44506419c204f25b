"""What was looked at for a digest: the stored checks as facts for the sentences about them."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Check
from digest.pipeline.health import is_quiet_weekend
from digest.sources import get_kind
from digest.storage import sources as source_rows
from digest.translation import gettext as _
from digest.translation import gettext_noop
from digest.types import Verdict
from digest.why import SourceCheck

__all__ = ["awaited_sources", "load_checks", "source_labels"]

# A source that was good within this time is expected to be good again; one dead for longer holds nobody.
EXPECTED = timedelta(days=3)
# A source not read for this long is not being read at all, so there is nothing to wait for.
READ = timedelta(hours=24)

# Kinds that are not fetched have no module of their own to name them.
LABELS = {"saved": gettext_noop("Saved pages")}


def load_checks(session: Session, day: date, now: datetime, window_days: int) -> tuple[SourceCheck, ...]:
    """The latest check of each source and day of the window that ends on ``day``, as known at ``now``."""
    first = day - timedelta(days=window_days - 1)
    rows = source_rows.list_checks(session, first_day=first, last_day=day, until=now)
    if not rows:
        # Days read only later (a backfill) are better told of than left out.
        rows = source_rows.list_checks(session, first_day=first, last_day=day)
    labels = source_labels(session)
    since = {
        source.id: source_rows.first_failure_since_good(session, source.id, now)
        for source, check in rows
        if source.id is not None and not Verdict(check.verdict).is_good
    }
    return tuple(_fact(labels[source.name], check, since.get(source.id or 0)) for source, check in rows)


def _fact(label: str, check: Check, first_failure: Check | None) -> SourceCheck:
    verdict = Verdict(check.verdict)
    return SourceCheck(
        label=label,
        day=check.day,
        verdict=verdict,
        checked_at=check.checked_at,
        entries=check.entries,
        declared=check.declared,
        failing_since=first_failure.checked_at if first_failure and not verdict.is_good else None,
        error=check.error,
    )


def awaited_sources(session: Session, names: Collection[str], now: datetime) -> tuple[str, ...]:
    """The labels of those configured sources that are worth waiting for.

    Each was good lately, and is being read, but its newest page was not good when it was last read.
    """
    today = now.astimezone(UTC).date()
    # A page may be a day ahead of or behind UTC; of the older ones nothing new is expected.
    rows = source_rows.list_checks(
        session, first_day=today - timedelta(days=2), last_day=today + timedelta(days=1), until=now
    )
    newest = {
        source.id: (source.name, check.day, Verdict(check.verdict))
        for source, check in rows  # by source, then day
        if source.name in names and check.checked_at > now - READ
    }
    waiting = []
    for source_id, (name, day, verdict) in newest.items():
        if source_id is None or verdict.is_good or is_quiet_weekend(day, verdict):
            continue
        good = source_rows.last_good_check(session, source_id, now)
        if good is not None and good.checked_at > now - EXPECTED:
            waiting.append(name)
    labels = source_labels(session) if waiting else {}
    return tuple(labels[name] for name in waiting)


def source_labels(session: Session) -> dict[str, str]:
    """A name for people for each source; its own name too where two are of one kind."""
    kinds = {source.name: source.kind for source in source_rows.list_sources(session)}
    labels = {}
    for name, kind in kinds.items():
        try:
            label = _(LABELS[kind]) if kind in LABELS else get_kind(kind).label
        except UsageError:  # a kind that is no longer installed
            label = kind
        labels[name] = f"{label} ({name})" if list(kinds.values()).count(kind) > 1 else label
    return labels
