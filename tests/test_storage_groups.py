"""Groups, consents and many readers at once, on either kind of database."""

from digest.models import Consent, Group, Letter
from digest.storage import consents, deliveries, enrolling, groups, letters, subscribers
from digest.storage.database import Database
from digest.storage.profiles import load_profiles, preview_profile
from tests.storage_rows import (
    HOUR,
    NOW,
    TODAY,
    add_interest,
    add_issue,
    add_papers,
    add_reader,
    make_delivery,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)


def test_who_belongs_to_a_group(database: Database) -> None:
    """Each reader once, however often they join; who is deleted belongs to none."""
    with database.write() as s:
        stands, _ = add_reader(s, None, status="paused")
        ada, _ = add_reader(s)
        bo, _ = add_reader(s, "bo@example.org")
        group = groups.add_group(s, Group(name="Seminar", subscriber_id=stands.id, created_at=NOW))
        assert groups.add_members(s, group.id, [ada.id, bo.id, ada.id], NOW) == 2
        assert groups.add_members(s, group.id, [bo.id], NOW) == 0
    with database.write() as s:
        assert [one.email for one in groups.list_members(s, group.id)] == [
            "ada@example.org",
            "bo@example.org",
        ]
        assert groups.count_members(s) == {group.id: 2}
        assert [one.name for one in groups.list_groups_of(s, [ada.id])[ada.id]] == ["Seminar"]
        assert groups.shared_ids(s) == {stands.id}
        assert (groups.is_group(s, stands.id), groups.is_group(s, ada.id)) == (True, False)
        assert (groups.delete_member(s, group.id, ada.id), groups.delete_member(s, group.id, ada.id)) == (
            True,
            False,
        )
        subscribers.delete_subscriber(s, bo)
        assert groups.count_members(s) == {}
        subscribers.delete_subscriber(s, stands)
        assert groups.get_group(s, "Seminar") is None


def test_a_profile_holds_the_interests_of_the_readers_groups(database: Database) -> None:
    """With their example papers, behind the reader's own, and without numbers; a preview holds them too."""
    with database.write() as s:
        (paper,) = add_papers(s, [make_entry(1)])
        stands, shared = add_reader(s, "list@example.org")
        ada, own = add_reader(s)
        bo, other = add_reader(s, "bo@example.org")
        mine = add_interest(s, ada, "Mine", keywords=["mine"])
        add_interest(s, stands, "Theirs", keywords=["theirs"], examples=[{"paper_id": paper, "title": ""}])
        group = groups.add_group(s, Group(name="Seminar", subscriber_id=stands.id, created_at=NOW))
        groups.add_members(s, group.id, [ada.id], NOW)
    with database.read() as s:
        pairs = [(ada, own), (bo, other), (stands, shared)]
        found = load_profiles(s, pairs, max_papers=5, trend_weight=0.3)
        shown = preview_profile(s, own, [mine], max_papers=5, trend_weight=0.3)
    names = [[(one.name, one.interest_id is None) for one in profile.interests] for profile in found]
    assert names == [[("Mine", False), ("Theirs (Seminar)", True)], [], [("Theirs", False)]]
    assert [one.paper_id for one in found[0].interests[1].examples] == [paper]
    assert shown.interests == found[0].interests


def test_no_two_interests_of_a_reader_have_one_name(database: Database) -> None:
    """One of their own may be called as one of their group's is."""
    with database.write() as s:
        stands, _ = add_reader(s, None, status="paused")
        ada, own = add_reader(s)
        mine = add_interest(s, ada, "Graphs (Seminar)", keywords=["mine"])
        add_interest(s, stands, "Graphs", keywords=["theirs"])
        group = groups.add_group(s, Group(name="Seminar", subscriber_id=stands.id, created_at=NOW))
        groups.add_members(s, group.id, [ada.id], NOW)
    with database.read() as s:
        (found,) = load_profiles(s, [(ada, own)], max_papers=5, trend_weight=0.3)
        shown = preview_profile(s, own, [mine], max_papers=5, trend_weight=0.3)
    assert [one.name for one in found.interests] == ["Graphs (Seminar)", "Graphs (group Seminar)"]
    assert shown.interests == found.interests


def test_a_mail_to_a_list_is_known_as_one(database: Database) -> None:
    """Since it holds nobody's own links; another reader's is not."""
    with database.write() as s:
        for number, email in enumerate(("list@example.org", "ada@example.org"), start=1):
            reader, subscription = add_reader(s, email)
            delivery = make_delivery(f"<{number}@example.org>", recipient=email)
            add_issue(s, subscription, TODAY, delivery=delivery)
            if number == 1:
                groups.add_group(s, Group(name="Seminar", subscriber_id=reader.id, created_at=NOW))
        letter = Letter(
            kind="test", recipient="bo@example.org", key="1", created_at=NOW, expires_at=NOW + HOUR
        )
        letters.plan_letter(s, letter, message_id="<3@example.org>", now=NOW)
        waiting = deliveries.list_waiting(s, deliveries.list_due(s, NOW))
    assert [(one.recipient, one.shared, one.letter_kind) for one in waiting] == [
        ("list@example.org", True, None),
        ("ada@example.org", False, None),
        ("bo@example.org", False, "test"),
    ]


def test_many_are_stored_at_once(database: Database) -> None:
    """Readers keep the order they were given in, letters their own delivery."""
    with database.write() as s:
        made = [
            subscribers.make_subscriber(email=f"R{n}@example.org", status="active", now=NOW)
            for n in range(700, 0, -1)
        ]
        numbers = enrolling.add_subscribers(s, made)
        planned = {
            f"<{n}@example.org>": Letter(
                kind="invitation",
                recipient=f"R{n}@example.org",
                key=f"key {n}",
                created_at=NOW,
                expires_at=NOW + HOUR,
            )
            for n in range(3)
        }
        enrolling.add_letters(s, planned)
        enrolling.add_rows(s, [])
    with database.read() as s:
        found = enrolling.find_subscribers(s, ["r700@EXAMPLE.org", "R1@example.org", "nobody@example.org"])
        assert {key: one.id for key, one in found.items()} == {
            "r700@example.org": numbers[0],
            "r1@example.org": numbers[-1],
        }
        assert found["r1@example.org"].created_at == NOW
        rows = deliveries.list_deliveries(s)
        assert {delivery.message_id: letter.key for delivery, _, letter in rows if letter} == {
            f"<{n}@example.org>": f"key {n}" for n in range(3)
        }


def test_consents_are_kept_in_order_and_go_with_the_reader(database: Database) -> None:
    """Oldest first, whenever they were written."""
    with database.write() as s:
        ada, _ = add_reader(s)
        for way, at in (("import", NOW + HOUR), ("web", NOW)):
            consents.add_consent(s, Consent(subscriber_id=ada.id, given_at=at, way=way))
    with database.write() as s:
        assert [one.way for one in consents.list_consents(s, ada.id)] == ["web", "import"]
        subscribers.delete_subscriber(s, ada)
        assert consents.list_consents(s, ada.id) == []
