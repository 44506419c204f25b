"""What comes back acts on deliveries and readers: proven by signed addresses, counted once."""

import io
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from digest.app import make_app
from digest.bounces import ReportKind
from digest.config import Settings
from digest.errors import UsageError
from digest.mailbox import MailboxError, open_mailbox
from digest.models import Bounce, Delivery, Subscriber
from digest.pipeline import steering
from digest.pipeline.arming import Restored, disarm, mark_restored
from digest.pipeline.incoming import Incoming, IncomingRules, failures_in_a_row
from digest.pipeline.moment import Moment
from digest.pipeline.readers import Schedule, activate_subscriber, add_subscriber, remove_subscriber
from digest.pipeline.suppressing import add_suppression
from digest.storage import bounces as bounce_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.tokens import make_tag, make_token, reader_reference, tag_address
from digest.types import DeliveryStatus
from digest.upkeep import run_bounces
from tests.bounce_mails import complaint, dsn, failed, letter, qmail
from tests.cli_runner import ok, run
from tests.storage_rows import DAY, NOW, TODAY, add_issue, add_papers, add_reader, make_delivery, make_entry
from tests.test_main_job import configure

pytest_plugins = ("tests.storage_fixtures",)

SECRET = b"a secret of at least sixteen bytes"
FROM = "digest@digest.example"
READER = "ada@example.org"


def message_id(number: int) -> str:
    """The Message-ID of an invented mail."""
    return f"<{blake2b(str(number).encode(), digest_size=16).hexdigest()}@digest.example>"


def envelope(number: int, *, secret: bytes = SECRET) -> str:
    """The signed envelope sender of that mail."""
    return tag_address(FROM, make_tag(secret, "b", bytes.fromhex(message_id(number)[1:17])))


def leaving(reader: Subscriber) -> str:
    """The signed address of leaving of a reader."""
    assert reader.id is not None
    reference = reader_reference(reader.id, reader.token_version)
    return tag_address("leave@digest.example", make_tag(SECRET, "u", reference))


def token(reader: Subscriber, purpose: str, *, version: int | None = None) -> str:
    """A token as mails carry it."""
    return make_token(SECRET, purpose, str(reader.id), reader.token_version if version is None else version)


def send_issues(database: Database, count: int, email: str = READER) -> Subscriber:
    """A reader who was sent that many issues, numbered from 1, a day each."""
    with database.write() as s:
        reader, subscription = add_reader(s, email)
        for number in range(1, count + 1):
            delivery = make_delivery(
                message_id(number), status="sent", recipient=email, sent_at=NOW + number * DAY
            )
            add_issue(s, subscription, TODAY + number * DAY, delivery=delivery)
        return reader


def make_incoming(database: Database, **rules: int) -> Incoming:
    """The use case under test."""
    return Incoming(database, SECRET, IncomingRules(**rules))


def take(database: Database, *mails: bytes, **rules: int) -> list[str]:
    """What becomes of each mail."""
    incoming = make_incoming(database, **rules)
    return [incoming.take(raw, NOW)[0] for raw in mails]


def state(database: Database, email: str = READER) -> tuple[str, str | None]:
    """A reader's status, and why their address is suppressed."""
    with database.read() as s:
        reader = subscriber_rows.get_subscriber(s, email)
        row = suppression_rows.get_suppression(s, email)
        return (reader.status if reader else "gone"), (row.reason if row else None)


def delivery(database: Database, number: int) -> Delivery:
    """One stored delivery."""
    with database.read() as s:
        found = bounce_rows.find_delivery(s, message_id(number)[1:17])
        assert found is not None
        return found


# --- failures --------------------------------------------------------------------------------------


def test_a_hard_bounce_suspends_and_is_told(database: Database) -> None:
    """Delivery, reader and address, each with code and words."""
    send_issues(database, 1)
    raw = dsn(failed("5.1.1", "550 5.1.1 no such user"), to=envelope(1))
    assert make_incoming(database).take(raw, NOW) == ("bounced", True)
    assert state(database) == ("bounced", "bounced")
    row = delivery(database, 1)
    assert (row.status, row.reason) == ("bounced", "5.1.1 550 5.1.1 no such user")
    with database.read() as s:
        ((bounce, recipient),) = bounce_rows.list_bounces(s, limit=9)
    assert (bounce.kind, bounce.code, bounce.delivery_id, recipient) == ("hard", "5.1.1", row.id, READER)


