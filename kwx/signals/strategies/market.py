"""The control: no opinion beside the market's, so nothing is ever wanted.

A fair price at the mid would be an opinion: orders that rest earn half a spread by it.
"""

from __future__ import annotations

import polars as pl

from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import ONE_ROW, Columns, Strategy


def build(settings: SignalSettings) -> Columns:
    """Return no fair price and no wish, the mid beside them to read."""
    return Columns(p_fair=pl.lit(None), score=pl.lit(0.0), terms={"mid_prob": pl.col("mid_prob")})


STRATEGY = Strategy(
    name="market",
    meaning="has no opinion beside the market's and trades nothing: the control",
    reads=("mid_prob", "p_fused_norm"),
    build=build,
    looks_back=lambda settings: ONE_ROW,
)
