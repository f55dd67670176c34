"""Windows that look back over the minutes of one market and end with the row's own minute.

They run over the rows of a signal panel: a market's minutes in order and without a gap, so that rows are minutes. All
sums are of whole numbers, so what left a window leaves no trace in it, and a row says the same alone or among others.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

MARKET = "market"
"""The panel's own number of each market: windows never reach over into another one."""


def moments(name: str, move: pl.Expr, *, steps_per_one: int, minutes: int) -> Mapping[str, pl.Expr]:
    """Return the sums of a move's trailing window that `scaled` reads under the same name; they belong in `windows`.

    The move is a whole number of steps, so many of which make 1.
    """
    steps = (move * steps_per_one).round().cast(pl.Int64)
    return {
        f"{name}_steps": steps,
        f"{name}_count": _sum(steps.is_not_null().cast(pl.Int64), minutes),
        f"{name}_total": _sum(steps, minutes),
        f"{name}_squares": _sum(steps * steps, minutes),
    }


def scaled(name: str, *, least: int, limit: float) -> pl.Expr:
    """Return a move over its trailing standard deviation, held within ±limit.

    Null where the move is unknown or fewer than `least` of the window are known; 0 where nothing in it varied.
    """
    steps, count, total, squares = (pl.col(f"{name}_{what}") for what in ("steps", "count", "total", "squares"))
    spread = count * squares - total * total
    deviation = (spread / (count * (count - 1))).sqrt()
    ratio = pl.when(spread > 0).then((steps / deviation).clip(-limit, limit)).otherwise(0.0)
    return pl.when(steps.is_not_null() & (count >= least)).then(ratio)


def percentile(value: pl.Expr, *, minutes: int, least: int) -> pl.Expr:
    """Return where a value stands among the known ones of its trailing window, itself included: within 0 … 1.

    It is the share of them below it and half of those equal to it. Null where it is unknown or fewer than `least` are
    known.
    """
    count = _sum(value.is_not_null().cast(pl.Int64), minutes)
    rank = value.rolling_rank(minutes, method="average", min_samples=1).over(MARKET)
    return pl.when(value.is_not_null() & (count >= least)).then((rank - 0.5) / count)


def _sum(value: pl.Expr, minutes: int) -> pl.Expr:
    return value.rolling_sum(minutes, min_samples=1).over(MARKET)