def test_a_report_counts_once(database: Database) -> None:
    """However often it is read, and however its lines end."""
    send_issues(database, 1)
    raw = dsn(failed("4.2.2"), to=envelope(1))
    again = [raw, raw.replace(b"\n", b"\r\n"), b"From x Mon Aug  3 06:30:00 2026\n" + raw + b"\n"]
    assert take(database, raw, *again) == ["bounced", "repeated", "repeated", "repeated"]
    assert state(database) == ("active", None)


def test_the_tag_survives_a_change_of_case(database: Database) -> None:
    """Mail systems may write the local part otherwise."""
    send_issues(database, 1)
    assert take(database, dsn(failed("5.1.1"), to=envelope(1).upper())) == ["bounced"]


def test_forged_and_unsigned_reports_change_nothing(database: Database) -> None:
    """Whoever writes a bounce cannot choose whom it is about."""
    reader = send_issues(database, 1)
    forged = envelope(1, secret=b"another secret of sixteen bytes")
    flipped = envelope(1).replace("+b", "+ba", 1)[:-1]
    outcomes = take(
        database,
        dsn(failed("5.1.1"), to=forged),
        dsn(failed("5.1.1"), to=FROM, returned=f"Message-ID: {message_id(1)}\nReturn-Path: <{forged}>\n"),
        dsn(failed("5.1.1"), to=FROM, returned=f"Message-ID: {message_id(1)}\n"),
        dsn(failed("5.1.1"), to=flipped),
        dsn(failed("5.1.1"), to=leaving(reader)),  # a tag for another purpose
        complaint(mail_from=forged),
        complaint(mail_from=FROM),
        qmail(to=forged),
    )
    assert outcomes == [
        "forged",
        "forged",
        "unsigned",
        "unsigned",
        "unsigned",
        "forged",
        "unsigned",
        "forged",
    ]
    assert state(database) == ("active", None)
    assert delivery(database, 1).status == "sent"
    with database.read() as s:
        assert bounce_rows.list_bounces(s, limit=9) == []


def test_the_returned_mail_proves_itself_too(database: Database) -> None:
    """Where the report's own address lost its tag on the way."""
    send_issues(database, 1)
    raw = dsn(failed("5.1.1"), to="box@host.example", returned=f"Return-Path: <{envelope(1)}>\n")
    assert take(database, raw) == ["bounced"]
    assert delivery(database, 1).status == "bounced"


@pytest.mark.parametrize(
    ("block", "outcome", "status"),
    [
        (failed("5.7.1"), "bounced", "bounced"),
        (failed("4.7.0"), "bounced", "bounced"),
        (failed("4.4.1", action="delayed"), "delayed", "sent"),
        (failed("2.0.0", action="delivered"), "ignored", "sent"),
    ],
)
def test_policy_and_delays_never_suspend(database: Database, block: str, outcome: str, status: str) -> None:
    """Under the strictest rules."""
    send_issues(database, 1)
    assert take(database, dsn(block, to=envelope(1)), hard_bounces=1, soft_bounces=1) == [outcome]
    assert delivery(database, 1).status == status
    assert state(database) == ("active", None)


def test_soft_bounces_suspend_after_several_issues_in_a_row(database: Database) -> None:
    """The third issue in a row, in whatever order the reports come."""
    send_issues(database, 4)
    mails = [dsn(failed("4.2.2"), to=envelope(number)) for number in (4, 2)]
    assert take(database, *mails) == ["bounced", "bounced"]
    assert state(database) == ("active", None)
    assert make_incoming(database).take(dsn(failed("5.2.2"), to=envelope(3)), NOW) == ("bounced", True)
    assert state(database) == ("bounced", "bounced")


