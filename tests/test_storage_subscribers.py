"""Readers: their rows, what leaves with them, and the profiles the ranking is given."""

import pytest
from sqlalchemy import event
from sqlmodel import select

from digest.errors import UsageError
from digest.models import Delivery, Feedback, Interest, Issue, StoredRecommendation, Subscriber, Subscription
from digest.storage import subscribers
from digest.storage.database import Database
from digest.types import Example
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_interest,
    add_issue,
    add_papers,
    add_reader,
    add_subscription,
    make_delivery,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)


def test_a_subscriber_is_found_however_the_address_is_spelt(database: Database) -> None:
    """It is kept as it was given, and cannot be added twice."""
    with database.write() as s:
        subscribers.add_subscriber(s, email=" Ada.Example@Example.org ", status="unconfirmed", now=NOW)
        found = subscribers.get_subscriber(s, "ada.example@EXAMPLE.org")
        assert (found.email, found.status, found.confirmed_at) == (
            "Ada.Example@Example.org",
            "unconfirmed",
            None,
        )
        assert subscribers.get_subscriber(s, "bo@example.org") is None
        with pytest.raises(UsageError, match="already"):
            subscribers.add_subscriber(s, email="ADA.example@example.org", status="active", now=NOW)
        assert len(subscribers.list_subscribers(s)) == 1


def test_readers_without_an_address_have_feeds_of_their_own(database: Database) -> None:
    """Their names cannot be guessed: 32 random bytes."""
    with database.write() as s:
        readers = [subscribers.add_subscriber(s, email=None, status="active", now=NOW) for _ in range(3)]
    assert len({one.feed_token for one in readers}) == 3
    assert all(len(one.feed_token) == 43 for one in readers)


def test_the_first_time_active_is_the_confirmation(database: Database) -> None:
    """Pausing and coming back later do not move it; the caller's object tells the new status too."""
    with database.write() as s:
        reader, _ = add_reader(s, status="unconfirmed")
    for hours, status, until in ((1, "active", None), (2, "paused", TODAY + DAY), (3, "active", None)):
        with database.write() as s:
            subscribers.set_status(s, reader, status, paused_until=until, now=NOW + hours * HOUR)
        with database.read() as s:
            stored = subscribers.get_subscriber(s, "ada@example.org")
        assert (stored.status, stored.paused_until, stored.confirmed_at) == (status, until, NOW + HOUR)
        assert (reader.status, reader.paused_until) == (status, until)


def test_who_is_served(database: Database) -> None:
    """The active, with every subscription, and the paused whose pause has an end."""
    with database.write() as s:
        ada, daily = add_reader(s)
        weekly = add_subscription(s, ada, cadence="weekly")
        bo, paused = add_reader(s, "bo@example.org")
        subscribers.set_status(s, bo, "paused", paused_until=TODAY, now=NOW)
        for status in ("unconfirmed", "bounced", "unsubscribed", "paused"):
            add_reader(s, f"{status}@example.org", status=status)
    with database.read() as s:
        served = [(one.id, two.id) for one, two in subscribers.list_active(s)]
        asked = [two.id for _, two in subscribers.list_active(s, [weekly.id, paused.id, 999])]
        assert [one.id for one in subscribers.list_subscriptions(s, ada.id)] == [daily.id, weekly.id]
    assert served == [(ada.id, daily.id), (ada.id, weekly.id), (bo.id, paused.id)]
    assert asked == [weekly.id, paused.id]


def test_who_leaves_takes_everything_along(database: Database) -> None:
    """Interests, feedback, issues, recommendations and deliveries; papers and other readers stay."""
    with database.write() as s:
        paper_ids = add_papers(s, [make_entry(1), make_entry(2)])
        for name in ("ada", "bo"):
            reader, subscription = add_reader(s, f"{name}@example.org")
            interest = add_interest(s, reader, "Finding")
            said = Feedback(
                subscriber_id=reader.id,
                paper_id=paper_ids[0],
                kind="more",
                interest_id=interest.id,
                created_at=NOW,
            )
            subscribers.add_feedback(s, said)
            add_issue(s, subscription, paper_ids=paper_ids, delivery=make_delivery(f"<{name}@example.org>"))
    with database.write() as s:
        subscribers.delete_subscriber(s, subscribers.get_subscriber(s, "ada@example.org"))
    with database.write() as s:
        subscribers.delete_subscriber(s, Subscriber(id=99, status="active", feed_token="x", created_at=NOW))
    with database.read() as s:
        assert [one.email for one in subscribers.list_subscribers(s)] == ["bo@example.org"]
        for model in (Subscription, Interest, Feedback, Issue, Delivery):
            assert len(s.exec(select(model)).all()) == 1, model
        assert len(s.exec(select(StoredRecommendation)).all()) == 2


