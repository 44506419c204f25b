"""One HTTP exchange over one new connection: guarded, timed and mapped to our own errors.

httpx is the HTTP library, and httpcore the engine below it. httpx is given a transport of our own,
its documented point of extension, because connecting is where a request must be guarded: addresses
are looked up once and allowed one by one, one deadline holds for everything, bytes are counted before
anything is unpacked, and a connection serves one request, so nothing that was allowed for one source
can be reused by another. The URL goes to httpx in the parts of the :class:`~digest.netguard.Target`,
and the transport refuses a request that is no longer for exactly that target: :mod:`digest.netguard`
stays the only URL parser that decides. The client has no proxies or keys from the environment, no
cookies, no headers and no redirects of its own.
"""

import logging
import queue
import ssl
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import certifi
import httpcore
import httpx

from digest.errors import FetchError
from digest.fetcher.deadline import Deadline
from digest.netguard import Resolver, Target, resolve
from digest.types import Verdict

_log = logging.getLogger(__name__)

WRITE_BYTES = 16 * 1024
# What may come over the wire besides the body: headers, chunk sizes, interim answers.
WIRE_OVERHEAD_BYTES = 1024 * 1024
MAX_ADDRESSES = 4

_RECEIVED = "received_headers"
LIBRARY_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpx.HTTPError,
    httpx.InvalidURL,
)


class TransientFetchError(FetchError):
    """No usable answer this time; the same request may well succeed in a moment."""


class NobodyThereError(TransientFetchError):
    """No connection came about, whatever would have been asked for."""


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline, and that carries so many bytes and no more.

    The library's timeouts start anew with each read, so a server that sends a byte now and then
    would never be cut off.
    """

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline, max_bytes: int) -> None:
        self._inner = inner
        self._deadline = deadline
        self._bytes_left = max_bytes
        self.ended = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        data = self._inner.read(max_bytes, self._deadline.left())
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise FetchError("the answer is larger than allowed", verdict=Verdict.BROKEN)
        self.ended = not data
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        for start in range(0, len(buffer), WRITE_BYTES):
            self._inner.write(buffer[start : start + WRITE_BYTES], self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        self._inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left())
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@dataclass(slots=True)
class Exchange:
    """The terms of one request, which go to the transport beside it, and the connection it got.

    ``max_bytes`` bounds what is read over the wire.
    """

    target: Target
    deadline: Deadline
    allow_private: bool
    max_bytes: int
    stream: _TimedStream | None = None

    def close(self) -> None:
        """Hang up, also where the library forgot the connection because the handshake failed."""
        if self.stream is not None:
            self.stream.close()


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to exactly the addresses that were looked up once and allowed."""

    def __init__(self, network: httpcore.NetworkBackend, resolver: Resolver, exchange: Exchange) -> None:
        self._network = network
        self._resolver = resolver
        self._exchange = exchange

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = self._exchange.deadline
        addresses = self._look_up(host, port)[:MAX_ADDRESSES]
        for index, address in enumerate(addresses):
            remaining = len(addresses) - index
            try:
                inner = self._network.connect_tcp(
                    address, port, deadline.left() / remaining, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if remaining == 1:
                    raise
            else:
                self._exchange.stream = _TimedStream(inner, deadline, self._exchange.max_bytes)
                return self._exchange.stream
        raise AssertionError("resolve() returns at least one address")

    def _look_up(self, host: str, port: int) -> Sequence[str]:
        """Resolve in a thread, because the system's look-up takes no timeout."""
        allowed, deadline = self._exchange.allow_private, self._exchange.deadline
        answers: queue.SimpleQueue[Sequence[str] | BaseException] = queue.SimpleQueue()

        def work() -> None:
            try:
                answers.put(resolve(host, port, allow_private=allowed, resolver=self._resolver))
            except BaseException as error:  # handed over to the waiting thread
                answers.put(error)

        threading.Thread(target=work, name="resolve", daemon=True).start()
        try:
            answer = answers.get(timeout=deadline.left())
        except queue.Empty:
            raise deadline.exceeded() from None
        if isinstance(answer, OSError | UnicodeError):
            raise NobodyThereError(f"the name {host} could not be looked up") from answer
        if isinstance(answer, BaseException):
            raise answer
        return answer


class _Body(httpx.SyncByteStream):
    """A body as it comes in, still encoded; closing it closes the connection."""

    def __init__(self, response: httpcore.Response, connection: httpcore.HTTPConnection) -> None:
        self._response = response
        self._connection = connection

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response.iter_stream())

    def close(self) -> None:
        self._connection.close()