def test_an_issue_that_arrived_begins_the_row_anew(database: Database) -> None:
    """Two, one that arrived, and one more: no three in a row."""
    send_issues(database, 5)
    take(database, *(dsn(failed("4.2.2"), to=envelope(number)) for number in (1, 2, 4, 5)))
    assert state(database) == ("active", None)


def test_several_reports_of_one_issue_are_one_failure(database: Database) -> None:
    """Each server on the way may write one."""
    send_issues(database, 1)
    mails = [dsn(failed("4.2.2", f"452 4.2.2 attempt {number}"), to=envelope(1)) for number in range(5)]
    assert take(database, *mails) == ["bounced"] * 5
    assert state(database) == ("active", None)


def test_the_rules_are_settings(database: Database) -> None:
    """Two hard ones in a row, if one is not enough."""
    send_issues(database, 2)
    assert take(database, dsn(failed("5.1.1"), to=envelope(1)), hard_bounces=2) == ["bounced"]
    assert state(database) == ("active", None)
    take(database, dsn(failed("5.1.1"), to=envelope(2)), hard_bounces=2)
    assert state(database) == ("bounced", "bounced")


def test_a_guess_about_another_address_does_not_suspend(database: Database) -> None:
    """A bounce of no standard that names somebody else."""
    send_issues(database, 1)
    raw = qmail(to=envelope(1)).replace(b"<ada@example.org>", b"<bo@example.org>")
    assert take(database, raw) == ["bounced"]
    assert state(database) == ("active", None)


def test_a_mail_that_is_being_sent_is_looked_at_later(database: Database) -> None:
    """The run that sends it has to settle it first; the report stays unread."""
    send_issues(database, 1)
    with database.write() as s:
        s.get_one(Delivery, delivery(database, 1).id).status = "sending"
    assert take(database, dsn(failed("5.1.1"), to=envelope(1))) == ["later"]
    assert state(database) == ("active", None)


def test_a_bounce_to_a_reader_who_is_gone_is_fine(database: Database, tmp_path: Path) -> None:
    """It is counted; there is nobody to suspend."""
    send_issues(database, 1)
    raw = dsn(failed("5.1.1"), to=envelope(1))
    remove_subscriber(database, READER, tmp_path)
    assert take(database, raw, raw, complaint(mail_from=envelope(1))) == ["bounced", "repeated", "complained"]
    assert state(database) == ("gone", None)


def test_a_reader_with_a_new_address_keeps_it(database: Database) -> None:
    """What is said of the old address is not theirs."""
    reader = send_issues(database, 1)
    with database.write() as s:
        row = s.get_one(Subscriber, reader.id)
        row.email = row.email_key = "new@example.org"
    assert take(database, dsn(failed("5.1.1"), to=envelope(1))) == ["bounced"]
    assert state(database, "new@example.org") == ("active", None)


def test_a_complaint_unsubscribes_at_once(database: Database) -> None:
    """And the address is not written to, whoever adds it again."""
    send_issues(database, 1)
    assert take(database, complaint(mail_from=envelope(1))) == ["complained"]
    assert state(database) == ("unsubscribed", "complained")
    assert delivery(database, 1).status == "complained"
    # A bounce that comes later does not make it less.
    take(database, dsn(failed("5.1.1"), to=envelope(1)))
    assert state(database) == ("unsubscribed", "complained")
    assert delivery(database, 1).status == "complained"


# --- coming back -----------------------------------------------------------------------------------


def test_suppression_survives_the_reader(database: Database, tmp_path: Path) -> None:
    """Removed and added again, the address is refused with the reason."""
    send_issues(database, 1)
    take(database, complaint(mail_from=envelope(1)))
    remove_subscriber(database, READER, tmp_path)
    with pytest.raises(
        UsageError, match=r"Ada@example.org is not written to: its owner called the mail spam"
    ):
        add_subscriber(database, "Ada@example.org", Schedule(), active=True, now=NOW)
    add_subscriber(database, READER, Schedule(), active=True, now=NOW, feed_only=True)
    with database.read() as s:
        assert suppression_rows.get_suppression(s, READER.upper()) is not None
        assert suppression_rows.get_suppression(s, "bo@example.org") is None


