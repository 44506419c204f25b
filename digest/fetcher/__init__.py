"""Polite, bounded, conditional requests: a :class:`~digest.types.PageRequest` in, a Page out.

``Fetcher`` decides what an answer means; :mod:`~digest.fetcher.connection` makes the exchange (and
alone deals with httpx, through a transport of our own), :mod:`~digest.fetcher.body` reads within
bounds, :mod:`~digest.fetcher.manners` knows when a host may be asked. What is on a page is not its
business, and neither is robots.txt yet.
"""

import logging
import random
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpcore
import httpx

from digest import __version__
from digest.errors import FetchError
from digest.fetcher.body import read_body
from digest.fetcher.connection import Answer, Deadline, GuardedTransport, TransientFetchError, Wire
from digest.fetcher.manners import Turns, is_challenge, parse_http_date, parse_rate_limit, parse_retry_after
from digest.netguard import Resolver, Target, join_target, parse_target, system_resolver
from digest.types import Page, PageRequest, Verdict

__all__ = ["Fetcher", "make_user_agent"]

_log = logging.getLogger(__name__)

MAX_REDIRECTS = 5
RETRIES = 2
FIRST_DELAY_S = 0.5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Ours to say, whatever a source asks for.
_OWN_HEADERS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    )
)
# All else that a source sends may be a credential, and stays with its origin.
_HARMLESS_HEADERS = frozenset({"accept", "accept-language"})


def make_user_agent(contact: str | None) -> str:
    """How we introduce ourselves: name, version and whom to write to."""
    clean = re.sub(r"[^!-'*-~]+", "", contact or "")  # printable ASCII without spaces and parentheses
    return f"paper-digest/{__version__} (+{clean})" if clean else f"paper-digest/{__version__}"


@dataclass(frozen=True, slots=True)
class _Hop:
    """One request of a chain. ``headers`` are the source's, ``allow_private`` holds for this target."""

    target: Target
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    validators: tuple[tuple[str, str], ...]
    allow_private: bool


