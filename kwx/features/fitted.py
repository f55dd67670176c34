"""What our own fits say of a bracket: the weather's probability and its hazards, and weather and market pooled."""

from __future__ import annotations

import polars as pl

from kwx.features.feature import Feature
from kwx.features.market import log_odds

P_WX = Feature(
    name="p_wx", meaning="probability by the weather alone", sources=("p_wx",), value=pl.col("p_wx"), unit="p",
)  # fmt: skip
LOG_ODDS_WX = Feature(
    name="log_odds_wx", meaning="log-odds of p_wx", sources=("p_wx",), value=log_odds(pl.col("p_wx")), unit="nats",
)  # fmt: skip
HAZARD_5M = Feature(
    name="hazard_5m", meaning="chance of a new maximum within five minutes", sources=("hazard_next_5m",),
    value=pl.col("hazard_next_5m"), unit="p",
)  # fmt: skip
HAZARD_60M = Feature(
    name="hazard_60m", meaning="chance of a new maximum within the hour", sources=("hazard_next_60m",),
    value=pl.col("hazard_next_60m"), unit="p",
)  # fmt: skip
P_FUSED = Feature(
    name="p_fused", meaning="probability by weather and market, one over the event", sources=("p_fused_norm",),
    value=pl.col("p_fused_norm"), unit="p",
)  # fmt: skip
LOG_ODDS_FUSED = Feature(
    name="log_odds_fused", meaning="log-odds of p_fused", sources=("p_fused_norm",),
    value=log_odds(pl.col("p_fused_norm")), unit="nats",
)  # fmt: skip

OF_FITS = (P_WX, LOG_ODDS_WX, HAZARD_5M, HAZARD_60M, P_FUSED, LOG_ODDS_FUSED)
