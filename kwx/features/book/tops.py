"""The best bid and offer of each market after every message of its order book, with what rests there.

A level holds what the last whole book said of it plus every change since. Messages received at one instant are one
step. After a gap nothing is known until the next whole book, and what an older subscription still says is left out.
A level from which more was taken than it held is empty, and owes the difference. Prices are yes prices: bids for yes
are bids, bids for no are offers of yes.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.market.money import TICKS_PER_DOLLAR

Ints = NDArray[np.int64]

NO_BID_TICKS = 0
NO_ASK_TICKS = TICKS_PER_DOLLAR

TOPS = {
    "market_ticker": pl.String(),
    "known_utc": pl.Datetime("us", "UTC"),
    "is_known": pl.Boolean(),
    "follows": pl.Boolean(),
    "bid_ticks": pl.Int64(),
    "bid_centi": pl.Int64(),
    "ask_ticks": pl.Int64(),
    "ask_centi": pl.Int64(),
}
"""is_known: a whole book came, and nothing was missed since. follows: the row before is of the same unbroken stream.

An empty side has size 0 and the price 0 (bid) or 10000 (offer); what is not known is null.
"""

_SIDES = {"yes": ("bid_prices_ticks", "bid_sizes_centi"), "no": ("ask_prices_ticks", "ask_sizes_centi")}
_STEP = ("market_ticker", "epoch", "known_utc")
_CELLS_AT_ONCE = 4_000_000


def tops_of(books: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each market and instant at which messages came (TOPS), in the order of market and time."""
    told = _epochs(books)
    steps = told.group_by(_STEP, maintain_order=True).agg(
        pl.col("is_known").last(), pl.col("kind").first(), pl.col("sid").first()
    )
    steps = steps.with_row_index("step").with_columns(pl.col("step").cast(pl.Int64))
    place = steps.select(*_STEP, "step")
    moves = _moves(told.join(place, on=_STEP, how="left", maintain_order="left"))
    first_steps = steps.group_by("market_ticker", "epoch", maintain_order=True).agg(pl.col("step").first())["step"]
    bounds = np.append(first_steps.to_numpy(), steps.height)
    bid_ticks, bid_centi = _best(moves.filter(pl.col("side") == "yes"), bounds, worst_ticks=NO_BID_TICKS)
    ask_ticks, ask_centi = _best(moves.filter(pl.col("side") == "no"), bounds, worst_ticks=NO_ASK_TICKS)
    sides = {"bid_ticks": bid_ticks, "bid_centi": bid_centi, "ask_ticks": ask_ticks, "ask_centi": ask_centi}
    found = steps.with_columns(pl.Series(name, values) for name, values in sides.items())
    # A whole book that is asked for in the middle of its own subscription breaks nothing.
    same = (pl.col("epoch") == pl.col("epoch").shift()) | (pl.col("sid") == pl.col("sid").shift())
    follows = (pl.col("is_known") & pl.col("is_known").shift() & same).over("market_ticker").fill_null(value=False)
    return found.with_columns(
        follows.alias("follows"), *(pl.when("is_known").then(name).alias(name) for name in sides)
    ).select(pl.col(name).cast(dtype) for name, dtype in TOPS.items())


def _epochs(books: pl.DataFrame) -> pl.DataFrame:
    """Return the messages that count, in the order of receipt; an epoch begins with each whole book and each gap."""
    told = books.sort("market_ticker", "known_utc", "sid", "seq").with_columns(
        epoch=(pl.col("kind") != "delta").cum_sum().over("market_ticker")
    )
    of_epoch = ("market_ticker", "epoch")
    is_its_own = (pl.col("sid") == pl.col("sid").first().over(of_epoch)) | (pl.col("epoch") == 0)
    begins_whole = (pl.col("kind").first().over(of_epoch) == "snapshot").alias("is_known")
    return told.filter(is_its_own).with_columns(begins_whole)


def _moves(told: pl.DataFrame) -> pl.DataFrame:
    """Return what each step adds to each level."""
    known = told.filter("is_known")
    whole = known.filter(pl.col("kind") == "snapshot")
    spread = [
        whole.select("step", pl.col(prices).alias("price_ticks"), pl.col(sizes).alias("centi"))
        .explode("price_ticks", "centi", empty_as_null=False, keep_nulls=False)
        .with_columns(side=pl.lit(side))
        for side, (prices, sizes) in _SIDES.items()
    ]
    changes = known.filter(pl.col("kind") == "delta").select(
        "step", pl.col("price_ticks").cast(pl.Int64), pl.col("delta_centi").alias("centi"), "side"
    )
    return pl.concat([*spread, changes]).sort("step", maintain_order=True)


def _best(moves: pl.DataFrame, bounds: Ints, *, worst_ticks: int) -> tuple[Ints, Ints]:
    """Return the best price of one side after each step, and its size; bounds say where an epoch begins."""
    steps = int(bounds[-1]) if len(bounds) else 0
    best_ticks, best_centi = np.full(steps, worst_ticks, dtype=np.int64), np.zeros(steps, dtype=np.int64)
    step, price, centi = (moves[name].to_numpy() for name in ("step", "price_ticks", "centi"))
    for (first, end), (since, until) in zip(pairwise(bounds), pairwise(np.searchsorted(step, bounds)), strict=True):
        of_epoch = slice(since, until)
        at_step, added = step[of_epoch], centi[of_epoch]
        grid, place = np.unique(price[of_epoch], return_inverse=True)
        if not len(grid):
            continue
        # The best level comes first, so that argmax of "is held" finds it.
        if worst_ticks == NO_BID_TICKS:
            grid, place = grid[::-1], len(grid) - 1 - place
        held = np.zeros(len(grid), dtype=np.int64)
        rows = max(1, _CELLS_AT_ONCE // len(grid))
        for low in range(first, end, rows):
            high = min(end, low + rows)
            a, b = np.searchsorted(at_step, (low, high))
            sizes = np.zeros((high - low, len(grid)), dtype=np.int64)
            np.add.at(sizes, (at_step[a:b] - low, place[a:b]), added[a:b])
            sizes[0] += held
            np.cumsum(sizes, axis=0, out=sizes)
            held = sizes[-1]
            at = (sizes > 0).argmax(axis=1)
            size = sizes[np.arange(high - low), at]
            best_ticks[low:high] = np.where(size > 0, grid[at], worst_ticks)
            best_centi[low:high] = np.maximum(size, 0)
    return best_ticks, best_centi
