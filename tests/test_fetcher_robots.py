"""How the fetcher asks for robots.txt, and what it makes of the answers."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from digest.errors import FetchError
from digest.fetcher import RobotsText
from digest.pipeline.robots_store import DatabaseRobots
from digest.storage import robots as robots_rows
from digest.storage.database import Database
from digest.types import PageRequest, Verdict
from tests.loopback import (
    NOW,
    LoopbackServer,
    ManualClock,
    Peer,
    Script,
    Switchboard,
    answer,
    gzip_bomb,
    make_fetcher,
    redirect,
)

pytest_plugins = ("tests.storage_fixtures",)

BODY = b'[{"paper": "An invented one"}]'
FORBIDDING = b"User-agent: *\nDisallow: /papers\n"


class Shelf:
    """Keeps rules in memory, as the database does between runs."""

    def __init__(self) -> None:
        self.kept: dict[str, RobotsText] = {}

    def get(self, origin: str) -> RobotsText | None:
        return self.kept.get(origin)

    def put(self, origin: str, text: RobotsText) -> None:
        self.kept[origin] = text


def site(robots: bytes | Script, page: bytes = answer(body=BODY)) -> Script:
    """Answers /robots.txt with the one and all else with the other."""

    def script(peer: Peer) -> None:
        chosen = robots if peer.request.startswith(b"GET /robots.txt ") else page
        chosen(peer) if callable(chosen) else peer.send(chosen)

    return script


def paths(server: LoopbackServer) -> list[str]:
    return [request.split(b" ")[1].decode() for request in server.requests]


def fetch(server: LoopbackServer, path: str = "/papers", **more: Any) -> bytes:
    settings = {"robots": None, "timeout_s": 5, **more}
    request = PageRequest(f"http://127.0.0.1:{server.port}{path}")
    return make_fetcher(**settings).get(request, allow_private=True).body


def refusal(server: LoopbackServer, path: str = "/papers", **more: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(server, path, **more)
    return caught.value


def test_a_forbidden_page_is_not_asked_for() -> None:
    """Also on a host of the operator's own; the file is asked for once, with nothing of the source's."""
    with LoopbackServer(site(answer(body=FORBIDDING))) as server:
        fetcher = make_fetcher(robots=None)
        secret = (("Authorization", "secret"), ("Cookie", "secret"))
        for path in ("/papers", "/papers/today", "/other"):
            request = PageRequest(f"http://127.0.0.1:{server.port}{path}", headers=secret)
            if path == "/other":
                assert fetcher.get(request, allow_private=True).body == BODY
                continue
            with pytest.raises(FetchError, match=r"robots\.txt of 127\.0\.0\.1 does not allow") as caught:
                fetcher.get(request, allow_private=True)
            assert caught.value.verdict is Verdict.BLOCKED
        assert paths(server) == ["/robots.txt", "/other"]
        assert b"secret" not in server.requests[0]
        assert server.header("user-agent", 0) == "paper-digest/test (+ada@example.org)"


def test_a_documented_interface_is_not_for_crawlers() -> None:
    """Its address is asked without robots.txt, but where it redirects to another host is no longer it."""
    with LoopbackServer(site(answer(body=FORBIDDING))) as server:
        request = PageRequest(server.url, documented=True)
        assert make_fetcher(robots=None).get(request, allow_private=True).body == BODY
        assert paths(server) == ["/papers"]
    with LoopbackServer(site(answer(body=FORBIDDING), redirect("http://papers.example/papers"))) as server:
        network = Switchboard(server.port)
        fetcher = make_fetcher(robots=None, network=network, resolver=lambda *_: ["1.1.1.1"])
        with pytest.raises(FetchError, match=r"robots\.txt of papers\.example"):
            fetcher.get(PageRequest("http://interface.example/", documented=True))
        assert paths(server) == ["/", "/robots.txt"]


def test_a_redirect_leads_to_no_forbidden_page() -> None:
    """Each address of a chain is held against its own host's rules."""
    with LoopbackServer(site(answer(body=FORBIDDING), redirect("/papers"))) as server:
        assert "does not allow" in str(refusal(server, "/start"))
        assert paths(server) == ["/robots.txt", "/start"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 451])
def test_4xx_means_no_rules(status: int) -> None:
    """RFC 9309, 2.3.1.3; 429 too, though the page may then have to wait."""
    with LoopbackServer(site(answer(status, FORBIDDING))) as server:
        assert fetch(server) == BODY


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_5xx_means_that_nothing_may_be_asked(status: int) -> None:
    """RFC 9309, 2.3.1.4: unreachable, not blocked; tried three times; the answer is kept as evidence."""
    with LoopbackServer(site(answer(status, b"down"))) as server:
        error = refusal(server)
        assert error.verdict is Verdict.UNREACHABLE
        assert "robots.txt" in str(error)
        assert paths(server) == ["/robots.txt"] * 3


