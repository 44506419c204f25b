"""Signing up: who is written to when somebody asks for a digest, and what the address's owner's yes does."""

import sqlite3
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from digest.app import App, make_app
from digest.demo.program import DemoSettings
from digest.errors import TooManyError, UsageError
from digest.models import Delivery, SignUp, Subscriber
from digest.pipeline import signing_up
from digest.pipeline.letters import fill_in_link
from digest.pipeline.moment import Moment
from digest.pipeline.wishes import InterestWish, Wishes, load_wishes
from digest.runs import run_deliver
from digest.storage import deliveries as delivery_rows
from digest.storage import letters as letter_rows
from digest.storage import sign_ups as sign_up_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.tokens import make_confirmation
from digest.types import SubscriberStatus

NOW = datetime(2026, 8, 3, 9, tzinfo=UTC)
ADA = "ada@example.org"
WISHES = Wishes(interests=(InterestWish("Graphs", keywords=("graph",)),), hour=6)
OTHER = Wishes(interests=(InterestWish("Clouds", keywords=("cloud",)),), hour=9)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with_settings = make(tmp_path)
    yield with_settings
    with_settings.database.close()


def make(folder: Path, **settings: object) -> App:
    given = {"base_url": "https://digest.example.org", "sign_ups_per_network": "1000 per hour"}
    return make_app(DemoSettings(data_dir=folder / "data", **(given | settings)))  # type: ignore[arg-type]


def ask(
    app: App, email: str = ADA, wishes: Wishes = WISHES, *, network: str = "n", now: datetime = NOW
) -> None:
    signing_up.ask(app, email, wishes, network=network, now=now)


def planned(app: App) -> list[tuple[str, str, str, str | None]]:
    """(kind, recipient, status, reason) of all letters, in the order planned."""
    with app.database.read() as session:
        rows = delivery_rows.list_deliveries(session)
    return [
        (letter.kind, delivery.recipient, delivery.status, delivery.reason)
        for delivery, _, letter in reversed(rows)
        if letter is not None
    ]


def token_of(app: App, email: str = ADA, now: datetime = NOW) -> str:
    """The token that the mail of that day has."""
    with app.database.read() as session:
        row = sign_up_rows.get_of_day(session, email, now.date())
    assert row is not None
    return make_confirmation(app.secret_key(), bytes.fromhex(row.nonce))


def subscribe(app: App, email: str = ADA, status: str = "active", wishes: Wishes = WISHES) -> Subscriber:
    with app.database.write() as session:
        reader = subscriber_rows.add_subscriber(session, email=email, status=status, now=NOW)
        signing_up.store_wishes(session, reader, wishes, NOW)
        return reader


def suppress(app: App, email: str, reason: str) -> None:
    with app.database.write() as session:
        suppression_rows.add_suppression(session, email, reason, now=NOW)


def stored(app: App, email: str = ADA) -> tuple[str, Wishes] | None:
    with app.database.read() as session:
        reader = subscriber_rows.get_subscriber(session, email)
        return None if reader is None else (reader.status, load_wishes(session, reader.id or 0))


# --- who is written to --------------------------------------------------------------------------------


def test_asking_plans_one_letter_and_subscribes_nobody(app: App) -> None:
    ask(app)
    assert planned(app) == [("confirmation", ADA, "planned", None)]
    assert stored(app) is None


def test_who_is_subscribed_is_told_so_and_keeps_what_they_have(app: App) -> None:
    """The same count of mail, to the address as it is stored; its link is theirs."""
    reader = subscribe(app)
    ask(app, "ADA@Example.org", OTHER)
    assert planned(app) == [("reminder", ADA, "planned", None)]
    with app.database.read() as session:
        letter = letter_rows.get_letters(session, [1])[1]
    assert "/p/" not in letter.text
    assert "/p/" in fill_in_link(letter, app.secret_key(), "https://digest.example.org").text
    assert stored(app) == ("active", WISHES)
    assert signing_up.confirm(app, token_of(app), NOW) is None
    assert reader.id == 1


