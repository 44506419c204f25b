"""Runs two jobs again and again until told to stop. Knows time, not papers.

APScheduler keeps the time, its jobs in memory only: what is due is decided from our tables, so a tick
that was missed, or that comes late, loses nothing. Both jobs share one thread and never overlap.
"""

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

__all__ = ["Scheduler"]

Job = Callable[[], object]
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# How often to look whether the wall clock was set back, which would leave jobs waiting for hours.
_CLOCK_CHECK_S = 60.0
# How long the job at work may take to end; service managers kill after ten seconds or more.
_GRACE_S = 9.0


class Scheduler:
    """Calls ``refresh`` every ``refresh_minutes`` and ``tick`` every ``tick_minutes``, each at once first.

    A job that raises is logged with its traceback and called again at its next time. ``stopping`` turns
    true when the end was asked for, for jobs that can finish early.
    """

    def __init__(self, *, refresh: Job, tick: Job, refresh_minutes: float, tick_minutes: float = 5.0) -> None:
        self.stopping = False
        # Unlike an Event, a SimpleQueue may be filled by a signal handler that interrupted its owner.
        self._end: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._every = {
            "refresh": (refresh, timedelta(minutes=refresh_minutes)),
            "tick": (tick, timedelta(minutes=tick_minutes)),
        }
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )

    def run(self) -> bool:
        """Run until SIGTERM, SIGINT or :meth:`stop`; then say whether the job at work came to its end.

        It has nine seconds for that; one that takes longer is still at work in its thread, and Python waits
        for it before it exits. A second signal does what it did before: it ends the process, or raises.
        """
        now = datetime.now(UTC)
        for name, (job, every) in self._every.items():
            self._scheduler.add_job(
                self._call, "interval", (job,), id=name, seconds=every.total_seconds(), next_run_time=now
            )
        with _on_signals(self.stop):
            self._scheduler.start()
            while not self.stopping:
                with contextlib.suppress(queue.Empty):
                    self._end.get(timeout=_CLOCK_CHECK_S)
                self._bring_forward(datetime.now(UTC))
            self._scheduler.shutdown(wait=False)
            return self._idle.wait(_GRACE_S)

    def stop(self) -> None:
        """Ask :meth:`run` to end; may be called from any thread or signal handler."""
        self.stopping = True
        self._end.put(None)

    def _call(self, job: Job) -> None:
        # First not idle, then the look at the end: whoever sees it idle after that knows that none begins.
        self._idle.clear()
        try:
            if not self.stopping:  # a job may have waited behind the one that was at work
                job()
        finally:
            self._idle.set()

    def _bring_forward(self, now: datetime) -> None:
        """Make due what a clock set back would leave waiting for longer than its interval."""
        for name, (_, every) in self._every.items():
            job = self._scheduler.get_job(name)
            if job is not None and job.next_run_time - now > every:
                job.modify(next_run_time=now)


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
