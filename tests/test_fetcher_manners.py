"""What the fetcher makes of statuses, and how it treats its hosts."""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import respx

from digest.errors import FetchError
from digest.fetcher.manners import is_challenge, parse_http_date, parse_rate_limit, parse_retry_after
from digest.types import PageRequest, Verdict
from tests.loopback import NOW, LoopbackServer, ManualClock, Peer, answer, make_fetcher

BODY = b'[{"paper": "An invented one"}]'


@pytest.fixture
def network() -> Iterator[respx.MockRouter]:
    """Answers without a wire, at the library's own seam."""
    with respx.mock(using="httpcore") as router:
        yield router


@pytest.mark.parametrize(
    ("status", "headers", "verdict", "retry_after_s"),
    [
        (202, {}, Verdict.BROKEN, None),
        (204, {}, Verdict.BROKEN, None),
        (206, {}, Verdict.BROKEN, None),
        (202, {"x-amzn-waf-action": "challenge"}, Verdict.BLOCKED, None),
        (405, {"x-amzn-waf-action": "captcha"}, Verdict.BLOCKED, None),
        (200, {"x-amzn-waf-action": "challenge"}, Verdict.BLOCKED, None),
        (403, {"cf-mitigated": "challenge"}, Verdict.BLOCKED, None),
        (503, {"cf-mitigated": "challenge"}, Verdict.BLOCKED, None),
        (300, {}, Verdict.BROKEN, None),
        (400, {}, Verdict.BROKEN, None),
        (401, {}, Verdict.BROKEN, None),
        (403, {}, Verdict.BLOCKED, None),
        (404, {}, Verdict.BROKEN, None),
        (405, {}, Verdict.BROKEN, None),
        (410, {}, Verdict.BROKEN, None),
        (429, {}, Verdict.BLOCKED, None),
        (429, {"Retry-After": "120"}, Verdict.BLOCKED, 120.0),
        (429, {"RateLimit": '"api";r=0;t=200'}, Verdict.BLOCKED, 200.0),
        (403, {"Retry-After": "5"}, Verdict.BLOCKED, 5.0),
        (500, {}, Verdict.UNREACHABLE, None),
        (503, {"Retry-After": "600"}, Verdict.UNREACHABLE, 600.0),
    ],
)
def test_a_status_is_a_verdict(
    network: respx.MockRouter,
    status: int,
    headers: dict[str, str],
    verdict: Verdict,
    retry_after_s: float | None,
) -> None:
    """As the design's words say; challenges of AWS WAF and Cloudflare are blocked whatever the status."""
    network.get("https://example.org/papers").mock(return_value=httpx.Response(status, headers=headers))
    with pytest.raises(FetchError) as caught:
        make_fetcher(timeout_s=30).get(PageRequest("https://example.org/papers"))
    assert caught.value.verdict is verdict
    assert caught.value.retry_after_s == retry_after_s


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1000000000000", 3600.0),
        ("9" * 5000, 3600.0),
        ("Wed, 11 Mar 2026 09:10:00 GMT", 600.0),
        ("Wednesday, 11-Mar-26 09:10:00 GMT", 600.0),
        ("Wed Mar 11 09:10:00 2026", 600.0),
        ("Wed, 11 Mar 2026 08:00:00 GMT", 0.0),
        ("Wed, 11 Mar 2099 08:00:00 GMT", 3600.0),
        ("-1", None),
        ("1e12", None),
        ("1.5", None),
        ("٥", None),
        ("soon", None),
        ("Wed, 99 Mar 2026 09:10:00 GMT", None),
        ("Wed, 11 Mar 99999999999 09:10:00 GMT", None),
        ("Wed, 11 Mar 2026 09:10:00 +9999999999", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_every_form(
    network: respx.MockRouter, status: int, value: str, seconds: float | None
) -> None:
    """Seconds or a date, clamped to an hour; garbage counts as nothing said."""
    response = httpx.Response(status, headers=[(b"Retry-After", value.encode())])
    network.get("https://example.org/").mock(return_value=response)
    with pytest.raises(FetchError) as caught:
        make_fetcher(timeout_s=30).get(PageRequest("https://example.org/"))
    assert caught.value.retry_after_s == seconds


def test_a_date_is_held_against_the_servers_clock(network: respx.MockRouter) -> None:
    """A moved clock of ours does not turn ten minutes into months."""
    headers = {"Date": "Mon, 03 Aug 2026 07:00:00 GMT", "Retry-After": "Mon, 03 Aug 2026 07:10:00 GMT"}
    network.get("https://example.org/").mock(return_value=httpx.Response(429, headers=headers))
    with pytest.raises(FetchError) as caught:
        make_fetcher().get(PageRequest("https://example.org/"))
    assert caught.value.retry_after_s == 600.0


def test_a_passing_fault_is_tried_again(network: respx.MockRouter) -> None:
    """Two 5xx, then the page; the second wait is longer, and a short Retry-After is obeyed."""
    clock = ManualClock()
    route = network.get("https://example.org/")
    route.side_effect = [
        httpx.Response(500),
        httpx.Response(503, headers={"Retry-After": "4"}),
        httpx.Response(200, content=BODY),
    ]
    fetcher = make_fetcher(timeout_s=30, clock=clock, sleep=clock.sleep, min_interval_s=0)
    assert fetcher.get(PageRequest("https://example.org/")).body == BODY
    assert clock.slept == [0.5, 4.0]


def test_retries_end_with_the_deadline(network: respx.MockRouter) -> None:
    """A wait that would outlast the deadline is not begun."""
    clock = ManualClock()
    network.get("https://example.org/").mock(return_value=httpx.Response(503, headers={"Retry-After": "8"}))
    with pytest.raises(FetchError) as caught:
        make_fetcher(timeout_s=5, clock=clock, sleep=clock.sleep).get(PageRequest("https://example.org/"))
    assert caught.value.retry_after_s == 8.0
    assert clock.slept == []


def test_a_long_pause_is_not_sat_out(network: respx.MockRouter) -> None:
    """Also where the deadline would allow it: the error says when to come again."""
    clock = ManualClock()
    network.get("https://example.org/").mock(return_value=httpx.Response(503, headers={"Retry-After": "20"}))
    with pytest.raises(FetchError) as caught:
        make_fetcher(timeout_s=60, clock=clock, sleep=clock.sleep).get(PageRequest("https://example.org/"))
    assert (caught.value.retry_after_s, clock.slept) == (20.0, [])


def test_what_was_sent_is_not_sent_twice(network: respx.MockRouter) -> None:
    """A POST that failed may have had its effect."""
    route = network.post("https://example.org/").mock(return_value=httpx.Response(500))
    with pytest.raises(FetchError):
        make_fetcher(timeout_s=30).get(PageRequest("https://example.org/", method="POST", body=b"q"))
    assert route.call_count == 1


def test_jitter_spreads_the_delays(network: respx.MockRouter) -> None:
    """Between half and one and a half of the plain delay."""
    network.get("https://example.org/").mock(return_value=httpx.Response(500))
    for jitter, first in ((0.0, 0.25), (0.999, 0.7495)):
        clock = ManualClock()
        fetcher = make_fetcher(timeout_s=30, clock=clock, sleep=clock.sleep, jitter=lambda j=jitter: j)
        with pytest.raises(FetchError):
            fetcher.get(PageRequest("https://example.org/"))
        assert clock.slept[0] == pytest.approx(first)


# --- manners --------------------------------------------------------------------------------------


def test_requests_to_one_host_keep_their_distance(network: respx.MockRouter) -> None:
    """Other hosts, and hosts of the operator's own, need not wait."""
    clock = ManualClock()
    network.get(host="example.org").mock(return_value=httpx.Response(200))
    network.get(host="other.example").mock(return_value=httpx.Response(200))
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep, min_interval_s=3)
    fetcher.get(PageRequest("https://example.org/1"))
    fetcher.get(PageRequest("https://other.example/1"))
    assert clock.slept == []
    clock.time += 1
    fetcher.get(PageRequest("https://example.org/2"))
    assert clock.slept == [2.0]
    fetcher.get(PageRequest("https://example.org/3"), allow_private=True)
    assert clock.slept == [2.0]


