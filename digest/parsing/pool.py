"""Children kept alive between pages, shared by threads; and the same without children."""

import logging
import os
import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

from pydantic import BaseModel

from digest.errors import ParseError
from digest.parsing.child import Child, ChildDied, TookTooLong
from digest.parsing.wire import FAILED, MEMORY, PAGE, REFUSED, dump_answer, load_answer, read_page
from digest.parsing.work import ParsePage, ParseSaved, Work
from digest.parsing.worker import MAX_ERROR
from digest.text import clean_text
from digest.types import PageRequest, ParsedPage

__all__ = ["InProcess", "PageParser", "Parsers"]

TIME_S = 5.0
MEMORY_MB = 256
MAX_WORKERS = 4
# Memory that was taken and not given back by then is given back.
MAX_PAGES = 500
# A page is read in a few milliseconds, a child starts in over a hundred: waiting is cheaper at first.
PATIENCE_S = 0.1
MAX_MESSAGE = 2000
# Tracebacks that a log can be read with.
MAX_TOLD = 20

log = logging.getLogger(__name__)


class PageParser(Protocol):
    """What turns the bytes of a page into what it lists."""

    def parse(
        self,
        kind_name: str,
        options: BaseModel,
        body: bytes,
        request: PageRequest,
        *,
        content_type: str = "",
    ) -> ParsedPage:
        """What a kind makes of an answer. Raises ``ParseError``, also where the kind has a fault."""

    def parse_saved(self, body: bytes, today: date, name: str = "") -> ParsedPage:
        """What a saved page lists (see ``digest.sources.saved``). Raises ``ParseError``."""


class InProcess:
    """Parses here and now, without limits."""

    def parse(
        self,
        kind_name: str,
        options: BaseModel,
        body: bytes,
        request: PageRequest,
        *,
        content_type: str = "",
    ) -> ParsedPage:
        """As :meth:`PageParser.parse`; a fault of the kind is the ``ParseError``'s cause."""
        return self._do(ParsePage(kind_name, options, request, content_type), body)

    def parse_saved(self, body: bytes, today: date, name: str = "") -> ParsedPage:
        """As :meth:`PageParser.parse_saved`."""
        return self._do(ParseSaved(today, name), body)

    def _do(self, work: Work, body: bytes) -> ParsedPage:
        try:
            # There and back as if to a child, so that what would not come back is seen here too.
            answer = load_answer(dump_answer({PAGE: work(body)}))
        except ParseError:
            raise
        except Exception as error:
            log.exception("%s failed", work.parser)
            what = _printable(f"{type(error).__name__}: {error}"[:MAX_ERROR])
            raise ParseError(f"{work.parser} failed: {what}") from error
        return _page_of(work, answer)


