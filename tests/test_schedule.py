"""Every local date that exists and that the cadence includes is due exactly once, whatever clocks do."""

import random
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.schedule import (
    MARKED_DAYS,
    SubscriptionRule,
    check_zone,
    due_at,
    due_date,
    end_of_day,
    exists,
    hold_ends,
    is_on,
    local_date,
    missed_dates,
    next_due,
    on_dates,
    reader_zones,
)
from digest.types import Cadence

# Zones with changes that have broken schedulers, each with a day some months before its change.
TROUBLE = {
    "Africa/Cairo": "2023-01-01",  # gap at midnight, summer time came back
    "Africa/Casablanca": "2025-01-01",  # back for Ramadan
    "Africa/El_Aaiun": "2026-01-01",
    "Africa/Juba": "2020-10-01",
    "Africa/Khartoum": "2017-06-01",
    "Africa/Monrovia": "1971-09-01",  # offset of odd seconds
    "Africa/Sao_Tome": "2018-09-01",
    "Africa/Tripoli": "2012-09-01",
    "America/Anchorage": "1967-01-01",
    "America/Argentina/San_Luis": "2009-01-01",
    "America/Asuncion": "2024-06-01",  # summer time for good
    "America/Bogota": "1992-01-01",
    "America/Cancun": "2014-10-01",
    "America/Caracas": "2015-10-01",  # half an hour
    "America/Godthab": "2023-01-01",
    "America/Havana": "2024-01-01",  # fold at 01:00 to midnight
    "America/Juneau": "1867-05-01",  # a date twice
    "America/Metlakatla": "2018-06-01",
    "America/Montevideo": "2014-09-01",
    "America/New_York": "2006-06-01",
    "America/Nuuk": "2024-01-01",  # gap from 23:00 to midnight
    "America/Port-au-Prince": "2015-09-01",
    "America/Punta_Arenas": "2016-06-01",
    "America/Santiago": "2022-06-01",
    "America/Sao_Paulo": "2018-06-01",  # gap at midnight
    "America/Scoresbysund": "2023-09-01",
    "America/St_Johns": "2006-06-01",  # changes at 00:01
    "America/Whitehorse": "2019-12-01",
    "Antarctica/Casey": "2018-02-01",
    "Antarctica/Macquarie": "2010-01-01",
    "Antarctica/Troll": "2025-01-01",  # two hours
    "Antarctica/Vostok": "2023-06-01",
    "Asia/Almaty": "2023-09-01",
    "Asia/Amman": "2022-01-01",
    "Asia/Beirut": "2022-09-01",
    "Asia/Colombo": "2005-10-01",
    "Asia/Damascus": "2022-01-01",
    "Asia/Dhaka": "2009-01-01",
    "Asia/Famagusta": "2016-06-01",
    "Asia/Gaza": "2024-01-01",
    "Asia/Hovd": "2015-01-01",
    "Asia/Hong_Kong": "1976-06-01",
    "Asia/Kathmandu": "1985-09-01",  # a quarter of an hour
    "Asia/Kolkata": "2025-01-01",
    "Asia/Manila": "1844-06-01",  # no 31 December
    "Asia/Pyongyang": "2017-10-01",
    "Asia/Tehran": "2022-01-01",
    "Asia/Tokyo": "1950-06-01",
    "Asia/Vladivostok": "2010-12-01",
    "Atlantic/Azores": "2025-01-01",
    "Atlantic/Stanley": "2010-01-01",
    "Australia/Eucla": "2008-06-01",
    "Australia/Lord_Howe": "2024-01-01",  # half an hour
    "Australia/Sydney": "2025-01-01",
    "Europe/Dublin": "2025-01-01",  # negative summer time
    "Europe/Istanbul": "2015-09-01",
    "Europe/London": "1941-01-01",  # double summer time
    "Europe/Moscow": "2011-01-01",
    "Europe/Samara": "2010-01-01",
    "Europe/Volgograd": "2020-06-01",
    "Indian/Mauritius": "2008-06-01",
    "Pacific/Apia": "2011-06-01",  # no 30 December
    "Pacific/Auckland": "2025-01-01",
    "Pacific/Bougainville": "2014-09-01",
    "Pacific/Chatham": "2025-01-01",
    "Pacific/Easter": "2025-01-01",
    "Pacific/Fakaofo": "2011-06-01",
    "Pacific/Fiji": "2019-06-01",
    "Pacific/Kiritimati": "1994-06-01",
    "Pacific/Kwajalein": "1993-03-01",  # no 21 August
    "Pacific/Norfolk": "2019-06-01",
    "Pacific/Tongatapu": "2016-06-01",
    "UTC": "2025-01-01",
}
HOURS = (0, 1, 2, 3, 7, 8, 12, 22, 23)


