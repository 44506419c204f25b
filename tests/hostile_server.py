"""A loopback server that plays every way a site can answer badly, each under a path of its own.

What stands under a case's path is played for whatever is asked below it; ``/robots.txt`` is not there,
except where it is the case. Whole answers are made when first asked for, so that the file costs nothing to
import.
"""

import gzip
import html
import json
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import repeat
from typing import Any
from urllib.parse import quote

from tests.daily_server import item
from tests.loopback import LoopbackServer, Peer, Script, answer, gzip_bomb, redirect

DAY = "2026-01-12"
MIB = 1024 * 1024

Answer = bytes | Script
Made = Callable[[], Answer]

FRESH = frozenset({"fresh"})
EMPTY = frozenset({"empty"})
BLOCKED = frozenset({"blocked"})
BROKEN = frozenset({"broken"})
UNREACHABLE = frozenset({"unreachable"})


@dataclass(frozen=True)
class Case:
    """One way to answer badly. ``answer`` makes what is sent, ``verdicts`` are the right ones for it.

    ``via`` is how a Hugging Face source reads it; ``feed``: a source of kind feed reads it instead.
    ``titles``: what the papers are called that it lists all the same. ``error``: a word that tells why.
    """

    name: str
    verdicts: frozenset[str]
    answer: Made
    via: str = "api"
    feed: bool = False
    titles: tuple[str, ...] = ()
    error: str = ""


@dataclass
class HostileServer:
    """Plays the cases; use as a context manager. ``asked`` are the paths in the order they came."""

    cases: Iterable[Case]
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> "HostileServer":
        self._by_name = {case.name: case for case in self.cases}
        self._server = LoopbackServer(self._play)
        self._server.__enter__()
        return self

    def __exit__(self, *what: Any) -> None:
        self._server.__exit__(*what)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    def url(self, case: Case) -> str:
        """The address that a source of that case has."""
        return f"http://127.0.0.1:{self.port}/{quote(case.name)}"

    def _play(self, peer: Peer) -> None:
        path = peer.request.split(b" ")[1].decode("latin-1")
        self.asked.append(path)
        case = self._by_name.get(path.split("/")[1].split("?")[0])
        if case is None:
            peer.send(answer(404, b"not here"))
            return
        played = case.answer()
        if callable(played):
            played(peer)
        else:
            peer.send(played)


# --- what is sent -----------------------------------------------------------------------------------


def json_answer(text: str | bytes, content_type: str = "application/json", **more: Any) -> bytes:
    """An answer of the API."""
    body = text if isinstance(text, bytes) else text.encode()
    headers = [("Content-Type", content_type), *more.pop("headers", ())]
    return answer(body=body, headers=headers, **more)


def listing(title: str) -> str:
    """A list of one paper."""
    return json.dumps([item(1, title=title)], ensure_ascii=False)


def first_page(body: Answer) -> Script:
    """That answer for the first page of a list, and an empty list for those after it."""

    def script(peer: Peer) -> None:
        if b"p=0" not in peer.request.split(b"\r\n")[0]:
            peer.send(json_answer("[]"))
        elif callable(body):
            body(peer)
        else:
            peer.send(body)

    return script


def in_charset(title: str, encoding: str, told: str | None) -> Made:
    """A list in one encoding that calls itself another, or nothing at all."""
    content_type = "application/json" + (f"; charset={told}" if told else "")
    return lambda: first_page(json_answer(listing(title).encode(encoding), content_type))


def daily_page(title: str, *, head: str = "", inside: str = "") -> str:
    """The HTML page of a day with one paper; ``inside`` stands in its container."""
    props = json.dumps({"date": f"{DAY}T00:00:00.000Z", "dailyPapers": [item(1, title=title)]})
    attribute = html.escape(props.encode().decode("unicode_escape"), quote=True)
    return (
        f"<!doctype html><html><head>{head}<title>Papers</title></head><body>"
        f'<div data-target="DailyPapers" data-props="{attribute}">{inside}</div></body></html>'
    )


