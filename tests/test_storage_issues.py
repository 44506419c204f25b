"""Issues frozen with what they hold, and the history of sending them."""

import json
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from digest.errors import StorageError
from digest.models import Delivery, Issue, StoredRecommendation
from digest.storage import deliveries, issues
from digest.storage.database import Database
from digest.storage.shown import shown_from_dict, shown_to_dict
from digest.types import DeliveryStatus, IssueStatus, PaperView, Section
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_issue,
    add_papers,
    add_reader,
    add_subscription,
    make_delivery,
    make_entry,
    make_recommendation,
    make_view,
)

pytest_plugins = ("tests.storage_fixtures",)


def test_an_issue_is_stored_with_all_that_belongs_to_it(database: Database) -> None:
    """Its recommendations in reading order, and its planned delivery."""
    with database.write() as s:
        _, subscription = add_reader(s)
        ids = add_papers(s, [make_entry(n) for n in (1, 2, 3)])
        issue = add_issue(
            s,
            subscription,
            paper_ids=[ids[2], ids[0], ids[1]],
            delivery=make_delivery("<one@example.org>", status=DeliveryStatus.PLANNED),
            status=IssueStatus.COMPOSED,
            subject="Finding Thing 3",
        )
    with database.read() as s:
        stored = issues.get_issue(s, subscription.id, TODAY)
        rows = issues.list_recommendations(s, issue.id)
        delivery = deliveries.get_delivery(s, issue.id, "mail")
        assert issues.get_issue(s, subscription.id, TODAY + DAY) is None
        assert deliveries.get_delivery(s, issue.id, "feed") is None
    assert (stored.id, stored.subject, stored.status) == (issue.id, "Finding Thing 3", "composed")
    assert [(one.position, one.paper_id) for one in rows] == [(1, ids[2]), (2, ids[0]), (3, ids[1])]
    assert (delivery.message_id, delivery.status, delivery.attempts) == ("<one@example.org>", "planned", 0)


def test_a_second_issue_of_a_date_is_refused_and_changes_nothing(database: Database) -> None:
    """One sentence; the transaction around it goes on and commits the rest."""
    with database.write() as s:
        _, subscription = add_reader(s)
        ids = add_papers(s, [make_entry(n) for n in (1, 2)])
        add_issue(s, subscription, paper_ids=ids[:1], delivery=make_delivery("<one@example.org>"))
        with pytest.raises(StorageError, match="2026-08-03"):
            add_issue(s, subscription, paper_ids=ids[1:], delivery=make_delivery("<two@example.org>"))
        add_issue(s, subscription, TODAY + DAY, paper_ids=ids[1:])
    with database.read() as s:
        assert [one.local_date for one in s.exec(select(Issue).order_by(Issue.id))] == [TODAY, TODAY + DAY]
        assert [
            one.paper_id for one in s.exec(select(StoredRecommendation).order_by(StoredRecommendation.id))
        ] == ids
        assert [one.message_id for one in s.exec(select(Delivery))] == ["<one@example.org>"]


def test_an_issue_whose_mail_cannot_be_planned_is_not_stored(database: Database) -> None:
    """A Message-ID is given once; an issue that fails on it leaves no trace."""
    with database.write() as s:
        _, subscription = add_reader(s)
        ids = add_papers(s, [make_entry(1)])
        add_issue(s, subscription, delivery=make_delivery("<one@example.org>"))
        with pytest.raises(StorageError):
            add_issue(
                s, subscription, TODAY + DAY, paper_ids=ids, delivery=make_delivery("<one@example.org>")
            )
        twice = [make_recommendation(ids[0], 1), make_recommendation(ids[0], 2)]
        issue = Issue(
            subscription_id=subscription.id,
            local_date=TODAY,
            status="composed",
            composed_at=NOW,
            expires_at=NOW,
        )
        with pytest.raises(StorageError):
            issues.add_issues(s, [issues.NewIssue(issue, twice, {ids[0]: make_view(ids[0])})])
    with database.read() as s:
        assert len(s.exec(select(Issue)).all()) == 1
        assert s.exec(select(StoredRecommendation)).all() == []


def test_served_dates_tell_what_became_of_each(database: Database) -> None:
    """From a date on, for every subscription asked, also those never served."""
    with database.write() as s:
        ada, one = add_reader(s)
        two = add_subscription(s, ada)
        for back, status in ((0, "composed"), (1, "empty"), (2, "notice")):
            add_issue(s, one, TODAY - back * DAY, status=status)
    with database.read() as s:
        assert issues.served_dates(s, [one.id, two.id], since=TODAY - DAY) == {
            one.id: {TODAY: "composed", TODAY - DAY: "empty"},
            two.id: {},
        }


def test_sent_papers_are_those_of_composed_issues_of_all_subscriptions(database: Database) -> None:
    """An expired issue was never received; another reader's issues do not count."""
    with database.write() as s:
        ada, one = add_reader(s)
        two = add_subscription(s, ada)
        bo, other = add_reader(s, "bo@example.org")
        cy, _ = add_reader(s, "cy@example.org")
        ids = add_papers(s, [make_entry(n) for n in range(1, 6)])
        add_issue(s, one, paper_ids=ids[:2])
        add_issue(s, two, TODAY - DAY, paper_ids=ids[1:3])
        add_issue(s, one, TODAY - DAY, paper_ids=ids[3:4], status="expired")
        add_issue(s, other, paper_ids=ids[4:])
    with database.read() as s:
        sent = issues.list_sent(s, [ada.id, bo.id, cy.id])
    assert sent == {ada.id: set(ids[:3]), bo.id: {ids[4]}, cy.id: set()}