def rule(
    zone: str = "UTC",
    *,
    hour: int = 8,
    cadence: Cadence = Cadence.DAILY,
    weekday: int = 0,
    created: str = "2020-01-01T00:00+00:00",
) -> SubscriptionRule:
    return SubscriptionRule(cadence, weekday, hour, zone, datetime.fromisoformat(created))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def served_by_ticks(a_rule: SubscriptionRule, days: int, tick: timedelta, window_h: int = 20) -> list[date]:
    """The dates a tick finds due, in order, from the rule's creation on."""
    served: list[date] = []
    seen: set[date] = set()
    now = a_rule.created_at
    for _ in range(int(timedelta(days=days) / tick)):
        day = due_date(a_rule, now, seen, window_h)
        if day is not None:
            served.append(day)
            seen.add(day)
        now += tick
    return served


def assert_each_date_once(a_rule: SubscriptionRule, days: int, served: list[date]) -> None:
    """``served`` is every date that a clock in the zone showed and the cadence includes, each once.

    The first and the last date shown may be missing: their window was over, their hour to come.
    """
    zone = zoneinfo.ZoneInfo(a_rule.zone)
    quarters = (a_rule.created_at + timedelta(minutes=15 * n) for n in range(days * 96 + 1))
    shown = sorted({now.astimezone(zone).date() for now in quarters})
    inner = [day for day in shown[1:-1] if is_on(a_rule, day)]
    assert [day for day in served if shown[0] < day < shown[-1]] == inner
    assert sorted(set(served)) == served
    assert set(served) <= set(shown)


# --- the promise: each date once -------------------------------------------------------------------


@pytest.mark.parametrize(("zone", "start"), TROUBLE.items(), ids=TROUBLE)
def test_each_existing_date_is_due_exactly_once_in_zones_that_make_trouble(zone: str, start: str) -> None:
    """An hourly tick over 400 days around a real change serves each date once, in order."""
    choice = random.Random(zone)
    cadence = choice.choice([Cadence.DAILY, Cadence.DAILY, Cadence.WEEKDAYS, Cadence.WEEKLY])
    a_rule = rule(
        zone,
        hour=choice.choice(HOURS),
        cadence=cadence,
        weekday=choice.randrange(7),
        created=f"{start}T00:17+00:00",
    )
    served = served_by_ticks(a_rule, 400, timedelta(hours=1))
    assert_each_date_once(a_rule, 400, served)
    assert len(served) > (50 if cadence is Cadence.WEEKLY else 250)


