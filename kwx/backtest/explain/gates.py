"""Every gate at one minute of one market: what it was held against, and whether it stopped what was wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from kwx.backtest.explain.look import STOPS, Look
from kwx.backtest.gate_words import WORDS
from kwx.exec.codes import Gate, Mode
from kwx.exec.fees import fee_per_contract_ticks
from kwx.exec.sizes import LIMITS
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_CENT, TICKS_PER_DOLLAR

PASSES, STOPPING, NOT_ASKED = "passes", "STOPS", "not asked"


class GateLine(NamedTuple):
    """One gate: its verdict, the value that was held against a threshold, and what moves it."""

    gate: str
    verdict: str
    value: str
    threshold: str
    change: str


class At:
    """The numbers of one market in a look: arrays are read at its bracket, city and date."""

    def __init__(self, look: Look, place: tuple[int, int, int]) -> None:
        self.look = look
        self.place = place

    def market(self, values: Any) -> Any:
        """Return the entry of an array [B, C, D]."""
        return np.asarray(values)[self.place].item()

    def event(self, values: Any) -> Any:
        """Return the entry of an array [C, D]."""
        return np.asarray(values)[self.place[1:]].item()

    def param(self, name: str) -> Any:
        """Return a parameter as it holds for the market's city."""
        values = np.asarray(getattr(self.look.params, name))
        return values.item() if values.ndim == 0 else values[self.place[1], 0].item()


def gate_lines(at: At) -> list[GateLine]:
    """Return all gates in the order in which the step asks; what comes after one that stops is told all the same."""
    look = at.look
    told = [_line(gate, holds, at) for gate, holds in _asked_of_wish(at)]
    wanted = at.market(look.sizes.want_centi)
    told += [_of_kelly(gate, at, wanted) for gate in (Gate.LADDER, Gate.KELLY)]
    before = wanted
    for (gate, _), left in zip(LIMITS, look.cut, strict=True):
        after = at.market(left)
        asked = wanted > 0
        verdict = NOT_ASKED if not asked else STOPPING if before > 0 and after <= 0 else PASSES
        value = f"{_contracts(before)} → {_contracts(after)} contracts" if asked else "nothing wanted"
        told.append(GateLine(gate.word, verdict, value, _THRESHOLDS[gate](at), WORDS[gate].remedy))
        before = after
    return told


def _of_kelly(gate: Gate, at: At, wanted: int) -> GateLine:
    """Return a gate that closes while the size is found."""
    stops = at.market(at.look.sizes.gate) == gate
    verdict = STOPPING if stops else PASSES if wanted > 0 else NOT_ASKED
    return GateLine(gate.word, verdict, f"{_contracts(wanted)} contracts wanted", "any", WORDS[gate].remedy)


def _asked_of_wish(at: At) -> Iterator[tuple[Gate, bool]]:
    """Yield whether each gate holds that is asked before any size is found."""
    wish = at.look.wish
    yield Gate.CLOSED, not at.market(at.look.minute.open)
    yield Gate.NO_QUOTE, not at.market(wish.two_sided)
    yield Gate.NO_PROBABILITY, not at.market(wish.has_p)
    yield Gate.NO_EDGE, not wants(at)
    for gate, holds in zip(STOPS, at.look.stops, strict=True):
        yield gate, bool(at.market(holds))


def wants(at: At) -> bool:
    """Return whether the strategy's probability is worth a side: what the step calls an edge."""
    wish = at.look.wish
    if at.market(wish.takes):
        return True
    least = max(at.param("maker_thresh_ticks"), at.param("tau_open_ticks"))
    rests = not at.look.rests_never
    return bool(rests and np.float32(at.market(wish.edge_ticks)) >= np.float32(least))


def _line(gate: Gate, holds: bool, at: At) -> GateLine:
    verdict = STOPPING if holds else PASSES
    return GateLine(gate.word, verdict, _VALUES[gate](at), _THRESHOLDS[gate](at), WORDS[gate].remedy)


def _number(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.4f}"


def _cents(ticks: float) -> str:
    return f"{ticks / TICKS_PER_CENT:.2f} ¢"


def _contracts(centi: float) -> str:
    return f"{centi / CENTI_PER_CONTRACT:,.2f}"


def _dollars(micros: float) -> str:
    return f"${micros / 1_000_000:,.2f}"


def _quote(at: At) -> str:
    bid, ask = at.market(at.look.minute.bid_ticks), at.market(at.look.minute.ask_ticks)
    told = (
        "no bid" if bid == 0 else f"bid {_cents(bid)}",
        "no offer" if ask == TICKS_PER_DOLLAR else f"offer {_cents(ask)}",
    )
    return ", ".join(told)


def _edges(at: At) -> str:
    """Return what a contract would gain after fees, resting and taking, on the side that the probability asks for."""
    wish, minute = at.look.wish, at.look.minute
    if not (at.market(wish.two_sided) and at.market(wish.has_p)):
        return "·"
    side = at.market(wish.side)
    word = "buy" if side > 0 else "sell"
    told = []
    for style, num in (("make", minute.maker_fee_num), ("take", minute.taker_fee_num)):
        ticks = at.market(getattr(wish.prices, f"{word}_{style}"))
        fee = float(fee_per_contract_ticks(np.int32(at.event(num)), np.int32(ticks)))
        told.append(f"{style} {_cents(side * (at.market(wish.p_ticks) - ticks) - fee)}")
    return f"{word}: {', '.join(told)}"


