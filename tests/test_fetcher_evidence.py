"""Limits of one request, what is kept of an answer, and how many headers and chunks are borne."""

import gzip
import time
import tracemalloc
from itertools import repeat
from typing import Any

import pytest

from digest.errors import FetchError
from digest.types import Page, PageRequest, Verdict
from tests.loopback import (
    NOW,
    LoopbackServer,
    Peer,
    Script,
    answer,
    gzip_bomb,
    in_turn,
    make_fetcher,
    redirect,
)

BODY = b'[{"paper": "An invented one"}]'
KIB = 1024
MIB = 1024 * 1024


def get(server: LoopbackServer, **more: Any) -> Page:
    return make_fetcher(timeout_s=5).get(PageRequest(server.url), allow_private=True, **more)


def failure(server: LoopbackServer, **more: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        get(server, **more)
    return caught.value


# --- limits of one request ------------------------------------------------------------------------


def test_a_request_may_have_a_limit_of_its_own() -> None:
    """Larger or smaller than the fetcher's."""
    with LoopbackServer(answer(body=bytes(2000))) as server:
        assert failure(server, max_bytes=1999).verdict is Verdict.BROKEN
        fetcher = make_fetcher(max_bytes=1000)
        request = PageRequest(server.url)
        assert len(fetcher.get(request, allow_private=True, max_bytes=2000).body) == 2000


def test_a_request_may_have_a_deadline_of_its_own() -> None:
    """Shorter or longer than the fetcher's."""

    def slow(peer: Peer) -> None:
        peer.stop.wait(1.0)
        peer.send(answer(body=BODY))

    with LoopbackServer(slow) as server:
        started = time.monotonic()
        assert "within 0.3 s" in str(failure(server, timeout_s=0.3))
        assert time.monotonic() - started < 0.9
        fetcher = make_fetcher(timeout_s=0.3)
        assert fetcher.get(PageRequest(server.url), allow_private=True, timeout_s=5).body == BODY


# --- where an address went ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "moved_to"),
    [
        ((301,), "/1"),
        ((308,), "/1"),
        ((301, 308), "/2"),
        ((301, 302, 301), "/1"),
        ((302, 301), None),
        ((303,), None),
        ((307, 308), None),
        ((), None),
    ],
)
def test_a_permanent_redirect_is_noted(statuses: tuple[int, ...], moved_to: str | None) -> None:
    """As far as only permanent ones lead; it is followed this time, and adopted by nobody."""
    chain = [redirect(f"/{number}", status) for number, status in enumerate(statuses, start=1)]
    with LoopbackServer(in_turn(*chain, answer(body=BODY))) as server:
        page = get(server)
        origin = f"http://127.0.0.1:{server.port}"
    assert page.moved_to == (moved_to and origin + moved_to)
    assert page.url == origin + (f"/{len(statuses)}" if statuses else "/papers")


def test_where_it_went_is_told_of_a_failure_too() -> None:
    """An address that moved to nowhere."""
    with LoopbackServer(in_turn(redirect("/gone", 301), answer(404))) as server:
        page = failure(server).page
    assert page is not None
    assert (page.status, page.moved_to) == (404, page.url)


# --- headers ------------------------------------------------------------------------------------


def test_headers_are_kept_but_no_secrets() -> None:
    """Names in lower case, in order, unreadable characters replaced."""
    headers = [
        ("X-One", "1"),
        ("Set-Cookie", "id=secret"),
        ("WWW-Authenticate", "Basic realm=secret"),
        ("Authorization", "secret"),
        ("Age", "7"),
        ("X-Odd", "caf\xe9 \x9b31m"),
    ]
    with LoopbackServer(answer(body=BODY, headers=headers)) as server:
        page = get(server)
    assert page.headers == (
        ("content-length", str(len(BODY))),
        ("x-one", "1"),
        ("age", "7"),
        ("x-odd", "caf\xe9 \ufffd31m"),
    )


def test_kept_headers_are_few_and_short() -> None:
    """At most 50, and 4,096 characters; a long one makes room for those after it."""
    many = [(f"X-{number}", "v") for number in range(200)]
    with LoopbackServer(answer(body=BODY, headers=many)) as server:
        assert len(get(server).headers) == 50
    long = [("X-Long", "v" * 5000), ("X-Most", "v" * 4000), ("X-More", "v" * 200), ("X-Last", "v")]
    with LoopbackServer(answer(body=BODY, headers=long)) as server:
        names = [name for name, _ in get(server).headers]
    assert names == ["content-length", "x-most", "x-last"]


@pytest.mark.parametrize(
    "block",
    [
        b"".join(b"x%d: v\r\n" % number for number in range(9000)),
        b"a:\r\n" * 24_000,
        b"x: " + b"v" * 99_000 + b"\r\n",
    ],
)
def test_headers_within_100_kib_are_borne(block: bytes) -> None:
    """However many they are: quickly."""
    started = time.process_time()
    length = b"Content-Length: %d\r\n" % len(BODY)
    with LoopbackServer(b"HTTP/1.1 200 OK\r\n" + length + block + b"\r\n" + BODY) as server:
        assert get(server).body == BODY
    assert time.process_time() - started < 3