class GuardedTransport(httpx.BaseTransport):
    """Opens one guarded connection for each request of an :class:`httpx.Client`.

    The request's extension ``exchange`` is its :class:`Exchange`; without one nothing is sent
    (``KeyError``). Raises ``FetchError`` where the request was changed on its way or may not be made,
    and httpcore's errors as they are. ``network`` and ``resolver`` are replaced in tests, ``tls`` by a
    private CA; a TLS context that does not verify is a ``ValueError``.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        network: httpcore.NetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if tls is not None and not (tls.verify_mode is ssl.CERT_REQUIRED and tls.check_hostname):
            raise ValueError("the TLS context must verify certificates and names")
        self._resolver = resolver
        self._network = network or httpcore.SyncBackend()
        self._tls = tls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and give the answer as it begins."""
        exchange: Exchange = request.extensions["exchange"]
        target = exchange.target
        if str(request.url) != target.url or request.headers.get("host") != target.netloc:
            raise _altered(target)
        url = _httpcore_url(target)
        connection = httpcore.HTTPConnection(
            url.origin,
            ssl_context=self._tls_context() if target.scheme == "https" else None,
            network_backend=_GuardedBackend(self._network, self._resolver, exchange),
        )
        response = connection.handle_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, content=request.read())
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, connection),
            extensions=response.extensions,
        )

    def _tls_context(self) -> ssl.SSLContext:
        # Made on first use: loading the certificates takes a while, and a lock is not worth it.
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=certifi.where())
        return self._tls


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer as it begins: status, headers with lower-case names, and the body to come.

    ``chunks`` are raw, still encoded; reading them may raise what :meth:`Wire.exchange` maps, so it
    is done inside that context.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    chunks: Iterator[bytes]

    def header(self, name: str) -> str:
        """All values of a header, joined by commas; empty where there is none."""
        return ", ".join(value for key, value in self.headers if key == name)


class Wire:
    """Makes exchanges through one client of httpx, which threads may share."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._client = httpx.Client(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113  # the deadline holds for all there is to wait for
            cookies=CookieJar(DefaultCookiePolicy(netscape=False)),  # takes none, and reads none
            event_hooks={"response": [_keep_from_httpx]},
        )

    def close(self) -> None:
        """Close the client and its transport."""
        self._client.close()

    @contextmanager
    def exchange(
        self,
        target: Target,
        method: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        *,
        deadline: Deadline,
        allow_private: bool,
        max_bytes: int,
    ) -> Iterator[Answer]:
        """Send one request and give the answer as it begins; the connection closes with the context.

        The headers are sent as they are, and no others. ``max_bytes`` bounds what is read over the
        wire. Raises ``FetchError``: unreachable where no complete answer came in time, broken where it
        is not HTTP.
        """
        exchange = Exchange(target, deadline, allow_private, 2 * max_bytes + WIRE_OVERHEAD_BYTES)
        try:
            # With `stream` httpx adds no headers, neither the client's nor those of the content.
            request = httpx.Request(
                method,
                _httpx_url(target),
                headers=_encoded(headers),
                stream=httpx.ByteStream(body or b""),
                extensions={"exchange": exchange},
            )
            with closing(self._client.send(request, stream=True)) as response:
                received = _decoded(response.extensions[_RECEIVED])
                yield Answer(response.status_code, received, response.iter_raw())
        except LIBRARY_ERRORS as error:
            raise _mapped(error, exchange) from error
        finally:
            exchange.close()


def _keep_from_httpx(response: httpx.Response) -> None:
    """Put the headers aside, and take Location away.

    httpx would read it with its own URL parser even where it follows no redirects, and fail on some
    that we read.
    """
    response.extensions[_RECEIVED] = response.headers.raw
    response.headers.pop("location", None)


def _httpx_url(target: Target) -> httpx.URL:
    path = target.path.encode("ascii")
    return httpx.URL(scheme=target.scheme, host=target.host, port=target.port, raw_path=path)


def _httpcore_url(target: Target) -> httpcore.URL:
    """The target part by part, so that nothing is parsed again."""
    scheme, host, path = (part.encode("ascii") for part in (target.scheme, target.host, target.path))
    return httpcore.URL(scheme=scheme, host=host, port=target.port, target=path)


def _encoded(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    try:
        return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
    except UnicodeEncodeError as error:
        raise _unsendable() from error


def _unsendable() -> FetchError:
    return FetchError("the request has a header that cannot be sent", verdict=Verdict.BROKEN)


def _altered(target: Target) -> FetchError:
    return FetchError(f"the address on {target.host} is read in two ways", verdict=Verdict.BROKEN)


def _decoded(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)


def _mapped(error: Exception, exchange: Exchange) -> FetchError:
    """Turn a library's error into ours, by what is known of the connection.

    httpcore raises below our transport, httpx itself where it objects, and so do other transports.
    """
    host = exchange.target.host
    _log.debug("%s: %s: %s", host, type(error).__name__, error)
    if isinstance(error, httpx.InvalidURL):
        return _altered(exchange.target)
    if isinstance(error, httpcore.ConnectTimeout | httpx.ConnectTimeout) and exchange.stream is None:
        return NobodyThereError(f"{host} did not accept a connection in time")
    if isinstance(error, httpcore.TimeoutException | httpx.TimeoutException):
        return exchange.deadline.exceeded()
    if isinstance(error, httpcore.LocalProtocolError | httpx.LocalProtocolError):
        return _unsendable()
    if isinstance(error, httpcore.ProtocolError | httpx.ProtocolError):
        if exchange.stream is not None and exchange.stream.ended:
            return TransientFetchError(f"{host} closed the connection before the answer was complete")
        return FetchError(f"{host} did not answer in valid HTTP", verdict=Verdict.BROKEN)
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return FetchError(f"{host} did not prove who it is: {error.__cause__.verify_message}")
    if isinstance(error, httpcore.ConnectError | httpx.ConnectError):
        # The system's words for it, without its number.
        words = getattr(error.__cause__, "strerror", None) or str(error)
        return NobodyThereError(f"{host} could not be reached: {words}")
    return TransientFetchError(f"the connection to {host} broke")
