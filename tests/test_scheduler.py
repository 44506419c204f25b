"""The scheduler knows time: it calls, never doubles, outlives what jobs raise, and drains when told to."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.errors import StorageError
from digest.scheduler import Job, Say, Scheduler
from tests.driven import DrivenClock
from tests.test_main_job import configure

ROOT = Path(__file__).parents[1]
START = datetime(2026, 1, 12, 6, 58, 13, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def nothing(_: Say) -> None:
    return None


class Calls:
    """A job that notes at what time it was called."""

    def __init__(self, clock: DrivenClock) -> None:
        self.clock = clock
        self.at: list[datetime] = []

    def __call__(self, _: Say) -> None:
        self.at.append(self.clock.now())

    def since(self, begin: datetime) -> list[timedelta]:
        return [at - begin for at in self.at]


def run(scheduler: Scheduler, limit_s: float = 20.0) -> bool:
    """Run it in a thread, so that a scheduler that never ends fails the test instead of the run."""
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(scheduler.run()), daemon=True)
    thread.start()
    thread.join(limit_s)
    scheduler.stop()
    assert not thread.is_alive(), "the scheduler did not return"
    return ended[0]


def driven(clock: DrivenClock, *jobs: Job, **how: Any) -> Scheduler:
    """A scheduler that lives by that clock."""
    clock.scheduler = Scheduler(jobs, clock=clock, **how)
    return clock.scheduler


def test_each_job_is_called_at_once_and_then_by_its_own_interval() -> None:
    """Those on the clock at full five minutes, the others counted from the start."""
    clock = DrivenClock(START, START + 16 * MINUTE)
    tick, refresh = Calls(clock), Calls(clock)
    run(
        driven(
            clock,
            Job("tick", tick, 5 * MINUTE, "tick"),
            Job("refresh", refresh, 7 * MINUTE, "refresh", on_the_clock=False),
        )
    )
    assert [f"{at:%H:%M:%S}" for at in tick.at] == ["06:58:13", "07:00:00", "07:05:00", "07:10:00"]
    assert refresh.since(START) == [0 * MINUTE, 7 * MINUTE, 14 * MINUTE]


def test_a_job_that_raises_is_logged_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    """A bug with its traceback; what is none in a sentence."""
    clock = DrivenClock(START, START + 11 * MINUTE)
    calls, others = Calls(clock), Calls(clock)

    def broken(say: Say) -> None:
        calls(say)
        raise RuntimeError("a bug that must be seen")

    def full(say: Say) -> None:
        others(say)
        raise StorageError("the disk is full")

    with caplog.at_level(logging.ERROR):
        run(driven(clock, Job("broken", broken, 5 * MINUTE, "one"), Job("full", full, 5 * MINUTE, "two")))
    assert len(calls.at) == len(others.at) == 3
    assert any("a bug that must be seen" in str(record.exc_info) for record in caplog.records)
    told = [record for record in caplog.records if record.getMessage() == "full: the disk is full"]
    assert len(told) == 3
    assert all(record.exc_info is None for record in told)


def test_jobs_of_one_lane_never_overlap() -> None:
    at_work = threading.Lock()
    overlaps: list[bool] = []
    clock = DrivenClock(START, START + 11 * MINUTE)

    def slow(_: Say) -> None:
        overlaps.append(not at_work.acquire(blocking=False))
        time.sleep(0.02)
        at_work.release()

    run(driven(clock, *(Job(name, slow, 5 * MINUTE, "lane") for name in ("one", "other"))))
    assert overlaps == [False] * 6


def test_a_slow_job_keeps_no_other_lane_from_its_work_and_is_not_begun_twice() -> None:
    """While a source hangs for half an hour, mail goes out every five minutes."""
    clock = DrivenClock(START, START + 31 * MINUTE)
    tick, slow = Calls(clock), Calls(clock)
    over = threading.Event()

    def hanging(say: Say) -> None:
        slow(say)
        over.wait(20)

    scheduler = driven(
        clock, Job("refresh", hanging, 5 * MINUTE, "refresh"), Job("tick", tick, 5 * MINUTE, "tick")
    )
    clock.is_busy = lambda: len(tick.at) < 1 + (clock.now() - FULL) // (5 * MINUTE) + 1
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    while clock.now() < clock.until and thread.is_alive():
        time.sleep(0.001)
    over.set()
    thread.join(20)
    assert len(tick.at) == 7
    assert slow.since(START) == [0 * MINUTE]


FULL = datetime(2026, 1, 12, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "calls"),
    [
        # What was missed is made up for by one call; it asks for all that is due anyway.
        (36 * HOUR, [-107, 0, 300, 300 + 36 * 3600 + 60, 600 + 36 * 3600, 900 + 36 * 3600]),
        # Nobody waits until it is that late again.
        (-36 * HOUR, [-107, 0, 300, 360 - 36 * 3600, 600 - 36 * 3600, 900 - 36 * 3600]),
    ],
)
def test_a_clock_that_is_set_leaves_no_job_waiting_and_repeats_none(
    step: timedelta, calls: list[int]
) -> None:
    """By 36 hours, at six past seven."""
    clock = DrivenClock(START, datetime.max.replace(tzinfo=UTC))
    tick = Calls(clock)

    def moved(when: datetime) -> None:
        if when == FULL + 6 * MINUTE:
            clock.time = when + step
        if len(tick.at) == len(calls):
            clock.until = when

    clock.moved = moved
    run(driven(clock, Job("tick", tick, 5 * MINUTE, "tick"), look_s=60))
    assert [at.total_seconds() for at in tick.since(FULL)] == calls


def test_stopping_finishes_the_job_at_work_and_starts_none_that_waits() -> None:
    done: list[str] = []
    begun = threading.Event()

    def first(_: Say) -> None:
        begun.set()
        time.sleep(0.1)
        assert scheduler.stopping  # a job can see it and finish early
        done.append("first")

    scheduler = Scheduler(
        [Job("first", first, HOUR, "one"), Job("next", lambda _: done.append("next"), HOUR, "one")]
    )
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    assert begun.wait(10)
    scheduler.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert done == ["first"]


def test_a_job_hangs_that_gives_no_sign_of_life_for_longer_than_its_patience() -> None:
    begun, signs, over = threading.Event(), threading.Event(), threading.Event()

    def job(say: Say) -> None:
        begun.set()
        signs.wait(10)
        say("halfway")
        signs.clear()
        over.wait(10)

    scheduler = Scheduler([Job("job", job, HOUR, "lane", patience=timedelta(seconds=0.5))])
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    assert begun.wait(10)
    assert scheduler.hanging == []
    eventually(lambda: scheduler.hanging == ["job"])
    signs.set()
    eventually(lambda: scheduler.hanging == [])
    eventually(lambda: scheduler.hanging == ["job"])
    over.set()
    scheduler.stop()
    thread.join(10)
    assert scheduler.hanging == []


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds, ten seconds at most."""
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never did")