@pytest.mark.parametrize("filler", [b"X-Filler: " + b"x" * 1000 + b"\r\n", b"x" * 1000, b"a:\r\n" * 250])
@pytest.mark.parametrize("where", ["headers", "trailers", "chunk size"])
def test_endless_headers_end_after_a_few_hundred_kib(where: str, filler: bytes) -> None:
    """Before the body, after it, and within a line: the memory for them is bounded as well."""
    head = b"HTTP/1.1 200 OK\r\n"
    if where != "headers":
        head += b"Transfer-Encoding: chunked\r\n\r\n" + (b"0\r\n" if where == "trailers" else b"1;")
    sent = [0]

    def script(peer: Peer) -> None:
        peer.send(head)
        for piece in repeat(filler):
            sent[0] += len(piece)
            peer.send(piece)

    with LoopbackServer(script) as server:
        tracemalloc.start()
        try:
            assert failure(server).verdict is Verdict.BROKEN
            assert tracemalloc.get_traced_memory()[1] < 4 * MIB
        finally:
            tracemalloc.stop()
    assert sent[0] < 32 * MIB  # most of it stayed in the buffers of the system


def test_fault_17_a_body_in_tiny_chunks_takes_no_more_memory() -> None:
    """Pieces are joined as they come: a list of them would take twenty times as much."""
    chunks = b"2\r\nab\r\n" * 80_000 + b"0\r\n\r\n"
    with LoopbackServer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks) as server:
        fetcher = make_fetcher(timeout_s=60)
        tracemalloc.start()
        try:
            page = fetcher.get(PageRequest(server.url), allow_private=True)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert len(page.body) == 160_000
    assert peak < len(chunks) + 2 * MIB  # the server's own copy is counted


# --- an answer that is no page ----------------------------------------------------------------------


def _drip(peer: Peer) -> None:
    peer.send(answer(403, b"slowly", length=100_000))
    peer.drip(repeat(b"."))


def _cut(peer: Peer) -> None:
    peer.send(answer(403, b"half", length=100_000))


def _packed(status: int, body: bytes, encoding: str = "gzip") -> bytes:
    return answer(status, body, headers=[("Content-Encoding", encoding)])


EVIDENCE: dict[str, tuple[bytes | Script, Verdict, int, bytes]] = {
    "403": (answer(403, b"go away"), Verdict.BLOCKED, 403, b"go away"),
    "429": (answer(429, b"slower"), Verdict.BLOCKED, 429, b"slower"),
    "404": (answer(404, b"gone"), Verdict.BROKEN, 404, b"gone"),
    "500": (answer(500, b"oh"), Verdict.UNREACHABLE, 500, b"oh"),
    "challenge": (
        answer(200, b"<html>wait", headers=[("x-amzn-waf-action", "challenge")]),
        Verdict.BLOCKED,
        200,
        b"<html>wait",
    ),
    "challenge in place of JSON": (
        answer(503, b"<html>", headers=[("cf-mitigated", "challenge"), ("Content-Type", "text/html")]),
        Verdict.BLOCKED,
        503,
        b"<html>",
    ),
    "packed": (_packed(403, gzip.compress(b"go away")), Verdict.BLOCKED, 403, b"go away"),
    "a bomb": (_packed(403, gzip_bomb(200)), Verdict.BLOCKED, 403, bytes(256 * KIB)),
    "too large": (answer(403, b"x" * 300_000), Verdict.BLOCKED, 403, b"x" * 256 * KIB),
    "damaged": (_packed(403, b"no gzip"), Verdict.BLOCKED, 403, b""),
    "encoded oddly": (_packed(403, b"x", "br"), Verdict.BLOCKED, 403, b""),
    "cut off": (_cut, Verdict.BLOCKED, 403, b"half"),
    "a page too large": (answer(200, bytes(3_000_000)), Verdict.BROKEN, 200, b""),
    "a page wrongly packed": (_packed(200, b"x", "br"), Verdict.BROKEN, 200, b""),
    "a redirect to nowhere": (redirect("file:///etc/passwd"), Verdict.BROKEN, 302, b""),
}


@pytest.mark.parametrize("case", EVIDENCE)
def test_what_came_is_kept_as_evidence(case: str) -> None:
    """Status, headers and the first 256 KiB; whatever is wrong with it, the verdict stays."""
    script, verdict, status, body = EVIDENCE[case]
    with LoopbackServer(script) as server:
        error = failure(server, max_bytes=1_000_000)
    assert error.verdict is verdict
    assert error.page is not None
    assert (error.page.status, error.page.body, error.page.fetched_at) == (status, body, NOW)
    assert error.page.headers


@pytest.mark.parametrize("timeout_s", [0.5, 30.0])
def test_evidence_takes_no_longer_than_it_is_worth(timeout_s: float) -> None:
    """Three seconds, or what the deadline leaves; the error is the real one."""
    with LoopbackServer(_drip) as server:
        started = time.monotonic()
        error = failure(server, timeout_s=timeout_s)
        assert time.monotonic() - started < min(timeout_s, 3.0) + 1
    assert (error.verdict, "does not let us in" in str(error)) == (Verdict.BLOCKED, True)
    assert error.page is not None
    assert error.page.body.startswith(b"slowly")


def test_no_answer_is_no_evidence() -> None:
    """Nothing is made up."""
    with LoopbackServer(b"") as server:
        assert failure(server).page is None


def test_a_body_wanted_by_nobody_is_not_read() -> None:
    """That of a redirect."""
    endless = b"HTTP/1.1 302 X\r\nLocation: /x\r\n\r\n"

    def script(peer: Peer) -> None:
        if peer.index == 0:
            peer.send(endless)
            peer.drip(repeat(b"x" * 65536), every_s=0.0)
        else:
            peer.send(answer(body=BODY))

    with LoopbackServer(script) as server:
        assert get(server).body == BODY
