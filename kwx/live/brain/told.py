"""What a minute tells others: a signal for each market, and why a city is not fresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.bars.bars import Words
from kwx.exec.wished import Wished
from kwx.models.served import market, with_blend
from kwx.signals.settings import SignalSettings
from pipelines.transform.dense import WEATHER_FRESH_MINUTES
from warehouse.market.money import TICKS_PER_CENT

DECIDED = ("edge_cents", "kelly_fraction", "size_fraction")
SIGNALS = {
    "ts_utc": pl.Datetime("us", "UTC"), "market_ticker": pl.String(), "city": pl.String(), "event_date": pl.Date(),
    "bracket": pl.String(), "p_model": pl.Float64(), "p_market": pl.Float64(), "p_blend": pl.Float64(),
    **dict.fromkeys(DECIDED, pl.Float64()), "spread_cents": pl.Int32(), "minutes_to_close": pl.Int32(),
    "model_id": pl.String(), "wf_window": pl.String(),
}  # fmt: skip
"""The columns of signals: those of the table rt_signals, and the event date; null where something is not known."""

_TICKS_PER_ONE = 10_000


def signals_of(panel: pl.DataFrame, settings: Mapping[str, SignalSettings]) -> pl.DataFrame:
    """Return a signal for each row of a minute's panel; what its decision adds is null still."""
    blended = pl.concat(
        with_blend(rows, weights=one.model_share, pool=one.fields.pool) for rows, one in _by_settings(panel, settings)
    )
    spread = (pl.col("spread_prob") * _TICKS_PER_ONE / TICKS_PER_CENT).round()
    made = {"bracket": pl.col("strike_type"), "p_market": market(), "spread_cents": spread}
    made |= {name: pl.lit(None) for name in DECIDED}
    rows = blended.select(made.get(name, pl.col(name)).cast(dtype).alias(name) for name, dtype in SIGNALS.items())
    if rows["market_ticker"].equals(panel["market_ticker"]):
        return rows
    in_order = panel[["market_ticker"]].join(rows, on="market_ticker", how="left", maintain_order="left")
    return in_order.select(list(SIGNALS))


def with_decided(
    signals: pl.DataFrame, tickers: Mapping[date, Words], wishes: Mapping[date, Wished], bankroll_micros: float
) -> pl.DataFrame:
    """Return signals with what the decision found of each market: its edge, and its sizes as shares of the bankroll."""
    parts = [pl.DataFrame(schema={"market_ticker": pl.String(), **dict.fromkeys(DECIDED, pl.Float64())})]
    for day, wish in wishes.items():
        there = tickers[day] != ""
        edge = wish.edge_ticks[there].astype(np.float64) / TICKS_PER_CENT
        no_opinion = np.isnan(edge)
        parts.append(
            pl.DataFrame(
                {
                    "market_ticker": tickers[day][there].astype(str),
                    "edge_cents": edge,
                    "kelly_fraction": _share(wish.kelly_micros[there], bankroll_micros, no_opinion),
                    "size_fraction": _share(wish.size_micros[there], bankroll_micros, no_opinion),
                },
                nan_to_null=True,
            )
        )
    return signals.drop(DECIDED).join(
        pl.concat(parts), on="market_ticker", how="left", maintain_order="left"
    ).select(list(SIGNALS))  # fmt: skip


def stale_of(panel: pl.DataFrame, cities: Sequence[str]) -> dict[str, str]:
    """Return why a city that trades has no fresh market."""
    found = {}
    told = panel.group_by("city").agg(
        pl.col("complete").any(), pl.col("wx_stale_minutes").min(), trades=(pl.col("minutes_to_close") > 0).any()
    )
    for city, fresh, stale_minutes, trades in told.iter_rows():
        if not fresh and trades and city in cities:
            found[city] = _why(stale_minutes)
    return found


def _why(stale_minutes: int | None) -> str:
    if stale_minutes is None:
        return "no report is known"
    if stale_minutes > WEATHER_FRESH_MINUTES:
        return f"the last report is {stale_minutes} min old"
    return "no quote is two-sided and fresh"


def _share(micros: NDArray[np.int64], bankroll_micros: float, no_opinion: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(no_opinion, np.nan, np.clip(micros / bankroll_micros, -1.0, 1.0))


def _by_settings(
    panel: pl.DataFrame, settings: Mapping[str, SignalSettings]
) -> Iterator[tuple[pl.DataFrame, SignalSettings]]:
    """Yield the rows of cities whose settings are the same, with these."""
    done: list[SignalSettings] = []
    for told in settings.values():
        if told not in done:
            done.append(told)
            same = [city for city, other in settings.items() if other == told]
            yield panel if len(same) == len(settings) else panel.filter(pl.col("city").is_in(same)), told
