"""The score alone: the price is believed to go on where acceleration, flow, hazard and neighbours push it."""

from __future__ import annotations

import polars as pl

from kwx.signals.score import READS, score, score_terms, score_windows
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import Columns, Strategy

CENTS_PER_ONE = 100


def build(settings: SignalSettings) -> Columns:
    """Return the mid moved by so many cents for each unit of the score."""
    fields = settings.fields
    wanted = score(fields)
    fair = pl.col("mid_prob") + fields.cents_per_score / CENTS_PER_ONE * wanted
    return Columns(p_fair=fair.clip(0, 1), score=wanted, windows=score_windows(fields), terms=score_terms(fields))


STRATEGY = Strategy(
    name="accel",
    meaning="holds a bracket to be worth its mid moved by the score of acceleration, flow, hazard and neighbours",
    reads=("mid_prob", "p_fused_norm", *READS),
    build=build,
    family=lambda settings: "elasticnet",
)
