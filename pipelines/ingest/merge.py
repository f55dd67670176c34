"""How a partition takes new rows in: by grain, what came last counts, and nothing that was known early is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pipelines.kalshi.fee_changes import LISTED, withdrawn_by
from pipelines.kalshi.records import FINAL_STATUSES
from pipelines.weather.fill import filled_expr
from warehouse.lake.tables import CANDLES_1M, FEE_CHANGES, MARKETS, OBS, SETTLEMENTS, TRADES, UTC_TYPE, Table

_PLACE = "_place"
_RECEIVED = "_received_utc"
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
VISUAL_CROSSING = "vc"
_UNSAID = {TRADES.name: ("ts_utc",), OBS.name: ("is_filled",), SETTLEMENTS.name: ("is_correction",)}
"""What does not make a row another one: a trade's stamp comes in milliseconds by the stream and in microseconds by
REST, whether a report repeats an older one is judged here, from all of the day, and that a report corrects another one
may stand in the title of its text alone, which a table of the same reports does not tell."""


@dataclass(frozen=True)
class Arrived:
    """Rows that came, and when they were received; rows recorded live were received when they became known."""

    rows: pl.DataFrame
    received_utc: datetime | None = None


def merged(
    contract: Table, held: pl.DataFrame, arrived: Sequence[Arrived], *, held_since_utc: datetime | None = None
) -> pl.DataFrame:
    """Return what a partition shall hold after new rows came. Of rows of one grain the one received last counts.

    What was received before the lake was written (`held_since_utc`) never overrules what it holds. A row that says the
    same as an older one of its grain keeps the earlier `known_utc`: we had it then. One that says something else is a
    revision, and known from its own receipt on. A market that has ended is not opened again by an older listing.
    Candles that the exchange told stand over those made from the tape. Issuances of reports are never overwritten: a
    contradiction stays beside the first, for the contract to set aside.
    """
    if contract is FEE_CHANGES:
        arrived = _with_withdrawals(held, arrived, held_since_utc=held_since_utc)
    rows = _in_order(held, arrived, held_since_utc=held_since_utc)
    if rows.is_empty():
        return held
    rows = _told_over_tape(rows) if contract is CANDLES_1M else rows
    rows = _ended_last(_with_their_fees(rows)) if contract is MARKETS else rows
    if "known_utc" in held.columns:
        rows = _known_honestly(contract, rows)
    if contract is SETTLEMENTS:
        return _each_report_once(rows, held.columns).select(held.columns)
    rows = rows.unique(list(contract.key), keep="last", maintain_order=True).select(held.columns)
    return _filled_anew(rows) if contract is OBS else rows


def _in_order(held: pl.DataFrame, arrived: Sequence[Arrived], *, held_since_utc: datetime | None) -> pl.DataFrame:
    """Lay rows one after the other as they were received; held rows stand where the lake was written."""
    nothing = pl.lit(None, UTC_TYPE).alias(_RECEIVED)
    since = held_since_utc or _BEFORE_ALL
    parts = [(since, held.with_columns(nothing))]
    for one in arrived:
        stamp = pl.col("known_utc") if one.received_utc is None else pl.lit(one.received_utc, UTC_TYPE)
        rows = one.rows.select(held.columns).with_columns(
            stamp.alias(_RECEIVED) if "known_utc" in held.columns else nothing
        )
        parts.append((one.received_utc or since, rows))
    return pl.concat([rows for _, rows in sorted(parts, key=lambda part: part[0])]).with_row_index(_PLACE)


def _with_withdrawals(
    held: pl.DataFrame, arrived: Sequence[Arrived], *, held_since_utc: datetime | None
) -> Sequence[Arrived]:
    """Return what came with what it took back, without its rolls; what is older than the lake takes nothing back."""
    standing, told = held, []
    for one in sorted(arrived, key=lambda one: one.received_utc or _BEFORE_ALL):
        is_newer = held_since_utc is None or (one.received_utc or _BEFORE_ALL) >= held_since_utc
        rows = one.rows.select(held.columns)
        taken_back = withdrawn_by(rows, standing) if is_newer else standing.clear()
        rows = pl.concat([rows.filter(pl.col("scope") != LISTED), taken_back])
        standing = pl.concat([standing, rows]).unique(list(FEE_CHANGES.key), keep="last", maintain_order=True)
        told.append(Arrived(rows, one.received_utc))
    return told


def _known_honestly(contract: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows that say the same the earliest `known_utc` of them, and revisions the instant of their receipt."""
    repeated = rows.filter(pl.struct(contract.key).is_duplicated())
    if repeated.is_empty():
        return rows
    silent = {"known_utc", _PLACE, _RECEIVED, *_UNSAID.get(contract.name, ())}
    said = [name for name in rows.columns if name not in silent]
    first_said = pl.col(_PLACE).min().over(said)
    received_utc = pl.col(_RECEIVED).sort_by(_PLACE).first().over(said)
    known = pl.col("known_utc").min().over(said)
    # A listing is told anew whenever it changes; what it says of its end has a stamp of its own.
    if contract is not MARKETS:
        revises = (first_said > pl.col(_PLACE).min().over(contract.key)) & received_utc.is_not_null()
        known = pl.when(revises).then(pl.max_horizontal(known, received_utc)).otherwise(known)
    if contract is TRADES:
        known = pl.max_horizontal(known, "ts_utc")
    if contract is FEE_CHANGES:
        known = pl.min_horizontal(known, "scheduled_utc")  # in force it stands in the series, and every fill pays it
    joined = rows.join(repeated.select(_PLACE, honest_utc=known), on=_PLACE, how="left", maintain_order="left")
    return joined.with_columns(known_utc=pl.coalesce("honest_utc", "known_utc")).drop("honest_utc")


def _each_report_once(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Fold reports that say the same; one is a correction, or has a name, if any of its tellers says so."""
    said = [name for name in columns if name not in {"known_utc", *_UNSAID[SETTLEMENTS.name]}]
    nameless = [name for name in said if name != "product_id"]
    named = rows.with_columns(pl.col("product_id").fill_null(pl.col("product_id").drop_nulls().first().over(nameless)))
    told = named.with_columns(pl.col("is_correction").any().over(said))
    return told.unique(said, keep="first", maintain_order=True)


def _filled_anew(reports: pl.DataFrame) -> pl.DataFrame:
    """Judge which reports only repeat an older one, now that the day has more of them."""
    judged = pl.when(pl.col("source") == VISUAL_CROSSING).then(filled_expr().over("source")).otherwise("is_filled")
    return reports.sort("ts_utc").with_columns(judged.alias("is_filled"))


def _with_their_fees(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep what a market paid when it opened: once its series has changed its fees, nobody tells that any more."""
    return rows.with_columns(pl.col("fee_type", "fee_multiplier_milli").forward_fill().over("market_ticker"))


def _ended_last(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(pl.col("status").is_in(FINAL_STATUSES), _PLACE)


def _told_over_tape(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop candles made from the tape of markets whose own candles are there: those hold the same trades."""
    told = pl.col("yes_bid_close_ticks").is_not_null()
    return rows.filter(told | ~told.any().over("market_ticker"))