def test_interests_are_added_changed_and_deleted(database: Database) -> None:
    """Feedback on a deleted one stays, without it."""
    with database.write() as s:
        reader, _ = add_reader(s)
        (paper_id,) = add_papers(s, [make_entry(1)])
        interest = add_interest(s, reader, "Finding", keywords=["find"])
        add_interest(s, reader, "Other")
        said = Feedback(
            subscriber_id=reader.id, paper_id=paper_id, kind="more", interest_id=interest.id, created_at=NOW
        )
        subscribers.add_feedback(s, said)
        interest.keywords = [*interest.keywords, "search"]
        subscribers.add_interest(s, interest)
    with database.write() as s:
        assert [(one.name, one.keywords) for one in subscribers.list_interests(s, reader.id)] == [
            ("Finding", ["find", "search"]),
            ("Other", []),
        ]
        assert subscribers.delete_interest(s, reader.id, "Finding")
        assert not subscribers.delete_interest(s, reader.id, "Finding")
    with database.read() as s:
        assert [one.name for one in subscribers.list_interests(s, reader.id)] == ["Other"]
        assert s.exec(select(Feedback.interest_id)).all() == [None]


def say(database: Database, subscriber_id: int, paper_id: int, kind: str, **given: object) -> None:
    """Store feedback."""
    with database.write() as s:
        values = {"created_at": NOW} | given
        subscribers.add_feedback(
            s, Feedback(subscriber_id=subscriber_id, paper_id=paper_id, kind=kind, **values)
        )


def test_more_and_less_replace_one_another(database: Database) -> None:
    """Saved and seen stand beside them; said twice counts once, with the later time."""
    with database.write() as s:
        reader, _ = add_reader(s)
        (paper_id,) = add_papers(s, [make_entry(1)])
    for hours, kind in enumerate(("more", "saved", "seen", "less", "saved")):
        say(database, reader.id, paper_id, kind, created_at=NOW + hours * HOUR)
    with database.read() as s:
        said = {one.kind: one.created_at for one in s.exec(select(Feedback))}
    assert said == {"less": NOW + 3 * HOUR, "saved": NOW + 4 * HOUR, "seen": NOW + 2 * HOUR}


def test_the_interest_a_paper_was_recommended_for(database: Database) -> None:
    """The latest, of this reader's issues; none where it was recommended for none."""
    with database.write() as s:
        ada, subscription = add_reader(s)
        bo, _ = add_reader(s, "bo@example.org")
        first, second = (add_interest(s, ada, name) for name in ("First", "Second"))
        one, two = add_papers(s, [make_entry(1), make_entry(2)])
        for day, interest in ((TODAY, first), (TODAY + DAY, second), (TODAY + 2 * DAY, None)):
            issue = add_issue(s, subscription, day, paper_ids=[one])
            row = s.exec(select(StoredRecommendation).where(StoredRecommendation.issue_id == issue.id)).one()
            row.interest_id = interest.id if interest else None
    with database.read() as s:
        assert subscribers.recommended_interest(s, ada.id, one) == second.id
        assert subscribers.recommended_interest(s, ada.id, two) is None
        assert subscribers.recommended_interest(s, bo.id, one) is None


# --- profiles --------------------------------------------------------------------------------------


def load(database: Database) -> list:
    with database.read() as s:
        pairs = subscribers.list_active(s)
        return subscribers.load_profiles(s, pairs, max_papers=10, trend_weight=0.3)


def test_a_profile_is_the_readers_choice_over_the_settings(database: Database) -> None:
    """One for each subscription, in order; zero is a choice too."""
    with database.write() as s:
        ada, _ = add_reader(s)
        add_subscription(s, ada, max_papers=3, trend_weight=0.0, zone="Asia/Tokyo")
        add_interest(s, ada, "Finding", keywords=["find"], must_keywords=["dense"], not_keywords=["bio"])
        add_interest(s, ada, "People", authors=["Di Example"], categories=["cs.IR"])
    first, second = load(database)
    assert (first.subscriber_id, first.max_papers, first.trend_weight, first.zone) == (
        ada.id,
        10,
        0.3,
        "Europe/Berlin",
    )
    assert (second.subscriber_id, second.max_papers, second.trend_weight, second.zone) == (
        ada.id,
        3,
        0.0,
        "Asia/Tokyo",
    )
    finding, people = first.interests
    assert (finding.name, finding.keywords, finding.must_keywords, finding.not_keywords) == (
        "Finding",
        ("find",),
        ("dense",),
        ("bio",),
    )
    assert (people.authors, people.categories, people.examples) == (("Di Example",), ("cs.IR",), ())
    assert finding.interest_id is not None


def test_examples_are_the_papers_as_stored_now(database: Database) -> None:
    """One given by its words stays what it was; one whose paper is gone keeps its words."""
    with database.write() as s:
        ada, _ = add_reader(s)
        (paper_id,) = add_papers(s, [make_entry(1)])
        given = [
            {"paper_id": paper_id, "title": "Old title", "abstract": ""},
            {"paper_id": None, "title": "Only a title", "abstract": ""},
            {"paper_id": 999, "title": "Gone", "abstract": "Its abstract."},
        ]
        add_interest(s, ada, "Finding", examples=given)
    (profile,) = load(database)
    entry = make_entry(1)
    assert profile.interests[0].examples == (
        Example(
            entry.title,
            entry.abstract,
            paper_id=paper_id,
            authors=entry.authors,
            categories=entry.categories,
            keywords=entry.keywords,
        ),
        Example("Only a title"),
        Example("Gone", "Its abstract."),
    )


