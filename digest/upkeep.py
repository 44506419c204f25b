"""What keeps an installation in order besides its digests: work of the night, and mail that came back.

Each use case has its lock and its record, as those of :mod:`digest.runs` have.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import time
from typing import Any

from digest.app import App
from digest.errors import DigestError
from digest.logs import new_run_id, tagged
from digest.pipeline.moment import Moment
from digest.pipeline.nightly import is_due_tonight
from digest.runs import RunOutcome, ping, recorded, run_all

__all__ = ["NIGHTLY", "Nightly", "run_bounces", "run_fit", "run_nightly", "run_once"]

Say = Callable[[str], None]


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Nightly:
    """A use case that runs once a night, from that time of day on, in the zone of the settings.

    It says what it is at, as a sign of life.
    """

    use_case: str
    at: time
    run: Callable[[App, Moment, Say], RunOutcome]


def run_fit(app: App, moment: Moment, progress: Say = _silent, *, asked: bool = False) -> RunOutcome:
    """Fit the ranking model anew, in a process of its own, if anything came since or somebody ``asked``.

    Unasked none is made where nothing was ranked yet: who composes first makes it. A text model that cannot
    be loaded is then done without, as in composing; who asked is told by ``ConfigError``. Raises
    ``StorageError`` where the fit fails; the model that was there stays.
    """
    with app.lock("fit") as mine:
        if not mine:
            return RunOutcome(locked=True)

        def work() -> tuple[RunOutcome, bool]:
            from digest.pipeline.model_store import ModelStore, refit

            encoder = app.text_model
            if not asked:
                with app.database.read() as session:
                    if not ModelStore(app.models_dir).is_behind(session):
                        return RunOutcome(), True
                if encoder is not None and not encoder.is_ready(load=True):
                    encoder = None
            return RunOutcome(asdict(refit(app.database, app.models_dir, encoder, progress=progress))), True

        return recorded(app, moment, "fit", work)


def run_bounces(app: App, moment: Moment, place: str | None = None, *, progress: Say = _silent) -> RunOutcome:
    """Read what came back, from ``place`` or else the mailbox of the settings; nothing where none is set.

    A copy that does not mail leaves that mailbox alone: what it marked as read, the other machine would miss.
    The outcome is not good where a mail could not be read. Raises ``DigestError`` where none could.
    """
    if place is None:
        setting = app.settings.bounce_mailbox
        if setting is None or app.restored() is not None:
            return RunOutcome()
        place = setting.get_secret_value()
    from digest.mailbox import open_mailbox

    with app.lock("bounces") as mine:
        if not mine:
            return RunOutcome(locked=True)

        def work() -> tuple[RunOutcome, bool]:
            with open_mailbox(place) as mailbox:
                counts = app.incoming().read(mailbox, moment.now, progress=progress)
            outcome = RunOutcome(counts, ok=not counts["unreadable"])
            return outcome, outcome.ok

        return recorded(app, moment, "bounces", work)


def _backup(app: App, moment: Moment, progress: Say) -> RunOutcome:
    from digest.keeping import run_backup  # most runs do not need all that it brings

    return run_backup(app, moment, progress=progress)


def _prune(app: App, moment: Moment, progress: Say) -> RunOutcome:
    from digest.keeping import run_prune

    return run_prune(app, moment, progress=progress)


# Spread over the small hours, one after the other: what is kept of a night is what the day left.
NIGHTLY = (
    Nightly("backup", time(2, 30), _backup),
    Nightly("prune", time(3, 0), _prune),
    Nightly("fit", time(3, 20), run_fit),
)


def run_nightly(app: App, moment: Moment, *, progress: Say = _silent) -> tuple[dict[str, Any], bool]:
    """Do what of the night's work is due; a part that fails keeps no other from its work.

    Returns each part's outcome, and whether all went well. Under a clock or for a day that a person chose
    it does nothing: what is too old for that time must not go because of it.
    """
    steps: dict[str, Any] = {}
    ok = True
    if moment.pinned or moment.day is not None:
        return steps, ok
    for one in NIGHTLY:
        with app.database.read() as session:
            if not is_due_tonight(session, one.use_case, one.at, app.settings.zone, moment.now):
                continue
        progress(one.use_case)
        try:
            outcome = one.run(app, moment, progress)
            steps[one.use_case], ok = outcome.as_dict(), ok and outcome.ok
        except DigestError as error:
            steps[one.use_case], ok = {"error": str(error)}, False
    return steps, ok


def run_once(app: App, moment: Moment, *, progress: Say = _silent) -> tuple[dict[str, Any], bool]:
    """All that the service does, once: read what came back, refresh, compose, deliver, the night's work.

    Returns each part's outcome, and whether all went well. A part that fails keeps no other from its work.
    In the end whoever watches from outside is told (see :func:`ping`), unless a part found another at work.
    """
    moment.check()
    with tagged(run=new_run_id()):
        steps, ok = _all_parts(app, moment, progress)
        if not any("locked" in step for step in steps.values()):
            ping(app, ok=ok)
    return steps, ok


def _all_parts(app: App, moment: Moment, progress: Say) -> tuple[dict[str, Any], bool]:
    came_back: dict[str, Any] = {}
    ok = True
    if app.settings.bounce_mailbox is not None:
        try:
            outcome = run_bounces(app, moment, progress=progress)
            came_back, ok = {"bounces": outcome.as_dict()}, outcome.ok
        except DigestError as error:
            came_back, ok = {"bounces": {"error": str(error)}}, False
    steps, went_well = run_all(app, moment, progress=progress)
    nightly, nights_well = run_nightly(app, moment, progress=progress)
    return {**came_back, **steps, **nightly}, ok and went_well and nights_well
