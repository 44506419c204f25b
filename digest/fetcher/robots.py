"""robots.txt (RFC 9309): what a site's owner wants programs to leave alone, and how slowly to ask.

A status of 4xx means that there are no rules; 5xx and no answer mean that nothing may be asked until the
file can be read. Rules are kept for a day: for the run in memory, between runs where a
:class:`RobotsStore` keeps them. Patterns are matched by protego. Which group is ours is decided here, by
the product token alone, because protego's time and memory grow with the product of user agents and rules
(1,500 agents and 3,000 rules: 8 seconds, 330 MB) and a server decides on both.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from protego import Protego

from digest.errors import FetchError

__all__ = ["MAX_ROBOTS_BYTES", "RobotsBook", "RobotsRules", "RobotsStore", "RobotsText", "our_rules"]

TOKEN = "paper-digest"  # noqa: S105 - the product token of RFC 9309, 2.2.1
MAX_ROBOTS_BYTES = 500 * 1024  # RFC 9309, 2.5
# Patterns with a wildcard take 1.6 KB each; the longest real files have a thousand of them. Plain rules (a
# real file has 19,000) take little, so that the size of the file is bound enough.
MAX_WILDCARDS = 10_000
MAX_LINE_CHARS = 4096
MAX_AGE = timedelta(days=1)  # RFC 9309, 2.4
# A file that could not be read is asked for again after that time.
FAILURE_S = 60.0
MAX_ORIGINS = 256
MAX_CRAWL_DELAY_S = 60.0
# Larger ones are parsed anew for each question: ten thousand patterns take 15 MB.
KEPT_CHARS = 32 * 1024

# As lenient as protego, which knows these words without a colon too.
_AGENT = re.compile(r"user(?:-|\s{0,9})agent\s{0,9}(?::|\s|\Z)\s{0,9}(.{0,200})", re.IGNORECASE)
_NAME = re.compile(r"[a-z_-]+", re.IGNORECASE)
_RULE = re.compile(r"(?:allow|dis+al+ow|diasllow|disallaw|crawl[- ]delay)(?![a-z])", re.IGNORECASE)
_SITE_WIDE = re.compile(r"(?:site-?maps?|host)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RobotsText:
    """The robots.txt of one origin as it is kept: the rules for us, empty where there are none.

    ``status`` is that of the answer, ``fetched_at`` aware UTC.
    """

    status: int
    body: str
    fetched_at: datetime


class RobotsStore(Protocol):
    """Where rules are kept between runs. ``origin`` is written as ``https://example.org:8443``."""

    def get(self, origin: str) -> RobotsText | None:
        """What is kept of that origin, however old; ``None`` where nothing is."""

    def put(self, origin: str, text: RobotsText) -> None:
        """Keep it in the place of what was kept before."""


def our_rules(body: bytes) -> str:
    """The lines of a robots.txt that are for us, written so that protego reads them in bounded time.

    Of the groups (RFC 9309, 2.2.1) only those for our product token and for ``*`` are left, with rules of at
    most 4,096 characters, at most 10,000 of them with wildcards. Never raises; what is no robots.txt has no
    rules.
    """
    if len(body) > MAX_ROBOTS_BYTES:
        body = body[:MAX_ROBOTS_BYTES].rpartition(b"\n")[0]
    kept: list[str] = []
    naming = ours = False  # whether the last line named an agent, and whether the group is for us
    wildcards = 0
    for raw in body.decode("utf-8-sig", "replace").replace("\0", "").splitlines():
        line = raw.partition("#")[0].strip()
        if agent := _AGENT.match(line):
            name = _our_name(agent[1].strip())
            ours = name is not None or (ours and naming)
            naming = True
            if name is not None:
                kept.append(f"User-agent: {name}")
        elif _is_directive(line):
            naming = False
            if not (ours and _RULE.match(line) and len(line) <= MAX_LINE_CHARS):
                continue
            is_plain = "*" not in line and "$" not in line
            wildcards += not is_plain
            if is_plain or wildcards <= MAX_WILDCARDS:
                kept.append(line)
    return "\n".join(kept)


