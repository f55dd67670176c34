"""The forecast highs of the days as each instant knew them.

The forecast in force is, as in the view of that name, the newest issued among those known by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import Instants, starts_us
from kwx.features.tmax.versions import versions_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MINUTE_US = 60_000_000
_InForce = Callable[..., tuple[Floats, Ints]]
"""Of days and instants, and how many versions back: the high in force, NaN where none is, and when it was known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlook:
    """[N] each, NaN where nothing is known.

    high_f: the forecast in force. age_minutes: since it became known. revision_f: against the one before it.
    since_open_f: against the one in force at the market's open. eve_high_f: the day-before forecast, the last one
    known by the opening midnight. mean_f, spread_f: the mean and the range of every source's newest.
    """

    high_f: Floats
    age_minutes: Floats
    revision_f: Floats
    since_open_f: Floats
    eve_high_f: Floats
    mean_f: Floats
    spread_f: Floats


def outlook_at(inputs: TmaxInputs, instants: Instants) -> Outlook:
    """Return what was forecast at each instant."""
    every = _in_force(inputs, inputs.highs)
    midnight_us = starts_us(inputs)[instants.day]
    high_f, known_us = every(instants.day, instants.ts_us)
    before_f, _ = every(instants.day, instants.ts_us, back=1)
    open_f, _ = every(instants.day, midnight_us + instants.open_minute * _MINUTE_US)
    eve_f, _ = every(instants.day, np.minimum(instants.ts_us, midnight_us))
    told = [
        _in_force(inputs, inputs.highs.filter(pl.col("source") == source))(instants.day, instants.ts_us)[0]
        for source in sorted(inputs.highs["source"].unique())
    ]
    by_source = np.array(told).reshape(len(told), len(high_f))
    known = ~np.isnan(by_source)
    number = known.sum(axis=0)
    total_f = np.where(known, by_source, 0.0).sum(axis=0)
    highest_f = np.where(known, by_source, -np.inf).max(axis=0, initial=-np.inf)
    lowest_f = np.where(known, by_source, np.inf).min(axis=0, initial=np.inf)
    with np.errstate(invalid="ignore"):
        spread_f = np.where(number > 0, highest_f - lowest_f, np.nan)
    return Outlook(
        high_f=high_f,
        age_minutes=np.where(np.isnan(high_f), np.nan, (instants.ts_us - known_us) / _MINUTE_US),
        revision_f=high_f - before_f,
        since_open_f=high_f - open_f,
        eve_high_f=eve_f,
        mean_f=np.where(number > 0, total_f / np.maximum(number, 1), np.nan),
        spread_f=spread_f,
    )


def _in_force(inputs: TmaxInputs, highs: pl.DataFrame) -> _InForce:
    versions = versions_of(highs.with_columns(place=inputs.day_of(highs)))
    high_f = np.append(highs["high_f"].to_numpy()[versions.row], np.nan)

    def at(day: Ints, ts_us: Ints, back: int = 0) -> tuple[Floats, Ints]:
        version, known_us = versions.at(day, ts_us, back=back)
        return high_f[version], known_us

    return at
