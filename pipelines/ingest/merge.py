"""How a partition takes new rows in: by grain, what came last counts, and nothing that was known early is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from pipelines.kalshi.records import FINAL_STATUSES
from pipelines.weather.fill import filled_expr
from warehouse.lake.tables import CANDLES_1M, MARKETS, OBS, SETTLEMENTS, TRADES, UTC_TYPE, Table

_PLACE = "_place"
VISUAL_CROSSING = "vc"
_UNSAID = {TRADES.name: ("ts_utc",), OBS.name: ("is_filled",)}
"""What does not make a row another one: a trade's stamp comes in milliseconds by the stream and in microseconds by
REST, and whether a report repeats an older one is judged here, from all of the day."""


def merged(contract: Table, held: pl.DataFrame, arrived: Sequence[pl.DataFrame], *, now_utc: datetime) -> pl.DataFrame:
    """Return what a partition shall hold after new rows came, in the order of their arrival.

    A row that says the same as an older one of its grain keeps the earlier `known_utc`: we had it then. One that says
    something else than the lake held is a revision, and known from now on. A market that has ended is not opened again
    by an older listing. Candles that the exchange told stand over those made from the tape. Issuances of reports are
    never overwritten: a contradiction stays beside the first, for the contract to set aside.
    """
    frames = [frame.select(held.columns) for frame in (held, *arrived) if frame.height]
    if not frames:
        return held
    rows = pl.concat(frames).with_row_index(_PLACE)
    rows = _told_over_tape(rows) if contract is CANDLES_1M else rows
    rows = _ended_last(rows) if contract is MARKETS else rows
    if "known_utc" in rows.columns:
        rows = _known_honestly(contract, rows, held_rows=held.height, now_utc=now_utc)
    if contract is SETTLEMENTS:
        return rows.unique(held.columns, keep="first", maintain_order=True).drop(_PLACE)
    rows = rows.unique(list(contract.key), keep="last", maintain_order=True).drop(_PLACE)
    return _filled_anew(rows) if contract is OBS else rows


def _filled_anew(reports: pl.DataFrame) -> pl.DataFrame:
    """Judge which reports only repeat an older one, now that the day has more of them."""
    judged = pl.when(pl.col("source") == VISUAL_CROSSING).then(filled_expr().over("source")).otherwise("is_filled")
    return reports.sort("ts_utc").with_columns(judged.alias("is_filled"))


def _known_honestly(contract: Table, rows: pl.DataFrame, *, held_rows: int, now_utc: datetime) -> pl.DataFrame:
    """Give rows that say the same the earliest `known_utc` of them, and revisions of held rows the present one."""
    repeated = rows.filter(pl.struct(contract.key).is_duplicated())
    if repeated.is_empty():
        return rows
    silent = {"known_utc", *_UNSAID.get(contract.name, ())}
    said = [name for name in _own_columns(rows) if name not in silent]
    is_held = pl.col(_PLACE) < held_rows
    revises = is_held.any().over(contract.key) & ~is_held.any().over(said)
    earliest = pl.col("known_utc").min().over(said)
    # A listing is told anew whenever it changes; what it says of its end has a stamp of its own.
    if contract is not MARKETS:
        earliest = pl.when(revises).then(pl.max_horizontal("known_utc", pl.lit(now_utc, UTC_TYPE))).otherwise(earliest)
    if contract is TRADES:
        earliest = pl.max_horizontal(earliest, "ts_utc")
    honest = repeated.select(_PLACE, honest_utc=earliest)
    joined = rows.join(honest, on=_PLACE, how="left", maintain_order="left")
    return joined.with_columns(known_utc=pl.coalesce("honest_utc", "known_utc")).drop("honest_utc")


def _own_columns(rows: pl.DataFrame) -> list[str]:
    """Return the columns that are the table's own."""
    return [name for name in rows.columns if name != _PLACE]


def _ended_last(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(pl.col("status").is_in(FINAL_STATUSES), _PLACE)


def _told_over_tape(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop candles made from the tape of markets whose own candles are there: those hold the same trades."""
    told = pl.col("yes_bid_close_ticks").is_not_null()
    return rows.filter(told | ~told.any().over("market_ticker"))
