"""A loopback server that answers like the daily API, from files or from values."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class DailyServer:
    """``days`` maps YYYY-MM-DD to the items of that day; ``page_cap`` is below what clients ask for.

    ``broken`` days answer 503. ``asked`` lists every request's path and query.
    """

    days: dict[str, list[dict[str, Any]]]
    page_cap: int = 20
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, bytes]:
        """Status and body."""
        day = query.get("date", [""])[0]
        if path != "/api/daily_papers" or day in self.broken:
            return (503 if day in self.broken else 404), b"no"
        size = min(int(query.get("limit", ["50"])[0]), self.page_cap)
        start = int(query.get("p", ["0"])[0]) * size
        return 200, json.dumps(self.days.get(day, [])[start : start + size]).encode()


@contextmanager
def serving(server: DailyServer) -> Iterator[DailyServer]:
    """Serve on a free loopback port for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            parts = urlsplit(self.path)
            status, body = server.answer(parts.path, parse_qs(parts.query))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def item(
    number: int,
    *,
    title: str | None = None,
    votes: int = 5,
    abstract: str | None = None,
    authors: tuple[str, ...] = (),
) -> dict[str, Any]:
    """One invented item in the API's shape."""
    arxiv_id = f"2601.{90000 + number}"
    title = f"Invented paper number {number}" if title is None else title
    summary = f"We invent method {number} and measure it on example tasks." if abstract is None else abstract
    return {
        "paper": {
            "id": arxiv_id,
            "title": title,
            "summary": summary,
            "authors": [{"name": name, "hidden": False} for name in authors or ("Ada Example",)],
            "upvotes": votes,
            "publishedAt": "2026-01-10T00:00:00.000Z",
        },
        "title": title,
        "summary": summary,
        "numComments": 1,
        "publishedAt": "2026-01-10T00:00:00.000Z",
    }
