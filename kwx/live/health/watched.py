"""All that a loop tells of itself in numbers: one place, so that alerts, the address and the file speak of the same.

A rule of an alert names a metric without its prefix, with labels where it means one of its series: `stale_seconds`,
`stale_seconds{source=prices}`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from kwx.exec.codes import FIRST_BLOCKED, Gate, Mode, Verb
from kwx.exec.state import Actions
from kwx.live.health.metrics import Counter, Gauge, Histogram, Metric
from warehouse.errors import Usage

PREFIX = "kwx_live_"
_MICROS_PER_DOLLAR = 1_000_000
_NAMED = re.compile(r"(?P<name>[a-z0-9_]+)(?:\{(?P<labels>[^}]*)\})?")


class Watched:
    """The metrics of a loop."""

    def __init__(self) -> None:
        self.ticks = self._counter("ticks_total", "looks that were taken")
        self.ticks_missed = self._counter("ticks_missed_total", "looks that were due while another took too long")
        self.stage_seconds = self._histogram("stage_seconds", "how long a stage of a look took", "stage")
        self.over_budget = self._counter("over_budget_total", "stages that took longer than their budget", "stage")
        self.minutes_decided = self._counter("minutes_decided_total", "minutes that were decided in their time")
        self.minutes_missed = self._counter("minutes_missed_total", "minutes stepped afterwards, without an opinion")
        self.stale_minutes = self._counter("stale_minutes_total", "minutes of a city decided on stale input", "city")
        self.seconds_since_tick = self._gauge("seconds_since_tick", "since the last look ended")
        self.seconds_since_minute = self._gauge("seconds_since_minute", "since the end of the last decided minute")
        self.stale_seconds = self._gauge("stale_seconds", "age of what a source said last", "source")
        self.source_down = self._gauge("source_down", "1 while a source gives no answer", "source")
        self.clock_skew_seconds = self._gauge("clock_skew_seconds", "our clock ahead of the exchange's at least")
        self.clock_off = self._gauge(
            "clock_off", "1 while our clock is further from the exchange's than it may be, or unknown"
        )
        self.left_out = self._gauge("left_out", "events that are open and not traded")
        self.waiting = self._gauge("waiting", "how much waits: signals in the spool, arrivals not taken in", "queue")
        self.denied = self._counter(
            "denied_total", "minutes of brackets in which a gate stopped what was wanted", "gate"
        )
        self.acted = self._counter("acted_total", "orders placed, changed, taken out or taken", "verb")
        self.fills = self._counter("fills_total", "executions", "style")
        self.open_orders = self._gauge("open_orders", "orders that rest")
        self.denied_all_seconds = self._gauge("denied_all_seconds", "for how long all that was wanted was stopped")
        self.pnl_dollars = self._gauge("pnl_dollars", "cash and positions at the mid, of the open dates", "event_date")
        self.fees_dollars = self._gauge("fees_dollars", "fees charged, of the open dates", "event_date")
        self.at_risk_dollars = self._gauge("at_risk_dollars", "the most that an open date can lose", "event_date")
        self.drawdown_share = self._gauge("drawdown_share", "fall from the highest since the start, of the bankroll")
        self.mode = self._gauge("mode", "0 active, 1 reducing, 2 halted: the worst of a date's cities", "event_date")
        self.halted = self._gauge("halted", "1 when trading is halted: a mismatch, or the kill switch")
        self.brier_drift = self._gauge("brier_drift", "Brier score of settled predictions less the card's", "model")
        self.ece_drift = self._gauge("ece_drift", "calibration error of settled predictions less the card's", "model")
        self.alerts = self._gauge("alerts", "alerts that stand", "severity")
        self.memory_bytes = self._gauge("memory_bytes", "memory of the process that is in use")

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, meaning, labels=labels)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, meaning, labels=labels)

    def _histogram(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(PREFIX + name, meaning, labels=labels)

    def metrics(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from (metric for metric in vars(self).values() if isinstance(metric, Metric))

    def exposed(self) -> str:
        """Return all of them as Prometheus reads them."""
        return "\n".join(line for metric in self.metrics() for line in metric.lines()) + "\n"

    def value(self, named: str) -> float:
        """Return what a rule names, NaN while nothing is known of it; refuse a name that no metric has."""
        metric, labels = self.find(named)
        return metric.value(**labels)

    def find(self, named: str) -> tuple[Metric, dict[str, str]]:
        """Return the metric and the labels that a rule names."""
        parts = _NAMED.fullmatch(named.strip())
        by_name = {metric.name.removeprefix(PREFIX): metric for metric in self.metrics()}
        metric = by_name.get(parts["name"].removeprefix(PREFIX)) if parts else None
        if parts is None or metric is None:
            raise Usage(f"there is no metric {named!r}", hint=f"one of: {' '.join(sorted(by_name))}")
        labels = _labels(parts["labels"] or "")
        if strangers := labels.keys() - set(metric.labels):
            raise Usage(f"{named}: no label {' '.join(strangers)}", hint=f"labels: {' '.join(metric.labels) or 'none'}")
        return metric, labels

    def did(self, event_date: str, actions: Actions) -> None:
        """Take in what one minute of a date did: denials, orders, fills, money and mode."""
        for gate in Gate:
            if gate >= FIRST_BLOCKED and (count := int((np.asarray(actions.gate) == gate).sum())):
                self.denied.add(count, gate=gate.word)
        for verb in Verb:
            if verb is not Verb.NONE and (count := int((np.asarray(actions.verb) == verb).sum())):
                self.acted.add(count, verb=verb.word)
        for style, centi in (("maker", actions.made_centi), ("taker", actions.took_centi)):
            if count := int((np.asarray(centi) != 0).sum()):
                self.fills.add(count, style=style)
        worth = np.asarray(actions.cash_micros) + np.asarray(actions.position_micros)
        for gauge, micros in (
            (self.pnl_dollars, worth), (self.fees_dollars, actions.fees_micros),
            (self.at_risk_dollars, actions.at_risk_micros),
        ):  # fmt: skip
            gauge.set(int(np.asarray(micros).sum()) / _MICROS_PER_DOLLAR, event_date=event_date)
        self.mode.set(int(np.asarray(actions.mode).max(initial=Mode.ACTIVE)), event_date=event_date)


def _labels(said: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in said.split(",") if pair.strip())
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def is_known(value: float) -> bool:
    """Tell whether anything was said of a metric."""
    return not math.isnan(value)
