"""What the demonstration's days brought, read back from the database, and how it is shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table
from sqlmodel import Session

from digest.app import App
from digest.demo.readers import READERS
from digest.models import Check, Issue
from digest.pipeline.explain import explain_day
from digest.pipeline.moment import Moment
from digest.pipeline.readers import get_subscriber
from digest.storage import deliveries as delivery_rows
from digest.storage import issues as issue_rows
from digest.storage import sources as source_rows
from digest.storage import subscribers as subscriber_rows
from digest.types import DeliveryStatus, IssueStatus, Section, Verdict

__all__ = ["DayRow", "day_name", "day_table", "read_day"]

LOOKBACK = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day: entries fetched and papers new in its refresh, papers shown as rising, mails sent.

    ``verdict`` is what the day's own list proved to be that morning, ``came_on`` the first later day
    that found papers in it. ``quiet`` are the readers who got no papers, each with the program's own
    sentence on why.
    """

    day: date
    fetched: int
    new: int
    rising: int
    mailed: int
    verdict: Verdict
    came_on: date | None = None
    quiet: tuple[tuple[str, str], ...] = ()

    @property
    def explanation(self) -> str:
        """What was empty, and why; nothing where nothing was."""
        lines = [f"{email}: {sentence}" for email, sentence in self.quiet]
        if self.verdict is Verdict.EMPTY:
            late = (
                f"late, its papers came on {day_name(self.came_on)}" if self.came_on else "nothing came later"
            )
            lines.insert(0, f"The day's list was empty: {late}.")
        return "\n".join(lines)


def read_day(app: App, day: date, *, refreshes: Sequence[datetime], asked_at: datetime) -> DayRow:
    """Read one day back: what its refresh filed, and the issues of that date.

    ``refreshes`` are the times of that day's refresh and of all later ones; ``asked_at`` is when it is
    asked why somebody got nothing.
    """
    with app.database.read() as session:
        checks = _checks(session, day - LOOKBACK, day, refreshes[0])
        later = [(at, _checks(session, day, day, at)) for at in refreshes[1:]]
        issues = list(_issues(session, day))
        rising = {paper for _, issue in issues for paper in _rising(session, issue)}
        mailed = sum(_is_mailed(session, issue) for _, issue in issues)
    quiet = [email for email, issue in issues if issue.status != IssueStatus.COMPOSED]
    return DayRow(
        day=day,
        fetched=sum(check.entries for check in checks),
        new=sum(check.new for check in checks),
        rising=len(rising),
        mailed=mailed,
        verdict=next((Verdict(check.verdict) for check in checks if check.day == day), Verdict.UNREACHABLE),
        came_on=next((at.date() for at, found in later if any(check.entries for check in found)), None),
        quiet=tuple((email, _why(app, email, asked_at)) for email in quiet),
    )


def day_table(rows: Sequence[DayRow]) -> Table:
    """The days side by side."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Day", no_wrap=True)
    for name in ("Fetched", "New", "Rising", "Mailed"):
        table.add_column(name, justify="right")
    table.add_column("Empty, and why")
    for row in rows:
        numbers = map(str, (row.fetched, row.new, row.rising, row.mailed))
        table.add_row(day_name(row.day), *numbers, escape(row.explanation))
    return table


def day_name(day: date) -> str:
    """A day for people, as ``Mon 12 Jan``."""
    return f"{day:%a} {day.day} {day:%b}"


def _checks(session: Session, first: date, last: date, at: datetime) -> list[Check]:
    """What the refresh at that very time found for those days."""
    rows = source_rows.list_checks(session, first_day=first, last_day=last, until=at)
    return [check for _, check in rows if check.checked_at == at]


def _issues(session: Session, day: date) -> Iterator[tuple[str, Issue]]:
    for reader in READERS:
        subscriber = get_subscriber(session, reader.email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        for subscription in subscriber_rows.list_subscriptions(session, subscriber.id):
            assert subscription.id is not None  # noqa: S101
            issue = issue_rows.get_issue(session, subscription.id, day)
            if issue is not None:
                yield reader.email, issue


def _rising(session: Session, issue: Issue) -> Iterator[int]:
    assert issue.id is not None  # noqa: S101 - stored rows have ids
    for row in issue_rows.list_recommendations(session, issue.id):
        if row.section == Section.RISING:
            yield row.paper_id


def _is_mailed(session: Session, issue: Issue) -> bool:
    assert issue.id is not None  # noqa: S101 - stored rows have ids
    delivery = delivery_rows.get_delivery(session, issue.id, "mail")
    return delivery is not None and delivery.status == DeliveryStatus.SENT


def _why(app: App, email: str, now: datetime) -> str:
    return str(explain_day(app.composer(), email, Moment.of(now))["sentence"])