def html_answer(text: str, encoding: str = "utf-8", content_type: str = "text/html") -> bytes:
    return answer(body=text.encode(encoding), headers=[("Content-Type", content_type)])


def packed(body: bytes, encoding: str = "gzip", length: int | None = None) -> bytes:
    return json_answer(body, headers=[("Content-Encoding", encoding)], length=length)


def dripping(head: bytes, piece: bytes, every_s: float) -> Made:
    def script(peer: Peer) -> None:
        peer.send(head)
        peer.drip(repeat(piece), every_s=every_s)

    return lambda: script


def waiting(status: int, retry_after: str) -> Made:
    return lambda: answer(status, b"later", headers=[("Retry-After", retry_after)])


@cache
def bomb() -> bytes:
    """Six hundred MiB of zeros in 0.6 MB."""
    return gzip_bomb(600)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GOOD = listing("A good paper").encode()
FILLER = "<!-- " + "x" * 1500 + " -->"
NESTED = "<ul><li>" * (250 * 1024 // 8)
SURROGATES = r'[{"paper": {"id": "2601.90001", "title": "Half \ud800 a \udc00 pair \ud83d\ude00"}}]'
LONG = '[{"paper": {"id": "2601.90001", "title": "%s"}}]'

WIRE = (
    Case("slow-headers", UNREACHABLE, dripping(b"HTTP/1.1 200 OK\r\nX", b"x", 0.05)),
    Case("slow-body", UNREACHABLE, dripping(HEAD + b"Content-Length: 9999\r\n\r\n", b"x", 0.5)),
    Case("endless-headers", BROKEN, dripping(HEAD, b"X-Filler: " + b"x" * 1000 + b"\r\n", 0.0)),
    Case("endless-interim", UNREACHABLE | BROKEN, dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99, 0.0)),
    Case("silence", UNREACHABLE, lambda: lambda peer: peer.drip(repeat(b""))),
    Case("hangs-up", UNREACHABLE, lambda: b""),
    Case("gzip-bomb", BROKEN, lambda: packed(bomb())),
    Case("gzip-bomb-for-a-refusal", BLOCKED, lambda: answer(403, bomb(), [("Content-Encoding", "gzip")])),
    Case("double-gzip", BROKEN, lambda: packed(gzip.compress(bomb()))),
    Case("double-gzip-declared", BROKEN, lambda: packed(gzip.compress(bomb()), "gzip, gzip")),
    Case("truncated-gzip", UNREACHABLE, lambda: packed(gzip.compress(GOOD)[:-9])),
    Case("truncated-chunks", UNREACHABLE, lambda: CHUNKED + b"ff\r\n[{"),
    Case("chunk-size-is-no-number", BROKEN, lambda: CHUNKED + b"zz\r\n[]\r\n0\r\n\r\n"),
    Case("length-too-long", UNREACHABLE, lambda: json_answer(GOOD, length=len(GOOD) + 10)),
    Case("length-too-short", BROKEN, lambda: json_answer(GOOD, length=len(GOOD) // 2)),
    Case("two-lengths", BROKEN, lambda: HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
    Case("encoding-wrong", BROKEN, lambda: packed(GOOD)),
    Case("encoding-unknown", BROKEN, lambda: packed(GOOD, "br")),
    Case("encoding-not-told", BROKEN, lambda: json_answer(gzip.compress(GOOD))),
    Case("ten-megabytes-in-a-string", BROKEN, lambda: json_answer(LONG % ("x" * 10_000_000)), error="larger"),
    Case("not-modified-unasked", BROKEN, lambda: answer(304)),
)

REDIRECTS = (
    Case("redirect-loop", BROKEN, lambda: redirect("/redirect-loop"), error="redirects"),
    Case("redirect-without-location", BROKEN, lambda: answer(302)),
    Case("redirect-to-a-file", BROKEN, lambda: redirect("file:///etc/passwd")),
    Case("redirect-to-gopher", BROKEN, lambda: redirect("gopher://127.0.0.1:25/x")),
    Case("redirect-to-metadata", UNREACHABLE, lambda: redirect("http://169.254.169.254/latest/meta-data/")),
    Case("redirect-to-evil", UNREACHABLE, lambda: redirect("//evil"), error="private"),
    Case("redirect-with-userinfo", BROKEN, lambda: redirect("http://ada:word@example.org/")),
    Case("redirect-with-a-backslash", BROKEN, lambda: redirect("http://10.0.0.1:88\\@example.org/")),
    Case("redirect-to-an-odd-address", BROKEN, lambda: redirect("http://0x7f.1/")),
    Case("redirect-to-a-wrapped-address", UNREACHABLE, lambda: redirect("http://[::ffff:10.0.0.1]/")),
    Case("redirect-to-nat64", UNREACHABLE, lambda: redirect("http://[64:ff9b::7f00:1]/")),
)

PAUSES = {
    "5": "5",
    "date": "Tue, 12 Jan 2027 09:00:00 GMT",
    "past-date": "Mon, 12 Jan 2015 09:00:00 GMT",
    "minus-1": "-1",
    "1e12": "1e12",
    "1000000000000": "1000000000000",
    "garbage": "\xff;soon, 1.5",
}
STATUSES = (
    *(
        Case(f"{status}-retry-after-{name}", verdicts, waiting(status, value))
        for status, verdicts in ((429, BLOCKED), (503, UNREACHABLE))
        for name, value in PAUSES.items()
    ),
    Case("forbidden", BLOCKED, lambda: answer(403, b"no")),
    Case("challenge", BLOCKED, lambda: answer(200, b"<html>", [("x-amzn-waf-action", "challenge")])),
    Case("challenge-503", BLOCKED, lambda: answer(503, b"<html>", [("cf-mitigated", "challenge")])),
)

CONTENT = (
    Case("error-page", BROKEN, lambda: html_answer("<title>Oops</title>Something went wrong"), via="page"),
    Case("html-for-json", BROKEN, lambda: html_answer("<html><body>Hello</body></html>"), error="HTML"),
    Case("json-null", BROKEN, lambda: json_answer("null")),
    Case("json-list", EMPTY, lambda: json_answer("[]")),
    Case("json-text", BROKEN, lambda: json_answer('""')),
    Case("json-object", BROKEN, lambda: json_answer("{}")),
    Case("json-list-of-nulls", BROKEN, lambda: json_answer("[null, null]")),
    Case("nothing-at-all", BROKEN, lambda: json_answer("")),
    Case("deep-json", BROKEN, lambda: json_answer("[" * 1_000_000)),
    Case("deep-json-objects", BROKEN, lambda: json_answer('{"paper":' * 100_000 + "1" + "}" * 100_000)),
    Case(
        "lone-surrogates",
        FRESH,
        lambda: first_page(json_answer(SURROGATES)),
        titles=("Half a pair \U0001f600",),
    ),
    Case("nul-bytes", FRESH, lambda: first_page(json_answer(LONG % r"A\u0000 title")), titles=("A title",)),
    Case("nul-bytes-raw", BROKEN, lambda: json_answer(b"\0" * 1000)),
    Case("nul-bytes-in-html", FRESH, lambda: html_answer(daily_page("A title") + "\0" * 999), via="page"),
    Case("utf-16", FRESH, in_charset("Größe", "utf-16", "utf-16"), titles=("Größe",)),
    Case("utf-16-untold", FRESH, in_charset("Größe", "utf-16-le", None), titles=("Größe",)),
    Case("koi8-r", FRESH, in_charset("Новая модель", "koi8-r", "koi8-r"), titles=("Новая модель",)),
    Case("windows-1252", FRESH, in_charset("Größe – Maß", "cp1252", "windows-1252"), titles=("Größe – Maß",)),
    Case("charset-untold", FRESH, in_charset("Größe – Maß", "cp1252", None), titles=("Größe – Maß",)),
    Case("charset-wrong", FRESH, in_charset("Новая модель", "utf-8", "koi8-r"), titles=("Новая модель",)),
    Case("charset-unknown", FRESH, in_charset("Größe", "utf-8", "x-nothing"), titles=("Größe",)),
    Case(
        "late-meta-charset",
        FRESH,
        lambda: html_answer(
            daily_page("Новая модель", head=FILLER + '<meta charset="koi8-r">').replace("\\", ""), "koi8-r"
        ),
        via="page",
        titles=("Новая модель",),
    ),
    Case("nested-lists", BROKEN, lambda: html_answer(daily_page("x", inside=NESTED)), via="page"),
    Case(
        "many-attributes",
        FRESH | BROKEN,
        lambda: html_answer(daily_page("x", inside="<p " + " ".join(f"a{n}=1" for n in range(20_000)) + ">")),
        via="page",
    ),
)

# --- feeds ------------------------------------------------------------------------------------------

FEED = (
    '<?xml version="1.0"?>{doctype}<rss version="2.0"><channel><title>A feed</title><item><guid>{guid}</guid>'
    "<title>{title}</title><link>https://example.org/1</link></item></channel></rss>"
)
LAUGHTER = (f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
LAUGHS = f"<!DOCTYPE rss [<!ENTITY a0 'ha'>{''.join(LAUGHTER)}]>"
QUADRATIC = f"<!DOCTYPE rss [<!ENTITY a '{'a' * 100_000}'>]>"
FILE = "<!DOCTYPE rss [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
REMOTE = (
    "<!DOCTYPE rss SYSTEM 'http://127.0.0.1:9/evil.dtd' [<!ENTITY % a SYSTEM 'http://127.0.0.1:9/x'> %a;]>"
)


def feed(title: str, doctype: str = "") -> Made:
    text = FEED.format(doctype=doctype, title=title, guid="https://example.org/1")
    return lambda: answer(body=text.encode(), headers=[("Content-Type", "application/rss+xml")])


READ_OR_BROKEN = FRESH | BROKEN | EMPTY
FEEDS = (
    Case("feed-entity-bomb", READ_OR_BROKEN, feed("A &a11; title", LAUGHS), feed=True),
    Case("feed-quadratic-bomb", READ_OR_BROKEN, feed("&a;" * 5000, QUADRATIC), feed=True),
    Case("feed-external-entity", READ_OR_BROKEN, feed("A &a; title", FILE), feed=True),
    Case("feed-remote-dtd", READ_OR_BROKEN, feed("A title", REMOTE), feed=True),
    Case("feed-control-characters", READ_OR_BROKEN, feed("A\x01\x02 &#1; title\x1b[31m\x7f"), feed=True),
    Case("feed-json-null", BROKEN, lambda: json_answer("null", "application/feed+json"), feed=True),
    Case("feed-nothing-at-all", BROKEN, lambda: answer(), feed=True),
)

CASES = (*WIRE, *REDIRECTS, *STATUSES, *CONTENT, *FEEDS)
BOMBS = tuple(
    case
    for case in WIRE
    if case.name
    in (
        "double-gzip",
        "double-gzip-declared",
        "endless-headers",
        "endless-interim",
        "gzip-bomb",
        "gzip-bomb-for-a-refusal",
        "ten-megabytes-in-a-string",
    )
)
SLOW_TO_PARSE = tuple(
    case
    for case in CONTENT
    if case.name in ("deep-json", "deep-json-objects", "many-attributes", "nested-lists")
)


def closed_port() -> int:
    """A loopback port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
