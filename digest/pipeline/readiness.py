"""Whether this process can do its work now: database, disk and the loop that works, each truly tried."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from digest.errors import StorageError
from digest.heartbeat import Heartbeat
from digest.storage.database import Database

__all__ = ["MIN_FREE_BYTES", "Readiness", "State", "can_write"]

# Less room than this is none: a day's pages and mails take some megabytes.
MIN_FREE_BYTES = 64 * 2**20
# Who asks more often gets the same answer, so that nobody can keep the database busy by asking.
FRESH_S = 2.0
# Who waits longer for a turn to write waits behind another writer: no fault before the database gives up.
PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """What was looked at, by name, and whether it is well."""

    checks: dict[str, bool]

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return all(self.checks.values())

    def as_dict(self) -> dict[str, object]:
        """JSON-ready; says what is not well and nothing of where it lies, since anybody may ask."""
        return {"ok": self.ok, "checks": self.checks}


class Readiness:
    """Looks at everything, at most every two seconds. Safe between threads. ``clock`` is monotonic."""

    def __init__(
        self,
        database: Database,
        data_dir: Path,
        heartbeat: Heartbeat | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._data_dir = data_dir
        self._heartbeat = heartbeat
        self._clock = clock
        self._turn = threading.Lock()
        self._kept: tuple[float, State] | None = None
        self._waiting: threading.Thread | None = None
        self._refused = False

    def alive(self) -> State:
        """Whether the process lives, and with it the loop that works, where one does."""
        return State({"process": True} | self._loop())

    def look(self) -> State:
        """Whether it can work: ``migrated`` (the schema is ours), ``writable`` (database and data directory),
        ``disk`` (room is left), ``database`` (it answers), ``loop`` (it comes round, where there is one).
        """
        with self._turn:
            now = self._clock()
            if self._kept is None or now - self._kept[0] >= FRESH_S:
                self._kept = now, State(self._stored() | self._loop())
            return self._kept[1]

    def _loop(self) -> dict[str, bool]:
        return {"loop": not self._heartbeat.is_late} if self._heartbeat is not None else {}

    def _stored(self) -> dict[str, bool]:
        try:
            migrated = self._database.is_current()
            database = True
        except StorageError:
            migrated = database = False
        try:
            disk = shutil.disk_usage(self._data_dir).free >= MIN_FREE_BYTES
        except OSError:
            disk = False
        writable = migrated and can_write(self._data_dir) and self._can_store()
        return {"database": database, "migrated": migrated, "writable": writable, "disk": disk}

    def _can_store(self) -> bool:
        """Whether a transaction can begin to write; one that waits could, if the last one did."""

        def attempt() -> None:
            try:
                with self._database.write():
                    pass
                self._refused = False
            except StorageError:
                self._refused = True

        # In a thread, since another's turn may take as long as the busy timeout. One that waits is enough;
        # what became of it is told by the looks after it.
        if self._waiting is None or not self._waiting.is_alive():
            self._waiting = threading.Thread(target=attempt, name="ready", daemon=True)
            self._waiting.start()
        self._waiting.join(PATIENCE_S)
        return not self._refused


def can_write(folder: Path) -> bool:
    """Whether a file can be made and written in the folder."""
    with suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
        return True
    return False
