"""How fast mail leaves: a rate that a person can understand, and how long a domain is left alone. Pure."""

import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

from digest.errors import UsageError

__all__ = ["Pacer", "Rate", "backoff", "parse_rate"]

FIRST_BACKOFF = timedelta(minutes=5)
MAX_BACKOFF = timedelta(hours=4)
MAX_COUNT = 1_000_000
# As long as what was sent is looked back at.
MAX_PERIOD_DAYS = 31
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_UNITS = {
    **_SECONDS,
    **{f"{unit}s": seconds for unit, seconds in _SECONDS.items()},
    "s": 1,
    "sec": 1,
    "m": 60,
    "min": 60,
    "h": 3600,
    "d": 86400,
}
_RATE = re.compile(
    r"(?:at most )?(\d{1,9}) ?(?:mails?|connections?)? ?(?:per|an?|/) ?(?:(\d{1,6}) ?)?([a-z]+)\.?"
)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` in any ``period_s`` seconds."""

    count: int
    period_s: float


def parse_rate(text: str) -> Rate:
    """Read ``20 per second``, ``500/hour``, ``1 per 10 seconds`` or ``100 a day``.

    Raises ``UsageError`` for anything else, for nothing at all per time, for more than a million, and for
    a period beyond 31 days.
    """
    shown = "".join(letter for letter in text[:80] if letter.isprintable())
    how = "write it like 20 per second, 500 per hour or 100 per day"
    found = _RATE.fullmatch(" ".join(text.lower().split()))
    if found and found[3] in _UNITS:
        count, period = int(found[1]), int(found[2] or 1) * _UNITS[found[3]]
        if period > MAX_PERIOD_DAYS * _SECONDS["day"]:
            raise UsageError(f"{shown!r} counts over more than {MAX_PERIOD_DAYS} days; {how}")
        if 1 <= count <= MAX_COUNT and period >= 1:
            return Rate(count, float(period))
    raise UsageError(f"{shown!r} is no rate; {how}")


class Pacer:
    """Counts what leaves, so that in no window as long as the rate's period there is more than its count.

    ``clock`` gives seconds; ``sent_before`` are times of the same clock at which mail left already.
    May be asked from many threads. Does not wait: that, or stopping, is the caller's choice.
    """

    def __init__(self, rate: Rate, sent_before: Sequence[float] = (), *, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        # Older ones are in no window together with one yet to come.
        self._times = deque(sorted(sent_before), maxlen=rate.count)

    def delay(self) -> float:
        """Seconds until the next may leave; 0 for now."""
        with self._lock:
            return self._delay(self._clock())

    def take(self) -> float:
        """Count one as leaving now and return 0, or count nothing and return the seconds to wait."""
        with self._lock:
            now = self._clock()
            delay = self._delay(now)
            if delay == 0:
                self._times.append(now)
            return delay

    def _delay(self, now: float) -> float:
        if self._times and self._times[-1] > now:
            # The clock was set back; what lies ahead of it left at the latest now.
            self._times = deque((min(time, now) for time in self._times), maxlen=self._rate.count)
        if len(self._times) < self._rate.count:
            return 0.0
        return min(max(0.0, self._times[0] + self._rate.period_s - now), self._rate.period_s)


def backoff(failures: int, domain: str) -> timedelta:
    """How long to leave a domain alone after so many failures in a row: 5 minutes, doubled, at most 4 hours.

    To that comes up to a quarter, fixed by the domain's name, so that not all come back at once.
    """
    if failures <= 0:
        return timedelta(0)
    plain = min(FIRST_BACKOFF * (1 << min(failures - 1, 16)), MAX_BACKOFF)
    share = blake2b(domain.lower().encode("utf-8", "replace"), digest_size=1).digest()[0] / 256
    return plain + plain * share / 4