def test_the_operator_mends_a_bounce_and_old_ones_count_no_more(database: Database) -> None:
    """Activated, the reader is served; the next soft bounce is the first again."""
    send_issues(database, 4)
    take(database, *(dsn(failed("4.2.2"), to=envelope(number)) for number in (1, 2, 3)))
    assert state(database) == ("bounced", "bounced")
    activate_subscriber(database, READER, now=NOW)
    assert state(database) == ("active", None)
    take(database, dsn(failed("4.2.2"), to=envelope(4)))
    assert state(database) == ("active", None)


@pytest.mark.parametrize("reason", ["complained", "unsubscribed", "operator"])
def test_who_wants_no_mail_is_not_activated(database: Database, reason: str) -> None:
    """Only a decision of its own lifts that."""
    send_issues(database, 1)
    with database.write() as s:
        suppression_rows.add_suppression(s, READER, reason, now=NOW)
    with pytest.raises(UsageError, match=f"digest suppression remove {READER}"):
        activate_subscriber(database, READER, now=NOW)
    with database.write() as s:
        assert suppression_rows.delete_suppression(s, READER)
    activate_subscriber(database, READER, now=NOW)


def test_a_weaker_reason_does_not_replace_a_stronger(database: Database) -> None:
    """A bounce after a complaint leaves the complaint."""
    with database.write() as s:
        for reason in ("bounced", "complained", "bounced", "unsubscribed"):
            suppression_rows.add_suppression(s, READER, reason, detail=reason, now=NOW)
        (row,) = suppression_rows.list_suppressions(s)
        with pytest.raises(ValueError, match="whim"):
            suppression_rows.add_suppression(s, READER, "whim", now=NOW)
    assert (row.reason, row.detail) == ("complained", "complained")


def claim(database: Database, number: int, *, data: bool = False) -> None:
    """That mail is being sent; with ``data`` its end has left."""
    with database.write() as s:
        row = s.get_one(Delivery, delivery(database, number).id)
        row.status, row.lease, row.attempts, row.data_at = "sending", "f" * 16, 1, NOW if data else None


@pytest.mark.parametrize(("data", "status"), [(False, "planned"), (True, "sending")])
def test_the_operator_holds_back_what_is_on_its_way(database: Database, *, data: bool, status: str) -> None:
    """A claimed mail waits again, to be looked at again, unless its end has left."""
    send_issues(database, 1)
    send_issues(database, 0, "bo@example.org")
    claim(database, 1, data=data)
    add_suppression(database, "Bo@example.org", detail="", now=NOW)
    assert delivery(database, 1).status == "sending"
    assert add_suppression(database, "Ada@example.org", detail="asked by phone", now=NOW) == "operator"
    row = delivery(database, 1)
    assert (row.status, row.lease is None, row.attempts) == (status, not data, int(data))


@pytest.mark.parametrize("way", ["complaint", "bounce", "leave"])
def test_what_comes_back_holds_back_what_is_on_its_way(database: Database, way: str) -> None:
    """A complaint, a suspension and a reader's wish do so too."""
    reader = send_issues(database, 2)
    claim(database, 2)
    mails = {
        "complaint": complaint(mail_from=envelope(1)),
        "bounce": dsn(failed("5.1.1"), to=envelope(1)),
        "leave": letter(to=leaving(reader)),
    }
    take(database, mails[way])
    assert delivery(database, 2).status == "planned"
    assert state(database)[0] != "active"


# --- commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject", ["", "unsubscribe", "please take me off", "Re: Three papers", "unsubscribe nonsense"]
)
def test_a_mail_to_the_signed_address_leaves(database: Database, subject: str) -> None:
    """Whatever its subject, and whoever it seems to be from."""
    reader = send_issues(database, 1)
    raw = letter(subject, to=leaving(reader), sender="someone.else@example.net")
    assert take(database, raw, raw) == ["unsubscribed", "repeated"]
    assert state(database) == ("unsubscribed", "unsubscribed")


def test_a_token_in_the_subject_leaves(database: Database) -> None:
    """Mails of before have it there."""
    reader = send_issues(database, 1)
    assert take(database, letter(f"unsubscribe {token(reader, 'unsubscribe')}", sender="x@example.net")) == [
        "unsubscribed"
    ]


