"""What is said of each market in a minute, as rows of rt_signals: only where model, market and edge are all known.

Where no promoted model speaks, the weather does: p_model is its chance of the bracket, p_blend the fused one, and the
window is that of its fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

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
        told = self._with_weather(said, features) if set(_OF_WEATHER) <= set(features.columns) else said
        known = told.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in _NEEDED))
        return [Signal(ts_utc=minute_utc, **row) for row in known.select(SAID).iter_rows(named=True)]

    def _with_weather(self, said: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
        """Let the weather speak of the markets of which no model does."""
        seen = features.select("market_ticker", *_OF_WEATHER)
        rows = said.join(seen, on="market_ticker", how="left", maintain_order="left").join(
            pl.DataFrame(list(self._rows_of_windows(said)), schema=_WINDOWS, orient="row"),
            on=("city", "event_date"), how="left", maintain_order="left",
        )  # fmt: skip
        is_silent = pl.col("p_model").is_null()
        named = pl.format("weather_{}_{}_{}", "city", "bracket", "window")
        return rows.with_columns(
            p_model=pl.coalesce("p_model", "p_wx"),
            p_blend=pl.when(is_silent).then("p_fused_norm").otherwise("p_blend"),
            model_id=pl.when(is_silent).then(named).otherwise("model_id"),
            wf_window=pl.when(is_silent).then("window").otherwise("wf_window"),
        )

    def _rows_of_windows(self, said: pl.DataFrame) -> Iterator[tuple[str, date, str | None]]:
        for city, event_date in said.select("city", "event_date").unique().iter_rows():
            yield city, event_date, self._window(city, event_date)

    def _window(self, city: str, event_date: date) -> str | None:
        """Return the last day that the fit of an event has seen, None where it has none."""
        if (city, event_date) not in self._windows:
            fit = fit_before(fits_of(self.snapshot, city), event_date)
            self._windows[city, event_date] = None if fit is None else f"to_{fit.until:%Y%m%d}"
        return self._windows[city, event_date]


_WINDOWS = {"city": pl.String(), "event_date": pl.Date(), "window": pl.String()}
