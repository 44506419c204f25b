"""The pulse of a loop: whoever does the work beats, whoever watches asks how long ago that was.

One object for a process. The loop of ``digest serve`` calls :meth:`Heartbeat.beat` each time it comes round;
``/healthz``, ``/readyz`` and systemd's watchdog look at it.
"""

import time
from collections.abc import Callable

__all__ = ["Heartbeat"]


class Heartbeat:
    """When a loop last came round. Safe between threads; made, it counts as beaten once.

    ``late_after_s``: without a beat for longer than this the loop hangs. ``clock`` is monotonic seconds, so
    that a wall clock that is set does not matter.
    """

    def __init__(self, late_after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.late_after_s = late_after_s
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """The loop came round."""
        self._last = self._clock()

    def age_s(self) -> float:
        """Seconds since the last beat."""
        return max(self._clock() - self._last, 0.0)

    @property
    def is_late(self) -> bool:
        """Whether the loop hangs."""
        return self.age_s() > self.late_after_s
