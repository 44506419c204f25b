"""Where the fetcher goes and what it takes along. Numbers are those of the list of known faults."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import httpcore
import httpx
import pytest
import respx
import trustme

from digest.errors import FetchError
from digest.types import PageRequest, Verdict
from tests.loopback import LoopbackServer, ManualClock, Switchboard, answer, in_turn, make_fetcher, redirect

PUBLIC = "93.184.215.14"
BODY = b'[{"paper": "An invented one"}]'


@pytest.fixture
def network() -> Iterator[respx.MockRouter]:
    """Answers without a wire, at the library's own seam."""
    with respx.mock(using="httpcore") as router:
        yield router


# --- redirects ------------------------------------------------------------------------------------
def test_a_location_in_utf_8_is_read_as_browsers_do(network: respx.MockRouter) -> None:
    """Raw bytes beyond ASCII are a path, not a reason to fail."""
    location = [(b"Location", "/ä".encode())]
    network.get("https://example.org/").mock(return_value=httpx.Response(301, headers=location))
    network.get("https://example.org/%C3%A4").mock(return_value=httpx.Response(200))
    assert make_fetcher(min_interval_s=0).get(PageRequest("https://example.org/")).status == 200


def test_redirects_from_https_to_http_are_refused(network: respx.MockRouter) -> None:
    """Even to the same host."""
    response = httpx.Response(301, headers={"Location": "http://example.org/x"})
    network.get("https://example.org/").mock(return_value=response)
    with pytest.raises(FetchError, match="https to http") as caught:
        make_fetcher().get(PageRequest("https://example.org/"))
    assert caught.value.verdict is Verdict.BROKEN


@pytest.mark.parametrize(
    "location", ["https://other.example/", "https://example.org:8443/", "https://example.org.other.example/"]
)
def test_fault_12_credentials_stay_with_their_origin(network: respx.MockRouter, location: str) -> None:
    """Another host or port gets nothing but what is harmless."""
    last = network.get(location).mock(return_value=httpx.Response(200))
    network.get("https://example.org/").mock(return_value=httpx.Response(302, headers={"Location": location}))
    secrets = ("Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key")
    headers = (*((name, "secret") for name in secrets), ("Accept", "a/b"))
    make_fetcher(min_interval_s=0).get(PageRequest("https://example.org/", headers=headers))
    sent = last.calls.last.request.headers
    assert sent["accept"] == "a/b"
    assert "secret" not in sent.values()


def test_fault_12_credentials_are_dropped_on_another_scheme_and_kept_at_home(
    network: respx.MockRouter,
) -> None:
    """Http to https is another origin; a redirect within one is not."""
    for url, location in (("http://example.org/", "https://example.org/"), ("https://a.example/", "/b")):
        network.get(url).mock(return_value=httpx.Response(302, headers={"Location": location}))
    upgraded = network.get("https://example.org/").mock(return_value=httpx.Response(200))
    stayed = network.get("https://a.example/b").mock(return_value=httpx.Response(200))
    for url in ("http://example.org/", "https://a.example/"):
        make_fetcher(min_interval_s=0).get(PageRequest(url, headers=(("Authorization", "secret"),)))
    assert "authorization" not in upgraded.calls.last.request.headers
    assert stayed.calls.last.request.headers["authorization"] == "secret"


def test_a_body_is_not_sent_to_another_site(network: respx.MockRouter) -> None:
    """It may hold a password."""
    response = httpx.Response(307, headers={"Location": "https://other.example/"})
    network.post("https://example.org/").mock(return_value=response)
    with pytest.raises(FetchError) as caught:
        make_fetcher().get(PageRequest("https://example.org/", method="POST", body=b"password=1"))
    assert caught.value.verdict is Verdict.BROKEN


def test_fault_13_cookies_are_forgotten() -> None:
    """What one answer sets, the next request does not send, not even within a redirect."""
    first = answer(302, headers=[("Location", "/x"), ("Set-Cookie", "id=1; Path=/")])
    with LoopbackServer(in_turn(first, answer(body=BODY))) as server:
        fetcher = make_fetcher()
        for _ in range(2):
            fetcher.get(PageRequest(server.url), allow_private=True)
    assert [server.header("cookie", index) for index in range(3)] == [None] * 3


# --- addresses ----------------------------------------------------------------------------------


