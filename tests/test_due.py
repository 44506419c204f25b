"""Every local date ends up with one row and its reason, and an issue waits for a source, but not for long."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from digest.app import App, make_app
from digest.checking import read_settings
from digest.models import Issue
from digest.pipeline.compose import Composer
from digest.pipeline.moment import Moment
from digest.runs import run_compose, run_refresh
from digest.storage import days as day_rows
from digest.storage import issues as issue_rows
from digest.storage import runs as run_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.days import DayRecord, SkippedDay
from digest.types import SubscriberStatus
from digest.why import Cause, Explanation
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import configure

READER = "reader@example.org"
MONDAY = date(2026, 1, 12)
DAY = timedelta(days=1)


class Site(DailyServer):
    """A site whose broken days answer at once with a page that cannot be read; a 503 is asked for again."""

    def answer(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, bytes]:
        status, body = super().answer(path, query)
        return (200, b"no") if status == 503 else (status, body)


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """Three new papers on each day of January 2026."""
    days = {
        f"2026-01-{day:02d}": [item(100 * day + number, votes=number) for number in (1, 2, 3)]
        for day in range(1, 32)
    }
    with serving(Site(days)) as server:
        configure(server.url)
        yield server


@pytest.fixture
def app(site: DailyServer) -> Iterator[App]:
    """The program on the data of this test."""
    app = make_app(read_settings())
    yield app
    app.database.close()


def at(day: int, time: str = "09:00") -> str:
    """A time in January 2026."""
    return f"2026-01-{day:02d}T{time}:00Z"


def subscribe(*more: str, day: int = 12) -> None:
    """A reader served at eight, UTC, subscribed at seven on that day."""
    ok("subscriber", "add", READER, "--hour", "8", "--active", "--now", at(day, "07:00"), *more)


def step(app: App, day: int, time: str = "09:00") -> dict[str, Any]:
    """Read the sources and compose at that time; what compose counted."""
    moment = Moment(datetime.fromisoformat(at(day, time)), pinned=True)
    run_refresh(app, moment)
    return dict(run_compose(app, moment).counts)


def records(app: App) -> list[DayRecord]:
    """The rows of the one reader, in order of their dates."""
    with app.database.read() as session:
        return day_rows.list_days(session, [1], since=date.min)[1]


def fates(app: App) -> dict[int, str]:
    """By day of January what became of it: the status, or the cause of a date that was skipped."""
    found = {}
    for one in records(app):
        told = Explanation.from_stored(one.reason)
        found[one.local_date.day] = told.code.value if one.status == "skipped" and told else one.status
    return found


def why(day: int, now: str) -> tuple[str, str]:
    """Cause and sentence."""
    answer = ok("why", READER, "--date", f"2026-01-{day:02d}", "--now", now, "--json").json
    return answer["cause"], answer["sentence"]


# --- every date has a row --------------------------------------------------------------------------


def test_dates_the_machine_slept_through_are_marked_with_the_issue_that_follows(app: App) -> None:
    """Only the latest date is composed; the others say between which runs nothing ran."""
    subscribe()
    step(app, 12)
    assert step(app, 15) == {"issues": 1, "empty": 0, "skipped": 0}
    asleep = Cause.SCHEDULER_DID_NOT_RUN.value
    assert fates(app) == {12: "composed", 13: asleep, 14: asleep, 15: "composed"}
    cause, sentence = why(13, at(15, "10:00"))
    assert cause == asleep
    assert (
        "nothing ran between Monday 12 January 2026 at 09:00 and Thursday 15 January 2026 at 09:00"
        in sentence
    )
    assert "the digest of Thursday 15 January 2026 looks back on it" in sentence
    step(app, 15, "09:05")
    assert len(records(app)) == 4


def test_a_date_that_is_over_is_marked_by_the_next_run(app: App) -> None:
    """Tuesday's window ended at four on Wednesday; a run at five says so, one at nine makes Wednesday's."""
    subscribe()
    step(app, 12)
    assert step(app, 14, "05:00") == {"issues": 0, "empty": 0, "skipped": 1}
    assert fates(app) == {12: "composed", 13: Cause.SCHEDULER_DID_NOT_RUN.value}
    assert "looks back" not in why(13, at(14, "05:00"))[1]
    step(app, 14)
    assert fates(app)[14] == "composed"


def test_compose_that_ran_and_failed_is_told_apart_from_none_at_all(app: App) -> None:
    subscribe()
    step(app, 12)
    with app.database.write() as session:
        failed = run_rows.start_run(session, "compose", datetime.fromisoformat(at(13, "08:05")))
        run_rows.finish_run(
            session, failed, ok=False, outcome={}, now=datetime.fromisoformat(at(13, "08:06"))
        )
    step(app, 14)
    assert fates(app)[13] == Cause.TOO_LATE.value
    assert "failed until it was too late on Wednesday 14 January 2026 at 04:00" in why(13, at(14))[1]


def test_a_pause_is_marked_when_it_is_over_and_not_day_by_day(app: App) -> None:
    subscribe()
    step(app, 12)
    ok("subscriber", "pause", READER, "--until", "2026-01-16")
    for day in (13, 14, 15):
        step(app, day)
    assert fates(app) == {12: "composed"}
    step(app, 16)
    assert fates(app) == {12: "composed", **dict.fromkeys((13, 14, 15), "paused"), 16: "composed"}
    assert "paused until Friday 16 January 2026" in why(14, at(16))[1]


@pytest.mark.parametrize(
    "status", [SubscriberStatus.BOUNCED, SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.PAUSED]
)
def test_who_was_not_active_is_told_so_once_they_are_again(app: App, status: SubscriberStatus) -> None:
    """No row while they are away, and one a day afterwards."""
    subscribe()
    step(app, 12)
    with app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, READER)
        assert reader is not None
        subscriber_rows.set_status(session, reader, status, now=datetime.now(UTC))
    step(app, 13)
    step(app, 14)
    assert fates(app) == {12: "composed"}
    ok("subscriber", "activate", READER)
    step(app, 15)
    assert fates(app) == {12: "composed", 13: "not_active", 14: "not_active", 15: "composed"}


def test_dates_before_the_address_was_confirmed_are_marked_so(app: App) -> None:
    ok("subscriber", "add", READER, "--hour", "8", "--now", at(12, "07:00"))
    step(app, 12)
    ok("subscriber", "activate", READER, "--now", at(14, "07:00"))
    step(app, 14)
    assert fates(app) == {12: "unconfirmed", 13: "unconfirmed", 14: "composed"}


def test_an_hour_that_is_changed_costs_a_date_by_name_only(app: App) -> None:
    """From 23 to 1 o'clock at half past nine in the evening: that day's hour was too long ago."""
    subscribe("--hour", "23")
    step(app, 12, "23:00")
    step(app, 13, "12:00")
    ok("subscriber", "change", READER, "--hour", "1")
    step(app, 13, "21:30")
    step(app, 14, "01:00")
    assert fates(app) == {12: "composed", 13: "schedule_changed", 14: "composed"}


def test_a_zone_that_is_changed_gives_no_date_twice_and_loses_none(app: App) -> None:
    """From Los Angeles to the first zone to see a day, and back."""
    subscribe("--zone", "America/Los_Angeles", day=11)
    step(app, 12, "16:00")
    step(app, 13, "13:00")
    ok("subscriber", "change", READER, "--zone", "Pacific/Kiritimati")
    step(app, 13, "15:05")  # the 14th, 05:05: the 13th's window has ended there
    step(app, 13, "18:00")
    ok("subscriber", "change", READER, "--zone", "America/Los_Angeles")
    step(app, 14, "16:00")
    step(app, 15, "16:00")
    lost = {10: Cause.SCHEDULER_DID_NOT_RUN.value, 11: Cause.SCHEDULER_DID_NOT_RUN.value}
    assert fates(app) == lost | {12: "composed", 13: "schedule_changed", 14: "composed", 15: "composed"}


def test_weekly_that_becomes_daily_was_not_away(app: App) -> None:
    """The days between were not asked for then; nothing is folded in for them."""
    subscribe("--cadence", "weekly", "--weekday", "mon", day=1)
    for day in (5, 12, 13, 14):
        step(app, day)
    ok("subscriber", "change", READER, "--cadence", "daily")
    step(app, 15)
    assert fates(app) == {
        5: "composed",
        12: "composed",
        13: "schedule_changed",
        14: "schedule_changed",
        15: "composed",
    }
    assert sections(app, 15).count("While you were away") == 0


def test_a_clock_that_was_ahead_silences_nobody(app: App) -> None:
    """What was marked at a time to come is made after all when that time comes."""
    subscribe()
    step(app, 12)
    step(app, 20)
    assert fates(app)[14] == Cause.SCHEDULER_DID_NOT_RUN.value
    for day in (13, 14, 15):
        assert step(app, day)["issues"] == 1
    assert [fates(app)[day] for day in (12, 13, 14, 15, 16, 20)] == [
        *["composed"] * 4,
        Cause.SCHEDULER_DID_NOT_RUN.value,
        "composed",
    ]
    assert len(records(app)) == 9


def test_a_day_that_was_skipped_can_be_asked_for(app: App) -> None:
    subscribe()
    step(app, 12)
    step(app, 15)
    counts = ok("compose", "--date", "2026-01-13", "--now", at(15, "10:00"), "--json").json
    assert counts == {"issues": 0, "empty": 1, "skipped": 0}  # its papers were in that of the 15th
    assert fates(app)[13] == "empty"
    assert len(records(app)) == 4


def test_days_asked_for_one_by_one_mark_what_lies_between(app: App) -> None:
    """``--date`` alone is a clock too, though the reader came long after."""
    ok("subscriber", "add", READER, "--active")
    for day in ("2026-01-12", "2026-01-15"):
        ok("refresh", "--date", day)
        ok("compose", "--date", day)
    asleep = Cause.SCHEDULER_DID_NOT_RUN.value
    assert fates(app) == {12: "composed", 13: asleep, 14: asleep, 15: "composed"}


def test_a_year_away_is_marked_at_once(app: App) -> None:
    """365 rows without content, and the issue."""
    subscribe()
    step(app, 12)
    assert ok("compose", "--now", "2027-01-13T09:00:00Z", "--json").json["skipped"] == 0
    found = records(app)
    assert len(found) == 367
    assert {one.status for one in found[1:-1]} == {"skipped"}
    assert [one.local_date for one in found] == [MONDAY + n * DAY for n in range(367)]


def test_a_mark_never_takes_the_place_of_an_issue(app: App) -> None:
    """Two processes at once: whoever comes second changes nothing."""
    subscribe()
    step(app, 12)
    with app.database.write() as session:
        day_rows.add_skipped(session, [SkippedDay(1, MONDAY, "UTC", "paused So.")], datetime.now(UTC))
        day_rows.delete_skipped(session, [1], MONDAY)
    assert fates(app) == {12: "composed"}


def test_skipped_dates_neither_end_a_silence_nor_count(app: App) -> None:
    subscribe()
    with app.database.write() as session:
        skipped = [SkippedDay(1, MONDAY + n * DAY, "UTC", "paused So.") for n in (1, 2)]
        day_rows.add_skipped(session, skipped, datetime.now(UTC))
    with app.database.write() as session:
        empty = Issue(
            subscription_id=1,
            local_date=MONDAY,
            status="empty",
            composed_at=datetime.now(UTC),
            expires_at=datetime.now(UTC),
        )
        issue_rows.add_issues(session, [issue_rows.NewIssue(empty)])
    with app.database.read() as session:
        assert issue_rows.silent_days(session, 1, MONDAY + 3 * DAY) == 1


def sections(app: App, day: int) -> list[str]:
    """The section of each paper of that day's issue."""
    with app.database.read() as session:
        issue = issue_rows.get_issue(session, 1, date(2026, 1, day))
        assert issue is not None
        assert issue.id is not None
        return [row.section for row in issue_rows.list_recommendations(session, issue.id)]


