"""What runs in the child: reads pages one after the other until its parent closes the pipe.

It is given the parent's import path, no environment and no open file but two pipes. What every page needs
is imported with this package, before limits and clocks count. Limits that the system lacks (the address
space on macOS) are skipped.

How it ends without its parent: while it waits, by the end of its input; while it parses, by an alarm
that no Python code handles, a second after the parent would have killed it. An alarm rather than
``RLIMIT_CPU``, since it also ends what merely sleeps, and is set anew for each page.
"""

import gc
import os
import pickle
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

from selectolax.lexbor import SelectolaxError

from digest.errors import ParseError
from digest.parsing.wire import ANSWER, FAILED, MEMORY, PAGE, READY, REFUSED, REQUEST, dump_answer

__all__ = ["MAX_ERROR", "run"]

GRACE_S = 1.0
# A few for modules that are imported late; none for what a parser has no business with.
MAX_FILES = 16
MAX_ERROR = 300
MAX_TRACEBACK = 20_000


def run(time_s: float, memory_mb: int) -> None:
    """Be the child; returns when the parent closes the pipe."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # They mean the whole program, and its parent says when there are no more pages.
        signal.signal(number, signal.SIG_IGN)
    requests, answers = _take_pipes()
    _limit(memory_mb)
    gc.freeze()  # what was imported so far stays; the parent switched the collector off for that
    gc.enable()
    _send(answers, dump_answer({READY: True}))
    while lengths := requests.read(REQUEST.size):
        head, body = (_read_exactly(requests, size) for size in REQUEST.unpack(lengths))
        signal.setitimer(signal.ITIMER_REAL, time_s + GRACE_S)
        answer = _answer(head, body)
        del head, body
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, answer)
    os._exit(0)  # nothing to tidy up, and the parent waits


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes, with nothing left where a parser that prints would find them."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    return requests, answers


def _limit(memory_mb: int) -> None:
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NPROC": 0, "RLIMIT_NOFILE": MAX_FILES}
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        pass  # not Linux, where alone the limit is kept
    else:
        limits["RLIMIT_AS"] = pages * resource.getpagesize() + memory_mb * 2**20
    sys.dont_write_bytecode = True
    for name, most in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (AttributeError, ValueError, OSError):
            continue


def _read_exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        os._exit(0)  # the parent is gone
    return data


def _answer(head: bytes, body: bytes) -> bytes:
    try:
        return dump_answer({PAGE: _parse(head, body)})
    except ParseError as error:
        return dump_answer({REFUSED: str(error)})
    except MemoryError:
        pass  # answered below, where the traceback no longer holds on to the page
    except Exception as error:
        if _is_out_of_memory(error):
            return dump_answer({MEMORY: True})
        what = f"{type(error).__name__}: {error}"[:MAX_ERROR]
        return dump_answer({FAILED: [what, traceback.format_exc()[-MAX_TRACEBACK:]]})
    return dump_answer({MEMORY: True})


def _is_out_of_memory(error: Exception) -> bool:
    """Whether it is what the HTML parser says of memory that it did not get; of no page does it say that."""
    return isinstance(error, SelectolaxError) and str(error).startswith("Can't parse HTML")


def _parse(head: bytes, body: bytes) -> object:
    work = pickle.loads(head)  # noqa: S301 - written by the parent
    return work(body)


def _send(answers: BinaryIO, answer: bytes) -> None:
    left = memoryview(ANSWER.pack(len(answer)) + answer)
    try:
        while left:
            left = left[answers.write(left) :]
    except BrokenPipeError:
        os._exit(0)  # the parent is gone
