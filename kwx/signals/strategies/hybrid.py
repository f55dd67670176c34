"""A model of the daily high: on the eve by the market's clock, on the day by the hour; or one of these two alone."""

from __future__ import annotations

import polars as pl

from kwx.signals.odds import log_odds_gap
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import ONE_ROW, Columns, Strategy


def build(settings: SignalSettings) -> Columns:
    """Return what the family says, calibrated where that is stored, and not pooled with the market."""
    said = pl.col("p_said")
    return Columns(
        p_fair=said,
        score=log_odds_gap(said),
        terms={"p_model": pl.col("p_model"), "p_calibrated": pl.col("p_calibrated"), "mid_prob": pl.col("mid_prob")},
    )


STRATEGY = Strategy(
    name="hybrid",
    meaning="holds a bracket to be worth what a model of the daily high says: hybrid, tod or market_clock",
    reads=("p_said", "p_model", "p_calibrated", "mid_prob", "p_fused_norm"),
    build=build,
    looks_back=lambda settings: ONE_ROW,
    family=lambda settings: settings.fields.family,
    needs="`kwx train hybrid`, or `tod` or `market-clock`, whichever signals.family names",
)
