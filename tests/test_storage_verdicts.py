"""What readers were sent lately beside what they said of it, and what one reader knows."""

from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from digest.models import Feedback, Interest, Issue, Subscriber, Subscription
from digest.storage import issues
from digest.storage.database import Database
from digest.storage.known import Word, list_sent_days, list_words, listed_days
from digest.storage.verdicts import NEWEST, SentPaper, list_verdicts
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_interest,
    add_papers,
    add_reader,
    list_again,
    make_entry,
    make_recommendation,
    make_view,
)
from tests.storage_rows import add_source as add_a_source

pytest_plugins = ("tests.storage_fixtures",)

SINCE = NOW - 180 * DAY


def send(
    s: Session, subscription: Subscription, paper_ids: list[int], days_ago: int = 0, **given: Any
) -> None:
    """An issue of that day; each paper's only part is its number, so that it can be told."""
    at = NOW - days_ago * DAY
    values = {"status": "composed", "composed_at": at, "expires_at": at + DAY}
    interest_id = given.pop("interest_id", None)
    issue = Issue(subscription_id=subscription.id, local_date=at.date(), **(values | given))
    chosen = [
        make_recommendation(number, place, parts={"number": number}, interest_id=interest_id)
        for place, number in enumerate(paper_ids, start=1)
    ]
    issues.add_issues(s, [issues.NewIssue(issue, chosen, {one: make_view(one) for one in paper_ids})])


def say(s: Session, reader: Subscriber, paper_id: int, kind: str, days_ago: float = 0) -> None:
    s.add(
        Feedback(
            subscriber_id=reader.id, paper_id=paper_id, kind=kind, created_at=NOW - days_ago * DAY + HOUR
        )
    )
    s.flush()


def told(s: Session, *readers: Subscriber) -> dict[int, dict[int, str | None]]:
    """Paper and word, by reader."""
    found = list_verdicts(s, [one.id or 0 for one in readers], since=SINCE)
    return {who: {int(one.parts["number"]): one.said for one in papers} for who, papers in found.items()}


def filled(s: Session, papers: int = 12) -> tuple[list[int], list[tuple[Subscriber, Subscription]]]:
    numbers = add_papers(s, [make_entry(number + 1) for number in range(papers)])
    return numbers, [add_reader(s, f"reader{number}@example.org") for number in range(2)]


def test_issues_with_a_judged_paper_are_told_whole_and_others_not(database: Database) -> None:
    with database.write() as s:
        ids, ((ada, ada_row), (bo, bo_row)) = filled(s)
        send(s, ada_row, ids[:3], 1)
        send(s, ada_row, ids[3:6], 0)
        send(s, bo_row, ids[:3], 1)
        say(s, ada, ids[0], "more")
        say(s, ada, ids[1], "less")
        assert told(s, ada, bo) == {ada.id: {ids[0]: "more", ids[1]: "less", ids[2]: None}}
        assert list_verdicts(s, [ada.id or 0], since=SINCE)[ada.id or 0][0] == SentPaper(
            {"number": ids[0]}, "more"
        )
        say(s, bo, ids[2], "saved")
        assert told(s, ada, bo)[bo.id or 0] == {ids[0]: None, ids[1]: None, ids[2]: "saved"}
        assert told(s) == {}


def test_the_last_word_counts_and_having_seen_it_is_none(database: Database) -> None:
    with database.write() as s:
        ids, ((ada, row), _) = filled(s)
        send(s, row, ids[:3], 3)
        say(s, ada, ids[0], "saved", 2)
        say(s, ada, ids[0], "less", 1)
        say(s, ada, ids[1], "less", 2)
        say(s, ada, ids[1], "saved", 1)
        say(s, ada, ids[2], "seen")
        assert told(s, ada) == {ada.id: {ids[0]: "less", ids[1]: "saved", ids[2]: None}}


def test_what_is_old_expired_or_from_before_learning_anew_is_left_out(database: Database) -> None:
    with database.write() as s:
        ids, ((ada, row), _) = filled(s)
        send(s, row, ids[0:2], 181)
        send(s, row, ids[2:4], 20, status="expired")
        send(s, row, ids[4:6], 10)
        send(s, row, ids[6:8], 2)
        for number in ids[:8:2]:
            say(s, ada, number, "more")
        assert set(told(s, ada)[ada.id or 0]) == set(ids[4:8])
        ada.learn_from = NOW - 5 * DAY
        s.add(ada)
        s.flush()
        assert set(told(s, ada)[ada.id or 0]) == set(ids[6:8])


def test_an_interest_that_learns_anew_or_from_its_examples_only(database: Database) -> None:
    with database.write() as s:
        ids, ((ada, row), _) = filled(s)
        interests: list[Interest] = [add_interest(s, ada, name) for name in ("a", "b", "c")]
        for place, interest in enumerate(interests):
            numbers = ids[2 * place : 2 * place + 2]
            send(s, row, numbers, 10 + place, interest_id=interest.id)
            say(s, ada, numbers[0], "less")
        interests[1].learn_from = NOW - 5 * DAY
        interests[2].only_examples = True
        s.add_all(interests)
        s.flush()
        assert set(told(s, ada)[ada.id or 0]) == set(ids[:2])


def test_the_newest_issues_are_enough(database: Database) -> None:
    with database.write() as s:
        ids, ((ada, row), _) = filled(s, NEWEST + 3)
        for days_ago, number in enumerate(ids):
            send(s, row, [number], days_ago)
            say(s, ada, number, "more")
        assert set(told(s, ada)[ada.id or 0]) == set(ids[:NEWEST])


def test_what_one_reader_knows_with_days(database: Database) -> None:
    with database.write() as s:
        ids, ((ada, row), (bo, _)) = filled(s)
        send(s, row, ids[:2], 2)
        send(s, row, ids[2:3], 1, status="expired")
        say(s, ada, ids[1], "more", 1)
        say(s, ada, ids[1], "saved", 0.5)
        assert list_sent_days(s, ada.id or 0) == dict.fromkeys(ids[:2], date(2026, 8, 1))
        assert list_words(s, ada.id or 0) == {ids[1]: Word("saved", NOW - DAY / 2 + HOUR)}
        assert list_sent_days(s, bo.id or 0) == list_words(s, bo.id or 0) == {}


def test_the_days_that_a_paper_was_listed_on(database: Database) -> None:
    with database.write() as s:
        source_id = add_a_source(s)
        entry = make_entry()
        (number,) = add_papers(s, [entry], source_id=source_id)
        later = TODAY + timedelta(days=4)
        list_again(s, number, entry, now=NOW, source_id=source_id, day=later)
        assert listed_days(s, number, TODAY) == (TODAY, later)
        assert listed_days(s, number, TODAY - DAY) == (None, TODAY)
        assert listed_days(s, number, later) == (later, None)
        assert listed_days(s, number + 1, later) == (None, None)
