"""The fetcher on top of httpx: what it sends and makes of answers, and that httpx adds nothing of its own."""

from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import FetchError
from digest.fetcher import Fetcher
from digest.fetcher.connection import Exchange, GuardedTransport
from digest.fetcher.deadline import Deadline
from digest.netguard import parse_target
from digest.types import PageRequest, Verdict
from tests.loopback import LoopbackServer, ManualClock, Switchboard, answer, make_fetcher

URL = "https://papers.example/daily"
BODY = b'[{"paper": "An invented one"}]'


@pytest.fixture
def router() -> respx.Router:
    """The routes of a made-up network."""
    return respx.Router()


@pytest.fixture
def fetcher(router: respx.Router) -> Fetcher:
    """A fetcher for which that is all there is."""
    transport = httpx.MockTransport(router.handler)
    return make_fetcher(timeout_s=30, min_interval_s=0, transport=transport)


def page(body: bytes = BODY, **more: Any) -> httpx.Response:
    """An answer whose body is still to be read, as it is when it comes from a network."""
    return httpx.Response(200, content=iter([body]), **more)


def moved(location: str | bytes, **headers: str) -> httpx.Response:
    value = location.encode() if isinstance(location, str) else location
    sent = [(b"Location", value), *((n.encode(), v.encode()) for n, v in headers.items())]
    return httpx.Response(302, headers=sent)


# --- what an answer means -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (204, Verdict.BROKEN),
        (304, Verdict.BROKEN),
        (401, Verdict.BROKEN),
        (403, Verdict.BLOCKED),
        (404, Verdict.BROKEN),
        (429, Verdict.BLOCKED),
        (500, Verdict.UNREACHABLE),
        (503, Verdict.UNREACHABLE),
    ],
)
def test_a_status_is_a_verdict(router: respx.Router, fetcher: Fetcher, status: int, verdict: Verdict) -> None:
    """Faults of the server are tried three times, refusals once."""
    route = router.get(URL).mock(side_effect=lambda _: httpx.Response(status, content=iter([b"no"])))
    with pytest.raises(FetchError) as caught:
        fetcher.get(PageRequest(URL))
    assert caught.value.verdict is verdict
    assert route.call_count == (3 if status >= 500 else 1)


@pytest.mark.parametrize(
    ("error", "verdict", "calls"),
    [
        (httpx.ConnectError("refused"), Verdict.UNREACHABLE, 3),
        (httpx.ConnectTimeout("silence"), Verdict.UNREACHABLE, 3),
        (httpx.ReadError("broken off"), Verdict.UNREACHABLE, 3),
        (httpx.ReadTimeout("silence"), Verdict.UNREACHABLE, 1),
        (httpx.RemoteProtocolError("nonsense"), Verdict.BROKEN, 1),
        (httpx.LocalProtocolError("a bad header"), Verdict.BROKEN, 1),
        (httpx.InvalidURL("doubtful"), Verdict.BROKEN, 1),
    ],
)
def test_fault_24_errors_of_httpx_end_at_the_border(
    router: respx.Router, fetcher: Fetcher, error: Exception, verdict: Verdict, calls: int
) -> None:
    """Outside there is only FetchError, and what may pass is tried again."""
    route = router.get(URL).mock(side_effect=error)
    with pytest.raises(FetchError) as caught:
        fetcher.get(PageRequest(URL))
    assert caught.value.verdict is verdict
    assert route.call_count == calls


def test_nothing_changed_is_told_by_validators(router: respx.Router, fetcher: Fetcher) -> None:
    """The first answer's validators, sent back, bring a 304; without them none are sent."""
    validators = {"ETag": '"v1"', "Last-Modified": "Tue, 10 Mar 2026 09:00:00 GMT"}
    route = router.get(URL)
    route.side_effect = [page(headers=validators), httpx.Response(304)]
    first = fetcher.get(PageRequest(URL))
    again = fetcher.get(PageRequest(URL), etag=first.etag, last_modified=first.last_modified)
    assert (first.body, first.not_modified) == (BODY, False)
    assert (again.body, again.not_modified, again.etag) == (b"", True, '"v1"')
    unconditional, conditional = (call.request.headers for call in route.calls)
    assert "if-none-match" not in unconditional
    assert "if-modified-since" not in unconditional
    assert conditional["if-none-match"] == '"v1"'
    assert conditional["if-modified-since"] == "Tue, 10 Mar 2026 09:00:00 GMT"


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "extra"),
    [
        (PageRequest(URL), set()),
        (PageRequest(URL, method="POST", body=b"q=1"), {("content-length", "3")}),
        (PageRequest(URL, headers=(("Accept", "a/b"),)), {("accept", "a/b")}),
    ],
)
def test_httpx_adds_no_headers(
    router: respx.Router, fetcher: Fetcher, request_: PageRequest, extra: set[tuple[str, str]]
) -> None:
    """Its defaults would tell another name, and ask for encodings that are not read within bounds."""
    route = router.route(url=URL).mock(side_effect=lambda _: page())
    fetcher.get(request_)
    own = {
        ("host", "papers.example"),
        ("user-agent", "paper-digest/test (+ada@example.org)"),
        ("accept-encoding", "gzip, deflate"),
        ("connection", "close"),
    }
    default = set() if ("accept", "a/b") in extra else {("accept", "*/*")}
    sent = route.calls.last.request.headers.multi_items()
    assert sorted(sent) == sorted(own | default | extra)


