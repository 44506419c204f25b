"""The contract of a kind of source as a check that anybody can run on a kind of their own.

It holds a kind against what :class:`digest.sources.SourceKind` promises: what its attributes are, which
addresses it asks for, and that no answer makes its parser do anything but list or refuse. It makes no
requests, and is no sandbox: a parser that never returns is only stopped by whoever runs the check.
"""

import pickle
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from digest.errors import ParseError
from digest.sources import SourceKind
from digest.sources.contract_hostile import hostile_bodies
from digest.sources.contract_values import faults_of_page
from digest.text import safe_url
from digest.types import PageRequest, ParsedPage

__all__ = ["Sample", "check_kind"]

DAYS = (date(2026, 3, 11), date(2024, 2, 29), date(2026, 1, 1))
MIRROR = "https://mirror.example.org/some/base"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4000}")
SECRET = "contract-check-secret-7316"  # noqa: S105 - looked for in addresses
UNKNOWN = "no_such_option_anywhere"
MAX_PARSE_S = 5.0
MAX_FAULTS = 40
MAX_TRUST = 100
MAX_LOOKBACK = 30


@dataclass(frozen=True, slots=True)
class Sample:
    """A page that the kind should read: its bytes, the address it came from, the options it was read by.

    Without a ``url`` it is read as the answer to the kind's first request, without ``options`` by those that
    the kind gives as an example, else by its defaults.
    """

    body: bytes
    url: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    content_type: str = ""
    day: date | None = DAYS[0]
    role: str = ""
    carry: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_file(cls, path: Path, url: str = "", options: Mapping[str, object] | None = None) -> "Sample":
        """A page in a file. Raises ``OSError``."""
        return cls(path.read_bytes(), url, options or {})


def check_kind(kind: SourceKind, samples: Sequence[Sample] = ()) -> list[str]:
    """What a kind does that it should not, each as one sentence; empty where it keeps the contract.

    Samples make the check worth more: their pages are parsed whole, cut off and damaged. A kind that needs
    options takes them from its samples, else from a mapping ``example_options`` of its own.
    """
    faults = _faults_of_attributes(kind)
    if faults:
        return faults
    options, told = _options(kind, samples)
    if not options:
        return told
    checks: list[Iterator[str]] = [iter(told), _faults_of_instances(kind), _faults_of_secrets(kind, samples)]
    checks += [_faults_of_options(kind, one) for one in options]
    checks += [_faults_of_requests(kind, one) for one in options]
    checks += [_faults_of_parsing(kind, options[0]), _faults_of_samples(kind, samples)]
    for check in checks:
        for fault in check:
            if fault not in faults:
                faults.append(fault)
            if len(faults) == MAX_FAULTS:
                return [*faults, "and more; the check was stopped here"]
    return faults


# --- attributes and options ---------------------------------------------------------------------------


def _faults_of_attributes(kind: SourceKind) -> list[str]:
    told: list[tuple[str, type, Callable[..., bool], str]] = [
        ("kind", str, lambda name: bool(NAME.fullmatch(name)), "a name of small letters, digits, - and _"),
        ("label", str, lambda name: bool(name.strip()) and name.isprintable(), "a name for people"),
        ("default_url", str, lambda _: True, "an address, or empty"),
        ("exact_url", bool, lambda _: True, "true or false"),
        ("lookback_days", int, lambda days: 1 <= days <= MAX_LOOKBACK, f"a number from 1 to {MAX_LOOKBACK}"),
        ("trust", int, lambda trust: 0 <= trust <= MAX_TRUST, f"a number from 0 to {MAX_TRUST}"),
        ("Options", type, lambda model: issubclass(model, BaseModel), "a pydantic model"),
        *((name, object, callable, "a method") for name in ("is_dated", "day_requests", "parse")),
    ]
    missing = object()
    faults = []
    for name, wanted, is_good, words in told:
        value = getattr(kind, name, missing)
        is_type = isinstance(value, wanted) and (wanted is not int or not isinstance(value, bool))
        if value is missing or not is_type or not is_good(value):
            faults.append(f"{name} is not {words}")
    if not faults and kind.Options.model_config.get("extra") != "forbid":
        faults.append('Options does not forbid unknown keys (model_config = ConfigDict(extra="forbid"))')
    if not faults and kind.Options.model_config.get("frozen") is not True:
        faults.append("Options can be changed after it was checked (set frozen=True)")
    return faults


def _options(kind: SourceKind, samples: Sequence[Sample]) -> tuple[list[BaseModel], list[str]]:
    """The options that the samples, or the kind itself, give; and what is wrong with them."""
    given = [_table(kind, sample) for sample in samples] + [_table(kind, None)]
    made: list[BaseModel] = []
    faults: list[str] = []
    for table in given:
        try:
            one = kind.Options.model_validate(table)
        except ValidationError as error:
            needed = ", ".join(str(detail["loc"][0]) for detail in error.errors() if detail["loc"])
            faults.append(
                f"options {sorted(table)} are refused ({needed or 'as a whole'}): give a sample with options"
            )
        else:
            made += [one] if one not in made else []
    return made, [] if made else faults[:1]