def test_a_file_that_failed_is_tried_again_soon_and_never_kept() -> None:
    """For a minute it is not asked for again; after that it is, and nothing of it was stored."""
    clock, shelf = ManualClock(), Shelf()
    state = [answer(503)]
    with LoopbackServer(lambda peer: site(state[0])(peer)) as server:
        fetcher = make_fetcher(robots=shelf, timeout_s=60, clock=clock, sleep=clock.sleep)
        request = PageRequest(server.url)
        for _ in range(2):
            with pytest.raises(FetchError) as caught:
                fetcher.get(request, allow_private=True)
            assert caught.value.verdict is Verdict.UNREACHABLE
        assert (len(server.requests), shelf.kept) == (3, {})
        state[0] = answer(404)
        clock.time += 61
        assert fetcher.get(request, allow_private=True).body == BODY
        assert [text.status for text in shelf.kept.values()] == [404]


SILENT: dict[str, bytes | Script] = {
    "silence": lambda peer: peer.stop.wait(5) and None,  # type: ignore[func-returns-value]
    "closed": b"",
    "cut off": answer(body=FORBIDDING, length=5000),
    "not HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "wrongly encoded": answer(body=FORBIDDING, headers=[("Content-Encoding", "br")]),
    "private": redirect("http://10.0.0.1/robots.txt"),
}


@pytest.mark.parametrize("case", SILENT)
def test_no_answer_means_that_nothing_may_be_asked(case: str) -> None:
    """Unreachable within the deadline of the page itself."""
    started = time.monotonic()
    with LoopbackServer(site(SILENT[case])) as server:
        assert refusal(server, timeout_s=0.7).verdict is Verdict.UNREACHABLE
        assert "/papers" not in paths(server)
    assert time.monotonic() - started < 4


def test_redirects_are_followed_five_times() -> None:
    """RFC 9309, 2.3.1.2: to the rules that stand there, also on another host."""

    def script(peer: Peer) -> None:
        path = peer.request.split(b" ")[1]
        chain = {b"/robots.txt": "/1", **{b"/%d" % n: f"/{n + 1}" for n in range(1, hops)}}
        peer.send(redirect(chain[path]) if path in chain else answer(body=FORBIDDING))

    for hops in (5, 6):
        with LoopbackServer(script) as server:
            if hops == 5:
                assert "does not allow" in str(refusal(server))
            else:
                assert fetch(server) == FORBIDDING


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://u@example.org/", "\\\\evil", ""])
def test_a_redirect_to_nowhere_is_no_file(location: str) -> None:
    """It is not followed, and what is not there forbids nothing."""
    with LoopbackServer(site(redirect(location))) as server:
        assert fetch(server) == BODY


def test_fault_14_a_large_file_is_cut_and_a_bomb_does_no_harm() -> None:
    """Fault 14: of both the first 500 KiB are read."""
    large = FORBIDDING + b"#" * 2_000_000
    with LoopbackServer(site(answer(body=large))) as server:
        assert "does not allow" in str(refusal(server))
    bomb = answer(body=gzip_bomb(200), headers=[("Content-Encoding", "gzip")])
    with LoopbackServer(site(bomb)) as server:
        tracemalloc.start()
        try:
            assert fetch(server) == BODY
            assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
        finally:
            tracemalloc.stop()


def test_its_pauses_and_spacing_are_kept() -> None:
    """The file is asked for like any page: its Retry-After holds for the host, and so does the distance."""
    clock = ManualClock()
    resting = answer(429, headers=[("Retry-After", "200")])
    with LoopbackServer(site(resting)) as server:
        more = {"clock": clock, "sleep": clock.sleep, "network": Switchboard(server.port)}
        fetcher = make_fetcher(robots=None, timeout_s=30, resolver=lambda *_: ["1.1.1.1"], **more)
        with pytest.raises(FetchError) as caught:
            fetcher.get(PageRequest("http://papers.example/papers"))
        assert (caught.value.verdict, caught.value.retry_after_s) == (Verdict.BLOCKED, 200.0)
        assert paths(server) == ["/robots.txt"]


def test_a_crawl_delay_is_kept_between_requests() -> None:
    """To a public host; it does not count against the deadline, and a host of one's own need not wait."""
    rules = answer(body=b"User-agent: *\nCrawl-delay: 7\n")
    for allow_private, slept in ((False, [7.0, 7.0]), (True, [])):
        clock = ManualClock()
        with LoopbackServer(site(rules)) as server:
            network = Switchboard(server.port)
            fetcher = make_fetcher(
                robots=None,
                timeout_s=2,
                clock=clock,
                sleep=clock.sleep,
                network=network,
                resolver=lambda *_: ["1.1.1.1"],
            )
            for _ in range(2):
                request = PageRequest("http://papers.example/papers")
                assert fetcher.get(request, allow_private=allow_private).body == BODY
        assert clock.slept == slept


