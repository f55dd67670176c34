"""Equity told from a trace: what each event had every quarter of an hour, at every fill, and at its settlement."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.bars.bars import Bars
from kwx.exec.codes import Mode
from kwx.exec.ledger.places import Bools, Ints, chosen, ends_utc, event_columns, instants, minutes_alive
from kwx.exec.minute import NOT_SETTLED
from kwx.exec.state import Actions
from warehouse.lake.tables import EQUITY

_EVERY_MINUTES = 15
_MODES = tuple(mode.word for mode in Mode)


def equity_of(run_id: str, bars: Bars, actions: Actions) -> pl.DataFrame:
    """Return the rows of the table equity, with their city and event date."""
    minute, city, day = np.nonzero(_is_told(bars, actions))
    event = city * len(bars.dates) + day
    money = {
        name: np.asarray(getattr(actions, name))[minute, city, day].astype(np.int64)
        for name in ("cash_micros", "position_micros", "at_risk_micros", "fees_micros")
    }
    mode = chosen(_MODES, np.asarray(actions.mode)[minute, city, day])
    told = {"ts_utc": _when(bars, minute, city, day), "mode": mode}
    rows = pl.DataFrame(event_columns(bars, minute, event) | money | told).with_columns(run_id=pl.lit(run_id))
    return rows.select("city", "event_date", *EQUITY.schema)


def settled(bars: Bars) -> Bools:
    """Return [C, D] whether a bracket of each event was paid."""
    paid: Bools = bars.minutes.winner[-1] != NOT_SETTLED
    return paid


def _is_told(bars: Bars, actions: Actions) -> Bools:
    """Return [T, C, D] which minutes have a row."""
    day = np.arange(len(bars.dates))
    ends = ends_utc(bars, np.arange(len(bars.minutes.open))[:, None], day)
    quarter = ends.astype("datetime64[m]").astype(np.int64) % _EVERY_MINUTES == 0
    told: Bools = minutes_alive(bars) & quarter[:, None]
    told |= ((np.asarray(actions.made_centi) != 0) | (np.asarray(actions.took_centi) != 0)).any(axis=1)
    told[-1] = settled(bars)
    return told


def _when(bars: Bars, minute: Ints, city: Ints, day: Ints) -> pl.Series:
    """Return when each row was so: the last one when its event was settled, which comes after every minute."""
    ends = ends_utc(bars, minute, day)
    settled_utc: NDArray[np.datetime64] = np.fmax(bars.settled_utc[city, day], ends)
    return instants(np.where(minute == len(bars.minutes.open) - 1, settled_utc, ends))