def _table(kind: SourceKind, sample: Sample | None) -> dict[str, object]:
    """The options of a sample as a table writes them."""
    example = getattr(kind, "example_options", {})
    told = sample.options if sample and sample.options else example
    return dict(told) if isinstance(told, Mapping) else {}


def _faults_of_options(kind: SourceKind, options: BaseModel) -> Iterator[str]:
    table = options.model_dump(by_alias=True)
    try:
        kind.Options.model_validate(table | {UNKNOWN: 1})
    except ValidationError as error:
        if not any(detail["loc"] == (UNKNOWN,) for detail in error.errors()):
            yield "Options cannot be made again from what they hold"
    else:
        yield "Options takes a key it does not know"
    try:
        again = pickle.loads(pickle.dumps(options))  # noqa: S301 - our own bytes
    except Exception as error:  # whatever a foreign model raises
        yield f"Options cannot be pickled, which they are on their way to a child process: {_words(error)}"
    else:
        if again != options:
            yield "Options are others after they were pickled"
    try:
        if not isinstance(kind.is_dated(options), bool):
            yield "is_dated gives neither True nor False"
    except Exception as error:  # see above
        yield f"is_dated raises {_words(error)}"


def _faults_of_instances(kind: SourceKind) -> Iterator[str]:
    try:
        again = type(kind)()
    except Exception as error:  # whatever a foreign class raises
        yield f"an instance cannot be made without arguments: {_words(error)}"
        return
    if not isinstance(again, SourceKind) or again.kind != kind.kind:
        yield "another instance is another kind"


# --- requests -----------------------------------------------------------------------------------------


def _faults_of_requests(kind: SourceKind, options: BaseModel) -> Iterator[str]:
    is_address = urlsplit(kind.default_url).scheme in ("http", "https")
    for base in [MIRROR, *([kind.default_url] if is_address else [])]:
        for day in DAYS:
            try:
                ways = kind.day_requests(base, options, day)
                again = kind.day_requests(base, options, day)
            except Exception as error:  # nothing may be raised here
                yield f"day_requests raises {_words(error)}"
                return
            if ways != again:
                yield "day_requests gives other requests when it is asked again"
            yield from _faults_of_ways(kind, ways, base, day)
            if kind.default_url and not is_address and ways:
                yield f"default_url {kind.default_url!r} is no address of http or https"


def _faults_of_ways(kind: SourceKind, ways: object, base: str, day: date) -> Iterator[str]:
    pairs = list(ways) if isinstance(ways, tuple) else [None]
    if not all(isinstance(way, tuple) and len(way) == 2 and isinstance(way[1], PageRequest) for way in pairs):
        yield "day_requests does not give a tuple of (name of the way, PageRequest)"
        return
    names = [way[0] for way in pairs if way]
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        yield "the ways of day_requests do not have names of their own"
    for _, request in filter(None, pairs):
        yield from _faults_of_request(request)
        if request.day not in (day, None):
            yield f"a request for {day} says it is for {request.day}"
        if not _is_below(request, base, exact=kind.exact_url):
            yield f"a request goes to {request.url[:120]}, which is not below {base}"


def _faults_of_request(request: PageRequest) -> Iterator[str]:
    url = request.url
    if safe_url(url) != url:
        yield f"a request goes to {url[:120]!r}, which is no address of http or https that may be kept"
    if request.method not in ("GET", "POST") or (request.method == "GET" and request.body is not None):
        yield f"a request by {request.method} has a body, or is neither GET nor POST"
    body: object = request.body
    if body is not None and not isinstance(body, bytes):
        yield "the body of a request is not bytes"
    pairs = [*request.headers, *request.carry]
    if not all(isinstance(pair, tuple) and len(pair) == 2 and all(map(_is_str, pair)) for pair in pairs):
        yield "the headers or the carry of a request are not pairs of text"
    elif not all(
        HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(text) for name, text in request.headers
    ):
        yield "a request has a header that cannot be sent"
    if not 0 <= request.spacing_s <= 600:
        yield "the spacing of a request is not 0 to 600 seconds"


def _requests(kind: SourceKind, base: str, options: BaseModel, day: date) -> list[PageRequest]:
    """The first requests of all ways, as far as they are any; what else they are the other checks tell."""
    try:
        return [way[1] for way in kind.day_requests(base, options, day) if isinstance(way[1], PageRequest)]
    except Exception:  # see above
        return []


def _is_below(request: PageRequest, base: str, *, exact: bool) -> bool:
    if exact:
        return request.url == base
    start = base.rstrip("/")
    if request.url == start or request.url.startswith((f"{start}/", f"{start}?")):
        return True
    return bool(request.turn) and _is_same_site(request.url, base)


def _is_same_site(url: str, other: str) -> bool:
    """Whether both are hosts of one owner, as far as names tell: a site that is asked in turn has several."""
    hosts = [(urlsplit(one).hostname or "").split(".")[-2:] for one in (url, other)]
    return hosts[0] == hosts[1]


