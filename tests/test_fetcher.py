"""The fetcher against a server that answers as badly as it can. Numbers: the list of known faults."""

import gzip
import socket
import time
import tracemalloc
import zlib
from datetime import date
from itertools import repeat
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.errors import FetchError
from digest.fetcher import Fetcher, make_user_agent
from digest.fetcher.body import PIECE_BYTES, read_body
from digest.types import Page, PageRequest, Verdict
from tests.loopback import (
    NOW,
    TIMEOUT_S,
    LoopbackServer,
    Peer,
    Script,
    answer,
    gzip_bomb,
    in_turn,
    make_fetcher,
    redirect,
)

BODY = b'[{"paper": "An invented one"}]' * 20


def get(server: LoopbackServer, *, fetcher: Fetcher | None = None, **more: Any) -> Page:
    return (fetcher or make_fetcher()).get(PageRequest(server.url), allow_private=True, **more)


def failure(server: LoopbackServer, *, fetcher: Fetcher | None = None, **more: Any) -> FetchError:
    """The error a request ends with, which comes within the deadline."""
    started = time.monotonic()
    with pytest.raises(FetchError) as caught:
        get(server, fetcher=fetcher, **more)
    assert time.monotonic() - started < TIMEOUT_S + 3
    return caught.value


# --- what a good answer gives ---------------------------------------------------------------------


def test_a_page_has_its_bytes_and_headers() -> None:
    """Body, type, validators and date; the request names us and asks for what we can decode."""
    headers = [("Content-Type", "application/json"), ("ETag", '"v1"'), ("Last-Modified", "then")]
    with LoopbackServer(answer(body=BODY, headers=headers)) as server, make_fetcher() as fetcher:
        request = PageRequest(server.url + "?date=2026-03-11", day=date(2026, 3, 11))
        page = fetcher.get(request, allow_private=True)
    assert page == Page(
        url=server.url + "?date=2026-03-11",
        status=200,
        body=BODY,
        fetched_at=NOW,
        content_type="application/json",
        etag='"v1"',
        last_modified="then",
        headers=(
            ("content-length", str(len(BODY))),
            ("content-type", "application/json"),
            ("etag", '"v1"'),
            ("last-modified", "then"),
        ),
    )
    assert server.requests[0].startswith(b"GET /papers?date=2026-03-11 HTTP/1.1\r\n")
    assert server.header("user-agent") == "paper-digest/test (+ada@example.org)"
    assert server.header("host") == f"127.0.0.1:{server.port}"
    assert server.header("accept-encoding") == "gzip, deflate"
    assert server.header("connection") == "close"
    assert server.header("cookie") is None


def test_the_user_agent_names_a_contact() -> None:
    """Whatever the contact holds, it stays one well-formed comment."""
    assert make_user_agent("mailto:ada@example.org").endswith(" (+mailto:ada@example.org)")
    assert make_user_agent("a) b\r\nX: y(é").endswith(" (+abX:y)")
    assert "(" not in make_user_agent(None)


def test_a_source_may_send_headers_and_a_body() -> None:
    """Except those that frame the request, which are ours."""
    request_headers = (
        ("X-Api-Key", "k"),
        ("Host", "evil.example"),
        ("Content-Length", "3"),
        ("Accept", "a/b"),
    )
    with LoopbackServer(answer(body=BODY)) as server:
        request = PageRequest(server.url, method="POST", headers=request_headers, body=b"q=1&r=2")
        make_fetcher().get(request, allow_private=True)
    assert server.requests[0].startswith(b"POST ")
    assert server.requests[0].endswith(b"\r\n\r\nq=1&r=2")
    assert server.header("x-api-key") == "k"
    assert server.header("accept") == "a/b"
    assert server.requests[0].lower().count(b"host:") == 1


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ключ"])
def test_a_header_that_cannot_be_sent_is_an_error(value: str) -> None:
    """No second header is smuggled in through a value."""
    with LoopbackServer(answer(body=BODY)) as server, pytest.raises(FetchError) as caught:
        make_fetcher().get(PageRequest(server.url, headers=(("X-Api-Key", value),)), allow_private=True)
    assert caught.value.verdict is Verdict.BROKEN
    assert not any(server.requests)


ENCODED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "gzip by its old name": ("X-GZip", gzip.compress(BODY)),
    "gzip in two members": ("gzip", gzip.compress(BODY[:7]) + gzip.compress(BODY[7:])),
    "gzip with padding": ("gzip", gzip.compress(BODY) + bytes(8)),
    "deflate": ("deflate", zlib.compress(BODY)),
    "deflate without its wrapper": ("deflate", zlib.compress(BODY, wbits=-15)),
    "identity": ("identity", BODY),
    "none": ("", BODY),
    "nothing at all": ("gzip", b""),
}