def test_feedback_becomes_examples_of_the_interest_it_was_said_for(database: Database) -> None:
    """More and saved speak for it, less against it; seen says nothing; the last word on a paper counts."""
    with database.write() as s:
        ada, _ = add_reader(s)
        finding, other = add_interest(s, ada, "Finding"), add_interest(s, ada, "Other", keywords=["thing"])
        ids = add_papers(s, [make_entry(n) for n in range(1, 6)])
    for n, kind in enumerate(("more", "saved", "less", "seen")):
        say(database, ada.id, ids[n], kind, interest_id=finding.id)
    say(database, ada.id, ids[4], "saved", interest_id=finding.id)
    say(database, ada.id, ids[4], "less", interest_id=finding.id, created_at=NOW + HOUR)
    (profile,) = load(database)
    assert [(one.paper_id, one.origin, one.weight) for one in profile.interests[0].examples] == [
        (ids[0], "more", 1.0),
        (ids[1], "saved", 1.0),
        (ids[2], "less", -1.0),
        (ids[4], "less", -1.0),
    ]
    assert profile.interests[1].interest_id == other.id
    assert profile.interests[1].examples == ()


def test_feedback_without_an_interest_goes_to_the_nearest(database: Database) -> None:
    """That which shares most words with the paper, in keywords or titles of examples."""
    with database.write() as s:
        ada, _ = add_reader(s)
        add_interest(s, ada, "Clouds", keywords=["point cloud segmentation"])
        examples = [{"paper_id": None, "title": "Dense Passage Retrieval with the Encoder", "abstract": ""}]
        add_interest(s, ada, "Retrieval", keywords=["search"], examples=examples)
        ids = add_papers(
            s,
            [
                make_entry(1, title="A Dense Encoder", abstract="With the retrieval of clouds."),
                make_entry(2, title="The Point of Segmentation", abstract="With a cloud."),
            ],
        )
    say(database, ada.id, ids[0], "more")
    say(database, ada.id, ids[1], "less")
    (profile,) = load(database)
    clouds, retrieval = profile.interests
    assert [(one.paper_id, one.weight) for one in clouds.examples] == [(ids[1], -1.0)]
    assert [one.paper_id for one in retrieval.examples] == [None, ids[0]]


def test_what_is_liked_of_nothing_known_makes_a_topic(database: Database) -> None:
    """What is not liked joins it, but makes none by itself."""
    with database.write() as s:
        ada, _ = add_reader(s)
        bo, _ = add_reader(s, "bo@example.org")
        add_interest(s, ada, "Clouds", keywords=["point cloud"])
        ids = add_papers(s, [make_entry(n) for n in (1, 2)])
    for reader in (ada, bo):
        say(database, reader.id, ids[0], "less")
    say(database, ada.id, ids[1], "saved", created_at=NOW + HOUR)
    hers, his = load(database)
    assert [(one.name, one.interest_id) for one in hers.interests][1:] == [("Papers you liked", None)]
    assert [(one.paper_id, one.weight) for one in hers.interests[1].examples] == [
        (ids[1], 1.0),
        (ids[0], -1.0),
    ]
    assert his.interests == ()


def test_a_topic_of_that_name_is_not_made_twice(database: Database) -> None:
    """A reader may have one already."""
    with database.write() as s:
        ada, _ = add_reader(s)
        own = add_interest(s, ada, "Papers you liked", keywords=["cloud"])
        ids = add_papers(s, [make_entry(1)])
    say(database, ada.id, ids[0], "more")
    (profile,) = load(database)
    assert [(one.interest_id, len(one.examples)) for one in profile.interests] == [(own.id, 1)]


def test_profiles_of_many_readers_take_few_queries(database: Database) -> None:
    """As many for forty readers as for one."""
    with database.write() as s:
        ids = add_papers(s, [make_entry(n) for n in range(1, 6)])
        for n in range(40):
            reader, _ = add_reader(s, f"reader{n}@example.org")
            add_interest(
                s, reader, "Finding", examples=[{"paper_id": ids[n % 5], "title": "", "abstract": ""}]
            )
            subscribers.add_feedback(
                s, Feedback(subscriber_id=reader.id, paper_id=ids[0], kind="more", created_at=NOW)
            )
    counts = []
    with database.read() as s:
        pairs = subscribers.list_active(s)
        connection = s.connection()
        for some in (pairs[:1], pairs):
            asked: list[str] = []
            listener = lambda *given, asked=asked: asked.append(given[2])  # noqa: E731
            event.listen(connection, "before_cursor_execute", listener)
            profiles = subscribers.load_profiles(s, some, max_papers=10, trend_weight=0.3)
            event.remove(connection, "before_cursor_execute", listener)
            counts.append(len(asked))
    assert len(profiles) == 40
    assert all(len(one.interests[0].examples) == 2 for one in profiles)
    assert counts[0] == counts[1] <= 4
