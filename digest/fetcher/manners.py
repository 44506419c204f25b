"""What servers ask of their visitors: when to come again, and how often. Pure but for the waiting."""

import re
import threading
from collections.abc import Callable
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
    """Whose turn it is to ask a host, across threads: spacing, and pauses that the host asked for.

    ``clock`` is monotonic seconds. A host is told apart by name and port.
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
        self._next: dict[str, float] = {}
        self._paused: dict[str, tuple[float, Verdict]] = {}

    def wait(self, host: str, *, spaced: bool = True) -> float:
        """Wait until the host may be asked, and say how many seconds that took.

        Raises ``FetchError`` with ``retry_after_s`` at once where the host asked for a longer pause
        than we wait. ``spaced=False`` leaves out the spacing, not the pauses.
        """
        with self._lock:
            now = self._clock()
            until, verdict = self._paused.get(host, (now, Verdict.BLOCKED))
            if until - now > self._max_wait_s:
                left = until - now
                raise FetchError(
                    f"{host} asked to be left alone for another {left:.0f} s",
                    verdict=verdict,
                    retry_after_s=left,
                )
            start = max(now, until, self._next.get(host, now) if spaced else now)
            self._next[host] = start + self._min_interval_s
        if start > now:
            self._sleep(start - now)
        return start - now

    def pause(self, host: str, seconds: float, verdict: Verdict) -> None:
        """Note that a host wants no request for so long; ``verdict`` is what asking earlier gives."""
        with self._lock:
            until = self._clock() + seconds
            if until > self._paused.get(host, (0.0, verdict))[0]:
                self._paused[host] = (until, verdict)
