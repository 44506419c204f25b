"""A clock that moves only when nobody works, and the program that lives by it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.app import App
from digest.fetcher import Fetcher, make_user_agent
from digest.scheduler import Scheduler


@dataclass
class DrivenClock:
    """Days in seconds: waiting moves the clock, as soon as no job is at work (or ``is_busy`` says so).

    At ``until`` it stops the ``scheduler``, which has to be set before it waits. ``moved`` is told each new
    time; what it raises ends the run.
    """

    time: datetime
    until: datetime
    moved: Callable[[datetime], None] = lambda _: None
    scheduler: Scheduler | None = None
    is_busy: Callable[[], bool] | None = None
    _woken: threading.Event = field(default_factory=threading.Event)

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        scheduler = self.scheduler
        assert scheduler is not None
        is_busy = self.is_busy or (lambda: not scheduler.is_idle)
        while is_busy() and not self._woken.is_set():
            time.sleep(0.001)
        if self._woken.is_set():
            return
        self.set(self.time + timedelta(seconds=seconds))
        if self.time >= self.until:
            scheduler.stop()

    def set(self, when: datetime) -> None:
        """Make it that time at once."""
        self.time = when
        self.moved(when)

    def wake(self) -> None:
        self._woken.set()


@dataclass(frozen=True)
class DrivenApp(App):
    """The program as it is, but for its clock; it fetches without waiting for its turn."""

    clock: DrivenClock = field(kw_only=True)

    def now(self) -> datetime:
        return self.clock.now()

    def fetcher(self) -> Fetcher:
        return Fetcher(make_user_agent(None), now=self.now, sleep=lambda _: None)