# --- waiting for a source --------------------------------------------------------------------------

ALL_DAYS = {f"2026-01-{day:02d}" for day in range(1, 32)}


def coverage(app: App, day: int) -> str:
    """What that day's issue says it looked at."""
    with app.database.read() as session:
        issue = issue_rows.get_issue(session, 1, date(2026, 1, day))
        assert issue is not None
        return issue.coverage


def test_an_issue_waits_for_a_source_and_then_goes_without(app: App, site: DailyServer) -> None:
    """Two hours, no longer; why says for whom, and the issue that it waited."""
    subscribe()
    assert step(app, 12) == {"issues": 1, "empty": 0, "skipped": 0}
    site.broken = ALL_DAYS
    assert step(app, 13, "07:30") == {"issues": 0, "empty": 0, "skipped": 1}
    assert step(app, 13, "08:00") == {"issues": 0, "empty": 0, "skipped": 0, "held": 1}
    assert step(app, 13, "09:55")["held"] == 1
    assert why(13, at(13, "09:56")) == (
        "held",
        "The digest of Tuesday 13 January 2026 waits for Hugging Face until 10:00, and goes without after "
        "that.",
    )
    assert "held" not in step(app, 13, "10:00")
    assert coverage(app, 13).endswith(
        " This digest waited two hours for Hugging Face, which could not be read."
    )


