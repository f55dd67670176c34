"""Days lived by hand: wild minutes of two cities stepped one by one, with what the loop writes of each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kwx.compiled import keep_compiled
from kwx.exec.engine import one_step
from kwx.exec.minute import Minute
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.state import State
from kwx.exec.step import empty_state
from kwx.live.journal.record import Causes, MinuteRecord, Origin
from tests.kwx.exec.made import made_params, minute_at
from tests.kwx.exec.wild import wild_minutes
from warehouse.market.cities import CITIES
from warehouse.market.fees import FeeRule

DAY = date(2026, 11, 2)
BEGINS = datetime(2026, 11, 1, 15, tzinfo=UTC)
RULES = Rules(fill=Fill.QUEUE, sizing=Sizing.LADDER)
KEYS = ("chicago", "nyc")
_MAKERS_PAY = FeeRule(fee_type="quadratic_with_maker_fees")


def tickers(day: date = DAY, brackets: int = 3) -> np.ndarray:
    """Return the names of markets as an origin has them."""
    names = [[f"{CITIES[key].series}-{day:%y%b%d}-B{60 + 2 * n}.5".upper()] for n in range(brackets) for key in KEYS]
    return np.array(names).reshape(brackets, len(KEYS), 1)


def an_origin(**changes: Any) -> Origin:
    """Return of what a made day is made."""
    said: dict[str, Any] = {
        "event_date": DAY, "kind": "shadow", "strategy": "fused", "rules": RULES, "params": made_params(),
        "config": {"chicago": {"trade": {"bankroll_dollars": 10_000.0}}}, "snapshot": 1, "began_utc": BEGINS,
        "cities": KEYS, "tickers": tickers(changes.get("event_date", DAY)), "fees": (_MAKERS_PAY, _MAKERS_PAY),
        "listed_maker_fee_num": (7_000, 7_000),
    }  # fmt: skip
    return Origin(**(said | changes))


def wild_day(minutes: int, *, seed: int = 1, settles: bool = True) -> Minute:
    """Return minutes in which much happens; the last one settles."""
    return wild_minutes(seed, minutes, brackets=3, cities=2, dates=1, settles=settles)


def ends_utc(minute: int) -> datetime:
    """Return when a made minute ends."""
    return BEGINS + timedelta(minutes=minute + 1)


def lived(
    minutes: Minute, origin: Origin | None = None, *, state: State | None = None, first: int = 0
) -> Iterator[MinuteRecord]:
    """Yield what the loop writes of some minutes, from a state on: `first` numbers the first of them."""
    keep_compiled()
    made = origin or an_origin()
    state = empty_state(*made.tickers.shape) if state is None else state
    for t in range(len(minutes.open)):
        minute = minute_at(minutes, t)
        state, actions = one_step(made.rules, made.params, state, minute)
        yield MinuteRecord(
            minute_utc=ends_utc(first + t), minute=minute, actions=actions, signals=signals_of(made, minute),
            features=features_of(made, first + t),
            causes=Causes(decided_utc=ends_utc(first + t) + timedelta(seconds=3)),
            stages={"think": 0.02, "decide": 0.004},
        )  # fmt: skip


def signals_of(origin: Origin, minute: Minute) -> pl.DataFrame:
    """Return what is said of each market: a model that holds it to be worth what the strategy does."""
    p_fair = pl.Series(minute.p_fair.ravel().astype(np.float64)).fill_nan(None)
    return pl.DataFrame({"market_ticker": origin.tickers.ravel(), "p_model": p_fair, "p_market": 0.5}).with_columns(
        p_blend=0.7 * pl.col("p_model") + 0.15, model_id=pl.lit("elasticnet_chicago_all_win_20260801_20261101")
    )


def features_of(origin: Origin, number: int) -> pl.DataFrame:
    """Return what is seen of each market: of forty features a quarter moves from minute to minute."""
    draw, still = np.random.default_rng(number), np.random.default_rng(0)
    columns = {f"feature_{n}": (draw if n % 4 == 0 else still).normal(size=origin.tickers.size) for n in range(40)}
    told = {name: draw.random(origin.tickers.size) for name in ("p_wx", "p_mkt", "p_fused_norm", "hazard_next_60m")}
    return pl.DataFrame({"market_ticker": origin.tickers.ravel()} | told | columns)
