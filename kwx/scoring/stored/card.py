"""The score card: every score of every source in every slice, with its interval, and what it gains on a reference.

Rows of a slice count alike; dates are drawn whole, all cities and hours of a date together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from kwx.scoring.calibration import Bins, bins_of, calibration_error_of
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.inputs import Floats, Ints
from kwx.scoring.paired import compare
from kwx.scoring.parts import brier_parts_of
from kwx.scoring.pit import LEAST_DATES, spread_of, uniformity
from kwx.scoring.reliability import Reliability, reliability
from kwx.scoring.resampling import LEAST_BLOCKS, Draws, Estimate, draw, mean_of
from kwx.scoring.stored.ladders import MADE_BY, Ladders
from kwx.scoring.stored.scored import Contracts, contracts_of, row_scores
from kwx.scoring.stored.slices import sliced
from kwx.scoring.threads import one_blas_thread
from warehouse.errors import Refused

MEANS = ("log_loss", "brier", "brier_multi", "rps", "crps_f", "p_largest", "entropy_nats", "p_squares", "pit_mean")
"""What is a mean over rows; pit_mean is that of the transforms, in [0, 1]."""
COMPARED = ("log_loss", "brier")
CURVE_CELLS = 1000
"""A reliability curve is made of so many groups of neighbouring forecasts: nobody sees more, and it is soon drawn."""
_CURVES = 500
_BEYOND = 5

_SCHEMA: dict[str, pl.DataType] = {
    "snapshot": pl.Int64(),
    "by": pl.String(),
    "slice": pl.String(),
    "source": pl.String(),
    "score": pl.String(),
    "value": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "level": pl.Float64(),
    "n": pl.Int64(),
    "events": pl.Int64(),
    "dates": pl.Int64(),
    "against": pl.String(),
    "statistic": pl.Float64(),
    "p_value": pl.Float64(),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Card:
    """All scores, a line each, and the reliability curve of each source over all rows.

    lines: snapshot, by, slice, source, score, value, low, high, level, n (rows: an event and an instant each), events,
        dates; and for skill: against, statistic (Diebold and Mariano), p_value; for the PIT the p_value of uniformity.
    """

    lines: pl.DataFrame
    reliability: Mapping[str, Reliability]
    snapshot: int
    sources: tuple[str, ...]
    against: str | None
    level: float
    rows: int
    events: int
    dates: int
    asked: int
    left_out: Mapping[str, int]


def score_card(
    ladders: Ladders, *, by: Sequence[str] = (), against: str | None = None, level: float = 0.95, seed: int = 0
) -> Card:
    """Score all sources over all rows, and by each of some slices; hold them against one of them, if said."""
    if against is not None and against not in ladders.sources:
        raise Refused(
            f"nothing can be held against {against}: it is not there, or was not read",
            hint=f"make it with: {MADE_BY[against]}; read it with: --source {against}",
        )
    # The products are small: spread over threads they wait for each other, on a busy machine twice as long.
    with one_blas_thread():
        return _scored(ladders, by=by, against=against, level=level, seed=seed)


def _scored(ladders: Ladders, *, by: Sequence[str], against: str | None, level: float, seed: int) -> Card:
    scores = {source: row_scores(ladders, source, seed=seed) for source in ladders.sources}
    contracts = {source: contracts_of(ladders, source) for source in ladders.sources}
    dates = ladders.rows["event_date"].to_numpy()
    lines = [
        {"snapshot": ladders.snapshot, "by": dimension, "slice": name} | line
        for dimension, name, part in _slices(ladders, by)
        for line in _lines(ladders, part, scores, contracts, dates=dates, against=against, level=level, seed=seed)
    ]
    return Card(
        lines=pl.DataFrame(lines, schema=_SCHEMA).with_columns(pl.selectors.float().fill_nan(None)),
        reliability={source: _reliability(one, dates, level=level, seed=seed) for source, one in contracts.items()},
        snapshot=ladders.snapshot,
        sources=ladders.sources,
        against=against,
        level=level,
        rows=ladders.rows.height,
        events=len(ladders.shapes),
        dates=len(np.unique(dates)),
        asked=ladders.asked,
        left_out=ladders.left_out,
    )


def _slices(ladders: Ladders, by: Sequence[str]) -> Iterator[tuple[str, str, Ints]]:
    """Yield dimension, slice and its rows: all rows first, then the slices of each dimension that have rows."""
    for dimension in dict.fromkeys(("source", *by)):
        names = sliced(ladders.rows, dimension)
        for name in names.unique(maintain_order=False).sort().to_list():
            part = np.flatnonzero((names == name).to_numpy())
            if len(part):
                yield dimension, name, part


def _lines(
    ladders: Ladders,
    part: Ints,
    scores: Mapping[str, Mapping[str, Floats]],
    contracts: Mapping[str, Contracts],
    *,
    dates: np.ndarray,
    against: str | None,
    level: float,
    seed: int,
) -> Iterator[dict[str, object]]:
    """Yield the lines of one slice."""
    draws = draw(dates[part], rows=len(part), level=level, seed=seed)
    events = int(ladders.rows["event_ticker"].gather(part).n_unique())
    shared = {"level": level, "n": len(part), "events": events, "dates": draws.dates}
    for source in scores:
        ours = {name: values[part] for name, values in scores[source].items()}
        found = {name: mean_of(ours[name], draws=draws) for name in MEANS}
        found |= {"pit_spread": spread_of(ours["pit_mean"], draws=draws)}
        found |= _calibration(contracts[source], part, draws)
        uniform = _uniform_p(ours["pit_mean"], dates[part], seed)
        for name, one in found.items():
            line = {"source": source, "score": name, "value": one.value, "low": one.low, "high": one.high}
            yield shared | line | ({"p_value": uniform} if name.startswith("pit") else {})
        if against is not None and source != against:
            theirs = {name: scores[against][name][part] for name in COMPARED}
            for line in _skills(ours, theirs, dates[part], level=level, seed=seed):
                yield shared | line | {"source": source, "against": against}


def _calibration(contracts: Contracts, part: Ints, draws: Draws) -> dict[str, Estimate]:
    """Return calibration errors and the parts of the Brier score of a slice's contracts, rows drawn by their dates."""
    ours = np.isin(contracts.row, part)
    drawn = draws.of_rows(np.searchsorted(part, contracts.row[ours]))
    p, hit = contracts.p[ours], contracts.hit[ours]
    parts = brier_parts_of(p, hit=hit, draws=drawn)
    return {
        "ece_width": calibration_error_of(p, hit=hit, draws=drawn, by=Bins.WIDTH),
        "ece_mass": calibration_error_of(p, hit=hit, draws=drawn, by=Bins.MASS),
        "miscalibration": parts.miscalibration,
        "discrimination": parts.discrimination,
        "uncertainty": parts.uncertainty,
    }


