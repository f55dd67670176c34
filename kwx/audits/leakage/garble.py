"""Rows with other words: each is given what another one says, then numbers are moved; a tenth of them goes.

Keys stay, so that every row is found where it was, and what belongs together moves together: a bid stays below its
offer, and the brackets of an event exchange their chances, which still sum to one. So nothing that reads the rows
refuses them: a day that is refused says nothing, and that would hide whether it looks ahead.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from kwx.audits.leakage.unknown import OUTCOME, How, Unknown
from warehouse.lake.tables import PMF_MINUTE, Column, Table
from warehouse.market.money import TICKS_PER_DOLLAR

_GONE = 0.1
_FARTHEST_F = 15
_FARTHEST_TICKS = 2_500
_POISONED = "poisoned"
_OF_LADDERS = ("p_wx", "p_mkt", "p_fused", "p_fused_norm")


def garbled(
    rows: pl.DataFrame, contract: Table, unknown: Unknown, later: pl.Series, rng: np.random.Generator
) -> pl.DataFrame:
    """Return the rows of a partition, those that are not known with other words."""
    if not later.any():
        return rows
    if unknown.how is How.REMOVE:
        return rows.filter(~later)
    if unknown.how is How.OUTCOME:
        return rows.with_columns(pl.when(later).then(value).otherwise(name).alias(name) for name, value in _outcome())
    if contract is PMF_MINUTE:
        return _turned(rows, later, rng)
    return _moved(_exchanged(rows, contract, unknown, later, rng), contract, later, rng)


def _outcome() -> Iterable[tuple[str, pl.Expr]]:
    """Return what becomes of how a market ends: the other result, nine degrees more, another volume."""
    said = {
        "status": pl.lit(_POISONED),
        "result": pl.when(pl.col("result") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes")),
        "expiration_value_f": (pl.col("expiration_value_f").fill_null(0) + 9).cast(pl.Int32),
        "volume_centi": pl.col("volume_centi").fill_null(0) * 3 + 700,
    }
    return ((name, said[name]) for name in OUTCOME if name in said)


def _exchanged(
    rows: pl.DataFrame, contract: Table, unknown: Unknown, later: pl.Series, rng: np.random.Generator
) -> pl.DataFrame:
    """Give each row that is not known all that another one of them says, but for its keys and its stamps."""
    order, mask = np.arange(rows.height), later.to_numpy()
    order[mask] = rng.permutation(order[mask])
    keys = {*contract.key, unknown.stamp, "ts_utc"}
    payload = [name for name in contract.schema if name not in keys]
    return rows.with_columns(rows[name].gather(order) for name in payload)


def _turned(rows: pl.DataFrame, later: pl.Series, rng: np.random.Generator) -> pl.DataFrame:
    """Give each bracket the chances of the next one of its event, turn the others round, and let whole instants go."""
    event = pl.col("market_ticker").str.replace("-[^-]*$", "")
    beside = (pl.int_range(pl.len()) + 1) % pl.len()
    degrees = int(rng.integers(7, _FARTHEST_F))
    said = {
        **{name: pl.col(name).gather(beside).over(event, "ts_utc") for name in _OF_LADDERS},
        **{name: 1 - pl.col(name) for name in ("hazard_next_5m", "hazard_next_60m", "w_mkt")},
        **{name: (pl.col(name) + degrees).clip(-60, 140) for name in ("m_run_temp_f", "m_run_lo_f", "m_run_hi_f")},
    }
    changed = rows.with_columns(pl.when(later).then(value).otherwise(name).alias(name) for name, value in said.items())
    instants = rows["ts_utc"].filter(later).unique().sort()
    gone = instants.filter(pl.Series(rng.uniform(size=instants.len()) < _GONE))
    return changed.filter(~(later & rows["ts_utc"].is_in(gone.implode())))


def _moved(rows: pl.DataFrame, contract: Table, later: pl.Series, rng: np.random.Generator) -> pl.DataFrame:
    """Move the numbers of rows that are not known, all of one kind by the same, and let a tenth of the rows go."""
    degrees = int(rng.integers(7, _FARTHEST_F)) * int(rng.choice((-1, 1)))
    ticks = int(rng.integers(500, _FARTHEST_TICKS)) * int(rng.choice((-1, 1)))
    moves = [(column.name, move) for column in contract.columns if (move := _move(column, degrees, ticks)) is not None]
    free = [(name, move) for name, move in moves if name not in contract.key]
    changed = rows.with_columns(
        pl.when(later).then(move.cast(contract.schema[name])).otherwise(name).alias(name) for name, move in free
    )
    stays = ~later | pl.Series(rng.uniform(size=rows.height) > _GONE)
    # Of a partition with few rows none may be left to be seen: then they stay.
    return changed.filter(stays) if (stays & later).any() else changed


def _move(column: Column, degrees: int, ticks: int) -> pl.Expr | None:
    """Return what becomes of a number; None of what is no number."""
    value = pl.col(column.name)
    if isinstance(column.dtype, pl.List):
        return value.list.reverse() if column.unit == "probability" else None
    moves = {
        "probability": 1 - value,
        "°F": (value + degrees).clip(-60, 140),
        "whole °F": (value + degrees).clip(-60, 140),
        "ticks of $0.0001": (value + ticks).clip(0, TICKS_PER_DOLLAR),
        "ticks of $0.00005": (value + 2 * ticks).clip(0, 2 * TICKS_PER_DOLLAR),
        "0.01 contract": value * 3,
        "%": (value + abs(degrees)).clip(0, 100),
        "mph": (value + abs(degrees)).clip(0, 100),
    }
    return moves.get(column.unit)