@pytest.mark.parametrize(
    ("history", "silent"),
    [
        ("", 0),
        ("c", 0),
        ("e", 1),
        ("cee", 2),
        ("eenee", 2),  # a notice was heard
        ("eec", 0),
        ("eeee", 4),
    ],
)
def test_silent_days_are_the_empty_issues_right_before(database: Database, history: str, silent: int) -> None:
    """Those of the date itself and later do not count; days without an issue are passed over."""
    statuses = {"c": "composed", "e": "empty", "n": "notice"}
    with database.write() as s:
        _, subscription = add_reader(s)
        for back, letter in enumerate(reversed(history), start=1):
            add_issue(s, subscription, TODAY - 2 * back * DAY, status=statuses[letter])
        add_issue(s, subscription, TODAY, status="empty")
    with database.read() as s:
        assert issues.silent_days(s, subscription.id, TODAY) == silent


def test_visible_issues_are_listed_newest_first(database: Database) -> None:
    """Papers or a notice; the empty and the expired are not shown."""
    with database.write() as s:
        _, subscription = add_reader(s)
        ids = [
            add_issue(s, subscription, TODAY + n * DAY, status=status).id
            for n, status in enumerate(("composed", "empty", "notice", "expired", "composed"))
        ]
    with database.read() as s:
        assert issues.list_issue_ids(s, subscription.id, limit=10) == [ids[4], ids[2], ids[0]]
        assert issues.list_issue_ids(s, subscription.id, limit=2) == [ids[4], ids[2]]


def test_an_issue_is_shown_as_it_was_composed(database: Database) -> None:
    """From what was frozen with it alone: later changes of a paper, or of interests, do not reach it."""
    with database.write() as s:
        _, subscription = add_reader(s)
        ids = add_papers(s, [make_entry(n) for n in (1, 2)])
        shown = make_view(ids[0], title="As It Was", votes=12, votes_history=((NOW, 7), (NOW + HOUR, 12)))
        issue = Issue(
            subscription_id=subscription.id,
            local_date=TODAY,
            status="composed",
            subject="As It Was",
            coverage="Hugging Face: 2 papers, complete.",
            interests=["Finding", "Clouds"],
            zone="Europe/Berlin",
            composed_at=NOW,
            expires_at=NOW + DAY,
        )
        chosen = [
            make_recommendation(ids[0], 1, section=Section.FOLLOWING, score=0.75),
            make_recommendation(ids[1], 2, section=Section.TRENDING, interest=None, reasons=()),
        ]
        views = {ids[0]: shown, ids[1]: make_view(ids[1])}
        (issue_id,) = issues.add_issues(s, [issues.NewIssue(issue, chosen, views)])
        empty = add_issue(
            s, subscription, TODAY + DAY, status="notice", notice="Nothing new. Everything was read."
        )
    with database.read() as s:
        views = issues.load_issue_views(s, [empty.id, issue_id, 99])
    assert set(views) == {issue_id, empty.id}
    view = views[issue_id]
    assert (view.subject, view.coverage, view.zone) == (issue.subject, issue.coverage, "Europe/Berlin")
    assert (view.local_date, view.composed_at, view.interests) == (TODAY, NOW, ("Finding", "Clouds"))
    first, second = view.items
    assert (first.paper, first.section, first.score) == (shown, Section.FOLLOWING, 0.75)
    assert (first.interest, first.reasons) == ("Finding", ("keyword “find”",))
    assert (second.paper, second.section, second.interest, second.reasons) == (
        make_view(ids[1]),
        Section.TRENDING,
        None,
        (),
    )
    assert (views[empty.id].items, views[empty.id].notice) == ((), "Nothing new. Everything was read.")


# --- what is frozen --------------------------------------------------------------------------------

times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))
words = st.text(max_size=20)
counts = st.none() | st.integers(0, 2**31)
views = st.builds(
    PaperView,
    paper_id=st.integers(1, 2**31),
    title=words,
    abstract=words,
    authors=st.lists(words, max_size=3).map(tuple),
    url=words,
    organisation=st.none() | words,
    summary=st.none() | words,
    keywords=st.lists(words, max_size=3).map(tuple),
    votes=counts,
    comments=counts,
    stars=counts,
    listed_on=st.none() | st.dates(),
    published_on=st.none() | st.dates(),
    first_seen_at=st.none() | times,
    votes_history=st.lists(st.tuples(times, st.integers(0, 2**31)), max_size=3).map(tuple),
)


@given(view=views)
def test_what_was_shown_comes_back_exactly(view: PaperView) -> None:
    """Through JSON, every field and type."""
    assert shown_from_dict(json.loads(json.dumps(shown_to_dict(view)))) == view


def test_what_older_and_newer_versions_froze_can_be_read() -> None:
    """A key too many is passed over, one too few takes its default."""
    shown = shown_to_dict(make_view(7)) | {"mood": "good"}
    del shown["keywords"], shown["votes_history"], shown["listed_on"]
    assert shown_from_dict(shown) == make_view(7)
