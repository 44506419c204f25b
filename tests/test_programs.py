"""What programs and feeds are answered from, on both databases: pages that lose and repeat nothing, marks."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest.errors import UsageError
from digest.models import Check, Subscriber
from digest.pipeline import programs, programs_own
from digest.pipeline.browsing import Browser
from digest.pipeline.compose import Composer, ComposeRules
from digest.pipeline.feeding import FeedMaker, FeedShelf, PublicFeed, ReaderLeftError, renew_feed
from digest.pipeline.programs import NotThereError, PaperFilter
from digest.storage import sources as source_rows
from digest.storage import stamps
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.storage.published import get_feed_reader
from digest.types import SubscriberStatus
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_interest,
    add_issue,
    add_papers,
    add_reader,
    add_source,
    add_subscription,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)

BASE = "https://digest.example.org"


def fill(database: Database, papers: int = 7) -> Subscriber:
    """Papers in two batches, of two sources, and a reader."""
    with database.write() as session:
        first, second = add_source(session), add_source(session, "other", "feed")
        entries = [
            make_entry(number, categories=("cs.CL",) if number % 2 else ()) for number in range(1, papers + 1)
        ]
        add_papers(session, entries[:4], source_id=first, now=NOW - DAY, day=TODAY - DAY)
        add_papers(session, entries[4:], source_id=second)
        reader, _ = add_reader(session)
        source_rows.add_check(session, Check(source_id=first, day=TODAY, checked_at=NOW, verdict="fresh"))
    return reader


def shelf_of(database: Database, folder: Path) -> FeedShelf:
    composer = Composer(database, ComposeRules(), folder)
    return FeedShelf(FeedMaker(database, composer, "Paper digest", "example.org"), Browser(database))


def test_papers_page_by_page_are_all_papers_once(database: Database) -> None:
    fill(database)
    found: list[int] = []
    cursor = None
    while True:
        page = programs.list_papers(database, PaperFilter(), cursor=cursor, limit=2, now=NOW)
        found += [one.view.paper_id for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == [7, 6, 5, 4, 3, 2, 1]


def test_papers_are_narrowed_by_day_source_and_category(database: Database) -> None:
    fill(database)

    def ids(**wanted: object) -> list[int]:
        page = programs.list_papers(database, PaperFilter(**wanted), cursor=None, limit=50, now=NOW)  # type: ignore[arg-type]
        return [one.view.paper_id for one in page.items]

    assert ids(since=TODAY) == [7, 6, 5]
    assert ids(until=TODAY - DAY) == [4, 3, 2, 1]
    assert ids(source="other") == [7, 6, 5]
    assert ids(category="cs.CL") == [7, 5, 3, 1]
    assert ids(source="other", category="cs.CL", since=date.min, until=date.max) == [7, 5]
    with pytest.raises(NotThereError):
        ids(source="nobody")


@pytest.mark.parametrize("cursor", ["0-0", "9999999999999999-999999999", "0-999999999"])
def test_any_cursor_of_its_form_can_be_gone_on_from(database: Database, cursor: str) -> None:
    reader = fill(database)
    page = programs.list_papers(database, PaperFilter(), cursor=cursor, limit=50, now=NOW)
    assert len(page.items) == (7 if cursor.startswith("9") else 0)
    assert programs_own.list_issues(database, reader, cursor=cursor, limit=5).next is None


def test_a_paper_knows_its_listings_and_facts(database: Database) -> None:
    fill(database)
    whole = programs.find_paper(database, 5, NOW)
    assert [(one.source, one.day, one.position) for one in whole.listings] == [("other", TODAY, 5)]
    assert whole.paper.facts.categories == ("cs.CL",)
    with pytest.raises(NotThereError):
        programs.find_paper(database, 99, NOW)


def test_issues_of_one_reader_come_newest_first_page_by_page(database: Database) -> None:
    reader = fill(database)
    with database.write() as session:
        (subscription,) = subscriber_rows.list_subscriptions(session, reader.id or 0)
        other, theirs = add_reader(session, "other@example.org")
        # A day that was asked for later is where its date puts it.
        for day in (3, 1, 2):
            add_issue(session, subscription, TODAY + day * DAY, paper_ids=[day])
        add_issue(session, subscription, TODAY + 4 * DAY, status="empty")
        add_issue(session, theirs, TODAY, paper_ids=[4])
    first = programs_own.list_issues(database, reader, cursor=None, limit=2)
    second = programs_own.list_issues(database, reader, cursor=first.next, limit=2)
    days = [one.local_date for one in (*first.items, *second.items)]
    assert days == [TODAY + day * DAY for day in (3, 2, 1)]
    assert second.next is None
    assert [one.items[0].paper.paper_id for one in first.items] == [3, 2]
    assert len(programs_own.list_issues(database, other, cursor=None, limit=9).items) == 1


def test_what_is_said_counts_for_the_interest_that_is_named(database: Database) -> None:
    reader = fill(database)
    with database.write() as session:
        add_interest(session, reader, "Finding")
    given = {"interest": "Finding", "note": "Two\nlines", "now": NOW}
    said = programs_own.say(database, reader, 1, "saved", **given)  # type: ignore[arg-type]
    assert (said.interest, said.note, said.title) == (
        "Finding",
        "Two\nlines",
        "Finding Thing 1 in Long Documents",
    )
    again = programs_own.say(database, reader, 1, "saved", interest=None, note=None, now=NOW)
    assert (again.note, again.number) == ("Two\nlines", said.number)
    for number in (2, 3):
        programs_own.say(database, reader, number, "more", interest=None, note=None, now=NOW)
    page = programs_own.list_said(database, reader, kind=None, cursor=None, limit=2)
    assert [one.paper_id for one in page.items] == [3, 2]
    rest = programs_own.list_said(database, reader, kind=None, cursor=page.next, limit=2)
    assert [one.paper_id for one in rest.items] == [1]
    saved = programs_own.list_saved(database, reader, cursor=None, limit=9, now=NOW)
    assert [(one.paper.view.paper_id, one.note) for one in saved.items] == [(1, "Two\nlines")]
    programs_own.unsay(database, reader, 1, "saved")
    for missing in (
        lambda: programs_own.unsay(database, reader, 1, "saved"),
        lambda: programs_own.say(database, reader, 99, "more", interest=None, note=None, now=NOW),
        lambda: programs_own.say(database, reader, 1, "more", interest="x", note=None, now=NOW),
    ):
        with pytest.raises(NotThereError):
            missing()


def test_wishes_take_the_words_of_stored_examples(database: Database) -> None:
    reader = fill(database)
    example = {"paper_id": 1, "title": "Forged", "abstract": "Forged"}
    interests = [{"name": "Mine", "examples": [example, {"paper_id": 99, "title": "Kept", "abstract": ""}]}]
    own = programs_own.change_wishes(database, reader, {"interests": interests}, NOW)
    (interest,) = own.wishes.interests
    assert [(one["paper_id"], one["title"]) for one in interest.examples] == [
        (1, "Finding Thing 1 in Long Documents"),
        (None, "Kept"),
    ]
    with pytest.raises(UsageError):
        programs_own.change_wishes(database, reader, {"zone": "Mars/Base"}, NOW)
    assert programs_own.describe(database, reader).wishes == own.wishes


def test_a_feed_is_found_by_its_name_and_shows_what_is_published(database: Database, tmp_path: Path) -> None:
    reader = fill(database)
    with database.write() as session:
        (subscription,) = subscriber_rows.list_subscriptions(session, reader.id or 0)
        hidden = add_subscription(session, reader, feed=False)
        add_issue(session, subscription, paper_ids=[1])
        add_issue(session, hidden, paper_ids=[2])
    with database.read() as session:
        found = get_feed_reader(session, reader.feed_token)
        assert found is not None
        assert (found.subscriber_id, found.subscriptions) == (reader.id, (subscription.id,))
        assert get_feed_reader(session, "nobody") is None
        assert stamps.read_at(session) == NOW
    shelf = shelf_of(database, tmp_path)
    before = shelf.private(reader.feed_token, "atom", BASE)
    assert before is not None
    assert before.body.count(b"<entry>") == 1
    assert shelf.private(reader.feed_token, "atom", BASE) is before
    with database.write() as session:
        add_issue(session, subscription, TODAY + DAY, paper_ids=[3], composed_at=NOW + DAY)
    after = shelf.private(reader.feed_token, "atom", BASE)
    assert after is not None
    assert after.body.count(b"<entry>") == 2
    assert after.changed_at == NOW + DAY


def test_a_feed_ends_with_its_name_and_with_its_reader(database: Database, tmp_path: Path) -> None:
    reader, shelf = fill(database), shelf_of(database, tmp_path)
    old = reader.feed_token
    (tmp_path / f"{old}.rss").write_text("old")
    renew_feed(database, reader, tmp_path)
    assert shelf.private(old, "rss", BASE) is None
    assert not (tmp_path / f"{old}.rss").exists()
    with database.write() as session:
        stored = subscriber_rows.get_by_id(session, reader.id or 0)
        assert stored is not None
        assert shelf.private(stored.feed_token, "rss", BASE) is not None
        subscriber_rows.set_status(session, stored, SubscriberStatus.UNSUBSCRIBED, now=NOW)
    with pytest.raises(ReaderLeftError):
        shelf.private(stored.feed_token, "rss", BASE)


def test_public_feeds_stand_as_of_the_last_look(database: Database, tmp_path: Path) -> None:
    fill(database)
    shelf = shelf_of(database, tmp_path)
    for wanted in (PublicFeed("trending"), PublicFeed("trending-month"), PublicFeed("search", query="thing")):
        made = shelf.public(wanted, "json", BASE, NOW + HOUR)
        assert made is not None
        assert made.body.count(b'"id"') == 7
        assert made.changed_at == NOW
        assert shelf.public(wanted, "json", BASE, NOW + 40 * DAY) is made
    assert shelf.public(PublicFeed("trending-day", source="nobody"), "json", BASE, NOW) is None


def test_without_any_look_a_feed_is_empty(database: Database, tmp_path: Path) -> None:
    shelf = shelf_of(database, tmp_path)
    for name in ("trending", "trending-day", "search"):
        made = shelf.public(PublicFeed(name, query="x" if name == "search" else ""), "rss", BASE, NOW)
        assert made is not None
        assert b"<item>" not in made.body
        assert made.changed_at == datetime(2026, 1, 1, tzinfo=UTC)
