"""Writing down what happens to mails while several threads send them: durable, in order, few commits.

One thread writes. It takes whatever waits and commits it together, so that ten connections cost not much
more commits than one.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from digest.errors import StorageError
from digest.logs import with_tags
from digest.storage import deliveries as delivery_rows
from digest.storage.database import Database
from digest.storage.deliveries import Decision

__all__ = ["Ledger", "NotOursError"]


class NotOursError(Exception):
    """The delivery is not ours to send any more: its reader was deleted, or another run has taken it."""


@dataclass(slots=True)
class _Mark:
    delivery_id: int
    error: BaseException | None = None
    # Held until it is done: an Event does the same at many times the cost.
    pending: threading.Lock = field(default_factory=threading.Lock)


_Entry = _Mark | Decision | Callable[[Session], None]


# How long a commit waits for others to join it.
PATIENCE_S = 0.002
LOOK_S = 5.0


class Ledger:
    """Records for one lease. What was handed in first is durable no later than what came after it.

    ``group`` is how many threads mark mails at the same time: their marks are committed together if they
    come within a moment.

    After the first error nothing more is written, and every call raises it: whatever is still being sent
    then stays marked as it is, to be settled by the next run. Use as a context manager.
    """

    def __init__(
        self, database: Database, lease: str, clock: Callable[[], datetime], *, group: int = 1
    ) -> None:
        self._database = database
        self._group = group
        self.lease = lease
        self._clock = clock
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=with_tags(self._work), name="ledger", daemon=True)

    def __enter__(self) -> "Ledger":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def mark_data(self, delivery_id: int) -> None:
        """Return once it is durable that the end of this mail's data is about to leave.

        And with it all that was handed in before. Raises ``NotOursError`` and ``StorageError``.
        """
        mark = _Mark(delivery_id)
        mark.pending.acquire()
        self._put(mark)
        while not mark.pending.acquire(timeout=LOOK_S):
            if not self._thread.is_alive() and mark.error is None:
                raise StorageError("this run of sending is over")
        if mark.error is not None:
            raise mark.error

    def complete(self, decision: Decision) -> None:
        """Record what became of a mail. Durable soon, and before any later mark returns."""
        self._put(decision)

    def add(self, write: Callable[[Session], None]) -> None:
        """Have something else written among the rest."""
        self._put(write)

    def close(self) -> None:
        """Return once everything is durable. Raises what went wrong while writing."""
        self._queue.put(None)
        self._thread.join()
        error, self._error = self._error, self._error or StorageError("this run of sending is over")
        with contextlib.suppress(queue.Empty):
            while True:  # who was given up waiting for may come still, and must not wait for ever
                if isinstance(late := self._queue.get_nowait(), _Mark):
                    late.error = self._error
                    late.pending.release()
        if error is not None:
            raise error

    def _put(self, entry: _Entry) -> None:
        if self._error is not None:
            raise self._error
        self._queue.put(entry)

    def _work(self) -> None:
        is_open = True
        while is_open:
            batch = self._gather()
            is_open = None not in batch
            self._write([entry for entry in batch if entry is not None])

    def _gather(self) -> list[_Entry | None]:
        """Everything that waits, and what comes within a moment, unless all who may mark have."""
        batch = [self._queue.get()]
        until = time.monotonic() + PATIENCE_S
        while None not in batch:
            waited = sum(isinstance(entry, _Mark) for entry in batch) < self._group
            try:
                batch.append(self._queue.get(timeout=max(0.0, until - time.monotonic()) if waited else 0))
            except queue.Empty:
                break
        return batch

    def _write(self, batch: list[_Entry]) -> None:
        marks = {entry.delivery_id: entry for entry in batch if isinstance(entry, _Mark)}
        error = self._error
        if error is None and batch:
            try:
                for lost in self._commit(batch, list(marks)):
                    marks[lost].error = NotOursError()
            except BaseException as raised:
                error = self._error = raised
        for mark in marks.values():
            mark.error = mark.error or error
            mark.pending.release()

    def _commit(self, batch: list[_Entry], marked: list[int]) -> set[int]:
        now = self._clock()
        with self._database.write() as session:
            # A mail that was deleted with its reader while it was being sent needs no record.
            decisions = [entry for entry in batch if isinstance(entry, Decision)]
            delivery_rows.complete(session, decisions, lease=self.lease)
            for entry in batch:
                if callable(entry):
                    entry(session)
            return delivery_rows.mark_data(session, marked, lease=self.lease, now=now)
