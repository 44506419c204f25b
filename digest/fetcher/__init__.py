"""Polite, bounded, conditional requests: a :class:`~digest.types.PageRequest` in, a Page out.

``Fetcher`` puts together what its rooms know: :mod:`~digest.fetcher.connection` makes the exchange (and
alone deals with httpx, through a transport of our own), :mod:`~digest.fetcher.body` reads within
bounds, :mod:`~digest.fetcher.hops` follows redirects, :mod:`~digest.fetcher.robots` knows what a site
wants left alone, :mod:`~digest.fetcher.manners` when a host may be asked, and
:mod:`~digest.fetcher.answers` what an answer means. What is on a page is not its business.
"""

import logging
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

import httpcore
import httpx

from digest import __version__
from digest.errors import FetchError
from digest.fetcher.answers import make_page, refuse, retry_after_s
from digest.fetcher.body import read_body, read_evidence
from digest.fetcher.connection import Answer, GuardedTransport, NobodyThereError, TransientFetchError, Wire
from digest.fetcher.deadline import Deadline
from digest.fetcher.hops import (
    MAX_REDIRECTS,
    PERMANENT,
    REDIRECTS,
    Hop,
    broken,
    first_hop,
    redirected,
    robots_hop,
)
from digest.fetcher.manners import Turns, parse_rate_limit
from digest.fetcher.robots import MAX_ROBOTS_BYTES, RobotsBook, RobotsStore, RobotsText, our_rules
from digest.netguard import Resolver, system_resolver
from digest.types import Page, PageRequest, Verdict

__all__ = ["Fetcher", "RobotsStore", "RobotsText", "make_user_agent"]

_log = logging.getLogger(__name__)

RETRIES = 2
FIRST_DELAY_S = 0.5
# How much of an answer that is no page is kept, and how long it may take to come.
EVIDENCE_BYTES = 256 * 1024
EVIDENCE_S = 3.0

T = TypeVar("T")


def make_user_agent(contact: str | None) -> str:
    """How we introduce ourselves: name, version and whom to write to."""
    clean = re.sub(r"[^!-'*-~]+", "", contact or "")  # printable ASCII without spaces and parentheses
    return f"paper-digest/{__version__} (+{clean})" if clean else f"paper-digest/{__version__}"


