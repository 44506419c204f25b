"""What ``digest doctor`` looks at on this machine: settings, folders, database, clock, files.

Each check is a function of the patient that yields findings, and relies on no other check. Secrets are in
:mod:`digest.pipeline.doctor_secrets`, what asks the network in :mod:`digest.pipeline.doctor_outside`.
"""

import os
import shutil
import stat
import tempfile
import time
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sqlmodel import Session

from digest.config import Settings
from digest.errors import DatabaseDamagedError, DatabaseTooNewError, StorageError
from digest.files import is_full
from digest.loading import config_path
from digest.pipeline.arming import read_restored
from digest.pipeline.doctor import SETTINGS, Check, Finding, Level
from digest.pipeline.losses import find_losses
from digest.pipeline.measures import newest_file
from digest.pipeline.model_store import ModelStore
from digest.pipeline.readiness import MIN_FREE_BYTES, can_write
from digest.pipeline.reading import ConfiguredSource
from digest.storage import checkup
from digest.storage import papers as paper_rows
from digest.storage import runs as run_rows
from digest.storage.database import Database
from digest.text import is_this_machine

__all__ = ["Patient", "make_checks"]

LOW_FREE_BYTES = 2**30
# A file system's clock and ours may differ by its granularity, and by what a loaded machine takes.
FILE_CLOCK_S = 5.0
BACKUP_AGE = timedelta(days=8)
# A whole check of some gigabytes; a slow disk needs longer, which is no fault of theirs.
INTEGRITY_S = 60.0
# Longer than connecting to a server that does not answer takes.
DATABASE_S = 25.0
DAMAGED = "stop the service and restore the last backup (digest restore)"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patient:
    """An installation, as far as it can be put together.

    With ``faults`` (of its settings) there are no ``settings``, no ``database`` and no ``sources``.
    """

    now: datetime
    settings: Settings | None = None
    database: Database | None = None
    sources: tuple[ConfiguredSource, ...] = ()
    faults: tuple[str, ...] = ()
    offline: bool = False


Look = Callable[[Settings, Patient], Iterator[Finding]]


def make_checks(patient: Patient) -> list[Check]:
    """All checks for this installation."""
    from digest.pipeline.doctor_outside import make_outside_checks
    from digest.pipeline.doctor_secrets import look_at_secrets

    local: list[tuple[str, Look, float]] = [
        ("folder", _folder, 10.0),
        ("disk", _disk, 10.0),
        ("database", _database, 60.0),
        ("integrity", _integrity, INTEGRITY_S),
        ("clock", _clock, DATABASE_S),
        ("zones", _zones, DATABASE_S),
        ("secrets", look_at_secrets, 10.0),
        ("base_url", _base_url, 5.0),
        ("copy", _copy, 5.0),
        ("losses", _losses, 10.0),
        ("operator", _operator, 5.0),
        ("model", _model, DATABASE_S),
        ("backups", _backups, 10.0),
    ]
    return [
        Check(SETTINGS, partial(_settings, patient), 5.0),
        *(
            Check(
                name,
                partial(_with_settings, name, look, patient),
                seconds,
                Level.NOTE if look is _integrity else Level.WRONG,
            )
            for name, look, seconds in local
        ),
        *make_outside_checks(patient.settings, patient.sources, patient.now, offline=patient.offline),
    ]


def _with_settings(name: str, look: Look, patient: Patient) -> Iterator[Finding]:
    if patient.settings is None:
        yield Finding(name, Level.SKIPPED, "cannot be looked at before the settings are right")
        return
    folder = patient.settings.data_dir
    if look is not _folder and folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        yield Finding(name, Level.SKIPPED, "cannot be looked at before this user may look into the folder")
        return
    try:
        yield from look(patient.settings, patient)
    except _NoAnswerError as error:
        yield Finding(name, Level.SKIPPED, f"cannot be looked at {error}")


