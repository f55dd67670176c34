"""The score of a bracket: five named terms, each under a weight of the settings, and above 0 to buy.

S = alpha·ras_norm + beta·velocity_norm + gamma·flow_percentile + delta·hazard_score + epsilon·neighbour_gap

ras_norm         the bracket's acceleration beyond its neighbours', over its trailing standard deviation
velocity_norm    the change of the mid in the minute, over its trailing standard deviation
flow_percentile  where recent volume (or the close's place in the minute's range) stands within its trailing window,
                 less one half: a middling minute says 0, the busiest ½
hazard_score     log-odds of a new maximum within the hour, the same for all brackets of an event; none on the eve
neighbour_gap    the model's probability minus the mean of the brackets beside it that have one

A term that is not known is null and counts as 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add

import polars as pl

from kwx.config.signal_fields import SignalFields
from kwx.features.market import log_odds
from kwx.signals.trailing import moments, percentile, scaled

STEPS_PER_VELOCITY = 20_000
"""Mids are whole half ticks, and so are their changes."""
STEPS_PER_RAS = 2 * STEPS_PER_VELOCITY
"""The mean of two neighbours halves the step once more."""

READS = (
    "ras", "velocity", "volume_20m", "volume", "clv", "hazard_next_60m", "p_said", "left_p_said", "right_p_said",
)  # fmt: skip
"""The columns of the panel that the terms may read."""


def score_windows(fields: SignalFields) -> Mapping[str, pl.Expr]:
    """Return the trailing sums that the terms are made of."""
    return {
        **moments("ras", pl.col("ras"), steps_per_one=STEPS_PER_RAS, minutes=fields.ras_minutes),
        **moments("velocity", pl.col("velocity"), steps_per_one=STEPS_PER_VELOCITY, minutes=fields.velocity_minutes),
    }


def score_terms(fields: SignalFields) -> Mapping[str, pl.Expr]:
    """Return the five terms by name, before they are weighed; they read the windows by name."""
    least, limit = fields.least_minutes, fields.norm_limit
    return {
        "ras_norm": scaled("ras", least=least, limit=limit),
        "velocity_norm": scaled("velocity", least=least, limit=limit),
        "flow_percentile": percentile(pl.col(fields.flow), minutes=fields.flow_minutes, least=least) - 0.5,
        "hazard_score": log_odds(pl.col("hazard_next_60m")),
        "neighbour_gap": pl.col("p_said") - pl.mean_horizontal("left_p_said", "right_p_said"),
    }


def weights(fields: SignalFields) -> Mapping[str, float]:
    """Return the weight of each term."""
    return {
        "ras_norm": fields.alpha,
        "velocity_norm": fields.beta,
        "flow_percentile": fields.gamma,
        "hazard_score": fields.delta,
        "neighbour_gap": fields.epsilon,
    }


def score(fields: SignalFields) -> pl.Expr:
    """Return S of the terms, which stand under their names; what is not known counts as 0."""
    return reduce(add, (weight * pl.col(name).fill_null(0.0) for name, weight in weights(fields).items()))