@pytest.mark.parametrize("case", ENCODED)
@pytest.mark.parametrize("pieces", [1, 1000])
def test_encodings_are_decoded(case: str, pieces: int) -> None:
    """Gzip with several members or padding, deflate with and without its wrapper, in any pieces."""
    encoding, body = ENCODED[case]
    head = answer(headers=[("Content-Encoding", encoding)], length=len(body))

    def script(peer: Peer) -> None:
        peer.send(head)
        step = max(1, len(body) // pieces)
        peer.drip((body[i : i + step] for i in range(0, len(body), step)), every_s=0.0)

    with LoopbackServer(script) as server:
        assert get(server).body == (BODY if body else b"")


def test_a_large_page_within_the_limit_is_read_whole() -> None:
    """Exactly at the limit passes, one byte more does not, packed or not."""
    for body in (bytes(1_000_000), b"\x01" * 1_000_001):
        for encoding, packed in (("identity", body), ("deflate", zlib.compress(body, wbits=-15))):
            with LoopbackServer(answer(body=packed, headers=[("Content-Encoding", encoding)])) as server:
                fetcher = make_fetcher(max_bytes=1_000_000, timeout_s=5)
                if len(body) == 1_000_000:
                    assert get(server, fetcher=fetcher).body == body
                else:
                    assert failure(server, fetcher=fetcher).verdict is Verdict.BROKEN


@given(
    body=st.one_of(
        st.binary(max_size=300),
        # Around one piece of output, zlib may have taken all input and still hold some output back.
        st.integers(PIECE_BYTES - 300, PIECE_BYTES + 300).map(bytes),
    ),
    wbits=st.sampled_from([-15, 15, 31]),
    step=st.integers(1, 70_000),
)
@example(body=bytes(PIECE_BYTES + 1), wbits=-15, step=70_000)
def test_any_body_is_decoded_in_any_pieces(body: bytes, wbits: int, step: int) -> None:
    """What was packed comes out, wherever it is cut; cut off by one byte it does not."""
    packed = zlib.compress(body, wbits=wbits)
    encoding = "gzip" if wbits == 31 else "deflate"
    pieces = [packed[i : i + step] for i in range(0, len(packed), step)]
    if body.startswith(b"\x1f\x8b"):
        return
    assert read_body(pieces, encoding, max_bytes=len(body)) == body
    with pytest.raises(FetchError) as caught:
        read_body([*pieces[:-1], pieces[-1][:-1]], encoding, max_bytes=len(body))
    assert caught.value.verdict is Verdict.UNREACHABLE


def test_interim_answers_and_chunks_are_understood() -> None:
    """A 100 before the answer, and a chunked body."""
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:9], BODY[9:])) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with LoopbackServer(b"HTTP/1.1 100 Continue\r\n\r\n" + head + chunked) as server:
        assert get(server).body == BODY


# --- conditional requests -------------------------------------------------------------------------


def test_nothing_changed_is_a_result() -> None:
    """304 to a conditional request is a page without a body, with the validators to keep."""
    with LoopbackServer(answer(304, headers=[("ETag", '"v1"')])) as server:
        page = get(server, etag='"v1"', last_modified="Tue, 10 Mar 2026 09:00:00 GMT")
    assert page.not_modified
    assert (page.body, page.etag, page.last_modified) == (b"", '"v1"', "Tue, 10 Mar 2026 09:00:00 GMT")
    assert server.header("if-none-match") == '"v1"'
    assert server.header("if-modified-since") == "Tue, 10 Mar 2026 09:00:00 GMT"


def test_304_without_having_asked_is_broken() -> None:
    """Nothing is stored that this could refer to."""
    with LoopbackServer(answer(304)) as server:
        assert failure(server).verdict is Verdict.BROKEN


@pytest.mark.parametrize("etag", ['"' + "x" * 600 + '"', '"é"', '"a\tb"'])
def test_odd_validators_are_not_kept(etag: str) -> None:
    """They would be sent back as they are."""
    with LoopbackServer(answer(body=BODY, headers=[("ETag", etag)])) as server:
        assert get(server).etag is None


# --- hostile answers ------------------------------------------------------------------------------


