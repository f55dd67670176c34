"""What strategies that hold a probability have in common: how far it is from the market's, in log-odds."""

from __future__ import annotations

import polars as pl

from kwx.features.market import log_odds


def log_odds_gap(p_fair: pl.Expr) -> pl.Expr:
    """Return the log-odds of a probability minus those of the mid; null where either is unknown."""
    return log_odds(p_fair) - log_odds(pl.col("mid_prob"))