class Resolver:
    """Answers from a list, one look-up after the other; the last answer stays."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def test_fault_5_the_checked_address_is_the_one_connected_to() -> None:
    """The name is looked up once per connection; the Host header keeps the name."""
    resolver = Resolver([PUBLIC], ["127.0.0.1"])
    with LoopbackServer(answer(body=BODY)) as server:
        network = Switchboard(server.port)
        fetcher = make_fetcher(resolver=resolver, network=network)
        assert fetcher.get(PageRequest("http://papers.example/")).body == BODY
        assert (resolver.asked, network.dialled) == (["papers.example"], [PUBLIC])
        assert server.header("host") == "papers.example"
        with pytest.raises(FetchError, match="private") as caught:
            fetcher.get(PageRequest("http://papers.example/"))
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert network.dialled == [PUBLIC]


def test_fault_5_a_name_that_turns_private_on_redirect_is_refused() -> None:
    """Also where the second request is the same host's redirect to itself."""
    resolver = Resolver([PUBLIC], ["169.254.169.254"])
    with LoopbackServer(redirect("/latest")) as server:
        network = Switchboard(server.port)
        with pytest.raises(FetchError) as caught:
            make_fetcher(resolver=resolver, network=network).get(PageRequest("http://papers.example/"))
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert network.dialled == [PUBLIC]


def test_fault_5_a_private_address_is_no_second_choice() -> None:
    """Of a mixed answer only the public addresses are dialled, even when they do not answer."""

    class Refusing(Switchboard):
        def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            self.dialled.append(host)
            raise httpcore.ConnectError("refused")

    network = Refusing(0)
    resolver = Resolver(["10.0.0.1", PUBLIC, "127.0.0.1", "2606:4700::1111"])
    with pytest.raises(FetchError):
        make_fetcher(timeout_s=5, resolver=resolver, network=network).get(
            PageRequest("http://papers.example/")
        )
    assert set(network.dialled) == {PUBLIC, "2606:4700::1111"}


def test_the_next_address_is_tried() -> None:
    """A dead IPv6 address does not make a site unreachable."""

    class HalfDead(Switchboard):
        def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            if ":" in host:
                raise httpcore.ConnectTimeout("nothing there")
            return super().connect_tcp(host, port, *args, **kwargs)

    with LoopbackServer(answer(body=BODY)) as server:
        fetcher = make_fetcher(resolver=Resolver(["2606:4700::1111", PUBLIC]), network=HalfDead(server.port))
        assert fetcher.get(PageRequest("http://papers.example/")).body == BODY


def test_permission_is_not_left_behind() -> None:
    """What one source may do on this host, the next may not: no connection outlives its request."""
    with LoopbackServer(answer(body=BODY)) as server:
        fetcher = make_fetcher()
        assert fetcher.get(PageRequest(server.url), allow_private=True).body == BODY
        with pytest.raises(FetchError, match="allow_private") as caught:
            fetcher.get(PageRequest(server.url))
        assert len(server.requests) == 1
    assert caught.value.verdict is Verdict.UNREACHABLE


def test_fault_1_permission_does_not_follow_a_redirect() -> None:
    """A source on one private origin may not point us to another one."""
    with LoopbackServer(answer(body=BODY)) as other, LoopbackServer(redirect(other.url)) as server:
        with pytest.raises(FetchError, match="private") as caught:
            make_fetcher().get(PageRequest(server.url), allow_private=True)
        assert other.requests == []
    assert caught.value.verdict is Verdict.UNREACHABLE


def test_permission_returns_not_by_a_detour() -> None:
    """Private to public to the private origin again: the last step is refused."""
    resolver = Resolver([PUBLIC])
    with LoopbackServer(
        in_turn(redirect("http://papers.example/"), redirect("http://127.0.0.1:1/"))
    ) as server:
        network = Switchboard(server.port)
        fetcher = make_fetcher(resolver=resolver, network=network)
        with pytest.raises(FetchError, match="private"):
            fetcher.get(PageRequest("http://127.0.0.1:1/"), allow_private=True)
    assert network.dialled == ["127.0.0.1", PUBLIC]


def test_a_name_that_cannot_be_looked_up_is_unreachable() -> None:
    """Look-ups are tried again, since name servers fail too."""
    asked = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    with pytest.raises(FetchError, match="looked up") as caught:
        make_fetcher(timeout_s=5, resolver=resolver).get(PageRequest("http://papers.example/"))
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert len(asked) == 3


def test_a_look_up_that_hangs_ends_with_the_deadline() -> None:
    """The system's look-up knows no timeout; ours does."""
    over = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        over.wait(5)
        return [PUBLIC]

    started = time.monotonic()
    with pytest.raises(FetchError, match="within") as caught:
        make_fetcher(resolver=resolver).get(PageRequest("http://papers.example/"))
    over.set()
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert time.monotonic() - started < 4


