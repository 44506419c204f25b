"""Overview of readers: who they are, what they wish for, what they were sent, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from digest.cards import Card
from digest.errors import UsageError
from digest.models import Delivery, Issue, Letter, Subscriber, Subscription, Suppression
from digest.pipeline.assemble import Addressee, Assembler, Envelope
from digest.pipeline.moment import Moment
from digest.pipeline.previewing import Previewer
from digest.pipeline.readers import get_subscriber
from digest.pipeline.wishes import InterestWish, Wishes, load_wishes
from digest.render import issue_card, render_html
from digest.storage import groups as group_rows
from digest.storage import issues as issue_rows
from digest.storage import overview as rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.storage.overview import WAITING, IssueFilter
from digest.translation import in_language, speaking
from digest.types import Cadence, IssueView
from digest.wording import spoken

__all__ = [
    "PAGE",
    "WAITING",
    "IssueFilter",
    "IssueLine",
    "LetterLine",
    "ReaderDetail",
    "ReaderLine",
    "ReaderList",
    "ShownIssue",
    "in_sections",
    "list_issues",
    "list_letters",
    "list_readers",
    "list_suppressed",
    "mail_of",
    "preview_next",
    "show_issue",
    "show_reader",
    "wishes_in_words",
]

# Rows on a page of a list.
PAGE = 50
OWN_ISSUES = 30
EXCERPT = 340
MOST_TITLES = 30
# Nobody's: what a mail that is only looked at is signed for, so that none of its links does anything.
NOBODY = 0
DAYS = {"mon": "Mondays", "tue": "Tuesdays", "wed": "Wednesdays", "thu": "Thursdays", "fri": "Fridays"} | {
    "sat": "Saturdays",
    "sun": "Sundays",
}


@dataclass(frozen=True, slots=True)
class IssueLine:
    """One issue and what became of its mail. ``status`` is the mail's where there is one, else its own."""

    issue: Issue
    delivery: Delivery | None
    subscriber: Subscriber

    @property
    def status(self) -> str:
        """What became of it."""
        return self.delivery.status if self.delivery is not None else self.issue.status

    @property
    def told(self) -> str:
        """Why it was not sent, or what the server answered."""
        if self.delivery is not None:
            return self.delivery.reason or self.delivery.reply or ""
        # Stored as a machine's word and the sentence.
        return (self.issue.reason or "").partition(" ")[2] or "the subscription is without mail"

    @property
    def has_view(self) -> bool:
        """Whether there is an issue to look at."""
        return self.issue.status in rows.VISIBLE or self.delivery is not None


@dataclass(frozen=True, slots=True)
class LetterLine:
    """One mail that is no issue, and what became of it. What it says may be secret, and is not shown."""

    letter: Letter
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class ReaderLine:
    """A reader in a list: when they are served, their latest issue (number, date), bounces that count.

    ``group`` is the name of the group that stands there instead of a person.
    """

    subscriber: Subscriber
    schedule: str
    last_issue: tuple[int, date] | None
    bounces: int
    group: str = ""


@dataclass(frozen=True, slots=True)
class ReaderList:
    """A page of readers; ``number`` match in all, ``next_before`` continues the list."""

    lines: Sequence[ReaderLine]
    number: int
    next_before: int | None

    @property
    def has_groups(self) -> bool:
        """Whether some of those shown are no persons, but groups."""
        return any(line.group for line in self.lines)


@dataclass(frozen=True, slots=True)
class ReaderDetail:
    """One reader: what they wish for as (label, text) pairs, what they were sent, and why not any more.

    ``group`` is the name of the group that stands there instead of a person.
    """

    subscriber: Subscriber
    schedule: str
    zone: str
    interests: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    issues: Sequence[IssueLine]
    letters: Sequence[LetterLine]
    suppression: Suppression | None
    bounces: int
    group: str = ""


@dataclass(frozen=True, slots=True)
class ShownIssue:
    """An issue as a page shows it: its sections with their cards."""

    view: IssueView
    sections: Sequence[tuple[str, Sequence[Card]]]


# --- lists -----------------------------------------------------------------------------------------


def list_issues(
    database: Database, wanted: IssueFilter, *, before: int | None = None
) -> tuple[list[IssueLine], int | None]:
    """A page of issues, those stored last first, and where the next one begins."""
    with database.read() as session:
        found = rows.page_issues(session, wanted, before=before, limit=PAGE + 1)
    lines = [IssueLine(*row) for row in found[:PAGE]]
    return lines, lines[-1].issue.id if len(found) > PAGE else None


def list_letters(
    database: Database, wanted: IssueFilter, *, before: int | None = None
) -> tuple[list[LetterLine], int | None]:
    """A page of mails that are no issues, those planned last first, and where the next one begins."""
    with database.read() as session:
        found = rows.page_letters(session, wanted, before=before, limit=PAGE + 1)
    lines = [LetterLine(*row) for row in found[:PAGE]]
    return lines, lines[-1].delivery.id if len(found) > PAGE else None


def list_readers(
    database: Database, *, address: str = "", status: str = "", before: int | None = None
) -> ReaderList:
    """A page of readers, who came last first; those whose address holds ``address``, of that status."""
    with database.read() as session:
        found, number = rows.page_readers(
            session, address=address, status=status, before=before, limit=PAGE + 1
        )
        shown = found[:PAGE]
        ids = [reader.id for reader, _ in shown if reader.id is not None]
        issues, bounces = rows.reader_marks(session, ids)
        groups = group_rows.names_by_reader(session, ids)
    lines = [
        ReaderLine(
            subscriber=reader,
            schedule=_schedule(subscription),
            last_issue=issues.get(reader.id or 0),
            bounces=bounces.get(reader.id or 0, 0),
            group=groups.get(reader.id or 0, ""),
        )
        for reader, subscription in shown
    ]
    return ReaderList(lines, number, shown[-1][0].id if len(found) > PAGE else None)


