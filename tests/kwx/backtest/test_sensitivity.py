"""Other fills and fees: the published fee is the listed one, whatever the run itself charges its makers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from kwx.backtest.sensitivity import Case, sense
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.fees import MAKER_FEES, PUBLISHED, WITH_MAKER_FEES
from kwx.exec.bars.plan import BarsRecipe, planned
from kwx.exec.bars.read import read_bars
from kwx.exec.engine import run_bars
from kwx.exec.rules import Fill, Rules, Sizing
from tests.kwx.backtest.made_trace import made_bars
from tests.kwx.exec.made import made_params
from tests.kwx.exec.wild import wild_minutes
from warehouse.lake.store import Lake

MINUTES, CITIES = 90, ("chicago", "denver")
RULES = Rules(fill=Fill.A, sizing=Sizing.SINGLE)
PARAMS = made_params(min_volume_20m_centi=0)
CASES = tuple(Case(fill=Fill.A, maker_fee=fee) for fee in MAKER_FEES)
QUARTER_NUM = 7_000


def charging(maker_fee_num: int, *, listed_num: int) -> Bars:
    """Return a market that does what it wants, whose makers pay one fee while another is listed."""
    bars, minutes = made_bars(MINUTES, brackets=3, cities=CITIES, dates=2), wild_minutes(8, MINUTES)
    nums = np.full_like(minutes.maker_fee_num, maker_fee_num)
    taker = np.full_like(nums, 4 * QUARTER_NUM)
    listed = np.full_like(bars.listed_maker_fee_num, listed_num)
    return replace(
        bars, listed_maker_fee_num=listed, minutes=minutes._replace(maker_fee_num=nums, taker_fee_num=taker)
    )  # fmt: skip


def of_case(rows: pl.DataFrame, place: int) -> pl.DataFrame:
    """Return the rows of one case, in the order of the events."""
    return rows.filter(pl.col("case") == place).drop("case")


@pytest.mark.parametrize("listed_num", [0, 2 * QUARTER_NUM])
def test_what_the_run_charges_its_makers_changes_no_case(listed_num):
    """The cases are of the listed fee and of a quarter of the taker's, or more where more is listed."""
    raised_num = max(listed_num, QUARTER_NUM)
    plain, raised = (charging(num, listed_num=listed_num) for num in (listed_num, raised_num))

    rows = sense(RULES, PARAMS, plain, cases=CASES)

    assert rows.equals(sense(RULES, PARAMS, raised, cases=CASES))
    assert 0 < rows["maker_fills"].sum()
    for place, bars in enumerate((plain, raised)):
        cash = run_bars(RULES, PARAMS, bars).final.cash_micros
        assert cash.ravel().tolist() == of_case(rows, place)["net_micros"].to_list()
    assert of_case(rows, 0).equals(of_case(rows, 1)) == (listed_num > QUARTER_NUM)


def test_bars_know_what_is_listed_however_they_are_read(demo_lake):
    """A setting makes makers pay; the listed fee stays beside it, and both give the same published case."""
    bars = [_bars(demo_lake, maker_fee) for maker_fee in (PUBLISHED, WITH_MAKER_FEES)]

    assert [[0], [QUARTER_NUM]] == [np.unique(one.minutes.maker_fee_num).tolist() for one in bars]
    assert [[0], [0]] == [np.unique(one.listed_maker_fee_num).tolist() for one in bars]


def _bars(root, maker_fee):
    day = date(2026, 11, 1)
    recipe = BarsRecipe(maker_fee=maker_fee)
    plan = planned(Lake(root).snapshot(), cities=("chicago",), since=day, until=day, recipe=recipe)
    return read_bars(plan, _no_signals)


def _no_signals(snapshot, city, since, until):
    schema = {
        "market_ticker": pl.String, "ts_utc": pl.Datetime("us", "UTC"), "p_fair": pl.Float64, "p_gate": pl.Float64,
        "score": pl.Float64, "urgent": pl.Boolean,
    }  # fmt: skip
    return pl.DataFrame(schema=schema)
