"""What traded in each minute."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from kwx.exec.bars.blank import blank_minutes
from kwx.exec.bars.prints import lay_candles, lay_prints
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, Minute
from tests.kwx.exec.bars.made_day import WARM, a_grid, dense, tape


def laid(trades: pl.DataFrame) -> Minute:
    """Return the minutes with a tape laid into them."""
    grid = a_grid()
    minutes = blank_minutes(grid, guard_minutes=0, fee_rounding="tick")
    lay_prints(trades, grid, minutes)
    return minutes


def ranges(minutes: Minute, t: int, bracket: int = 0) -> tuple[int, ...]:
    """Return low, high, close and volume of a minute."""
    fields = (minutes.low_ticks, minutes.high_ticks, minutes.close_ticks, minutes.volume_centi)
    return tuple(int(field[t, bracket, 0, 0]) for field in fields)


def test_a_minute_has_the_range_close_and_volume_of_its_trades() -> None:
    """By hand: three trades of one minute, one of the next at its very end, none before or after."""
    minutes = laid(
        tape((2.1, "yes", 5_100, 300), (2.5, "no", 4_800, 200), (2.9, "no", 4_900, 100), (4.0, "yes", 5_000, 50))
    )

    assert ranges(minutes, 2) == (4_800, 5_100, 4_900, 600)
    assert ranges(minutes, 3) == (5_000, 5_000, 5_000, 50)
    for t in (0, 1, 4, 5, 10):
        assert ranges(minutes, t) == (NO_PRINT_LOW_TICKS, NO_PRINT_HIGH_TICKS, 0, 0)
    assert ranges(minutes, 2, bracket=1) == (NO_PRINT_LOW_TICKS, NO_PRINT_HIGH_TICKS, 0, 0)


def test_prints_are_by_side_and_price_the_furthest_through_the_book_first() -> None:
    """Sellers' from below, buyers' from above; one price counts once; of four prices the nearest is dropped."""
    minutes = laid(
        tape(
            (1.1, "no", 4_900, 100), (1.2, "no", 4_700, 200), (1.3, "no", 4_900, 300), (1.4, "no", 4_800, 400),
            (1.5, "no", 5_000, 500), (1.6, "yes", 5_100, 600), (1.7, "yes", 5_200, 700),
        )
    )  # fmt: skip

    assert minutes.sells.ticks[1, :, 0, 0, 0].tolist() == [4_700, 4_800, 4_900]
    assert minutes.sells.centi[1, :, 0, 0, 0].tolist() == [200, 400, 400]
    assert minutes.buys.ticks[1, :, 0, 0, 0].tolist() == [5_200, 5_100, 0]
    assert minutes.buys.centi[1, :, 0, 0, 0].tolist() == [700, 600, 0]
    assert not minutes.sells.centi[:, :, 1].any()


def test_a_trade_lies_in_its_own_minute_however_late_it_is_known() -> None:
    """An order is filled by a print when it happens."""
    minutes = laid(tape((1.5, "no", 4_800, 100), late=7))

    assert ranges(minutes, 1) == (4_800, 4_800, 4_800, 100)


SOLD = [(1.5, "no", 4_700, 100), (1.5, "no", 4_900, 200), (1.5, "no", 4_800, 300), (1.2, "no", 4_600, 1)]


@given(st.permutations(SOLD))
def test_of_trades_of_one_instant_the_furthest_through_the_book_is_the_last(order: list) -> None:
    """Sellers went down the book, so they ended at the lowest price, in whatever order the tape has them."""
    bought = tape(*((minute + 1, "yes", ticks, centi) for minute, _, ticks, centi in order))
    minutes = laid(pl.concat([tape(*order), bought]))

    assert ranges(minutes, 1) == (4_600, 4_900, 4_700, 601)
    assert ranges(minutes, 2) == (4_600, 4_900, 4_900, 601)


def test_block_trades_reach_no_order() -> None:
    """They are neither volume nor prints."""
    minutes = laid(tape((1.5, "no", 4_800, 100), block=True))

    assert not minutes.volume_centi.any()
    assert not minutes.sells.centi.any()


def test_the_row_of_the_settlement_has_no_trades() -> None:
    """What traded after the close is left out."""
    minutes = laid(tape((10.5, "no", 4_800, 100), (0.0, "no", 4_800, 100)))

    assert not minutes.volume_centi.any()


def test_candles_stand_for_a_tape_that_is_not_held() -> None:
    """They have a range and a volume, and no prints; a minute without trades has none."""
    grid = a_grid()
    minutes = blank_minutes(grid, guard_minutes=0, fee_rounding="tick")
    traded = {"price_low_ticks": 4_800, "price_high_ticks": 5_200, "price_close_ticks": 5_000, "volume_centi": 700}
    rows = dense([{"minute": 1, "volume_centi": 0}, {"minute": 2, "market_ticker": WARM, **traded}])

    assert lay_candles(rows, grid, minutes)
    assert ranges(minutes, 1, bracket=1) == (4_800, 5_200, 5_000, 700)
    assert ranges(minutes, 0) == (NO_PRINT_LOW_TICKS, NO_PRINT_HIGH_TICKS, 0, 0)
    assert not minutes.sells.centi.any()
    assert not lay_candles(rows.head(1), grid, minutes)