def _faults_of_secrets(kind: SourceKind, samples: Sequence[Sample]) -> Iterator[str]:
    """Where a key ends up: in headers or a body, never where it is kept or written to a log."""
    if "key" not in kind.Options.model_fields:
        return
    for table in [_table(kind, sample) for sample in [*samples, None]]:
        try:
            options = kind.Options.model_validate(table | {"key": SecretStr(SECRET)})
        except ValidationError:
            continue
        asked = _requests(kind, MIRROR, options, DAYS[0])
        if SECRET in repr(options):
            yield "the option key is shown when the options are printed (declare it as SecretStr)"
        if any(SECRET in f"{request.url} {request.carry} {request.role}" for request in asked):
            yield "the key is in an address or in what is kept of a request"


# --- parsing ------------------------------------------------------------------------------------------


def _faults_of_parsing(kind: SourceKind, options: BaseModel) -> Iterator[str]:
    """What the parser makes of answers that no site should give."""
    requests = _requests(kind, MIRROR, options, DAYS[0]) or [PageRequest(MIRROR, DAYS[0])]
    for request in requests:
        for name, body in hostile_bodies():
            yield from _faults_of_answer(kind, body, request, options, f"an answer of {name}")
    # The answer to a request of another day's program: roles and carried words that it never wrote.
    odd = replace(requests[0], role="no such role", carry=(("base", ""), ("page", "x"), ("", "")), day=None)
    yield from _faults_of_answer(kind, b"", odd, options, "an answer to a request it never made")


def _faults_of_samples(kind: SourceKind, samples: Sequence[Sample]) -> Iterator[str]:
    listed = False
    for number, sample in enumerate(samples, start=1):
        try:
            options = kind.Options.model_validate(_table(kind, sample))
            request = _request_of(kind, sample, options)
            page = kind.parse(sample.body, request, options, content_type=sample.content_type)
        except Exception as error:  # whatever it is, the sample cannot be read
            yield f"sample {number} cannot be read: {_words(error)}"
            continue
        listed = listed or bool(page.entries or page.next_requests)
        for name, body in _damaged(sample.body):
            what = f"sample {number} {name}".rstrip()
            yield from _faults_of_answer(kind, body, request, options, what, sample.content_type)
    if samples and not listed:
        yield "no sample lists anything"


def _request_of(kind: SourceKind, sample: Sample, options: BaseModel) -> PageRequest:
    asked = _requests(kind, kind.default_url or MIRROR, options, sample.day or DAYS[0])
    if asked and not (sample.url or sample.role):
        return asked[0]
    return PageRequest(sample.url or MIRROR, sample.day, role=sample.role, carry=sample.carry)


def _damaged(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", body
    for part in (1, 2, 3):
        yield f"cut off after {part} of 4 parts", body[: len(body) * part // 4]
    yield "with NUL bytes in it", body[: len(body) // 2] + bytes(50) + body[len(body) // 2 :]
    yield "with its brackets gone", body.replace(b">", b"").replace(b"]", b"")
    yield "with every digit a letter", re.sub(rb"[0-9]", b"x", body)
    yield "with its quotes gone", body.replace(b'"', b"")
    yield (
        "with other letters",
        body.translate(bytes(byte ^ 0x80 if byte % 37 == 0 else byte for byte in range(256))),
    )


def _faults_of_answer(
    kind: SourceKind,
    body: bytes,
    request: PageRequest,
    options: BaseModel,
    what: str,
    content_type: str = "",
) -> Iterator[str]:
    """What is wrong with how one answer is read: it may be listed or refused, in time, and always alike."""
    started = time.perf_counter()
    first = _outcome(kind, body, request, options, content_type)
    took = time.perf_counter() - started
    if took > MAX_PARSE_S:
        yield f"{what} keeps the parser busy for {took:.0f} seconds"
        return
    if not isinstance(first, ParsedPage | ParseError):
        yield f"{what} makes the parser give {_words(first)}; only ParsedPage and ParseError are good"
        return
    again = _outcome(kind, body, request, options, content_type)
    if (str(first), type(first)) != (str(again), type(again)):
        yield f"{what} is read differently the second time"
    if isinstance(first, ParseError):
        if not str(first).strip() or len(str(first)) > 1000 or not str(first).isprintable():
            yield f"{what} is refused without a sentence for people (up to 1,000 printable characters)"
        return
    yield from (f"{what}: {fault}" for fault in faults_of_page(first))
    for following in first.next_requests:
        yield from (f"{what}: {fault}" for fault in _faults_of_request(following))
        if not (_is_same_site(following.url, request.url) or _is_same_site(following.url, MIRROR)):
            yield f"{what} leads to another site: {following.url[:120]}"


def _outcome(
    kind: SourceKind, body: bytes, request: PageRequest, options: BaseModel, content_type: str
) -> object:
    try:
        return kind.parse(body, request, options, content_type=content_type)
    except Exception as error:  # judged by the caller
        return error


def _is_str(value: object) -> bool:
    return isinstance(value, str)


def _words(value: object) -> str:
    text = f"{type(value).__name__}: {value}" if isinstance(value, Exception) else repr(value)
    return " ".join(text.split())[:200]
