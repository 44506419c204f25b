"""The service: what it does and how often, with the web beside it, told to systemd.

Each job is a thin call into a use case, which has its own lock and record: so the same job twice at once, or
``digest run`` from cron beside it, does no harm.
"""

import contextlib
import ctypes
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from digest.app import App
from digest.errors import DigestError, UsageError
from digest.heartbeat import Heartbeat
from digest.locks import use_case_lock
from digest.notify import Notifier
from digest.pipeline.health import is_worth_a_run
from digest.pipeline.moment import Moment
from digest.pipeline.overview import is_failing, last_runs
from digest.runs import RefreshOutcome, RunOutcome, ping, run_compose, run_deliver, run_enrich, run_refresh
from digest.scheduler import Clock, Job, Scheduler
from digest.upkeep import run_bounces, run_nightly

if TYPE_CHECKING:
    from digest.web.running import WebThread

__all__ = ["Service", "make_jobs", "spare_memory"]

_log = logging.getLogger(__name__)

Say = Callable[[str], None]

# How often to look what is due: an issue, a source, a part of the night's work.
TICK = timedelta(minutes=5)
BOUNCES_EVERY = timedelta(minutes=10)
# The loop comes round this often at the least.
LOOK_S = 60.0
# Without a round for so long the loop hangs.
LATE_S = 3 * LOOK_S
# How long all that is at work may take to end; service managers kill after ten seconds or more.
GRACE_S = 9.0


def make_jobs(app: App, stop: Callable[[], bool] = lambda: False) -> list[Job]:
    """The work of a service. Each job has a thread of its own: a slow source keeps no mail back.

    ``stop`` is asked between two mails.
    """

    steps = _Steps()

    def refresh(say: Say) -> None:
        usual = app.settings.refresh_minutes
        moment = Moment.of(app.now())
        with app.database.read() as session:
            if not is_worth_a_run(session, app.sources(), usual, moment.now):
                return
        steps.tried(
            "refresh", lambda: run_refresh(app, moment, due_only=True, every_minutes=usual, progress=say)
        )
        steps.tried("enrich", lambda: run_enrich(app, Moment.of(app.now()), progress=say))

    def tick(say: Say) -> None:
        went = [
            steps.tried("compose", lambda: run_compose(app, Moment.of(app.now()), progress=say)),
            steps.tried("deliver", lambda: run_deliver(app, Moment.of(app.now()), stop=stop, progress=say)),
            steps.tried("ping", lambda: _look_back(app)),
        ]
        # Who is at work instead tells how it goes; where that one hangs, nobody is to say that all is well.
        if None not in went:
            ping(app, ok=all(went))

    def nightly(say: Say) -> None:
        steps, _ = run_nightly(app, Moment.of(app.now()), progress=say)
        for name, step in steps.items():
            if "error" in step:
                _log.error("%s: %s", name, step["error"])

    def bounces(say: Say) -> None:
        steps.tried("bounces", lambda: run_bounces(app, Moment.of(app.now()), progress=say))

    jobs = [
        # Not by the clock: the sources are other people's servers, and not everybody should ask at once.
        Job("refresh", _rested(app, refresh), TICK, "refresh", on_the_clock=False),
        Job("tick", _rested(app, tick), TICK, "tick"),
        Job("nightly", _rested(app, nightly), TICK, "nightly"),
    ]
    if app.settings.bounce_mailbox is not None:
        jobs.append(Job("bounces", _rested(app, bounces), BOUNCES_EVERY, "bounces"))
    return jobs


