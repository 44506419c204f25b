"""Metrics as Prometheus reads them: values that are asked for at each scrape, and the times of web requests.

Knows the format (https://prometheus.io/docs/instrumenting/exposition_formats/), not what is measured. The
registries are our own, so that no metric of the Python process or of another program is among them.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # 60 ms, and needed by two commands
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

__all__ = ["CONTENT_TYPE", "PREFIX", "Measure", "WebMetrics", "render_measures"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "digest_"
# Seconds; pages take some milliseconds, a preview some tenths.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A scrape costs some queries; who asks more often gets the same answer.
FRESH_S = 5.0

Samples = Sequence[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True)
class Measure:
    """A gauge: its name without the prefix, what it means, and its values by labels (``{}`` for none)."""

    name: str
    help: str
    samples: Samples


class _Measures:
    """What a registry collects from: asks ``read`` each time."""

    def __init__(self, read: Callable[[], Iterable[Measure]]) -> None:
        self._read = read

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        for measure in self._read():
            labels = list(measure.samples[0][0]) if measure.samples else []
            family = GaugeMetricFamily(PREFIX + measure.name, measure.help, labels=labels)
            for values, number in measure.samples:
                family.add_metric([values[label] for label in labels], number)
            yield family


def _registry(read: Callable[[], Iterable[Measure]]) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measures(read))
    return registry


def render_measures(measures: Iterable[Measure]) -> str:
    """The measures in the text format."""
    from prometheus_client import generate_latest

    found = list(measures)
    return generate_latest(_registry(lambda: found)).decode()


class WebMetrics:
    """What one web answers at ``/metrics``: what ``read`` gives, and how long its own requests took.

    Safe between threads. The former is kept for five seconds; ``clock`` is monotonic.
    """

    def __init__(
        self, read: Callable[[], Sequence[Measure]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        from prometheus_client import Histogram

        self._read = read
        self._clock = clock
        self._turn = threading.Lock()
        self._kept: tuple[float, Sequence[Measure]] | None = None
        self._registry = _registry(self._measures)
        self._times = Histogram(
            f"{PREFIX}web_request_seconds",
            "Time until an answer was complete, by the template of its route.",
            ("route", "method", "status"),
            buckets=BUCKETS,
            registry=self._registry,
        )

    def observe(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer. ``route`` is a template, never an address: those hold tokens, and are endless."""
        known = method if method in _METHODS else "OTHER"
        self._times.labels(route, known, f"{status // 100}xx").observe(seconds)

    def text(self) -> str:
        """Everything, in the text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry).decode()

    def _measures(self) -> Sequence[Measure]:
        with self._turn:
            now = self._clock()
            if self._kept is None or now - self._kept[0] >= FRESH_S:
                self._kept = now, self._read()
            return self._kept[1]


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