class Fetcher:
    """Makes requests for sources. Safe to share between threads; keeps no cookies and no connections.

    ``timeout_s`` is for one page in all: connecting, headers, body, redirects and retries, but not
    waiting for one's turn. ``max_bytes`` bounds the decoded body. ``max_wait_s`` is the longest pause
    a host may ask for that we sit out. ``min_interval_s`` is kept between requests to one host, except
    to hosts of the operator's own (``allow_private``). ``robots`` keeps what robots.txt files say for
    others than this fetcher. ``clock`` is monotonic; ``now`` gives aware UTC and dates the pages. A
    ``transport`` takes the place of the guarded one, and of ``resolver``, ``network`` and ``tls`` with
    it: for tests. Raises ``ValueError`` for a ``tls`` context that does
    not verify.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        timeout_s: float = 30.0,
        max_bytes: int = 8 * 1024 * 1024,
        min_interval_s: float = 1.0,
        max_wait_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        robots: RobotsStore | None = None,
        resolver: Resolver = system_resolver,
        network: httpcore.NetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._wire = Wire(transport or GuardedTransport(resolver=resolver, network=network, tls=tls))
        self._robots = RobotsBook(robots, now=now, clock=clock)
        self._turns = Turns(min_interval_s=min_interval_s, max_wait_s=max_wait_s, clock=clock, sleep=sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the client; after that nothing can be fetched."""
        self._wire.close()

    def get(
        self,
        request: PageRequest,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        allow_private: bool = False,
        timeout_s: float | None = None,
        max_bytes: int | None = None,
    ) -> Page:
        """Fetch one page, conditionally where validators are given.

        ``allow_private`` holds for the request's own origin only, not for where it redirects to.
        ``timeout_s`` and ``max_bytes`` take the place of the fetcher's own. The page's ``url`` is where the
        answer came from in the end. Raises ``FetchError`` with the verdict; where the server asked to
        wait, with ``retry_after_s``; where an answer came, with that as ``page``.
        """
        hop = first_hop(request, etag=etag, last_modified=last_modified, allow_private=allow_private)
        deadline = Deadline(timeout_s or self._timeout_s, self._clock)
        limit = max_bytes or self._max_bytes
        return self._retrying(hop, deadline, lambda: self._follow(hop, deadline, limit))

    def _retrying(self, hop: Hop, deadline: Deadline, attempt: Callable[[], T]) -> T:
        """Try again what may pass, after growing pauses that end before the deadline does.

        A loop of our own: the library for it keeps its hooks (which log what it is called with) for the
        whole process, and sleeps and stops without asking a deadline.
        """
        for tried in range(RETRIES + 1):
            try:
                return attempt()
            except TransientFetchError as error:
                delay = self._delay_before_retry(error, tried)
                if tried == RETRIES or hop.method != "GET" or delay is None or not deadline.has(delay):
                    raise
                _log.debug("%s: %s; again in %.1f s", hop.target.host, error, delay)
                self._sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def _delay_before_retry(self, error: FetchError, tried: int) -> float | None:
        """Seconds to wait: growing, with jitter, and as long as the server asked; ``None``: too long."""
        delay = FIRST_DELAY_S * (1 << tried) * (0.5 + self._jitter())
        asked = error.retry_after_s
        if asked is None:
            return delay
        return max(delay, asked) if asked <= self._max_wait_s else None

    def _follow(self, hop: Hop, deadline: Deadline, max_bytes: int) -> Page:
        moved_to: str | None = None
        for count in range(MAX_REDIRECTS + 1):
            crawl_delay_s = 0.0 if hop.documented else self._heed_robots(hop, deadline)
            with self._exchange(hop, deadline, max_bytes, spacing_s=crawl_delay_s) as answer:
                if answer.status not in REDIRECTS:
                    return self._page(hop, answer, deadline, max_bytes, moved_to)
                try:
                    following = redirected(hop, answer)
                except FetchError as error:
                    error.page = make_page(hop, answer, b"", now=self._now(), moved_to=moved_to)
                    raise
            # Only an unbroken chain of permanent redirects says where the address itself went.
            if answer.status in PERMANENT and (count == 0 or moved_to == hop.target.url):
                moved_to = following.target.url
            hop = following
        raise broken(f"more than {MAX_REDIRECTS} redirects in a row")

    @contextmanager
    def _exchange(
        self, hop: Hop, deadline: Deadline, max_bytes: int, *, spacing_s: float = 0.0
    ) -> Iterator[Answer]:
        """One request in its turn; the turn ends with the block, and so does the connection."""
        spacing_s = max(spacing_s, hop.spacing_s)
        host, spaced = hop.target.netloc, not hop.allow_private
        with self._turns.taking(host, turn=hop.turn, spacing_s=spacing_s, spaced=spaced) as waited:
            deadline.extend(waited)
            with self._wire.exchange(
                hop.target,
                hop.method,
                hop.all_headers(self._user_agent),
                hop.body,
                deadline=deadline,
                allow_private=hop.allow_private,
                max_bytes=max_bytes,
            ) as answer:
                self._note_pause(hop, answer)
                yield answer

    def _note_pause(self, hop: Hop, answer: Answer) -> None:
        """Remember a used-up quota or a pause longer than we wait, so that nobody asks before."""
        host = hop.target.netloc
        if (wait := parse_rate_limit(answer.header("ratelimit"))) is not None:
            self._turns.pause(host, wait, Verdict.BLOCKED, turn=hop.turn)
        if answer.status in (429, 503) and (wait := retry_after_s(answer, now=self._now())) is not None:
            verdict = Verdict.BLOCKED if answer.status == 429 else Verdict.UNREACHABLE
            self._turns.pause(host, wait, verdict, turn=hop.turn)

    def _page(
        self, hop: Hop, answer: Answer, deadline: Deadline, max_bytes: int, moved_to: str | None
    ) -> Page:
        """Give the page of a 200 or 304; raise what any other status means, with what came as evidence."""
        encodings = answer.header("content-encoding")
        body = b""
        try:
            refuse(hop, answer, now=self._now())
            if answer.status != 304:
                body = read_body(answer.chunks, encodings, max_bytes=max_bytes, tick=deadline.left)
        except FetchError as error:
            if answer.status != 200 or error.verdict is Verdict.BLOCKED:
                body = self._evidence(answer, encodings, deadline)
            error.page = make_page(hop, answer, body, now=self._now(), moved_to=moved_to)
            raise
        return make_page(hop, answer, body, now=self._now(), moved_to=moved_to)

    def _evidence(self, answer: Answer, encodings: str, deadline: Deadline) -> bytes:
        with deadline.at_most(EVIDENCE_S):
            return read_evidence(answer.chunks, encodings, max_bytes=EVIDENCE_BYTES, tick=deadline.left)

    def _heed_robots(self, hop: Hop, deadline: Deadline) -> float:
        """Raise ``FetchError`` where robots.txt forbids the request; give its crawl delay in seconds."""
        target = hop.target
        begun = self._clock()
        asked = False

        def ask() -> RobotsText:
            nonlocal asked
            asked = True
            return self._ask_robots(robots_hop(hop), deadline)

        rules = self._robots.rules(f"{target.scheme}://{target.netloc}", ask)
        if not asked:
            deadline.extend(self._clock() - begun)  # what another thread asked for is not our wait
        if not rules.allows(target.path):
            raise FetchError(
                f"the robots.txt of {target.host} does not allow this page to be read",
                verdict=Verdict.BLOCKED,
            )
        return rules.crawl_delay_s()

    def _ask_robots(self, hop: Hop, deadline: Deadline) -> RobotsText:
        """The rules of one origin, empty where it has none. Raises ``FetchError`` (unreachable) else."""
        try:
            return self._retrying(hop, deadline, lambda: self._follow_robots(hop, deadline))
        except FetchError as error:
            is_there = not isinstance(error, NobodyThereError)
            asked = " (asked for its robots.txt, which comes first)" if is_there else ""
            raise FetchError(
                f"{error}{asked}",
                verdict=Verdict.BLOCKED if error.verdict is Verdict.BLOCKED else Verdict.UNREACHABLE,
                retry_after_s=error.retry_after_s,
                page=error.page,
            ) from error

    def _follow_robots(self, hop: Hop, deadline: Deadline) -> RobotsText:
        """One attempt. What redirects without an end, or to nowhere, is not there (RFC 9309, 2.3.1.2)."""
        status = 0
        for _ in range(MAX_REDIRECTS + 1):
            with self._exchange(hop, deadline, MAX_ROBOTS_BYTES) as answer:
                status = answer.status
                if status in REDIRECTS:
                    try:
                        hop = redirected(hop, answer)
                    except FetchError:
                        break
                    continue
                if status >= 500:
                    refuse(hop, answer, now=self._now())
                body = b""
                if status // 100 == 2:
                    encodings = answer.header("content-encoding")
                    limit = MAX_ROBOTS_BYTES + 1
                    body = read_body(answer.chunks, encodings, max_bytes=limit, tick=deadline.left, cut=True)
                return RobotsText(status, our_rules(body), self._now())
        return RobotsText(status, "", self._now())
