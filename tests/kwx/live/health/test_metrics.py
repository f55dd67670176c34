"""Numbers of a loop: as Prometheus reads them, from many threads, bounded; and found by the names that rules say."""

from __future__ import annotations

import math
import re
import threading

import numpy as np
import pytest

from kwx.exec.codes import Gate, Verb
from kwx.live.health.metrics import MOST_SERIES, Counter, Gauge, Histogram
from kwx.live.health.watched import PREFIX, Watched
from tests.kwx.backtest.made_trace import made_actions, made_bars
from warehouse.errors import Usage

SAMPLE = re.compile(r'[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? (NaN|[+-]Inf|[0-9.e+-]+)')


def text(metric):
    return "\n".join(metric.lines())


def test_a_counter_says_help_type_and_value():
    """With a line for each set of labels, in order."""
    counter = Counter("asks_total", "what was asked", labels=("source",))
    counter.add(source="vc")
    counter.add(2.5, source="metar")

    assert (
        "# HELP asks_total what was asked\n# TYPE asks_total counter\n"
        'asks_total{source="metar"} 2.5\nasks_total{source="vc"} 1'
    ) == text(counter)


def test_a_histogram_counts_what_is_at_most_each_bound():
    """Cumulative, with sum and count; a value on a bound is in its bucket."""
    histogram = Histogram("think_seconds", "thinking", buckets=(0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 9.0):
        histogram.observe(seconds)

    assert [
        'think_seconds_bucket{le="0.1"} 2', 'think_seconds_bucket{le="1"} 3', 'think_seconds_bucket{le="+Inf"} 4',
        "think_seconds_sum 9.65", "think_seconds_count 4",
    ] == text(histogram).splitlines()[2:]  # fmt: skip
    assert 9.0 == histogram.value()


def test_labels_may_say_anything():
    """Quotes, backslashes and line ends are escaped; wrong labels and numbers that shrink are refused."""
    gauge = Gauge("age", "how old", labels=("source",))
    gauge.set(math.nan, source='a "b"\\\n')

    assert 'age{source="a \\"b\\"\\\\\\n"} NaN' == text(gauge).splitlines()[-1]
    with pytest.raises(Usage, match="has the labels source"):
        gauge.set(1, city="nyc")
    with pytest.raises(Usage, match="counts upward"):
        Counter("n", "n").add(-1)


def test_series_are_bounded():
    """A label that takes ever new values is refused, not kept."""
    gauge = Gauge("age", "how old", labels=("market",))
    for number in range(MOST_SERIES):
        gauge.set(1, market=str(number))

    with pytest.raises(Usage, match="500 series already"):
        gauge.set(1, market="one more")


def test_threads_lose_no_count():
    """Eight of them count to a thousand each."""
    counter = Counter("n", "n")
    threads = [threading.Thread(target=lambda: [counter.add() for _ in range(1_000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8_000 == counter.value()


def test_a_rule_finds_its_metric_by_name_and_labels():
    """Labels that are left out mean the largest; what is not known of is NaN; strangers are named."""
    watched = Watched()
    watched.stale_seconds.set(20, source="prices")
    watched.stale_seconds.set(700, source="weather")

    assert 700 == watched.value("stale_seconds")
    assert (
        20 == watched.value('stale_seconds{source="prices"}') == watched.value(PREFIX + "stale_seconds{source=prices}")
    )
    assert math.isnan(watched.value("stale_seconds{source=books}"))
    with pytest.raises(Usage, match="no metric 'staleness'"):
        watched.value("staleness")
    with pytest.raises(Usage, match="no label city"):
        watched.value("stale_seconds{city=nyc}")


def test_what_a_minute_did_is_counted():
    """Denials by gate, orders by verb, fills by style, money of the date in dollars."""
    bars = made_bars(2)
    actions = made_actions(
        bars, gate={(0, 0): Gate.SPREAD, (0, 1): Gate.NO_EDGE}, verb={(0, 1): Verb.TAKE}, took_centi={(0, 1): 100},
        cash_micros={(0,): -2_500_000}, position_micros={(0,): 3_000_000}, at_risk_micros={(0,): 7_000_000},
    )  # fmt: skip
    watched = Watched()

    watched.did("2026-11-02", type(actions)(*(np.asarray(field)[0] for field in actions)))

    assert 1 == watched.denied.value(gate="spread")
    assert math.isnan(watched.denied.value(gate="no_edge"))
    assert (1, 1) == (watched.acted.value(verb="take"), watched.fills.value(style="taker"))
    assert (0.5, 7.0) == (watched.pnl_dollars.value(), watched.at_risk_dollars.value())


def test_every_line_is_one_that_prometheus_reads():
    """Of all metrics of a loop, with values of each kind."""
    watched = Watched()
    watched.stage_seconds.observe(0.02, stage="think")
    watched.ticks.add()
    watched.halted.set(0)

    for line in watched.exposed().splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
    assert len({metric.name for metric in watched.metrics()}) == len(list(watched.metrics()))