def test_the_plain_word_leaves_for_its_sender_alone(database: Database) -> None:
    """From a subscriber it counts, from anybody else it is a person's mail."""
    send_issues(database, 1)
    outcomes = take(
        database,
        letter("unsubscribe", sender="stranger@example.net"),
        letter("I want to unsubscribe"),
        letter("STOP", sender="Ada <ADA@example.org>"),
    )
    assert outcomes == ["unknown", "unknown", "unsubscribed"]


@pytest.mark.parametrize("way", ["tag", "token"])
def test_links_that_were_made_invalid_still_leave_and_do_nothing_else(database: Database, way: str) -> None:
    """Leaving counts for ever, and by the oldest mail too."""
    reader = send_issues(database, 1)
    steering.revoke_links(database, reader.id or 0)
    leave_by = {
        "tag": letter("unsubscribe", to=leaving(reader), sender="x@example.net"),
        "token": letter(f"unsubscribe {token(reader, 'unsubscribe')}", sender="x@example.net"),
    }
    weekly = letter(f"weekly {token(reader, 'preferences')}", sender="x@example.net")
    assert take(database, weekly, leave_by[way]) == ["ignored", "unsubscribed"]


def test_wrong_and_old_tags_and_tokens_do_nothing(database: Database) -> None:
    """Forged, of another purpose, out of use, or of nobody."""
    reader = send_issues(database, 1)
    stranger = Subscriber(id=99, status="active", feed_token="x", created_at=NOW)
    outcomes = take(
        database,
        letter(to=leaving(stranger)),
        letter(to=leaving(reader).replace("+u", "+v")),
        letter(to=f"leave+u{'a' * 26}@digest.example"),
        letter(f"unsubscribe {token(reader, 'feedback')}"),
        letter(f"weekly {token(reader, 'preferences', version=7)}"),
        letter(f"weekly {token(reader, 'unsubscribe')}"),
        letter(f"more 1 {token(reader, 'feedback')}"),  # no such paper
        letter(f"more 9999999999 {token(reader, 'feedback')}"),
    )
    assert outcomes == [
        "ignored",
        "unknown",
        "forged",
        "forged",
        "ignored",
        "forged",
        "ignored",
        "ignored",
    ]
    assert state(database) == ("active", None)


@pytest.mark.parametrize(
    "header", ["Auto-Submitted: auto-replied\n", "Precedence: bulk\n", "X-Autoreply: yes\n"]
)
def test_an_automatic_reply_leaves_nobody(database: Database, header: str) -> None:
    """Out of office, to the signed address, with the word in the subject."""
    reader = send_issues(database, 1)
    raw = letter(f"unsubscribe {token(reader, 'unsubscribe')}", to=leaving(reader), headers=header)
    assert take(database, raw) == ["ignored"]
    assert state(database) == ("active", None)


def test_a_bounce_that_quotes_the_words_leaves_nobody(database: Database) -> None:
    """To the signed address of leaving, with a true token in what it returns."""
    reader = send_issues(database, 1)
    quoted = f"Subject: unsubscribe {token(reader, 'unsubscribe')}\n"
    take(database, dsn(failed("5.1.1"), to=leaving(reader), returned=quoted), qmail(to=leaving(reader)))
    assert state(database) == ("active", None)


def test_more_and_less_are_stored(database: Database) -> None:
    """As the links of each mail say it; said again it counts once."""
    reader = send_issues(database, 1)
    with database.write() as s:
        (paper,) = add_papers(s, [make_entry(1)])
    say = token(reader, "feedback")
    outcomes = take(
        database, letter(f"more {paper} {say}"), letter(f"less {paper} {say}", to=leaving(reader))
    )
    assert outcomes == ["commands", "commands"]
    with database.read() as s:
        assert reader.id is not None
        assert subscriber_rows.list_judged(s, [reader.id]) == {reader.id: {paper}}
    assert state(database) == ("active", None)


