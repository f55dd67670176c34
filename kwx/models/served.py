"""What the stored models say where it is used: predictions in force, calibrated, and pooled with the market.

Which model stands at a minute, what mends its probability and what its share of the ladder is, the view
`prediction_served` decides, so that panels, strategies and `kwx models serve` say the same: what was promoted by then,
else what was fitted on the newest data; one family for a whole ladder, made to sum to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import duckdb
import numpy as np
import polars as pl

from kwx.config.file import BRACKETS, Configuration
from kwx.features.panel import KEYS, read_panel
from kwx.models.blend import blended
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

SHARES_PER_ONE = float(2**59)
"""Sums over a ladder are of whole numbers of its reciprocal, as the view has them: no order of brackets moves a bit."""

EVERY_FAMILY = "any"
"""How the view names the question that asks for no family."""

MARKET_COLUMNS = ("strike_type", "bracket_order", "low_f", "high_f", "p_mkt", "mid_prob")
"""What a panel is to hold for the pool, beside the keys and what the model said."""

_SAID = (
    "select event_date, market_ticker, ts_utc, said_utc, model_id, family, wf_window, p_model, p_calibrated, p_served"
    " from prediction_served where city = $city and horizon = $horizon and asked = $asked"
    " and event_date between $since and $until order by event_date, market_ticker, ts_utc"
)


def served_predictions(
    snapshot: Snapshot,
    city: str,
    since: date,
    until: date,
    *,
    family: str | None = None,
    horizon: str = SETTLEMENT_HORIZON,
) -> pl.DataFrame:
    """Return a row for each market and minute from which a prediction stands, in the order of market and time.

    It was said at said_utc and stands until the market's next row, the last one for a day. p_calibrated is by the
    stored calibrator that may serve the event date, else the model's own, else null. p_served is that, or p_model where
    it is null, over its sum on a ladder of which one family speaks as a whole. Without a family the best placed model
    of all speaks.
    """
    asked = {
        "city": city, "horizon": horizon, "asked": family or EVERY_FAMILY, "since": since, "until": until,
    }  # fmt: skip
    with snapshot.connect() as con:
        try:
            return pl.DataFrame(con.sql(_SAID, params=asked).pl())
        except duckdb.CatalogException as error:
            raise Refused(
                f"snapshot {snapshot.number} was published before the view prediction_served was known",
                hint="publish a newer one: kwx lake dense, or any command that writes",
            ) from error


def blended_predictions(
    snapshot: Snapshot,
    city: str,
    since: date,
    until: date,
    *,
    weights: Mapping[str, float],
    family: str | None = None,
    horizon: str = SETTLEMENT_HORIZON,
    pool: str = "linear",
) -> pl.DataFrame:
    """Return the keys of every market and minute at which a prediction began to stand, with p_mkt and p_blend.

    The market speaks as of the same minute. What is missing on one side leaves p_blend null, and so does a horizon
    other than the settlement: of the next move the market says nothing.
    """
    words = served_predictions(snapshot, city, since, until, family=family, horizon=horizon).drop("event_date")
    panel = read_panel(snapshot, city, since=since, until=until, columns=MARKET_COLUMNS)
    if horizon != SETTLEMENT_HORIZON:
        panel = panel.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("p_mkt", "mid_prob"))
    heard = panel.join(words, on=("market_ticker", "ts_utc"), how="left", maintain_order="left")
    both = with_blend(heard, weights=weights, pool=pool)
    return both.filter(pl.col("p_model").is_not_null()).select(
        *KEYS, "strike_type", "bracket_order", "model_id", "family", "wf_window", "p_model", "p_calibrated",
        "p_served", market().alias("p_mkt"), "p_blend",
    )  # fmt: skip


def with_blend(panel: pl.DataFrame, *, weights: Mapping[str, float], pool: str = "linear") -> pl.DataFrame:
    """Add p_blend: p_served pooled with the market's probability of the same row.

    weights: the model's share for each type of bracket. Where a whole ladder of an event has its pool at a minute, from
    the one open end to the other, it is made to sum to one; rows of a part of a ladder stay as they are.
    """
    kinds = panel["strike_type"].unique().to_list()
    if missing := sorted(kind for kind in kinds if kind not in weights):
        raise Usage(f"brackets of type {missing[0]} have no weight", hint="give one for between, greater and less")
    kind, served, told = panel.select("strike_type", "p_served", market().alias("p_market"))
    # What is null in a column is NaN in NumPy.
    p_served, p_told, of_kind = served.to_numpy(), told.to_numpy(), np.array(kind.to_list(), dtype=object)
    pooled = np.full(panel.height, np.nan)
    for name in kinds:
        rows = np.flatnonzero((of_kind == name) & ~np.isnan(p_served) & ~np.isnan(p_told))
        if len(rows):
            pooled[rows] = blended(p_served[rows], p_told[rows], weights[name], pool=pool)
    pools = panel.with_columns(pl.Series("p_pool", pooled, nan_to_null=True))
    return pools.with_columns(p_blend=_over_ladders("p_pool")).drop("p_pool")


def market() -> pl.Expr:
    """Return what the market says: by the quotes of the event where that is made, else the mid."""
    return pl.coalesce("p_mkt", "mid_prob")


def blend_weights(configuration: Configuration, city: str, *, profile: str | None = None) -> dict[str, float]:
    """Return the model's share that a configuration gives each type of bracket of a city."""
    return {kind: configuration.for_(city, kind, profile=profile).blend_weight for kind in BRACKETS}


def is_whole() -> pl.Expr:
    """Return whether the brackets of a group tile the degrees: from the one open end to the other without a gap."""
    order = pl.col("bracket_order")
    ends = pl.col("low_f").is_null().any() & pl.col("high_f").is_null().any()
    return (order.n_unique() == order.max() - order.min() + 1) & (order.n_unique() == pl.len()) & ends


def _over_ladders(name: str) -> pl.Expr:
    """Return a column over its sum on whole ladders of an event and minute, and as it is on the others."""
    moment, p = ("event_ticker", "ts_utc"), pl.col(name)
    every = is_whole() & p.is_not_null().all() & (p.sum() > 0)
    return pl.when(every.over(moment)).then(p / p.sum().over(moment)).otherwise(p)
