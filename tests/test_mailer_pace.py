"""In no window as long as the period does more leave than the rate allows; failing domains are left alone."""

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.mailer import Pacer, Rate, backoff, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20 per second", Rate(20, 1)),
        ("20/second", Rate(20, 1)),
        ("20/s", Rate(20, 1)),
        ("500/hour", Rate(500, 3600)),
        ("500 / h", Rate(500, 3600)),
        ("100 per day", Rate(100, 86400)),
        ("100 a day", Rate(100, 86400)),
        ("1 an hour", Rate(1, 3600)),
        ("at most 20 mails per  SECOND", Rate(20, 1)),
        ("1 per 10 seconds", Rate(1, 10)),
        ("30 per 5 minutes", Rate(30, 300)),
        ("30/min", Rate(30, 60)),
        ("1 per 31 days", Rate(1, 31 * 86400)),
    ],
)
def test_a_rate_is_read_as_a_person_writes_it(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        *("", "20", "per second", "0 per second", "-1 per second", "1.5 per second", "20 per fortnight"),
        *("20 per 0 seconds", "2000000 per second", "20 per second 3", "9" * 30 + "/s", "x\n\x1b[31m", "²/s"),
    ],
)
def test_what_is_no_rate_is_said_with_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rate(text)
    assert "20 per second" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["1 per 32 days", "1 per 999999 days", "5 per 745 hours", "1/999999d"])
def test_a_period_beyond_a_month_is_refused_with_its_reason(text: str) -> None:
    """A date that far back may not even be one."""
    with pytest.raises(UsageError, match="31 days") as caught:
        parse_rate(text)
    assert "20 per second" in str(caught.value)


@given(st.text(max_size=30))
def test_reading_a_rate_never_fails_otherwise(text: str) -> None:
    try:
        rate = parse_rate(text)
    except UsageError:
        return
    assert rate.count >= 1
    assert 1 <= rate.period_s <= 31 * 86400


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_so_many_leave_at_once_and_the_next_when_the_first_is_old_enough() -> None:
    clock = Clock()
    pacer = Pacer(Rate(3, 10), clock=clock)
    assert [pacer.take() for _ in range(4)] == [0, 0, 0, 10]
    clock.now += 4
    assert pacer.take() == pacer.delay() == 6
    clock.now += 6
    assert [pacer.take() for _ in range(4)] == [0, 0, 0, 10]


def test_asking_counts_nothing() -> None:
    pacer = Pacer(Rate(1, 10), clock=Clock())
    assert [pacer.delay() for _ in range(3)] == [0, 0, 0]
    assert pacer.take() == 0
    assert pacer.take() == 10


@given(
    count=st.integers(1, 5),
    before=st.lists(st.integers(900, 1000), max_size=12),
    steps=st.lists(st.integers(0, 7), max_size=60),
)
def test_no_window_holds_more_than_the_rate(count: int, before: list[int], steps: list[int]) -> None:
    """The off-by-one of a window that is counted from fixed points (listmonk #2894)."""
    clock = Clock()
    pacer = Pacer(Rate(count, 20), before, clock=clock)
    took: list[float] = []
    for step in steps:
        clock.now += step
        delay = pacer.delay()
        assert pacer.take() == delay
        if delay == 0:
            took.append(clock.now)
    for time in took:
        recent = [other for other in [*before, *took] if time - 20 < other <= time]
        # What was sent before may have been too much; then nothing is added to it.
        assert len(recent) <= count


@given(count=st.integers(1, 5), steps=st.lists(st.floats(-50, 50), max_size=40))
def test_a_clock_that_is_set_back_costs_one_period_at_most(count: int, steps: list[float]) -> None:
    clock = Clock()
    pacer = Pacer(Rate(count, 20), clock=clock)
    for step in steps:
        clock.now += step
        assert 0 <= pacer.take() <= 20


def test_a_clock_that_was_set_back_far_stops_nothing_for_longer_than_a_period() -> None:
    clock = Clock(now=2000.0)
    pacer = Pacer(Rate(1, 20), clock=clock)
    assert pacer.take() == 0
    clock.now = 1000.0
    assert pacer.take() == 20
    clock.now += 20
    assert pacer.take() == 0


def test_who_waits_as_told_gets_the_whole_rate() -> None:
    clock = Clock()
    pacer = Pacer(Rate(7, 3), clock=clock)
    for _ in range(700):
        while wait := pacer.take():
            clock.now += wait
    assert clock.now - 1000 == pytest.approx(3 * 99, abs=0.01)


def test_threads_take_no_more_together_than_one_would() -> None:
    pacer = Pacer(Rate(50, 10), clock=Clock())
    start = threading.Barrier(8)
    taken: list[float] = []

    def take() -> None:
        start.wait()
        taken.extend(wait for wait in (pacer.take() for _ in range(20)) if wait == 0)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 50


def test_a_domain_is_left_alone_for_longer_each_time_up_to_a_limit() -> None:
    waits = [backoff(failures, "reader.example") for failures in range(30)]
    assert waits[0] == timedelta(0)
    assert timedelta(minutes=5) <= waits[1] < timedelta(minutes=7)
    assert waits == sorted(waits)
    assert timedelta(hours=4) <= waits[-1] <= timedelta(hours=5)
    assert backoff(10**6, "reader.example") == waits[-1]
    assert backoff(-1, "reader.example") == timedelta(0)


def test_not_all_domains_come_back_at_once_but_each_when_it_was_told() -> None:
    waits = {backoff(3, f"{number}.example") for number in range(50)}
    assert len(waits) > 20
    assert backoff(3, "Reader.Example") == backoff(3, "reader.example")
