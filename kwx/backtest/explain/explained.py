"""A minute explained: the event date is traded again up to it, and the step of that minute is looked into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from kwx.backtest.explain.asked import Market, instant_of, market_of, row_of
from kwx.backtest.explain.gates import At, GateLine, gate_lines
from kwx.backtest.explain.look import look_at
from kwx.backtest.explain.told import done_in_words, fills_in_words, order_in_words, sizes_of
from kwx.backtest.rebuilt import wish_of_run
from kwx.backtest.run import Setup, Wish, set_up
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.read import read_bars
from kwx.exec.codes import FIRST_BLOCKED, Gate, Verb
from kwx.exec.ladder import table
from kwx.exec.runs.kept import Kept, run_of
from kwx.signals.panel import read_signal_panel
from kwx.signals.read import signals_of
from kwx.signals.registry import strategy as strategy_of
from kwx.signals.settings import signal_settings
from kwx.signals.strategy import KEYS
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake, Snapshot
from warehouse.market.cities import CITIES

KNOWN = (
    "mid_prob", "spread_prob", "velocity", "acceleration", "ras", "volume", "volume_20m", "complete", "p_wx", "p_mkt",
    "p_fused", "p_fused_norm", "hazard_next_5m", "hazard_next_60m", "m_run_temp_f", "p_model", "p_calibrated",
    "model_id", "minutes_since_open", "minutes_to_close",
)  # fmt: skip
"""What of the minute panel is shown: all of it known at the minute."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """One minute of one market.

    done: what the step did, in words. known, terms: the panel and what the strategy makes of it. columns: what the step
    was given of it. payoffs: of each outcome, what the event comes to before the minute and after it. agrees: whether a
    kept run says the same of the minute, None where none was asked of.
    """

    run_id: str | None
    strategy: str
    market: Market
    bracket: str
    ts_utc: datetime
    ts_local: str
    done: str
    gate: str
    lines: tuple[GateLine, ...]
    known: Mapping[str, Any]
    terms: Mapping[str, Any]
    columns: Mapping[str, Any]
    sizes: Mapping[str, float]
    position_before_centi: int
    position_after_centi: int
    order_before: str
    order_after: str
    fills: tuple[str, ...]
    payoffs: pl.DataFrame
    agrees: bool | None


def explain(
    ticker: str, ts: str, wish: Wish, lake_root: Path | str | None = None, *, run_id: str | None = None
) -> Explained:  # fmt: skip
    """Explain a minute of a market under a wish, or as a kept run traded it."""
    snapshot = Lake(lake_root).snapshot()
    kept = None if run_id is None else run_of(snapshot, run_id)
    market = market_of(snapshot, ticker)
    ts_utc = instant_of(ts, market)
    one = _of_date(wish if kept is None else wish_of_run(kept, wish), market)
    setup = set_up(one, snapshot)
    if market.city not in setup.plan.cities:
        raise Refused(f"{market.city} {market.event_date} is not traded", hint="kwx lake status shows what there is")
    bars = read_bars(setup.plan, setup.signals)
    row = row_of(bars, market, ts_utc)
    look = look_at(setup.rules, setup.params, bars, row)
    at = At(look, _place(bars, market))
    known, terms = _panel(snapshot, one, setup, market, ts_utc)
    actions, orders = look.actions, (look.before.orders, look.after.orders)
    return Explained(
        run_id=None if kept is None else kept.run_id,
        strategy=setup.asked.strategy,
        market=market,
        bracket=_bracket(setup, market, at),
        ts_utc=ts_utc,
        ts_local=ts_utc.astimezone(CITIES[market.city].tzinfo).strftime("%Y-%m-%d %H:%M %Z"),
        done=done_in_words(at),
        gate=Gate(at.market(actions.gate)).word,
        lines=tuple(gate_lines(at)),
        known=known,
        terms=terms,
        columns={
            name: _plain(at.market(getattr(look.minute, name))) for name in ("p_fair", "p_gate", "score", "urgent")
        },
        sizes=sizes_of(at),
        position_before_centi=at.market(look.before.position_centi),
        position_after_centi=at.market(look.after.position_centi),
        order_before=order_in_words(at, orders[0]),
        order_after=order_in_words(at, orders[1]),
        fills=tuple(fills_in_words(at)),
        payoffs=_payoffs(setup, market, at),
        agrees=None if kept is None else _agrees(kept, market, ts_utc, at),
    )


def _of_date(wish: Wish, market: Market) -> Wish:
    """Return the wish for the event date of a market: all its cities, for they share limits of the account."""
    day: date = market.event_date
    outside = (wish.since is not None and day < wish.since) or (wish.until is not None and day > wish.until)
    if outside or (wish.cities and market.city not in wish.cities):
        raise Usage(
            f"{market.ticker} is of {market.city} on {day}, which is not part of the run",
            hint=f"cities: {' '.join(wish.cities) or 'all'}; dates: {wish.since or 'all'} … {wish.until or 'all'}",
        )
    return replace(wish, since=day, until=day, keep=False, with_sensitivity=False)


def _place(bars: Bars, market: Market) -> tuple[int, int, int]:
    city, day = bars.cities.index(market.city), bars.dates.index(market.event_date)
    return bars.tickers[:, city, day].tolist().index(market.ticker), city, day


def _panel(
    snapshot: Snapshot, wish: Wish, setup: Setup, market: Market, ts_utc: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the minute's row of the panel, and the terms that the strategy makes of it."""
    strategy, day = strategy_of(wish.strategy), market.event_date
    settings = signal_settings(
        wish.configuration, market.city, fields=setup.configs[market.city].signals, profile=wish.profile
    )
    family = strategy.family(settings)
    panel = read_signal_panel(snapshot, market.city, since=day, until=day, columns=KNOWN, family=family)
    made = signals_of(snapshot, strategy, city=market.city, since=day, until=day, settings=settings, terms=True)
    is_row = (pl.col("market_ticker") == market.ticker) & (pl.col("ts_utc") == ts_utc)
    known, terms = (next(frame.filter(is_row).iter_rows(named=True), {}) for frame in (panel, made))
    return (
        {name: known.get(name) for name in KNOWN},
        {name: value for name, value in terms.items() if name not in KEYS},
    )


