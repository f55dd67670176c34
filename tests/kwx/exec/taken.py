"""Steps taken over made minutes, for tests: one call a minute, so that every length shares one compilation."""

from __future__ import annotations

import numpy as np

from kwx.exec.bars.bars import Bars
from kwx.exec.engine import Trace, step_by_step
from kwx.exec.minute import Minute
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules, Sizing
from tests.kwx.exec.made import made_params
from warehouse.market.fees import FeeRule

SINGLE_A = Rules(fill=Fill.A, sizing=Sizing.SINGLE)


def made_bars(minutes: Minute) -> Bars:
    """Return bars of made minutes, of cities and dates without meaning."""
    rows, brackets, cities, dates = minutes.open.shape
    event = (cities, dates)
    return Bars(
        cities=("chicago", "nyc", "austin")[:cities], dates=(), tickers=np.full((brackets, *event), "T"),
        starts_utc=np.zeros(dates, "datetime64[us]"), settled_utc=np.full(event, "NaT", "datetime64[us]"),
        settled_f=np.full(event, np.nan), fee_rules=(FeeRule(),),
        fee_rule=np.zeros((rows, *event), np.int16), listed_maker_fee_num=np.zeros((rows, *event), np.int32),
        minutes=minutes,
    )  # fmt: skip


def taken(minutes: Minute, params: Params | None = None, *, rules: Rules = SINGLE_A) -> Trace:
    """Return what a run over made minutes did."""
    return step_by_step(rules, made_params() if params is None else params, made_bars(minutes))
