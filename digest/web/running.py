"""Where the web listens, and what runs it: alone, or in a thread beside the work of the service."""

import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import uvicorn

from digest.app import App
from digest.config import Settings
from digest.errors import DigestError, UsageError
from digest.heartbeat import Heartbeat
from digest.web.application import make_web

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["WebThread", "address_of", "listen", "make_server"]

# How long requests may take to end once the end was asked for.
GRACE_S = 8
START_S = 30.0
LOOK_S = 0.01


def listen(settings: Settings, host: str | None = None, port: int | None = None) -> socket.socket:
    """A socket that listens.

    Raises ``UsageError`` for a port that this user may never have, ``DigestError`` for what may pass: a port
    that is taken, an address or a name that is not there, as before the network of a machine is up.
    """
    host = settings.web_host if host is None else host
    port = settings.web_port if port is None else port
    with ExitStack() as on_failure:
        try:
            # With its protocol's number: asyncio ends Nagle's delay (40 ms an answer) only where it sees TCP.
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = on_failure.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(512)
        except OSError as error:
            raised = UsageError if isinstance(error, PermissionError) else DigestError
            raise raised(
                f"the web cannot listen on {host} port {port}: {error.strerror or error}; "
                "free it, or set another by web_host and web_port"
            ) from error
        on_failure.pop_all()
    return listening


def address_of(listening: socket.socket, settings: Settings) -> str:
    """The address to open in a browser."""
    where = listening.getsockname()
    shown = f"[{where[0]}]" if ":" in where[0] else where[0]
    return f"{settings.base_url or f'http://{shown}:{where[1]}'}/"


def make_server(app: App, heartbeat: Heartbeat | None = None) -> uvicorn.Server:
    """What answers the requests; ``heartbeat`` as :func:`make_web` takes it."""
    return uvicorn.Server(
        uvicorn.Config(
            make_web(app, heartbeat),
            lifespan="off",
            access_log=False,  # addresses hold tokens
            log_config=None,
            proxy_headers=False,  # seen to inside, so that it is the same everywhere
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            limit_concurrency=1000,
        )
    )


class WebThread:
    """The web in a thread of its own. As a context manager: it answers from the beginning of the block."""

    def __init__(self, app: App, listening: socket.socket, heartbeat: Heartbeat) -> None:
        self._server = make_server(app, heartbeat)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="web", daemon=True)

    def __enter__(self) -> "WebThread":
        """Start it. Raises ``DigestError`` where it does not begin to answer."""
        self._thread.start()
        give_up_at = time.monotonic() + START_S
        while not self._server.started:
            if not self.is_alive or time.monotonic() > give_up_at:
                raise DigestError("the web did not start; digest web shows why, or use --no-web")
            time.sleep(LOOK_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.stop()

    @property
    def is_alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Take no more requests and let those at work end; returns at once."""
        self._server.should_exit = True

    def join(self, seconds: float) -> bool:
        """Wait so long for its end; whether it came."""
        self._thread.join(max(seconds, 0.0))
        return not self.is_alive
