"""What programs may ask and change for one reader: wishes, issues, and what they said of papers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from digest.models import Feedback, Subscriber
from digest.pipeline.programs import NotThereError, Page, ToldPaper, read_cursor, tell_papers
from digest.pipeline.saved import clean_note
from digest.pipeline.steering import save_wishes, wishes_of
from digest.pipeline.wishes import ExamplePaper, Wishes, with_told
from digest.storage import catalogue
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.catalogue import Said
from digest.storage.database import Database
from digest.types import FeedbackKind, IssueView

__all__ = [
    "Own",
    "SavedPaper",
    "change_wishes",
    "describe",
    "list_issues",
    "list_said",
    "list_saved",
    "say",
    "unsay",
]


@dataclass(frozen=True, slots=True)
class Own:
    """A reader and what they chose."""

    subscriber: Subscriber
    wishes: Wishes


class SavedPaper(NamedTuple):
    """A paper that a reader saved."""

    paper: ToldPaper
    note: str
    saved_at: datetime


def describe(database: Database, subscriber: Subscriber) -> Own:
    """A reader and what they chose."""
    return Own(subscriber, wishes_of(database, _id(subscriber)))


def change_wishes(database: Database, subscriber: Subscriber, given: Mapping[str, Any], now: datetime) -> Own:
    """Make these (as ``Wishes.as_dict`` gives them) a reader's wishes.

    Raises ``UsageError`` for what cannot be. An example that is named by the id of a stored paper has that
    paper's words; one that names nothing is left out. What a library told of one stays with it.
    """
    with database.read() as session:
        interests = [
            dict(one) | {"examples": [_resolved(session, example) for example in one.get("examples", ())]}
            for one in given.get("interests", ())
        ]
    wishes = with_told(
        Wishes.from_dict(dict(given) | {"interests": interests}), wishes_of(database, _id(subscriber))
    )
    save_wishes(database, _id(subscriber), wishes, renamed={}, now=now)
    return describe(database, subscriber)


def _resolved(session: Session, example: ExamplePaper) -> ExamplePaper:
    number = example["paper_id"]
    paper = None if number is None else paper_rows.get_paper(session, paper_rows.joined_id(session, number))
    if paper is None:
        return ExamplePaper(paper_id=None, title=example["title"], abstract=example["abstract"])
    return ExamplePaper(paper_id=paper.id, title=paper.title, abstract=paper.abstract)


def list_issues(
    database: Database, subscriber: Subscriber, *, cursor: str | None, limit: int
) -> Page[IssueView]:
    """A reader's issues that had something to show, newest first."""
    with database.read() as session:
        keys = catalogue.list_issues(session, _id(subscriber), before=_day(cursor), limit=limit + 1)
        numbers = [number for _, number in keys[:limit]]
        views = issue_rows.load_issue_views(session, numbers)
    more = f"{keys[limit - 1][0].toordinal()}-{keys[limit - 1][1]}" if len(keys) > limit else None
    return Page([views[number] for number in numbers], more)


def _day(cursor: str | None) -> tuple[date, int] | None:
    numbers = read_cursor(cursor)
    if numbers is None:
        return None
    return date.fromordinal(min(max(numbers[0], 1), date.max.toordinal())), numbers[1]


def list_said(
    database: Database, subscriber: Subscriber, *, kind: str | None, cursor: str | None, limit: int
) -> Page[Said]:
    """What a reader said of papers, the last first."""
    with database.read() as session:
        rows = catalogue.list_feedback(
            session,
            _id(subscriber),
            kind=kind,
            before=None if cursor is None else int(cursor),
            limit=limit + 1,
        )
    return Page(rows[:limit], str(rows[limit - 1].number) if len(rows) > limit else None)


def list_saved(
    database: Database, subscriber: Subscriber, *, cursor: str | None, limit: int, now: datetime
) -> Page[SavedPaper]:
    """The papers a reader saved, the last first."""
    page = list_said(database, subscriber, kind=FeedbackKind.SAVED, cursor=cursor, limit=limit)
    with database.read() as session:
        papers = {
            one.view.paper_id: one for one in tell_papers(session, [row.paper_id for row in page.items], now)
        }
    return Page(
        [SavedPaper(papers[row.paper_id], row.note, row.at) for row in page.items if row.paper_id in papers],
        page.next,
    )


def say(
    database: Database,
    subscriber: Subscriber,
    paper_id: int,
    kind: str,
    *,
    interest: str | None,
    note: str | None,
    now: datetime,
) -> Said:
    """Record what a reader says of a paper, and return it as it is stored.

    It counts for the interest of that name, else for the one the paper was recommended for. Raises
    ``NotThereError`` for a paper that is not stored and an interest they do not have.
    """
    with database.write() as session:
        number = paper_rows.joined_id(session, paper_id)
        if paper_rows.get_paper(session, number) is None:
            raise NotThereError("There is no such paper.")
        named = {one.name: one.id for one in subscriber_rows.list_interests(session, _id(subscriber))}
        if interest is not None and interest not in named:
            raise NotThereError("You have no interest of that name.")
        recommended = subscriber_rows.recommended_interest(session, _id(subscriber), number)
        said = Feedback(
            subscriber_id=_id(subscriber),
            paper_id=number,
            kind=kind,
            interest_id=recommended if interest is None else named[interest],
            created_at=now,
        )
        subscriber_rows.add_feedback(session, said)
        if note is not None:
            _note(session, _id(subscriber), number, kind, note)
        return catalogue.list_feedback(session, _id(subscriber), kind=kind, paper_id=number, limit=1)[0]


def _note(session: Session, subscriber_id: int, paper_id: int, kind: str, note: str) -> None:
    for row in subscriber_rows.list_feedback(session, subscriber_id, paper_id):
        if row.kind == kind:
            row.note = clean_note(note)
    session.flush()


def unsay(database: Database, subscriber: Subscriber, paper_id: int, kind: str) -> None:
    """Take back what a reader said. Raises ``NotThereError`` where they did not say it."""
    with database.write() as session:
        number = paper_rows.joined_id(session, paper_id)
        said = subscriber_rows.list_feedback(session, _id(subscriber), number)
        if kind not in {row.kind for row in said}:
            raise NotThereError("You did not say that of this paper.")
        subscriber_rows.delete_feedback(session, _id(subscriber), number, [kind])


def _id(subscriber: Subscriber) -> int:
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    return subscriber.id
