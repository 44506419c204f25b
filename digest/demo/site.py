"""A small site on loopback that serves the invented days over HTTP, as of a time that the caller sets."""

import hashlib
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from digest.demo.answers import daily_json, daily_page, error_json
from digest.demo.plan import Plan, load_plan

__all__ = ["DemoSite"]

# Hugging Face gives 50 and at most 100; fewer here, so that paging is really used.
PAGE_CAP = 10
MORNING = time(6, tzinfo=UTC)
# Requests per window of 300 s, as the real site tells them.
QUOTAS = {"api": 500, "pages": 100}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer before it is written."""

    status: HTTPStatus
    body: bytes
    content_type: str
    quota: str | None = None

    @property
    def etag(self) -> str:
        """A weak validator made from the content alone."""
        return f'W/"{hashlib.blake2b(self.body, digest_size=12).hexdigest()}"'


@dataclass
class DemoSite:
    """The site, served on 127.0.0.1 while the ``with`` block lasts.

    ``now`` is the time that the site believes in; set it to an aware datetime, or to a date for that
    day's morning. ``url`` is the base address, its port a new one each time. Answers
    ``/api/daily_papers?date=&limit=&p=`` and ``/papers?date=``; all else is 404. On a day with an
    outage the API answers 503 and the page goes on working. ``requests`` are the targets asked for; an
    error inside the site is raised again when the block ends.
    """

    plan: Plan = field(default_factory=load_plan)
    requests: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._now = datetime.combine(self.plan.days[0].date, MORNING)
        self._lock = Lock()
        self._used = dict.fromkeys(QUOTAS, 0)
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def now(self) -> datetime:
        """What time it is on the site (aware, UTC)."""
        return self._now

    @now.setter
    def now(self, value: date) -> None:
        if not isinstance(value, datetime):
            value = datetime.combine(value, MORNING)
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        self._now = value.astimezone(UTC)

    @property
    def url(self) -> str:
        """The base address. Raises ``RuntimeError`` outside the ``with`` block."""
        if self._server is None:
            raise RuntimeError("the site is not running")
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.site = self
        # A short poll: closing waits for it.
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="demo-site", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None  # noqa: S101 - entered before
        assert self._thread is not None  # noqa: S101
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None
        if self.errors and error is None:
            raise self.errors[0]

    def answer(self, target: str) -> Answer:
        """What the site says to ``GET target``."""
        self.requests.append(target)
        try:
            parts = urlsplit(target)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/api/daily_papers":
                return self._api(query)
            if parts.path == "/papers":
                day = date.fromisoformat(query["date"]) if "date" in query else self.now.date()
                return _html(HTTPStatus.OK, daily_page(self.plan, day, self.now))
        except (ValueError, OverflowError) as error:
            return _json(HTTPStatus.BAD_REQUEST, error_json(f"Invalid request: {error}"))
        return _html(HTTPStatus.NOT_FOUND, "<!doctype html><title>404</title><p>There is no such page.</p>")

    def rate_limit(self, quota: str) -> str:
        """Count one request and tell what is left, as the real site does."""
        with self._lock:
            self._used[quota] += 1
            left = QUOTAS[quota] - self._used[quota] % QUOTAS[quota]
        return f'"{quota}";r={left};t=300'

    def _api(self, query: dict[str, str]) -> Answer:
        today = self.plan.by_date.get(self.now.date())
        if today is not None and today.api_down:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, error_json("The service is down for the day."))
        day = date.fromisoformat(query["date"]) if "date" in query else None
        limit, page = int(query.get("limit", "50")), int(query.get("p", "0"))
        if limit < 1 or page < 0:
            raise ValueError("limit counts from 1 and p from 0")
        text = daily_json(self.plan, day, self.now, limit=min(limit, PAGE_CAP), page=page)
        return _json(HTTPStatus.OK, text)


class _Server(ThreadingHTTPServer):
    # Joined on close, so that no thread outlives the site.
    daemon_threads = False
    site: DemoSite

    def handle_error(self, *_: Any) -> None:
        """Keep what went wrong; a client that hung up is its own affair."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self.site.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    # HTTP/1.0: each connection ends with its answer, so that closing never waits for an idle client.
    protocol_version = "HTTP/1.0"
    server_version = "demo"
    sys_version = ""
    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        """Answer one request, or say that nothing has changed."""
        site = self.server.site
        answer = site.answer(self.path)
        fresh = answer.status is HTTPStatus.OK and self.headers.get("If-None-Match") == answer.etag
        self.send_response(HTTPStatus.NOT_MODIFIED if fresh else answer.status)
        if answer.quota:
            self.send_header("RateLimit", site.rate_limit(answer.quota))
        if answer.status is HTTPStatus.OK:
            self.send_header("ETag", answer.etag)
        if not fresh:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not fresh:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the demonstration's own words are enough."""


def _json(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, text.encode(), "application/json; charset=utf-8", "api")


def _html(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, text.encode(), "text/html; charset=utf-8", "pages")
