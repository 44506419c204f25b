"""What is known of a period's completeness, in words."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlmodel import Session

from digest.pipeline.browsing.periods import Period
from digest.storage import browsing as rows
from digest.storage import sources as source_rows
from digest.templating import number, short_date
from digest.translation import gettext as _
from digest.types import Verdict
from digest.why import SourceCheck, summarise_coverage

__all__ = ["Completeness", "load_completeness"]


@dataclass(frozen=True, slots=True)
class Completeness:
    """``short`` is one line for the head of a list, ``sentences`` has one for each source."""

    short: str
    sentences: tuple[str, ...] = ()


def load_completeness(
    session: Session, period: Period, labels: Mapping[int, str], now: datetime
) -> Completeness:
    """How completely the sources (``labels`` by their numbers) were read for the days of the period."""
    reads: dict[int, list[rows.ReadDay]] = defaultdict(list)
    for read in rows.list_read_days(session, period.first, period.last, now):
        reads[read.source_id].append(read)
    if not reads:
        return Completeness(_("No source was read for this."))
    today, good, sentences = now.astimezone(UTC).date(), 0, []
    for source_id, times in reads.items():
        checks = _checks(session, source_id, labels[source_id], times, now)
        good += all(check.verdict.is_good for check in checks)
        sentences.append(_sentence(checks, times, today))
    if len(sentences) == 1:
        only = sentences[0].removeprefix(f"{labels[next(iter(reads))].rstrip('.')}: ")
        return Completeness(only[:1].upper() + only[1:], tuple(sentences))
    if good == len(sentences):
        return Completeness(_("All %(all)s sources complete.", all=good), tuple(sentences))
    short = _("%(good)s of %(all)s sources complete.", good=good, all=len(sentences))
    return Completeness(short, tuple(sentences))


def _checks(
    session: Session, source_id: int, label: str, times: Sequence[rows.ReadDay], now: datetime
) -> list[SourceCheck]:
    """What the last reading of each day proved, in the order of days."""
    latest = {read.day: read for read in times}
    is_bad = not all(Verdict(read.verdict).is_good for read in latest.values())
    failure = source_rows.first_failure_since_good(session, source_id, now) if is_bad else None
    return [
        SourceCheck(
            label=label,
            day=day,
            verdict=Verdict(read.verdict),
            checked_at=read.checked_at,
            entries=read.entries,
            declared=read.declared,
            failing_since=failure.checked_at if failure and not Verdict(read.verdict).is_good else None,
        )
        for day, read in sorted(latest.items())
    ]


def _sentence(checks: Sequence[SourceCheck], times: Sequence[rows.ReadDay], today: date) -> str:
    """``Hugging Face: 50 papers, complete; read 3 times, last 16 Mar 09:10 UTC.``"""
    account = summarise_coverage(checks, today=today).removesuffix(".")
    last = max(read.checked_at for read in times)
    at = f"{short_date(last.date(), beside=today)} {last:%H:%M} UTC"
    if len(times) == 1:
        return _("%(account)s; read once, %(when)s.", account=account, when=at)
    if len(times) == 2:
        return _("%(account)s; read twice, last %(when)s.", account=account, when=at)
    return _(
        "%(account)s; read %(times)s times, last %(when)s.",
        account=account,
        times=number(len(times)),
        when=at,
    )
