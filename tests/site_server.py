"""A loopback site whose answers a test writes as one function."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True)
class Asked:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """``answer`` gives the body to a request, or (status, body)."""

    answer: Callable[[Asked], bytes | tuple[int, bytes]]
    content_type: str = "application/json"
    asked: list[Asked] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving_site(site: Site) -> Iterator[Site]:
    """Serve on a free loopback port for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            site.asked.append(asked)
            told = site.answer(asked)
            status, content = told if isinstance(told, tuple) else (200, told)
            self.send_response(status)
            self.send_header("Content-Type", site.content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield site
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
