"""Days of a lake lived minute by minute from its own bars, as a loop to which everything comes in time would see them.

    live_day(lake, change=lambda t, minute: ...)

`change` says what the loop saw instead, and why: what is late, missed or other than the lake has it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kwx.backtest.run import Setup, Wish, set_up
from kwx.compiled import keep_compiled
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.read import read_bars
from kwx.exec.engine import one_step
from kwx.exec.ledger.known import TOLD, Known
from kwx.exec.minute import Minute, Prints
from kwx.exec.step import empty_state
from kwx.live.journal.journal import Journal, journal_folder
from kwx.live.journal.record import Causes, MinuteRecord, Origin
from tests.kwx.exec.made import minute_at
from warehouse.lake.store import Lake

DAY = date(2026, 11, 2)
SINCE, UNTIL = 1_350, 1_550
"""The minutes of the date that are lived unless others are said: the afternoon, in which the high comes."""

Change = Callable[[int, datetime, Minute, Causes], tuple[Minute, Causes]]


@dataclass(frozen=True, kw_only=True)
class LivedDay:
    """A day that was lived: its journal, and the bars and the setup that it was lived from."""

    lake: Lake
    journal: Journal
    bars: Bars
    setup: Setup
    origin: Origin


def as_it_is(_t: int, _utc: datetime, minute: Minute, causes: Causes) -> tuple[Minute, Causes]:
    """Change nothing."""
    return minute, causes


def live_day(
    lake_root: Path, *, day: date = DAY, change: Change = as_it_is, cities: tuple[str, ...] = ("chicago",),
    since: int = SINCE, until: int = UNTIL, folder: Path | None = None, **said: Any,
) -> LivedDay:  # fmt: skip
    """Live a day of a lake, or some of its minutes, and keep its journal."""
    keep_compiled()
    lake = Lake(lake_root)
    setup = set_up(Wish(strategy="fused", cities=cities, since=day, until=day, **said), lake.snapshot())
    bars = _part(read_bars(setup.plan, setup.signals), since, until)
    origin = _origin(setup, bars, day)
    journal = Journal(folder or journal_folder(lake), sync=False)
    journal.begin(origin)
    state = empty_state(*bars.tickers.shape)
    features = _features(bars, Known.of(lake.snapshot(), cities=bars.cities, since=day, until=day))
    for t in range(until - since):
        utc = _ends_utc(bars, t)
        minute, causes = change(t, utc, minute_at(bars.minutes, t), Causes(decided_utc=utc + timedelta(seconds=3)))
        state, actions = one_step(origin.rules, origin.params, state, minute)
        record = MinuteRecord(
            minute_utc=utc, minute=minute, actions=actions, causes=causes, signals=_signals(bars, minute),
            features=features[utc], stages={"think": 0.02},
        )  # fmt: skip
        journal.append(day, record)
    journal.close()
    return LivedDay(lake=lake, journal=journal, bars=bars, setup=setup, origin=origin)


def _origin(setup: Setup, bars: Bars, day: date) -> Origin:
    rules = [bars.fee_rules[place] for place in bars.fee_rule[-1, :, 0]]
    return Origin(
        event_date=day, kind="shadow", strategy=setup.asked.strategy, rules=setup.rules, params=setup.params,
        config=setup.asked.config, snapshot=setup.asked.snapshot, began_utc=_ends_utc(bars, 0), cities=bars.cities,
        tickers=bars.tickers, fees=tuple(rules),
        listed_maker_fee_num=tuple(int(num) for num in bars.listed_maker_fee_num[-1, :, 0]),
    )  # fmt: skip


def _ends_utc(bars: Bars, t: int) -> datetime:
    begins: datetime = bars.starts_utc[0].astype(datetime).replace(tzinfo=UTC)
    return begins + timedelta(minutes=t + 1)


def _signals(bars: Bars, minute: Minute) -> pl.DataFrame:
    p_fair = pl.Series(minute.p_fair.ravel().astype(np.float64)).fill_nan(None)
    said = {"market_ticker": bars.tickers.ravel(), "p_model": None, "p_market": p_fair, "p_blend": p_fair}
    return pl.DataFrame(said, schema_overrides={"p_model": pl.Float64}).with_columns(
        model_id=pl.lit(None, pl.String), edge_cents=pl.lit(1.0)
    )


def _features(bars: Bars, known: Known) -> dict[datetime, pl.DataFrame]:
    """Return what is seen of each market by minute: what the lake tells of it, and a number more."""
    minutes = pl.DataFrame({"ts_utc": [_ends_utc(bars, t) for t in range(len(bars.minutes.open) - 1)]})
    rows = minutes.with_columns(pl.col("ts_utc").cast(pl.Datetime("us", "UTC"))).join(
        pl.DataFrame({"market_ticker": bars.tickers.ravel()}), how="cross"
    )
    told = known.at(rows, "ts_utc").select("ts_utc", "market_ticker", *TOLD).with_columns(ras=pl.lit(0.25))
    return {key[0]: own for key, own in told.partition_by("ts_utc", as_dict=True, include_key=False).items()}


def _part(bars: Bars, since: int, until: int) -> Bars:
    """Return some minutes of bars, and the settlement after them."""

    def cut(values: Any) -> Any:
        if isinstance(values, Prints):
            return Prints(*map(cut, values))
        return np.concatenate([values[since:until], values[-1:]])

    minutes = Minute(*map(cut, bars.minutes))
    return replace(
        bars, minutes=minutes, starts_utc=bars.starts_utc + since * np.timedelta64(1, "m"),
        fee_rule=cut(bars.fee_rule), listed_maker_fee_num=cut(bars.listed_maker_fee_num),
    )  # fmt: skip


def without_opinion(minute: Minute) -> Minute:
    """Return a minute as one is stepped that was missed."""
    return minute._replace(p_fair=np.full_like(minute.p_fair, np.nan), fresh=np.zeros_like(minute.fresh))


def missed(causes: Causes) -> Causes:
    """Return the causes of such a minute."""
    return replace(causes, missed=True)
