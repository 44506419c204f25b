"""A reader's own digests, as they were made: by month, and one by one."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from types import MappingProxyType
from zoneinfo import ZoneInfo

from digest.cards import Card, make_card
from digest.storage import issues as issue_rows
from digest.storage import own_issues as own_rows
from digest.storage.database import Database
from digest.storage.own_issues import OwnIssue
from digest.text import truncate
from digest.translation import gettext as _
from digest.translation import gettext_noop
from digest.types import DeliveryStatus, IssueStatus, IssueView, Section
from digest.why import Explanation

__all__ = ["IssueLine", "IssueMonth", "IssuePage", "list_month", "load_issue"]

MAX_ID = 2**31
MAX_REASON = 200
SHOWN = (IssueStatus.COMPOSED, IssueStatus.NOTICE, IssueStatus.EXPIRED)
FATES: Mapping[str, str] = MappingProxyType(
    {
        DeliveryStatus.PLANNED.value: gettext_noop("On its way"),
        DeliveryStatus.SENDING.value: gettext_noop("On its way"),
        DeliveryStatus.DEFERRED.value: gettext_noop(
            "Not accepted by your mail server yet; it is tried again"
        ),
        DeliveryStatus.REFUSED.value: gettext_noop("Refused by your mail server"),
        DeliveryStatus.UNCERTAIN.value: gettext_noop("Handed over, but no answer came: it may have arrived"),
        DeliveryStatus.SKIPPED.value: gettext_noop("Not sent"),
        DeliveryStatus.BOUNCED.value: gettext_noop("Came back"),
        DeliveryStatus.COMPLAINED.value: gettext_noop("Sent, and reported as unwanted"),
    }
)
# Of these the words of who refused say more.
EXPLAINED = (DeliveryStatus.REFUSED, DeliveryStatus.SKIPPED, DeliveryStatus.BOUNCED)


@dataclass(frozen=True, slots=True)
class IssueLine:
    """One date. ``issue_id`` is ``None`` where there is nothing to show; ``fate`` says what became of it."""

    issue_id: int | None
    local_date: date
    subject: str
    papers: int
    fate: str


@dataclass(frozen=True, slots=True)
class IssueMonth:
    """A reader's digests of one month, newest first, and which months there are (with their numbers)."""

    month: date
    lines: tuple[IssueLine, ...]
    months: tuple[tuple[date, int], ...]


@dataclass(frozen=True, slots=True)
class IssuePage:
    """One digest as it was frozen; ``before`` and ``after`` are the reader's next ones to either side."""

    view: IssueView
    line: IssueLine
    before: int | None
    after: int | None

    @property
    def sections(self) -> tuple[tuple[Section, tuple[Card, ...]], ...]:
        """The papers as they are shown, by section, in reading order."""
        return tuple(
            (
                section,
                tuple(
                    make_card(item.paper, interest=item.interest, reasons=item.reasons, zone=self.view.zone)
                    for item in items
                ),
            )
            for section, items in groupby(self.view.items, key=lambda item: item.section)
        )


def list_month(database: Database, subscriber_id: int, month: date | None) -> IssueMonth | None:
    """One month of a reader's digests, by default the newest that has any; ``None`` for a reader without."""
    with database.read() as session:
        months = own_rows.list_months(session, subscriber_id)
        if not months:
            return None
        first = (month or months[0][0]).replace(day=1)
        last = first.replace(day=monthrange(first.year, first.month)[1])
        rows = own_rows.list_own(session, subscriber_id, first=first, last=last)
    return IssueMonth(first, tuple(map(_line, rows)), tuple(months))


def load_issue(database: Database, subscriber_id: int, issue_id: int) -> IssuePage | None:
    """One digest of this reader; ``None`` where they have none of that number."""
    if not 0 < issue_id < MAX_ID:
        return None
    with database.read() as session:
        row = own_rows.get_own(session, subscriber_id, issue_id)
        if row is None or row.status not in SHOWN:
            return None
        view = issue_rows.load_issue_views(session, [issue_id])[issue_id]
        before, after = own_rows.list_neighbours(session, subscriber_id, row.local_date)
    return IssuePage(view, _line(row), before, after)


def _line(row: OwnIssue) -> IssueLine:
    return IssueLine(
        issue_id=row.issue_id if row.status in SHOWN else None,
        local_date=row.local_date,
        subject=row.subject,
        papers=row.papers,
        fate=_fate(row),
    )


def _fate(row: OwnIssue) -> str:
    if row.status == IssueStatus.EXPIRED:
        return _("Made, but too late to be sent")
    if row.status != IssueStatus.COMPOSED:
        told = Explanation.from_stored(row.reason)
        return told.sentence if told is not None else _("There was nothing to send")
    if row.delivery is None:
        return _("In your feed")
    if row.delivery == DeliveryStatus.SENT and row.sent_at is not None:
        return _("Sent at %(clock)s", clock=f"{row.sent_at.astimezone(ZoneInfo(row.zone)):%H:%M}")
    fate = _(FATES.get(row.delivery, gettext_noop("Sent")))
    if row.delivery in EXPLAINED and row.delivery_reason:
        return f"{fate}: {truncate(' '.join(row.delivery_reason.split()), MAX_REASON)}"
    return fate
