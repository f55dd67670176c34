"""Nothing is made and nothing is lost: a run's money and contracts come to the same by another way, to the micro.

The other way starts from the rows of fills alone and goes in whole numbers: cash is what was sold less what was bought
less fees, then what the winning bracket pays; fees are those of the exchange, fill by fill of each order; positions
are marked at the quotes of their minute: with cash they are the equity. It is held against every minute of the step,
its last state, and the rows of equity. Fills must also have been possible: no resting order has more than the minute
brought, each price is the order's limit or the quote with its slippage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.equity import settled
from kwx.exec.ledger.ledger import Ledger
from kwx.exec.ledger.orders import BUY, MAKER
from kwx.exec.ledger.places import MINUTE, Bools, Ints
from kwx.exec.ledger.worth import at_risk_micros, worth_micros
from kwx.exec.minute import Array
from kwx.exec.params import Params
from kwx.exec.state import Actions, State
from warehouse.errors import Unbalanced
from warehouse.market.fee_columns import fees_of_fills
from warehouse.market.fees import ROUNDING_MICROS, FeeRule
from warehouse.market.money import TICKS_PER_DOLLAR

_HINT = "this is a defect of the step or of the ledger: the run's numbers are not to be believed"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Books:
    """What the rows of a run are held against, and the run's name for what does not agree."""

    run_id: str
    bars: Bars
    fills: pl.DataFrame
    place: tuple[Ints, Ints, Ints, Ints]
    """The minute, bracket, city and date of each fill in the arrays."""

    @classmethod
    def of(cls, run_id: str, bars: Bars, fills: pl.DataFrame) -> _Books:
        markets = pl.DataFrame({"market_ticker": bars.tickers.ravel()}).with_row_index("market")
        market = fills.join(markets, on="market_ticker", how="left", maintain_order="left")["market"]
        if market.has_nulls():
            raise Unbalanced(f"run {run_id}: a fill is of a market that the run did not trade", hint=_HINT)
        bracket, city, day = np.unravel_index(market.to_numpy(), bars.tickers.shape)
        return cls(run_id=run_id, bars=bars, fills=fills, place=(_minutes(bars, fills, day), bracket, city, day))

    @property
    def signed_centi(self) -> Ints:
        count: Ints = np.where(self.fills["side"] == BUY, 1, -1) * self.fills["count_centi"].to_numpy()
        return count

    def flows(self, micros: Ints) -> Ints:
        """Return [T, C, D] the sum of what each fill moved, up to each minute."""
        minute, _, city, day = self.place
        moved = np.zeros(self.bars.minutes.winner.shape, np.int64)
        np.add.at(moved, (minute, city, day), micros)
        return moved.cumsum(axis=0)

    def positions(self) -> Ints:
        """Return [T, B, C, D] the contracts that the fills up to each minute come to; none of them is paid out."""
        moved = np.zeros(self.bars.minutes.open.shape, np.int64)
        np.add.at(moved, self.place, self.signed_centi)
        return moved.cumsum(axis=0)

    def agree(self, what: str, rows: Array, step: Array) -> None:
        """Refuse [T, C, D] of the rows that differ anywhere from those of the step."""
        ours, theirs = np.asarray(rows), np.asarray(step)
        if not (ours == theirs).all():
            minute, city, day = (int(place[0]) for place in np.nonzero(ours != theirs))
            ends = np.datetime_as_string(self.bars.starts_utc[day] + (minute + 1) * MINUTE, unit="m")
            where = f"{self.bars.cities[city]} {self.bars.dates[day]}, {ends}Z"
            said = f"{ours[minute, city, day]:,} by the fills, {theirs[minute, city, day]:,} by the step"
            raise Unbalanced(f"run {self.run_id}, {where}: {what} is {said}", hint=_HINT)

    def hold(self, is_so: Bools, told: Callable[[dict[str, object]], str]) -> None:
        """Refuse fills of which a law does not hold, telling of the first."""
        if not is_so.all():
            first = self.fills.row(int(np.flatnonzero(~is_so)[0]), named=True)
            where = f"{first['market_ticker']} {first['ts_utc']:%Y-%m-%dT%H:%M}Z"
            raise Unbalanced(f"run {self.run_id}, {where}: {told(first)}", hint=_HINT)


