"""Conservation: the books of the example agree by the other way, and one micro, one contract or one tick is found."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kwx.exec.ledger.conserved import require_conserved
from tests.kwx.backtest.made_trace import made_final
from tests.kwx.backtest.three_trades import RUN, three_trades
from tests.kwx.exec.made import made_params
from warehouse.errors import Unbalanced

PARAMS = made_params(slip_ticks=100)


def require(bars, actions, ledger, *, final=None, params=PARAMS):
    require_conserved(RUN, bars, actions, final or made_final(actions), ledger, params=params)


def changed(frame: pl.DataFrame, row: int, **said: object) -> pl.DataFrame:
    """Return a frame with some values of one row set."""
    is_it = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(is_it).then(pl.lit(value, frame.schema[name])).otherwise(name).alias(name)
        for name, value in said.items()
    )


def moved(actions, name: str, place: tuple[int, ...], by: int):
    """Return actions with one entry changed."""
    values = getattr(actions, name).copy()
    values[place] += by
    return actions._replace(**{name: values})


def test_the_example_is_conserved():
    """Cash, fees, contracts, prices and volumes agree by both ways."""
    require(*three_trades())


def test_a_minute_brings_no_more_than_it_printed():
    """A fill of four contracts in a minute of 3.99."""
    bars, actions, ledger = three_trades()
    bars.minutes.volume_centi[1, 0] = 399

    with pytest.raises(Unbalanced, match=re.escape("2026-11-02T06:02Z: 400 centi were filled of an order that rested")):
        require(bars, actions, ledger)


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("cash_micros", (3, 0, 0), "cash in micros is -1,880,200 by the fills, -1,880,199 by the step"),
        ("fees_micros", (2, 0, 0), "fees in micros is 42,700 by the fills, 42,701 by the step"),
        ("settled_micros", (5, 0, 0), "settlement paid, in micros is 5,000,000 by the fills, 5,000,001 by the step"),
        ("position_micros", (2, 0, 0), "worth of positions in micros is 4,400,000 by the fills, 4,400,001 by the step"),
        ("position_micros", (5, 0, 0), "worth of positions in micros is 0 by the fills, 1 by the step"),
        ("at_risk_micros", (3, 0, 0), "at risk in micros is 1,880,200 by the fills, 1,880,201 by the step"),
    ],
)
def test_one_micro_is_found_and_told_with_its_place(name, place, said):
    """The error names run, city, date, minute and both numbers."""
    bars, actions, ledger = three_trades()

    with pytest.raises(Unbalanced, match=re.escape(said)) as told:
        require(bars, moved(actions, name, place, 1), ledger)

    assert f"run {RUN}, chicago 2026-11-02, 2026-11-02T06:0{place[0] + 1}Z: " in str(told.value)
    assert (1, True) == (told.value.exit_code, "defect" in told.value.hint)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("cash_micros", "cash"),
        ("fees_micros", "fees"),
        ("position_micros", "worth of positions"),
        ("at_risk_micros", "what is at risk"),
    ],
)
@pytest.mark.parametrize("row", [1, 3])
def test_one_micro_in_a_row_of_equity_is_found(name, what, row):
    """Also in the row of the settlement."""
    bars, actions, ledger = three_trades()
    value = ledger.equity[name][row] + 1

    with pytest.raises(Unbalanced, match=f"{what} in micros in a row of equity"):
        require(bars, actions, replace(ledger, equity=changed(ledger.equity, row, **{name: value})))


@pytest.mark.parametrize(
    ("field", "what"),
    [("cash_micros", "the last cash"), ("fees_micros", "the last fees"), ("position_centi", "position of bracket 1")],
)
def test_a_last_state_that_differs_is_found(field, what):
    """What is carried on must be what the trace ended with; of a settled event nothing is held."""
    bars, actions, ledger = three_trades()
    final = made_final(actions)
    values = getattr(final, field).copy()
    values[-1] += 1

    with pytest.raises(Unbalanced, match=what):
        require(bars, actions, ledger, final=final._replace(**{field: values}))


def test_what_is_not_settled_is_still_held():
    """Five contracts of the first bracket at their last mark, and the cash without their payout."""
    bars, actions, ledger = three_trades(winner=-1)
    for name, by in (
        ("settled_micros", -5_000_000), ("cash_micros", -5_000_000), ("position_micros", 2_650_000),
        ("at_risk_micros", 1_880_200),
    ):  # fmt: skip
        actions = moved(actions, name, (5, 0, 0), by)
    final = made_final(actions)
    final.position_centi[0] = 500

    require(bars, actions, ledger, final=final)
    with pytest.raises(Unbalanced, match="position of bracket 0 in centi is 500 by the fills, 0 by the step"):
        require(bars, actions, ledger)


def test_a_fee_that_the_exchange_would_not_charge_is_found():
    """The books agree with each other, all of them wrong by a step."""
    bars, actions, ledger = three_trades()
    for name, by in (("cash_micros", -100), ("fees_micros", 100)):
        actions = moved(actions, name, (slice(3, None), 0, 0), by)
    equity = ledger.equity.with_columns(
        cash_micros=pl.col("cash_micros") - 100 * (pl.col("fees_micros") == 130_200),
        fees_micros=pl.col("fees_micros") + 100 * (pl.col("fees_micros") == 130_200),
    )
    ledger = replace(ledger, fills=changed(ledger.fills, 2, fee_micros=87_600), equity=equity)

    with pytest.raises(Unbalanced, match="a fee of 87,600 micros is not what the exchange charges"):
        require(bars, actions, ledger)


def test_a_price_that_was_not_due_is_found():
    """A taker's is the quote with its slippage, a maker's the limit."""
    bars, actions, ledger = three_trades()

    with pytest.raises(Unbalanced, match="a taker was filled at 4,900 ticks"):
        require(bars, actions, ledger, params=made_params(slip_ticks=200))
    with pytest.raises(Unbalanced, match="a maker was filled at 4,200 ticks"):
        require(bars, moved(actions, "order_ticks", (0, 0), 100), ledger)


def test_a_fill_of_a_market_that_was_not_traded_is_found():
    """A row that no array has a place for."""
    bars, actions, ledger = three_trades()

    with pytest.raises(Unbalanced, match="a market that the run did not trade"):
        require(bars, actions, replace(ledger, fills=changed(ledger.fills, 0, market_ticker="ELSEWHERE")))


def test_a_missing_fill_is_found():
    """Every contract that the step moved has its row."""
    bars, actions, ledger = three_trades()

    with pytest.raises(Unbalanced, match="is 0 by the fills"):
        require(bars, actions, replace(ledger, fills=ledger.fills[1:]))
    assert np.array_equal(ledger.fills["count_centi"], [400, 600, 500])
