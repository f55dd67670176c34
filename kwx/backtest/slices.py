"""Where a run gained and where it lost: its fills cut by one thing at a time, each cut the whole to the micro."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from kwx.backtest.metrics import Measured
from warehouse.market.cities import CITIES

_HAZARD_LOW, _HAZARD_HIGH = 0.05, 0.5
_SEASONS = {12: "winter", 1: "winter", 2: "winter", 3: "spring", 4: "spring", 5: "spring", 6: "summer", 7: "summer"}
_SEASONS |= {8: "summer", 9: "autumn", 10: "autumn", 11: "autumn"}
_TICKS_PER_CENT = 100
_WIDE_CENTS = 4
_UNTOLD = "not told"

Cut = Callable[[pl.DataFrame], pl.Expr]


def _column(name: str) -> Cut:
    return lambda fills: pl.col(name)


def _hazard(fills: pl.DataFrame) -> pl.Expr:
    hazard = pl.col("hazard_next_60m")
    low, high = pl.lit(f"low, below {_HAZARD_LOW:.0%}"), pl.lit(f"high, from {_HAZARD_HIGH:.0%}")
    told = pl.when(hazard < _HAZARD_LOW).then(low).when(hazard >= _HAZARD_HIGH).then(high).otherwise(pl.lit("middle"))
    return pl.when(hazard.is_not_null()).then(told)


def _hour(fills: pl.DataFrame) -> pl.Expr:
    """Return the hour of local standard time, which the climate day keeps."""
    offsets = {key: city.standard_offset_hours for key, city in CITIES.items()}
    offset = pl.duration(hours=pl.col("city").replace_strict(offsets, return_dtype=pl.Int64))
    return (pl.col("ts_utc") + offset).dt.strftime("%H h")


def _season(fills: pl.DataFrame) -> pl.Expr:
    return pl.col("event_date").dt.month().replace_strict(_SEASONS, return_dtype=pl.String)


def _liquidity(fills: pl.DataFrame) -> pl.Expr:
    """Return the third of the run's own fills by what had been traded in 20 minutes; equal volumes share one."""
    volume = pl.col("volume_20m_centi")
    share = (volume.rank("max") - 1) / volume.count()
    third = pl.when(share < 1 / 3).then(pl.lit("1 thin")).when(share < 2 / 3).then(pl.lit("2 middle"))
    return pl.when(volume.is_not_null()).then(third.otherwise(pl.lit("3 busy")))


def _spread(fills: pl.DataFrame) -> pl.Expr:
    cents = (pl.col("spread_ticks") / _TICKS_PER_CENT).ceil().cast(pl.Int64)
    wide = pl.lit(f"{_WIDE_CENTS} ¢ or more")
    return pl.when(cents >= _WIDE_CENTS).then(wide).otherwise(pl.format("{} ¢", cents))


CUTS: dict[str, Cut] = {
    "city": _column("city"),
    "bracket": _column("strike_type"),
    "hazard": _hazard,
    "hour": _hour,
    "season": _season,
    "liquidity": _liquidity,
    "spread": _spread,
    "side": _column("side"),
    "style": _column("style"),
}
"""What fills are cut by; what was seen is of the minute before an order that rested was filled."""


def slices_of(run: Measured) -> pl.DataFrame:
    """Return a row for each value of each cut: fills, contracts, fees, and the net gain with its interval by date."""
    return pl.concat([_slices(run, name, cut) for name, cut in CUTS.items()])


def _slices(run: Measured, name: str, cut: Cut) -> pl.DataFrame:
    values = run.gained.with_columns(value=cut(run.gained).fill_null(_UNTOLD))
    groups = values.partition_by("value", as_dict=True)
    rows = [_slice(run, name, str(value), fills) for (value,), fills in sorted(groups.items())]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _slice(run: Measured, name: str, value: str, fills: pl.DataFrame) -> tuple[object, ...]:
    net = run.by_date.total(run.by_date.sums(fills, fills["net_micros"]))
    dollars = (bound / 1_000_000 for bound in (net.low, net.high))
    sums = (int(fills[column].sum()) for column in ("count_centi", "fee_micros", "net_micros"))
    return (name, value, len(fills), *sums, *dollars)


_SCHEMA = {
    "cut": pl.String,
    "value": pl.String,
    "fills": pl.Int64,
    "contracts_centi": pl.Int64,
    "fees_micros": pl.Int64,
    "net_micros": pl.Int64,
    "net_low_dollars": pl.Float64,
    "net_high_dollars": pl.Float64,
}
