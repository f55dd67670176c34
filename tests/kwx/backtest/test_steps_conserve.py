"""Whatever the step does is conserved: seeded markets through the step itself, by every fill model, as a ledger."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from kwx.backtest.days import earned
from kwx.exec.bars.bars import Bars
from kwx.exec.engine import run_bars
from kwx.exec.ledger.conserved import require_conserved
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.ledger import ledger_of
from kwx.exec.minute import PRINT_LEVELS, Prints
from kwx.exec.rules import Fill, Rules, Sizing
from tests.kwx.backtest.made_runs import outcomes_frame
from tests.kwx.backtest.made_trace import made_bars
from tests.kwx.exec.made import made_params
from warehouse.market.fees import FEE_DENOMINATOR, ONCE_PER_ORDER, ROUNDING_MICROS, FeeRule

CITIES = ("chicago", "denver")
PARAMS = made_params(max_age_minutes=7, city_loss_micros=2_000_000_000, day_loss_micros=3_000_000_000)


MAKERS_PAY = FeeRule(fee_type="quadratic_with_maker_fees")
DEARER = FeeRule(fee_type="quadratic_with_combo_maker_fees", multiplier_milli=1_700)


def seeded_bars(seed: int, rounding: str = "tick") -> Bars:
    """Return two hours of three brackets, two cities and two dates: quotes that wander, prints, pauses, an end.

    Fees become dearer after the first hour.
    """
    rng, shape = np.random.default_rng(seed), (121, 3, 2, 2)
    bid = np.clip(3_300 + 100 * rng.integers(-3, 4, shape).cumsum(axis=0), 0, 9_800)
    spread, size = 100 * rng.integers(1, 4, shape), rng.integers(-1, 3_000, shape)
    is_open = rng.random(shape) > 0.03
    is_open[-1] = False
    winner = np.full((121, 2, 2), -1)
    winner[-1] = [[0, 2], [1, -1]]
    sold, bought = (rng.integers(0, 900, (shape[0], PRINT_LEVELS, *shape[1:])) * is_open[:, None] for _ in range(2))
    near = 100 * np.arange(PRINT_LEVELS)[None, :, None, None, None]
    bars = made_bars(
        121, brackets=3, cities=CITIES, dates=2, open=is_open, bid_ticks=bid, ask_ticks=bid + spread,
        bid_size_centi=size, ask_size_centi=size[::-1], low_ticks=bid, high_ticks=bid + spread,
        close_ticks=bid + 100, volume_centi=(sold + bought).sum(axis=1),
        p_fair=(bid + rng.normal(0, 600, shape)).clip(100, 9_900) / 10_000, winner=winner,
        fee_step_micros=ROUNDING_MICROS[rounding],
        sells=_prints(bid[:, None] - 100 + near, sold), buys=_prints((bid + spread)[:, None] + 100 - near, bought),
    )  # fmt: skip
    is_dearer = np.broadcast_to(np.arange(121)[:, None, None] >= 60, winner.shape)
    nums = {
        f"{side}_fee_num": np.where(
            is_dearer, getattr(DEARER, f"{side}_num"), getattr(MAKERS_PAY, f"{side}_num")
        ).astype(np.int32)
        for side in ("taker", "maker")
    }
    return replace(
        bars, fee_rules=(MAKERS_PAY, DEARER), fee_rule=is_dearer.astype(np.int16),
        minutes=bars.minutes._replace(**nums),
    )  # fmt: skip


def _prints(ticks, centi) -> Prints:
    return Prints(ticks=ticks.clip(100, 9_900).astype(np.int32), centi=centi.astype(np.int32))


@pytest.mark.parametrize(
    "fill", [Fill.QUEUE, *(pytest.param(fill, marks=pytest.mark.slow) for fill in (Fill.A, Fill.B, Fill.TAKER))]
)
def test_every_run_of_the_step_is_conserved(fill):
    """Money, contracts, fees, prices and volumes by the rows of fills, and the fills' gains are the cash of the end."""
    for seed, rounding in enumerate(ROUNDING_MICROS):
        bars = seeded_bars(seed, rounding)
        trace = run_bars(Rules(fill=fill, sizing=Sizing.SINGLE), PARAMS, bars)

        ledger = ledger_of("a-run", "seeded", bars, trace.actions, known=Known.nothing())
        require_conserved("a-run", bars, trace.actions, trace.final, ledger, params=PARAMS)
        gained = earned(ledger.fills, _outcomes(bars)).drop_nulls("net_micros")

        settled = bars.minutes.winner[-1] >= 0
        assert trace.final.cash_micros[settled].sum() == gained["net_micros"].sum()
        assert len(gained) > 50
        assert {rounding} == set(ledger.fills["fee_rounding"])
        assert 2 == ledger.fills.select("fee_type", "fee_multiplier_milli").n_unique()
        assert set(ledger.fills["order_id"]) == set(ledger.orders.filter(pl.col("filled_centi") > 0)["order_id"])
        for table, frame in ledger.tables():
            assert all(table.admit(rows, place).height for place, rows in table.split(frame))


def test_fills_of_an_order_of_before_march_2026_pay_its_whole_cents_together():
    """Each order in parts has paid the formula of all its parts, rounded up once: less than a cent for each part."""
    bars = seeded_bars(2, ONCE_PER_ORDER)
    trace = run_bars(Rules(fill=Fill.QUEUE, sizing=Sizing.SINGLE), PARAMS, bars)
    fills = ledger_of("a-run", "seeded", bars, trace.actions, known=Known.nothing()).fills

    in_parts = [rows for _, rows in fills.group_by("order_id") if len(rows) > 1]

    assert len(in_parts) > 5
    for rows in in_parts:
        columns = rows.select("fee_type", "fee_multiplier_milli", "price_ticks", "count_centi").iter_rows()
        model = sum(
            Fraction(
                FeeRule(fee_type=kind, multiplier_milli=milli).maker_num * centi * ticks * (10_000 - ticks),
                FEE_DENOMINATOR,
            )
            for kind, milli, ticks, centi in columns
        )
        assert math.ceil(model / 10_000) * 10_000 == rows["fee_micros"].sum()


def _outcomes(bars: Bars) -> pl.DataFrame:
    rows = []
    for (bracket, city, day), name in np.ndenumerate(bars.tickers):
        winner = bars.minutes.winner[-1, city, day]
        paid = None if winner < 0 else bool(winner == bracket)
        rows.append((bars.cities[city], bars.dates[day], str(name), "between", paid))
    return outcomes_frame(rows)
