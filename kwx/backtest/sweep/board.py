"""The leaderboard of a sweep: each set with its intervals, what luck may have done, and the best on dates held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from kwx.backtest.by_date import ByDate
from kwx.backtest.sharpe import deflated, sharpe_of
from kwx.backtest.sweep.asked import Question
from kwx.backtest.sweep.gains import Gains, Ints
from kwx.backtest.sweep.luck import better_than_nothing
from kwx.scoring.inputs import Floats
from kwx.scoring.resampling import Estimate
from warehouse.errors import Usage

_MICROS_PER_DOLLAR = 1_000_000


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """How the set that was best on the first dates did on the last ones, which had no say in choosing it.

    p_value: of gaining more than nothing there, for this one set alone. place: among all sets on these dates; the
    median is that of all sets.
    """

    place_in_question: int
    ranked_until: date
    since: date
    dates: int
    net: Estimate
    p_value: float
    place: int
    median_net_micros: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Board:
    """The sets, best first by what they gained on the dates that rank; held is None where all dates rank.

    rows: all figures are of the dates that rank, so that whoever picks a set by one of them has not seen the others;
    `held_out_net_micros` alone is of the dates held out, null where there are none.
    """

    rows: pl.DataFrame
    ranked_dates: int
    held: HeldOut | None
    level: float
    expected_best_sharpe: float


def board_of(
    question: Question, gains: Gains, *, held_out: float, block_days: int = 1, level: float = 0.95, seed: int = 0
) -> Board:  # fmt: skip
    """Rank the sets of a question by what they gained."""
    if not 0 <= held_out < 1:
        raise Usage(f"the share of dates held out is {held_out}", hint="--held-out 0.33, or 0 to rank by all dates")
    split = len(gains.dates) - round(held_out * len(gains.dates)) if len(gains.dates) > 1 else len(gains.dates)
    split = max(split, 1)
    first, last = gains.on(slice(split)), gains.on(slice(split, None))
    order = np.argsort(-first.net_micros.sum(axis=1), kind="stable")
    by_date = _by_date(first.dates, block_days=block_days, level=level, seed=seed)
    rows, best = _rows(question, first, by_date)
    held = None
    if last.dates:
        by_last = _by_date(last.dates, block_days=block_days, level=level, seed=seed)
        held = _held(last, by_last, ranked_until=first.dates[-1], best=int(order[0]))
    told = rows.with_columns(held_out_net_micros=_held_out(last))[order.tolist()]
    return Board(rows=told, ranked_dates=len(first.dates), held=held, level=level, expected_best_sharpe=best)


def _held_out(last: Gains) -> pl.Series:
    """Return what each set gained on the dates held out, nothing where there are none."""
    values = last.net_micros.sum(axis=1).tolist() if last.dates else [None] * len(last.places)
    return pl.Series(values, dtype=pl.Int64)


def _by_date(dates: Sequence[date], *, block_days: int, level: float, seed: int) -> ByDate:
    days = pl.DataFrame({"event_date": pl.Series(dates, dtype=pl.Date), "is_settled": [True] * len(dates)})
    return ByDate.of(days, block_days=block_days, level=level, seed=seed)


def _rows(question: Question, gains: Gains, by_date: ByDate) -> tuple[pl.DataFrame, float]:
    net = gains.net_micros.astype(np.float64)
    sharpes = [sharpe_of(own) for own in net]
    ratios = [sharpe.value for sharpe in sharpes]
    chances = [deflated(sharpe, ratios) for sharpe in sharpes]
    p_values = better_than_nothing(net, by_date.draws)
    drawdowns = _drawdowns(gains.net_micros)
    rows = []
    for line, place in enumerate(gains.places):
        estimate = by_date.total(net[line])
        at_risk = int(gains.at_risk_micros[line].sum())
        rows.append(
            {
                "set": place,
                **{key: _cell(question, place, key) for key in question.varied},
                "net_micros": int(gains.net_micros[line].sum()),
                "net_low_micros": estimate.low,
                "net_high_micros": estimate.high,
                "return_on_risk": float(net[line].sum()) / at_risk if at_risk else None,
                "sharpe": sharpes[line].value,
                "sharpe_se": sharpes[line].standard_error,
                "deflated": chances[line].probability,
                "p_better": float(p_values[line]),
                "drawdown_micros": int(drawdowns[line]),
                "fees_micros": int(gains.fees_micros[line].sum()),
                "maker_fills": int(gains.maker_fills[line].sum()),
                "taker_fills": int(gains.taker_fills[line].sum()),
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Float64).fill_nan(None))
    return frame, chances[0].expected_best


def _cell(question: Question, place: int, key: str) -> Any:
    """Return a setting as a cell: numbers as they are where all are numbers, else words."""
    values = [trial.settings.get(key) for trial in question.trials]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    value = question.trials[place].settings.get(key)
    return float(value) if numeric and value is not None else None if value is None else str(value)


def _held(last: Gains, by_date: ByDate, *, ranked_until: date, best: int) -> HeldOut:
    net = last.net_micros.astype(np.float64)
    totals: Floats = net.sum(axis=1)
    return HeldOut(
        place_in_question=last.places[best], ranked_until=ranked_until, since=last.dates[0], dates=len(last.dates),
        net=by_date.total(net[best]), p_value=float(better_than_nothing(net[best : best + 1], by_date.draws)[0]),
        place=1 + int((totals > totals[best]).sum()), median_net_micros=float(np.median(totals)),
    )  # fmt: skip


def _drawdowns(net_micros: Ints) -> Ints:
    """Return the deepest fall of each set's sum from date to date, which begins at zero."""
    curve = np.cumsum(np.pad(net_micros, ((0, 0), (1, 0))), axis=1)
    falls: Ints = (np.maximum.accumulate(curve, axis=1) - curve).max(axis=1)
    return falls