class Fetcher:
    """Makes requests for sources. Safe to share between threads; keeps no cookies and no connections.

    ``timeout_s`` is for one page in all: connecting, headers, body, redirects and retries, but not
    waiting for one's turn. ``max_bytes`` bounds the decoded body. ``max_wait_s`` is the longest pause
    a host may ask for that we sit out. ``min_interval_s`` is kept between requests to one host, except
    to hosts of the operator's own (``allow_private``). ``clock`` is monotonic; ``now`` gives aware UTC
    and dates the pages. A ``transport`` takes the place of the guarded one, and of ``resolver``,
    ``network`` and ``tls`` with it: for tests. Raises ``ValueError`` for a ``tls`` context that does
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
    ) -> Page:
        """Fetch one page, conditionally where validators are given.

        ``allow_private`` holds for the request's own origin only, not for where it redirects to. The
        page's ``url`` is where the answer came from in the end. Raises ``FetchError`` with the verdict
        and, where the server asked to wait, ``retry_after_s``.
        """
        pairs = (("if-none-match", etag), ("if-modified-since", last_modified))
        hop = _Hop(
            target=parse_target(request.url),
            method=request.method,
            headers=tuple((n.lower(), v) for n, v in request.headers if n.lower() not in _OWN_HEADERS),
            body=request.body,
            validators=tuple((n, v) for n, v in pairs if v) if request.method == "GET" else (),
            allow_private=allow_private,
        )
        deadline = Deadline(self._timeout_s, self._clock)
        for attempt in range(RETRIES + 1):
            try:
                return self._follow(hop, deadline)
            except TransientFetchError as error:
                delay = self._delay_before_retry(error, attempt)
                if attempt == RETRIES or hop.method != "GET" or delay is None or delay >= deadline.left():
                    raise
                _log.debug("%s: %s; again in %.1f s", hop.target.host, error, delay)
                self._sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def _delay_before_retry(self, error: FetchError, attempt: int) -> float | None:
        """Seconds to wait: growing, with jitter, and as long as the server asked; ``None``: too long."""
        delay = FIRST_DELAY_S * (1 << attempt) * (0.5 + self._jitter())
        asked = error.retry_after_s
        if asked is None:
            return delay
        return max(delay, asked) if asked <= self._max_wait_s else None

    def _follow(self, hop: _Hop, deadline: Deadline) -> Page:
        for _ in range(MAX_REDIRECTS + 1):
            deadline.extend(self._turns.wait(hop.target.netloc, spaced=not hop.allow_private))
            with self._wire.exchange(
                hop.target,
                hop.method,
                self._headers(hop),
                hop.body,
                deadline=deadline,
                allow_private=hop.allow_private,
                max_bytes=self._max_bytes,
            ) as answer:
                self._note_pause(hop, answer)
                if answer.status not in REDIRECTS:
                    return self._page(hop, answer, deadline)
                hop = _redirected(hop, answer)
        raise _broken(f"more than {MAX_REDIRECTS} redirects in a row")

    def _headers(self, hop: _Hop) -> list[tuple[str, str]]:
        headers = [
            ("host", hop.target.netloc),
            ("user-agent", self._user_agent),
            ("accept-encoding", "gzip, deflate"),
            ("connection", "close"),
            *hop.headers,
            *hop.validators,
        ]
        if not any(name == "accept" for name, _ in headers):
            headers.append(("accept", "*/*"))
        if hop.body is not None:
            headers.append(("content-length", str(len(hop.body))))
        return headers

    def _note_pause(self, hop: _Hop, answer: Answer) -> None:
        """Remember a used-up quota or a pause longer than we wait, so that nobody asks before."""
        host = hop.target.netloc
        if (wait := parse_rate_limit(answer.header("ratelimit"))) is not None:
            self._turns.pause(host, wait, Verdict.BLOCKED)
        if answer.status in (429, 503) and (wait := self._retry_after(answer)) is not None:
            self._turns.pause(host, wait, Verdict.BLOCKED if answer.status == 429 else Verdict.UNREACHABLE)

    def _retry_after(self, answer: Answer) -> float | None:
        """What Retry-After says, by the server's own clock if it shows one; else its used-up quota."""
        now = parse_http_date(answer.header("date")) or self._now()
        asked = parse_retry_after(answer.header("retry-after"), now=now)
        return parse_rate_limit(answer.header("ratelimit")) if asked is None else asked

    def _page(self, hop: _Hop, answer: Answer, deadline: Deadline) -> Page:
        """Give the page of a 200 or 304; raise what any other status means."""
        self._refuse(hop, answer)
        not_modified = answer.status == 304
        encodings = answer.header("content-encoding")
        body = (
            b""
            if not_modified
            else read_body(answer.chunks, encodings, max_bytes=self._max_bytes, tick=deadline.left)
        )
        sent = dict(hop.validators) if not_modified else {}
        return Page(
            url=hop.target.url,
            status=answer.status,
            body=body,
            fetched_at=self._now(),
            content_type=answer.header("content-type")[:200],
            etag=_validator(answer.header("etag")) or sent.get("if-none-match"),
            last_modified=_validator(answer.header("last-modified")) or sent.get("if-modified-since"),
            not_modified=not_modified,
        )

    def _refuse(self, hop: _Hop, answer: Answer) -> None:
        host, status = hop.target.host, answer.status
        if is_challenge(answer.header):
            raise FetchError(
                f"{host} wants to see that a person is asking (status {status})",
                verdict=Verdict.BLOCKED,
                retry_after_s=self._retry_after(answer),
            )
        if status in (403, 429):
            kind = FetchError if status == 403 or self._retry_after(answer) is None else TransientFetchError
            raise kind(
                f"{host} does not let us in (status {status})",
                verdict=Verdict.BLOCKED,
                retry_after_s=self._retry_after(answer),
            )
        if status >= 500:
            raise TransientFetchError(
                f"{host} has a fault of its own (status {status})", retry_after_s=self._retry_after(answer)
            )
        if status == 304 and not hop.validators:
            raise _broken(f"{host} says that nothing changed, without having been asked")
        if status not in (200, 304):
            raise _broken(f"{host} answered with status {status}")


def _redirected(hop: _Hop, answer: Answer) -> _Hop:
    """The next request of a chain, without what belongs to the last one's origin."""
    location = _utf8(answer.header("location"))
    if not location:
        raise _broken(f"{hop.target.host} redirects without saying where to")
    try:
        target = join_target(hop.target, location)
    except FetchError as error:
        raise _broken(f"{hop.target.host} redirects to where we do not go: {error}") from error
    if hop.target.scheme == "https" and target.scheme == "http":
        raise _broken(f"{hop.target.host} redirects from https to http")
    if answer.status == 303 or (answer.status in (301, 302) and hop.method == "POST"):
        hop = replace(
            hop,
            method="GET",
            body=None,
            headers=tuple(pair for pair in hop.headers if not pair[0].startswith("content-")),
        )
    if target.origin == hop.target.origin:
        return replace(hop, target=target)
    if hop.body is not None:
        raise _broken(f"{hop.target.host} redirects what was sent to another site")
    return replace(
        hop,
        target=target,
        headers=tuple(pair for pair in hop.headers if pair[0] in _HARMLESS_HEADERS),
        allow_private=hop.allow_private and _is_upgrade(hop.target, target),
    )


def _utf8(value: str) -> str:
    """A header value as browsers read addresses there: UTF-8 if it is that."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value


def _is_upgrade(old: Target, new: Target) -> bool:
    """Whether the redirect only turns http into https on the same host and the usual ports."""
    return old.origin == ("http", new.host, 80) and new.origin == ("https", old.host, 443)


def _validator(value: str) -> str | None:
    """An ETag or date worth keeping: it will be sent back as it is."""
    return value if 0 < len(value) <= 512 and value.isascii() and value.isprintable() else None


def _broken(what: str) -> FetchError:
    return FetchError(what, verdict=Verdict.BROKEN)
