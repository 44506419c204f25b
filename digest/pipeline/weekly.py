"""The operator's mail of the week: what was read, sent and came back, who joined and left, what is wrong.

Readers are named by number: the mail goes over servers that need not know who they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session

from digest.pipeline.coverage import source_labels
from digest.pipeline.incidents import Operator, plan_for
from digest.pipeline.letters import make_operator_letter
from digest.pipeline.overview import Trouble, look_over
from digest.pipeline.reading import ConfiguredSource
from digest.schedule import SubscriptionRule, due_date
from digest.storage import letters as letter_rows
from digest.storage import measuring
from digest.storage import overview as rows
from digest.storage.database import Database
from digest.types import Cadence, SubscriberStatus, Verdict

__all__ = ["Weekly", "plan_weekly"]

WEEK = timedelta(days=7)
# After a machine was off for longer than this the mail of that week is not worth writing any more.
LATE_H = 72
MAX_NAMED = 20
MAX_TROUBLES = 20


@dataclass(frozen=True, slots=True)
class Weekly:
    """Who gets the mail, and when: ``weekday`` from Monday = 0, the local ``hour`` and its ``zone``."""

    operator: Operator
    weekday: int
    hour: int
    zone: str

    def due_on(self, now: datetime) -> date | None:
        """The local date whose mail is to be written now, if there is one."""
        long_ago = now - 2 * WEEK
        rule = SubscriptionRule(Cadence.WEEKLY, self.weekday, self.hour, self.zone, long_ago)
        return due_date(rule, now, (), LATE_H)


def plan_weekly(
    database: Database, weekly: Weekly, configured: Sequence[ConfiguredSource], now: datetime
) -> bool:
    """Plan the mail of this week, if it is its time and it was not planned yet; whether it was now."""
    day = weekly.due_on(now)
    if day is None:
        return False
    operator, key = weekly.operator, f"weekly {day}"
    with database.read() as session:
        if letter_rows.is_planned(session, "operator", operator.address, key):
            return False
        told = list(_week(session, [one.name for one in configured], now))
    lines = [*told, *_wrong(look_over(database, configured, now).troubles)]
    heading = f"the week until {day:%d %B %Y}".replace(" 0", " ")
    letter = make_operator_letter(operator.list_name, operator.address, key, heading, lines, now)
    with database.write() as session:
        plan_for(operator, session, letter, now)
    return True


def _week(session: Session, names: Sequence[str], now: datetime) -> Iterator[str]:
    since = now - WEEK
    yield f"This is what happened between {_when(since)} and {_when(now)}."
    labels, checks = source_labels(session), measuring.count_checks(session, since)
    for name in names:
        counts = {verdict: checks.get((name, verdict.value), 0) for verdict in Verdict}
        good = sum(number for verdict, number in counts.items() if verdict.is_good)
        bad = {verdict.value: number for verdict, number in counts.items() if not verdict.is_good}
        failed = f"; not well: {_counted(bad)}" if any(bad.values()) else ""
        yield f"{labels.get(name, name)}: {good} pages were read well{failed}."
    yield f"New papers: {rows.count_papers_since(session, since):,}."
    issues: dict[str, int] = {}
    mails: dict[str, int] = {}
    for _, status, sent, number in rows.count_issues(session, composed_since=since):
        issues[status] = issues.get(status, 0) + number
        if sent is not None:
            mails[sent] = mails.get(sent, 0) + number
    yield f"Issues: {_counted(issues)}. Their mail: {_counted(mails)}."
    yield f"Reports that came back: {_counted(measuring.count_bounces(session, since))}."
    active = rows.count_readers(session).get(SubscriberStatus.ACTIVE, 0)
    joined = _named(measuring.list_joined(session, since))
    left = _named(measuring.list_left(session, since))
    yield f"Readers: {active:,} active. Joined: {joined}. Left: {left}."


def _wrong(troubles: Sequence[Trouble]) -> Iterator[str]:
    if not troubles:
        yield "Nothing is wrong as this is written."
    for one in troubles[:MAX_TROUBLES]:
        yield f"Wrong as this is written: {one.what.rstrip('.')}. {one.mend}".rstrip()
    if troubles[MAX_TROUBLES:]:
        yield f"And {len(troubles) - MAX_TROUBLES} more."
    yield "How it stands now is said by: digest status. What else may be wrong is found by: digest doctor."


def _named(numbers: Sequence[int]) -> str:
    """``2 (readers 12, 15)``."""
    if not numbers:
        return "nobody"
    told = ", ".join(str(number) for number in numbers[:MAX_NAMED])
    more = ", …" if numbers[MAX_NAMED:] else ""
    return f"{len(numbers):,} (reader{'' if len(numbers) == 1 else 's'} {told}{more})"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items() if number) or "none"


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