@given(
    zone=st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})),
    start=st.datetimes(datetime(1930, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
    hour=st.integers(0, 23),
    cadence=st.sampled_from(Cadence),
    weekday=st.integers(0, 6),
)
def test_any_zone_at_any_time_serves_each_date_once(
    zone: str, start: datetime, hour: int, cadence: Cadence, weekday: int
) -> None:
    """A five-minute tick over eight days serves what a clock in that zone shows, each once."""
    a_rule = SubscriptionRule(cadence, weekday, hour, zone, start)
    served = served_by_ticks(a_rule, 8, timedelta(minutes=5))
    assert_each_date_once(a_rule, 8, served)


@given(st.data())
def test_ticks_that_jump_back_and_forth_never_serve_a_date_twice(data: st.DataObject) -> None:
    """A clock that steps, or a machine that slept, changes when, never how often."""
    a_rule = rule(data.draw(st.sampled_from(sorted(TROUBLE))), created="2025-01-01T00:00+00:00")
    served: set[date] = set()
    now = a_rule.created_at
    for hours in data.draw(st.lists(st.integers(-30, 200), max_size=60)):
        now = max(a_rule.created_at, now + timedelta(hours=hours))
        day = due_date(a_rule, now, served, 20)
        if day is not None:
            assert day not in served
            begins = due_at(a_rule, day)
            assert begins is not None
            assert begins <= now < begins + timedelta(hours=20)
            served.add(day)


# --- the promise: each date served or skipped, exactly once ----------------------------------------


@dataclass
class Ledger:
    """What a reader's dates came to: each is entered once, as served or as skipped, or the test fails."""

    served: dict[date, datetime] = field(default_factory=dict)
    skipped: dict[date, datetime] = field(default_factory=dict)
    entered: set[date] = field(default_factory=set)

    def tick(self, a_rule: SubscriptionRule, now: datetime, window_h: int = 20) -> None:
        rows, today = self.entered, local_date(now, a_rule.zone)
        day = due_date(a_rule, now, rows, window_h)
        # Among the latest days first, since all of a year's would have to be compared each time.
        recent = (today - n * timedelta(days=1) for n in range(10))
        last = next((one for one in recent if one in rows), None)
        last = last or max((row for row in rows if row <= today), default=None)
        missed = missed_dates(a_rule, now, last=last, due=day, window_h=window_h)
        new = [*missed, *([day] if day else [])]
        assert not rows.intersection(new)
        assert new == sorted(set(new))
        rows.update(new)
        self.skipped |= dict.fromkeys(missed, now)
        if day is not None:
            self.served[day] = now


def existing_dates(zone: str, first: datetime, last: datetime) -> list[date]:
    """The dates that a clock in the zone shows, looked at every six hours; schedule.py is not asked."""
    info = zoneinfo.ZoneInfo(zone)
    looks = int((last - first) / timedelta(hours=6)) + 1
    shown = {(first + n * timedelta(hours=6)).astimezone(info).date() for n in range(looks)}
    return sorted(shown | {last.astimezone(info).date()})


def assert_complete(ledger: Ledger, a_rule: SubscriptionRule, now: datetime) -> None:
    """Each date that exists and is on the cadence, and whose hour has come, is in the ledger; no other is."""
    shown = existing_dates(a_rule.zone, a_rule.created_at, now)
    # The hour of the last ones may be to come, be it on the next date where a gap swallowed it.
    to_come = {day for day in shown[-2:] if (at := due_at(a_rule, day)) is not None and at > now}
    assert ledger.entered == {day for day in shown if is_on(a_rule, day)} - to_come
    assert not ledger.served.keys() & ledger.skipped.keys()


def change_of(zone: str, choice: random.Random) -> datetime:
    """200 days before one of the times at which the zone changed its rules, if it ever did."""
    if zone in TROUBLE:
        return datetime.fromisoformat(f"{TROUBLE[zone]}T00:17+00:00")
    info = zoneinfo.ZoneInfo(zone)
    months = [
        datetime(year, month, 1, tzinfo=UTC) for year in range(1930, 2038) for month in (1, 3, 5, 7, 9, 11)
    ]
    offsets = [month.astimezone(info).utcoffset() for month in months]
    changes = [month for month, old, new in zip(months[1:], offsets, offsets[1:], strict=False) if old != new]
    return (choice.choice(changes) if changes else datetime(2025, 1, 1, tzinfo=UTC)) - timedelta(days=200)


def clocks(choice: random.Random) -> Iterator[timedelta]:
    """How far the clock goes from tick to tick: mostly on, a night, a week of sleep, or back."""
    while True:
        kind = choice.random()
        if kind < 0.15:
            yield timedelta(hours=-choice.uniform(0, 30))
        elif kind < 0.9:
            yield timedelta(hours=choice.uniform(0.1, 26))
        elif kind < 0.98:
            yield timedelta(hours=choice.uniform(26, 80))
        else:
            yield timedelta(days=choice.uniform(4, 40))


def a_reader(zone: str, choice: random.Random) -> SubscriptionRule:
    cadence = choice.choice([Cadence.DAILY, Cadence.DAILY, Cadence.WEEKDAYS, Cadence.WEEKLY])
    return SubscriptionRule(cadence, choice.randrange(7), choice.choice(HOURS), zone, change_of(zone, choice))


ALL_ZONES = sorted(zoneinfo.available_timezones())
# Less than the window of 20 hours, so that a tick falls into each.
AWAKE = timedelta(hours=19)


@pytest.mark.parametrize("part", range(8))
def test_in_every_zone_each_existing_date_is_served_or_skipped_exactly_once(part: int) -> None:
    """400 days around a real change of rules, with a clock that sleeps, jumps and steps back."""
    for zone in ALL_ZONES[part::8]:
        choice = random.Random(f"clocks {zone}")
        a_rule = a_reader(zone, choice)
        ledger, now = Ledger(), a_rule.created_at
        end = a_rule.created_at + timedelta(days=400)
        for step in clocks(choice):
            ledger.tick(a_rule, now)
            now = max(a_rule.created_at, now + step)
            if now >= end:
                break
        ledger.tick(a_rule, end)
        assert_complete(ledger, a_rule, end)
        for day, at in ledger.served.items():
            begins = due_at(a_rule, day)
            assert begins is not None
            assert begins <= at < begins + timedelta(hours=20)


@pytest.mark.parametrize("part", range(8))
def test_in_every_zone_a_machine_that_runs_serves_each_date_and_skips_none(part: int) -> None:
    """A date is skipped only if nothing ran from its hour on until it was over or the next one came."""
    for zone in ALL_ZONES[part::8]:
        choice = random.Random(f"runs {zone}")
        a_rule = a_reader(zone, choice)
        ledger, now = Ledger(), a_rule.created_at
        while now < a_rule.created_at + timedelta(days=400):
            now += AWAKE
            ledger.tick(a_rule, now)
        assert_complete(ledger, a_rule, now)
        for day in ledger.skipped:
            begins = due_at(a_rule, day)
            assert begins is not None
            # The first tick came too late for the first; or the zone moved the next one close to it.
            assert begins < a_rule.created_at or next_due(a_rule, begins)[1] - begins < AWAKE


@given(st.data())
def test_changed_hours_zones_and_cadences_never_give_a_date_twice_nor_lose_one(data: st.DataObject) -> None:
    """Whoever moves or changes their hour gets each date once; what falls in between is skipped by name."""
    zones = st.sampled_from(sorted(TROUBLE) + reader_zones())
    a_rule = rule(data.draw(zones), created="2011-12-20T05:00+00:00", hour=data.draw(st.integers(0, 23)))
    ledger, now = Ledger(), a_rule.created_at
    steps = st.tuples(st.floats(-20, 60), st.none() | zones, st.none() | st.integers(0, 23))
    first = local_date(now, a_rule.zone)
    for hours, zone, hour in data.draw(st.lists(steps, max_size=40)):
        now = max(a_rule.created_at, now + timedelta(hours=hours))
        a_rule = replace(a_rule, zone=zone or a_rule.zone, hour=a_rule.hour if hour is None else hour)
        ledger.tick(a_rule, now)
    now += timedelta(days=3)
    ledger.tick(a_rule, now)
    ledger.tick(a_rule, now + timedelta(days=1))
    assert not ledger.served.keys() & ledger.skipped.keys()
    days = existing_dates(a_rule.zone, a_rule.created_at, now)
    assert ledger.entered >= {day for day in days[:-1] if day > first + timedelta(days=1)}


@given(st.data())
def test_a_changed_cadence_keeps_every_date_single(data: st.DataObject) -> None:
    """Daily, weekdays, weekly and back: no date twice, and from the change on the new days."""
    a_rule = rule("Europe/Berlin", created="2026-01-01T00:00+00:00")
    ledger, now = Ledger(), a_rule.created_at
    for cadence, weekday, days in data.draw(
        st.lists(st.tuples(st.sampled_from(Cadence), st.integers(0, 6), st.integers(1, 20)), max_size=8)
    ):
        a_rule = replace(a_rule, cadence=cadence, weekday=weekday)
        start = now
        for _ in range(days * 3):
            now += timedelta(hours=8)
            ledger.tick(a_rule, now)
        expected = on_dates(a_rule, start.date() + timedelta(days=1), now.date() - timedelta(days=1))
        assert set(expected) <= ledger.served.keys()


@given(created=st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3), timezones=st.just(UTC)))
def test_marks_go_back_a_year_and_no_further(created: datetime) -> None:
    """Who comes back after three years costs a year of rows, once."""
    a_rule = SubscriptionRule(Cadence.DAILY, 0, 8, "UTC", created)
    now = created + timedelta(days=1000)
    ledger = Ledger()
    ledger.tick(a_rule, now)
    assert MARKED_DAYS - 1 <= len(ledger.skipped) <= MARKED_DAYS + 1
    ledger.tick(a_rule, now + timedelta(minutes=5))
    assert len(ledger.skipped) <= MARKED_DAYS + 1