def test_threads_ask_for_it_once() -> None:
    """Who comes while another asks waits for that answer."""
    barrier = Barrier(6)
    results: list[bytes] = []

    def slow(peer: Peer) -> None:
        peer.stop.wait(0.3)
        peer.send(answer(404))

    with LoopbackServer(site(slow)) as server:
        fetcher = make_fetcher(robots=None, timeout_s=10)

        def work() -> None:
            barrier.wait()
            results.append(fetcher.get(PageRequest(server.url), allow_private=True).body)

        threads = [Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [BODY] * 6
        assert paths(server).count("/robots.txt") == 1


def test_waiting_for_another_threads_question_does_not_count() -> None:
    """Who waits for the answer has their own deadline still before them."""
    asked = Event()

    def slow(peer: Peer) -> None:
        asked.set()
        peer.stop.wait(0.8)
        peer.send(answer(404))

    with LoopbackServer(site(slow)) as server, ThreadPoolExecutor(1) as pool:
        fetcher = make_fetcher(robots=None)
        request = PageRequest(server.url)
        first = pool.submit(fetcher.get, request, allow_private=True, timeout_s=10)
        assert asked.wait(5)
        assert fetcher.get(request, allow_private=True, timeout_s=0.4).body == BODY
        assert first.result().body == BODY
        assert paths(server).count("/robots.txt") == 1


# --- how long it is believed ------------------------------------------------------------------------


@contextmanager
def counting(robots: bytes) -> Iterator[tuple[LoopbackServer, Callable[[], int]]]:
    with LoopbackServer(site(robots)) as server:
        yield server, lambda: paths(server).count("/robots.txt")


@pytest.mark.parametrize("robots", [answer(404), answer(body=b"User-agent: *\nDisallow: /x\n")])
def test_it_is_asked_for_once_a_day(robots: bytes) -> None:
    """Across runs through the store, within one without it, and again after a day or a jump of the clock."""
    shelf, moment = Shelf(), [NOW]
    with counting(robots) as (server, asked):
        for now, count in (
            (NOW, 1),
            (NOW + timedelta(hours=23, minutes=59), 1),
            (NOW + timedelta(hours=24), 2),
            (NOW - timedelta(hours=1), 3),
        ):
            moment[0] = now
            assert fetch(server, robots=shelf, now=lambda: moment[0]) == BODY
            assert asked() == count
        fetcher = make_fetcher(robots=None, now=lambda: moment[0], timeout_s=5)
        for now, count in ((NOW, 4), (NOW + timedelta(hours=23), 4), (NOW + timedelta(hours=25), 5)):
            moment[0] = now
            fetcher.get(PageRequest(server.url), allow_private=True)
            assert asked() == count


def test_the_database_keeps_it_for_the_next_run(database: Database) -> None:
    """A second fetcher asks for the page only."""
    with LoopbackServer(site(answer(body=FORBIDDING))) as server:
        for _ in range(2):
            error = refusal(server, robots=DatabaseRobots(database))
            assert error.verdict is Verdict.BLOCKED
        assert paths(server) == ["/robots.txt"]
        origin = f"http://127.0.0.1:{server.port}"
    with database.read() as session:
        row = robots_rows.get_robots(session, origin)
    assert row is not None
    assert (row.status, row.body, row.fetched_at) == (200, "User-agent: *\nDisallow: /papers", NOW)


def test_what_is_kept_is_replaced_and_forgotten(database: Database) -> None:
    """One row per origin; a week later the old ones are gone."""
    store = DatabaseRobots(database)
    first = datetime(2026, 3, 1, tzinfo=UTC)
    store.put("https://a.example", RobotsText(200, "User-agent: *\nDisallow: /", first))
    store.put("https://a.example", RobotsText(404, "", first + timedelta(days=1)))
    store.put("https://b.example:81", RobotsText(404, "", first + timedelta(days=2)))
    assert store.get("https://a.example") == RobotsText(404, "", first + timedelta(days=1))
    store.put("https://c.example", RobotsText(404, "", first + timedelta(days=8, hours=1)))
    assert store.get("https://a.example") is None
    assert store.get("https://b.example:81") is not None


def test_a_database_that_fails_costs_no_page(tmp_path: Path) -> None:
    """The file is asked for again, that is all."""
    (tmp_path / "digest.db").write_bytes(b"not a database" * 100)
    with (
        closing(Database(f"sqlite:///{tmp_path}/digest.db")) as broken,
        LoopbackServer(site(answer(404))) as server,
    ):
        assert fetch(server, robots=DatabaseRobots(broken)) == BODY