def test_an_issue_goes_as_soon_as_the_source_is_good(app: App, site: DailyServer) -> None:
    subscribe()
    step(app, 12)
    site.broken = ALL_DAYS
    assert step(app, 13, "08:00")["held"] == 1
    site.broken = set()
    assert step(app, 13, "08:30") == {"issues": 1, "empty": 0, "skipped": 0}
    assert "waited" not in coverage(app, 13)


def test_who_never_waited_does_not_say_so(app: App, site: DailyServer) -> None:
    """A machine that wakes after the hold makes the issue at once."""
    subscribe()
    step(app, 12)
    site.broken = ALL_DAYS
    assert step(app, 13, "11:00").get("held") is None
    assert "waited" not in coverage(app, 13)


def test_a_source_that_is_dead_for_days_holds_nobody(app: App, site: DailyServer) -> None:
    subscribe()
    step(app, 12)
    site.broken = ALL_DAYS
    for day in (13, 14):
        assert step(app, day, "08:00").get("held") == 1
        step(app, day, "10:00")
    assert step(app, 15, "09:01").get("held") is None


@pytest.mark.parametrize("early", ["", "05:00"])
def test_waiting_never_costs_two_dates_in_a_row(app: App, site: DailyServer, early: str) -> None:
    """Steps run once a day never end a hold: the date is lost, and the next one goes without the source.

    Whether the lost date is marked together with the next issue, or by an earlier run, is the same.
    """
    subscribe()
    step(app, 12, "08:00")
    site.broken = ALL_DAYS
    assert step(app, 13, "08:00")["held"] == 1
    if early:
        assert "held" not in step(app, 14, early)
    assert "held" not in step(app, 14, "08:00")
    assert fates(app)[13] == Cause.TOO_LATE.value
    assert coverage(app, 14)  # so there is an issue, without papers since nothing could be read
    assert "waited" not in coverage(app, 14)