def test_weekly_and_daily_change_the_schedule(database: Database) -> None:
    """By one mail."""
    reader = send_issues(database, 1)
    assert reader.id is not None
    for word in ("weekly", "daily"):
        assert take(database, letter(f"{word} {token(reader, 'preferences')}")) == ["commands"]
        with database.read() as s:
            assert [row.cadence for row in subscriber_rows.list_subscriptions(s, reader.id)] == [word]


# --- the run ---------------------------------------------------------------------------------------


def test_a_run_counts_marks_and_leaves_what_is_not_ours(database: Database, tmp_path: Path) -> None:
    """Understood mail is marked as read, a person's mail and strange bounces stay; nothing is deleted."""
    reader = send_issues(database, 1)
    box = tmp_path / "box"
    (box / "new").mkdir(parents=True)
    mails = {
        "1-bounce": dsn(failed("5.1.1"), to=envelope(1)),
        "2-person": letter("A question"),
        "3-strange": dsn(failed("5.1.1"), to=FROM),
        "4-leave": letter(to=leaving(reader)),
    }
    for name, raw in mails.items():
        (box / "new" / name).write_bytes(raw)
    with open_mailbox(str(box)) as mailbox:
        counts = make_incoming(database).read(mailbox, NOW)
        again = make_incoming(database).read(mailbox, NOW)
    assert {name: count for name, count in counts.items() if count} == {
        "read": 4, "suspended": 1, "bounced": 1, "unsubscribed": 1, "unsigned": 1, "unknown": 1,
    }  # fmt: skip
    assert {name: count for name, count in again.items() if count} == {"read": 2, "unsigned": 1, "unknown": 1}
    assert sorted(path.name for path in (box / "new").iterdir()) == ["2-person", "3-strange"]
    assert sorted(path.name for path in (box / "cur").iterdir()) == ["1-bounce:2,S", "4-leave:2,S"]


def fill(box: Path, mails: dict[str, bytes]) -> Path:
    """A Maildir with these mails as new."""
    (box / "new").mkdir(parents=True)
    for name, raw in mails.items():
        (box / "new" / name).write_bytes(raw)
    return box


def test_a_day_believes_few_senders(database: Database, tmp_path: Path) -> None:
    """Whoever writes in the name of all readers takes off five; proven wishes are not held back by them."""
    readers = [send_issues(database, 0, f"r{number}@example.org") for number in range(8)]
    mails = {f"{one.id:02}": letter("unsubscribe", sender=str(one.email)) for one in readers}
    again = {"00": letter("STOP", sender=str(readers[0].email))}  # said twice, it counts once
    proven = {"99": letter(to=leaving(readers[7]), sender=str(readers[7].email))}
    box = fill(tmp_path / "box", again | mails | proven)
    with open_mailbox(str(box)) as mailbox:
        counts = make_incoming(database).read(mailbox, NOW)
    assert {name: count for name, count in counts.items() if count} == {
        "read": 10, "unsubscribed": 6, "repeated": 1, "unproven": 3,
    }  # fmt: skip
    standing = [state(database, str(one.email))[0] for one in readers]
    assert standing == ["unsubscribed"] * 5 + ["active"] * 2 + ["unsubscribed"]
    assert sorted(path.name for path in (box / "new").iterdir()) == ["06", "07", "08"]
    for hours, left in ((23, 2), (25, 0)):  # the others another day
        with open_mailbox(str(box)) as mailbox:
            counts = make_incoming(database).read(mailbox, NOW + timedelta(hours=hours))
        assert counts["unproven"] == left


class StubbornMailbox:
    """Two mails and one that cannot be read; none can be marked."""

    def __init__(self, *mails: bytes) -> None:
        self._mails = mails

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        yield "odd", None
        yield from (("mail", raw) for raw in self._mails)

    def mark_done(self, ref: str) -> None:
        raise MailboxError(f"{ref} cannot be marked")


def test_what_cannot_be_read_or_marked_stops_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """All others are acted upon; the count and the log tell of it."""
    send_issues(database, 2)
    mails = [dsn(failed("4.2.2"), to=envelope(number)) for number in (1, 2)]
    counts = make_incoming(database).read(StubbornMailbox(*mails), NOW)
    assert {name: count for name, count in counts.items() if count} == {
        "read": 2, "bounced": 2, "unreadable": 3,
    }  # fmt: skip
    assert "mail cannot be marked" in caplog.text


