"""Decisions told from a trace: every minute in which something was done, or was wanted and stopped, and by what.

Minutes in which nothing was wanted are too many to keep; of them, as of all others, the gates are counted.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.codes import FIRST_BLOCKED, Gate, Verb
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.places import chosen, market_columns, minutes_alive
from kwx.exec.state import Actions
from warehouse.lake.tables import DECISIONS
from warehouse.market.money import TICKS_PER_DOLLAR

_GATES = tuple(gate.word for gate in Gate)
_VERBS = tuple(verb.word for verb in Verb)


def decisions_of(run_id: str, strategy: str, bars: Bars, actions: Actions, known: Known) -> pl.DataFrame:
    """Return the rows of the table decisions, with their city and event date."""
    verb, gate = (np.asarray(codes).reshape(len(codes), -1) for codes in (actions.verb, actions.gate))
    minute, market = np.nonzero((verb != Verb.NONE) | (gate >= FIRST_BLOCKED))
    told = {
        name: np.asarray(values).reshape(verb.shape)[minute, market]
        for name, values in (
            ("score", bars.minutes.score), ("p_fair", bars.minutes.p_fair), ("bid_ticks", bars.minutes.bid_ticks),
            ("ask_ticks", bars.minutes.ask_ticks), ("edge_ticks", actions.edge_ticks),
            ("want_centi", actions.want_centi),
        )
    }  # fmt: skip
    words = {
        "action": chosen(_VERBS, verb[minute, market]),
        "gate": chosen(_GATES, gate[minute, market]),
    }
    rows = pl.DataFrame(market_columns(bars, minute, market) | told | words).with_columns(
        pl.col("score", "p_fair").cast(pl.Float64).fill_nan(None),
        bid_ticks=pl.when(pl.col("bid_ticks") > 0).then("bid_ticks"),
        ask_ticks=pl.when(pl.col("ask_ticks") < TICKS_PER_DOLLAR).then("ask_ticks"),
        gate=pl.when(pl.col("gate") != Gate.NONE.word).then("gate"),
        run_id=pl.lit(run_id),
        strategy=pl.lit(strategy),
    )
    return known.at(rows, "ts_utc").select(
        "city", "event_date", *(pl.col(name).cast(dtype) for name, dtype in DECISIONS.schema.items())
    )


def gate_counts(bars: Bars, actions: Actions) -> pl.DataFrame:
    """Return how many minutes of brackets each gate had, by city and event date, while the event traded."""
    gates, events = len(Gate), bars.settled_utc.size
    counted = minutes_alive(bars)[:, None] & (bars.tickers != "")
    event = np.arange(events).reshape(bars.settled_utc.shape)
    code = (event * gates + np.asarray(actions.gate))[counted]
    minutes = np.bincount(code, minlength=events * gates)
    place = np.flatnonzero(minutes)
    of_event, gate = np.divmod(place, gates)
    city, day = np.divmod(of_event, len(bars.dates))
    return pl.DataFrame(
        {
            "city": chosen(bars.cities, city),
            "event_date": pl.Series(bars.dates, dtype=pl.Date).gather(day),
            "gate": chosen(_GATES, gate),
            "minutes": minutes[place],
        }
    )
