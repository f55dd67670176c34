"""Weather and market pooled: a bracket is worth its fused probability, and nothing is said where nothing was fused."""

from __future__ import annotations

import polars as pl

from kwx.signals.odds import log_odds_gap
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import ONE_ROW, Columns, Strategy


def build(settings: SignalSettings) -> Columns:
    """Return the fused probability; the weather's alone never stands in for it."""
    fused = pl.col("p_fused_norm")
    return Columns(
        p_fair=fused,
        score=log_odds_gap(fused),
        terms={"p_fused_norm": fused, "p_wx": pl.col("p_wx"), "p_mkt": pl.col("p_mkt"), "mid_prob": pl.col("mid_prob")},
    )


STRATEGY = Strategy(
    name="fused",
    meaning="holds a bracket to be worth the pool of weather and market that `kwx fuse run` stored",
    reads=("p_fused_norm", "p_wx", "p_mkt", "mid_prob"),
    build=build,
    looks_back=lambda settings: ONE_ROW,
    needs="`kwx hazard fit-params` and `kwx hazard backfill`, then `kwx fuse run`",
)