@pytest.mark.parametrize("status", ["unconfirmed", "unsubscribed", "bounced"])
def test_who_is_not_served_is_asked_anew(app: App, status: str) -> None:
    subscribe(app, status=status)
    ask(app, wishes=OTHER)
    assert planned(app) == [("confirmation", ADA, "planned", None)]
    assert signing_up.confirm(app, token_of(app), NOW) is not None
    assert stored(app) == ("active", OTHER)


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced", "operator", "complained"])
def test_only_who_left_or_bounced_is_written_to_again(app: App, reason: str) -> None:
    """All are planned alike; the outbox skips who is not to be written to, with the reason."""
    suppress(app, ADA, reason)
    ask(app)
    run_deliver(app, Moment(NOW))
    ((kind, _, status, why),) = planned(app)
    assert kind == "confirmation"
    if reason in ("unsubscribed", "bounced"):
        assert status == "sent"
        assert signing_up.confirm(app, token_of(app), NOW) is not None
        with app.database.read() as session:
            assert suppression_rows.get_suppression(session, ADA) is None
    else:
        assert status == "skipped"
        assert reason in (why or "")
        assert signing_up.confirm(app, token_of(app), NOW) is None
        assert stored(app) is None


def test_other_letters_go_to_nobody_who_left(app: App) -> None:
    """Only what somebody asked for at that very address does."""
    from digest.pipeline.letters import make_operator_letter

    suppress(app, ADA, "unsubscribed")
    with app.database.write() as session:
        letter = make_operator_letter("Papers", ADA, "key", "A word", ["Something broke."], NOW)
        letter_rows.plan_letter(session, letter, message_id="<1@x>", now=NOW)
    run_deliver(app, Moment(NOW))
    assert planned(app)[0][2] == "skipped"


def test_asked_again_on_the_same_day_the_last_wishes_stand(app: App) -> None:
    """One letter, whose link is for them."""
    ask(app)
    token = token_of(app)
    ask(app, "ADA@EXAMPLE.ORG", OTHER, now=NOW + timedelta(hours=2))
    assert len(planned(app)) == 1
    assert signing_up.confirm(app, token, NOW + timedelta(hours=3)) is not None
    assert stored(app) == ("active", OTHER)


def test_three_ever_without_an_answer(app: App) -> None:
    """Then no more, whatever day it is; until one of them is confirmed."""
    days = [NOW + timedelta(days=one) for one in range(6)]
    for day in days[:4]:
        ask(app, now=day)
    assert [status for _, _, status, _ in planned(app)] == ["planned"] * 3 + ["skipped"]
    assert "none was answered" in (planned(app)[3][3] or "")
    assert signing_up.confirm(app, token_of(app, now=days[2]), days[3]) is not None
    with app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, ADA)
        assert reader is not None
        subscriber_rows.set_status(session, reader, SubscriberStatus.UNSUBSCRIBED, now=days[4])
    later = [NOW + timedelta(days=one) for one in range(10, 15)]
    for day in later:
        ask(app, now=day)
    assert [status for _, _, status, _ in planned(app)][4:] == ["planned"] * 3 + ["skipped"] * 2


@pytest.mark.parametrize(
    "email", ["", "x", "a@", "@b", "a b@c.org", "a@b.org\r\nBcc: x@y.org", "a@b@c.org", "a" * 400]
)
def test_what_is_no_address_is_said_so(app: App, email: str) -> None:
    with pytest.raises(UsageError):
        ask(app, email)
    assert planned(app) == []


def test_plus_tags_and_dots_are_addresses_of_their_own(app: App) -> None:
    ask(app, "a.da+x@example.org")
    assert planned(app)[0][1] == "a.da+x@example.org"


