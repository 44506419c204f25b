"""Limits: how often strangers may make this installation do something. Kept in memory, for one process."""

import logging
import math
import threading
import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from digest.errors import TooManyError
from digest.mailer import Rate
from digest.translation import gettext as _

__all__ = ["Limit", "SignUpLimits"]

_log = logging.getLogger(__name__)

MAX_KEYS = 10_000


class Limit:
    """Counts, for each key by itself, so that no window as long as the rate's period has more than its count.

    May be asked from many threads.
    """

    def __init__(self, rate: Rate) -> None:
        self._item = RateLimitItemPerSecond(rate.count, math.ceil(rate.period_s))
        self._storage = MemoryStorage()
        self._windows = MovingWindowRateLimiter(self._storage)
        self._turn = threading.Lock()  # the storage's own locks are made and dropped without one

    def take(self, key: str) -> bool:
        """Count one more; ``False``, and nothing counted, where that is too many."""
        with self._turn:
            if len(self._storage.events) > MAX_KEYS:
                self._forget()
            return self._windows.hit(self._item, key)

    def _forget(self) -> None:
        """Drop the keys of which nothing counts any more: the storage keeps each for ever."""
        events = self._storage.events
        for key in [key for key, counted in list(events.items()) if not counted]:
            events.pop(key, None)

    def wait_s(self, key: str) -> int:
        """In how many whole seconds there is room again; 1 at least."""
        with self._turn:
            return max(1, math.ceil(self._windows.get_window_stats(self._item, key).reset_time - time.time()))


class SignUpLimits:
    """How often anybody may ask for mail to an address: from one network, and all together."""

    def __init__(self, per_network: Rate, in_all: Rate) -> None:
        self._per_network = Limit(per_network)
        self._in_all = Limit(in_all)
        self._silent_until = 0.0

    def check_network(self, network: str) -> None:
        """Count one request of that network. Raises ``TooManyError``."""
        if not self._per_network.take(network):
            raise TooManyError(
                _("From your network there were too many requests of this kind. Please try again later."),
                retry_after_s=self._per_network.wait_s(network),
            )

    def take_one(self) -> bool:
        """Count one that is to be served; ``False`` where there are too many in all, told in the log once."""
        if self._in_all.take(""):
            return True
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + self.wait_s()
            _log.warning("too many sign-ups in all (sign_ups_in_all): until there are fewer, none is served")
        return False

    def wait_s(self) -> int:
        """In how many whole seconds there is room again for anybody."""
        return self._in_all.wait_s("")