class Parsers:
    """Parses in child processes, up to ``workers`` at once. Thread-safe.

    A page that takes longer than ``time_s`` or needs more than ``memory_mb`` beyond what a child has anyway
    (the latter on Linux only) raises ``ParseError``, as does one that kills its child; that child is
    replaced. As a context manager it starts the first child when entered, so that this one is ready by
    the time the first answer came; otherwise children are started when needed. After ``close`` nothing
    is parsed any more.
    """

    def __init__(
        self,
        *,
        time_s: float = TIME_S,
        memory_mb: int = MEMORY_MB,
        workers: int | None = None,
        max_pages: int = MAX_PAGES,
    ) -> None:
        self.time_s, self.memory_mb, self.max_pages = time_s, memory_mb, max_pages
        self.workers = workers or min(MAX_WORKERS, os.cpu_count() or 1)
        self._changed = threading.Condition()
        self._idle: list[Child] = []
        self._alive = 0  # or about to be
        self._is_closed = False
        # Faults that the log has already, each with where it is: every page of a list has the same.
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        with self._changed:
            if not (self._alive or self._is_closed):
                try:
                    self._idle.append(self._start())
                    self._alive = 1
                except OSError as error:  # told again, and recorded, when there is a page
                    log.warning("no process for reading pages can be started: %s", error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all children; waits for pages that are being parsed, which end in time by themselves."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            while self._idle:
                self._end(self._idle.pop())
            self._changed.wait_for(lambda: self._alive == 0)

    def parse(
        self,
        kind_name: str,
        options: BaseModel,
        body: bytes,
        request: PageRequest,
        *,
        content_type: str = "",
    ) -> ParsedPage:
        """As :meth:`PageParser.parse`; the child finds the kind by its name, other packages' too."""
        return self._do(ParsePage(kind_name, options, request, content_type), body)

    def parse_saved(self, body: bytes, today: date, name: str = "") -> ParsedPage:
        """As :meth:`PageParser.parse_saved`."""
        return self._do(ParseSaved(today, clean_text(name, limit=100)), body)

    def _do(self, work: Work, body: bytes) -> ParsedPage:
        try:
            head = pickle.dumps(work)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ParseError(f"{work.parser} failed: its options cannot be pickled: {error}") from error
        try:
            with self._child() as child:
                answer = load_answer(child.ask(head, body))
                if PAGE in answer:
                    return _page_of(work, answer)
                if REFUSED not in answer:
                    self._tell(work, answer)
        except TookTooLong:
            raise ParseError(f"{work.subject} took longer than {self.time_s:g} s to read") from None
        except ChildDied as error:
            raise ParseError(f"{work.subject} was not read: the process that reads pages {error}") from None
        except ValueError:
            raise ParseError(
                f"{work.subject} was not read: the process that reads pages answered with nonsense"
            ) from None
        except OSError as error:
            raise ParseError(
                f"{work.subject} was not read: no process can be started for it: {error.strerror}"
            ) from error
        raise ParseError(_printable(str(answer[REFUSED])[:MAX_MESSAGE]))

    def _tell(self, work: Work, answer: dict[str, Any]) -> NoReturn:
        """Say what the child says of itself. Raises ``ParseError`` or ``ValueError``."""
        if MEMORY in answer:
            raise ParseError(f"{work.subject} needed more than {self.memory_mb} MB to read")
        told = answer.get(FAILED)
        if not (isinstance(told, list) and len(told) == 2):
            raise ValueError("neither a page nor a reason")
        what, trace = map(str, told)
        with self._changed:
            is_new = trace not in self._told and len(self._told) < MAX_TOLD
            self._told.add(trace)
        if is_new:
            log.error("%s failed", work.parser, exc_info=_InChild(trace))
        raise ParseError(f"{work.parser} failed: {_printable(what[:MAX_ERROR])}")

    @contextmanager
    def _child(self) -> Iterator[Child]:
        """A child for one page. One in whose time anything was raised is ended, and not used again."""
        child = self._take()
        try:
            yield child
        except BaseException:
            self._end(child, by_force=True)
            raise
        with self._changed:
            is_kept = child.pages < self.max_pages and not self._is_closed
            if is_kept:
                self._idle.append(child)
                self._changed.notify()
        if not is_kept:
            self._end(child)

    def _take(self) -> Child:
        patience = time.monotonic() + PATIENCE_S
        with self._changed:
            while True:
                if self._is_closed:
                    raise RuntimeError("these parsers are closed")
                while self._idle:
                    child = self._idle.pop()
                    if child.is_alive:
                        return child
                    self._end(child)
                left_s = patience - time.monotonic()
                if self._alive == 0 or (self._alive < self.workers and left_s <= 0):
                    self._alive += 1
                    break
                self._changed.wait(left_s if self._alive < self.workers else None)
        try:
            return self._start()
        except BaseException:
            self._count_down()
            raise

    def _start(self) -> Child:
        return Child(time_s=self.time_s, memory_mb=self.memory_mb)

    def _end(self, child: Child, *, by_force: bool = False) -> None:
        try:
            (child.kill if by_force else child.close)()
        finally:
            self._count_down()

    def _count_down(self) -> None:
        with self._changed:
            self._alive -= 1
            self._changed.notify_all()


def _page_of(work: Work, answer: dict[str, Any]) -> ParsedPage:
    try:
        return read_page(answer[PAGE])
    except ValueError as error:
        log.exception("%s gave what is no page", work.parser)
        raise ParseError(f"{work.parser} failed: what it gave is no page: {error}") from error


class _InChild(Exception):  # noqa: N818 - a traceback that was written elsewhere
    """A traceback of the child's."""


def _printable(text: str) -> str:
    """What a child says of a page is shown and stored, so it is one line without surrogates and NULs."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
