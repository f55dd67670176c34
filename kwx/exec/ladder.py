"""The risk of a ladder: one of its brackets wins, so that its positions are worth one number for each of them.

Money is in micros ($0.000001), counts in hundredths of a contract of yes. A contract of the bracket that wins pays a
dollar to who holds it; who has sold it without holding it pays that dollar. Everything else is in the cash already:
what was bought has left it and what was sold has come in, fees included. So if bracket i wins the day is worth

    cash + $1 x position_i, whatever the other positions are.

Arrays are [B, …] by bracket, of JAX with 64 bits on or of NumPy. A bracket that the event has not is no outcome.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.minute import Array
from kwx.exec.over import least
from warehouse.market.money import TICKS_PER_DOLLAR

_FAR_MICROS = 2**62


def payoffs_micros(position_centi: Array, cash_micros: Array) -> Array:
    """Return [B, …] int64 what the day of a ladder is worth if each of its brackets wins."""
    return cash_micros + TICKS_PER_DOLLAR * position_centi.astype(np.int64)


def worst_case_loss_micros(position_centi: Array, cash_micros: Array, exists: Array) -> Array:
    """Return […] int64 the most that the day of a ladder can lose in all, never below zero."""
    return jnp.maximum(-_least_of(payoffs_micros(position_centi, cash_micros), exists), 0)


def collateral_micros(position_centi: Array, exists: Array) -> Array:
    """Return […] int64 what must lie ready to pay whoever bought from us: for one bracket, as only one wins."""
    return jnp.maximum(-_least_of(payoffs_micros(position_centi, np.int64(0)), exists), 0)


def table(tickers: Sequence[str], position_centi: NDArray[np.integer], cash_micros: int) -> pl.DataFrame:
    """Return the outcomes of one event as rows: the bracket that wins, its position, the payoff, and the worst of them.

    A ticker "" is of a bracket that the event has not.
    """
    rows = pl.DataFrame(
        {
            "market_ticker": pl.Series(tickers, dtype=pl.String),
            "position_centi": pl.Series(position_centi, dtype=pl.Int64),
            "payoff_micros": pl.Series(payoffs_micros(position_centi, np.int64(cash_micros)), dtype=pl.Int64),
        }
    )
    payoff = pl.col("payoff_micros")
    return rows.filter(pl.col("market_ticker") != "").with_columns(is_worst=payoff == payoff.min())


def _least_of(values: Array, exists: Array) -> Array:
    """Return the smallest of the outcomes that there are; a ladder without any has nothing to win or lose."""
    smallest = least(jnp.where(exists, values, _FAR_MICROS))
    return jnp.where(smallest == _FAR_MICROS, 0, smallest)
