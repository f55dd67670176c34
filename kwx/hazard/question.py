"""What an engine is asked and what it answers: the one interface of the lattice and of the simulator.

The air of one climate day on the five-minute grid, step 0 the opening midnight and step 288 the closing one, is
T_k = F_k + δ + ε_k: a baseline curve F, a day bias δ that holds for the rest of the day, and a residual
ε_k = ρ ε_{k-1} + σ_k z_k. An evaluation knows the air at one step and asks for everything after it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from warehouse.market.climate_day import FIVE_MINUTE_STEPS

GRID_MINUTES = 5
STEPS = FIVE_MINUTE_STEPS
LEAST_SIGMA_F = 0.05
"""Air that moves less from step to step is taken to move so much: no lattice carries less."""

SOON_STEPS = 12
"""The hour of hazard_next_60m, in steps."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """The law of the residual; `sigma_f[l, k - 1]` is the innovation of step k, `lead_steps[l]` steps ahead or more.

    One row of sigma_f, with lead_steps = (0,), is a law that does not care how far ahead it looks.
    """

    rho: float
    sigma_f: Floats
    lead_steps: tuple[int, ...] = (0,)

    @property
    def by_lead(self) -> bool:
        """Tell whether the innovations depend on the lead."""
        return len(self.lead_steps) > 1

    def sigma_ahead_f(self, start: int) -> Floats:
        """Return the innovations of all steps as seen from a start step; those up to it are zero."""
        lead = np.arange(1, STEPS + 1) - start
        row = np.searchsorted(self.lead_steps, np.maximum(lead, 1) - 1, side="right") - 1
        ahead: Floats = np.where(lead > 0, self.sigma_f[row, np.arange(STEPS)], 0.0)
        return ahead

    def stationary_sd_f(self) -> Floats:
        """Return at each step the spread of a residual of which nothing is known, with its innovations for ever."""
        stationary_f: Floats = self.sigma_f[-1, np.maximum(np.arange(STEPS + 1), 1) - 1] / np.sqrt(1 - self.rho**2)
        return stationary_f


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Evaluations of one city under one law; arrays of length N, one entry each, over C curves.

    curves_f: [C, 289] baselines, steps 0 … 288.
    first_threshold_f: [C] the lowest threshold of each curve; the others follow apart_f whole °F after one another,
        `thresholds` in all.
    curve: [N] which curve an evaluation stands on.
    step: [N] the last step at which the air is known, 0 … 288. Everything later is future.
    now_step: [N] the step of the evaluation itself, step ≤ now_step ≤ 288: reports arrive late.
    residual_f, residual_sd_f: [N] the air at `step` minus its curve, and how uncertain that is. A residual of NaN is
        air of which nothing is known: ε is then normal around zero with residual_sd_f, whatever δ is.
    bias_f, bias_sd_f: [N] mean and spread of δ. With tail_dof, its law is Student's with that scale, cut at six times
        it; None is the normal law.
    record_f, record_p: [N, R] the temperatures above which a new maximum begins, and how likely each is; a row of NaN
        where there is no maximum yet, whose hazards then are NaN too.
    seeds: [N] where an engine that draws takes its draws from, those of day_seed; evaluations of one day share theirs.
    """

    noise: Noise
    curves_f: Floats
    first_threshold_f: Floats
    thresholds: int
    curve: Ints
    step: Ints
    now_step: Ints
    residual_f: Floats
    residual_sd_f: Floats
    bias_f: Floats
    bias_sd_f: Floats
    tail_dof: float | None
    record_f: Floats
    record_p: Floats
    seeds: Ints
    apart_f: int = 1

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _OF_EVALUATIONS}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"arrays of one entry per evaluation are of different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.step)

    def part(self, members: Ints) -> Question:
        """Return some of the evaluations, over the same curves."""
        return replace(self, **{name: getattr(self, name)[members] for name in _OF_EVALUATIONS})


_OF_EVALUATIONS = (
    "curve", "step", "now_step", "residual_f", "residual_sd_f", "bias_f", "bias_sd_f", "record_f", "record_p", "seeds",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What an engine says: `below[n, j]` = P(no later step of the day is above threshold j); 1 where none is left.

    `record_5m` and `record_60m` are the chances that a step after `step`, up to one step and up to twelve steps after
    `now_step`, is above the record.
    """

    below: Floats
    record_5m: Floats
    record_60m: Floats


class Engine(Protocol):
    """One way of answering."""

    @property
    def name(self) -> str:
        """The word that the command line knows it by."""

    def answer(self, question: Question) -> Answer:
        """Answer every evaluation of a question."""


def day_seed(city: str, event_date: date, version: str) -> int:
    """Return the seed of a climate day: 63 bits that the same words give on every machine."""
    words = f"{city} {event_date.isoformat()} {version}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1