def test_samoa_lost_a_friday_and_nobody_is_told_of_it() -> None:
    """30 December 2011 is neither served nor skipped, asleep or awake."""
    a_rule = rule("Pacific/Apia", created="2011-12-20T00:00+00:00")
    ledger = Ledger()
    ledger.tick(a_rule, utc("2011-12-21T19:00"))
    ledger.tick(a_rule, utc("2012-01-05T19:00"))
    assert date(2011, 12, 30) not in ledger.entered
    assert {date(2011, 12, 29), date(2011, 12, 31)} <= ledger.skipped.keys()


def test_an_issue_that_is_too_late_is_missed_once_its_window_is_over() -> None:
    a_rule, day = rule(), date(2026, 8, 3)
    last = date(2026, 8, 2)

    def missed(now: str, due: date | None = None) -> list[date]:
        return missed_dates(a_rule, utc(now), last=last, due=due, window_h=20)

    assert missed("2026-08-04T03:59:59", due=day) == []
    assert missed("2026-08-04T03:59:59") == []
    assert missed("2026-08-04T04:00:00") == [day]
    assert missed("2026-08-04T08:00:00", due=date(2026, 8, 4)) == [day]


def test_nothing_waits_until_it_is_too_late() -> None:
    """However long the hold, an issue goes in the first half of its window."""
    begins = utc("2026-08-03T08:00")
    assert hold_ends(begins, 2.0, 20) == utc("2026-08-03T10:00")
    assert hold_ends(begins, 48.0, 20) == utc("2026-08-03T18:00")


