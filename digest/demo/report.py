"""What the demonstration's days brought, read back from the database, and how it is shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rich.table import Table
from sqlmodel import Session

from digest.app import App
from digest.demo.readers import READERS
from digest.models import Issue
from digest.pipeline.explain import explain_day
from digest.pipeline.moment import Moment
from digest.pipeline.readers import get_subscriber
from digest.storage import deliveries as delivery_rows
from digest.storage import issues as issue_rows
from digest.storage import sources as source_rows
from digest.storage import subscribers as subscriber_rows
from digest.types import DeliveryStatus, IssueStatus, Section, Verdict

__all__ = ["DayRow", "day_table", "read_day"]

LOOKBACK = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day: entries fetched and papers new in its refresh, papers shown as rising, mails sent.

    ``verdict`` is what the day's own list proved to be that morning; ``quiet`` are the readers who got
    no papers, each with the program's own sentence on why.
    """

    date: date
    fetched: int
    new: int
    rising: int
    mailed: int
    verdict: Verdict
    quiet: tuple[tuple[str, str], ...] = ()

    @property
    def explanation(self) -> str:
        """What was empty, and why; nothing where nothing was."""
        lines = ["the day's list was empty"] if self.verdict is Verdict.EMPTY else []
        return "\n".join([*lines, *(f"{email}: {sentence}" for email, sentence in self.quiet)])


def read_day(app: App, day: date, *, refreshed_at: datetime, last: datetime) -> DayRow:
    """Read one day back: the refresh that was filed at ``refreshed_at``, and the issues of that date."""
    with app.database.read() as session:
        checks = [
            check
            for _, check in source_rows.list_checks(
                session, first_day=day - LOOKBACK, last_day=day, until=refreshed_at
            )
            if check.checked_at == refreshed_at
        ]
        issues = list(_issues(session, day))
        rising = {paper for _, issue in issues for paper in _rising(session, issue)}
        mailed = sum(_is_mailed(session, issue) for _, issue in issues)
    quiet = [email for email, issue in issues if issue.status != IssueStatus.COMPOSED]
    own = next((check.verdict for check in checks if check.day == day), Verdict.UNREACHABLE)
    return DayRow(
        date=day,
        fetched=sum(check.entries for check in checks),
        new=sum(check.new for check in checks),
        rising=len(rising),
        mailed=mailed,
        verdict=Verdict(own),
        quiet=tuple((email, _why(app, email, last)) for email in quiet),
    )


def day_table(rows: Sequence[DayRow]) -> Table:
    """The days side by side."""
    table = Table(title="Five days", title_justify="left", show_lines=True)
    table.add_column("Day", no_wrap=True)
    for name in ("Fetched", "New", "Rising", "Mailed"):
        table.add_column(name, justify="right")
    table.add_column("Empty, and why", overflow="fold")
    for row in rows:
        numbers = map(str, (row.fetched, row.new, row.rising, row.mailed))
        table.add_row(f"{row.date:%a} {row.date.day} {row.date:%b}", *numbers, row.explanation)
    return table


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
