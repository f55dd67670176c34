"""How much rests at the best bid and offer of each minute, read off the recorded order-book messages.

A level's size is what the last whole book said of it plus every change since. After a gap nothing is known until the
next whole book. What is not known is NaN, and the minute then has no microprice.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from kwx.fuse.market.minutes import EventMinutes, Floats
from kwx.fuse.market.quotes import Sizes
from warehouse.market.money import CENTI_PER_CONTRACT

_LEVEL = ("market_ticker", "side", "price_ticks")
_SIDES = {"yes": ("bid_prices_ticks", "bid_sizes_centi"), "no": ("ask_prices_ticks", "ask_sizes_centi")}


def top_sizes(books: pl.DataFrame, minutes: EventMinutes) -> Sizes:
    """Return the sizes at the best prices of each minute and bracket, as far as messages known by then tell them."""
    told = books.sort("market_ticker", "known_utc", "sid", "seq").with_columns(
        epoch=(pl.col("kind") != "delta").cum_sum().over("market_ticker")
    )
    # What follows a gap changes levels of which nothing is known, and an older subscription speaks of an older book.
    of_epoch = ("market_ticker", "epoch")
    begins_whole = (pl.col("kind") == "snapshot").any().over(of_epoch)
    is_its_own = pl.col("sid") == pl.col("sid").first().over(of_epoch)
    levels, epochs = _levels(told.filter(begins_whole & is_its_own)), told.select(*of_epoch, "known_utc")
    return Sizes(
        bid=_at_best(levels, epochs, minutes, side="yes", best_ticks=minutes.bid_ticks),
        ask=_at_best(levels, epochs, minutes, side="no", best_ticks=minutes.ask_ticks),
    )


def _levels(told: pl.DataFrame) -> pl.DataFrame:
    """Return the size of each level from each message on that speaks of it, in contracts."""
    whole = told.filter(pl.col("kind") == "snapshot")
    spread = [
        whole.select("market_ticker", "known_utc", "epoch", "seq", prices, sizes)
        .rename({prices: "price_ticks", sizes: "change_centi"})
        .explode("price_ticks", "change_centi", empty_as_null=False, keep_nulls=False)
        .with_columns(side=pl.lit(side))
        for side, (prices, sizes) in _SIDES.items()
    ]
    changes = told.filter(pl.col("kind") == "delta").select(
        "market_ticker", "known_utc", "epoch", "seq", pl.col("price_ticks").cast(pl.Int64), change_centi="delta_centi",
        side="side",
    )  # fmt: skip
    moves = pl.concat([*spread, changes], how="diagonal").sort(*_LEVEL, "known_utc", "epoch", "seq")
    size = pl.col("change_centi").cum_sum().over(*_LEVEL, "epoch") / CENTI_PER_CONTRACT
    return moves.select(*_LEVEL, "known_utc", "epoch", size.alias("size"))


def _at_best(
    levels: pl.DataFrame, epochs: pl.DataFrame, minutes: EventMinutes, *, side: str, best_ticks: np.ndarray
) -> Floats:
    """Return [T, B] the size at the best price of one side; NaN where no message since the last whole book tells it."""
    wanted = pl.DataFrame(
        {
            "market_ticker": np.repeat(minutes.ladder.names, len(minutes)),
            "ts_utc": pl.concat([minutes.ts_utc] * len(minutes.ladder.names)),
            "price_ticks": best_ticks.T.ravel(),
        }
    ).with_columns(side=pl.lit(side))
    of_level = _newest_before(wanted, levels, by=_LEVEL)
    now = _newest_before(wanted, epochs, by=("market_ticker",))
    is_current = of_level["epoch"].eq(now["epoch"]).fill_null(value=False)
    size = np.where(is_current, of_level["size"].fill_null(np.nan), np.nan)
    return np.ascontiguousarray(size.reshape(len(minutes.ladder.names), -1).T)


def _newest_before(wanted: pl.DataFrame, told: pl.DataFrame, *, by: tuple[str, ...]) -> pl.DataFrame:
    """Return, for each row wanted, in its order, the newest row told at or before its minute."""
    numbered = wanted.with_row_index("place").sort(*by, "ts_utc")
    # With `by` groups Polars cannot check the order itself: both sides are sorted right here.
    found = numbered.join_asof(
        told.sort(*by, "known_utc", maintain_order=True), left_on="ts_utc", right_on="known_utc", by=list(by),
        strategy="backward", check_sortedness=False,
    )  # fmt: skip
    return found.sort("place")