def test_a_source_that_nobody_reads_holds_nobody(app: App, site: DailyServer) -> None:
    """Good on Sunday, broken on Monday at five, and not read since: nothing is to be waited for."""
    subscribe(day=10)
    step(app, 11)
    site.broken = ALL_DAYS
    run("refresh", "--now", at(12, "05:00"))
    assert ok("compose", "--now", at(12, "08:00"), "--json").json["held"] == 1
    assert ok("compose", "--now", at(13, "08:00"), "--json").json.get("held") is None


def test_an_empty_page_is_good(app: App, site: DailyServer) -> None:
    subscribe()
    step(app, 12)
    del site.days["2026-01-13"]
    assert step(app, 13, "08:00").get("held") is None


def test_a_day_that_is_asked_for_does_not_wait(app: App, site: DailyServer) -> None:
    subscribe()
    step(app, 12)
    site.broken = ALL_DAYS
    run("refresh", "--now", at(13, "08:00"))
    counts = ok("compose", "--now", at(13, "08:00"), "--date", "2026-01-13", "--json").json
    assert "held" not in counts


def composer_of(app: App, **rules: Any) -> Composer:
    composer = app.composer()
    return replace(composer, rules=replace(composer.rules, **rules))


def test_a_run_may_say_that_nothing_waits(app: App, site: DailyServer) -> None:
    """For who composes once a day waiting would be losing."""
    subscribe()
    step(app, 12)
    site.broken = ALL_DAYS
    run("refresh", "--now", at(13, "08:00"))
    moment = Moment(datetime.fromisoformat(at(13, "08:00")), pinned=True)
    composer = composer_of(app, sources=("hf",))
    assert not composer.composes_often(moment)
    assert composer.compose(moment)["held"] == 1
    assert composer_of(app, sources=()).compose(moment, hold=True).get("held") is None