class _Steps:
    """Takes steps; what keeps one from its work, a bug included, is logged, and keeps no other from its."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def tried(self, name: str, step: Callable[[], RefreshOutcome | RunOutcome]) -> bool | None:
        """Whether it went well; ``None`` where another is at work on it.

        The same trouble time after time is told once, and again when it was over.
        """
        try:
            outcome = step()
        except Exception as error:
            if self._last.get(name) != repr(error):
                is_bug = not isinstance(error, DigestError)
                _log.error("%s: %s", name, repr(error) if is_bug else error, exc_info=is_bug)
            self._last[name] = repr(error)
            return False
        self._last.pop(name, None)
        return None if outcome.locked else outcome.ok


def _look_back(app: App) -> RunOutcome:
    """Whether all that has no part in this round (sources, mailbox, the night's work) went well last."""
    now = app.now()
    with app.database.read() as session:
        return RunOutcome(ok=not any(is_failing(run, now) for run in last_runs(session, now).values()))


class Service:
    """One process with the web, the scheduler and the sender; one at a time on a data directory.

    ``with_web``: listen, as the settings say. ``say`` is told what a person wants to know. The clock is the
    scheduler's alone: the use cases ask the program's.
    """

    def __init__(
        self,
        app: App,
        *,
        with_web: bool = True,
        clock: Clock | None = None,
        notifier: Notifier | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self._app, self._with_web, self._say = app, with_web, say
        self._notifier = Notifier() if notifier is None else notifier
        self._heartbeat = Heartbeat(LATE_S)
        self._web: WebThread | None = None
        self._told: list[str] = []
        self._is_ready = False
        self._end_at = 0.0
        # Three times within the watchdog's period, so that one late round does no harm.
        look_s = min(LOOK_S, (self._notifier.watchdog_s or LOOK_S) / 3)
        self.scheduler = Scheduler(
            make_jobs(app, lambda: self.scheduler.stopping),
            clock=clock,
            at_round=self._at_round,
            at_stop=self._at_stop,
            look_s=look_s,
        )

    def run(self) -> bool:
        """Work until told to stop (see :class:`Scheduler`); then say whether all came to its end in time.

        Raises ``UsageError`` where the program's clock stands still, ``DigestError`` where another service
        works on this data directory, and where the web cannot listen (:func:`digest.web.running.listen`),
        does not start or ends by itself.
        """
        # What is too old for a time that a person chose must not go because of it.
        if self._app.fixed_now is not None:
            raise UsageError(
                "digest serve works by the machine's clock: leave out --now and DIGEST_NOW, or use digest run"
            )
        with _alone(self._app), ExitStack() as stack:
            if self._with_web:
                from digest.web.running import WebThread, address_of, listen

                listening = stack.enter_context(listen(self._app.settings))
                self._web = stack.enter_context(WebThread(self._app, listening, self._heartbeat))
                self._say(f"digest: the web is at {address_of(listening, self._app.settings)}")
            self._say("digest: at work; stop with Ctrl-C")
            ended = self.scheduler.run()
            if self._web is not None and self._end_at == 0.0:
                raise DigestError("the web ended by itself, so the service ends too; start it again")
            return self._web_ended() and ended

    def _at_round(self) -> None:
        """Feed the watchdog, unless something hangs: then who watches should start us again."""
        if self._web is not None and not self._web.is_alive:
            self.scheduler.stop()
            return
        hanging = self.scheduler.hanging
        if hanging != self._told:
            self._told = hanging
            if hanging:
                _log.error("no sign of life from %s: it hangs", " and ".join(hanging))
                self._notifier.status(f"{' and '.join(hanging)} hangs")
        if hanging:
            return
        self._heartbeat.beat()
        self._notifier.alive()
        if not self._is_ready:
            self._is_ready = True
            self._notifier.ready()

    def _at_stop(self) -> None:
        if self._web is not None and not self._web.is_alive:
            return
        self._end_at = time.monotonic() + GRACE_S
        self._notifier.stopping()
        if self._web is not None:
            self._web.stop()

    def _web_ended(self) -> bool:
        return self._web is None or self._web.join(self._end_at - time.monotonic())


def _rested(app: App, work: Callable[[Say], None]) -> Callable[[Say], None]:
    """The work, and after it its memory given back: that of idle connections, and the holes of the heap."""

    def work_and_rest(say: Say) -> None:
        try:
            work(say)
        finally:
            app.database.close()  # it opens again when it is next used
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).malloc_trim(0)

    return work_and_rest


def spare_memory() -> None:
    """Let the threads of this process share one heap, where the C library is glibc.

    By default each has its own, and keeps what it once needed: some megabytes a thread, for ever.
    """
    arena_max = -8  # M_ARENA_MAX of mallopt(3)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(arena_max, 1)


@contextlib.contextmanager
def _alone(app: App) -> Iterator[None]:
    with use_case_lock(app.data_dir, "serve") as mine:
        if not mine:
            raise DigestError(
                f"another digest serve is at work on {app.data_dir}: stop that one first, or give this one "
                "a folder of its own by DIGEST_DATA_DIR"
            )
        yield