def _settings(patient: Patient) -> Iterator[Finding]:
    for fault in patient.faults:
        yield Finding(SETTINGS, Level.WRONG, fault, "correct it as it says; nothing runs before that")
    if not patient.faults:
        path = config_path()
        where = str(path) if path.is_file() else "the environment and defaults; there is no digest.toml"
        yield Finding(SETTINGS, Level.WELL, f"valid, from {where}")


# --- folders and disk --------------------------------------------------------------------------------


def _folder(settings: Settings, _: Patient) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        parent = next((one for one in folder.parents if one.exists()), folder.parent)
        if can_write(parent):
            sentence = f"{folder} is not there yet"
            yield Finding("folder", Level.NOTE, sentence, "nothing to do: the first command makes it")
        else:
            sentence = f"{folder} is not there, and {parent} may not be written"
            mend = "make it for the user that runs this, or set data_dir to a folder of theirs"
            yield Finding("folder", Level.WRONG, sentence, mend)
        return
    if not can_write(folder):
        full = is_full(folder)
        sentence = f"{folder} cannot be written{': the disk is full' if full else ''}"
        mend = "give it to the user that runs this (chown -R), or mount it writable"
        yield Finding("folder", Level.WRONG, sentence, "make room" if full else mend)
        return
    refused = [path for path in folder.iterdir() if not os.access(path, os.W_OK)]
    # The database's side files come and go while other checks look into it.
    foreign = sorted(path.name for path in refused if os.path.lexists(path))
    if foreign:
        sentence = f"in {folder} these belong to somebody else: {', '.join(foreign[:5])}"
        mend = f"a command was run as another user: chown -R the user that runs this {folder}"
        yield Finding("folder", Level.WRONG, sentence, mend)
    if stat.S_IMODE(folder.stat().st_mode) & 0o007:
        sentence = f"{folder} can be read by everybody on this machine, readers' addresses included"
        yield Finding("folder", Level.WRONG, sentence, f"chmod o-rwx {folder}")
    elif not foreign:
        yield Finding("folder", Level.WELL, f"{folder} can be written, and read by nobody else")


