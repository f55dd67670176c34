"""What a run would have earned had its fills or the maker's fee been others: each pair of them on the same minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import jax
import numpy as np
import polars as pl

from kwx.backtest.by_date import ByDate
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.fees import MAKER_FEES, PUBLISHED
from kwx.exec.engine import Tally, tally_bars
from kwx.exec.ledger.equity import settled
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules
from kwx.scoring.resampling import Estimate


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model of fills and one fee of makers."""

    fill: Fill
    maker_fee: str


@dataclass(frozen=True, kw_only=True)
class Sensed:
    """What a case came to over the settled events of a run."""

    case: Case
    net: Estimate
    net_micros: int
    fees_micros: int
    maker_fills: int
    taker_fills: int


CASES = (
    *(Case(fill=fill, maker_fee=fee) for fill, fee in product((Fill.A, Fill.B, Fill.QUEUE), MAKER_FEES)),
    Case(fill=Fill.TAKER, maker_fee=MAKER_FEES[0]),
)
"""Where nothing rests the maker's fee is nobody's."""

TAKERS_TO_MAKERS = 4
"""Where makers pay, they pay a quarter of the taker's fee: 1.75 % and 7 %."""


def sense(rules: Rules, params: Params, bars: Bars, *, cases: Sequence[Case] = CASES) -> pl.DataFrame:
    """Return what each case came to in each settled event of some bars: case (its place) and sums."""
    one = Params(*(np.asarray(leaf)[None] for leaf in params))
    return pl.concat(
        [
            _rows(bars, tally_bars(replace(rules, fill=case.fill), one, _charged(bars, case.maker_fee)), place=place)
            for place, case in enumerate(cases)
        ]
    )


def sensed(rows: pl.DataFrame, by_date: ByDate, *, cases: Sequence[Case] = CASES) -> tuple[Sensed, ...]:
    """Return the cases over all events, each with the interval of its net gain by event date."""
    return tuple(_sensed(case, rows.filter(pl.col("case") == place), by_date) for place, case in enumerate(cases))


def _sensed(case: Case, rows: pl.DataFrame, by_date: ByDate) -> Sensed:
    net = rows["net_micros"]
    return Sensed(
        case=case, net=by_date.total(by_date.sums(rows, net)), net_micros=int(net.sum()),
        fees_micros=int(rows["fees_micros"].sum()), maker_fills=int(rows["maker_fills"].sum()),
        taker_fills=int(rows["taker_fills"].sum()),
    )  # fmt: skip


def _charged(bars: Bars, maker_fee: str) -> Bars:
    """Return bars whose makers pay what is listed, or at least what others do, whatever the run charged them."""
    minutes = bars.minutes
    listed = bars.listed_maker_fee_num
    elsewhere = minutes.taker_fee_num // TAKERS_TO_MAKERS
    charged = listed if maker_fee == PUBLISHED else np.maximum(listed, elsewhere)
    return replace(bars, minutes=minutes._replace(maker_fee_num=charged))


def _rows(bars: Bars, tally: Tally, *, place: int) -> pl.DataFrame:
    of_case: Tally = jax.tree.map(lambda field: field[0], tally)
    city, day = settled(bars).nonzero()
    return pl.DataFrame(
        {
            "case": np.full(len(city), place, np.int32),
            "city": [bars.cities[each] for each in city],
            "event_date": [bars.dates[each] for each in day],
            "net_micros": of_case.cash_micros[city, day],
            "fees_micros": of_case.fees_micros[city, day],
            "maker_fills": of_case.made_fills[city, day].astype(np.int64),
            "taker_fills": of_case.took_fills[city, day].astype(np.int64),
        },
        schema_overrides={"event_date": pl.Date},
    )
