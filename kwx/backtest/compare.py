"""Two runs side by side: what differs in what they are made of, and what came of that on the events of both.

Differences are the first less the second, event by event, with intervals by event date: the same dates are drawn for
both sides, so that the weather which both traded drops out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from kwx.backtest.by_date import ByDate
from kwx.backtest.days import EVENT
from kwx.backtest.sharpe import sharpe_of
from kwx.backtest.sides import Side
from kwx.scoring.inputs import Floats
from kwx.scoring.resampling import Draws, Estimate
from warehouse.errors import Refused

ALL = "all"
_DAYS_SHOWN = 10
_MICROS_PER_DOLLAR = 1_000_000
_SUMS = (
    ("net, dollars", "net_micros", _MICROS_PER_DOLLAR),
    ("outlay, dollars", "outlay_micros", _MICROS_PER_DOLLAR),
    ("fees, dollars", "fees_micros", _MICROS_PER_DOLLAR),
    ("maker fills", "maker_fills", 1),
    ("taker fills", "taker_fills", 1),
)
_RATIOS = (
    ("return on risk", ("net_micros",), ("at_risk_micros",)),
    ("fills that gained", ("fills_won",), ("maker_fills", "taker_fills")),
    ("positions that gained", ("positions_won",), ("positions",)),
)


class Difference(NamedTuple):
    """One number of both sides, and the first less the second between its bounds; NaN where it cannot be said."""

    what: str
    first: float
    second: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """Two sides. differs: what they are made of, where that is not the same. by_city: net gains, of all cities last.

    days: the city-days that differ most. only: how many events one side alone has, which are left out.
    """

    sides: tuple[Side, Side]
    differs: pl.DataFrame
    metrics: tuple[Difference, ...]
    by_city: tuple[Difference, ...]
    days: pl.DataFrame
    events: int
    dates: int
    only: tuple[int, int]
    level: float


def compared(first: Side, second: Side, *, block_days: int = 1, level: float = 0.95, seed: int = 0) -> Compared:
    """Compare two sides on the settled events that both have; refuse sides that share none."""
    ours, theirs = (side.days.filter("is_settled").sort(EVENT) for side in (first, second))
    shared = ours.join(theirs, on=EVENT, how="semi"), theirs.join(ours, on=EVENT, how="semi")
    if shared[0].is_empty():
        raise Refused(
            f"{first.run_id} and {second.run_id} share no settled event", hint="compare runs of the same dates"
        )
    by_date = ByDate.of(shared[0], block_days=block_days, level=level, seed=seed)
    cities = shared[0]["city"].unique().sort().to_list()
    return Compared(
        sides=(first, second),
        differs=_differs(first, second),
        metrics=tuple(_metrics(*shared, by_date)),
        by_city=(*(_net(*shared, by_date, city) for city in cities), _net(*shared, by_date, None)),
        days=_most_apart(*shared),
        events=len(shared[0]),
        dates=len(by_date.dates),
        only=(len(ours) - len(shared[0]), len(theirs) - len(shared[1])),
        level=level,
    )


def _differs(first: Side, second: Side) -> pl.DataFrame:
    """Return what is said of one side and otherwise, or not at all, of the other."""
    told = [{**side.made_of, **_flat(side.config)} for side in (first, second)]
    keys = [key for key in {**told[0], **told[1]} if told[0].get(key) != told[1].get(key)]
    rows = [(key, told[0].get(key), told[1].get(key)) for key in keys]
    return pl.DataFrame(rows, schema=dict.fromkeys(("what", "first", "second"), pl.String), orient="row")


def _flat(config: Mapping[str, Any]) -> dict[str, str]:
    """Return settings by dotted key: one line where all cities agree, else one for each city."""
    by_key: dict[str, dict[str, str]] = {}
    for city, own in config.items():
        for key, value in _leaves(own, ()):
            by_key.setdefault(key, {})[city] = str(value)
    flat: dict[str, str] = {}
    for key, of_city in by_key.items():
        same = len(set(of_city.values())) == 1
        flat |= {key: next(iter(of_city.values()))} if same else {f"{city} {key}": v for city, v in of_city.items()}
    return flat


def _leaves(own: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for key, value in own.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, key))
        elif above:
            yield ".".join((*above, key)), value


def _metrics(ours: pl.DataFrame, theirs: pl.DataFrame, by_date: ByDate) -> Iterator[Difference]:
    for what, column, unit in _SUMS:
        one, other = (by_date.sums(days, days[column]) / unit for days in (ours, theirs))
        yield _told(what, float(one.sum()), float(other.sum()), by_date.total(one - other))
    for what, over, under in _RATIOS:
        yield _ratio(what, ours, theirs, by_date, over, under)
    net = [by_date.sums(days, days["net_micros"]) for days in (ours, theirs)]
    drawn = [_drawn_sharpes(gains, by_date.draws) for gains in net]
    ratios = [sharpe_of(gains).value for gains in net]
    yield _apart("Sharpe ratio of a date", ratios[0], ratios[1], drawn[0], drawn[1], by_date.draws)


def _ratio(
    what: str, ours: pl.DataFrame, theirs: pl.DataFrame, by_date: ByDate, over: Sequence[str], under: Sequence[str]
) -> Difference:  # fmt: skip
    values, drawn = [], []
    for days in (ours, theirs):
        top, base = (sum(by_date.sums(days, days[name]) for name in names) for names in (over, under))
        values.append(_over(np.sum(top), np.sum(base)).item())
        drawn.append(_over(by_date.draws.totals(np.asarray(top)), by_date.draws.totals(np.asarray(base))))
    return _apart(what, values[0], values[1], drawn[0], drawn[1], by_date.draws)


def _apart(what: str, one: float, other: float, drawn: Floats, others: Floats, draws: Draws) -> Difference:
    """Return the difference of two numbers between what it is in draws in which both can be said."""
    apart = drawn - others
    return _told(what, one, other, draws.percentile(one - other, apart[np.isfinite(apart)]))


def _told(what: str, one: float, other: float, apart: Estimate) -> Difference:
    return Difference(what, one, other, apart.value, apart.low, apart.high)


def _over(top: Any, base: Any) -> Floats:
    ratio: Floats = np.divide(top, base, out=np.full(np.shape(base), np.nan), where=np.asarray(base) > 0)
    return ratio


def _drawn_sharpes(gains: Floats, draws: Draws) -> Floats:
    rows, sums, squares = draws.rows_drawn, draws.totals(gains), draws.totals(gains**2)
    spread = np.sqrt(np.maximum(squares - sums**2 / rows, 0.0) / np.maximum(rows - 1, 1))
    return _over(sums / rows, spread)


def _net(ours: pl.DataFrame, theirs: pl.DataFrame, by_date: ByDate, city: str | None) -> Difference:
    """Return the net gains of a city, or of all: dates on which it has no event count as nothing."""
    of = [days if city is None else days.filter(pl.col("city") == city) for days in (ours, theirs)]
    one, other = (by_date.sums(days, days["net_micros"]) / _MICROS_PER_DOLLAR for days in of)
    return _told(city or ALL, float(one.sum()), float(other.sum()), by_date.total(one - other))


def _most_apart(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    shown = ("net_micros", "maker_fills", "taker_fills")
    both = ours.select(*EVENT, *shown).join(theirs.select(*EVENT, *shown), on=EVENT, suffix="_second")
    apart = both.with_columns(difference_micros=pl.col("net_micros") - pl.col("net_micros_second"))
    return apart.sort(pl.col("difference_micros").abs(), *EVENT, descending=[True, False, False]).head(_DAYS_SHOWN)
