"""Keeping what there is: backups, old rows that go, and copies that are armed.

Each use case on an installation has its lock and its record, as those of :mod:`digest.runs` have; what fills
an empty place has a lock. A signal ends what writes files at its next step, and what it wrote is taken away.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from digest.app import App
from digest.config import Settings
from digest.errors import StorageError, UsageError
from digest.locks import use_case_lock
from digest.pipeline import arming, backup, dump, leftovers, load, prune, restore
from digest.pipeline.moment import Moment
from digest.runs import RunOutcome, recorded
from digest.stopping import stop_at_steps
from digest.storage import space
from digest.storage.database import Database

__all__ = ["run_arm", "run_backup", "run_compact", "run_dump", "run_load", "run_prune", "run_restore"]

Say = Callable[[str], None]


def _silent(_: str) -> None:
    return None


def run_arm(
    app: App, moment: Moment, *, skip_until: datetime | None = None, send: bool = False
) -> RunOutcome:
    """Let a restored copy mail again.

    ``skip_until``: what was due by then counts as sent; it is composed first, so that its papers do not come
    again. ``send``: whatever waits goes out. With neither, it is armed only where nothing would be sent now.
    Raises ``UsageError`` where that is to be decided, and for a time to come.
    """
    with app.lock("compose") as mine, app.lock("deliver") as ours:
        if not (mine and ours):
            return RunOutcome(locked=True)
        restored = app.restored()
        if restored is None:
            return RunOutcome({"armed": True})
        hours = app.settings.issue_window_h
        waits = arming.what_waits(app.database, moment, restored, window_h=hours)
        arming.check_choice(restored, waits, moment.now, skip_until, send=send)

        def work() -> tuple[RunOutcome, bool]:
            skipped = 0
            if skip_until is not None:
                app.composer().compose(moment, hold=False)
                skipped = arming.skip_until(app.database, restored, skip_until, moment.now)
            arming.disarm(app.data_dir)
            return RunOutcome({"armed": True, "skipped": skipped} | waits.as_dict()), True

        return recorded(app, moment, "arm", work)


def run_backup(
    app: App, moment: Moment, *, to: Path | None = None, asked: bool = False, progress: Say = _silent
) -> RunOutcome:
    """Make a backup where the settings say, and delete the oldest beyond ``backup_keep``.

    ``to`` is another folder, in which nothing is deleted. Where ``backup_keep`` is 0 nothing happens, unless
    somebody ``asked``. Raises ``StorageError`` where it cannot be made whole.
    """
    settings = app.settings
    if settings.backup_keep == 0 and not asked:
        return RunOutcome()
    with app.lock("backup") as mine:
        if not mine:
            return RunOutcome(locked=True)

        def work() -> tuple[RunOutcome, bool]:
            with stop_at_steps(progress) as say:
                made = backup.make_backup(
                    app.database,
                    app.data_dir,
                    to or settings.backups,
                    moment.ran_at(),
                    apart=(settings.backups,),
                    progress=say,
                )
            keep = settings.backup_keep if to is None else 0
            deleted = backup.rotate(settings.backups, keep, made) if keep else 0
            return RunOutcome(made.as_dict() | {"deleted": deleted}), True

        return recorded(app, moment, "backup", work)


def run_prune(app: App, moment: Moment, *, dry_run: bool = False, progress: Say = _silent) -> RunOutcome:
    """Delete what is older than the settings keep it, or with ``dry_run`` count it.

    By the machine's clock or a moment that is over, never one to come: what goes does not come back.
    """
    settings = app.settings
    days = prune.KeptDays(
        observations=settings.keep_observations_days,
        records=settings.keep_records_days,
        issues=settings.keep_issues_days,
        left=settings.keep_left_days,
        papers=settings.keep_papers_days,
    )
    with app.lock("prune") as mine:
        if not mine:
            return RunOutcome(locked=True)

        def work() -> tuple[RunOutcome, bool]:
            counts = prune.prune(
                app.database, days, moment.ran_at(), app.feeds_dir, dry_run=dry_run, progress=progress
            )
            copied_before = moment.ran_at() - timedelta(days=settings.keep_left_days)
            counts |= leftovers.clear(app.database, app.data_dir, copied_before, dry_run=dry_run)
            return RunOutcome(counts), True

        return work()[0] if dry_run else recorded(app, moment, "prune", work)


def run_compact(app: App, moment: Moment) -> RunOutcome:
    """Write a SQLite file anew without what is free in it; the program waits meanwhile.

    Raises ``StorageError`` where the disk has no room for it.
    """
    with app.lock("prune") as mine:
        if not mine:
            return RunOutcome(locked=True)
        return recorded(
            app, moment, "compact", lambda: (RunOutcome({"freed": space.compact(app.database)}), True)
        )


def run_restore(
    settings: Settings,
    folder: Path,
    *,
    to: Path | None = None,
    dry_run: bool = False,
    armed: bool = False,
    progress: Say = _silent,
) -> restore.Plan:
    """Restore a backup (its folder, or its name where backups are kept), or with ``dry_run`` only check it.

    It goes to ``to``, else where the settings have data and database. ``armed``: it mails at once. Returns
    what was brought. Raises ``UsageError`` where the place is taken, or keeps its database elsewhere,
    ``StorageError`` for a backup that is damaged.
    """
    if not folder.is_dir() and (settings.backups / folder.name).is_dir():
        folder = settings.backups / folder.name
    place = Database(settings.effective_database_url).path if to is None else None
    if to is None and place is None and backup.DATABASE in backup.open_backup(folder).files:
        raise UsageError(
            "this backup holds a SQLite database, and database_url names a server: restore it elsewhere with "
            "--to, then move it with digest dump and digest load"
        )
    plan = restore.plan_restore(folder.absolute(), (to or settings.data_dir).absolute(), place, progress)
    if not dry_run:
        with _filling(plan.data_dir), stop_at_steps(progress) as say:
            restore.restore(plan, say)
            if armed:
                arming.disarm(plan.data_dir)
    return plan


def run_dump(
    app: App, target: Path, *, with_key: bool = False, with_pages: bool = True, progress: Say = _silent
) -> dump.Dump:
    """Write everything as plain files, but no backups. Changes nothing; raises as ``dump.write_dump``."""
    with stop_at_steps(progress) as say:
        return dump.write_dump(
            app.database,
            app.data_dir,
            target.absolute(),
            app.now(),
            with_key=with_key,
            with_pages=with_pages,
            apart=(app.settings.backups,),
            progress=say,
        )


def run_load(
    settings: Settings, source: Path, *, armed: bool = False, progress: Say = _silent
) -> load.Loaded:
    """Fill the empty database of the settings, of either kind, from a dump. Raises as ``load.load`` does."""
    with (
        _filling(settings.data_dir),
        stop_at_steps(progress) as say,
        closing(Database(settings.effective_database_url)) as database,
    ):
        return load.load(database, settings.data_dir, source.absolute(), armed=armed, progress=say)


@contextmanager
def _filling(data_dir: Path) -> Iterator[None]:
    """Be alone in filling a data directory, which is made. Raises ``UsageError`` where somebody else is."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"the data directory {data_dir} cannot be made: {error.strerror}") from error
    with use_case_lock(data_dir, "restore") as mine:
        if not mine:
            raise UsageError(
                f"something is being restored or loaded into {data_dir}: see that one's end first"
            )
        yield