def require_conserved(
    run_id: str, bars: Bars, actions: Actions, final: State, ledger: Ledger, *, params: Params
) -> None:
    """Refuse a run whose money or contracts do not add up, or whose fills could not have been."""
    books = _Books.of(run_id, bars, ledger.fills)
    positions = books.positions()
    cash = _require_cash(books, actions, final, ledger.equity, last=positions[-1])
    _require_positions(books, final, last=positions[-1])
    _require_fees(books)
    _require_room(books)
    _require_prices(books, actions, params)
    _require_worth(books, actions, ledger.equity, positions=positions, cash=cash)


def _require_cash(books: _Books, actions: Actions, final: State, equity: pl.DataFrame, *, last: Ints) -> Ints:
    """Hold cash and fees of every minute against the fills; return the cash."""
    bars, fills = books.bars, books.fills
    fee = fills["fee_micros"].to_numpy()
    fees = books.flows(fee)
    cash = books.flows(-books.signed_centi * fills["price_ticks"].to_numpy() - fee)
    paid = np.zeros_like(cash)
    paid[-1] = _paid_micros(bars, last)
    cash += paid
    for what, rows, step, ended in (
        ("cash in micros", cash, actions.cash_micros, final.cash_micros),
        ("fees in micros", fees, actions.fees_micros, final.fees_micros),
    ):
        books.agree(what, rows, step)
        books.agree(f"the last {what}", _at_end(rows, rows[-1]), _at_end(rows, ended))
    books.agree("what settlement paid, in micros", paid, actions.settled_micros)
    for what, rows, told in (("cash", cash, "cash_micros"), ("fees", fees, "fees_micros")):
        books.agree(f"{what} in micros in a row of equity", *_beside_equity(bars, rows, equity, told))
    return cash


def _require_worth(books: _Books, actions: Actions, equity: pl.DataFrame, *, positions: Ints, cash: Ints) -> None:
    """Hold what positions are worth and put at risk against quotes and fills: with cash, all that an event has."""
    for what, rows, told in (
        ("the worth of positions", worth_micros(books.bars, positions), "position_micros"),
        ("what is at risk", at_risk_micros(books.bars, positions, cash), "at_risk_micros"),
    ):
        books.agree(f"{what} in micros", rows, getattr(actions, told))
        books.agree(f"{what} in micros in a row of equity", *_beside_equity(books.bars, rows, equity, told))


def _at_end(rows: Ints, last: Array) -> Ints:
    """Return values of the end as [T, C, D], zero before."""
    laid = np.zeros_like(rows)
    laid[-1] = last
    return laid


def _paid_micros(bars: Bars, positions: Ints) -> Ints:
    """Return [C, D] what the winning bracket pays on the contracts held of it."""
    winner = np.where(settled(bars), bars.minutes.winner[-1], 0)[None]
    held = np.take_along_axis(positions, winner, axis=0)[0]
    return np.where(settled(bars), TICKS_PER_DOLLAR * held, 0)


def _beside_equity(bars: Bars, rows: Ints, equity: pl.DataFrame, told: str) -> tuple[Ints, Ints]:
    """Return [T, C, D] what is so by the fills, and the same with the rows of equity written over it."""
    city = _numbered(equity["city"], bars.cities)
    day = _numbered(equity["event_date"], bars.dates)
    minute = np.minimum(_minutes(bars, equity, day), len(rows) - 1)
    written = rows.copy()
    written[minute, city, day] = equity[told].to_numpy()
    return rows, written


