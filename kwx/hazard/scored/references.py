"""What a forecast of the high is held against: past highs, a high that stays, and, in the demo world, the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from kwx.hazard.fits import fit_before, fits_of
from kwx.hazard.law import Baseline
from kwx.hazard.question import Engine, Floats
from kwx.hazard.rows import listed
from kwx.hazard.run import DayRun, run_dates
from kwx.hazard.scored.mornings import KEYS, Forecast, Mornings, averaged, bracket_scores
from kwx.scoring.climatology import climatology_pmf
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import TRUTH_PROBABILITIES

_DAYS_AT_ONCE = 28

Reference = tuple[Forecast, list[bool]]
"""A forecast for every row, and for which rows it means anything."""


def climatology(mornings: Mornings) -> Reference:
    """Return the smoothed past highs around each day: those settled and known before the row's window began.

    The degrees that are never impossible reach 15 °F beyond those same highs, so no later one moves them.
    """
    of_city = {city: part for (city,), part in mornings.labels.partition_by("city", as_dict=True).items()}
    found = [
        _past_highs(of_city.get(row["city"], mornings.labels.clear()), row)
        for row in mornings.rows.iter_rows(named=True)
    ]
    there = [one is not None for one in found]
    served = [one for one in found if one is not None]
    first_f = min((first for first, _ in served), default=0)
    last_f = max((first + len(p) for first, p in served), default=1)
    p = np.zeros((len(found), last_f - first_f))
    for place, (first, mass) in zip(np.flatnonzero(there).tolist(), served, strict=True):
        p[place, first - first_f : first - first_f + len(mass)] = mass
    return Forecast(first_f=first_f, p=p), there


def _past_highs(labels: pl.DataFrame, row: Mapping[str, Any]) -> tuple[int, Floats] | None:
    """Return the first degree and the distribution of one row; None where too few highs are known."""
    known = (pl.col("label_known_utc") <= row["since_utc"]) & (pl.col("event_date") < row["event_date"])
    past = labels.filter(known)
    days = past["event_date"].dt.ordinal_day().to_numpy()
    try:
        first_f, p = climatology_pmf(past["label_f"].to_numpy(), days, row["event_date"].timetuple().tm_yday)
    except Refused:
        return None
    return first_f, p[0]


def hold_last(snapshot: Snapshot, mornings: Mornings, engine: Engine) -> Reference:
    """Return what an engine says of a high that stays: its own law, fitted to hold_last, and no curve at all."""
    frames = []
    for city in mornings.rows["city"].unique(maintain_order=True):
        dates = mornings.rows.filter(pl.col("city") == city)["event_date"].unique().sort().to_list()
        fits = fits_of(snapshot, city)
        may = [(day, fit_before(fits, day)) for day in dates]
        served = [day for day, fit in may if fit is not None and Baseline.HOLD_LAST in fit.laws]
        for place in range(0, len(served), _DAYS_AT_ONCE):
            some = served[place : place + _DAYS_AT_ONCE]
            frames += _evaluations(mornings, run_dates(snapshot, city, some, engine, baseline=Baseline.HOLD_LAST))
    return _of_rows(mornings, frames)


def _evaluations(mornings: Mornings, runs: Sequence[DayRun]) -> list[pl.DataFrame]:
    """Return the evaluations of some days that lie in the windows."""
    frames = []
    for run in runs:
        city, event_date = run.data.day.city.key, run.data.day.event_date
        first, p = listed(run.distribution.p)
        said = pl.DataFrame({"ts_utc": run.evidence.ts_utc, "first_f": run.distribution.first_f + first, "p": p})
        said = said.with_columns(city=pl.lit(city), event_date=pl.lit(event_date))
        for name, window in mornings.windows.items():
            frames.append(said.filter(window.holds(city, pl.col("ts_utc"))).with_columns(window=pl.lit(name)))
    return frames


def _of_rows(mornings: Mornings, frames: Sequence[pl.DataFrame]) -> Reference:
    """Average evaluations by row; a row without any has none."""
    rows = mornings.rows
    if not frames:
        return Forecast(first_f=0, p=np.zeros((rows.height, 1))), [False] * rows.height
    evaluations = pl.concat(frames).with_columns(pl.col("first_f").cast(pl.Int32))
    keys = evaluations.select(KEYS).unique()
    there = rows.select(pl.struct(KEYS).is_in(keys.select(pl.struct(KEYS)).to_series().implode()))
    return averaged(rows, evaluations), there.to_series().to_list()


def truth(snapshot: Snapshot, mornings: Mornings) -> pl.DataFrame | None:
    """Return the scores of the true probabilities of each row's brackets; None where the world does not tell them."""
    rows = mornings.rows
    span = {"since": rows["event_date"].min(), "until": rows["event_date"].max()}
    told = snapshot.scan(TRUTH_PROBABILITIES, cities=rows["city"].unique().to_list(), **span)  # type: ignore[arg-type]
    evaluated = pl.col("ts_utc").dt.minute() % 5 == 0
    found = told.filter(evaluated).select("city", "event_date", "ts_utc", "market_ticker", "p_true").collect()
    if found.is_empty():
        return None
    windows = [
        part.filter(window.holds(city, pl.col("ts_utc"))).with_columns(window=pl.lit(name))
        for (city,), part in found.partition_by("city", as_dict=True).items()
        for name, window in mornings.windows.items()
    ]
    mean = pl.concat(windows).group_by(*KEYS, "market_ticker").agg(pl.col("p_true").mean())
    by_row = {key: dict(part.select("market_ticker", "p_true").iter_rows()) for key, part in _by_keys(mean)}
    scored = [
        _true_scores(by_row.get(row[:3], {}), mornings, place, row[3])
        for place, row in enumerate(rows.select(*KEYS, "label_f").iter_rows())
    ]
    schema = {"log_loss": pl.Float64, "rps": pl.Float64}
    return pl.DataFrame([{name: one.get(name) for name in schema} for one in scored], schema=schema)


def _by_keys(frame: pl.DataFrame) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    return list(frame.partition_by(KEYS, as_dict=True).items())


def _true_scores(p_true: dict[str, float], mornings: Mornings, place: int, label_f: int) -> dict[str, float]:
    ladder = mornings.ladders[place]
    if set(ladder.names) != set(p_true):
        return {}
    masses: Floats = np.array([p_true[name] for name in ladder.names])
    return bracket_scores(masses / masses.sum(), ladder.winner(label_f))
