"""The step over many bars against a plain Python loop over rows: the same resting maker, the same fills.

Run as `python tests/bench/bench_backtest.py`. 600 markets (100 events of six brackets) trade 1,680 minutes each. One
order rests at a time, at the best quote of the side that the probability prefers; fills are those of model A; positions
are held to the end, which settles them. The loop knows the same rules and nothing of arrays. Both tell of every minute
what was done, why nothing was, what was filled and charged, what rests, the money, the mark and the worst outcome, and
must tell the same.

The step has all cores, as a backtest has; a loop in Python has one by its nature. What one core does is printed beside.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import numpy as np
from measure import Measure, best_of, on_one_core, report

from kwx.exec.bars.bars import Bars
from kwx.exec.codes import Gate, Verb
from kwx.exec.engine import Trace, run_bars
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, NOT_SETTLED, PRINT_LEVELS, Minute, Prints
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules, Sizing
from warehouse.market.fees import FeeRule

MINUTES, BRACKETS, CITIES, DATES = 1_680, 6, 4, 25
LOOPED_DATES = 1
BARS_PER_S, LOOP_RATIO = 4e6, 40.0
ORDER_CENTI, MOST_CENTI, SHARE = 1_000, 10_000, 0.25
OPEN_TICKS, REPRICE_TICKS, MOST_AGE = 100, 100, 60
NO_NEW_MINUTES = 30


def made_bars(dates: int, *, seed: int = 11) -> Bars:
    """Return bars of a random market, the last row of which settles."""
    draw = np.random.default_rng(seed)
    shape, event = (MINUTES, BRACKETS, CITIES, dates), (MINUTES, CITIES, dates)
    mid = np.clip(50 + np.cumsum(draw.choice([-1, 0, 0, 0, 1], size=shape), axis=0), 6, 94)
    bid, ask = 100 * (mid - 1), 100 * (mid + 1)
    trades = draw.random(shape) < 0.2
    low, high = bid - 100 * draw.integers(0, 2, size=shape), ask + 100 * draw.integers(0, 2, size=shape)
    opened = np.ones(shape, bool)
    opened[-1], trades[-1] = False, False
    winner = np.full(event, NOT_SETTLED)
    winner[-1] = draw.integers(0, BRACKETS, size=event[1:])
    volume = np.where(trades, 100 * draw.integers(1, 60, size=shape), 0)
    none = np.zeros((MINUTES, PRINT_LEVELS, *shape[1:]), np.int32)

    def whole(values: object, wanted: tuple[int, ...] = shape) -> np.ndarray:
        return np.broadcast_to(np.asarray(values, np.int32), wanted).copy()

    minutes = Minute(
        exists=np.ones(shape, bool), open=opened, bid_ticks=whole(bid), ask_ticks=whole(ask),
        bid_size_centi=whole(-1), ask_size_centi=whole(-1),
        low_ticks=whole(np.where(trades, low, NO_PRINT_LOW_TICKS)),
        high_ticks=whole(np.where(trades, high, NO_PRINT_HIGH_TICKS)), close_ticks=whole(np.where(trades, bid, 0)),
        volume_centi=whole(volume), volume_20m_centi=whole(10_000), sells=Prints(none, none), buys=Prints(none, none),
        fresh=opened, p_fair=np.clip(mid / 100 + draw.normal(0, 0.02, size=shape), 0.01, 0.99).astype(np.float32),
        p_gate=np.full(shape, np.nan, np.float32), score=np.zeros(shape, np.float32), urgent=np.zeros(shape, bool),
        minutes_to_close=whole(np.arange(MINUTES)[::-1, None, None], event), release=np.zeros(event, bool),
        clock_off=np.zeros(event, bool),
        taker_fee_num=whole(28_000, event), maker_fee_num=whole(7_000, event), fee_step_micros=whole(100, event),
        price_step_ticks=whole(100, event), winner=whole(winner, event),
    )  # fmt: skip
    return Bars(
        cities=tuple("abcd"), dates=(), tickers=np.full(shape[1:], "T"), starts_utc=np.zeros(dates, "datetime64[us]"),
        settled_utc=np.full(event[1:], "NaT", "datetime64[us]"), settled_f=np.full(event[1:], np.nan),
        fee_rules=(FeeRule(fee_type="quadratic_with_maker_fees"),), fee_rule=np.zeros(event, np.int16),
        listed_maker_fee_num=whole(7_000, event), minutes=minutes,
    )  # fmt: skip


def resting_maker() -> Params:
    """Return parameters under which one order of a fixed size rests, and nothing is ever left before it settles."""
    never, always = np.float32(1e9), np.float32(-1e9)
    return Params(
        bankroll_micros=np.int64(10**15), kelly_alpha=np.float32(1), tau_open_ticks=np.float32(OPEN_TICKS),
        tau_close_ticks=always, maker_thresh_ticks=np.float32(OPEN_TICKS), taker_thresh_ticks=never,
        slip_ticks=np.int32(0), improve_steps=np.int32(0), min_score=np.float32(0), p_low=always, p_high=never,
        min_volume_20m_centi=np.int32(0), max_spread_ticks=np.int32(10_000), max_position_centi=np.int32(MOST_CENTI),
        side_share=np.float32(1), gross_share=np.float32(1), city_loss_micros=np.int64(10**15),
        day_loss_micros=np.int64(10**15), reduce_share=np.float32(1), lot_centi=np.int32(100),
        max_order_centi=np.int32(ORDER_CENTI), max_take_centi=np.int32(0), max_age_minutes=np.int32(MOST_AGE),
        reprice_ticks=np.int32(REPRICE_TICKS), max_hold_minutes=np.int32(0), flat_minutes=np.int32(0),
        no_new_minutes=np.int32(NO_NEW_MINUTES), fill_share=np.float32(SHARE), queue_ahead_centi=np.int32(0),
    )  # fmt: skip


@dataclass(kw_only=True)
class Market:
    """What the loop knows of one market: its contracts, its last mid, and the order that rests."""

    position: int = 0
    mid: int = 0
    side: int = 0
    ticks: int = 0
    left: int = 0
    age: int = 0
    carry: int = 0
    serial: int = 0


class Row(NamedTuple):
    """One minute of one market."""

    open: bool
    bid: int
    ask: int
    low: int
    high: int
    volume: int
    p: float
    to_close: int
    winner: int


class Did(NamedTuple):
    """What was done in one market in one minute, as the step tells it."""

    verb: int
    gate: int
    made_centi: int
    made_ticks: int
    made_fee_micros: int
    order_side: int
    order_ticks: int
    order_left_centi: int
    order_serial: int


class Stood(NamedTuple):
    """How an event stood after one minute."""

    cash_micros: int
    position_micros: int
    at_risk_micros: int
    fees_micros: int


Told = tuple[list[list[Did]], list[Stood]]


def looped(bars: Bars) -> dict[tuple[int, int], Told]:
    """Return what was done in each event by city and date: every minute of its markets, one after another."""
    _, cities, dates = bars.tickers.shape
    return {
        (c, d): _event([_rows(bars, b, c, d) for b in range(BRACKETS)]) for c in range(cities) for d in range(dates)
    }


def _rows(bars: Bars, bracket: int, city: int, day: int) -> list[Row]:
    """Return the rows of one market as a database would hand them over."""
    minutes = bars.minutes
    of_market = (
        minutes.open, minutes.bid_ticks, minutes.ask_ticks, minutes.low_ticks, minutes.high_ticks, minutes.volume_centi,
        minutes.p_fair,
    )  # fmt: skip
    columns = [field[:, bracket, city, day].tolist() for field in of_market]
    columns += [field[:, city, day].tolist() for field in (minutes.minutes_to_close, minutes.winner)]
    return [Row(*values) for values in zip(*columns, strict=True)]


def _event(rows_of_markets: list[list[Row]]) -> Told:
    """Take an event through its minutes: settle, fill, mark, decide, and tell all of it."""
    markets = [Market() for _ in rows_of_markets]
    cash = fees = 0
    did: list[list[Did]] = []
    stood: list[Stood] = []
    for rows in zip(*rows_of_markets, strict=True):
        if rows[0].winner >= 0:
            cash += 10_000 * markets[rows[0].winner].position
            for market in markets:
                market.position = market.side = 0
        told = []
        for market, row in zip(markets, rows, strict=True):
            centi, fee = _fill(market, row)
            ticks = market.ticks if centi else 0
            cash, fees = cash - centi * ticks - fee, fees + fee
            if row.open:
                market.mid = row.bid + row.ask
            verb, gate = _decide(market, row)
            told.append(
                Did(verb, gate, centi, ticks, fee, market.side, market.ticks, market.left, market.serial)
            )  # fmt: skip
        did.append(told)
        worth = sum(market.position * market.mid for market in markets) // 2
        worst = cash + 10_000 * min(market.position for market in markets)
        stood.append(Stood(cash, worth, max(-worst, 0), fees))
    return did, stood


def _fill(market: Market, row: Row) -> tuple[int, int]:
    """Fill the resting order up to its share of the volume, if the minute's range holds its limit."""
    if not market.side:
        return 0, 0
    reached = row.low <= market.ticks if market.side > 0 else row.high >= market.ticks
    centi = min(market.left, int(SHARE * row.volume)) if reached else 0
    if not centi:
        return 0, 0
    fee = -(-7_000 * centi * market.ticks * (10_000 - market.ticks) // 4_000_000_000)
    flow = -market.side * centi * market.ticks
    charged = flow - (flow - fee) // 100 * 100
    market.carry += charged - fee
    if market.carry >= 100 and charged >= 100:
        market.carry, charged = market.carry - 100, charged - 100
    market.position += market.side * centi
    market.left -= centi
    return market.side * centi, charged


def _decide(market: Market, row: Row) -> tuple[int, int]:
    """Keep the order, take it out, or place the one that is wanted now; return what was done, or why nothing was."""
    worth = row.p * 10_000
    side = 1 if 2 * worth > row.bid + row.ask else -1
    price = row.bid if side > 0 else row.ask
    fee = 7_000 / 4e9 * price * (10_000 - price)
    rests = row.open and row.to_close >= NO_NEW_MINUTES
    has_edge = side * (worth - price) - fee >= OPEN_TICKS
    wants = rests and has_edge
    room = max(min(MOST_CENTI - side * market.position, ORDER_CENTI), 0) if wants else 0
    size = room // 100 * 100
    gate = Gate.NONE
    if not row.open:
        gate = Gate.CLOSED
    elif not has_edge:
        gate = Gate.NO_EDGE
    elif not rests:
        gate = Gate.NEAR_CLOSE
    elif size == 0:
        gate = Gate.LOT if room else Gate.POSITION
    was_there = market.side != 0 and market.left > 0
    if was_there:
        left = min(market.left, size) if wants and side == market.side else market.left
        if left > 0 and _keeps(market, row, side=side if wants else 0, rests=rests):
            cut = left < market.left
            market.left, market.age = left, market.age + 1
            return (Verb.AMEND if cut else Verb.NONE), gate
    market.side = market.ticks = market.left = market.age = market.carry = 0
    if size == 0:
        return (Verb.CANCEL if was_there else Verb.NONE), gate
    market.side, market.ticks, market.left = side, price, size
    market.serial += 1
    closes = side * market.position < 0
    return (Verb.EXIT if closes else Verb.AMEND if was_there else Verb.PLACE), gate


def _keeps(market: Market, row: Row, *, side: int, rests: bool) -> bool:
    closes = market.side * market.position < 0
    worth = side == market.side if closes else rests and side != -market.side
    now, across = (row.bid, row.ask) if market.side > 0 else (row.ask, row.bid)
    passed = across <= market.ticks if market.side > 0 else across >= market.ticks
    return (
        worth and row.open and abs(now - market.ticks) < REPRICE_TICKS and market.age + 1 < MOST_AGE and not passed
    )  # fmt: skip


def run() -> list[Measure]:
    """Measure the step on one core against the loop on a part of the same markets, and the step on all cores."""
    bars, rules, params = made_bars(DATES), Rules(fill=Fill.A, sizing=Sizing.SINGLE), resting_maker()
    halves = halves_of(bars)
    with ThreadPoolExecutor(len(halves)) as pool:

        def scan() -> list[Trace]:
            return list(pool.map(lambda half: run_bars(rules, params, half), halves))

        compile_s, _ = best_of(1, scan)
        all_s, traces = best_of(5, scan)
    part = dates_of(bars, slice(0, LOOPED_DATES))
    with on_one_core():
        run_bars(rules, params, bars)
        ours_s, _ = best_of(5, lambda: run_bars(rules, params, bars))
        loop_s, told = best_of(5, lambda: looped(part))
    rows = bars.minutes.open.size
    loop_all_s = loop_s * rows / part.minutes.open.size
    fills, agree = _agree(traces[0], told)
    cores = len(os.sched_getaffinity(0))
    return [
        Measure(
            name=f"a resting maker, {rows:,} bars of {bars.tickers.size} markets", ours_s=all_s,
            baseline_s=loop_all_s, ratio=loop_all_s / all_s,
            target=f">= {BARS_PER_S:.0e} bars/s and >= {LOOP_RATIO:.0f} x a row loop",
            note=f"{rows / all_s / 1e6:.1f} M bars/s on {cores} cores; on one {rows / ours_s / 1e6:.1f} M and"
            f" {loop_all_s / ours_s:.1f} x; {fills:,} fills of {part.tickers.size} markets"
            f" {'equal' if agree else 'DIFFER'}; the loop's time is of these, times {rows // part.minutes.open.size};"
            f" compilation {compile_s - all_s:.1f} s apart",
            holds=agree and fills > 100 and rows / all_s >= BARS_PER_S and loop_all_s / all_s >= LOOP_RATIO,
        ),
    ]  # fmt: skip


def halves_of(bars: Bars) -> list[Bars]:
    middle = (DATES + 1) // 2
    # Lanes of one length compile once: the second part overlaps the first by a date where they are odd.
    return [dates_of(bars, slice(0, middle)), dates_of(bars, slice(DATES - middle, DATES))]


def dates_of(bars: Bars, dates: slice) -> Bars:
    minutes: Minute = jax.tree.map(lambda field: np.ascontiguousarray(field[..., dates]), bars.minutes)
    return replace(bars, tickers=bars.tickers[..., dates], minutes=minutes)


def _agree(trace: Trace, told: dict[tuple[int, int], Told]) -> tuple[int, bool]:
    """Return how many fills the loop made, and whether the step told the same of every minute."""
    fills, agree = 0, True
    for (city, day), (did, stood) in told.items():
        for place, name in enumerate(Did._fields):
            ours = getattr(trace.actions, name)[:, :, city, day]
            agree &= np.array_equal(ours, [[market[place] for market in minute] for minute in did])
        for place, name in enumerate(Stood._fields):
            agree &= np.array_equal(getattr(trace.actions, name)[:, city, day], [minute[place] for minute in stood])
        fills += sum(market.made_centi != 0 for minute in did for market in minute)
    return fills, agree


if __name__ == "__main__":
    sys.exit(report(run()))