def test_a_bug_in_a_resolver_is_no_fetch_error() -> None:
    """Only what a network does is mapped; anything else stops the run loudly."""

    def resolver(host: str, port: int) -> list[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_fetcher(resolver=resolver).get(PageRequest("http://papers.example/"))


def test_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment changes nothing."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    with LoopbackServer(answer(body=BODY)) as server:
        assert make_fetcher().get(PageRequest(server.url), allow_private=True).body == BODY


def test_threads_share_a_fetcher() -> None:
    """Each has its own deadline and its own connection; the spacing is common."""
    slept: list[float] = []
    clock = ManualClock()
    with LoopbackServer(answer(body=BODY)) as server:
        fetcher = make_fetcher(
            clock=clock,
            sleep=slept.append,
            min_interval_s=1,
            resolver=Resolver([PUBLIC]),
            network=Switchboard(server.port),
        )
        with ThreadPoolExecutor(8) as pool:
            pages = list(pool.map(fetcher.get, [PageRequest("http://papers.example/")] * 8))
    assert [page.body for page in pages] == [BODY] * 8
    assert sorted(slept) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of our own, for papers.example."""
    return trustme.CA()


def trusted(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serve_tls(authority: trustme.CA, names: list[str | None]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("papers.example").configure_cert(context)
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    return context


def test_tls_is_verified_against_the_name(authority: trustme.CA) -> None:
    """Dialled by address, but SNI, certificate check and Host header use the name."""
    names: list[str | None] = []
    trusting = trusted(authority)
    with LoopbackServer(answer(body=BODY), serve_tls(authority, names)) as server:
        network = Switchboard(server.port)
        fetcher = make_fetcher(timeout_s=5, resolver=Resolver([PUBLIC]), network=network, tls=trusting)
        assert fetcher.get(PageRequest("https://papers.example/")).body == BODY
        assert (network.dialled, names, server.header("host")) == (
            [PUBLIC],
            ["papers.example"],
            "papers.example",
        )
        with pytest.raises(FetchError, match="prove") as caught:
            fetcher.get(PageRequest("https://other.example/"))
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert len(network.dialled) == 2


def test_permission_survives_the_step_to_https(authority: trustme.CA) -> None:
    """A private host may send us from http to https on its usual port, but credentials stay behind."""
    trusting = trusted(authority)
    with (
        LoopbackServer(redirect("https://papers.example/")) as plain,
        LoopbackServer(answer(body=BODY), serve_tls(authority, [])) as secure,
    ):

        class Both(Switchboard):
            def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
                chosen = secure if port == 443 else plain
                return httpcore.SyncBackend().connect_tcp("127.0.0.1", chosen.port, *args, **kwargs)

        fetcher = make_fetcher(timeout_s=5, resolver=Resolver(["10.0.0.1"]), network=Both(0), tls=trusting)
        request = PageRequest("http://papers.example/", headers=(("X-Api-Key", "secret"),))
        assert fetcher.get(request, allow_private=True).body == BODY
        assert plain.header("x-api-key") == "secret"
        assert secure.header("x-api-key") is None


def test_an_unknown_certificate_is_refused_once(authority: trustme.CA) -> None:
    """Not tried again, and no request is sent."""
    with LoopbackServer(answer(body=BODY), serve_tls(authority, [])) as server:
        network = Switchboard(server.port)
        fetcher = make_fetcher(timeout_s=5, resolver=Resolver([PUBLIC]), network=network)
        with pytest.raises(FetchError, match="prove") as caught:
            fetcher.get(PageRequest("https://papers.example/"))
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert network.dialled == [PUBLIC]
    assert server.requests == []


def test_a_handshake_that_hangs_ends_with_the_deadline() -> None:
    """A server that accepts and then says nothing TLS."""
    with LoopbackServer(lambda peer: peer.drip(repeat(b""))) as server:
        network = Switchboard(server.port)
        started = time.monotonic()
        with pytest.raises(FetchError) as caught:
            make_fetcher(resolver=Resolver([PUBLIC]), network=network).get(
                PageRequest("https://papers.example/")
            )
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert time.monotonic() - started < 4


def test_a_failed_handshake_leaves_no_connection_open() -> None:
    """The library forgets a connection whose handshake it did not see fail."""
    closed: list[bool] = []

    class Line(httpcore.MockStream):
        def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            raise httpcore.ConnectError("no")

        def close(self) -> None:
            closed.append(True)

    class Network(httpcore.MockBackend):
        def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            return Line([])

    fetcher = make_fetcher(timeout_s=30, resolver=Resolver([PUBLIC]), network=Network([]))
    with pytest.raises(FetchError, match="could not be reached"):
        fetcher.get(PageRequest("https://papers.example/"))
    assert len(closed) == 3  # one for each attempt


def test_a_context_that_does_not_verify_is_no_setting() -> None:
    """TLS is always verified."""
    lax = ssl.create_default_context()
    lax.check_hostname = False
    with pytest.raises(ValueError, match="verify"):
        make_fetcher(tls=lax)
