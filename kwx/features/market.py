"""What the market says of a bracket: its price and how that moves, how much is traded, and the brackets beside it."""

from __future__ import annotations

import polars as pl

from kwx.features.feature import Feature

LEAST_PROB = 0.001
"""Log-odds are those of a probability held within [LEAST_PROB, 1 − LEAST_PROB]."""


def log_odds(p: pl.Expr) -> pl.Expr:
    """Return log(p / (1 − p)) of a probability held away from 0 and 1."""
    held = p.clip(LEAST_PROB, 1 - LEAST_PROB)
    return (held / (1 - held)).log()


def log_count(count: pl.Expr) -> pl.Expr:
    """Return log(1 + count); below zero there is nothing to count."""
    return count.cast(pl.Float64).clip(lower_bound=0).log1p()


MID = Feature(
    name="mid", meaning="mid of a two-sided quote, else the last trade held within it", sources=("mid_prob",),
    value=pl.col("mid_prob"), unit="p",
)  # fmt: skip
SPREAD = Feature(
    name="spread", meaning="offer minus bid; unknown where a side is empty", sources=("spread_prob",),
    value=pl.col("spread_prob"), unit="p",
)  # fmt: skip
LOG_ODDS = Feature(
    name="log_odds", meaning="log-odds of the mid", sources=("mid_prob",), value=log_odds(pl.col("mid_prob")),
    unit="nats",
)  # fmt: skip
VELOCITY = Feature(
    name="velocity", meaning="change of the mid in the minute", sources=("velocity",), value=pl.col("velocity"),
    unit="p/min",
)  # fmt: skip
ACCELERATION = Feature(
    name="acceleration", meaning="change of the velocity", sources=("acceleration",), value=pl.col("acceleration"),
    unit="p/min²",
)  # fmt: skip
VOLUME_LOG = Feature(
    name="volume_log", meaning="log of 1 + contracts traded in the minute", sources=("volume",),
    value=log_count(pl.col("volume")), unit="log contracts",
)  # fmt: skip
VOLUME_20M_LOG = Feature(
    name="volume_20m_log", meaning="log of 1 + contracts traded in the last 20 minutes", sources=("volume_20m",),
    value=log_count(pl.col("volume_20m")), unit="log contracts",
)  # fmt: skip
RAS = Feature(
    name="ras", meaning="own acceleration minus the mean of the neighbours'", sources=("ras",), value=pl.col("ras"),
    unit="p/min²",
)  # fmt: skip
TRIAD_MASS = Feature(
    name="triad_mass", meaning="own mid and those of the neighbours", sources=("triad_mass",),
    value=pl.col("triad_mass"), unit="p",
)  # fmt: skip
LEFT_GAP = Feature(
    name="left_gap", meaning="own mid minus that of the colder neighbour", sources=("left_delta",),
    value=pl.col("left_delta"), unit="p",
)  # fmt: skip
RIGHT_GAP = Feature(
    name="right_gap", meaning="own mid minus that of the warmer neighbour", sources=("right_delta",),
    value=pl.col("right_delta"), unit="p",
)  # fmt: skip

OF_MARKET = (
    MID, SPREAD, LOG_ODDS, VELOCITY, ACCELERATION, VOLUME_LOG, VOLUME_20M_LOG, RAS, TRIAD_MASS, LEFT_GAP, RIGHT_GAP,
)  # fmt: skip