def _our_name(value: str) -> str | None:
    """``*`` or our token, where that is the agent a line names; versions after a name do not matter."""
    if value == "*" or value.startswith(("* ", "*\t")):
        return "*"
    name = _NAME.match(value)
    return TOKEN if name is not None and name[0].lower() == TOKEN else None


def _is_directive(line: str) -> bool:
    """Whether a line ends the naming of agents; an address of a site map or a host is no part of a group."""
    return (":" in line or _RULE.match(line) is not None) and not _SITE_WIDE.match(line)


class RobotsRules:
    """Which paths of an origin may be asked for, and how slowly. ``text`` is what :func:`our_rules` gave."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kept = Protego.parse(text) if len(text) <= KEPT_CHARS else None

    def allows(self, path: str) -> bool:
        """Whether a path with its query may be asked for."""
        # With a host before it, since a path may begin with two slashes.
        return bool(self._parsed().can_fetch(f"http://host.invalid{path}", TOKEN))

    def crawl_delay_s(self) -> float:
        """Seconds to keep between requests, from 0 to 60."""
        return min(float(self._parsed().crawl_delay(TOKEN) or 0.0), MAX_CRAWL_DELAY_S)

    def _parsed(self) -> Protego:
        return self._kept or Protego.parse(self._text)


@dataclass(slots=True)
class _Known:
    """What is known of one origin; ``lock`` is held while somebody asks."""

    lock: threading.Lock
    rules: RobotsRules | None = None
    fetched_at: datetime | None = None
    failure: FetchError | None = None
    failed_until: float = 0.0


class RobotsBook:
    """Remembers what each origin's robots.txt says. Safe to share between threads; makes no request itself.

    ``now`` gives aware UTC, ``clock`` monotonic seconds.
    """

    def __init__(
        self, store: RobotsStore | None, *, now: Callable[[], datetime], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def rules(self, origin: str, ask: Callable[[], RobotsText]) -> RobotsRules:
        """The rules of an origin: as remembered, as kept, else as ``ask`` gets them.

        ``ask`` raises ``FetchError`` where the file cannot be read; that is raised, and remembered for a
        minute only. Who asks while another thread does waits for its answer.
        """
        known = self._entry(origin)
        with known.lock:
            if known.rules is None or known.fetched_at is None or not self._is_fresh(known.fetched_at):
                text = self._kept(origin) or self._ask(origin, known, ask)
                known.rules, known.fetched_at = RobotsRules(text.body), text.fetched_at
            return known.rules

    def _entry(self, origin: str) -> _Known:
        with self._lock:
            known = self._known.setdefault(origin, _Known(threading.Lock()))
            self._known.move_to_end(origin)
            if len(self._known) > MAX_ORIGINS:
                self._known.popitem(last=False)
            return known

    def _is_fresh(self, fetched_at: datetime) -> bool:
        # Dated later than now: some clock was moved, and nobody knows how old it is.
        return timedelta(0) <= self._now() - fetched_at < MAX_AGE

    def _kept(self, origin: str) -> RobotsText | None:
        text = self._store.get(origin) if self._store is not None else None
        return text if text is not None and self._is_fresh(text.fetched_at) else None

    def _ask(self, origin: str, known: _Known, ask: Callable[[], RobotsText]) -> RobotsText:
        if known.failure is not None and self._clock() < known.failed_until:
            raise _again(known.failure)
        try:
            text = ask()
        except FetchError as error:
            wait = FAILURE_S if error.retry_after_s is None else min(error.retry_after_s, FAILURE_S)
            known.failure, known.failed_until = _again(error), self._clock() + wait
            raise
        known.failure = None
        if self._store is not None:
            self._store.put(origin, text)
        return text


def _again(error: FetchError) -> FetchError:
    """The same error, to be raised once more by another thread."""
    return FetchError(str(error), verdict=error.verdict, retry_after_s=error.retry_after_s, page=error.page)
