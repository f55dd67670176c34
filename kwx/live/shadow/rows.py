"""What a lived date said and saw, as rows of the lake: signals of every minute, features of those that decided."""

from __future__ import annotations

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.known import TOLD, Known
from kwx.exec.ledger.places import market_columns
from kwx.live.journal.recorded import Recorded
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import SIGNALS

_KEY = ("market_ticker", "ts_utc")
_SAID = ("p_model", "p_market", "p_blend", "edge_cents", "kelly_fraction", "size_fraction", "model_id", "wf_window")


def known_then(recorded: Recorded, snapshot: Snapshot) -> Known:
    """Return the probabilities of weather, market and both as the loop had them, the lake's where it kept none."""
    features = recorded.features()
    told = [name for name in TOLD if name in features.columns]
    if not told:
        day, cities = recorded.event_date, recorded.last.cities
        return Known.of(snapshot, cities=cities, since=day, until=day)
    return Known(rows=features.select(*_KEY, *(_number(features, name) for name in TOLD)))


def signal_rows(run_id: str, recorded: Recorded, bars: Bars, decisions: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the table signals, with their city and event date: every market that traded, every minute."""
    minute, market = np.nonzero(bars.minutes.open[:-1].reshape(len(bars.minutes.open) - 1, -1))
    laid = {
        name: getattr(bars.minutes, name).reshape(len(bars.minutes.open), -1)[minute, market]
        for name in ("p_fair", "fresh")
    }
    rows = pl.DataFrame(market_columns(bars, minute, market) | laid).rename({"fresh": "is_fresh"})
    said = recorded.signals()
    rows = rows.with_columns(pl.col("p_fair").cast(pl.Float64).fill_nan(None), run_id=pl.lit(run_id))
    if len(said):
        own = said.select(*_KEY, *(_either(said, name) for name in _SAID))
        rows = rows.join(own, on=_KEY, how="left", maintain_order="left", validate="1:1")
    seen = _seen(recorded.features(), decisions)
    rows = rows.join(seen, on=_KEY, how="left", maintain_order="left")
    columns = [_either(rows, name).cast(dtype) for name, dtype in SIGNALS.schema.items()]
    return rows.select("city", "event_date", *columns)


def _seen(features: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Return names and values of what was seen, of the minutes that decided."""
    names = [name for name, dtype in features.schema.items() if dtype.is_numeric() or dtype == pl.Boolean]
    if not names:
        return SIGNALS.empty().select(*_KEY, "features", "feature_values")
    decided = features.join(decisions.select(_KEY), on=_KEY, how="semi")
    values = [_number(features, name) for name in names]
    return decided.select(
        *_KEY,
        pl.lit(pl.Series([names], dtype=pl.List(pl.String))).first().alias("features"),
        pl.concat_list(values).alias("feature_values"),
    )


def _number(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column as finite numbers, null where it has none or is not there."""
    if name not in frame.columns:
        return pl.lit(None, pl.Float64).alias(name)
    value = pl.col(name).cast(pl.Float64)
    return pl.when(value.is_finite()).then(value).alias(name)


def _either(frame: pl.DataFrame, name: str) -> pl.Expr:
    if name not in frame.columns:
        return pl.lit(None).alias(name)
    return _number(frame, name) if frame.schema[name].is_float() else pl.col(name)
