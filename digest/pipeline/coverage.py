"""What was looked at for a digest: the stored checks as facts for the sentences about them."""

from datetime import date, datetime, timedelta

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Check
from digest.sources import get_kind
from digest.storage import sources as source_rows
from digest.types import Verdict
from digest.why import SourceCheck

__all__ = ["load_checks", "source_labels"]

# Kinds that are not fetched have no module of their own to name them.
LABELS = {"saved": "Saved pages"}


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
        for source, _ in rows
        if source.id is not None
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


def source_labels(session: Session) -> dict[str, str]:
    """A name for people for each source; its own name too where two are of one kind."""
    kinds = {source.name: source.kind for source in source_rows.list_sources(session)}
    labels = {}
    for name, kind in kinds.items():
        try:
            label = LABELS.get(kind) or get_kind(kind).label
        except UsageError:  # a kind that is no longer installed
            label = kind
        labels[name] = f"{label} ({name})" if list(kinds.values()).count(kind) > 1 else label
    return labels
