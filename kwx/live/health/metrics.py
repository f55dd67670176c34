"""Numbers of a running loop: counters, gauges and histograms by their labels, as Prometheus reads them.

A metric is declared once with its labels; values come from any thread. How many series a metric may have is bounded.
"""

from __future__ import annotations

import bisect
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from warehouse.errors import Usage

MOST_SERIES = 500
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Labels = tuple[str, ...]


@dataclass
class _Series:
    """The value of one set of labels; a histogram has counts by bucket beside its sum."""

    value: float = 0.0
    total: float = 0.0
    counts: list[int] = field(default_factory=list)


class Metric:
    """One name and what it means, with a value for each set of labels that was ever said."""

    kind = "gauge"

    def __init__(self, name: str, meaning: str, *, labels: Sequence[str] = ()) -> None:
        self.name, self.meaning, self.labels = name, meaning, tuple(labels)
        self._series: dict[Labels, _Series] = {}
        self._lock = threading.Lock()

    def value(self, **said: str) -> float:
        """Return the value of some labels, the largest of those that are left open; NaN where none was said."""
        with self._lock:
            found = [one.value for labels, one in self._series.items() if self._has(labels, said)]
        return max(found, default=math.nan)

    def _has(self, labels: Labels, said: Mapping[str, str]) -> bool:
        own = dict(zip(self.labels, labels, strict=True))
        return all(own.get(name) == value for name, value in said.items())

    def _of(self, said: Mapping[str, str]) -> _Series:
        if said.keys() != set(self.labels):
            raise Usage(f"{self.name} has the labels {' '.join(self.labels) or 'none'}, not {' '.join(said) or 'none'}")
        labels = tuple(str(said[name]) for name in self.labels)
        if labels not in self._series and len(self._series) >= MOST_SERIES:
            raise Usage(f"{self.name} has {MOST_SERIES} series already", hint="label by what there are few of")
        return self._series.setdefault(labels, _Series())

    def lines(self) -> Iterator[str]:
        """Yield the metric as Prometheus reads it."""
        yield f"# HELP {self.name} {_escaped(self.meaning, quotes=False)}"
        yield f"# TYPE {self.name} {self.kind}"
        with self._lock:
            held = [(labels, _Series(one.value, one.total, [*one.counts])) for labels, one in self._series.items()]
        for labels, one in sorted(held, key=lambda pair: pair[0]):
            yield from self._lines_of(dict(zip(self.labels, labels, strict=True)), one)

    def _lines_of(self, labels: Mapping[str, str], one: _Series) -> Iterator[str]:
        yield f"{self.name}{_braced(labels)} {_number(one.value)}"


class Counter(Metric):
    """What only grows."""

    kind = "counter"

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count some more."""
        if not amount >= 0:
            raise Usage(f"{self.name} counts upward, {amount} is below 0")
        with self._lock:
            self._of(labels).value += amount


class Gauge(Metric):
    """What is so now."""

    def set(self, value: float, **labels: str) -> None:
        """Say what is so."""
        with self._lock:
            self._of(labels).value = float(value)

    def forget(self) -> None:
        """Say that nothing of it is known any more."""
        with self._lock:
            self._series.clear()


class Histogram(Metric):
    """How often something took how long; its value is the last one."""

    kind = "histogram"

    def __init__(
        self, name: str, meaning: str, *, labels: Sequence[str] = (), buckets: Sequence[float] = BUCKETS_S
    ) -> None:
        super().__init__(name, meaning, labels=labels)
        self.buckets = tuple(buckets)

    def observe(self, value: float, **labels: str) -> None:
        """Count one more value."""
        with self._lock:
            one = self._of(labels)
            one.counts = one.counts or [0] * (len(self.buckets) + 1)
            one.counts[bisect.bisect_left(self.buckets, value)] += 1
            one.value = value
            one.total += value

    def _lines_of(self, labels: Mapping[str, str], one: _Series) -> Iterator[str]:
        below = 0
        for bound, count in zip((*self.buckets, math.inf), one.counts, strict=True):
            below += count
            yield f"{self.name}_bucket{_braced({**labels, 'le': _number(bound)})} {below}"
        yield f"{self.name}_sum{_braced(labels)} {_number(one.total)}"
        yield f"{self.name}_count{_braced(labels)} {below}"


def _braced(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(text: str, *, quotes: bool) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