def test_waiting_for_ones_turn_is_not_the_servers_fault(network: respx.MockRouter) -> None:
    """Spacing longer than the deadline does not end in unreachable."""
    clock = ManualClock()
    network.get(host="example.org").mock(return_value=httpx.Response(200))
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep, min_interval_s=60, timeout_s=1)
    for _ in range(3):
        assert fetcher.get(PageRequest("https://example.org/")).status == 200
    assert clock.slept == [60.0, 60.0]


def test_a_used_up_quota_is_waited_for(network: respx.MockRouter) -> None:
    """RateLimit with r=0: the next request comes after t seconds; with some left, at once."""
    clock = ManualClock()
    route = network.get("https://example.org/")
    route.side_effect = [
        httpx.Response(200, headers={"RateLimit": '"api";r=3;t=9'}),
        httpx.Response(200, headers={"RateLimit": '"api";r=7;t=2, "day";r=0;t=6'}),
        httpx.Response(200),
    ]
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep, min_interval_s=0)
    for _ in range(3):
        fetcher.get(PageRequest("https://example.org/"))
    assert clock.slept == [6.0]


@pytest.mark.parametrize(
    ("status", "headers", "verdict"),
    [
        (200, {"RateLimit": '"api";r=0;t=250'}, Verdict.BLOCKED),
        (429, {"Retry-After": "250"}, Verdict.BLOCKED),
        (503, {"Retry-After": "250"}, Verdict.UNREACHABLE),
    ],
)
def test_a_long_pause_is_kept_without_asking_again(
    network: respx.MockRouter, status: int, headers: dict[str, str], verdict: Verdict
) -> None:
    """No storm: the next page of that host fails at once, until the pause is nearly over."""
    clock = ManualClock()
    route = network.get("https://example.org/")
    route.side_effect = [httpx.Response(status, headers=headers), httpx.Response(200)]
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep)
    if status == 200:
        fetcher.get(PageRequest("https://example.org/"))
    else:
        with pytest.raises(FetchError):
            fetcher.get(PageRequest("https://example.org/"))
    clock.time += 50
    with pytest.raises(FetchError) as caught:
        fetcher.get(PageRequest("https://example.org/"))
    assert (caught.value.verdict, caught.value.retry_after_s) == (verdict, 200.0)
    assert route.call_count == 1
    clock.time += 195
    assert fetcher.get(PageRequest("https://example.org/")).status == 200
    assert clock.slept == [5.0]


