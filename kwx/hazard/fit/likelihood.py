"""The day bias by maximum likelihood of what the days settled on, through the engine itself.

The engine says what each evaluation would have given its label under each of a row of fixed biases; P(label) under any
law of the bias is then a weighted sum. Between two biases that chance is taken as a straight line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, ndtr, stdtr

from kwx.hazard.asked import Asked, ask
from kwx.hazard.fit.bias import BUCKETS, EVALUATIONS, NONE, Stood, bucket_of
from kwx.hazard.law import NO_REPORT, DayBias, Law
from kwx.hazard.outcome import settled_up_to
from kwx.hazard.question import Engine, Floats, Ints

TAIL_DOFS = (10.0, 5.0, 3.0)
GAIN = 2.0
"""So much log likelihood one more freedom of the law must gain: what chance alone gives it once in twenty times."""
_LEAST_CHANCE = 1e-6
_REACH_SD = 4.2
_FURTHEST_F = 27.0
_PRIOR_DAYS = 4.0
_SHARE_SD_PER_DAY = 0.5
_MOST_SHARE = 1.2
_SD_RANGE_F = (0.15, 15.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """P(high ≤ label) and P(high < label) of n evaluations [n, Q] under Q biases offset_f over share · level_f."""

    offset_f: Floats
    share: float
    level_f: Floats
    up_to: Floats
    under: Floats
    day: Ints
    evaluation: Ints

    @property
    def days(self) -> int:
        """How many days the evaluations are of; those of one day are as good as one draw."""
        return len(np.unique(self.day))

    @property
    def weight(self) -> Floats:
        """[n] so that every day counts once."""
        return 1.0 / np.bincount(self.day)[self.day]

    def log_likelihood(self, bias: DayBias, tail_dof: float | None) -> float:
        """Return Σ over days of the mean log chance of the label."""
        chance = self._mean(self.up_to - self.under, bias, tail_dof)
        return float(self.weight @ np.log(np.maximum(chance, _LEAST_CHANCE)))

    def middle(self, bias: DayBias, tail_dof: float | None) -> Floats:
        """Return where in its distribution each label lies, in the middle of its own degree: uniform in a good fit."""
        return self._mean(0.5 * (self.up_to + self.under), bias, tail_dof)

    def _mean(self, chance: Floats, bias: DayBias, tail_dof: float | None) -> Floats:
        mean_f = bias.mean_f + (bias.share - self.share) * self.level_f
        weights = hat_weights(self.offset_f, mean_f[:, None], bias.sd_f, tail_dof)
        mean: Floats = (chance * weights).sum(axis=1)
        return mean


@dataclass(frozen=True, kw_only=True, eq=False)
class BiasFit:
    """The fitted day biases, the law of their tails, and how well they tell the labels."""

    biases: Mapping[str, DayBias]
    tail_dof: float | None
    days: Mapping[str, int]
    log_likelihood: Mapping[str, float]
    tail_gain: float
    middle: Mapping[str, tuple[float, float]]


def fit_biases(
    days: Sequence[Stood], law: Law, guesses: Mapping[str, DayBias], *, engine: Engine, persists: bool = False
) -> BiasFit:
    """Return the most likely mean and spread of the day bias in each bucket, and the tails of them all.

    Each bucket is drawn to all of them as if four days had told it, and its spread widened for what is unknown of it;
    the bucket without a report stands alone. `persists` holds the means at zero.
    """
    tables = tabulated(days, law, guesses, engine=engine)
    normal = _fit_all(tables, guesses, persists=persists)
    fits: dict[float | None, dict[str, DayBias]] = {None: normal}
    fits.update({dof: _with_tails(tables, normal, dof) for dof in TAIL_DOFS})
    likelihood = {dof: _total(tables, fit, dof) for dof, fit in fits.items()}
    best = max(TAIL_DOFS, key=lambda dof: likelihood[dof])
    tail_dof = best if likelihood[best] > likelihood[None] + GAIN else None
    found = fits[tail_dof]
    return BiasFit(
        biases={label: _widened(bias, tables.get(label)) for label, bias in found.items()},
        tail_dof=tail_dof,
        days={label: table.days for label, table in tables.items()},
        log_likelihood={
            label: table.log_likelihood(found[label], tail_dof) / table.days for label, table in tables.items()
        },
        tail_gain=likelihood[best] - likelihood[None],
        middle={label: _middle(table, found[label], tail_dof) for label, table in tables.items()},
    )


def labels_likelihood(days: Sequence[Stood], law: Law, guesses: Mapping[str, DayBias], *, engine: Engine) -> float:
    """Return how well a law tells the labels at its best: the log likelihood of the days, as a mean over buckets."""
    tables = tabulated(days, law, guesses, engine=engine)
    return _total(tables, _fit_all(tables, guesses, persists=False), None)


def tabulated(days: Sequence[Stood], law: Law, guesses: Mapping[str, DayBias], *, engine: Engine) -> dict[str, Table]:
    """Ask the engine for every evaluation of the fit under biases around the guess of its bucket."""
    shares = {label: DayBias(0.0, guess.share, 0.0) for label, guess in guesses.items()}
    asked = ask([(day.evidence, outlook) for day, outlook in days], replace(law, biases=shares, tail_dof=None))
    if asked is None:
        return {}
    rows = np.flatnonzero(np.isin(asked.evaluation, EVALUATIONS))
    level_f = _outlooks(days, asked, rows, "level_f")
    bucket = bucket_of(level_f, _outlooks(days, asked, rows, "lead_minutes"))
    offsets = [_offsets(guesses[label]) for label in BUCKETS]
    label_f = np.array([day.label_f for day, _ in days])[asked.day[rows]]
    below = _answered(asked, rows, [offsets[place] for place in bucket.tolist()], label_f, law, engine)
    settled = settled_up_to(asked, rows, label_f[:, None] + np.array([-1, 0]))
    tables = {}
    for place in np.unique(bucket).tolist():
        ours = np.flatnonzero(bucket == place)
        chances = np.stack([below[row] for row in ours.tolist()])
        tables[BUCKETS[place]] = Table(
            offset_f=offsets[place],
            share=guesses[BUCKETS[place]].share,
            level_f=np.nan_to_num(level_f[ours]),
            up_to=settled[ours, 1, None] * chances[:, :, 1],
            under=settled[ours, 0, None] * chances[:, :, 0],
            day=asked.day[rows][ours],
            evaluation=asked.evaluation[rows][ours],
        )
    return tables


def hat_weights(offset_f: Floats, mean_f: Floats, sd_f: float, tail_dof: float | None) -> Floats:
    """Return [n, Q] the mean of the tent around each of Q even offsets under laws of n means; each row sums to one."""
    over = _mean_over(offset_f, mean_f, sd_f, tail_dof)
    passed = (over[:, :-1] - over[:, 1:]) / (offset_f[1] - offset_f[0])
    weights: Floats = -np.diff(passed, axis=1, prepend=1.0, append=0.0)
    return weights


def _mean_over(value_f: Floats, mean_f: Floats, sd_f: float, tail_dof: float | None) -> Floats:
    """Return the mean of how far a bias lies above each value, nothing where it lies below."""
    scaled = np.asarray((value_f - mean_f) / sd_f, dtype=np.float64)
    if tail_dof is None:
        density = np.exp(-0.5 * scaled**2) / np.sqrt(2 * np.pi)
        return np.asarray(sd_f * (density - scaled * ndtr(-scaled)), dtype=np.float64)
    log_peak = gammaln((tail_dof + 1) / 2) - gammaln(tail_dof / 2) - 0.5 * np.log(tail_dof * np.pi)
    density = np.exp(log_peak - (tail_dof + 1) / 2 * np.log1p(scaled**2 / tail_dof))
    over = (tail_dof + scaled**2) / (tail_dof - 1) * density - scaled * stdtr(tail_dof, -scaled)
    return np.asarray(sd_f * over, dtype=np.float64)


def _offsets(guess: DayBias) -> Floats:
    """Return biases around a guess, close enough for straight lines, out to where the law has no weight."""
    spacing_f = float(np.clip(guess.sd_f / 3, 0.5, 1.5))
    side = int(np.ceil(min(_REACH_SD * guess.sd_f, _FURTHEST_F) / spacing_f))
    return np.asarray(guess.mean_f + spacing_f * np.arange(-side, side + 1), dtype=np.float64)


def _outlooks(days: Sequence[Stood], asked: Asked, rows: Ints, name: str) -> Floats:
    values: Floats = np.stack([getattr(outlook, name) for _, outlook in days])[asked.day[rows], asked.evaluation[rows]]
    return values


def _answered(
    asked: Asked, rows: Ints, offsets: Sequence[Floats], label_f: Ints, law: Law, engine: Engine
) -> list[Floats]:
    """Return for each row [Q, 2] P(no later step above the label's lower, its upper edge) under each offset."""
    question = asked.question
    count = np.array([len(offset_f) for offset_f in offsets])
    many = np.repeat(rows, count)
    asked_often, degree = question.part(many), np.repeat(label_f, count)
    curve = asked_often.curve
    lowest, highest = np.full(len(question.curves_f), 10_000), np.full(len(question.curves_f), -10_000)
    np.minimum.at(lowest, curve, degree - 1)
    np.maximum.at(highest, curve, degree)
    used = highest >= lowest
    answer = engine.answer(
        replace(
            asked_often,
            first_threshold_f=np.where(used, lowest, 0) + 0.5 - law.station_offset_f,
            thresholds=int((highest - lowest)[used].max()) + 1,
            bias_f=asked_often.bias_f + np.concatenate(offsets),
            bias_sd_f=np.zeros(len(many)),
            tail_dof=None,
            # Hazards are not asked for, so they need no record.
            record_f=np.full((len(many), 1), np.nan),
            record_p=np.ones((len(many), 1)),
        )
    )
    place = (degree - lowest[curve])[:, None] + np.array([-1, 0])
    below = np.take_along_axis(answer.below, place, axis=1)
    return np.split(below, np.cumsum(count)[:-1])


def _fit_all(tables: Mapping[str, Table], guesses: Mapping[str, DayBias], *, persists: bool) -> dict[str, DayBias]:
    """Return the normal law of each bucket, those with a level drawn to what they have in common."""
    alike = [label for label in BUCKETS[:NONE] if label in tables]
    start = _average([guesses[label] for label in alike or [NO_REPORT]])

    def shared(bias: DayBias) -> float:
        return float(np.mean([tables[label].log_likelihood(bias, None) for label in alike]))

    free = ("sd_f",) if persists else ("mean_f", "sd_f", "share")
    pool = _most_likely(shared, start, start=start, prior_days=1.0, free=free) if alike else start
    found = dict.fromkeys(BUCKETS, pool)
    for label in (label for label in BUCKETS if label in tables):
        own = partial(_likelihood, tables[label])
        if label == NO_REPORT:
            guess = guesses[label]
            found[label] = _most_likely(own, guess, start=guess, prior_days=1.0, free=("mean_f", "sd_f"))
        else:
            found[label] = _most_likely(own, pool, start=pool, prior_days=_PRIOR_DAYS, free=free)
    return found


def _with_tails(tables: Mapping[str, Table], normal: Mapping[str, DayBias], tail_dof: float) -> dict[str, DayBias]:
    """Return the laws with the same means and shares, but Student's tails and the spread that then is most likely."""
    found = dict(normal)
    for label, table in tables.items():
        likelihood = partial(_likelihood, table, tail_dof=tail_dof)
        found[label] = _most_likely(
            likelihood, normal[label], start=normal[label], prior_days=_PRIOR_DAYS, free=("sd_f",)
        )
    return found


def _likelihood(table: Table, bias: DayBias, tail_dof: float | None = None) -> float:
    return table.log_likelihood(bias, tail_dof)


def _average(biases: Sequence[DayBias]) -> DayBias:
    return DayBias(*np.mean([(bias.mean_f, bias.share, bias.sd_f) for bias in biases], axis=0).tolist())


def _most_likely(
    likelihood: Callable[[DayBias], float],
    prior: DayBias,
    *,
    start: DayBias,
    prior_days: float,
    free: tuple[str, ...],
) -> DayBias:
    """Return the law of the largest likelihood; the prior counts as so many days that told it."""

    def law(place: Floats) -> DayBias:
        value = dict(zip(free, place.tolist(), strict=True))
        sd_f = float(np.exp(np.clip(value["sd_f"], *np.log(_SD_RANGE_F))))
        share = float(np.clip(value.get("share", prior.share), 0.0, _MOST_SHARE))
        return DayBias(value.get("mean_f", prior.mean_f), share, sd_f)

    def cost(place: Floats) -> float:
        bias = law(place)
        far = 0.5 * ((bias.mean_f - prior.mean_f) / prior.sd_f) ** 2
        wide = np.log(bias.sd_f / prior.sd_f) ** 2
        other = 0.5 * ((bias.share - prior.share) / _SHARE_SD_PER_DAY) ** 2
        outside = float(np.sum((place - _place(bias, free)) ** 2))
        return prior_days * float(far + wide + other) + outside - likelihood(bias)

    begin = _place(start, free)
    simplex = np.array([begin, *(begin + 0.3 * np.eye(len(begin)))])
    options = {"initial_simplex": simplex, "xatol": 0.01, "fatol": 0.005, "maxiter": 150}
    return law(minimize(cost, begin, method="Nelder-Mead", options=options).x)


def _place(bias: DayBias, free: tuple[str, ...]) -> Floats:
    value = {"mean_f": bias.mean_f, "share": bias.share, "sd_f": float(np.log(bias.sd_f))}
    return np.array([value[name] for name in free])


def _total(tables: Mapping[str, Table], fit: Mapping[str, DayBias], tail_dof: float | None) -> float:
    """Return the mean log likelihood of the buckets: the day's leads tell the same story again and again."""
    return float(np.mean([table.log_likelihood(fit[label], tail_dof) for label, table in tables.items()]))


def _widened(bias: DayBias, table: Table | None) -> DayBias:
    """Return a law as wide as it is for a coming day, whose mean was not fitted to it."""
    told = _PRIOR_DAYS + (table.days if table is not None else 0)
    return replace(bias, sd_f=bias.sd_f * float(np.sqrt((told + 1) / (told - 1))))


def _middle(table: Table, bias: DayBias, tail_dof: float | None) -> tuple[float, float]:
    """Return mean and spread of where the labels lie in their distributions; 0.5 and at most 0.29 in a good fit."""
    middle = table.middle(bias, tail_dof)
    mean = float(np.average(middle, weights=table.weight))
    return mean, float(np.sqrt(np.average((middle - mean) ** 2, weights=table.weight)))
