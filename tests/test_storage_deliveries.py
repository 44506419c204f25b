"""The outbox: who may change a delivery, and what is remembered of it."""

from datetime import date, datetime

import pytest

from digest.models import Delivery, Letter, Suppression
from digest.storage import deliveries, issues, letters, subscribers
from digest.storage.database import Database
from digest.storage.deliveries import Decision
from digest.types import DeliveryStatus
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_issue,
    add_papers,
    add_reader,
    make_delivery,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)

SENT = DeliveryStatus.SENT


def plan(database: Database, *statuses: str, retry_at: datetime | None = None) -> list[int]:
    """One reader with an issue a day and a delivery for each, in these states; the deliveries' ids."""
    with database.write() as s:
        _, subscription = add_reader(s)
        for n, status in enumerate(statuses):
            mail = make_delivery(f"<{n}@example.org>", status=status, retry_at=retry_at)
            add_issue(s, subscription, TODAY + n * DAY, delivery=mail)
        return sorted(row[0].id for row in deliveries.list_deliveries(s))


def claim(database: Database, *ids: int, lease: str = "mine") -> None:
    with database.write() as s:
        deliveries.claim(s, [(one, "from@example.org") for one in ids], lease=lease, now=NOW)


def get(database: Database, one: int) -> Delivery:
    with database.read() as s:
        return s.get(Delivery, one)


def test_what_is_due(database: Database) -> None:
    """The planned, and the deferred whose time has come, in the order they were planned."""
    ids = plan(
        database,
        *("deferred", "planned", "sending", "sent", "refused", "uncertain", "skipped", "planned"),
        *("bounced", "complained"),
        retry_at=NOW,
    )
    with database.read() as s:
        assert list(deliveries.list_due(s, NOW)) == [ids[0], ids[1], ids[7]]
        assert list(deliveries.list_due(s, NOW - HOUR)) == [ids[1], ids[7]]
        assert [row.id for row in deliveries.list_stuck(s)] == [ids[2]]
        waiting = deliveries.list_waiting(s, ids)
    assert [one.delivery_id for one in waiting] == [ids[0], ids[1], ids[7]]
    first = waiting[0]
    assert (first.recipient, first.reader_status, first.expires_at) == (
        "ada@example.org",
        "active",
        NOW + DAY,
    )
    assert first.suppressed is None


def test_a_claim_is_a_lease(database: Database) -> None:
    """It counts an attempt, freezes the envelope sender, and takes only what still waits."""
    planned, sent = plan(database, "planned", "sent")
    claim(database, planned, sent)
    row = get(database, planned)
    assert (row.status, row.attempts, row.lease) == ("sending", 1, "mine")
    assert (row.envelope_from, row.sending_at, row.data_at) == ("from@example.org", NOW, None)
    assert get(database, sent).status == "sent"


def test_who_lost_the_lease_changes_nothing(database: Database) -> None:
    """Neither the mark before the end of the data nor the outcome: another run has the mail now."""
    (one,) = plan(database, "planned")
    claim(database, one, lease="theirs")
    with database.write() as s:
        assert deliveries.mark_data(s, [one], lease="mine", now=NOW) == {one}
        assert deliveries.complete(s, [Decision(one, SENT, sent_at=NOW)], lease="mine") == 1
    row = get(database, one)
    assert (row.status, row.lease, row.data_at) == ("sending", "theirs", None)
    with database.write() as s:
        assert deliveries.mark_data(s, [one], lease="theirs", now=NOW) == set()
        done = [Decision(one, SENT, reply="250 ok", sent_at=NOW + HOUR)]
        assert deliveries.complete(s, done, lease="theirs") == 0
    row = get(database, one)
    assert (row.status, row.lease, row.data_at) == ("sent", None, NOW)
    assert (row.reply, row.sent_at) == ("250 ok", NOW + HOUR)


def test_a_mail_that_was_not_begun_was_not_tried(database: Database) -> None:
    """Claimed and given back, it waits as before, and this counts as no attempt."""
    (one,) = plan(database, "planned")
    claim(database, one)
    with database.write() as s:
        given_back = [Decision(one, DeliveryStatus.PLANNED, untried=True)]
        deliveries.complete(s, given_back, lease="mine")
    row = get(database, one)
    assert (row.status, row.attempts, row.lease) == ("planned", 0, None)