def outcome(number: int, *kinds: str, status: str = "bounced") -> tuple[int, str, set[str]]:
    """One issue that left."""
    return number, status, set(kinds)


def test_a_row_is_what_bounced_around_a_delivery() -> None:
    """Ended by what arrived, on both sides; policy is passed over; forgiven bounces end it too."""
    sent = DeliveryStatus.SENT.value
    history = [
        outcome(9, "soft"),
        outcome(8, status=sent),
        outcome(7, "hard", "soft"),
        outcome(6, "policy"),
        outcome(5, "soft"),
        outcome(4),
        outcome(3, "soft"),
    ]
    assert failures_in_a_row(history, 5) == [ReportKind.HARD, ReportKind.SOFT]
    assert failures_in_a_row(history, 9) == [ReportKind.SOFT]
    assert failures_in_a_row(history, 3) == [ReportKind.SOFT]
    assert failures_in_a_row(history, 8) == []
    assert failures_in_a_row(history, 1) == []
    assert failures_in_a_row([], 1) == []


# --- the command line ------------------------------------------------------------------------------


@pytest.fixture
def _settings() -> None:
    configure("http://127.0.0.1:9", f'secret_key = "{SECRET.decode()}"')


@pytest.mark.usefixtures("_settings")
def test_the_commands_read_list_and_suppress(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the shell: stdin and a Maildir, the lists, and a way back."""
    ok("subscriber", "add", READER, "--active")
    with closing(Database(f"sqlite:///{Path.cwd() / 'data/digest.db'}")) as database, database.write() as s:
        reader = subscriber_rows.get_subscriber(s, READER)
        assert reader is not None
        (subscription,) = subscriber_rows.list_subscriptions(s, reader.id or 0)
        add_issue(s, subscription, delivery=make_delivery(message_id(1), status="sent"))
    stdin = io.TextIOWrapper(io.BytesIO(dsn(failed("5.1.1"), to=envelope(1))))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert ok("bounces", "read", "-", "--json").json["suspended"] == 1
    (row,) = ok("bounces", "list", "--json").json
    assert (row["kind"], row["code"], row["recipient"]) == ("hard", "5.1.1", READER)
    assert f"hard 5.1.1  {READER}" in ok("bounces", "list").out
    assert [one["reason"] for one in ok("suppression", "list", "--json").json] == ["bounced"]
    ok("subscriber", "activate", READER)
    assert ok("suppression", "list", "--json").json == []
    ok("suppression", "add", "Bo@example.org", "--reason", "asked by phone")
    assert "bo@example.org  operator on" in ok("suppression", "list").out
    assert run("subscriber", "add", "bo@example.org").code == 2
    ok("suppression", "remove", "BO@example.org")
    ok("subscriber", "add", "bo@example.org")
    assert run("suppression", "remove", "bo@example.org").code == 2


@pytest.mark.usefixtures("_settings")
def test_a_mailbox_that_is_none_is_told(tmp_path: Path) -> None:
    """Nothing set, a wrong path, a wrong address: one sentence each, and the house's codes."""
    assert run("bounces", "read").code == 2
    ran = run("bounces", "read", str(tmp_path / "none"))
    assert ran.code == 1
    assert "is no Maildir" in ran.err
    ran = run("bounces", "read", "imap://ada:s3cret-word@mail.example")
    assert ran.code == 2
    assert "s3cret" not in ran.err + ran.out


def store_issue(status: str) -> None:
    """A reader, and a mail to them, in the database of the settings."""
    ok("subscriber", "add", READER, "--active")
    with closing(Database(f"sqlite:///{Path.cwd() / 'data/digest.db'}")) as database, database.write() as s:
        reader = subscriber_rows.get_subscriber(s, READER)
        assert reader is not None
        (subscription,) = subscriber_rows.list_subscriptions(s, reader.id or 0)
        add_issue(s, subscription, delivery=make_delivery(message_id(1), status=status))


@pytest.mark.usefixtures("_settings")
def test_a_pipe_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """75 keeps a report in the mail server while its mail is being sent; in a mailbox it just stays."""
    store_issue("sending")
    raw = dsn(failed("5.1.1"), to=envelope(1))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    ran = run("bounces", "read", "-", "--json")
    assert (ran.code, ran.json["later"]) == (75, 1)
    assert "once more" in ran.err
    assert ok("bounces", "read", str(fill(tmp_path / "box", {"1": raw})), "--json").json["later"] == 1
    assert "75" in ok("bounces", "read", "--help").out


@pytest.mark.usefixtures("_settings")
def test_without_stdin_there_is_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed by whoever started the command: one sentence."""
    monkeypatch.setattr(sys, "stdin", None)
    ran = run("bounces", "read", "-")
    assert ran.code == 2
    assert ran.err.startswith("digest: ")
    assert ran.err.count("\n") == 1


@pytest.mark.usefixtures("_settings")
def test_a_home_of_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a word of the command, and as a setting."""
    ran = run("bounces", "read", "~nobody-of-that-name/x")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    monkeypatch.setenv("DIGEST_BOUNCE_MAILBOX", "~nobody-of-that-name/x")
    ran = run("status")
    assert ran.code == 2
    assert "nobody-of-that-name" in ran.err


@pytest.mark.usefixtures("_settings")
def test_an_odd_file_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """All else is read."""
    box = fill(tmp_path / "box", {"1": letter("Hello")})
    (box / "new" / "0").mkdir()
    ran = run("bounces", "read", str(box))
    assert (ran.code, ran.out) == (1, "1 read, 1 unknown, 1 unreadable\n")
    assert "new/0" in ran.err


def test_a_copy_leaves_the_mailbox_to_the_other_machine_unless_it_is_told_to(tmp_path: Path) -> None:
    """What it marked as read the machine that mails would never see; a person may say that it is gone."""
    box = fill(tmp_path / "box", {"one": letter("unsubscribe")})
    made = make_app(Settings(data_dir=tmp_path / "data", bounce_mailbox=SecretStr(str(box))), now=NOW)
    with closing(made.database):
        mark_restored(made.data_dir, Restored("a backup", NOW))
        assert run_bounces(made, Moment.of(NOW)).counts == {}
        assert [one.name for one in box.rglob("*") if one.is_file()] == ["one"]
        assert run_bounces(made, Moment.of(NOW), str(box)).counts["read"] == 1
        disarm(made.data_dir)
        assert run_bounces(made, Moment.of(NOW)).counts["read"] == 1


@pytest.mark.usefixtures("_settings")
def test_unproven_wishes_are_told_in_words(tmp_path: Path) -> None:
    """They are not to be found by chance."""
    names = [f"r{number}@example.org" for number in range(6)]
    for name in names:
        ok("subscriber", "add", name, "--active")
    mails = {name: letter("unsubscribe", sender=name) for name in names}
    ran = ok("bounces", "read", str(fill(tmp_path / "box", mails)))
    assert ran.out == "6 read, 5 unsubscribed, 1 unproven\n"
    assert "forged" in ran.err
    assert "digest suppression add" in ran.err


@pytest.mark.usefixtures("_settings")
def test_who_comes_second_leaves(tmp_path: Path) -> None:
    """One run at a time reads the mailbox."""
    from digest.locks import use_case_lock

    (tmp_path / "box" / "new").mkdir(parents=True)
    ok("status")
    with use_case_lock(Path("data"), "bounces"):
        assert ok("bounces", "read", str(tmp_path / "box"), "--json").json == {"locked": True}
    assert ok("bounces", "read", str(tmp_path / "box"), "--json").json["read"] == 0


def test_a_bounce_row_needs_no_reader(database: Database) -> None:
    """Kept without one, for the count."""
    with database.write() as s:
        row: Any = Bounce(digest="x", kind="hard", received_at=NOW + timedelta(days=1))
        bounce_rows.add_bounce(s, row)
        assert [bounce.id for bounce, _ in bounce_rows.list_bounces(s, since=NOW, limit=5)] == [row.id]
