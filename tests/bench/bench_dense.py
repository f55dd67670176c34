"""Sparse to dense candles against the pandas loop that one writes first: same answers, rows per second, memory.

Run as `python tests/bench/bench_dense.py [--markets 6] [--days 90]`. The baseline lays out only the first markets and
is compared row by row there; its time per row is what the ratio is against.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
from measure import Measure, best_of, peak_memory_gb, report

from pipelines.transform.dense import QUOTE_FRESH_MINUTES, WEATHER_FRESH_MINUTES, dense_candles
from warehouse.lake.tables import BRACKET_COLUMNS, CANDLES_1M, UTC_TYPE
from warehouse.market.cities import CITIES, City

CITY = CITIES["chicago"]
MINUTES = 2_400
SHARE_OF_MINUTES = 0.25
SHARE_LATE = 0.005
BASELINE_MARKETS = 30
RATIO_TARGET = 20
ROWS_PER_S_TARGET = 1_000_000


def run(*, markets: int = 6, days: int = 90) -> list[Measure]:
    """Measure the dense build of one city: rows per second, and the ratio to the pandas loop."""
    candles, listed, weather = market_world(markets=markets, days=days)
    ours_s, ours = best_of(3, lambda: dense_candles(candles, listed, weather=weather, city=CITY))
    memory = f"peak of the process {peak_memory_gb():.2f} GB, result {ours.estimated_size('gb'):.2f} GB"
    few = listed.head(BASELINE_MARKETS)
    some = candles.join(few.select("market_ticker"), on="market_ticker", how="semi", maintain_order="left")
    baseline_s, expected = pandas_loop(some, few, weather)
    require_equal(expected, ours.head(len(expected)))
    scaled_s = baseline_s / len(expected) * ours.height
    rate = ours.height / ours_s
    return [
        Measure(
            name=f"dense candles, {ours.height:,} rows",
            ours_s=ours_s,
            baseline_s=scaled_s,
            ratio=scaled_s / ours_s,
            target=f">= {RATIO_TARGET} x",
            note=f"pandas loop run on {few.height} markets, equal there, scaled per row",
            holds=scaled_s / ours_s >= RATIO_TARGET,
        ),
        Measure(
            name="dense candles, rows per second",
            ours_s=ours_s,
            target=f">= {ROWS_PER_S_TARGET / 1e6:.0f} M/s",
            note=f"{rate / 1e6:.2f} M rows/s, {memory}",
            holds=rate >= ROWS_PER_S_TARGET,
        ),
    ]


def market_world(*, markets: int, days: int, seed: int = 7) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Draw sparse candles, markets and weather of one city: quotes that wander, bursts of trade, a few late candles."""
    rng = np.random.default_rng(seed)
    opens = [datetime(2026, 2, 1, 14, tzinfo=UTC) + timedelta(days=day) for day in range(days)]
    listed = pl.DataFrame(
        {
            "market_ticker": [
                f"KXHIGHCHI-{day:%y%b%d}-B{60 + 2 * place}.5".upper() for day in opens for place in range(markets)
            ],
            "open_utc": [day for day in opens for _ in range(markets)],
        }
    ).with_columns(
        pl.col("open_utc").cast(UTC_TYPE),
        (pl.col("open_utc").cast(UTC_TYPE) + pl.duration(minutes=MINUTES)).alias("close_utc"),
    )
    listed = listed.sort("market_ticker").with_columns(_bracket_columns())
    present = rng.random((listed.height, MINUTES)) < SHARE_OF_MINUTES
    market, minute = np.nonzero(present)
    return _draw_candles(listed, market, minute + 1, rng), listed, _draw_weather(opens, rng)