def test_a_reader_may_choose_any_zone_but_those_of_the_machine() -> None:
    zones: Sequence[str] = reader_zones()
    assert "Europe/Berlin" in zones
    assert not {"localtime", "Factory", "posixrules"} & set(zones)
    assert all(check_zone(name) == name for name in zones)


# --- when a date begins to be due ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        ("Europe/Berlin", "2026-08-03", 8, "2026-08-03T06:00"),
        ("Europe/Berlin", "2026-03-29", 2, "2026-03-29T01:00"),  # 02:00 is skipped: 03:00 summer time
        ("Antarctica/Troll", "2025-03-30", 2, "2025-03-30T01:00"),  # in the midst of two skipped hours
        ("Europe/Berlin", "2026-10-25", 2, "2026-10-25T00:00"),  # 02:00 twice: the first
        ("America/Sao_Paulo", "2018-11-04", 0, "2018-11-04T03:00"),  # midnight is skipped: 01:00
        ("America/Nuuk", "2024-03-30", 23, "2024-03-31T01:00"),  # 23:00 is skipped: midnight, the next date
        ("Australia/Lord_Howe", "2024-10-06", 2, "2024-10-05T15:30"),  # half an hour: 02:30
        ("America/St_Johns", "2006-10-29", 0, "2006-10-29T02:30"),  # midnight twice
        ("Africa/Monrovia", "1972-01-07", 0, "1972-01-07T00:44:30"),  # 44 minutes and 30 seconds
    ],
)
def test_the_hour_is_found_in_gaps_and_folds(zone: str, day: str, hour: int, expected: str) -> None:
    assert due_at(rule(zone, hour=hour), date.fromisoformat(day)) == utc(expected)