PROGRAM = """
import sys, time
from datetime import timedelta
from digest.scheduler import Job, Scheduler

def refresh(say):
    print("at work", flush=True)
    time.sleep(1)
    print("finished", flush=True)

hour = timedelta(hours=1)
jobs = [Job("refresh", refresh, hour, "one"), Job("tick", lambda say: print("tick", flush=True), hour, "one")]
Scheduler(jobs).run()
print("returned", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_program_goes_on_to_its_end(number: signal.Signals) -> None:
    """systemd sends SIGTERM, a person Ctrl-C: the job at work is finished, the next not begun, exit 0."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == "at work\n"
        program.send_signal(number)
        out, err = program.communicate(timeout=20)
    assert out == "finished\nreturned\n"
    assert err == ""
    assert program.returncode == 0


def test_the_handlers_of_before_are_put_back() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signal handlers belong to the main thread, and tests run in another here")
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    driven(clock := DrivenClock(START, START + MINUTE), Job("tick", nothing, HOUR, "tick"))
    assert clock.scheduler is not None
    assert clock.scheduler.run()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_job_that_hangs_is_waited_for_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.scheduler._GRACE_S", 0.2)
    begun, let_go = threading.Event(), threading.Event()

    def hang(_: Say) -> None:
        begun.set()
        let_go.wait(20)

    scheduler = Scheduler([Job("hang", hang, HOUR, "lane")])
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(scheduler.run()), daemon=True)
    thread.start()
    assert begun.wait(10)
    scheduler.stop()
    thread.join(10)
    let_go.set()
    assert ended == [False]


SERVE = """
import sys
import digest.scheduler
from digest.cli import main

digest.scheduler._GRACE_S = float(sys.argv[1])
main(["serve", "--no-web"])
"""
STOPPED = "digest: stopped in the middle of a job; what it had not finished is done by the next run\n"


@pytest.mark.parametrize(
    ("number", "grace_s", "signals", "code", "told"),
    [
        (signal.SIGTERM, 0.3, 1, 0, STOPPED),
        (signal.SIGINT, 0.3, 1, 0, STOPPED),
        (signal.SIGTERM, 60, 2, -signal.SIGTERM, ""),
        (signal.SIGINT, 60, 2, 130, STOPPED),
    ],
)
def test_serve_can_be_stopped_while_a_source_hangs(
    number: signal.Signals, grace_s: float, signals: int, code: int, told: str
) -> None:
    """The first signal lets the job end, for a while; a second one ends the process at once."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        hanging.settimeout(20)
        configure(f"http://127.0.0.1:{hanging.getsockname()[1]}", "timeout_s = 60")
        program = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(grace_s)],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        with program:
            try:
                asked, _ = hanging.accept()  # and no answer ever
                with asked:
                    for _ in range(signals):
                        program.send_signal(number)
                        time.sleep(0.3)
                    _, err = program.communicate(timeout=10)
            finally:
                program.kill()
    assert (err, program.returncode) == (f"digest: at work; stop with Ctrl-C\n{told}", code)