def test_fault_13_cookies_are_not_sent_back(router: respx.Router, fetcher: Fetcher) -> None:
    """Neither along a redirect nor with the next request."""
    cookie = {"Set-Cookie": "id=1; Path=/; Domain=papers.example"}
    first = router.get(URL).mock(side_effect=lambda _: moved("/last", **cookie))
    last = router.get("https://papers.example/last").mock(side_effect=lambda _: page(headers=cookie))
    for _ in range(2):
        fetcher.get(PageRequest(URL))
    sent = [call.request.headers for route in (first, last) for call in route.calls]
    assert len(sent) == 4
    assert not any("cookie" in headers for headers in sent)
    assert not fetcher._wire._client.cookies  # nor does anybody keep them


@pytest.mark.parametrize(
    ("location", "kept"),
    [("/last", True), ("https://other.example/last", False), ("https://papers.example:8443/last", False)],
)
def test_fault_12_credentials_stay_with_their_origin(
    router: respx.Router, fetcher: Fetcher, location: str, kept: bool
) -> None:
    """Another host or port gets none, the same origin does."""
    router.get(URL).mock(return_value=moved(location))
    last = router.get(path="/last").mock(return_value=page())
    headers = tuple((name, "secret") for name in ("Authorization", "Cookie", "X-Api-Key"))
    fetcher.get(PageRequest(URL, headers=headers))
    sent = last.calls.last.request.headers
    assert [name for name, value in sent.items() if value == "secret"] == (
        ["authorization", "cookie", "x-api-key"] if kept else []
    )


def test_httpx_does_not_read_a_location(router: respx.Router, fetcher: Fetcher) -> None:
    """It would try even where it does not follow, and knows no compatibility forms (UTS 46)."""
    router.get(URL).mock(return_value=moved("https://ﬁn.example/last"))
    router.get("https://fin.example/last").mock(return_value=page())
    assert fetcher.get(PageRequest(URL)).url == "https://fin.example/last"


# --- one parser decides ---------------------------------------------------------------------------


@given(
    host=st.sampled_from(["a.example", "127.0.0.1", "[::ffff:1.2.3.4]", "xn--0.example", "a_b.example:81"]),
    path=st.text(alphabet="/?.%:@!$&'()*+,;=-_~[]|ab0A{}^`\"<>é", max_size=12),
)
def test_httpx_reads_every_target_as_we_do(host: str, path: str) -> None:
    """Whatever is decided on reaches the transport, and as it was."""
    handed: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        raw = request.url
        handed.append(f"{raw.scheme}://{raw.netloc.decode()}{raw.raw_path.decode()}")
        return page()

    url = f"http://{host}/{path}"
    target = parse_target(url)
    fetcher = make_fetcher(timeout_s=30, transport=httpx.MockTransport(handler))
    assert fetcher.get(PageRequest(url)).url == target.url
    assert handed == [target.url]


DECIDED = parse_target("http://papers.example/daily")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://other.example/daily", "papers.example"),
        ("http://papers.example:81/daily", "papers.example"),
        ("https://papers.example/daily", "papers.example"),
        ("ftp://papers.example/daily", "papers.example"),
        ("http://papers.example/other", "papers.example"),
        ("http://papers.example/daily?q=1", "papers.example"),
        ("http://ada@papers.example/daily", "papers.example"),
        ("http://papers.example/daily", "other.example"),
    ],
)
def test_a_request_changed_on_its_way_is_refused(url: str, host: str) -> None:
    """Only the very target that was decided on is connected to, and named to the server."""
    with LoopbackServer(answer(body=BODY)) as server:
        network = Switchboard(server.port)
        transport = GuardedTransport(resolver=lambda *_: ["1.1.1.1"], network=network)
        exchange = Exchange(DECIDED, Deadline(5, ManualClock()), allow_private=False, max_bytes=100_000)
        extensions = {"exchange": exchange}
        request = httpx.Request("GET", url, headers={"Host": host}, extensions=extensions)
        with pytest.raises(FetchError, match="two ways") as caught:
            transport.handle_request(request)
        assert network.dialled == []

        faithful = httpx.Request("GET", DECIDED.url, extensions=extensions)
        response = transport.handle_request(faithful)
        assert (response.read(), network.dialled) == (BODY, ["1.1.1.1"])
        response.close()
        exchange.close()
    assert caught.value.verdict is Verdict.BROKEN


def test_a_request_without_terms_is_not_sent() -> None:
    """The guarded transport is of no use to a client that says nothing of deadline and permission."""
    transport = GuardedTransport(resolver=lambda *_: ["1.1.1.1"])
    with httpx.Client(transport=transport, trust_env=False) as client, pytest.raises(KeyError):
        client.get("http://papers.example/")
