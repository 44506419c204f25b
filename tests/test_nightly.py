"""The work of the night is due once a night, by what is recorded: whatever the clocks and the machine do."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from digest.app import App, make_app
from digest.config import Settings
from digest.errors import StorageError
from digest.pipeline.moment import Moment
from digest.pipeline.nightly import is_due_tonight
from digest.runs import RunOutcome
from digest.schedule import last_at
from digest.storage import runs as run_rows
from digest.upkeep import Nightly, run_fit, run_nightly
from tests.cli_runner import run

HOUR = timedelta(hours=1)
HALF_PAST_TWO = time(2, 30)
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = make_app(Settings(data_dir=tmp_path / "data", zone=BERLIN))
    with closing(made.database):
        yield made


def ran(app: App, use_case: str, when: datetime, *, well: bool | None = True) -> None:
    """Record that it ran at that time; ``None``: it was killed."""
    with app.database.write() as session:
        number = run_rows.start_run(session, use_case, when)
        if well is not None:
            run_rows.finish_run(session, number, ok=well, outcome={}, now=when)


def is_due(app: App, now: datetime) -> bool:
    with app.database.read() as session:
        return is_due_tonight(session, "fit", HALF_PAST_TWO, BERLIN, now)


# --- when that hour was last ---


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-01-12T01:29:59", "2026-01-11T01:30:00"),
        ("2026-01-12T01:30:00", "2026-01-12T01:30:00"),
        # On 29 March 02:30 does not exist: the clocks go from 02:00 to 03:00 at 01:00 UTC.
        ("2026-03-29T00:59:59", "2026-03-28T01:30:00"),
        ("2026-03-29T01:00:00", "2026-03-29T01:00:00"),
        ("2026-03-30T00:29:59", "2026-03-29T01:00:00"),
        # On 25 October it comes twice: at 00:30 and at 01:30 UTC.
        ("2026-10-25T00:30:00", "2026-10-25T00:30:00"),
        ("2026-10-25T01:30:00", "2026-10-25T00:30:00"),
        ("2026-10-26T01:29:59", "2026-10-25T00:30:00"),
    ],
)
def test_an_hour_comes_once_a_date(now: str, last: str) -> None:
    """Where it is skipped, at the end of the gap; where it comes twice, the first time."""
    assert last_at(HALF_PAST_TWO, BERLIN, at(now)) == at(last)


def test_a_date_that_a_zone_skipped_has_no_night() -> None:
    """Apia went from 29 to 31 December 2011."""
    found = last_at(HALF_PAST_TWO, "Pacific/Apia", datetime(2011, 12, 30, 11, tzinfo=UTC))
    assert found == datetime(2011, 12, 29, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "first", [date(2026, 3, 27), date(2026, 10, 23)], ids=["an hour is missing", "an hour comes twice"]
)
def test_looked_at_every_five_minutes_it_runs_once_a_night(app: App, first: date) -> None:
    start = datetime.combine(first, time(12), UTC)
    ran(app, "refresh", start - HOUR)
    ran(app, "fit", start)
    nights = []
    for minutes in range(0, 5 * 1440, 5):
        now = start + timedelta(minutes=minutes)
        if is_due(app, now):
            nights.append(now)
            ran(app, "fit", now)
    assert [now.date() - first for now in nights] == [timedelta(days=n) for n in range(1, 6)]


# --- what was missed, failed, or lies in the future ---


def test_nothing_is_due_before_the_first_night(app: App) -> None:
    assert not is_due(app, at("2026-01-12T12:00"))
    ran(app, "refresh", at("2026-01-12T08:00"))
    assert not is_due(app, at("2026-01-12T12:00"))
    assert is_due(app, at("2026-01-13T01:30"))


def test_a_night_that_was_slept_through_is_made_up_for_in_the_morning_once(app: App) -> None:
    ran(app, "refresh", at("2026-01-02T08:00"))
    assert is_due(app, at("2026-01-12T09:00"))
    ran(app, "fit", at("2026-01-12T09:00"))
    assert not is_due(app, at("2026-01-12T09:05"))
    assert is_due(app, at("2026-01-13T01:30"))


@pytest.mark.parametrize("well", [False, None], ids=["failed", "killed"])
def test_what_did_not_end_well_is_tried_again_after_four_hours(app: App, well: bool | None) -> None:
    ran(app, "refresh", at("2026-01-02T08:00"))
    ran(app, "fit", at("2026-01-12T01:30"), well=well)
    assert not is_due(app, at("2026-01-12T05:25"))
    assert is_due(app, at("2026-01-12T05:30"))


def test_a_clock_set_back_by_36_hours_repeats_no_night_and_skips_none(app: App) -> None:
    """The nights that were done stay done; one that only the wrong clock saw is done when it comes."""
    ran(app, "refresh", at("2026-01-02T08:00"))
    for day in (11, 12, 13):
        ran(app, "fit", at(f"2026-01-{day}T01:30"))
    assert not is_due(app, at("2026-01-11T18:00"))
    ran(app, "fit", at("2026-01-14T20:00"))  # by a clock that was ahead of its time
    assert is_due(app, at("2026-01-14T01:35"))


# --- doing it ---


def test_a_part_that_fails_keeps_no_other_from_its_work(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def broken(*_: object) -> RunOutcome:
        raise StorageError("no room")

    def fine(_: App, moment: Moment, __: object) -> RunOutcome:
        done.append(moment.now)
        return RunOutcome({"dropped": 3})

    parts = (Nightly("one", time(2), broken), Nightly("two", time(3), fine), Nightly("three", time(23), fine))
    monkeypatch.setattr("digest.upkeep.NIGHTLY", parts)
    ran(app, "refresh", at("2026-01-11T23:00"))
    steps, went_well = run_nightly(app, Moment.of(at("2026-01-12T06:00")))
    assert (steps, went_well) == ({"one": {"error": "no room"}, "two": {"dropped": 3}}, False)
    assert done == [at("2026-01-12T06:00")]


def test_each_part_gives_signs_of_life_while_it_works(app: App) -> None:
    """A backup of many pages may take hours, and must not pass for one that hangs."""
    ran(app, "refresh", at("2026-01-10T08:00"))
    app.secret_key()  # something to copy
    said: list[str] = []
    steps, went_well = run_nightly(app, Moment.of(at("2026-01-12T06:00")), progress=said.append)
    assert went_well, steps
    assert said.index("copying the database") in range(said.index("backup"), said.index("prune"))
    assert said.index("giving room back") in range(said.index("prune"), said.index("fit"))


@pytest.mark.parametrize(
    "moment",
    [Moment(at("2026-01-12T06:00"), pinned=True), Moment(at("2026-01-12T06:00"), day=date(2026, 1, 10))],
)
def test_a_clock_that_a_person_chose_has_no_night(app: App, moment: Moment) -> None:
    """``digest run --now 2030-01-01`` must not drop what is too old then."""
    ran(app, "refresh", at("2026-01-02T08:00"))
    assert run_nightly(app, moment) == ({}, True)


def test_without_a_model_none_is_fitted(app: App) -> None:
    """Whoever composes first makes it; and that the night's part was done is recorded."""
    outcome = run_fit(app, Moment.of(at("2026-01-12T03:00")))
    assert (outcome.counts, outcome.ok, outcome.locked) == ({}, True, False)
    assert not app.models_dir.exists()
    with app.database.read() as session:
        run = run_rows.last_run(session, "fit")
    assert run is not None
    assert run.ok


def test_of_two_at_once_one_leaves(app: App) -> None:
    with app.lock("fit"):
        assert run_fit(app, Moment.of(at("2026-01-12T03:00"))).locked


def test_digest_run_does_the_work_of_the_night_once() -> None:
    """So that cron alone is enough."""
    Path("digest.toml").write_text(
        'data_dir = "data"\n[[source]]\nname = "gone"\nkind = "huggingface"\n'
        'url = "http://127.0.0.1:9"\nallow_private = true\n'
    )
    made = make_app(Settings(data_dir=Path.cwd() / "data"))
    with closing(made.database):
        ran(made, "refresh", datetime.now(UTC) - timedelta(days=3))
    assert "fit" in run("run", "--json").json
    assert "fit" not in run("run", "--json").json