@pytest.mark.parametrize(
    "value", ["", "garbage", '"api";r=0', '"api";r=1;t=5', '"a";r=0;t=x', ";" * 5000, "r=0;t=5"]
)
def test_other_rate_limits_are_no_reason_to_wait(network: respx.MockRouter, value: str) -> None:
    """Only a used-up quota with a time is."""
    clock = ManualClock()
    network.get("https://example.org/").mock(return_value=httpx.Response(200, headers={"RateLimit": value}))
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep, min_interval_s=0)
    for _ in range(2):
        fetcher.get(PageRequest("https://example.org/"))
    assert clock.slept == []


# --- turns ----------------------------------------------------------------------------------------


def in_turn_of(url: str, **more: Any) -> PageRequest:
    return PageRequest(url, turn="arxiv", spacing_s=3.0, **more)


def test_hosts_that_share_a_turn_keep_their_distance(network: respx.MockRouter) -> None:
    """Three seconds over all of them; a host outside of the turn need not wait."""
    clock = ManualClock()
    for host in ("export.example", "rss.example", "other.example"):
        network.get(host=host).mock(side_effect=lambda _: httpx.Response(200))
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep, min_interval_s=1)
    fetcher.get(in_turn_of("https://export.example/1"))
    fetcher.get(in_turn_of("https://rss.example/2"))
    assert clock.slept == [3.0]
    fetcher.get(PageRequest("https://other.example/3"))
    assert clock.slept == [3.0]
    fetcher.get(in_turn_of("https://export.example/4"))
    assert clock.slept == [3.0, 3.0]


def test_a_redirect_stays_in_its_turn(network: respx.MockRouter) -> None:
    """So does a second attempt."""
    clock = ManualClock()
    moved = httpx.Response(302, headers={"Location": "https://rss.example/"})
    network.get("https://export.example/").mock(return_value=moved)
    network.get("https://rss.example/").side_effect = [httpx.Response(500), httpx.Response(200)]
    fetcher = make_fetcher(timeout_s=30, clock=clock, sleep=clock.sleep, min_interval_s=0)
    fetcher.get(in_turn_of("https://export.example/"))
    # To the second host, the pause before the second attempt and what is left of the spacing, again.
    assert clock.slept == [3.0, 0.5, 2.5, 3.0]


