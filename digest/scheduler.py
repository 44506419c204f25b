"""Calls jobs again and again until told to stop. Knows time, not papers.

APScheduler keeps the jobs, in memory only, and the threads they run in: what is due is decided from our
tables, so a job that was missed, or that comes late, loses nothing. The clock, and the waiting for it, is an
argument, which APScheduler has no place for: so the loop around its jobs is our own.
"""

import contextlib
import logging
import math
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Protocol

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.base import BaseScheduler

from digest.errors import DigestError

__all__ = ["Clock", "Job", "Say", "Scheduler", "WallClock"]

_log = logging.getLogger(__name__)

Say = Callable[[str], None]
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# How often to look whether the wall clock was set, or a job hangs.
_LOOK_S = 60.0
# How long the jobs at work may take to end; service managers kill after ten seconds or more.
_GRACE_S = 9.0
_A_MOMENT = timedelta(seconds=1)


class Clock(Protocol):
    """What time it is, and waiting for it."""

    def now(self) -> datetime:
        """The time (aware, UTC). It may be set, forwards and back."""

    def wait(self, seconds: float) -> None:
        """Wait for so long at most; not at all if :meth:`wake` was called since the last time."""

    def wake(self) -> None:
        """End a wait. May be called from any thread and from a signal handler."""


class WallClock:
    """The machine's own clock. It waits by one that nobody sets."""

    def __init__(self) -> None:
        # Unlike an Event, a SimpleQueue may be filled by a signal handler that interrupted its owner.
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()

    def now(self) -> datetime:
        """The time (aware, UTC)."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Wait for so long at most, or until woken."""
        with contextlib.suppress(queue.Empty):
            self._woken.get(timeout=seconds)

    def wake(self) -> None:
        """End a wait."""
        self._woken.put(None)


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is called every so often, and at once when the scheduler starts.

    Jobs of one ``lane`` share a thread and wait for one another; those of different lanes do not.
    ``call`` is given something to call while it works, as a sign of life; the time of ``patience`` without
    one, or without an end, means that it hangs. ``on_the_clock``: at whole multiples of ``every``, such as
    each full five minutes; else counted from the start.
    """

    name: str
    call: Callable[[Say], object]
    every: timedelta
    lane: str
    patience: timedelta = timedelta(hours=1)
    on_the_clock: bool = True


class _Jobs(BaseScheduler):  # type: ignore[misc] # it has no annotations
    """APScheduler's jobs, stores and executors without its loop."""

    def shutdown(self, wait: bool = True) -> None:
        """Take no more jobs; ``wait`` for those at work."""
        super().shutdown(wait)

    def wakeup(self) -> None:
        """There is no loop to wake."""


class Scheduler:
    """Calls each job when its time has come, never the same one twice at once.

    A job that raises is logged (a ``DigestError`` in a sentence, anything else with its traceback) and called
    again at its next time. However many of its times were missed, it is called once. ``stopping`` turns true
    when the end was asked for, for jobs that can finish early.

    ``at_round`` is called each time the loop comes round, which is every ``look_s`` seconds at the least.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        clock: Clock | None = None,
        at_round: Callable[[], None] = lambda: None,
        at_stop: Callable[[], None] = lambda: None,
        look_s: float = _LOOK_S,
    ) -> None:
        self.stopping = False
        self._jobs = {job.name: job for job in jobs}
        self._clock = WallClock() if clock is None else clock
        self._at_round, self._at_stop, self._look_s = at_round, at_stop, look_s
        # The last sign of life of each job that was begun and has not ended.
        self._signs: dict[str, float] = {}
        self._change = threading.Condition()
        self._lanes = {
            lane: ThreadPoolExecutor(1, {"thread_name_prefix": lane})
            for lane in dict.fromkeys(job.lane for job in jobs)
        }
        self._engine = _Jobs(
            timezone=UTC,
            executors=self._lanes,
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )

    def run(self) -> bool:
        """Run until SIGTERM, SIGINT or :meth:`stop`; then say whether the jobs at work came to their end.

        They have nine seconds for that, after ``at_stop`` was called; one that takes longer is still at work
        in its thread, and Python waits for it before it exits. A second signal does what it did before: it
        ends the process, or raises.
        """
        with _on_signals(self.stop):
            self._begin(self._clock.now())
            while not self.stopping:
                self._submit_due(self._clock.now())
                self._at_round()
                self._clock.wait(self._pause(self._clock.now()))
            self._at_stop()
            self._engine.shutdown(wait=False)
            with self._change:
                return self._change.wait_for(lambda: not self._signs, _GRACE_S)

    def stop(self) -> None:
        """Ask :meth:`run` to end; may be called from any thread or signal handler."""
        self.stopping = True
        self._clock.wake()

    @property
    def is_idle(self) -> bool:
        """Whether no job is at work, nor waits for its lane."""
        with self._change:
            return not self._signs

    @property
    def hanging(self) -> list[str]:
        """The jobs whose last sign of life is longer ago than they may be silent."""
        now = time.monotonic()
        with self._change:
            signs = dict(self._signs)
        return [name for name, at in signs.items() if now - at > self._jobs[name].patience.total_seconds()]

    def _begin(self, now: datetime) -> None:
        self._engine.add_listener(self._ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._engine.start()
        for job in self._jobs.values():
            every_s = job.every.total_seconds()
            phase_s = 0.0 if job.on_the_clock else now.timestamp() % every_s
            self._engine.add_job(
                self._call,
                "interval",
                (job,),
                id=job.name,
                executor=job.lane,
                seconds=every_s,
                start_date=datetime.fromtimestamp(phase_s, UTC),
                next_run_time=now,
            )

    def _submit_due(self, now: datetime) -> None:
        """Hand over what is due. What is still at work is passed over until its next time."""
        for known in self._engine.get_jobs():
            job = self._jobs[known.id]
            # Farther ahead than its interval: the clock was set back, and would leave it waiting.
            if now < known.next_run_time <= now + job.every:
                continue
            with self._change:
                at_work = job.name in self._signs
                self._signs.setdefault(job.name, math.inf)  # it may have to wait for its lane
            if not at_work:
                self._lanes[job.lane].submit_job(known, [now])
            known.modify(next_run_time=known.trigger.get_next_fire_time(None, now + _A_MOMENT))

    def _pause(self, now: datetime) -> float:
        """Seconds until the next job is due, or until it is time for a look."""
        due: list[float] = [(known.next_run_time - now).total_seconds() for known in self._engine.get_jobs()]
        return max(0.0, min([self._look_s, *due]))

    def _call(self, job: Job) -> None:
        with self._change:
            self._signs[job.name] = time.monotonic()
            if self.stopping:  # it may have waited behind another of its lane
                return
        try:
            job.call(lambda _: self._sign(job.name))
        except DigestError as error:
            _log.error("%s: %s", job.name, error)

    def _sign(self, name: str) -> None:
        self._signs[name] = time.monotonic()

    def _ended(self, event: JobExecutionEvent) -> None:
        with self._change:
            self._signs.pop(event.job_id, None)
            self._change.notify_all()


@contextlib.contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first SIGTERM or SIGINT call ``stop``; only the main thread can.

    The handlers of before are back from then on, so that a second one ends what will not end by itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(_number: int, _frame: FrameType | None) -> None:
        restore()
        stop()

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield
    finally:
        restore()