def _numbered(said: pl.Series, words: Sequence[object]) -> Ints:
    numbers = {word: place for place, word in enumerate(words)}
    return said.replace_strict(numbers, return_dtype=pl.Int64).to_numpy()


def _minutes(bars: Bars, rows: pl.DataFrame, day: Ints) -> Ints:
    """Return in which minute of their date the instants of some rows lie."""
    since = rows["ts_utc"].dt.replace_time_zone(None).to_numpy() - bars.starts_utc[day]
    minutes: Ints = since // MINUTE - 1
    return minutes


def _require_positions(books: _Books, final: State, *, last: Ints) -> None:
    held = np.where(settled(books.bars), 0, last)
    for bracket, (ours, theirs) in enumerate(zip(held, np.asarray(final.position_centi), strict=True)):
        shape = np.zeros(books.bars.minutes.winner.shape, np.int64)
        books.agree(f"the position of bracket {bracket} in centi", _at_end(shape, ours), _at_end(shape, theirs))


def _require_fees(books: _Books) -> None:
    """Charge every fill anew by the exchange's own law; what rounding leaves goes on within its order."""
    fills = books.fills
    order = fills["order_id"].rank("dense").to_numpy().astype(np.int64)
    by_order = np.lexsort((fills["ts_utc"].to_numpy(), order))
    step = fills["fee_rounding"].replace_strict(ROUNDING_MICROS, return_dtype=pl.Int64).to_numpy()
    columns = (order, _numerators(fills), fills["price_ticks"].to_numpy().astype(np.int64), books.signed_centi, step)
    charged = np.zeros(len(fills), np.int64)
    charged[by_order] = fees_of_fills(*(column[by_order] for column in columns))
    books.hold(
        charged == fills["fee_micros"].to_numpy(),
        lambda fill: f"a fee of {fill['fee_micros']:,} micros is not what the exchange charges",
    )


def _numerators(fills: pl.DataFrame) -> Ints:
    """Return the numerator of each fill's fee: that of its event's rule, for who rested or who took."""
    charged = ("fee_type", "fee_multiplier_milli", "style")
    kinds = fills.select(charged).unique()
    known = kinds.with_columns(num=pl.Series([_numerator(*kind) for kind in kinds.iter_rows()], dtype=pl.Int64))
    return fills.join(known, on=charged, how="left", maintain_order="left")["num"].to_numpy()


def _numerator(fee_type: str, multiplier_milli: int, style: str) -> int:
    rule = FeeRule(fee_type=fee_type, multiplier_milli=multiplier_milli)
    return rule.maker_num if style == MAKER else rule.taker_num


def _require_room(books: _Books) -> None:
    """Let no resting order have more than was printed in its minute."""
    rested = books.fills["style"].to_numpy() == MAKER
    printed = np.asarray(books.bars.minutes.volume_centi)[books.place].astype(np.int64)
    books.hold(
        ~rested | (books.fills["count_centi"].to_numpy() <= printed),
        lambda row: f"{row['count_centi']:,} centi were filled of an order that rested, more than was printed",
    )


def _require_prices(books: _Books, actions: Actions, params: Params) -> None:
    minute, bracket, city, day = books.place
    minutes, ticks = books.bars.minutes, books.fills["price_ticks"].to_numpy()
    limit = np.asarray(actions.order_ticks)[minute - 1, bracket, city, day]
    slip = np.broadcast_to(np.asarray(params.slip_ticks), minutes.winner.shape)[minute, city, day]
    step = minutes.price_step_ticks[minute, city, day]
    quote = np.where(
        books.signed_centi > 0, minutes.ask_ticks[books.place] + slip, minutes.bid_ticks[books.place] - slip
    )
    taken = np.clip(quote, step, TICKS_PER_DOLLAR - step)
    due = np.where(books.fills["style"].to_numpy() == MAKER, limit, taken)
    books.hold(
        ticks == due,
        lambda row: f"a {row['style']} was filled at {row['price_ticks']:,} ticks, which is not the price due",
    )
