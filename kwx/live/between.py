"""Between two minutes: what books that move mean for the orders that rest at an exchange.

The step decides at the end of a minute. A book that moves before the next one may leave an order without its reason, so
the step is asked again: with what the strategy held of the minute, and the quotes that the books show now. Of its
answer only one thing is done: an order that it would not keep is taken out. Nothing is placed, taken, made larger or
dearer before the next minute; what is open between minutes is at most what a minute decided. An order that makes a
position smaller stays while the step wants its side and no book passed it: nothing would replace it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.engine import one_step
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, Array, Minute, Prints
from kwx.exec.params import Params
from kwx.exec.rules import Rules
from kwx.exec.state import Actions, State
from kwx.live.journal.record import Causes, MinuteRecord
from pipelines.live.arrivals import Top

WHY = "its book moved between two minutes: the step would not keep it"
_TAKEN_OUT = f"{WHY}: "


def taken_out(causes: Causes) -> Iterator[str]:
    """Yield the markets whose order a decision between two minutes took out, as its record says."""
    for told in causes.told:
        if told.startswith(_TAKEN_OUT):
            yield from told.removeprefix(_TAKEN_OUT).split()


class Again(NamedTuple):
    """A step that was asked again: from which state, about what, what it answered, and the orders it did not keep."""

    before: State
    minute: Minute
    actions: Actions
    not_kept: tuple[str, ...]


def record_of(minute_utc: datetime, again: Again, decided_utc: datetime) -> MinuteRecord:
    """Return what a journal keeps of a step that was asked again after a minute, and of the orders it did not keep."""
    causes = Causes(decided_utc=decided_utc, told=(f"{_TAKEN_OUT}{' '.join(again.not_kept)}",))
    return MinuteRecord(
        minute_utc=minute_utc, minute=again.minute, actions=again.actions, causes=causes, before=again.before
    )  # fmt: skip


def asked_again(
    rules: Rules, params: Params, state: State, minute: Minute, *, tickers: Words, tops: Mapping[str, Top],
    moved: Collection[str],
) -> Again:  # fmt: skip
    """Ask the step about a minute that it decided, with the books as they are now.

    not_kept: of the markets that moved, those whose order it would take out or put another one in the place of.
    """
    before, now = _as_before(state), _with_quotes(minute, tickers, tops)
    _, actions = one_step(rules, params, before, now)
    return Again(
        before, now, actions, tuple(name for name in _not_kept(before, now, actions, tickers) if name in moved)
    )  # fmt: skip


def _as_before(state: State) -> State:
    """Return a state whose counts of minutes are one less: being asked again makes nothing older."""
    orders = state.orders._replace(age_minutes=np.asarray(state.orders.age_minutes) - 1)
    return state._replace(held_minutes=np.asarray(state.held_minutes) - 1, orders=orders)


def _with_quotes(minute: Minute, tickers: Words, tops: Mapping[str, Top]) -> Minute:
    """Return a minute at the quotes of the books that are known, and without its prints: these were told once."""
    names = ("bid_ticks", "bid_size_centi", "ask_ticks", "ask_size_centi")
    quotes = [np.array(getattr(minute, name)) for name in names]
    for place in zip(*np.nonzero(tickers != ""), strict=True):
        top = tops.get(str(tickers[place]))
        if top is not None:
            for field, value in zip(quotes, top, strict=False):
                field[place] = value
    none = Prints(*(np.zeros_like(np.asarray(values)) for values in minute.sells))
    return minute._replace(
        **dict(zip(names, quotes, strict=True)), sells=none, buys=none,
        low_ticks=np.full_like(minute.low_ticks, NO_PRINT_LOW_TICKS),
        high_ticks=np.full_like(minute.high_ticks, NO_PRINT_HIGH_TICKS),
        close_ticks=np.zeros_like(minute.close_ticks), volume_centi=np.zeros_like(minute.volume_centi),
    )  # fmt: skip


def _not_kept(before: State, now: Minute, actions: Actions, tickers: Words) -> Iterator[str]:
    """Yield the markets whose order a step did not keep, but for those that it would only put elsewhere to get out."""
    orders = before.orders
    rests = (np.asarray(orders.side) != 0) & (np.asarray(orders.left_centi) > 0)
    is_kept = (np.asarray(actions.order_side) != 0) & (actions.order_serial == np.asarray(orders.serial))
    stays = is_kept | (_gets_out(before) & ~_is_passed(before, now) & _is_wanted(before, actions))
    for place in zip(*np.nonzero(rests & ~stays & (tickers != "")), strict=True):
        yield str(tickers[place])


def _gets_out(state: State) -> Array:
    """Tell of which orders all that is left makes a position smaller."""
    held_centi, orders = np.asarray(state.position_centi), state.orders
    found: Array = (np.asarray(orders.side) * held_centi < 0) & (np.asarray(orders.left_centi) <= np.abs(held_centi))
    return found


def _is_passed(state: State, now: Minute) -> Array:
    """Tell which orders a book has come to: others trade at their price or at a worse one for us."""
    side, ticks = np.asarray(state.orders.side), np.asarray(state.orders.ticks)
    found: Array = np.where(side > 0, now.ask_ticks <= ticks, now.bid_ticks >= ticks)
    return found


def _is_wanted(state: State, actions: Actions) -> Array:
    """Tell of which orders a step still wants the side, by an order or by taking."""
    side = np.asarray(state.orders.side)
    found: Array = (np.asarray(actions.order_side) == side) | (np.sign(actions.took_centi) == side)
    return found
