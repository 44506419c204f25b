"""The main job over five invented days: fetch, diff, rank, compose, deliver, publish, with a moved clock."""

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from digest.demo.plan import DemoDay
from digest.demo.program import DemoApp, make_demo_app
from digest.demo.readers import READERS, register_readers
from digest.demo.report import DayRow, day_name, day_table, read_day
from digest.demo.site import DemoSite
from digest.errors import UsageError
from digest.pipeline.moment import Moment
from digest.runs import run_compose, run_deliver, run_refresh
from digest.schedule import SubscriptionRule, due_at
from digest.storage import runs as run_rows
from digest.types import Cadence

__all__ = ["DemoResult", "run_demo"]

REGISTERED = time_of_day(5, tzinfo=UTC)
REFRESHED = time_of_day(5, 30, tzinfo=UTC)
# As cron would: some minutes after the hour that a reader asked for.
LATER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration did and where it lies.

    ``rows`` are the days as they are stored, be it from this run or an earlier one. ``steps`` is how
    many use cases this run had to run, ``sent`` how many mails it sent; ``again`` are the counts of
    composing, delivering and publishing once more after all, which must find nothing to do.
    """

    data_dir: Path
    rows: tuple[DayRow, ...]
    steps: int
    sent: int
    again: Mapping[str, int]
    seconds: float

    @property
    def outbox(self) -> Path:
        """The Maildir of all mails."""
        return self.data_dir / "outbox"

    @property
    def feeds(self) -> Path:
        """The folder of published feeds."""
        return self.data_dir / "feeds"

    @property
    def command(self) -> str:
        """One command that shows a digest as it was mailed."""
        words = [_digest_command(), "preview", READERS[0].email, "--date", str(self.rows[-1].day)]
        return f"DIGEST_DATA_DIR={shlex.quote(str(self.data_dir))} {shlex.join(words)}"


def run_demo(
    data_dir: Path, *, progress: Console | None = None, console: Console | None = None
) -> DemoResult:
    """Run the demonstration in ``data_dir``: progress to stderr, the result to stdout, or as told.

    Steps that an earlier run did are not done again, so that a second run changes nothing and an
    interrupted one is completed. Raises ``DigestError`` where the folder cannot be used.
    """
    begun = time.monotonic()
    progress = progress or Console(stderr=True)
    with ExitStack() as stack:
        site = stack.enter_context(DemoSite())
        app = make_demo_app(data_dir, site)
        stack.callback(app.database.close)
        bar = stack.enter_context(_bar(progress))
        days = _Days(app, site)
        task = bar.add_task("", total=len(site.plan.days) * days.steps_a_day)
        for day in site.plan.days:
            progress.print(f"{day_name(day.date)}: {day.story}", highlight=False)
            days.run(day, lambda text: bar.update(task, advance=1, description=text))
        again = days.again()
        rows = tuple(days.read(day.date) for day in site.plan.days)
    seconds = time.monotonic() - begun
    result = DemoResult(app.data_dir, rows, days.steps, days.sent, again, seconds)
    _show(result, console or Console())
    return result


class _Days:
    """Drives the pipeline through the days. Every step is the use case that the command line runs."""

    def __init__(self, app: DemoApp, site: DemoSite) -> None:
        self.app = app
        self.site = site
        self.steps = 0
        self.sent = 0
        register_readers(app.database, now=datetime.combine(site.plan.days[0].date, REGISTERED))

    @property
    def steps_a_day(self) -> int:
        """One refresh, then compose and deliver at each reader's hour."""
        return 1 + 2 * len(READERS)

    def run(self, day: DemoDay, say: Callable[[str], None]) -> None:
        """One day, from the morning's refresh to the last reader's hour."""
        name = day_name(day.date)
        self._once("refresh", datetime.combine(day.date, REFRESHED), run_refresh)
        say(f"{name}: read")
        for at in _hours(day.date):
            self._once("compose", at, run_compose)
            say(f"{name}: composed")
            outcome = self._once("deliver", at, run_deliver)
            self.sent += outcome.get("sent", 0)
            say(f"{name}: delivered")

    def again(self) -> dict[str, int]:
        """Compose, deliver and publish once more at the very end, beside the records: nothing is due."""
        moment = Moment.of(_hours(self.site.plan.days[-1].date)[-1])
        composed = self.app.composer().compose(moment)
        delivered = self.app.deliverer().deliver(self.app.line(), moment)
        self.sent += delivered["sent"]
        written = self.app.publisher().write(moment)["written"]
        return {"issues": composed["issues"], "mails": delivered["sent"], "changed feeds": written}

    def read(self, day: date) -> DayRow:
        """What is stored of that day."""
        days = [one.date for one in self.site.plan.days if one.date >= day]
        refreshes = [datetime.combine(one, REFRESHED) for one in days]
        return read_day(self.app, day, refreshes=refreshes, asked_at=_hours(day)[-1])

    def _once(self, use_case: str, at: datetime, run: Callable[[DemoApp, Moment], Any]) -> dict[str, Any]:
        """Run a use case at that time, unless it ran then already; its counts, or nothing.

        Raises ``UsageError`` where another run holds the folder: its steps must not be passed over.
        """
        with self.app.database.read() as session:
            if any(past.ok for past in run_rows.list_runs(session, use_case, first=at, last=at)):
                return {}
        self.site.now = at
        self.steps += 1
        outcome = run(self.app, Moment.of(at))
        if outcome.locked:
            raise UsageError(f"another run is at work in {self.app.data_dir}; try again when it is done")
        counts: dict[str, Any] = outcome.as_dict()
        return counts


def _hours(day: date) -> list[datetime]:
    """When mail leaves that day: for each reader some minutes after their hour, in order."""
    times = []
    for reader in READERS:
        schedule = reader.schedule
        rule = SubscriptionRule(
            cadence=Cadence(schedule.cadence),
            weekday=0,
            hour=schedule.hour,
            zone=schedule.zone,
            created_at=datetime.combine(day, REGISTERED),
        )
        begins = due_at(rule, day)
        if begins is not None:
            times.append(begins + LATER)
    return sorted(times)


def _bar(console: Console) -> Progress:
    columns = (BarColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show(result: DemoResult, console: Console) -> None:
    console.print(day_table(result.rows))
    if not result.steps:
        console.print("All five days had been run already: nothing was changed.")
    counts = ", ".join(f"{number} {name}" for name, number in result.again.items())
    console.print(f"Everything once more at the end: {counts}.", highlight=False)
    # Paths are for copying: never wrapped, never coloured.
    page = f"{result.command} --format html > digest.html"
    for name, value in (
        ("Mails", result.outbox),
        ("Feeds", result.feeds),
        ("Look", result.command),
        ("As a page", page),
    ):
        console.print(f"{name}: {value}", soft_wrap=True, highlight=False, markup=False)
    console.print(f"{result.sent} mails sent in {result.seconds:.1f} s.", highlight=False)


def _digest_command() -> str:
    """How ``digest`` is started here: by name where the shell finds it, else by its place."""
    beside = Path(sys.executable).with_name("digest")
    return str(beside) if shutil.which("digest") is None and beside.exists() else "digest"
