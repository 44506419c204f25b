"""One run of a use case: its lock taken, its start and end recorded, its result in words and JSON.

The command line, the demo and the scheduler all run use cases through here, so that they never
run twice at once and ``digest why`` can tell when one did not run at all.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from digest.app import App
from digest.errors import DeliveryError, DigestError
from digest.logs import new_run_id, tagged, told
from digest.models import Letter
from digest.pipeline.arming import what_waits
from digest.pipeline.canary import CanaryResult, check_canaries
from digest.pipeline.examples import resolve_examples
from digest.pipeline.filing import CheckRow
from digest.pipeline.health import is_any_due
from digest.pipeline.incidents import tell_operator
from digest.pipeline.moment import Moment
from digest.pipeline.reading import Parse
from digest.pipeline.refresh import Refresher
from digest.pipeline.replay import replay
from digest.stopping import stop_on_signals
from digest.storage import runs as run_rows
from digest.storage import sources as source_rows
from digest.types import Verdict

__all__ = [
    "RefreshOutcome",
    "RunOutcome",
    "ping",
    "recorded",
    "run_all",
    "run_compose",
    "run_deliver",
    "run_enrich",
    "run_letter",
    "run_refresh",
    "run_replay",
    "summarise",
]

_log = logging.getLogger(__name__)

Say = Callable[[str], None]
# Suspect pages kept of each source: enough to mend a parser by, and no more than a disk can bear.
MAX_SUSPECTS = 50
# All that is kept of one source, unpacked.
MAX_KEPT_BYTES = 256 * 2**20
FAILED = (Verdict.BLOCKED, Verdict.BROKEN, Verdict.UNREACHABLE)


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The counts of a run. ``locked``: another process is at it, so nothing was done, rightly."""

    counts: Mapping[str, Any] = field(default_factory=dict)
    ok: bool = True
    locked: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(self.counts) | ({"locked": True} if self.locked else {})

    def numbers(self) -> dict[str, int]:
        """What was counted, for the log."""
        return {name: value for name, value in self.counts.items() if isinstance(value, int)}

    def lines(self, said: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """The result for a person; ``said`` has words for counts whose names say too little."""
        if self.locked:
            return ["another run is at work; nothing to do here"]
        counted = ", ".join(
            f"{value} {said.get(name, name)}"
            for name, value in self.counts.items()
            if value and isinstance(value, int)
        )
        return [counted or "nothing to do", *([str(self.counts["error"])] if "error" in self.counts else [])]


@dataclass(frozen=True, slots=True)
class RefreshOutcome:
    """The rows of a refresh. ``canaries`` are parsers that read a kept page otherwise than they did."""

    rows: Sequence[CheckRow] = ()
    locked: bool = False
    canaries: Sequence[CanaryResult] = ()

    @property
    def ok(self) -> bool:
        """Whether every page could be read (an empty or partial one could)."""
        return all(row.verdict not in FAILED for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        rows = {"sources": [row.as_dict() for row in self.rows]}
        canaries = {"canaries": [one.fault for one in self.canaries]} if self.canaries else {}
        return rows | canaries | ({"locked": True} if self.locked else {})

    def numbers(self) -> dict[str, int]:
        """What was counted, for the log."""
        pages = {"pages": len(self.rows), "failed": sum(row.verdict in FAILED for row in self.rows)}
        return pages | {name: sum(getattr(row, name) for row in self.rows) for name in ("entries", "new")}

    def lines(self) -> list[str]:
        """The result for a person, a line per source and day."""
        if self.locked:
            return ["another refresh is at work; nothing to do here"]
        return [
            f"{row.name} {row.date}: {row.verdict}, {row.entries} entries, {row.new} new"
            + (f" ({row.error})" if row.error else "")
            for row in self.rows
        ]


Outcome = TypeVar("Outcome", RefreshOutcome, RunOutcome)


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows of a refresh in short, as ``CheckRow.as_dict`` gives them: a line per source."""
    lines = []
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name]
        failed = [row for row in own if row["verdict"] in FAILED]
        new = sum(row["new"] for row in own)
        days = f"{len(own) - len(failed)} of {len(own)} days read"
        lines.append(f"{name}: {new} new papers, {days}" + (f": {failed[0]['error']}" if failed else ""))
    return lines


def run_refresh(
    app: App,
    moment: Moment,
    *,
    name: str | None = None,
    days: Sequence[date] | None = None,
    due_only: bool = False,
    every_minutes: int | None = None,
    progress: Say = _silent,
) -> RefreshOutcome:
    """Read the sources (or the one of that name) for the days asked for, else the usual ones.

    ``due_only``: leave out those that are not due yet, every ``every_minutes`` where they set no interval of
    their own. Raises ``UsageError`` for an unknown source.
    """
    moment.check()
    sources = app.sources(name)
    with app.lock("refresh") as mine:
        if not mine:
            return RefreshOutcome(locked=True)

        def work() -> tuple[RefreshOutcome, bool]:
            if due_only:
                with app.database.read() as session:
                    if not is_any_due(session, sources, every_minutes, moment.observed_at()):
                        return RefreshOutcome(), True
            with app.parsers() as parsers, app.fetcher() as fetcher:
                canaries = _check_canaries(app, parsers.parse, moment.observed_at())
                refresher = Refresher(app.database, fetcher, app.pages, parsers.parse, parsers.parse_saved)
                rows = list(
                    refresher.refresh(
                        sources,
                        days,
                        today=moment.today_in("UTC"),
                        now=moment.observed_at(),
                        over_before=moment.now.date(),
                        due_only=due_only,
                        every_minutes=every_minutes,
                        progress=progress,
                    )
                )
            resolve_examples(app.database)
            if (operator := app.operator()) is not None:
                tell_operator(app.database, operator, [source.name for source in sources], moment.ran_at())
            _drop_old_pages(app, moment)
            outcome = RefreshOutcome(rows, canaries=canaries)
            return outcome, outcome.ok

        return recorded(app, moment, "refresh", work)


def run_enrich(app: App, moment: Moment, *, progress: Say = _silent) -> RunOutcome:
    """Ask the enrichers about papers that lack something. Whatever fails there is told, and fails nothing."""
    if not app.settings.enricher:
        return RunOutcome()
    with app.lock("refresh") as mine:
        if not mine:
            return RunOutcome(locked=True)

        def work() -> tuple[RunOutcome, bool]:
            with app.fetcher() as fetcher:
                rows = app.enricher(fetcher).enrich(
                    app.enrichers(), now=moment.observed_at(), progress=progress
                )
            counts = {
                name: sum(getattr(row, name) for row in rows) for name in ("found", "nothing", "failed")
            }
            return RunOutcome({**counts, "enrichers": [row.as_dict() for row in rows]}), True

        return recorded(app, moment, "enrich", work)


def _check_canaries(app: App, parse: Parse, now: datetime) -> list[CanaryResult]:
    """Parsers that have changed what they make of a page, each told once a run, in the log."""
    results = check_canaries(app.database, app.pages, app.sources(), parse, now)
    changed = [result for result in results if not result.ok]
    for result in changed:
        _log.warning("%s", result.fault)
    return changed


def run_replay(
    app: App,
    moment: Moment,
    name: str,
    *,
    days: Sequence[date] | None = None,
    everything: bool = False,
) -> RefreshOutcome:
    """Parse a source's kept pages again and file what was missed. Raises ``UsageError``: no such source."""
    moment.check()
    (source,) = app.sources(name)
    with app.lock("refresh") as mine:
        if not mine:
            return RefreshOutcome(locked=True)
        with app.parsers() as parsers:
            rows = list(
                replay(
                    app.database,
                    app.pages,
                    source,
                    parsers.parse,
                    moment.observed_at(),
                    days=days,
                    everything=everything,
                )
            )
        if any(row.new or row.modified for row in rows):
            resolve_examples(app.database)
        return RefreshOutcome(rows)


def _drop_old_pages(app: App, moment: Moment) -> None:
    kept = timedelta(days=app.settings.keep_pages_days)
    with app.database.write() as session:
        unused = source_rows.drop_pages(
            session, before=moment.now - kept, max_suspects=MAX_SUSPECTS, max_bytes=MAX_KEPT_BYTES
        )
    app.pages.forget(unused)
    # By the machine's own clock, since that is what files are dated by.
    app.pages.prune(datetime.now(UTC) - kept)


def run_compose(
    app: App,
    moment: Moment,
    *,
    only: str | None = None,
    early: bool = False,
    hold: bool = True,
    progress: Say = _silent,
) -> RunOutcome:
    """Compose what is due (see ``Composer.compose``), then publish the feeds that show it.

    Feeds that cannot be written are told in the outcome: the issues are composed all the same.
    """
    moment.check()
    with app.lock("compose") as mine:
        if not mine:
            return RunOutcome({"issues": 0, "empty": 0, "skipped": 0}, locked=True)

        def work() -> tuple[RunOutcome, bool]:
            counts = app.composer().compose(moment, only=only, early=early, hold=hold, progress=progress)
            try:
                app.publisher().write_changed(moment)
            except DigestError as error:
                return RunOutcome(counts | {"error": str(error)}, ok=False), False
            return RunOutcome(counts), True

        return recorded(app, moment, "compose", work)


def run_deliver(
    app: App, moment: Moment, *, stop: Callable[[], bool] = lambda: False, progress: Say = _silent
) -> RunOutcome:
    """Send what was composed and is not sent yet.

    ``stop``, and in the main thread a signal to end, ends it early: what is being sent is brought to its
    end, the rest stays due. A copy that was restored and not armed sends nothing, and says so.
    """
    with app.lock("deliver") as mine:
        if not mine:
            zero = dict.fromkeys(("sent", "deferred", "refused", "uncertain", "expired"), 0)
            return RunOutcome(zero, locked=True)

        def work() -> tuple[RunOutcome, bool]:
            if (restored := app.restored()) is not None:
                waits = what_waits(app.database, moment, restored, window_h=app.settings.issue_window_h)
                told = {"sent": 0, "held": waits.issues + waits.letters, "error": str(restored)}
                return RunOutcome(told, ok=False), False
            _plan_weekly(app, moment)
            with stop_on_signals() as asked:
                counts = app.deliverer().deliver(
                    app.line(), moment, stop=lambda: stop() or asked(), progress=progress
                )
            ok = not (counts["deferred"] or counts["refused"] or counts["uncertain"])
            return RunOutcome(counts, ok=ok), ok

        return recorded(app, moment, "deliver", work)


def _plan_weekly(app: App, moment: Moment) -> None:
    """Plan the operator's mail of the week, if it is its hour."""
    settings, operator = app.settings, app.operator()
    if settings.operator_weekly is None or operator is None:
        return
    from digest.pipeline.weekly import Weekly, plan_weekly

    weekly = Weekly(operator, settings.operator_weekly, settings.hour, settings.zone)
    plan_weekly(app.database, weekly, app.sources(), moment.ran_at())


def run_letter(app: App, letter: Letter, moment: Moment) -> str:
    """Send one mail that is no issue, at once; return the server's answer.

    Raises ``DeliveryError`` where it was not taken, and where another run is sending.
    """
    with app.lock("deliver") as mine:
        if not mine:
            raise DeliveryError("Another run is sending mail; try again when it is done.", transient=True)
        return app.deliverer().send_letter(app.line(), letter, moment.now)


def run_all(
    app: App, moment: Moment, *, stop: Callable[[], bool] = lambda: False, progress: Say = _silent
) -> tuple[dict[str, Any], bool]:
    """Refresh, enrich, compose and deliver; a step that fails keeps no other from its work.

    Where this is done once a day only, no issue waits for a source: it would wait for a day.
    """
    moment.check()
    composer = app.composer()
    days = [moment.day] if moment.day else None
    work: dict[str, Callable[[], RefreshOutcome | RunOutcome]] = {
        "refresh": lambda: run_refresh(app, moment, days=days, due_only=days is None, progress=progress),
        **({"enrich": lambda: run_enrich(app, moment, progress=progress)} if app.settings.enricher else {}),
        "compose": lambda: run_compose(app, moment, hold=composer.composes_often(moment), progress=progress),
        "deliver": lambda: run_deliver(app, moment, stop=stop, progress=progress),
    }
    steps: dict[str, Any] = {}
    ok = True
    for name, step in work.items():
        try:
            outcome = step()
            steps[name], ok = outcome.as_dict(), ok and outcome.ok
        except DigestError as error:
            steps[name], ok = {"error": str(error)}, False
    return steps, ok


def ping(app: App, *, ok: bool) -> None:
    """Tell whoever watches from outside how a run or a round of ticks went; nothing where none is set.

    A copy that does not mail tells nothing either: it would speak in the other machine's name.
    """
    if app.settings.ping_url is not None and app.restored() is None:
        from digest.pipeline.pinging import ping as tell

        tell(app.fetcher, app.settings.ping_url.get_secret_value(), ok=ok)


def recorded(app: App, moment: Moment, use_case: str, work: Callable[[], tuple[Outcome, bool]]) -> Outcome:
    """Do the work between a row that says it began and its end; a failure is recorded and raised.

    The log says the same, under the id of the run.
    """
    with tagged(run=new_run_id(), use_case=use_case):
        return _logged(app, moment, use_case, work)


def _logged(app: App, moment: Moment, use_case: str, work: Callable[[], tuple[Outcome, bool]]) -> Outcome:
    began = time.monotonic()
    with app.database.write() as session:
        run_id = run_rows.start_run(session, use_case, moment.ran_at())
    _log.info("run began", extra=told(number=run_id))
    outcome: dict[str, Any] = {}
    facts: Mapping[str, object] = {}
    ok = False
    try:
        result, ok = work()
        outcome, facts = result.as_dict(), result.numbers()
    except DigestError as error:
        outcome = facts = {"error": str(error)}
        raise
    else:
        return result
    finally:
        seconds = round(time.monotonic() - began, 3)
        # In this order, so that no count takes the place of these.
        ended = {**facts, "number": run_id, "ok": ok, "seconds": seconds}
        _log.info("run ended", extra=told(**ended))
        ended_at = moment.ran_at() + timedelta(seconds=seconds)
        with app.database.write() as session:
            run_rows.finish_run(session, run_id, ok=ok, outcome=outcome, now=ended_at)
