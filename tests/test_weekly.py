"""The operator's mail of the week: when it is written, and that what it says is so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from digest.checking import read_settings
from digest.errors import ConfigError
from digest.models import Bounce, Check, Letter
from digest.pipeline.incidents import Operator
from digest.pipeline.weekly import Weekly, plan_weekly
from digest.storage import subscribers, suppressions
from digest.storage.database import Database
from digest.types import DeliveryStatus
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_issue,
    add_papers,
    add_reader,
    add_source,
    make_delivery,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)

OPERATOR = Operator("operator@example.org", "Papers", "example.org")
# NOW is a Monday, 6:30 UTC: half past eight in Berlin.
MONDAYS = Weekly(OPERATOR, 0, 8, "Europe/Berlin")


def letters(database: Database) -> list[Letter]:
    with database.read() as s:
        return list(s.exec(select(Letter).order_by(Letter.id)))


def said(database: Database) -> str:
    """The one mail's text, unwrapped."""
    (letter,) = letters(database)
    return " ".join(letter.text.split())


def test_it_is_written_once_a_week_at_its_hour(database: Database) -> None:
    """However often somebody looks, and whatever became of it."""
    at = NOW - DAY
    made = []
    while at < NOW + 15 * DAY:
        if plan_weekly(database, MONDAYS, [], at):
            made.append(at)
        at += HOUR
    assert [one.date() for one in made] == [TODAY, TODAY + 7 * DAY, TODAY + 14 * DAY]
    assert {one.hour for one in made} == {6}
    assert len(letters(database)) == 3


def test_a_mail_that_was_refused_is_not_written_again(database: Database) -> None:
    """It would be refused every five minutes."""
    from digest.models import Delivery

    assert plan_weekly(database, MONDAYS, [], NOW)
    with database.write() as s:
        row = s.exec(select(Delivery)).one()
        row.status = DeliveryStatus.REFUSED.value
        s.add(row)
    assert not plan_weekly(database, MONDAYS, [], NOW + HOUR)
    with database.read() as s:
        assert s.exec(select(Delivery)).one().status == "refused"


@pytest.mark.parametrize(("late", "written"), [(1, True), (71, True), (73, False)])
def test_after_a_machine_was_off_it_comes_late_or_not_at_all(
    database: Database, late: int, written: bool
) -> None:
    begins = datetime(2026, 8, 3, 6, tzinfo=UTC)
    assert plan_weekly(database, MONDAYS, [], begins + timedelta(hours=late)) is written


def test_it_says_what_was_read_sent_and_came_back(database: Database) -> None:
    """Of the last seven days only."""
    with database.write() as s:
        source_id = add_source(s)
        for hours, verdict in ((1, "fresh"), (2, "unchanged"), (3, "broken"), (8 * 24, "blocked")):
            s.add(Check(source_id=source_id, day=TODAY, checked_at=NOW - hours * HOUR, verdict=verdict))
        add_papers(s, [make_entry(1), make_entry(2)], now=NOW - HOUR, source_id=source_id)
        _, subscription = add_reader(s)
        sent = make_delivery("<1@x>", status="sent", sent_at=NOW - HOUR)
        add_issue(s, subscription, TODAY - DAY, delivery=sent, composed_at=NOW - HOUR)
        add_issue(s, subscription, TODAY - 9 * DAY, status="empty", composed_at=NOW - 9 * DAY)
        s.add(Bounce(digest="d", kind="hard", diagnostic="no such user", received_at=NOW - HOUR))
    from types import SimpleNamespace

    source = SimpleNamespace(name="hf", every_minutes=None)
    assert plan_weekly(database, MONDAYS, [source], NOW)  # type: ignore[list-item]
    text = said(database)
    assert "Hugging Face: 2 pages were read well; not well: 1 broken." in text
    assert "New papers: 2." in text
    assert "Issues: 1 composed. Their mail: 1 sent." in text
    assert "Reports that came back: 1 hard." in text


def test_readers_are_named_by_number_and_never_by_address(database: Database) -> None:
    """Who joined and left this week; who did before is not among them."""
    with database.write() as s:
        old, _ = add_reader(s, "old@example.org")
        old.created_at = NOW - 30 * DAY
        old.confirmed_at = NOW - 30 * DAY
        new, _ = add_reader(s, "new@example.org")
        add_reader(s, "waiting@example.org", status="unconfirmed")
        gone, _ = add_reader(s, "gone@example.org")
        gone.created_at = gone.confirmed_at = NOW - 30 * DAY
        suppressions.add_suppression(s, "gone@example.org", "unsubscribed", now=NOW - HOUR)
        subscribers.set_status(s, gone, "unsubscribed", now=NOW)
        for one in (old, gone):
            s.add(one)
    assert plan_weekly(database, MONDAYS, [], NOW)
    text = said(database)
    assert f"Joined: 1 (reader {new.id}). Left: 1 (reader {gone.id})." in text
    (letter,) = letters(database)
    assert not [name for name in ("old@", "new@", "waiting@", "gone@") if name in letter.text + letter.html]


def test_it_says_what_is_wrong_and_what_to_do(database: Database) -> None:
    with database.write() as s:
        add_reader(s)
    assert plan_weekly(database, MONDAYS, [], NOW)
    text = said(database)
    assert "Wrong as this is written: Nothing was read yet. See that digest run is called" in text
    assert "digest doctor" in text


@pytest.mark.parametrize(
    ("given", "weekday"),
    [("true", 0), ("True", 0), ("monday", 0), ("Friday", 4), ("sunday", 6), ("false", None), ("off", None)],
)
def test_a_day_or_yes_or_no_says_when(
    monkeypatch: pytest.MonkeyPatch, given: str, weekday: int | None
) -> None:
    monkeypatch.setenv("DIGEST_OPERATOR_ADDRESS", "operator@example.org")
    monkeypatch.setenv("DIGEST_OPERATOR_WEEKLY", given)
    assert read_settings().operator_weekly == weekday


@pytest.mark.parametrize(("value", "weekday"), [("true", 0), ("false", None), ('"wednesday"', 2)])
def test_in_the_file_it_may_be_a_word_or_a_truth(value: str, weekday: int | None) -> None:
    Path("digest.toml").write_text(f'operator_address = "operator@example.org"\noperator_weekly = {value}\n')
    assert read_settings().operator_weekly == weekday


@pytest.mark.parametrize(("day", "address"), [("someday", "operator@example.org"), ("monday", "")])
def test_no_day_and_nobody_to_mail_to_are_told(
    monkeypatch: pytest.MonkeyPatch, day: str, address: str
) -> None:
    monkeypatch.setenv("DIGEST_OPERATOR_WEEKLY", day)
    monkeypatch.setenv("DIGEST_OPERATOR_ADDRESS", address)
    with pytest.raises(ConfigError, match="operator_weekly"):
        read_settings()
