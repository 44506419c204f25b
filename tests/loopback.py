"""For tests of the fetcher: a raw server that answers as badly as one likes, and a clock to move."""

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpcore

from digest.fetcher import Fetcher, RobotsText

NOW = datetime(2026, 3, 11, 9, 0, tzinfo=UTC)
TIMEOUT_S = 0.7

Script = Callable[["Peer"], None]


class Peer:
    """One accepted connection, as a script sees it: the request that came, and ways to answer."""

    def __init__(self, connection: socket.socket, index: int, stop: threading.Event) -> None:
        self.connection = connection
        self.index = index
        self.stop = stop
        self.request = b""

    def read_request(self) -> None:
        while b"\r\n\r\n" not in self.request:
            data = self.connection.recv(65536)
            if not data:
                return
            self.request += data
        head, _, body = self.request.partition(b"\r\n\r\n")
        length = next((int(v) for n, v in _header_lines(head) if n == "content-length"), 0)
        while len(body) < length:
            body += self.connection.recv(65536)
        self.request = head + b"\r\n\r\n" + body

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def drip(self, pieces: Iterable[bytes], every_s: float = 0.02) -> None:
        """Send piece after piece until the client or the test has had enough, or ten seconds are over."""
        end = time.monotonic() + 10
        for piece in pieces:
            self.send(piece)
            if self.stop.wait(every_s) or time.monotonic() > end:
                return


def _header_lines(head: bytes) -> list[tuple[str, str]]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]


class LoopbackServer:
    """Runs a script for each connection, in a thread of its own; use as a context manager."""

    def __init__(self, script: Script | bytes, tls: ssl.SSLContext | None = None) -> None:
        self._script: Script = script if callable(script) else lambda peer: peer.send(script)
        self._tls = tls
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(5)
            thread = threading.Thread(target=self._serve, args=(connection, len(self._threads)))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, index: int) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            peer = Peer(connection, index, self._stop)
            peer.read_request()
            self.requests.append(peer.request)
            self._script(peer)
        except OSError:
            pass  # the client hung up, which is what many tests want
        finally:
            connection.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/papers"

    def header(self, name: str, index: int = -1) -> str | None:
        """What the request with that index said in a header; ``None``: it did not have it."""
        head = self.requests[index].partition(b"\r\n\r\n")[0]
        return next((v for n, v in _header_lines(head) if n == name), None)


def answer(
    status: int = 200, body: bytes = b"", headers: Iterable[tuple[str, str]] = (), length: int | None = None
) -> bytes:
    """A whole answer; ``length`` makes Content-Length lie."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(status, headers=[("Location", location)])


def in_turn(*answers: bytes | Script) -> Script:
    """A script that gives the first connection the first answer, and so on; the last one stays."""

    def script(peer: Peer) -> None:
        chosen = answers[min(peer.index, len(answers) - 1)]
        if callable(chosen):
            chosen(peer)
        else:
            peer.send(chosen)

    return script


def gzip_bomb(mebibytes: int) -> bytes:
    """That many MiB of zeros as one gzip member; built from one block that is repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(bytes(1024 * 1024)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = gzip.compress(b"")[:10]
    return head + block * mebibytes + packer.flush() + bytes(8)


class ManualClock:
    """A monotonic clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Switchboard(httpcore.SyncBackend):
    """Takes every connection to one loopback port, and notes which address was dialled."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.dialled: list[str] = []

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        self.dialled.append(host)
        return super().connect_tcp("127.0.0.1", self._port, *args, **kwargs)


class NoRobots:
    """Says of every origin that it has no robots.txt, so that other tests see no request for it."""

    def get(self, origin: str) -> RobotsText | None:
        return RobotsText(404, "", NOW)

    def put(self, origin: str, text: RobotsText) -> None:
        raise AssertionError("what is kept is not asked for")


def make_fetcher(**settings: Any) -> Fetcher:
    """A fetcher that does not really sleep, gives up soon, and asks for no robots.txt unless told to."""
    defaults: dict[str, Any] = {
        "robots": NoRobots(),
        "timeout_s": TIMEOUT_S,
        "now": lambda: NOW,
        "sleep": lambda _: None,
        "jitter": lambda: 0.5,
    }
    return Fetcher("paper-digest/test (+ada@example.org)", **{**defaults, **settings})
