"""Making mails in a second process, while the first one sends them.

However many threads a Python process has, it computes on one processor, and of what that does for a mail,
making it is a third. What runs in the child is the same :class:`Maker` with a connection to the database of
its own. It is told where that is, and the secret key, by its pipe; it inherits no other open file.

The child ends when its parent does, however that ends: by the end of its input, or since nobody reads what
it writes. Signals that mean the whole program are the parent's to see to.
"""

import contextlib
import fcntl
import gc
import logging
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import BinaryIO, Self

from digest.pipeline.assemble import Envelope
from digest.pipeline.assembling import Made, Maker, Order
from digest.storage.database import Database

__all__ = ["MakerBeside", "run"]

# -P: what lies in the working folder is none of ours, unless it was before.
_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from digest.pipeline.assembling_beside import run; run()"
# An answer: the order's number, the length of the mail, the mail. None where the parent is to see for itself.
_ANSWER = struct.Struct("!QI")
_READY = 0
# A mail takes a thousandth of it.
PATIENCE_S = 2.0
END_S = 2.0
CHUNK = 2**18
# Room for many mails, so that the child goes on while the parent does something else.
PIPE = 2**20

log = logging.getLogger(__name__)


class _LostError(Exception):
    """The child ended, does not answer, or answers what it was not asked."""


class MakerBeside:
    """Makes mails in a child process; what that does not make, it makes here. Use as a context manager.

    So a child that is not ready yet, cannot be started or dies costs time and nothing else. Mails are made
    ahead of being asked for.
    """

    def __init__(self, database: Database, envelope: Envelope) -> None:
        self._here = Maker(database, envelope)
        self._child: _Child | None = None
        with self._watching():
            self._child = _Child()
            self._child.tell((database.url.render_as_string(hide_password=False), envelope))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def make(self, orders: Sequence[Order]) -> Iterator[Made]:
        """As :meth:`MakesMails.make`."""
        first: int | None = None
        with self._watching():
            first = self._child.ask(orders) if self._child else None
        if first is None:
            yield from self._here.make(orders)
            return
        for number, order in enumerate(orders, first):
            made = b""
            with self._watching():
                made = self._child.answer(number) if self._child else b""
            if made:
                yield made
            else:
                yield from self._here.make([order])

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        """Do without the child from the first thing that goes wrong with it."""
        try:
            yield
        except (_LostError, OSError) as error:
            log.warning("mails are made by one process alone from here on: the second one %s", error)
            self.close()


class _Child:
    """The parent's side of the child. After any exception it is of no more use but to be closed."""

    def __init__(self) -> None:
        self._is_ready = False
        self._asked = _READY
        self._unread, self._at = b"", 0
        self._program = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-c", _MAIN, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert self._program.stdin is not None  # noqa: S101 - asked for above
        assert self._program.stdout is not None  # noqa: S101
        self._to, self._from = self._program.stdin.fileno(), self._program.stdout.fileno()
        os.set_blocking(self._to, False)
        with contextlib.suppress(AttributeError, OSError):  # Linux only, and not without end
            fcntl.fcntl(self._from, fcntl.F_SETPIPE_SZ, PIPE)
        self._poll = select.poll()
        self._poll.register(self._from, select.POLLIN)

    def tell(self, what: object) -> None:
        """Hand something to the child. It takes all of one before it answers, so the pipe is empty here."""
        data = pickle.dumps(what)
        if os.write(self._to, data) < len(data):
            raise _LostError("does not listen")

    def ask(self, orders: Sequence[Order]) -> int | None:
        """Have these made; returns the number of the first, or ``None`` while the child is not ready."""
        if not self._is_ready:
            if not self._poll.poll(0):
                return None
            self.answer(_READY)
            self._is_ready = True
        first = self._asked + 1
        self._asked += len(orders)
        self.tell((first, orders))
        return first

    def answer(self, number: int) -> bytes:
        """The mail of that number, which is the next; empty where the child could not make it."""
        given, size = _ANSWER.unpack(self._read(_ANSWER.size))
        # Never another reader's mail: not even where somebody left answers untaken.
        if given != number:
            raise _LostError("answers out of turn")
        return self._read(size)

    def close(self) -> None:
        """End the child: it sees that nobody asks and nobody listens, or is made to."""
        for pipe in (self._program.stdin, self._program.stdout):
            assert pipe is not None  # noqa: S101
            pipe.close()
        try:
            self._program.wait(END_S)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()

    def _read(self, size: int) -> bytes:
        while len(self._unread) - self._at < size:
            if not self._poll.poll(PATIENCE_S * 1000):
                raise _LostError("does not answer")
            data = os.read(self._from, CHUNK)
            if not data:
                raise _LostError("ended")
            self._unread, self._at = self._unread[self._at :] + data, 0
        self._at += size
        return self._unread[self._at - size : self._at]


def run() -> None:
    """Be the child: make what is asked for until nobody asks."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # should anything print, then not into a mail
    with contextlib.suppress(EOFError, BrokenPipeError, pickle.UnpicklingError):  # the parent has enough
        url, envelope = pickle.load(orders)  # noqa: S301 - written by the parent
        maker = Maker(Database(url), envelope)
        gc.freeze()
        _send(answers, _READY, b"")
        while True:
            first, asked = pickle.load(orders)  # noqa: S301
            for number, made in enumerate(maker.make(asked), first):
                _send(answers, number, made if isinstance(made, bytes) else b"")
    os._exit(0)  # nothing to tidy up, and the parent waits


def _send(answers: BinaryIO, number: int, mail: bytes) -> None:
    left = memoryview(_ANSWER.pack(number, len(mail)) + mail)
    while left:
        left = left[answers.write(left) :]