@pytest.mark.parametrize("settings", [{"sign_ups": "closed"}, {"base_url": None}])
def test_closed_is_closed(tmp_path: Path, settings: dict[str, object]) -> None:
    """Without an address of the web no mail could hold a link."""
    app = make(tmp_path, **settings)
    assert not signing_up.are_sign_ups_open(app.settings)
    with pytest.raises(UsageError):
        ask(app)
    assert planned(app) == []
    app.database.close()


def test_the_link_is_mailed_to_readers_though_sign_ups_are_closed(tmp_path: Path) -> None:
    """And to nobody else, which nobody else can tell."""
    app = make(tmp_path, sign_ups="closed")
    subscribe(app, status="unsubscribed")
    for email in (ADA, "nobody@example.org"):
        signing_up.ask_for_link(app, email, network="n", now=NOW)
    assert [(kind, to, status) for kind, to, status, _ in planned(app)] == [
        ("reminder", ADA, "planned"),
        ("confirmation", "nobody@example.org", "skipped"),
    ]
    app.database.close()


# --- crowds -------------------------------------------------------------------------------------------


def test_ten_thousand_sign_ups_for_one_address_are_one_mail(tmp_path: Path) -> None:
    """From as many networks as one likes."""
    app = make(tmp_path)
    app.database.close()

    @event.listens_for(app.database._engine, "connect")
    def _hurry(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")  # ten thousand times waiting for the disk proves nothing

    for number in range(10_000):
        ask(app, network=f"network {number % 20}")
    assert len(planned(app)) == 1
    assert run_deliver(app, Moment(NOW)).counts["sent"] == 1
    app.database.close()


def test_ten_thousand_addresses_of_one_network_are_at_most_the_limit(tmp_path: Path) -> None:
    app = make(tmp_path, sign_ups_per_network="20 per hour")
    refused = 0
    for number in range(10_000):
        try:
            ask(app, f"victim{number}@example.org", network="192.0.2.0/24")
        except TooManyError:
            refused += 1
    assert refused == 9_980
    with pytest.raises(TooManyError) as error:
        ask(app, network="192.0.2.0/24")
    assert 3400 < error.value.retry_after_s <= 3600
    assert len(planned(app)) == 20
    app.database.close()


def test_too_many_in_all_are_answered_as_always_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody learns who was served; the operator learns that not all were."""
    app = make(tmp_path, sign_ups_in_all="5 per hour")
    for number in range(50):
        ask(app, f"victim{number}@example.org", network=f"network {number}")
    assert len(planned(app)) == 5
    warnings = [one for one in caplog.records if "sign_ups_in_all" in one.message]
    assert len(warnings) == 1
    with pytest.raises(TooManyError):
        signing_up.subscribe_by_feed(app, WISHES, network="n", now=NOW)
    app.database.close()


def test_one_address_does_not_use_up_what_all_may(tmp_path: Path) -> None:
    """Only what would be mailed counts."""
    app = make(tmp_path, sign_ups_in_all="5 per hour")
    for number in range(50):
        ask(app, network=f"network {number}")
    ask(app, "bo@example.org", network="another")
    assert len(planned(app)) == 2
    app.database.close()


def test_a_crowd_asks_for_the_same_address(app: App) -> None:
    """64 at once: one row, one letter, no error."""
    with ThreadPoolExecutor(64) as pool:
        for done in [pool.submit(ask, app, network=f"network {one}") for one in range(64)]:
            done.result()
    assert len(planned(app)) == 1


def test_a_crowd_confirms_at_once(app: App) -> None:
    """One subscriber."""
    ask(app)
    token = token_of(app)
    with ThreadPoolExecutor(32) as pool:
        found = [
            done.result() for done in [pool.submit(signing_up.confirm, app, token, NOW) for _ in range(32)]
        ]
    assert {reader.id for reader in found if reader is not None} == {1}
    with app.database.read() as session:
        assert len(subscriber_rows.list_subscribers(session)) == 1


def test_time_does_not_tell_who_is_subscribed(app: App) -> None:
    """Medians over 200 tries each: new, subscribed, left and suppressed addresses take the same time."""
    kinds = ("new", "active", "unsubscribed", "complained")
    for kind in kinds[1:]:
        for number in range(200):
            email = f"{kind}{number}@example.org"
            if kind == "complained":
                suppress(app, email, kind)
            else:
                subscribe(app, email, kind)
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(200):  # in turn, so that whatever else the machine does meets all of them
        for kind in kinds:
            began = time.perf_counter()
            ask(app, f"{kind}{number}@example.org", network=f"{kind} {number}")
            took[kind].append(time.perf_counter() - began)
    medians = {kind: statistics.median(times) for kind, times in took.items()}
    assert max(medians.values()) < 1.5 * min(medians.values()), medians


# --- what a yes does ----------------------------------------------------------------------------------


def test_yes_subscribes_with_what_was_asked_for(app: App) -> None:
    ask(app)
    reader = signing_up.confirm(app, token_of(app), NOW + timedelta(hours=47))
    assert reader is not None
    assert reader.confirmed_at == NOW + timedelta(hours=47)
    assert stored(app) == ("active", WISHES)


@pytest.mark.parametrize("hours", [48, 49, 1000])
def test_a_token_is_old_after_two_days(app: App, hours: int) -> None:
    ask(app)
    assert signing_up.confirm(app, token_of(app), NOW + timedelta(hours=hours)) is None
    assert stored(app) is None


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "\ud800", "é"])
def test_an_unknown_token_says_nothing(app: App, token: str) -> None:
    ask(app)
    assert signing_up.confirm(app, token, NOW) is None
    assert signing_up.read(app, token) is None


def test_a_used_token_changes_nothing(app: App) -> None:
    """Wishes that came after the yes are not taken for it, and who left stays away."""
    ask(app)
    token = token_of(app)
    assert signing_up.confirm(app, token, NOW) is not None
    ask(app, wishes=OTHER)
    assert signing_up.confirm(app, token, NOW) is not None
    assert stored(app) == ("active", WISHES)
    with app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, ADA)
        assert reader is not None
        subscriber_rows.set_status(session, reader, SubscriberStatus.UNSUBSCRIBED, now=NOW)
    assert signing_up.confirm(app, token, NOW) is None
    assert stored(app) == ("unsubscribed", WISHES)


def test_who_was_subscribed_meanwhile_keeps_what_they_have(app: App) -> None:
    ask(app)
    subscribe(app, wishes=OTHER)
    assert signing_up.confirm(app, token_of(app), NOW) is not None
    assert stored(app) == ("active", OTHER)


def test_two_mailboxes_that_are_compared_alike_stay_two(app: App) -> None:
    """Folding case makes one of straße and strasse: neither gets the other's subscription or link."""
    subscribe(app, "strasse@example.org", status="unsubscribed")
    ask(app, "straße@example.org", OTHER)
    assert signing_up.confirm(app, token_of(app, "straße@example.org"), NOW) is None
    assert stored(app, "strasse@example.org") == ("unsubscribed", WISHES)
    signing_up.ask_for_link(app, "straße@example.org", network="n", now=NOW + timedelta(days=1))
    assert planned(app)[-1][:2] == ("reminder", "strasse@example.org")


def test_a_feed_needs_no_address(app: App) -> None:
    reader = signing_up.subscribe_by_feed(app, WISHES, network="n", now=NOW)
    assert (reader.email, reader.status) == (None, "active")
    with app.database.read() as session:
        assert load_wishes(session, reader.id or 0) == replace(WISHES, mail=False, feed=True)
    assert planned(app) == []


def test_what_is_kept_holds_no_token(app: App) -> None:
    ask(app)
    token = token_of(app)
    with app.database.read() as session:
        rows = [session.get(one, 1) for one in (SignUp, Delivery)]
        letter = letter_rows.get_letters(session, [1])[1]
    assert token not in repr((rows, letter))
    assert token in fill_in_link(letter, app.secret_key(), "https://digest.example.org").html
