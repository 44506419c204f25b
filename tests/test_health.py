"""How a source is doing: when it is tried again, what a refresh leaves on its row, who is told."""

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session, select

from digest.models import Check, Delivery, Letter, Source
from digest.pipeline.health import is_due, next_try, record_health
from digest.pipeline.incidents import Operator, tell_operator
from digest.storage.database import Database
from digest.types import Verdict
from tests.storage_rows import DAY, HOUR, NOW, TODAY, add_source

pytest_plugins = ("tests.storage_fixtures",)

OPERATOR = Operator("operator@example.org", "Papers", "example.org")
SATURDAY = date(2026, 8, 8)


def heard(
    s: Session,
    source_id: int,
    verdict: str,
    at: datetime = NOW,
    *,
    day: date = TODAY,
    wait: float | None = None,
) -> Source:
    """The source's row after a refresh whose newest day had that verdict."""
    error = None if Verdict(verdict).is_good else "no answer"
    check = Check(source_id=source_id, day=day, checked_at=at, verdict=verdict, error=error)
    s.add(check)
    s.flush()
    record_health(s, source_id, check)
    return s.get_one(Source, source_id)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_good_verdict_is_good_news(database: Database, verdict: Verdict) -> None:
    """Every other one is a failure that says why, and "last good" stays where it was."""
    with database.write() as s:
        source = heard(s, add_source(s), verdict.value)
    assert (source.last_checked_at, source.last_verdict) == (NOW, verdict.value)
    expected = (NOW, 0, None) if verdict.is_good else (None, 1, "no answer")
    assert (source.last_good_at, source.failures_in_row, source.last_error) == expected


def test_failures_count_until_something_good_comes(database: Database) -> None:
    with database.write() as s:
        source_id = add_source(s)
        heard(s, source_id, "fresh")
        for hours in (1, 2, 3):
            heard(s, source_id, "unreachable", NOW + hours * HOUR)
        bad = s.get_one(Source, source_id).model_copy()
        good = heard(s, source_id, "unchanged", NOW + 4 * HOUR)
    assert (bad.failures_in_row, bad.last_good_at) == (3, NOW)
    assert bad.next_try_at == NOW + 4 * HOUR
    assert (good.failures_in_row, good.last_error, good.next_try_at) == (0, None, None)


def test_a_weekend_that_repeats_friday_is_no_failure_and_not_good_either(database: Database) -> None:
    with database.write() as s:
        source_id = add_source(s)
        heard(s, source_id, "fresh")
        source = heard(s, source_id, "stale", NOW + 5 * DAY, day=SATURDAY)
        assert (source.failures_in_row, source.last_good_at) == (0, NOW)
        assert heard(s, source_id, "stale", NOW + 7 * DAY, day=SATURDAY + 2 * DAY).failures_in_row == 1


def test_a_failing_source_is_tried_less_often_and_never_forgotten() -> None:
    """The first two failures say little; then the pauses double, and the longest is a day."""
    pauses = [next_try(failures, NOW) for failures in range(9)]
    assert pauses[:3] == [None, None, None]
    assert [at - NOW for at in pauses[3:7]] == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR]
    assert next_try(10_000, NOW) - NOW == 23.5 * HOUR


@pytest.mark.parametrize(("asked", "hours"), [(7200.0, 2), (1e12, 23.5), (0.0, None), (-1.0, None)])
def test_a_server_that_asks_for_a_pause_gets_it(asked: float, hours: float | None) -> None:
    """But for no longer than a day."""
    assert next_try(1, NOW, asked) == (None if hours is None else NOW + hours * HOUR)


def test_what_is_due_in_a_run_that_nobody_asked_for() -> None:
    read = Source(name="a", kind="k", created_at=NOW, last_checked_at=NOW)
    waiting = Source(name="b", kind="k", created_at=NOW, last_checked_at=NOW, next_try_at=NOW + HOUR)
    assert is_due(Source(name="c", kind="k", created_at=NOW), 60, NOW)
    assert is_due(read, None, NOW)
    assert not is_due(read, 60, NOW + 57 * timedelta(minutes=1))
    assert is_due(read, 60, NOW + 59 * timedelta(minutes=1))
    assert is_due(read, 60, NOW - DAY), "a clock that was set back must not stop the reading"
    assert not is_due(waiting, None, NOW + timedelta(minutes=57))
    assert is_due(waiting, None, NOW + HOUR)


def letters(database: Database) -> list[tuple[str, str]]:
    """Subject and text of each letter that waits to be sent, in order."""
    with database.read() as s:
        rows = s.exec(select(Letter).join(Delivery, Delivery.letter_id == Letter.id).order_by(Letter.id))
        return [(row.subject, row.text) for row in rows]


def test_one_mail_per_incident_and_one_when_it_is_over(database: Database) -> None:
    """Not one per run; and a second incident is one of its own."""
    with database.write() as s:
        source_id = add_source(s)
    history = [
        "fresh",
        "broken",
        "broken",
        "unreachable",
        "fresh",
        "fresh",
        "blocked",
        "blocked",
        "unchanged",
    ]
    for hours, verdict in enumerate(history):
        at = NOW + hours * HOUR
        with database.write() as s:
            heard(s, source_id, verdict, at)
        tell_operator(database, OPERATOR, ["hf"], at)
        tell_operator(database, OPERATOR, ["hf"], at)
    assert [subject for subject, _ in letters(database)] == [
        "Papers: Hugging Face gives a page that cannot be read",
        "Papers: Hugging Face is well again",
        "Papers: Hugging Face does not let us in",
        "Papers: Hugging Face is well again",
    ]


def test_the_mail_says_what_since_when_and_what_to_do(database: Database) -> None:
    with database.write() as s:
        source_id = add_source(s)
        heard(s, source_id, "fresh")
        heard(s, source_id, "broken", NOW + HOUR)
    tell_operator(database, OPERATOR, ["hf"], NOW + HOUR)
    ((_, text),) = letters(database)
    told = " ".join(text.split())
    assert "cannot be read since 2026-08-03 07:30 UTC: no answer." in told
    assert "last read well on 2026-08-03 06:30 UTC" in told
    assert "digest sources replay hf" in told
    assert "digest sources try hf" in told


def test_a_source_that_is_not_configured_any_more_is_no_incident(database: Database) -> None:
    with database.write() as s:
        heard(s, add_source(s), "broken")
    assert tell_operator(database, OPERATOR, ["other"], NOW) == 0