def test_what_may_have_arrived_stays_so(database: Database) -> None:
    """A later attempt that failed before its data says nothing of an earlier one."""
    (one,) = plan(database, "planned")
    for arrived in (True, False):
        claim(database, one)
        with database.write() as s:
            later = Decision(one, DeliveryStatus.DEFERRED, retry_at=NOW, may_have_arrived=arrived)
            deliveries.complete(s, [later], lease="mine")
    row = get(database, one)
    assert (row.may_have_arrived, row.attempts, row.retry_at) == (True, 2, NOW)


def test_a_delivery_whose_reader_left_meanwhile_is_let_be(database: Database) -> None:
    """Deleted in the midst of sending: not ours to complete, and nothing is left to write on."""
    (one,) = plan(database, "planned")
    claim(database, one)
    with database.write() as s:
        subscribers.delete_subscriber(s, subscribers.get_subscriber(s, "ada@example.org"))
    with database.write() as s:
        assert deliveries.mark_data(s, [one], lease="mine", now=NOW) == {one}
        deliveries.complete(s, [Decision(one, SENT, sent_at=NOW)], lease="mine")
        assert deliveries.count_by_status(s) == {}


def test_a_suppressed_address_is_told(database: Database) -> None:
    """Upper and lower case aside."""
    (one,) = plan(database, "planned")
    with database.write() as s:
        s.add(Suppression(email_key="ada@example.org", reason="complained", created_at=NOW))
    with database.read() as s:
        (waiting,) = deliveries.list_waiting(s, [one])
        assert waiting.suppressed == "complained"
        assert deliveries.suppressed(s, ["ADA@Example.ORG", "bo@example.org"]) == {
            "ada@example.org": "complained"
        }


def test_deliveries_are_counted_by_status(database: Database) -> None:
    """Those that none has are left out."""
    plan(database, "sent", "planned", "sent")
    with database.read() as s:
        assert deliveries.count_by_status(s) == {"planned": 1, "sent": 2}


def test_an_expired_issue_was_never_received(database: Database) -> None:
    """Its papers may be recommended again; other issues stay."""
    with database.write() as s:
        ada, subscription = add_reader(s)
        ids = add_papers(s, [make_entry(1)])
        issue = add_issue(s, subscription, paper_ids=ids, delivery=make_delivery("<one@example.org>"))
        add_issue(s, subscription, TODAY + DAY, delivery=make_delivery("<three@example.org>"))
    with database.write() as s:
        deliveries.expire_issues(s, [issue.id])
    with database.read() as s:
        assert issues.served_dates(s, [subscription.id], since=date.min)[subscription.id] == {
            TODAY: "expired",
            TODAY + DAY: "composed",
        }
        assert issues.list_sent(s, [ada.id]) == {ada.id: set()}


def make_letter(**given: str) -> Letter:
    return Letter(
        **({"kind": "test", "recipient": "ada@example.org", "key": "1", "subject": "A test"} | given),
        created_at=NOW,
        expires_at=NOW + DAY,
    )


def test_the_same_letter_is_planned_once(database: Database) -> None:
    """By kind, recipient and key; one that failed is tried again, one that was sent is not."""
    with database.write() as s:
        one = letters.plan_letter(s, make_letter(), message_id="<1@example.org>", now=NOW)
        other = letters.plan_letter(s, make_letter(key="2"), message_id="<2@example.org>", now=NOW)
        assert letters.plan_letter(s, make_letter(), message_id="<3@example.org>", now=NOW) == one
        assert list(deliveries.list_due(s, NOW)) == [one, other]
        deliveries.decide(s, [Decision(one, DeliveryStatus.REFUSED), Decision(other, SENT, sent_at=NOW)])
        letters.plan_letter(s, make_letter(), message_id="<3@example.org>", now=NOW)
        letters.plan_letter(s, make_letter(key="2"), message_id="<3@example.org>", now=NOW)
        assert list(deliveries.list_due(s, NOW)) == [one]
        (waiting,) = deliveries.list_waiting(s, [one])
    assert (waiting.letter_id is not None, waiting.reader_status, waiting.zone) == (True, None, "UTC")
    assert waiting.expires_at == NOW + DAY


@pytest.mark.parametrize(("limit", "hours"), [(10, [1, 2, 3]), (2, [2, 3])])
def test_the_last_mails_that_left(database: Database, limit: int, hours: list[int]) -> None:
    """Oldest first, as many as are asked for, and none from before."""
    ids = plan(database, *(["planned"] * 4))
    with database.write() as s:
        deliveries.decide(s, [Decision(one, SENT, sent_at=NOW + n * HOUR) for n, one in enumerate(ids)])
        assert deliveries.sent_times(s, NOW, limit=limit) == [NOW + n * HOUR for n in hours]
