"""What servers ask of their visitors: when to come again, and how often. Pure but for the waiting."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from digest.errors import FetchError
from digest.types import Verdict

MAX_RETRY_AFTER_S = 3600.0
_CHALLENGES = {"x-amzn-waf-action": ("challenge", "captcha"), "cf-mitigated": ("challenge",)}


def parse_retry_after(value: str, *, now: datetime) -> float | None:
    """Read Retry-After (RFC 9110 10.2.3): seconds or an HTTP date, as seconds from 0 to 3600.

    ``now`` is the server's time if it told it, else ours. What is neither gives ``None``.
    """
    value = value.strip()
    if re.fullmatch(r"[0-9]+", value):
        return min(float(value[:12]), MAX_RETRY_AFTER_S)
    when = parse_http_date(value)
    return None if when is None else min(max((when - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def parse_http_date(value: str) -> datetime | None:
    """Read an HTTP date (RFC 9110 5.6.7) as aware UTC; ``None`` for anything else."""
    if len(value) > 64 or not re.match(r"[A-Za-z]{3}", value):
        return None
    try:
        when = parsedate_to_datetime(value)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def parse_rate_limit(value: str) -> float | None:
    """Seconds until a used-up quota is filled again, from a RateLimit header; ``None``: none is used up.

    The form is that of draft-ietf-httpapi-ratelimit-headers: ``"api";r=0;t=55`` with remaining
    requests and seconds, several policies joined by commas.
    """
    waits = []
    for item in value[:1000].split(","):
        found = {key: int(number) for key, number in re.findall(r";\s*([rt])=([0-9]{1,9})(?![0-9.])", item)}
        if found.get("r") == 0 and "t" in found:
            waits.append(min(float(found["t"]), MAX_RETRY_AFTER_S))
    return max(waits, default=None)


def is_challenge(header: Callable[[str], str]) -> bool:
    """Whether an answer is a test for people, by what AWS WAF and Cloudflare say in a header."""
    return any(header(name).strip().lower() in values for name, values in _CHALLENGES.items())


class Turns:
    """Whose turn it is to ask, across threads: spacing, pauses that hosts asked for, one at a time.

    ``clock`` is monotonic seconds. A host is told apart by name and port; several that share a named turn
    (arXiv's) are asked one at a time, keep their distance from one another, and pause together.
    """

    def __init__(
        self,
        *,
        min_interval_s: float,
        max_wait_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._min_interval_s = min_interval_s
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # By host and by turn, when it was last asked (or will be: the moment is reserved).
        self._asked: dict[str, float] = {}
        self._paused: dict[str, tuple[float, Verdict]] = {}
        self._turns: dict[str, threading.Lock] = {}

    @contextmanager
    def taking(
        self, host: str, *, turn: str = "", spacing_s: float = 0.0, spaced: bool = True
    ) -> Iterator[float]:
        """Wait until the host may be asked, hold its turn for the block, give the seconds that took.

        ``spacing_s`` is kept from the last request to that host (and of that turn), if it is longer than
        the usual interval. ``spaced=False`` leaves out the spacing, not the pauses and not the turn.
        Raises ``FetchError`` with ``retry_after_s`` at once where the host asked for a longer pause than
        we wait.
        """
        begun = self._clock()
        with self._turn_lock(turn):
            queued = self._clock() - begun
            yield queued + self._wait(host, turn, max(spacing_s, self._min_interval_s) if spaced else None)

    def pause(self, host: str, seconds: float, verdict: Verdict, *, turn: str = "") -> None:
        """Note that a host wants no request for so long; ``verdict`` is what asking earlier gives.

        Where it has a named turn, nobody of that turn is asked.
        """
        with self._lock:
            until = self._clock() + seconds
            for key in _keys(host, turn):
                if until > self._paused.get(key, (0.0, verdict))[0]:
                    self._paused[key] = (until, verdict)

    def _turn_lock(self, turn: str) -> AbstractContextManager[object]:
        if not turn:
            return nullcontext()
        with self._lock:
            return self._turns.setdefault(turn, threading.Lock())

    def _wait(self, host: str, turn: str, interval: float | None) -> float:
        """Reserve the next free moment and sleep until it comes."""
        keys = _keys(host, turn)
        with self._lock:
            now = self._clock()
            until, verdict = max(self._paused.get(key, (now, Verdict.BLOCKED)) for key in keys)
            if until - now > self._max_wait_s:
                left = until - now
                raise FetchError(
                    f"{host} asked to be left alone for another {left:.0f} s",
                    verdict=verdict,
                    retry_after_s=left,
                )
            start = max(now, until)
            if interval is not None:
                start = max([start, *(self._asked[key] + interval for key in keys if key in self._asked)])
            for key in keys:
                self._asked[key] = start
        if start > now:
            self._sleep(start - now)
        return start - now


def _keys(host: str, turn: str) -> tuple[str, ...]:
    return (host, f"<{turn}>") if turn else (host,)
