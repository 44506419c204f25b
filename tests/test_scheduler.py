"""The scheduler knows time: it calls, never doubles, outlives what jobs raise, and drains when told to."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.scheduler import Scheduler
from tests.test_main_job import configure

OFTEN = 0.05 / 60  # minutes
NEVER = 60.0
ROOT = Path(__file__).parents[1]


def nothing() -> None:
    return None


class Counter:
    """A job that counts its calls and, after some, ends the scheduler."""

    def __init__(self, calls: int = 0) -> None:
        self.calls = 0
        self._until = calls
        self.scheduler: Scheduler | None = None

    def __call__(self) -> None:
        self.calls += 1
        if self.scheduler is not None and self.calls == self._until:
            self.scheduler.stop()


def wait_for(counter: Counter, calls: int) -> None:
    """Wait until it was called so often, ten seconds at most."""
    for _ in range(1000):
        if counter.calls >= calls:
            return
        time.sleep(0.01)


def run(scheduler: Scheduler, limit_s: float = 20.0) -> None:
    """Run it in a thread, so that a scheduler that never ends fails the test instead of the run."""
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    thread.join(limit_s)
    scheduler.stop()
    assert not thread.is_alive(), "the scheduler did not return"


def test_both_jobs_run_at_once_the_refresh_first() -> None:
    """Whoever starts the service gets fresh papers before the first digest is composed."""
    order: list[str] = []
    scheduler = Scheduler(
        refresh=lambda: order.append("refresh"),
        tick=lambda: (order.append("tick"), scheduler.stop()),
        refresh_minutes=NEVER,
    )
    run(scheduler)
    assert order == ["refresh", "tick"]


def test_a_job_is_called_again_and_again() -> None:
    tick = Counter(4)
    scheduler = tick.scheduler = Scheduler(
        refresh=nothing, tick=tick, refresh_minutes=NEVER, tick_minutes=OFTEN
    )
    run(scheduler)
    assert tick.calls == 4


def test_a_job_that_raises_is_logged_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    tick = Counter(3)

    def broken() -> None:
        tick()
        raise RuntimeError("a bug that must be seen")

    scheduler = tick.scheduler = Scheduler(
        refresh=nothing, tick=broken, refresh_minutes=NEVER, tick_minutes=OFTEN
    )
    with caplog.at_level(logging.ERROR):
        run(scheduler)
    assert tick.calls == 3
    assert any("a bug that must be seen" in str(record.exc_info) for record in caplog.records)


def test_jobs_never_overlap() -> None:
    at_work = threading.Lock()
    overlaps: list[bool] = []

    def slow() -> None:
        overlaps.append(not at_work.acquire(blocking=False))
        time.sleep(0.2)
        at_work.release()
        if len(overlaps) >= 6:
            scheduler.stop()

    scheduler = Scheduler(refresh=slow, tick=slow, refresh_minutes=OFTEN, tick_minutes=OFTEN)
    run(scheduler)
    assert overlaps == [False] * 6


def test_what_a_sleeping_machine_missed_is_made_up_for_once() -> None:
    """An hour of missed ticks is one tick: it asks for all that is due anyway."""
    tick = Counter()
    scheduler = Scheduler(refresh=nothing, tick=tick, refresh_minutes=NEVER, tick_minutes=1)

    def an_hour_asleep() -> None:
        wait_for(tick, 1)
        scheduler._scheduler.modify_job("tick", next_run_time=datetime.now(UTC) - timedelta(minutes=60.5))
        wait_for(tick, 2)
        time.sleep(0.3)
        scheduler.stop()

    threading.Thread(target=an_hour_asleep, daemon=True).start()
    run(scheduler)
    assert tick.calls == 2


def test_stopping_finishes_the_job_at_work_and_starts_none_that_waits() -> None:
    done: list[str] = []
    begun = threading.Event()

    def refresh() -> None:
        begun.set()
        time.sleep(0.3)
        assert scheduler.stopping  # a job can see it and finish early
        done.append("refresh")

    scheduler = Scheduler(refresh=refresh, tick=lambda: done.append("tick"), refresh_minutes=NEVER)
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    assert begun.wait(10)
    scheduler.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert done == ["refresh"]


def test_a_clock_set_back_does_not_leave_jobs_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs wait for a wall-clock time; an hour set back would mean an hour without a tick."""
    monkeypatch.setattr("digest.scheduler._CLOCK_CHECK_S", 0.05)
    tick = Counter(2)
    scheduler = tick.scheduler = Scheduler(refresh=nothing, tick=tick, refresh_minutes=NEVER)

    def an_hour_back() -> None:
        wait_for(tick, 1)
        scheduler._scheduler.modify_job("tick", next_run_time=datetime.now(UTC) + timedelta(hours=1))

    threading.Thread(target=an_hour_back, daemon=True).start()
    run(scheduler)
    assert tick.calls == 2


PROGRAM = """
import sys, time
from digest.scheduler import Scheduler

def refresh():
    print("at work", flush=True)
    time.sleep(1)
    print("finished", flush=True)

Scheduler(refresh=refresh, tick=lambda: print("tick", flush=True), refresh_minutes=60).run()
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
    tick = Counter(1)
    scheduler = tick.scheduler = Scheduler(refresh=nothing, tick=tick, refresh_minutes=NEVER)
    scheduler.run()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_job_that_hangs_is_waited_for_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.scheduler._GRACE_S", 0.2)
    begun, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        let_go.wait(20)

    scheduler = Scheduler(refresh=hang, tick=nothing, refresh_minutes=NEVER)
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
main(["serve"])
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