def _loss(at: At) -> str:
    found = at.look.found
    positions = np.asarray(found.position_centi, np.int64) * np.asarray(found.mid_half_ticks)
    lost = -(np.asarray(found.cash_micros) + positions.sum(axis=0) // 2)
    city, day = at.place[1:]
    mode = Mode(at.event(found.mode)).word
    return f"{mode}: city {_dollars(lost[city, day])}, all {_dollars(lost[:, day].sum())} lost"


def _loss_limits(at: At, share: float = 1.0) -> str:
    city, day = (share * at.param(name) for name in ("city_loss_micros", "day_loss_micros"))
    return f"city {_dollars(city)}, all {_dollars(day)}"


def _share_of_bankroll(name: str) -> Callable[[At], str]:
    return lambda at: f"{at.param(name):.0%} of the bankroll, {_dollars(at.param(name) * at.param('bankroll_micros'))}"


def _shown(at: At) -> str:
    wish, minute = at.look.wish, at.look.minute
    size = at.market(minute.ask_size_centi if at.market(wish.side) > 0 else minute.bid_size_centi)
    if not at.market(wish.takes):
        return "rests: no size is asked for"
    unknown = f"no size is known: {_contracts(at.param('max_take_centi'))} at most"
    return f"{_contracts(size)} contracts are shown" if size >= 0 else unknown


def _position_limit(at: At) -> str:
    position, order = _contracts(at.param("max_position_centi")), _contracts(at.param("max_order_centi"))
    return f"{position} held, {order} an order"


_VALUES: dict[Gate, Callable[[At], str]] = {
    Gate.CLOSED: lambda at: "open" if at.market(at.look.minute.open) else "closed",
    Gate.NO_QUOTE: _quote,
    Gate.NO_PROBABILITY: lambda at: f"p_fair {_number(at.market(at.look.minute.p_fair))}",
    Gate.NO_EDGE: _edges,
    Gate.STALE: lambda at: "fresh" if at.market(at.look.minute.fresh) else "stale",
    Gate.CLOCK: lambda at: "off" if at.event(at.look.minute.clock_off) else "the exchange's",
    Gate.SCORE: lambda at: f"score {_number(at.market(at.look.minute.score))}",
    Gate.PROBABILITY_RANGE: lambda at: f"p_gate {_number(at.market(at.look.minute.p_gate))}",
    Gate.VOLUME: lambda at: f"{_contracts(at.market(at.look.minute.volume_20m_centi))} contracts in 20 minutes",
    Gate.SPREAD: lambda at: _cents(at.market(at.look.minute.ask_ticks) - at.market(at.look.minute.bid_ticks)),
    Gate.RELEASE: lambda at: "a report is due" if at.event(at.look.minute.release) else "none is due",
    Gate.NEAR_CLOSE: lambda at: f"{at.event(at.look.minute.minutes_to_close)} minutes to the close",
    Gate.REDUCING: _loss,
    Gate.HALTED: _loss,
}
_THRESHOLDS: dict[Gate, Callable[[At], str]] = {
    Gate.CLOSED: lambda at: "open",
    Gate.NO_QUOTE: lambda at: "both sides, not crossed",
    Gate.NO_PROBABILITY: lambda at: "known",
    Gate.NO_EDGE: lambda at: (
        f"make {_cents(max(at.param('maker_thresh_ticks'), at.param('tau_open_ticks')))},"
        f" take {_cents(max(at.param('taker_thresh_ticks'), at.param('tau_open_ticks')))}"
    ),
    Gate.STALE: lambda at: "fresh",
    Gate.CLOCK: lambda at: "the exchange's",
    Gate.SCORE: lambda at: f"|score| {at.param('min_score'):g} or more" if at.param("min_score") > 0 else "any",
    Gate.PROBABILITY_RANGE: lambda at: f"{at.param('p_low'):.4g} … {at.param('p_high'):.4g}",
    Gate.VOLUME: lambda at: f"{_contracts(at.param('min_volume_20m_centi'))} or more",
    Gate.SPREAD: lambda at: f"{_cents(at.param('max_spread_ticks'))} or less",
    Gate.RELEASE: lambda at: "none is due",
    Gate.NEAR_CLOSE: lambda at: f"{at.param('no_new_minutes')} or more",
    Gate.REDUCING: lambda at: _loss_limits(at, at.param("reduce_share")),
    Gate.HALTED: _loss_limits,
    Gate.POSITION: _position_limit,
    Gate.SIDE: _share_of_bankroll("side_share"),
    Gate.GROSS: _share_of_bankroll("gross_share"),
    Gate.DEPTH: _shown,
    Gate.LOT: lambda at: f"{_contracts(at.param('lot_centi'))} a lot",
}
