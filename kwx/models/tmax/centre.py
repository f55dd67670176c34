"""Where the high is expected, and how surely: a straight line for each part of the day, from which the trees start.

A season has few days and each of them one high, so trees alone learn slowly what a line knows at once: that the high
moves with the forecast, and with how warm the air is for the hour. What is beside the line is left to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import log_ndtr, logit

from kwx.models.tmax.classes import CLASSES, LOWEST, Floats, Ints, first_class
from warehouse.market.cities import CITIES

Bools = NDArray[np.bool_]

STOPS = CLASSES - 1
"""The last class needs no question: it is what is left."""
PHASES_BEGIN = (-840, -720, -480, -240, 0, 180, 360, 480, 600, *range(660, 1141, 30), 1260)
"""Minutes of standard time from the opening midnight at which a new line begins."""
PHASES = len(PHASES_BEGIN) + 1
_SHRUNK_BY = 10.0
"""So many events' weight draws every slope to zero."""
_LEAST_EVENTS = 8
_LEAST_SD_F = 0.2
_ROUNDS = 25
_SURELY = 5.0
"""The log-odds that a line alone may reach."""

_FORECAST = pl.coalesce("forecast_high_f", "run_max_f")
_TOP = pl.coalesce("run_max_f", "forecast_high_f")
_LAST = pl.coalesce("last_f", _TOP)
_REST = pl.coalesce("surprise_rest_f", _FORECAST)
_OVER_FORECAST = {
    "top": _TOP,
    "official": pl.coalesce("official_max_f", _TOP),
    "highest": pl.max_horizontal(pl.coalesce("official_max_f", _TOP), _TOP),
    "floor": pl.coalesce("official_floor_f", _TOP),
    "ceiling": pl.coalesce("official_ceiling_f", _TOP),
    "since": pl.coalesce("official_since_f", _LAST),
    "last": _LAST,
    "mean": pl.coalesce("forecast_mean_f", _FORECAST),
    "rest": _REST,
    "shifted_rest": pl.coalesce("surprise_shifted_f", _REST),
}
_AS_THEY_ARE = (
    "forecast_revision_f", "forecast_since_open_f", "surprise_now_f", "surprise_recent_f", "surprise_mean_f",
    "slope_1h", "slope_3h", "minutes_since_max",
)  # fmt: skip
READ = (
    "standard_minute", "city", "base_f", "is_observed", "lowest_f", "forecast_high_f", "forecast_mean_f", "run_max_f",
    "last_f", "official_max_f", "official_since_f", "official_floor_f", "official_ceiling_f", "surprise_rest_f",
    "surprise_shifted_f", *_AS_THEY_ARE,
)  # fmt: skip
"""The columns of a snapshot that a line is drawn through."""
_COLUMNS = len(_OVER_FORECAST) + len(_AS_THEY_ARE) + len(CITIES)


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """N snapshots as lines are drawn through them, whosever lines these are.

    columns: [N, F], 0 where nothing is known; forecast_f: [N] what they count from; phase: [N]; base_f, floor_f, first:
    [N] the degree that classes count from, the one that the high has reached already, the lowest class that can happen.
    """

    columns: Floats
    forecast_f: Floats
    phase: Ints
    base_f: Floats
    floor_f: Floats
    first: Ints

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Drawn:
        """Lay out snapshots."""
        columns, forecast_f = _columns(rows)
        return cls(
            columns=columns, forecast_f=forecast_f, phase=phase_of(rows), base_f=rows["base_f"].to_numpy(),
            floor_f=_floor_f(rows), first=first_class(rows),
        )  # fmt: skip

    def where(self, some: Bools) -> Drawn:
        """Return some of them."""
        return Drawn(**{name: values[some] for name, values in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Centre:
    """The line of each phase, in °F over the forecast: shift [P] + slopes [P, F] · (columns − middle [P, F]).

    sd_f: [P] how far from it the days settled.
    """

    middle: Floats
    slopes: Floats
    shift: Floats
    sd_f: Floats

    @classmethod
    def fit(cls, rows: pl.DataFrame, weight: Floats) -> Centre:
        """Draw the lines through labelled snapshots of some weight [N], which each event shares out over a phase.

        A high that is no higher than what it was already says only that the rest of the day was not warmer. A phase of
        too few events has the line of the nearest one that has enough.
        """
        columns, forecast_f = _columns(rows)
        label_f, floor_f = rows["label_f"].to_numpy(), _floor_f(rows)
        missed_f = np.where(label_f > floor_f, label_f, floor_f + 0.5) - forecast_f
        censored = label_f <= floor_f
        event = rows.select(pl.struct("city", "event_date").rank("dense")).to_series().to_numpy().astype(np.int64)
        phase = phase_of(rows)
        enough = [one for one in range(PHASES) if len(np.unique(event[phase == one])) >= _LEAST_EVENTS]
        lines = {
            one: _line(*(part[phase == one] for part in (columns, missed_f, censored, event, weight))) for one in enough
        }
        nearest = [min(enough, key=lambda one: abs(one - wanted), default=None) for wanted in range(PHASES)]
        nothing = np.zeros(_COLUMNS), np.zeros(_COLUMNS), 0.0, _missed_sd_f(missed_f)
        each = [nothing if one is None else lines[one] for one in nearest]
        middle, slopes, shift, sd_f = (np.array([line[part] for line in each]) for part in range(4))
        return cls(middle=middle, slopes=slopes, shift=shift, sd_f=sd_f)

    def expected_f(self, drawn: Drawn) -> Floats:
        """Return [N] the high that is expected of each snapshot's day."""
        phase = drawn.phase
        total = drawn.forecast_f + self.shift[phase]
        # Column by column, so that a row is the same to the bit whatever rows stand beside it.
        for place in range(_COLUMNS):
            total = total + self.slopes[phase, place] * (drawn.columns[:, place] - self.middle[phase, place])
        return total

    def start(self, drawn: Drawn) -> Floats:
        """Return [N, 12] the log-odds that the high stops at a class once it comes so far, were the rest normal.

        It stops at what it was already where the rest of the day is no warmer.
        """
        sd_f = self.sd_f[drawn.phase][:, None]
        base_f = drawn.base_f[:, None]
        over, floor = self.expected_f(drawn)[:, None] - base_f, drawn.floor_f[:, None] - base_f
        degree = np.arange(STOPS) + LOWEST
        # The lowest class of a forecast is not cut off below, nor is any that is the first to happen.
        is_first = (degree <= floor) | (np.arange(STOPS) <= drawn.first[:, None])
        lowest = np.where(is_first, -np.inf, (degree - 0.5 - over) / sd_f)
        chance = -np.expm1(log_ndtr(-(degree + 0.5 - over) / sd_f) - log_ndtr(-lowest))
        score: Floats = np.clip(logit(np.clip(chance, 1e-9, 1 - 1e-9)), -_SURELY, _SURELY)
        return np.where(degree < floor, -_SURELY, score)

    def document(self) -> dict[str, Any]:
        """Return the numbers as JSON has them."""
        return {name: values.tolist() for name, values in vars(self).items()}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Centre:
        """Read the numbers back; a ValueError says that they are no lines."""
        shapes = {"middle": (PHASES, _COLUMNS), "slopes": (PHASES, _COLUMNS), "shift": (PHASES,), "sd_f": (PHASES,)}
        numbers = {name: np.array(document[name], dtype=np.float64) for name in shapes}
        wrong = [name for name, shape in shapes.items() if numbers[name].shape != shape]
        if wrong or not all(np.isfinite(values).all() for values in numbers.values()) or numbers["sd_f"].min() <= 0:
            raise ValueError(f"{', '.join(wrong) or 'the centre'} is no table of lines")
        return cls(**numbers)


def phase_of(rows: pl.DataFrame) -> Ints:
    """Return [N] which line each snapshot is under."""
    phase: Ints = np.searchsorted(PHASES_BEGIN, rows["standard_minute"].fill_null(0.0).to_numpy(), side="right")
    return phase


def _columns(rows: pl.DataFrame) -> tuple[Floats, Floats]:
    """Return [N, F] what the lines are drawn through, 0 where it is not known, and [N] the forecast they count from."""
    base = pl.col("base_f").cast(pl.Float64)
    told = rows.select(
        forecast=pl.coalesce(_FORECAST, base),
        **{name: (value - _FORECAST).fill_null(0.0) for name, value in _OVER_FORECAST.items()},
        **{name: pl.col(name).cast(pl.Float64).fill_null(0.0) for name in _AS_THEY_ARE},
        **{f"is_{city}": (pl.col("city") == city).cast(pl.Float64) for city in CITIES},
    ).to_numpy()
    return told[:, 1:], told[:, 0]


def _floor_f(rows: pl.DataFrame) -> Floats:
    """Return [N] the whole degree that the high has reached already; −∞ where no report says so."""
    return rows.select(pl.col("official_floor_f").fill_null(-np.inf)).to_series().to_numpy()


def _line(
    columns: Floats, missed_f: Floats, censored: Bools, event: Ints, weight: Floats
) -> tuple[Floats, Floats, float, float]:  # fmt: skip
    """Return the middle, the slopes, the shift and the spread of a ridge regression of one phase.

    Where a row is censored all that is known is that it lies below: it stands for what is expected there (EM).
    """
    weight = weight / np.bincount(event)[event]
    events = float(weight.sum())
    middle = weight @ columns / events
    scale = np.sqrt(weight @ (columns - middle) ** 2 / events)
    # A column that is constant says nothing, and may not be divided by what rounding leaves of it.
    z = (columns - middle) / np.where(scale > 1e-9, scale, np.inf)
    inner = (z * weight[:, None]).T @ z
    ridge = inner + _SHRUNK_BY * np.eye(len(inner))
    used = float(np.trace(np.linalg.solve(ridge, inner))) + 1
    believed_f, unsure_f2 = missed_f, np.zeros(len(missed_f))
    for _ in range(_ROUNDS if censored.any() else 1):
        shift = float(weight @ believed_f) / events
        slopes = np.linalg.solve(ridge, (z * weight[:, None]).T @ (believed_f - shift))
        expected_f = shift + z @ slopes
        left = float(weight @ ((believed_f - expected_f) ** 2 + unsure_f2))
        sd_f = max(_LEAST_SD_F, (left / max(events - used, 1.0)) ** 0.5)
        below = (missed_f - expected_f) / sd_f
        ratio = np.exp(-0.5 * below**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(below))
        believed_f = np.where(censored, expected_f - sd_f * ratio, missed_f)
        unsure_f2 = np.where(censored, sd_f**2 * np.maximum(1 - ratio * (below + ratio), 0.0), 0.0)
    return middle, slopes / np.where(scale > 1e-9, scale, np.inf), shift, sd_f


def _missed_sd_f(missed_f: Floats) -> float:
    """Return the spread of all rows together, where no phase has a line."""
    return max(_LEAST_SD_F, float(missed_f.std())) if len(missed_f) else 1.0