def list_suppressed(
    database: Database, *, address: str = "", before: int | None = None
) -> tuple[list[Suppression], int | None]:
    """A page of addresses that are not written to, those that came last first."""
    with database.read() as session:
        found = rows.page_suppressions(session, address=address, before=before, limit=PAGE + 1)
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None


# --- one reader ------------------------------------------------------------------------------------


def show_reader(database: Database, number: int) -> ReaderDetail:
    """One reader by number. Raises ``UsageError`` where there is none."""
    with database.read() as session:
        reader = get_subscriber(session, number)
        wishes = load_wishes(session, number)
        own = IssueFilter(subscriber_id=number)
        found = rows.page_issues(session, own, before=None, limit=OWN_ISSUES)
        letters: list[tuple[Letter, Delivery]] = []
        suppression = None
        if reader.email is not None:
            letters = rows.page_letters(
                session, IssueFilter(), recipient=reader.email, before=None, limit=OWN_ISSUES
            )
            suppression = suppression_rows.get_suppression(session, reader.email)
        _, bounces = rows.reader_marks(session, [number])
        group = group_rows.names_by_reader(session, [number]).get(number, "")
    return ReaderDetail(
        subscriber=reader,
        schedule=wishes_in_words(wishes),
        zone=wishes.zone,
        interests=[(one.name, _interest(one)) for one in wishes.interests],
        issues=[IssueLine(*row) for row in found],
        letters=[LetterLine(*row) for row in letters],
        suppression=suppression,
        bounces=bounces.get(number, 0),
        group=group,
    )


def _schedule(row: Subscription | None) -> str:
    if row is None:
        return ""
    days = list(DAYS.values())[row.weekday] if row.cadence == Cadence.WEEKLY else row.cadence
    channels = "" if row.mail else ", feed only"
    return f"{days} at {row.hour:02d}:00 {row.zone}{channels}"


def wishes_in_words(wishes: Wishes) -> str:
    """When and how a reader is served, in one sentence."""
    days = {Cadence.DAILY: "Daily", Cadence.WEEKDAYS: "Monday to Friday"}.get(
        Cadence(wishes.cadence), DAYS[wishes.weekday]
    )
    ways = [name for name, wanted in (("mail", wishes.mail), ("private feed", wishes.feed)) if wanted]
    said = [f"{days} at {wishes.hour:02d}:00 in {wishes.zone}", f"by {' and '.join(ways) or 'nothing'}"]
    if wishes.max_papers is not None:
        said.append(f"at most {wishes.max_papers} papers")
    if wishes.trend_weight is not None:
        said.append(f"trend weighs {wishes.trend_weight:.0%}, taste the rest")
    if wishes.hidden_sections:
        said.append(f"without {' and '.join(wishes.hidden_sections)}")
    return ", ".join(said) + "."


def _interest(one: InterestWish) -> list[tuple[str, str]]:
    parts = [
        ("About", one.about),
        ("Keywords", ", ".join(one.keywords)),
        ("Must have one of", ", ".join(one.must_keywords)),
        ("Never", ", ".join(one.not_keywords)),
        ("Authors", ", ".join(one.authors)),
        ("Categories", ", ".join(one.categories)),
        ("Papers like", _titles(one)),
        ("Learns", "from these alone" if one.only_examples else ""),
    ]
    return [(label, text) for label, text in parts if text]


def _titles(one: InterestWish) -> str:
    """The titles of an interest's papers; of a library the beginning."""
    more = len(one.examples) - MOST_TITLES
    titles = " · ".join(example["title"] for example in one.examples[:MOST_TITLES])
    return f"{titles} · and {more:,} more" if more > 0 else titles


# --- issues to look at -----------------------------------------------------------------------------


def preview_next(previewer: Previewer, database: Database, number: int, moment: Moment) -> IssueView:
    """What the reader of that number would get if it were made now. ``UsageError`` where there is none."""
    with database.read() as session:
        reader = get_subscriber(session, number)
        wishes = load_wishes(session, number)
    return previewer.preview(wishes, moment, subscriber=reader)


def show_issue(database: Database, number: int) -> tuple[IssueLine, ShownIssue]:
    """A stored issue, as it was composed. ``UsageError`` where there is none to look at."""
    with database.read() as session:
        found = rows.get_issue_of(session, number)
        line = IssueLine(*found) if found is not None else None
        if line is None or not line.has_view:
            raise UsageError("there is no such digest to look at")
        view = issue_rows.load_issue_views(session, [number])[number]
    return line, in_sections(view)


def in_sections(view: IssueView) -> ShownIssue:
    """An issue as a page shows it."""
    grouped = groupby(view.items, key=lambda item: item.section.value)
    return ShownIssue(
        view, [(name, [issue_card(item, view.zone, EXCERPT) for item in items]) for name, items in grouped]
    )


def mail_of(database: Database, envelope: Envelope, view: IssueView, number: int) -> str:
    """The HTML part of the mail with that issue, as its reader gets it, with links that do nothing.

    ``UsageError`` where there is no subscriber of that number.
    """
    with database.read() as session:
        get_subscriber(session, number)
        cadence = subscriber_rows.list_subscriptions(session, number)[0].cadence
    with speaking(in_language(view.language, envelope.language)):
        view = spoken(view)
        context = Assembler(envelope).context(view, Addressee(NOBODY, 0, Cadence(cadence)))
        return render_html(view, context)