def test_a_date_that_the_zone_skipped_is_never_due() -> None:
    """Samoa had no 30 December 2011; the days around it are due as always."""
    a_rule = rule("Pacific/Apia", created="2011-12-01T00:00+00:00")
    assert not exists(date(2011, 12, 30), "Pacific/Apia")
    assert due_at(a_rule, date(2011, 12, 30)) is None
    served = served_by_ticks(a_rule, 31, timedelta(hours=1))
    assert date(2011, 12, 29) in served
    assert date(2011, 12, 30) not in served
    assert date(2011, 12, 31) in served


def test_a_weekly_issue_on_a_skipped_friday_waits_for_the_next_friday() -> None:
    a_rule = rule("Pacific/Apia", cadence=Cadence.WEEKLY, weekday=4, created="2011-12-01T00:00+00:00")
    day, begins = next_due(a_rule, utc("2011-12-24T00:00"))
    assert day == date(2012, 1, 6)
    assert begins == utc("2012-01-05T18:00")


def test_cadence_decides_the_days() -> None:
    week = [date(2026, 8, 3) + timedelta(days=n) for n in range(7)]  # from a Monday
    assert [is_on(rule(), day) for day in week] == [True] * 7
    assert [is_on(rule(cadence=Cadence.WEEKDAYS), day) for day in week] == [True] * 5 + [False] * 2
    weekly = rule(cadence=Cadence.WEEKLY, weekday=2)
    assert [is_on(weekly, day) for day in week] == [False, False, True, False, False, False, False]
    assert due_at(weekly, week[1]) is None


# --- which date is due -----------------------------------------------------------------------------


def test_the_window_has_a_first_and_a_last_instant() -> None:
    a_rule, day = rule(), date(2026, 8, 3)
    earlier = {date(2026, 8, 2)}
    assert due_date(a_rule, utc("2026-08-03T07:59:59"), earlier, 20) is None
    assert due_date(a_rule, utc("2026-08-03T08:00:00"), earlier, 20) == day
    assert due_date(a_rule, utc("2026-08-04T03:59:59"), earlier, 20) == day
    assert due_date(a_rule, utc("2026-08-04T04:00:00"), earlier, 20) is None
    assert due_date(a_rule, utc("2026-08-03T08:00:00"), {day}, 20) is None


def test_after_a_long_sleep_only_the_latest_date_is_due() -> None:
    a_rule = rule()
    assert due_date(a_rule, utc("2026-08-20T09:00"), {date(2026, 8, 3)}, 20) == date(2026, 8, 20)


def test_an_older_issue_never_follows_a_newer_one() -> None:
    """With a window of three days, yesterday's date stays unserved once today's went out."""
    a_rule, now = rule(), utc("2026-08-05T09:00")
    assert due_date(a_rule, now, set(), 72) == date(2026, 8, 5)
    assert due_date(a_rule, now, {date(2026, 8, 5)}, 72) is None


def test_a_wide_window_lets_a_weekly_issue_catch_up() -> None:
    a_rule = rule(cadence=Cadence.WEEKLY, weekday=0)
    assert due_date(a_rule, utc("2026-08-05T07:00"), set(), 48) == date(2026, 8, 3)
    assert due_date(a_rule, utc("2026-08-05T08:00"), set(), 48) is None


