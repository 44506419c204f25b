"""The time one fetch may take in all, handed through everything that waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from digest.errors import FetchError

__all__ = ["Deadline"]


class Deadline:
    """The time one fetch may take in all. ``clock`` is monotonic, in seconds."""

    def __init__(self, timeout_s: float, clock: Callable[[], float]) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._end = clock() + timeout_s

    def left(self) -> float:
        """Seconds left; raises ``FetchError`` (unreachable) when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise self.exceeded()
        return left

    def has(self, seconds: float) -> bool:
        """Whether more than that is left."""
        return self._end - self._clock() > seconds

    def extend(self, seconds: float) -> None:
        """Do not count a wait that was our own choice."""
        self._end += seconds

    @contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Let time be up sooner for the length of the block."""
        end = self._end
        self._end = min(end, self._clock() + seconds)
        try:
            yield
        finally:
            self._end = end

    def exceeded(self) -> FetchError:
        """The error to raise when time is up."""
        return FetchError(f"no complete answer within {self._timeout_s:g} s")