def test_a_host_by_itself_may_be_spaced_too(network: respx.MockRouter) -> None:
    """Spacing without a name is the host's own."""
    clock = ManualClock()
    network.get(url__regex=".*").mock(side_effect=lambda _: httpx.Response(200))
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep, min_interval_s=1)
    for url in ("https://a.example/1", "https://b.example/1", "https://a.example/2"):
        fetcher.get(PageRequest(url, spacing_s=5))
    assert clock.slept == [5.0]


def test_a_pause_of_one_is_a_pause_of_all(network: respx.MockRouter) -> None:
    """They share one limit, so a 429 from one host speaks for the others of its turn."""
    clock = ManualClock()
    network.get("https://export.example/").mock(
        return_value=httpx.Response(429, headers={"Retry-After": "100"})
    )
    other = network.get("https://rss.example/").mock(return_value=httpx.Response(200))
    fetcher = make_fetcher(clock=clock, sleep=clock.sleep)
    with pytest.raises(FetchError):
        fetcher.get(in_turn_of("https://export.example/"))
    with pytest.raises(FetchError) as caught:
        fetcher.get(in_turn_of("https://rss.example/"))
    assert (caught.value.verdict, caught.value.retry_after_s) == (Verdict.BLOCKED, 100.0)
    assert fetcher.get(PageRequest("https://rss.example/")).status == 200
    assert other.call_count == 1


@pytest.mark.parametrize(("turn", "at_once"), [("arxiv", 1), ("", 4)])
def test_a_turn_is_one_connection_across_threads(turn: str, at_once: int) -> None:
    """Also on hosts of the operator's own, where there is no spacing; waiting is not the deadline's."""
    lock = threading.Lock()
    open_now, most = [0], [0]
    barrier = threading.Barrier(4)

    def script(peer: Peer) -> None:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        peer.stop.wait(0.25)
        peer.send(answer(body=BODY[:5], length=len(BODY)))
        with lock:
            open_now[0] -= 1
        peer.send(BODY[5:])

    with LoopbackServer(script) as one, LoopbackServer(script) as other:
        fetcher = make_fetcher(timeout_s=0.8)

        def work(server: LoopbackServer) -> bytes:
            barrier.wait()
            request = PageRequest(server.url, turn=turn, spacing_s=60)
            return fetcher.get(request, allow_private=True).body

        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            bodies = list(pool.map(work, [one, other, one, other]))
        took = time.monotonic() - started
    assert bodies == [BODY] * 4
    assert most[0] == at_once
    assert took < 5


def test_a_turn_ends_with_a_failure(network: respx.MockRouter) -> None:
    """Nobody waits for one who is gone."""
    network.get("https://a.example/").mock(side_effect=httpx.ReadError("broken off"))
    network.get("https://b.example/").mock(return_value=httpx.Response(200))
    fetcher = make_fetcher(timeout_s=30)
    with pytest.raises(FetchError):
        fetcher.get(in_turn_of("https://a.example/"))
    assert fetcher.get(in_turn_of("https://b.example/")).status == 200


# --- readers of headers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "9" * 1_000_000,
        " " * 1_000_000,
        "Wed, " + " " * 1_000_000 + "GMT",
        '"a";r=0;t=1,' * 80_000,
        ";" * 1_000_000,
        ("; " + " " * 500) * 2000 + "r=0",
        ",".join(["Wed"] * 250_000),
    ],
    ids=lambda value: value[:6],
)
def test_fault_15_a_megabyte_in_a_header_is_read_in_no_time(value: str) -> None:
    """No pattern goes back over what it has seen."""
    started = time.process_time()
    for _ in range(10):
        parse_retry_after(value, now=NOW)
        parse_http_date(value)
        parse_rate_limit(value)
        is_challenge(lambda _: value)
    assert time.process_time() - started < 2


def test_fault_16_no_header_names_code(network: respx.MockRouter) -> None:
    """What a header says is text: nothing is imported or called by that name."""
    headers = {"Referrer-Policy": "antigravity.geohash", "Content-Type": "antigravity/x", "ETag": "this"}
    network.get("https://example.org/").mock(return_value=httpx.Response(200, headers=headers))
    page = make_fetcher().get(PageRequest("https://example.org/"))
    assert ("referrer-policy", "antigravity.geohash") in page.headers
    assert not {"antigravity", "this"} & set(sys.modules)