def test_nothing_is_due_before_the_subscription_was_made() -> None:
    """Today's issue comes at once to who subscribes after the hour; yesterday's never does."""
    a_rule = rule(created="2026-08-03T22:00+00:00", hour=23)
    assert due_date(a_rule, utc("2026-08-03T22:00"), set(), 20) is None
    late = rule(created="2026-08-03T22:00+00:00", hour=8)
    assert due_date(late, utc("2026-08-03T22:00"), set(), 20) == date(2026, 8, 3)
    assert due_date(late, utc("2026-08-01T22:00"), set(), 20) is None  # a clock that was set back
    assert next_due(late, utc("2026-08-01T22:00")) == (date(2026, 8, 3), utc("2026-08-03T08:00"))


def test_next_due_is_after_now_and_on_the_cadence() -> None:
    weekdays = rule("Europe/Berlin", cadence=Cadence.WEEKDAYS)
    assert next_due(weekdays, utc("2026-08-07T06:00")) == (date(2026, 8, 10), utc("2026-08-10T06:00"))
    assert next_due(weekdays, utc("2026-08-07T05:59")) == (date(2026, 8, 7), utc("2026-08-07T06:00"))


# --- days ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/Berlin", "2026-08-03", "2026-08-03T21:59:59"),
        ("America/Havana", "2024-11-02", "2024-11-03T03:59:59"),
        ("America/Sao_Paulo", "2019-02-16", "2019-02-17T02:59:59"),  # 23:59:59 twice: the second
        ("America/Nuuk", "2024-03-30", "2024-03-31T00:59:59"),  # 23:59:59 is skipped: 22:59:59
        ("Pacific/Apia", "2011-12-29", "2011-12-30T09:59:59"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T09:59:59"),  # no such date: the end of the one before
        ("Pacific/Apia", "2011-12-31", "2011-12-31T09:59:59"),
    ],
)
def test_the_end_of_a_day_is_its_last_second(zone: str, day: str, expected: str) -> None:
    assert end_of_day(date.fromisoformat(day), zone) == utc(expected)


@given(
    zone=st.sampled_from(sorted(TROUBLE)),
    day=st.dates(date(1840, 1, 1), date(2037, 12, 31)),
)
def test_the_second_after_the_end_of_a_day_is_a_later_date(zone: str, day: date) -> None:
    end = end_of_day(day, zone)
    assert end.tzinfo is UTC
    assert local_date(end, zone) <= day
    assert local_date(end + timedelta(seconds=1), zone) > day
    assert exists(day, zone) == (local_date(end, zone) == day)


@pytest.mark.parametrize("year", [1, 9999])
def test_years_out_of_reach_are_one_clear_sentence(year: int) -> None:
    """``--date 9999-12-31`` is wrong usage, not a crash."""
    with pytest.raises(UsageError, match="out of reach"):
        end_of_day(date(year, 12, 31), "America/New_York")
    with pytest.raises(UsageError, match="out of reach"):
        local_date(datetime(year, 1, 1, tzinfo=UTC), "America/New_York")


# --- zones -----------------------------------------------------------------------------------------


def test_every_zone_of_the_database_is_accepted() -> None:
    names = zoneinfo.available_timezones() - {"localtime", "Factory"}
    assert len(names) > 400
    assert all(check_zone(name) == name for name in names)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("america/new york", "America/New_York"),
        ("America", "names look like|did you mean"),
        ("", "names look like"),
        ("../../etc/passwd", "names look like|did you mean"),
        ("/etc/localtime", "names look like|did you mean"),
        ("localtime", "Unknown time zone"),
        ("zone.tab", "Unknown time zone"),
        ("Europe/Berlin\0", "Unknown time zone"),
        ("Europe/\udc80", "Unknown time zone"),
        ("x" * 5000, "Unknown time zone"),
    ],
)
def test_what_is_no_zone_is_a_usage_error_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        check_zone(name)
