"""Leaving and taking it back, whichever way it was said."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.app import App, make_app
from digest.demo.program import DemoSettings
from digest.errors import UsageError
from digest.pipeline import leaving, steering
from digest.pipeline.leaving import Choice
from digest.pipeline.moment import Moment
from digest.pipeline.wishes import Wishes, store_wishes
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows

NOW = datetime(2026, 8, 3, 9, tzinfo=UTC)
ADA = "ada@example.org"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = make_app(DemoSettings(data_dir=tmp_path / "data"))
    yield made
    made.database.close()


def subscribe(app: App, email: str | None = ADA, status: str = "active") -> int:
    with app.database.write() as session:
        reader = subscriber_rows.add_subscriber(session, email=email, status=status, now=NOW)
        store_wishes(session, reader, Wishes(), NOW)
    return reader.id or 0


def status_of(app: App, number: int) -> str:
    return leaving.look(app.database, number).status


def test_leaving_by_mail_is_taken_back_by_the_link(app: App) -> None:
    """One and the same leaving."""
    number = subscribe(app)
    with app.database.write() as session:
        reader = subscriber_rows.get_by_id(session, number)
        assert reader is not None
        assert leaving.leave(session, reader, "by mail", NOW)
        assert not leaving.leave(session, reader, "by mail", NOW)
    assert leaving.choose(app.database, number, Choice.UNDO, Moment(NOW)).status == "active"


@pytest.mark.parametrize("status", ["unconfirmed", "bounced", "active"])
def test_undo_makes_nobody_more_than_they_were(app: App, status: str) -> None:
    """Who was not served before is not served after."""
    number = subscribe(app, status=status)
    if status == "bounced":
        with app.database.write() as session:
            suppression_rows.add_suppression(session, ADA, "bounced", detail="550", now=NOW)
    leaving.leave_by_link(app.database, number, NOW)
    for choice in Choice:
        leaving.choose(app.database, number, choice, Moment(NOW))
        assert status_of(app, number) == (
            "paused" if status == "active" and choice is Choice.PAUSE else status
        )
    with app.database.read() as session:
        row = suppression_rows.get_suppression(session, ADA)
    assert (row.reason if row else None) == ("bounced" if status == "bounced" else None)


def test_who_reads_by_feed_only_leaves_too(app: App) -> None:
    """There is no address to suppress."""
    number = subscribe(app, email=None)
    assert leaving.leave_by_link(app.database, number, NOW).has_left
    with app.database.read() as session:
        assert suppression_rows.list_suppressions(session) == []
    assert leaving.choose(app.database, number, Choice.UNDO, Moment(NOW)).status == "active"


def test_undo_of_nothing_changes_nothing(app: App) -> None:
    """An address that is suppressed while its reader is there stays so."""
    number = subscribe(app)
    with app.database.write() as session:
        suppression_rows.add_suppression(session, ADA, "unsubscribed", now=NOW)
    leaving.choose(app.database, number, Choice.UNDO, Moment(NOW))
    with app.database.read() as session:
        assert suppression_rows.get_suppression(session, ADA) is not None


def test_a_number_is_never_given_again(app: App) -> None:
    """The links of a reader who was deleted open nothing of who came next."""
    number = subscribe(app)
    with app.database.write() as session:
        reader = subscriber_rows.get_by_id(session, number)
        assert reader is not None
        subscriber_rows.delete_subscriber(session, reader)
    assert leaving.is_gone(app.database, number)
    with pytest.raises(UsageError):
        leaving.leave_by_link(app.database, number, NOW)
    assert subscribe(app) != number


@pytest.mark.parametrize("choice", [Choice.WEEKLY, Choice.PAUSE])
def test_what_was_chosen_instead_is_taken_back_too(app: App, choice: Choice) -> None:
    """Cadence and pause as they were, also when it was chosen twice; and there is nothing to undo after."""
    number = subscribe(app)
    leaving.leave_by_link(app.database, number, NOW)
    assert not leaving.look(app.database, number).can_undo
    for _ in range(2):
        chosen = leaving.choose(app.database, number, choice, Moment(NOW))
        assert chosen.can_undo
        assert (chosen.cadence, chosen.status) != ("daily", "active")
    undone = leaving.choose(app.database, number, Choice.UNDO, Moment(NOW))
    assert (undone.cadence, undone.status, undone.paused_until) == ("daily", "active", None)
    assert not undone.can_undo


def test_a_choice_that_was_changed_since_is_not_undone(app: App) -> None:
    """Who set another cadence meanwhile keeps it."""
    number = subscribe(app)
    leaving.leave_by_link(app.database, number, NOW)
    leaving.choose(app.database, number, Choice.WEEKLY, Moment(NOW))
    steering.save_wishes(app.database, number, Wishes(cadence="weekdays"), renamed={}, now=NOW)
    assert not leaving.look(app.database, number).can_undo
    assert leaving.choose(app.database, number, Choice.UNDO, Moment(NOW)).cadence == "weekdays"