def _disk(settings: Settings, _: Patient) -> Iterator[Finding]:
    folder = next(one for one in (settings.data_dir, *settings.data_dir.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    told = f"{free / 2**30:.1f} GiB are free for {folder}"
    if free < MIN_FREE_BYTES:
        mend = "make room, or move data_dir to a larger disk: without room nothing is read or sent"
        yield Finding("disk", Level.WRONG, told, mend)
    elif free < LOW_FREE_BYTES:
        yield Finding("disk", Level.NOTE, told, "make room soon; backups need as much as the database")
    else:
        yield Finding("disk", Level.WELL, told)


# --- database ----------------------------------------------------------------------------------------


class _NoAnswerError(Exception):
    """There is a database, and it cannot be asked before what the check of it says is mended."""

    def __init__(self, why: str = "without the database") -> None:
        super().__init__(why)


def _open_database(patient: Patient) -> Database | None:
    """The database, if there is one that holds anything. Raises ``StorageError`` where it cannot be read."""
    database = patient.database
    # To look into a file that is not there would make an empty one.
    if database is None or (database.path is not None and not database.path.exists()):
        return None
    with database.read() as session:
        return database if checkup.has_schema(session, database.place) else None


def _ask(patient: Patient, question: Callable[[Session], T]) -> T | None:
    """The answer of the database; ``None`` where there is none yet. Raises ``_NoAnswerError``."""
    try:
        database = _open_database(patient)
        if database is None:
            return None
        with database.read() as session:
            if checkup.is_behind(session, database.place):
                raise _NoAnswerError("before the database is upgraded")
            return question(session)
    except StorageError as error:
        raise _NoAnswerError from error


def _database(settings: Settings, patient: Patient) -> Iterator[Finding]:
    try:
        database = _open_database(patient)
    except StorageError as error:
        yield Finding("database", Level.WRONG, str(error), _mend(error, patient))
        return
    if database is None:
        lost = (settings.data_dir / "outbox").exists() or (settings.data_dir / "pages").exists()
        if lost:
            mend = "restore it from a backup, unless this is meant to begin anew"
            sentence = "the database is gone or empty, but what was sent or read with it is there"
            yield Finding("database", Level.WRONG, sentence, mend)
        else:
            mend = "nothing to do: the first command makes it"
            yield Finding("database", Level.NOTE, "there is no database yet", mend)
        return
    with database.read() as session:
        if checkup.is_behind(session, database.place):
            sentence = f"{database.place} has an older schema"
            yield Finding(
                "database", Level.NOTE, sentence, "any command upgrades it, such as: digest db upgrade"
            )
        else:
            yield Finding("database", Level.WELL, f"{database.place} has the schema of this version")
    try:
        with database.write():
            pass
    except StorageError as error:
        yield Finding("database", Level.WRONG, str(error), _mend(error, patient))


def _mend(error: StorageError, patient: Patient) -> str:
    """What helps against what the database, or the way to it, says."""
    if isinstance(error, DatabaseTooNewError):
        return "run the version that wrote it, or restore a backup of before (digest restore)"
    if isinstance(error, DatabaseDamagedError):
        return DAMAGED
    if patient.database is not None and patient.database.is_sqlite:
        return (
            "see that it is this program's, that nobody holds it, and that the user that runs this may write "
            "its file and folder"
        )
    return "see that the server runs, and that database_url names it, a database of ours and its user"


def _integrity(_: Settings, patient: Patient) -> Iterator[Finding]:
    """All of it is read, which takes its time."""
    try:
        database = _open_database(patient)
    except StorageError as error:
        raise _NoAnswerError from error
    if database is None:
        return
    try:
        with database.read() as session:
            damage = checkup.find_damage(session)
    except StorageError as error:
        yield Finding("integrity", Level.WRONG, str(error), _mend(error, patient))
        return
    if damage is not None:
        yield Finding("integrity", Level.WRONG, f"the database is damaged: {damage}", DAMAGED)
    else:
        yield Finding("integrity", Level.WELL, "the database is whole")


# --- time --------------------------------------------------------------------------------------------


def _clock(settings: Settings, patient: Patient) -> Iterator[Finding]:
    folder = settings.data_dir if can_write(settings.data_dir) else Path(tempfile.gettempdir())
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        drift = abs(Path(file.name).stat().st_mtime - time.time())
    if drift > FILE_CLOCK_S:
        sentence = f"the clock of the file system at {folder} is {drift:.0f} s from this machine's"
        yield Finding("clock", Level.WRONG, sentence, "set both by NTP: files and runs are told by them")
    ahead = _ask(patient, partial(_ahead, patient.now))
    if ahead is not None:
        sentence = f"the last run is recorded for {ahead:%Y-%m-%d %H:%M} UTC, which is in the future"
        mend = "set the clock by NTP; if it is right now, all mends itself when that time has come"
        yield Finding("clock", Level.WRONG, sentence, mend)
    elif drift <= FILE_CLOCK_S:
        yield Finding("clock", Level.WELL, f"it is {patient.now:%Y-%m-%d %H:%M} UTC here")


def _ahead(now: datetime, session: Session) -> datetime | None:
    """When the last run began, if that is yet to come."""
    runs = [run_rows.last_run(session, name) for name in ("refresh", "compose", "deliver")]
    last = max((run.started_at for run in runs if run is not None), default=now)
    return last if last > now + timedelta(minutes=5) else None


def _zones(settings: Settings, patient: Patient) -> Iterator[Finding]:
    known = zoneinfo.available_timezones()
    if "Europe/Berlin" not in known:
        mend = "install it again: pip install tzdata, or your system's package tzdata"
        yield Finding("zones", Level.WRONG, "there is no data on time zones on this machine", mend)
        return
    zones = {settings.zone, *(_ask(patient, checkup.list_zones) or ())}
    lost = sorted(zones - known)
    if lost:
        sentence = f"readers are served in zones that are not known here: {', '.join(lost[:5])}"
        yield Finding("zones", Level.WRONG, sentence, "upgrade tzdata: pip install --upgrade tzdata")
        return
    yield Finding("zones", Level.WELL, f"{len(known)} time zones are known; the usual one is {settings.zone}")


# --- addresses, models, backups ----------------------------------------------------------------------


def _base_url(settings: Settings, _: Patient) -> Iterator[Finding]:
    if settings.base_url is None:
        sentence = "it is not set: mails have no links, and nobody can subscribe on the web"
        yield Finding("base_url", Level.NOTE, sentence, "set base_url to where readers reach the web")
        return
    parts = urlsplit(settings.base_url)
    host = parts.hostname or ""
    if host == "example.org" or host.endswith((".example.org", ".example.com", ".example")):
        sentence = f"{settings.base_url} is the example's and leads nowhere"
        yield Finding("base_url", Level.WRONG, sentence, "set base_url to where readers reach the web")
    elif is_this_machine(host):
        sentence = (
            f"{settings.base_url} can be reached on this machine only, so links in mails work here only"
        )
        level = Level.WRONG if settings.way == "smtp" else Level.NOTE
        mend = "set base_url to an address that readers reach, or leave it out"
        yield Finding("base_url", level, sentence, mend)
    elif parts.scheme != "https":
        sentence = f"{settings.base_url} is not encrypted: who listens in can use readers' links"
        yield Finding("base_url", Level.NOTE, sentence, "put a proxy with https before it (see deploy/)")
    else:
        yield Finding("base_url", Level.WELL, settings.base_url)


def _copy(settings: Settings, _: Patient) -> Iterator[Finding]:
    restored = read_restored(settings.data_dir)
    if restored is not None:
        mend = "see that the machine it was copied from mails no more, then: digest arm"
        yield Finding("copy", Level.WRONG, str(restored), mend)


def _losses(settings: Settings, patient: Patient) -> Iterator[Finding]:
    try:
        found = find_losses(settings, _open_database(patient))
    except StorageError:  # what is wrong with the database is told by its own check
        found = find_losses(settings, None)
    for one in found:
        yield Finding("losses", Level.WRONG, one.what, one.mend)


def _operator(settings: Settings, _: Patient) -> Iterator[Finding]:
    if settings.operator_address is None:
        sentence = "nobody is told when a source fails"
        yield Finding("operator", Level.NOTE, sentence, "set operator_address to yours")
    if settings.ping_url is None:
        sentence = "nobody notices when this machine stops"
        mend = "set ping_url to a check of healthchecks.io or the like"
        yield Finding("operator", Level.NOTE, sentence, mend)
    if settings.operator_address is not None and settings.ping_url is not None:
        yield Finding("operator", Level.WELL, "is told of failures, and of silence")


def _model(settings: Settings, patient: Patient) -> Iterator[Finding]:
    papers = _ask(patient, paper_rows.count_papers) or 0
    path = ModelStore(settings.data_dir / "models").newest()
    if path is None:
        if papers:
            sentence = f"there is none for {papers:,} papers, so the next digest has to wait for one"
            yield Finding("model", Level.NOTE, sentence, "fit it now: digest fit")
        else:
            yield Finding("model", Level.WELL, "none is needed before there are papers")
        return
    from digest.ranking import load_model

    fitted = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        load_model(path)
    except (OSError, StorageError) as error:
        sentence = f"{path} cannot be used ({error})"
        yield Finding("model", Level.NOTE, sentence, "nothing is lost: digest fit makes another")
    else:
        yield Finding("model", Level.WELL, f"fitted on {fitted:%Y-%m-%d}")


def _backups(settings: Settings, patient: Patient) -> Iterator[Finding]:
    newest = newest_file(settings.backups, "digest-*")
    mend = "make one now with digest backup, and see that it is made by itself"
    if newest is None:
        yield Finding("backups", Level.NOTE, f"there is none in {settings.backups}", mend)
        return
    made = datetime.fromtimestamp(newest, UTC)
    if patient.now - made > BACKUP_AGE:
        days = (patient.now - made).days
        yield Finding("backups", Level.WRONG, f"the newest in {settings.backups} is {days} days old", mend)
    else:
        yield Finding("backups", Level.WELL, f"the newest is of {made:%Y-%m-%d %H:%M} UTC")
