"""Kinds of source that misbehave in every way, installed as another package's would be.

:func:`install` writes the metadata of a distribution with the entry points, which is all that a process
needs to find them by name.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr
from selectolax.lexbor import LexborHTMLParser

from digest.errors import ParseError
from digest.types import Entry, PageRequest, ParsedPage


class MischiefOptions(BaseModel):
    """``act`` is the name of what the parser does, ``key`` a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    act: str = "echo"
    key: SecretStr | None = None


class Mischief:
    """The kind ``mischief``: does what its options say."""

    kind = "mischief"
    label = "Mischief"
    default_url = ""
    exact_url = True
    lookback_days = 1
    trust = 10
    Options: type[BaseModel] = MischiefOptions

    def is_dated(self, options: BaseModel) -> bool:
        return False

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        return (("page", PageRequest(url=url, day=day)),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        assert isinstance(options, MischiefOptions)
        return ACTS[options.act](body, request, options)


def install(folder: Path) -> None:
    """Make the kind known to whoever has ``folder`` and this checkout on its import path."""
    metadata = folder / "mischief-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mischief\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[digest.sources]\nmischief = tests.parsing_kinds:Mischief\n")


def told(*facts: object) -> ParsedPage:
    """A page that tells the facts, as titles."""
    return ParsedPage(tuple(Entry(str(fact), position) for position, fact in enumerate(facts, start=1)))


def echo(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    return told(body.decode(), request.url)


def lone_surrogates(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    return ParsedPage((Entry("\ud83d alone, \x00 and \u2028", 1, abstract="\udc80" * 3),), page_date=date.max)


def everything(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    assert options.key is not None
    following = PageRequest(
        url="https://example.org/2",
        day=date(2026, 3, 9),
        method="POST",
        headers=(("x-key", options.key.get_secret_value()),),
        body=b"\x00\xff",
        carry=(("page", "2"),),
        optional=True,
        spacing_s=3.0,
    )
    return ParsedPage(
        (Entry("A", 1, votes=0, authors=("B", "C"), other_ids=(("pmid", "1"),), announces=False),),
        declared=0,
        page_date=date(2026, 3, 9),
        next_requests=(following, request),
        disagreement="one says 1, the other 2",
    )


def refuse(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    raise ParseError("looked for a <table> of “papers”, found a page titled 'Just a moment…'")


def refuse_with_controls(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    raise ParseError("found \x00\ud83d\x1b[2J" + "x" * 10_000)


def fail(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    return told(body + "text")  # type: ignore[operator]


def wrong_types(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    return ParsedPage((Entry("A", 1, votes="94"),))  # type: ignore[arg-type]


def no_page(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    return None  # type: ignore[return-value]


def spin(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    while True:
        pass


def doze(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    Path(body.decode()).touch()
    time.sleep(60)
    return told()


def start_and_doze(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    time.sleep(0.3)
    return told(os.getpid())


def build_tree(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    LexborHTMLParser(body.decode())
    return told("done")


def hog(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    hoard = []
    while True:
        hoard.append(bytearray(2**20))


def grow(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    return told(len(bytearray(int(body))))


def crash(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    os.kill(os.getpid(), signal.SIGSEGV)
    return told()


def leave(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    os._exit(3)


def interrupt(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
    return told("still here")


def chatter(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    print("a parser that prints")
    os.write(1, b"\x00\x00\x00\x02{}")
    os.write(2, b"garbage")
    return told("printed")


def whoami(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    return told(os.getpid())


def surroundings(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    import resource
    import sys

    heavy = sorted({"sqlalchemy", "sqlmodel", "numpy", "scipy", "httpx", "httpcore"} & sys.modules.keys())
    links = map(_target, Path("/proc/self/fd").iterdir())
    others = sorted(target for target in links if target and "/proc/" not in target)
    limits = {
        name: resource.getrlimit(getattr(resource, name))[1]
        for name in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE")
    }
    return told(heavy, sorted(os.environ), [one.split(":")[0] for one in others], limits, str(Path.cwd()))


def write_file(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
    Path(body.decode()).write_text("from a page")
    return told()


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # the one through which the folder was listed
        return ""


def _pipe() -> int:
    """The pipe on which this process answers: the only one that is open for writing."""
    pipes = [link for link in Path("/proc/self/fd").iterdir() if _target(link).startswith("pipe:")]
    return next(int(link.name) for link in pipes if fcntl.fcntl(int(link.name), fcntl.F_GETFL) & os.O_WRONLY)


def _garbage(text: bytes) -> Callable[[bytes, PageRequest, MischiefOptions], ParsedPage]:
    def write(body: bytes, request: PageRequest, options: MischiefOptions) -> ParsedPage:
        os.write(_pipe(), text)
        time.sleep(60)
        return told()

    return write


def _framed(json: bytes) -> bytes:
    return len(json).to_bytes(4, "big") + json


GARBAGE = {
    "huge": b"\xff\xff\xff\xff",
    "noise": b"HTTP/1.1 200 OK\r\n\r\n",
    "no_json": _framed(b"\x80\x04\x95."),
    "null": _framed(b"null"),
    "empty": _framed(b""),
    "other": _framed(b'{"else": 1}'),
    "no_page": _framed(b'{"page": []}'),
    "no_entries": _framed(b'{"page": {}}'),
    "unknown_field": _framed(b'{"page": {"entries": [], "evil": 1}}'),
    "wrong_date": _framed(b'{"page": {"entries": [], "page_date": "yesterday"}}'),
    "count_as_text": _framed(b'{"page": {"entries": [{"title": "A", "position": 1, "votes": "2"}]}}'),
    "bool_as_count": _framed(b'{"page": {"entries": [{"title": "A", "position": true}]}}'),
    "no_title": _framed(b'{"page": {"entries": [{"position": 1}]}}'),
    "deep": _framed(b'{"page": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "digits": _framed(b'{"page": {"entries": [], "declared": ' + b"9" * 5_000 + b"}}"),
    "failed_oddly": _framed(b'{"failed": 7}'),
    "two_answers": _framed(b'{"page": {"entries": []}}') * 2,
}

ACTS: dict[str, Callable[[bytes, PageRequest, MischiefOptions], ParsedPage]] = {
    act.__name__: act
    for act in (
        echo,
        lone_surrogates,
        everything,
        refuse,
        refuse_with_controls,
        fail,
        wrong_types,
        no_page,
        spin,
        doze,
        start_and_doze,
        build_tree,
        hog,
        grow,
        crash,
        leave,
        interrupt,
        chatter,
        whoami,
        surroundings,
        write_file,
    )
} | {f"garbage_{name}": _garbage(text) for name, text in GARBAGE.items()}
