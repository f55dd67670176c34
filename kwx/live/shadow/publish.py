"""A lived date into the lake: stepped again, settled as the lake says, held against the laws of money, and kept.

It may be told while it is lived, again when it settled, and again after that: it stays one run, and what is told again
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.engine import one_step
from kwx.exec.ledger.conserved import require_conserved
from kwx.exec.ledger.ledger import Ledger, ledger_of
from kwx.exec.minute import Minute, Prints
from kwx.exec.params import Params
from kwx.exec.reported import with_fills
from kwx.exec.rules import Fill
from kwx.exec.runs.kept import keeping
from kwx.exec.state import Actions, State
from kwx.exec.venue.own_order import OwnOrder
from kwx.live.journal.journal import Journal
from kwx.live.journal.recorded import Recorded
from kwx.live.journal.recovery import recovered
from kwx.live.shadow.between_rows import between_rows
from kwx.live.shadow.lived import Lived
from kwx.live.shadow.rows import known_then, signal_rows
from kwx.live.shadow.settled import with_settlement
from kwx.live.shadow.venue_rows import fill_rows, fills_of, order_rows
from pipelines.publishing import Built
from warehouse.clock import Clock, utc_now
from warehouse.errors import Unbalanced
from warehouse.lake.store import Lake, Snapshot


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """A lived date as rows: the run that names them, its ledger, and what was said of every market."""

    lived: Lived
    ledger: Ledger
    signals: pl.DataFrame
    bars: Bars
    actions: Actions


def publish_shadow(
    lake: Lake,
    journal: Journal,
    event_dates: Sequence[date],
    *,
    orders: Iterable[OwnOrder] = (),
    beside: Mapping[date, Mapping[str, Any]] | None = None,
    clock: Clock = utc_now,
) -> list[Built]:
    """Keep some lived dates in the lake, each as the run that it is; return what each made.

    orders: those that were sent to an exchange, of runs of the kind live. beside: what else is to stand in the summary
    of a date's run.
    """
    sent = list(orders)
    return [
        _publish(lake, journal.read(day), sent, (beside or {}).get(day, {}), clock) for day in event_dates
    ]  # fmt: skip


def _publish(
    lake: Lake, recorded: Recorded, orders: Sequence[OwnOrder], beside: Mapping[str, Any], clock: Clock
) -> Built:  # fmt: skip
    told = told_of(recorded, lake.snapshot(), orders)
    with keeping(lake, told.lived, clock=clock) as keeper:
        keeper.put(told.ledger, signals=told.signals)
        return keeper.finish({**told.lived.summary(), **beside})


def told_of(recorded: Recorded, snapshot: Snapshot, orders: Sequence[OwnOrder] = ()) -> Told:
    """Tell a lived date as rows; refuse one that does not step to what was written, or whose money does not add up."""
    run_id, strategy = recorded.run_id, recorded.last.strategy
    bars = with_settlement(recorded.bars(), snapshot)
    final, actions = _settled(recorded, bars)
    known = known_then(recorded, snapshot)
    ledger = ledger_of(run_id, strategy, bars, actions, known=known)
    if recorded.first.rules.fill is Fill.EXCHANGE:
        reported = [kept.reported for kept in recorded.kept if len(kept.reported)]
        fills = fill_rows(run_id, bars, pl.concat(reported), known) if reported else ledger.fills.clear()
        decisions = pl.concat([ledger.decisions, between_rows(run_id, recorded, known)])
        ledger = replace(ledger, fills=fills, orders=order_rows(run_id, bars, orders), decisions=decisions)
        _require_cash(run_id, fills, final, actions)
    else:
        require_conserved(run_id, bars, actions, final, ledger, params=_params_of(recorded))
    signals = signal_rows(run_id, recorded, bars, ledger.decisions)
    return Told(lived=Lived(recorded=recorded), ledger=ledger, signals=signals, bars=bars, actions=actions)


def _settled(recorded: Recorded, bars: Bars) -> tuple[State, Actions]:
    """Return the state after the settlement, and what was done in every minute and in it."""
    state = recovered(recorded.without_settlements()).state
    assert state is not None  # bars have a minute
    origin, last = recorded.last, _row(bars.minutes, -1)
    for kept in recorded.settlements:
        # All that was told until and after an event was paid is part of what it paid.
        state = with_fills(state, fills_of(kept.reported, origin.tickers))
    final, settling = one_step(origin.rules, origin.params, state, last)
    done = recorded.actions()
    return final, Actions(
        *(np.concatenate([own, np.asarray(end)[None]]) for own, end in zip(done, settling, strict=True))
    )


def _row(minutes: Minute, place: int) -> Minute:
    return Minute(*(Prints(*(x[place] for x in f)) if isinstance(f, Prints) else f[place] for f in minutes))


def _params_of(recorded: Recorded) -> Params:
    """Return the parameters of a date; what takers slip by minute for minute, since it may change within the date."""
    origins = [recorded.settings_of(minute) for minute in range(len(recorded.of_minutes))]
    shape = (1, len(recorded.last.cities), 1)
    slips = [np.broadcast_to(np.asarray(origin.params.slip_ticks), shape[1:]) for origin in [*origins, origins[-1]]]
    return recorded.last.params._replace(slip_ticks=np.stack(slips))


def _require_cash(run_id: str, fills: pl.DataFrame, final: State, actions: Actions) -> None:
    """Refuse a run whose cash is not what the exchange's fills and the settlement come to."""
    sign = pl.when(pl.col("side") == "buy").then(-1).otherwise(1)
    moved = (
        fills.select((sign * pl.col("count_centi") * pl.col("price_ticks") - pl.col("fee_micros")).sum()).item() or 0
    )
    paid, cash = int(np.asarray(actions.settled_micros).sum()), int(np.asarray(final.cash_micros).sum())
    if moved + paid != cash:
        raise Unbalanced(
            f"run {run_id}: cash in micros is {moved + paid:,} by the exchange's fills, {cash:,} by the step",
            hint="reconcile the account before anything else: kwx live says how it stands",
        )
