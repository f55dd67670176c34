"""From what is known of some days, and a law, to the question that an engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kwx.hazard.known.evidence import Evidence
from kwx.hazard.known.outlook import Outlook
from kwx.hazard.law import NO_REPORT, RECORD_OFFSETS, Law
from kwx.hazard.question import STEPS, Floats, Ints, Question, day_seed

Day = tuple[Evidence, Outlook]

_SD_LISTED = 6.0
_AIR_SD_LISTED = 4.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A question, and where its N evaluations come from: evaluation `evaluation[n]` of day `day[n]`.

    first_degree_f: [N] the whole degree of the first threshold. record_first_f, record_p: [N] and [N, offsets] the
    lowest degree that the official maximum so far can be, and the chances of it and the next ones; NaN without one.
    """

    question: Question
    day: Ints
    evaluation: Ints
    first_degree_f: Ints
    record_first_f: Ints
    record_p: Floats


def ask(days: Sequence[Day], law: Law) -> Asked | None:
    """Return the question of all evaluations that stand on the law's baseline; None where there are none."""
    day, evaluation = _chosen(days, law)
    if not len(day):
        return None
    curves_f, curve = _curves(days, day, evaluation)
    step, now_step = _all(days, day, evaluation, "step"), _all(days, day, evaluation, "now_step")
    level_f = _outlooks(days, day, evaluation, "level_f")
    bias_f, bias_sd_f = _biases(law, level_f, _outlooks(days, day, evaluation, "lead_minutes"))
    temp_f = _all(days, day, evaluation, "temp_f")
    noise = law.noise()
    unknown = np.isnan(temp_f)
    stationary_f = noise.stationary_sd_f()
    record_first_f, record_p = _records(days, law, day, evaluation)
    first_degree_f, degrees = _degrees(
        curves_f, curve, step=step, level_f=bias_f,
        reach_f=_reach_f(bias_sd_f, float(stationary_f.max()), far=law.tail_dof is not None),
        record_f=np.where(np.isnan(record_p[:, 0]), np.nan, record_first_f),
    )  # fmt: skip
    question = Question(
        noise=noise,
        curves_f=curves_f,
        first_threshold_f=np.asarray(first_degree_f + 0.5 - law.station_offset_f, dtype=np.float64),
        thresholds=degrees,
        curve=curve,
        step=step,
        now_step=now_step,
        residual_f=temp_f - curves_f[curve, step],
        residual_sd_f=np.where(unknown, stationary_f[step], _all(days, day, evaluation, "temp_sd_f")),
        bias_f=bias_f,
        bias_sd_f=bias_sd_f,
        tail_dof=law.tail_dof,
        record_f=_barriers(record_first_f, record_p, law),
        record_p=np.nan_to_num(record_p),
        seeds=np.array([day_seed(law.city, one.day.event_date, law.version) for one, _ in days])[day],
    )
    return Asked(
        question=question, day=day, evaluation=evaluation, first_degree_f=first_degree_f[curve],
        record_first_f=record_first_f, record_p=record_p,
    )  # fmt: skip


def _chosen(days: Sequence[Day], law: Law) -> tuple[Ints, Ints]:
    """Return day and number of the evaluations that stand on the law's baseline."""
    chosen = [np.flatnonzero([baseline is law.baseline for baseline in outlook.baseline]) for _, outlook in days]
    day = np.repeat(np.arange(len(days)), [len(places) for places in chosen])
    return day, np.concatenate([*chosen, np.zeros(0, dtype=np.int64)]).astype(np.int64)


def _curves(days: Sequence[Day], day: Ints, evaluation: Ints) -> tuple[Floats, Ints]:
    """Return the distinct curves of the evaluations, and which is whose: days that share a curve share its sweep."""
    first = np.cumsum([0, *(len(outlook.curves_f) for _, outlook in days)])
    number = first[day] + _outlooks(days, day, evaluation, "curve").astype(np.int64)
    used, place = np.unique(number, return_inverse=True)
    stacked = np.concatenate([outlook.curves_f for _, outlook in days])[used]
    curves_f, same = np.unique(stacked, axis=0, return_inverse=True)
    return curves_f, same.reshape(-1)[place]


def _all(days: Sequence[Day], day: Ints, evaluation: Ints, name: str) -> Ints:
    """Return one array of the evidence for the chosen evaluations."""
    values: Ints = np.stack([getattr(evidence, name) for evidence, _ in days])[day, evaluation]
    return values


def _outlooks(days: Sequence[Day], day: Ints, evaluation: Ints, name: str) -> Floats:
    """Return one array of the outlooks for the chosen evaluations."""
    values: Floats = np.stack([getattr(outlook, name) for _, outlook in days])[day, evaluation]
    return values


def _biases(law: Law, level_f: Floats, lead_minutes: Floats) -> tuple[Floats, Floats]:
    """Return mean and spread of the day bias, by lead and level; where no level is known, those without a report."""
    leads, place = np.unique(lead_minutes, return_inverse=True)
    biases = [*(law.bias_at(lead) for lead in leads.tolist()), law.biases[NO_REPORT]]
    chosen = np.where(np.isnan(level_f), len(leads), place)
    mean_f, share, sd_f = np.array([(bias.mean_f, bias.share, bias.sd_f) for bias in biases])[chosen].T
    return mean_f + share * np.nan_to_num(level_f), sd_f


def _records(days: Sequence[Day], law: Law, day: Ints, evaluation: Ints) -> tuple[Ints, Floats]:
    """Return the lowest degree of each running maximum and the chances of it and the next ones."""
    kinds = [
        days[place][0].record_kind[number] for place, number in zip(day.tolist(), evaluation.tolist(), strict=True)
    ]
    nothing = (np.nan,) * RECORD_OFFSETS
    chances = np.array([nothing if kind is None else law.records[kind] for kind in kinds])
    return _all(days, day, evaluation, "record_lo_f").astype(np.int64), chances


def _barriers(first_f: Ints, chances: Floats, law: Law) -> Floats:
    """Return above which temperatures a new maximum begins, for each degree that the old one can be."""
    degree_f = first_f[:, None] + np.arange(chances.shape[1])
    return np.where(np.isnan(chances), np.nan, degree_f + 0.5 - law.station_offset_f)


def _reach_f(bias_sd_f: Floats, air_sd_f: float, *, far: bool) -> Floats:
    """Return how far from its middle a distribution is listed; a Student law reaches as far as it is cut."""
    if far:
        return np.asarray(_SD_LISTED * bias_sd_f + _AIR_SD_LISTED * air_sd_f, dtype=np.float64)
    return np.asarray(_SD_LISTED * np.hypot(bias_sd_f, air_sd_f), dtype=np.float64)


def _degrees(
    curves_f: Floats, curve: Ints, *, step: Ints, level_f: Floats, reach_f: Floats, record_f: Floats
) -> tuple[Ints, int]:
    """Return the first degree of each curve's distributions, and how many degrees all of them list."""
    ahead_f = np.maximum.accumulate(curves_f[:, ::-1], axis=1)[:, ::-1]
    peak_f = ahead_f[curve, np.minimum(step + 1, STEPS)] + level_f
    lowest_f = np.where(np.isnan(record_f), peak_f - reach_f, record_f)
    highest_f = np.fmax(peak_f + reach_f, record_f + RECORD_OFFSETS)
    first, last = np.full(len(curves_f), np.inf), np.full(len(curves_f), -np.inf)
    np.minimum.at(first, curve, np.floor(lowest_f))
    np.maximum.at(last, curve, np.ceil(highest_f))
    return first.astype(np.int64), int((last - first).max()) + 1