def _bracket_columns() -> list[pl.Expr]:
    low = pl.col("market_ticker").str.extract(r"-B(\d+)\.5$").cast(pl.Int32)
    return [
        pl.col("market_ticker").str.extract(r"^(.*)-B").alias("event_ticker"),
        pl.lit("between").alias("strike_type"),
        low.cast(pl.Float64).alias("floor_strike"),
        (low + 1).cast(pl.Float64).alias("cap_strike"),
        low.alias("low_f"),
        (low + 1).alias("high_f"),
        ((low - 60) // 2 + 1).alias("bracket_order"),
    ]


def _draw_candles(
    listed: pl.DataFrame, market: np.ndarray, minute: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    drawn = len(market)
    belief = 50 + 45 * np.sin(np.cumsum(rng.normal(0, 0.02, drawn)))
    bid = np.clip(np.rint(belief - rng.integers(0, 3, drawn)), 0, 98).astype(np.int32) * 100
    ask = (
        np.where(rng.random(drawn) < 0.03, 10_000, bid + rng.integers(1, 4, drawn) * 100)
        .clip(max=10_000)
        .astype(np.int32)
    )
    traded = rng.random(drawn) < 0.4
    late = (rng.random(drawn) < SHARE_LATE) * rng.integers(1, 12, drawn)
    price = pl.Series(ask).set(pl.Series(~traded), None)
    ts_utc = listed["open_utc"].gather(market) + pl.Series(minute * 60_000_000).cast(pl.Duration("us"))
    columns = {"market_ticker": listed["market_ticker"].gather(market), "ts_utc": ts_utc}
    columns |= {f"yes_bid_{moment}_ticks": pl.Series(bid) for moment in ("open", "high", "low", "close")}
    columns |= {f"yes_ask_{moment}_ticks": pl.Series(ask) for moment in ("open", "high", "low", "close")}
    columns |= {f"price_{moment}_ticks": price for moment in ("open", "high", "low", "close")}
    columns["volume_centi"] = pl.Series(np.where(traded, rng.integers(1, 400, drawn) * 100, 0))
    columns["open_interest_centi"] = pl.Series(np.cumsum(rng.integers(0, 300, drawn)))
    columns["known_utc"] = ts_utc + pl.Series(late * 60_000_000).cast(pl.Duration("us"))
    return pl.DataFrame(columns).select(pl.col(name).cast(dtype) for name, dtype in CANDLES_1M.schema.items())


def _draw_weather(opens: list[datetime], rng: np.random.Generator) -> pl.DataFrame:
    ts_utc = pl.datetime_range(
        opens[0], opens[-1] + timedelta(days=2), "1m", time_unit="us", time_zone="UTC", eager=True
    )
    return pl.DataFrame({"ts_utc": ts_utc, "stale_minutes": rng.integers(0, 20, len(ts_utc)).astype(np.int32)})


def pandas_loop(candles: pl.DataFrame, markets: pl.DataFrame, weather: pl.DataFrame) -> tuple[float, pd.DataFrame]:
    """Lay each market out by itself with pandas, as one would at first; return the seconds and the rows."""
    frame, listed, sky = (pd.DataFrame(part.to_dict(as_series=False)) for part in (candles, markets, weather))
    stale_minutes = sky.set_index("ts_utc")["stale_minutes"]
    began = time.perf_counter()
    by_market = dict(tuple(frame.groupby("market_ticker")))
    parts = [_pandas_market(by_market[one.market_ticker], one, stale_minutes, CITY) for one in listed.itertuples()]
    dense = pd.concat(parts, ignore_index=True)
    return time.perf_counter() - began, dense


def _pandas_market(candles: pd.DataFrame, market: object, stale_minutes: pd.Series, city: City) -> pd.DataFrame:
    minutes = pd.date_range(market.open_utc, market.close_utc, freq="1min", inclusive="right", name="ts_utc")
    effective = candles["known_utc"].where(candles["known_utc"] > candles["ts_utc"], candles["ts_utc"])
    candles = candles.assign(minute=effective.dt.ceil("1min")).sort_values(["minute", "ts_utc"])
    young = candles[candles["ts_utc"] == candles["ts_utc"].cummax()].groupby("minute").last()
    young = young.reindex(minutes, method="ffill")
    flow = candles.groupby("minute")
    dense = pd.DataFrame({"market_ticker": market.market_ticker}, index=minutes)
    for name in BRACKET_COLUMNS:
        dense[name] = getattr(market, name)
    dense["minutes_since_open"] = np.arange(1, len(minutes) + 1)
    dense["minutes_to_close"] = len(minutes) - dense["minutes_since_open"]
    civil = minutes.tz_convert(city.zone).tz_localize(None)
    dense["utc_offset_minutes"] = (civil - minutes.tz_localize(None)).total_seconds() / 60
    dense["yes_bid_ticks"] = young["yes_bid_close_ticks"]
    dense["yes_ask_ticks"] = young["yes_ask_close_ticks"]
    dense["quote_age_minutes"] = (minutes - young["ts_utc"]).dt.total_seconds() / 60
    dense["open_interest_centi"] = young["open_interest_centi"]
    for moment, how in {"open": "first", "high": "max", "low": "min", "close": "last"}.items():
        dense[f"price_{moment}_ticks"] = flow[f"price_{moment}_ticks"].agg(how).reindex(minutes)
    dense["last_price_ticks"] = _pandas_last_price(candles).reindex(minutes, method="ffill")
    dense["volume_centi"] = flow["volume_centi"].sum().reindex(minutes, fill_value=0)
    dense["volume_20m_centi"] = dense["volume_centi"].rolling(20, min_periods=1).sum()
    dense["volume_delta_centi"] = dense["volume_centi"].diff().fillna(dense["volume_centi"])
    two_sided = (dense["yes_bid_ticks"] > 0) & (dense["yes_ask_ticks"] < 10_000)
    two_sided &= dense["yes_bid_ticks"] <= dense["yes_ask_ticks"]
    bounded = dense["last_price_ticks"].clip(dense["yes_bid_ticks"], dense["yes_ask_ticks"])
    bounded = bounded.where(dense["yes_bid_ticks"] <= dense["yes_ask_ticks"], dense["last_price_ticks"])
    mid = (dense["yes_bid_ticks"] + dense["yes_ask_ticks"]).where(two_sided, 2 * bounded)
    dense["mid_half_ticks"] = mid
    dense["price_source"] = np.where(two_sided, "mid", np.where(mid.notna(), "last", None))
    dense["velocity_half_ticks"] = mid.diff()
    dense["acceleration_half_ticks"] = dense["velocity_half_ticks"].diff()
    fresh = stale_minutes.reindex(minutes) <= WEATHER_FRESH_MINUTES
    dense["complete"] = two_sided & (dense["quote_age_minutes"] <= QUOTE_FRESH_MINUTES) & fresh
    return dense.reset_index()


def _pandas_last_price(candles: pd.DataFrame) -> pd.Series:
    traded = candles[candles["price_close_ticks"].notna()]
    traded = traded[traded["ts_utc"] == traded["ts_utc"].cummax()]
    return traded.groupby("minute")["price_close_ticks"].last()


def require_equal(expected: pd.DataFrame, ours: pl.DataFrame) -> None:
    """Refuse to report a speed when one cell differs from the baseline."""
    for name in ours.columns:
        theirs = expected[name]
        if ours.schema[name].is_numeric():
            left, right = theirs.to_numpy(dtype=float), ours[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            same = np.array_equal(left, right, equal_nan=True)
        elif name == "ts_utc":
            same = theirs.tolist() == ours[name].to_list()
        else:
            same = theirs.astype(object).where(theirs.notna(), None).tolist() == ours[name].to_list()
        if not same:
            raise AssertionError(f"{name} differs from the pandas baseline")


def main() -> int:
    """Read the size from the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=6, help="markets per event")
    parser.add_argument("--days", type=int, default=90, help="event days")
    size = parser.parse_args()
    return report(run(markets=size.markets, days=size.days))


if __name__ == "__main__":
    sys.exit(main())