def _uniform_p(pit: Floats, dates: np.ndarray, seed: int) -> float | None:
    """Return how often calibrated forecasts have transforms as far from uniform; None of too few dates."""
    return uniformity(pit, dates=dates, seed=seed).p_value if len(np.unique(dates)) >= LEAST_DATES else None


def _skills(
    ours: Mapping[str, Floats], theirs: Mapping[str, Floats], dates: np.ndarray, *, level: float, seed: int
) -> Iterator[dict[str, object]]:
    """Yield the skill in each compared score: 1 − ours / theirs on the same rows, without interval on too few dates."""
    for name in COMPARED:
        line: dict[str, object] = {"score": f"skill_{name}"}
        if len(np.unique(dates)) < LEAST_BLOCKS:
            below = float(theirs[name].mean())
            yield line | {"value": 1 - float(ours[name].mean()) / below if below else None}
            continue
        found = compare(ours[name], reference=theirs[name], dates=dates, dates_alike=False, level=level, seed=seed)
        line |= {"value": found.skill, "low": found.skill_low, "high": found.skill_high}
        yield line | {"statistic": found.statistic, "p_value": found.p_value}


def _reliability(contracts: Contracts, dates: np.ndarray, *, level: float, seed: int) -> Reliability:
    """Return the reliability of all contracts, one winner of an event in each draw, one draw for all rows of a date."""
    return reliability(
        _celled(contracts.p),
        hit=contracts.hit,
        dates=dates[contracts.row],
        below=contracts.below,
        level=level,
        resamples=max(_CURVES, int(np.ceil(_BEYOND / (1 - level)))),
        seed=seed,
    )


def _celled(p: Floats) -> Floats:
    """Return the mean forecast of each row's cell: as many hits are expected as before, in each cell and in all."""
    forecasts = sort_forecasts(p)
    cell = bins_of(forecasts, bins=CURVE_CELLS)[forecasts.of_row]
    rows = np.bincount(cell, minlength=CURVE_CELLS)
    means: Floats = np.bincount(cell, weights=forecasts.p, minlength=CURVE_CELLS) / np.maximum(rows, 1)
    return means[cell]