def test_composing_often_is_seen_from_the_runs(app: App, site: DailyServer) -> None:
    """Two earlier runs within twice the hold; one alone may have been made by hand."""
    subscribe()
    step(app, 12, "06:30")
    composer = app.composer()
    step(app, 12, "07:30")
    cases = (("07:00", False), ("07:30", True), ("10:29", True), ("10:31", False), ("06:00", False))
    for time, often in cases:
        moment = Moment(datetime.fromisoformat(at(12, time)), pinned=True)
        assert composer.composes_often(moment) is often


def test_a_hold_that_nobody_ended_is_told(app: App, site: DailyServer) -> None:
    """The issue waited, and then the machine slept until it was too late."""
    subscribe()
    step(app, 12)
    site.broken = ALL_DAYS
    assert step(app, 13, "08:00")["held"] == 1
    site.broken = set()
    step(app, 14, "08:00")
    assert fates(app)[13] == Cause.TOO_LATE.value
    assert "waited for a source" in why(13, at(14))[1]


def test_a_batch_that_comes_late_and_in_two_parts_reaches_everyone_once(app: App, site: DailyServer) -> None:
    """Broken at seven, half of it at eleven, the rest at one: each paper once, in this issue or the next."""
    subscribe()
    step(app, 12)
    batch = site.days["2026-01-13"]
    site.broken = ALL_DAYS
    for time in ("07:00", "08:00", "09:00", "10:00"):
        step(app, 13, time)
    site.broken = set()
    site.days["2026-01-13"] = batch[:1]
    step(app, 13, "11:00")
    site.days["2026-01-13"] = batch
    step(app, 13, "13:00")
    step(app, 14, "08:00")
    sent = []
    with app.database.read() as session:
        for day in (12, 13, 14):
            issue = issue_rows.get_issue(session, 1, date(2026, 1, day))
            assert issue is not None
            assert issue.id is not None
            sent += [
                one.paper.arxiv_id for one in issue_rows.load_issue_views(session, [issue.id])[issue.id].items
            ]
    assert [sent.count(f"2601.{90000 + number}") for number in (1301, 1302, 1303)] == [1, 1, 1]