def _event(setup: Setup, market: Market) -> Any:
    key = (market.city, market.event_date)
    return next(event for event in setup.plan.events if (event.city, event.event_date) == key)


def _bracket(setup: Setup, market: Market, at: At) -> str:
    return str(_event(setup, market).ladder.brackets[at.place[0]])


def _payoffs(setup: Setup, market: Market, at: At) -> pl.DataFrame:
    """Return what the city's event comes to if each bracket pays: its cash, and a dollar a contract held of it."""
    ladder, (_, city, day) = _event(setup, market).ladder, at.place
    told = {"outcome": [str(bracket) for bracket in ladder.brackets], "market_ticker": ladder.names}
    before, after = (
        table(ladder.names, state.position_centi[: len(ladder.names), city, day], at.event(state.cash_micros))
        for state in (at.look.before, at.look.after)
    )
    return pl.DataFrame(told).with_columns(
        held_before_centi=before["position_centi"], before_micros=before["payoff_micros"],
        held_after_centi=after["position_centi"], after_micros=after["payoff_micros"],
    )  # fmt: skip


def _agrees(kept: Kept, market: Market, ts_utc: datetime, at: At) -> bool:
    """Tell whether a kept run decided the same: its row of the minute, or none where nothing was done or stopped."""
    is_row = (pl.col("market_ticker") == market.ticker) & (pl.col("ts_utc") == ts_utc)
    said = next(kept.ledger.decisions.filter(is_row).iter_rows(named=True), None)
    actions = at.look.actions
    verb, gate = Verb(at.market(actions.verb)), Gate(at.market(actions.gate))
    if said is None:
        return verb is Verb.NONE and gate < FIRST_BLOCKED
    ours = (
        verb.word, None if gate is Gate.NONE else gate.word, at.market(actions.want_centi),
        at.market(actions.edge_ticks),
    )  # fmt: skip
    return ours == tuple(said[name] for name in ("action", "gate", "want_centi", "edge_ticks"))


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
