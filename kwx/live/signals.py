"""What is said of each market in a minute, as rows of rt_signals: only where model, market and edge are all known.

Where no promoted model speaks, the weather does: p_model is its chance of the bracket, p_blend the fused one, and the
window is that of its fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from kwx.hazard.fits import fit_before, fits_of
from kwx.live.sink.signal import Signal
from warehouse.lake.store import Snapshot

SAID = (
    "market_ticker", "city", "bracket", "p_model", "p_market", "p_blend", "edge_cents", "kelly_fraction",
    "size_fraction", "spread_cents", "minutes_to_close", "model_id", "wf_window",
)  # fmt: skip
"""The columns of a signal, beside the minute."""
_NEEDED = ("p_model", "p_market", "p_blend", "edge_cents", "model_id", "wf_window")
_OF_WEATHER = ("p_wx", "p_fused_norm")


@dataclass(kw_only=True, eq=False)
class Signals:
    """Makes signals; the fits of the weather are looked up in a snapshot once for each event."""

    snapshot: Snapshot
    _windows: dict[tuple[str, date], str | None] = field(default_factory=dict)

    def of(self, minute_utc: datetime, said: pl.DataFrame, features: pl.DataFrame) -> list[Signal]:
        """Return the signals of a minute; features: what was seen of each market, by market_ticker."""
        by_weather = _by_weather(features)
        rows = (self._told(row, by_weather) for row in said[[*SAID, "event_date"]].iter_rows(named=True))
        return [
            Signal(ts_utc=minute_utc, **{name: row[name] for name in SAID})
            for row in rows
            if all(row[name] is not None for name in _NEEDED)
        ]

    def _told(self, row: dict[str, Any], by_weather: Mapping[str, tuple[float | None, float | None]]) -> dict[str, Any]:
        """Let the weather speak of a market of which no model does."""
        if row["p_model"] is not None:
            return row
        p_model, p_blend = by_weather.get(row["market_ticker"], (None, None))
        window = self._window(row["city"], row["event_date"])
        named = None if window is None else f"weather_{row['city']}_{row['bracket']}_{window}"
        return row | {"p_model": p_model, "p_blend": p_blend, "model_id": named, "wf_window": window}

    def _window(self, city: str, event_date: date) -> str | None:
        """Return the last day that the fit of an event has seen, None where it has none."""
        if (city, event_date) not in self._windows:
            fit = fit_before(fits_of(self.snapshot, city), event_date)
            self._windows[city, event_date] = None if fit is None else f"to_{fit.until:%Y%m%d}"
        return self._windows[city, event_date]


def _by_weather(features: pl.DataFrame) -> dict[str, tuple[float | None, float | None]]:
    """Return by market its chance by the weather alone, and by weather and market; nothing where neither was asked."""
    if not set(_OF_WEATHER) <= set(features.columns):
        return {}
    columns = (features[name].to_list() for name in ("market_ticker", *_OF_WEATHER))
    return {name: (alone, pooled) for name, alone, pooled in zip(*columns, strict=True)}