def _endless_headers(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n")
    peer.drip(repeat(b"X-Filler: " + b"x" * 1000 + b"\r\n"), every_s=0.0)


def _slow_headers(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n")
    peer.drip(repeat(b"X"))


def _slow_body(peer: Peer) -> None:
    peer.send(answer(length=10_000))
    peer.drip(repeat(b"x"))


def _slow_gzip(peer: Peer) -> None:
    packed = gzip.compress(BODY * 1000)
    peer.send(answer(length=10_000_000, headers=[("Content-Encoding", "gzip")]) + packed[:20])
    peer.drip(repeat(b""))


def _endless_body(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    peer.drip(repeat(b"x" * 65536), every_s=0.0)


def _endless_interim(peer: Peer) -> None:
    peer.drip(repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100))


def _gzip_of_nothing(peer: Peer) -> None:
    """Empty blocks for ever: much comes, and nothing comes out."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + GZIPPED[:10])
    peer.drip(repeat(b"\x00\x00\x00\xff\xff" * 100_000), every_s=0.0)


def _silence(peer: Peer) -> None:
    peer.stop.wait(5)


def _packed(encoding: str, body: bytes) -> bytes:
    return answer(body=body, headers=[("Content-Encoding", encoding)])


GZIPPED = gzip.compress(BODY)
HOSTILE: dict[str, tuple[bytes | Script, Verdict]] = {
    "no answer": (_silence, Verdict.UNREACHABLE),
    "closed at once": (b"", Verdict.UNREACHABLE),
    "closed in the headers": (b"HTTP/1.1 200 OK\r\nContent-Ty", Verdict.UNREACHABLE),
    "slow headers": (_slow_headers, Verdict.UNREACHABLE),
    "slow body": (_slow_body, Verdict.UNREACHABLE),
    "slow gzip": (_slow_gzip, Verdict.UNREACHABLE),
    "endless headers": (_endless_headers, Verdict.BROKEN),
    "endless interim answers": (_endless_interim, Verdict.UNREACHABLE),
    "faults 17, 22: endless body": (_endless_body, Verdict.BROKEN),
    "not HTTP": (b"220 mail.example ESMTP\r\n\r\n", Verdict.BROKEN),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", Verdict.BROKEN),
    "length too long": (answer(body=BODY, length=len(BODY) + 10), Verdict.UNREACHABLE),
    "length no number": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", Verdict.BROKEN),
    "chunks cut off": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcdefghi\r\n",
        Verdict.UNREACHABLE,
    ),
    "chunk size wrong": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        Verdict.BROKEN,
    ),
    "gzip cut off": (_packed("gzip", GZIPPED[:-9]), Verdict.UNREACHABLE),
    "gzip of one byte": (_packed("gzip", b"\x1f"), Verdict.UNREACHABLE),
    "deflate cut off": (_packed("deflate", zlib.compress(BODY)[:-5]), Verdict.UNREACHABLE),
    "gzip that is none": (_packed("gzip", BODY), Verdict.BROKEN),
    "gzip with a wrong checksum": (_packed("gzip", GZIPPED[:-8] + bytes(8)), Verdict.BROKEN),
    "deflate that is none": (_packed("deflate", b"\xff" * 99), Verdict.BROKEN),
    "gzip twice, declared": (_packed("gzip, gzip", gzip.compress(GZIPPED)), Verdict.BROKEN),
    "deflate twice, declared": (
        _packed("deflate, deflate", zlib.compress(zlib.compress(BODY))),
        Verdict.BROKEN,
    ),
    "gzip twice, hidden": (_packed("gzip", gzip.compress(GZIPPED)), Verdict.BROKEN),
    "gzip undeclared": (answer(body=GZIPPED), Verdict.BROKEN),
    "fault 14: gzip in many members": (_packed("gzip", gzip.compress(b"x") * 5000), Verdict.BROKEN),
    "fault 14: gzip bomb": (_packed("gzip", gzip_bomb(100)), Verdict.BROKEN),
    "faults 14, 22: brotli": (_packed("br", b"\x0b\x02\x80"), Verdict.BROKEN),
    "unknown encoding": (_packed("x\x80-evil", BODY), Verdict.BROKEN),
    "fault 24: redirect without location": (answer(302), Verdict.BROKEN),
    "redirect loop": (redirect("/papers"), Verdict.BROKEN),
    "faults 9, 10, 11: redirect to a file": (redirect("file:///etc/passwd"), Verdict.BROKEN),
    "faults 9, 11: redirect to data": (redirect("data:application/json,[]"), Verdict.BROKEN),
    "fault 1: redirect to metadata": (redirect("http://169.254.169.254/latest/"), Verdict.UNREACHABLE),
    "fault 1: redirect to a private network": (redirect("http://10.0.0.1/"), Verdict.UNREACHABLE),
    "redirect to loopback": (redirect("http://127.0.0.1:9/"), Verdict.UNREACHABLE),
    "redirect to localhost": (redirect("http://localhost/"), Verdict.UNREACHABLE),
    "fault 1: redirect to a wrapped address": (redirect("http://[::ffff:127.0.0.1]/"), Verdict.UNREACHABLE),
    "redirect to an odd address": (redirect("http://0x7f.1/"), Verdict.BROKEN),
    "redirect to //evil": (redirect("//evil"), Verdict.UNREACHABLE),
    "redirect with a user": (redirect("http://user@example.org/"), Verdict.BROKEN),
    "fault 2: redirect with a backslash": (redirect("http://example.org\\@10.0.0.1/"), Verdict.BROKEN),
    "redirect with a bad port": (redirect("http://example.org:99999/"), Verdict.BROKEN),
    "two locations": (answer(302, headers=[("Location", "/a"), ("Location", "/b")]), Verdict.BROKEN),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_answers_end_in_a_verdict(case: str) -> None:
    """Each within its deadline, and as FetchError."""
    script, verdict = HOSTILE[case]
    with LoopbackServer(script) as server:
        assert failure(server, fetcher=make_fetcher(max_bytes=1_000_000)).verdict is verdict


def test_fault_14_bytes_that_decode_to_nothing_are_counted_too() -> None:
    """A limit on what comes out does not bound what comes in."""
    with LoopbackServer(_gzip_of_nothing) as server:
        error = failure(server, fetcher=make_fetcher(max_bytes=10_000, timeout_s=5))
    assert error.verdict is Verdict.BROKEN


def test_fault_14_a_gzip_bomb_does_not_fill_the_memory() -> None:
    """600 MiB of zeros in 0.6 MB cost about what the limit allows."""
    bomb = gzip_bomb(600)
    assert len(bomb) < 1024 * 1024
    limit = 8 * 1024 * 1024
    with LoopbackServer(_packed("gzip", bomb)) as server:
        fetcher = make_fetcher(max_bytes=limit, timeout_s=5)
        tracemalloc.start()
        try:
            error = failure(server, fetcher=fetcher)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert error.verdict is Verdict.BROKEN
    assert "larger" in str(error)
    assert peak < limit + 4 * 1024 * 1024


def test_fault_24_nobody_listening_is_unreachable() -> None:
    """A refused connection is tried three times, later and later."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    slept: list[float] = []
    fetcher = make_fetcher(timeout_s=5, sleep=slept.append)
    with pytest.raises(FetchError, match="could not be reached") as caught:
        fetcher.get(PageRequest(f"http://127.0.0.1:{port}/"), allow_private=True)
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert str(caught.value) == "127.0.0.1 could not be reached: Connection refused"
    assert slept == [0.5, 1.0]


# --- redirects ------------------------------------------------------------------------------------


def test_redirects_are_followed_and_the_end_is_told() -> None:
    """Five in a row are fine; the page says where it came from."""
    chain = in_turn(*[redirect(f"/{n}") for n in range(5)], answer(body=BODY))
    with LoopbackServer(chain) as server:
        page = get(server)
    assert page.body == BODY
    assert page.url.endswith("/4")
    assert len(server.requests) == 6


def test_a_sixth_redirect_is_one_too_many() -> None:
    """Also without a loop."""
    with LoopbackServer(in_turn(*[redirect(f"/{n}") for n in range(9)])) as server:
        assert "redirects" in str(failure(server))
    assert len(server.requests) == 6


@pytest.mark.parametrize(("status", "method"), [(301, b"GET"), (302, b"GET"), (303, b"GET"), (307, b"POST")])
def test_redirects_of_what_was_sent(status: int, method: bytes) -> None:
    """As browsers do: only 307 and 308 send the body again."""
    with LoopbackServer(in_turn(redirect("/x", status), answer(body=BODY))) as server:
        request = PageRequest(server.url, method="POST", body=b"q=1", headers=(("Content-Type", "a/b"),))
        make_fetcher().get(request, allow_private=True)
    assert server.requests[1].startswith(method + b" /x ")
    assert server.requests[1].endswith(b"q=1" if method == b"POST" else b"\r\n\r\n")
    assert server.header("content-type") == ("a/b" if method == b"POST" else None)
