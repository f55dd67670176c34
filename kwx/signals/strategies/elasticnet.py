"""The elastic net pooled with the market at the configured weight, over whole ladders made to sum to one."""

from __future__ import annotations

import polars as pl

from kwx.models.calibration import LEAST_P
from kwx.models.served import market
from kwx.signals.odds import log_odds_gap
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import ONE_ROW, Columns, Strategy


def build(settings: SignalSettings) -> Columns:
    """Return the pool of each minute's market with the prediction that stands; null where either is missing."""
    pooled = pool(pl.col("p_said"), market(), share=model_share(settings), kind=settings.fields.pool)
    blend = pl.col("p_blend")
    return Columns(
        p_fair=blend,
        score=log_odds_gap(blend),
        terms={
            "p_model": pl.col("p_model"),
            "p_calibrated": pl.col("p_calibrated"),
            "p_market": market(),
            "model_share": model_share(settings),
            "mid_prob": pl.col("mid_prob"),
            "p_blend": over_ladder(pooled),
        },
    )


def model_share(settings: SignalSettings) -> pl.Expr:
    """Return the model's share in the pool, by the type of bracket where they differ."""
    shares = settings.model_share
    if len(set(shares.values())) == 1:
        return pl.lit(next(iter(shares.values())))
    share = pl.lit(None, pl.Float64)
    for kind, one in shares.items():
        share = pl.when(pl.col("strike_type") == kind).then(pl.lit(one)).otherwise(share)
    return share


def pool(model: pl.Expr, market: pl.Expr, *, share: pl.Expr, kind: str) -> pl.Expr:
    """Return the mean of the two, or that of their log-odds, as `kwx.models.blend` does."""
    if kind == "linear":
        return share * model + (1 - share) * market
    ours, theirs = ((held / (1 - held)).log() for held in (p.clip(LEAST_P, 1 - LEAST_P) for p in (model, market)))
    return 1 / (1 + (-(share * ours + (1 - share) * theirs)).exp())


def over_ladder(p: pl.Expr) -> pl.Expr:
    """Return a column over its sum where the whole ladder of the moment has it, and as it is elsewhere."""
    whole = pl.col("whole_ladder") & (p.is_not_null().all() & (p.sum() > 0)).over("moment")
    return pl.when(whole).then((p / p.sum().over("moment")).clip(0, 1)).otherwise(p)


STRATEGY = Strategy(
    name="elasticnet",
    meaning="holds a bracket to be worth the elastic net's probability, pooled with the market's",
    reads=(
        "p_said", "p_model", "p_calibrated", "p_mkt", "mid_prob", "strike_type", "whole_ladder", "p_fused_norm",
    ),
    build=build,
    looks_back=lambda settings: ONE_ROW,
    family=lambda settings: "elasticnet",
    needs="`kwx train elasticnet`",
)  # fmt: skip
