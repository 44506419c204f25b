"""The parent's side of one child: starts it, hands it a page, waits no longer than allowed, ends it."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from digest.parsing.wire import ANSWER, MAX_ANSWER, READY, REQUEST, load_answer

__all__ = ["Child", "ChildDied", "TookTooLong"]

# The child's modules are found where ours were, also in a checkout that is not installed; -I keeps the
# environment and the working folder out of it.
_MAIN = (
    "import gc, sys; gc.disable(); sys.path[:] = sys.argv[3:]; from digest.parsing.worker import run;"
    " run(float(sys.argv[1]), int(sys.argv[2]))"
)
# What a Python may need to start at all. Nothing else of the environment, which may hold passwords.
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
START_S = 30.0
END_S = 2.0
CHUNK = 2**18
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class TookTooLong(Exception):  # noqa: N818 - says what happened
    """The child did not answer in time."""


class ChildDied(Exception):  # noqa: N818 - says what happened
    """The child ended, or says nothing that can be understood. The message says how."""


class Child:
    """One child process. Not thread-safe; after any exception it is of no more use but to be closed.

    Raises ``OSError`` where no process can be started. The child gets ready by itself meanwhile; the first
    page waits for that, which does not count as its time. Why one does not start is on stderr, which is the
    child's only until then.
    """

    def __init__(self, *, time_s: float, memory_mb: int) -> None:
        self.pages = 0
        self._time_s = time_s
        self._is_ready = False
        self._program = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-I", "-X", "utf8", "-c", _MAIN, str(time_s), str(memory_mb), *_import_path()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            start_new_session=True,
            bufsize=0,
        )
        assert self._program.stdin is not None  # noqa: S101 - asked for above
        assert self._program.stdout is not None  # noqa: S101
        self._to, self._from = self._program.stdin.fileno(), self._program.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._program.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._program.poll() is None

    def ask(self, head: bytes, body: bytes) -> bytes:
        """The answer to one request. Raises ``TookTooLong`` or ``ChildDied``."""
        if not self._is_ready:
            self._get_ready()
        self.pages += 1
        try:
            return self._exchange([REQUEST.pack(len(head), len(body)) + head, body], self._time_s)
        except ChildDied:
            if self._program.returncode == -signal.SIGALRM:  # its own clock was faster
                raise TookTooLong from None
            raise

    def close(self) -> None:
        """End the process: by the end of its input, or by force if it does not see that."""
        for pipe in (self._program.stdin, self._program.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._program.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process whatever it does."""
        self._program.kill()
        self._program.wait()
        self.close()

    def _get_ready(self) -> None:
        try:
            answer = load_answer(self._exchange([], START_S))
        except (TookTooLong, ValueError):
            raise ChildDied("did not start") from None
        if READY not in answer:
            raise ChildDied("did not start")
        self._is_ready = True

    def _exchange(self, parts: list[bytes], limit_s: float) -> bytes:
        """Write the parts and read one answer, as both pipes allow."""
        deadline = time.monotonic() + limit_s
        waiting = [memoryview(part) for part in parts if part]
        answer = bytearray()
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        if waiting:
            poll.register(self._to, select.POLLOUT)
        while not _is_whole(answer):
            left_s = deadline - time.monotonic()
            ready = dict(poll.poll(left_s * 1000)) if left_s > 0 else {}
            if not ready:
                raise TookTooLong
            if self._from in ready:
                self._read(answer)
            elif not self._write(waiting):
                poll.unregister(self._to)
        if waiting:
            raise ChildDied("answered before it was asked")
        return bytes(answer[ANSWER.size :])

    def _read(self, answer: bytearray) -> None:
        data = os.read(self._from, CHUNK)
        if not data:
            raise ChildDied(self._how_it_ended())
        answer += data

    def _write(self, waiting: list[memoryview]) -> bool:
        """Write what the pipe takes; whether more is waiting."""
        try:
            written = os.write(self._to, waiting[0][:CHUNK])
        except BrokenPipeError:
            raise ChildDied(self._how_it_ended()) from None
        waiting[0] = waiting[0][written:]
        if not waiting[0]:
            del waiting[0]
        return bool(waiting)

    def _how_it_ended(self) -> str:
        try:
            code = self._program.wait(END_S)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        if code >= 0:
            return f"ended with code {code}"
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"


def _import_path() -> list[str]:
    """Where modules are found, for a process in another folder; what is no path stays as it is."""
    return [str(Path(path).absolute()) if Path(path).exists() else path for path in sys.path]


def _is_whole(answer: bytearray) -> bool:
    """Whether an answer is there and nothing after it. Raises ``ChildDied`` for what can be none."""
    if len(answer) < ANSWER.size:
        return False
    size: int = ANSWER.size + ANSWER.unpack_from(answer)[0]
    if size > ANSWER.size + MAX_ANSWER or len(answer) > size:
        raise ChildDied("answered with nonsense")
    return len(answer) == size
