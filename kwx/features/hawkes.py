"""A point process that excites itself: every event lifts the rate of the next ones, and the lift decays.

The rate is λ(t) = μ + α Σ exp(−β (t − tᵢ)) over the events before t (Hawkes 1971). An event brings α/β others on
average, which is below one: otherwise they would never end. Likelihood and gradient take one step for each event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from warehouse.errors import Refused, Usage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_EVENTS = 50
"""Fewer events do not tell three numbers."""
_DECAYS_PER_MINUTE = (1 / 1440, 6000.0)
_LOGITS = (-14.0, 7.0)
_FIRST_DECAYS_PER_MINUTE = (0.05, 1.0, 20.0)
"""The likelihood may have several peaks along the decay, so it is climbed from several places."""
_FIRST_BRANCHING = 0.3


@dataclass(frozen=True, kw_only=True)
class Law:
    """The three numbers of the process, each per minute; stationary, so alpha lies below beta."""

    mu_per_minute: float
    alpha_per_minute: float
    beta_per_minute: float

    def __post_init__(self) -> None:
        if not (self.mu_per_minute > 0 and 0 <= self.alpha_per_minute < self.beta_per_minute < math.inf):
            raise Refused(f"{self} is no stationary law", hint="mu > 0 and 0 <= alpha < beta are needed")

    @property
    def branching(self) -> float:
        """How many events one event brings directly, on average."""
        return self.alpha_per_minute / self.beta_per_minute

    def document(self) -> dict[str, float]:
        """Return the numbers as JSON has them."""
        return {"mu": self.mu_per_minute, "alpha": self.alpha_per_minute, "beta": self.beta_per_minute}

    @classmethod
    def of(cls, document: dict[str, float]) -> Law:
        """Return the law that `document` wrote."""
        mu, alpha, beta = (float(document[name]) for name in ("mu", "alpha", "beta"))
        return cls(mu_per_minute=mu, alpha_per_minute=alpha, beta_per_minute=beta)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tapes:
    """Events that were watched from a start to an end, on tapes that do not excite each other.

    times_minutes [N] lie tape after tape and ascend in each; of_tape [N] says which; start_minutes and end_minutes [S]
    also of the tapes on which nothing happened.
    """

    times_minutes: Floats
    of_tape: Ints
    start_minutes: Floats
    end_minutes: Floats

    def __post_init__(self) -> None:
        same = self.of_tape[1:] == self.of_tape[:-1]
        if (np.diff(self.of_tape) < 0).any() or (np.diff(self.times_minutes)[same] <= 0).any():
            raise Usage("the events of a tape ascend, no two at one instant", hint="merge the events of one instant")
        inside = self.times_minutes >= self.start_minutes[self.of_tape]
        if not (inside & (self.times_minutes <= self.end_minutes[self.of_tape])).all():
            raise Usage("an event lies outside of the time that its tape was watched")

    @classmethod
    def single(cls, times_minutes: Floats, *, minutes: float) -> Tapes:
        """Return one tape that was watched from 0 on."""
        return cls(
            times_minutes=np.asarray(times_minutes, dtype=np.float64),
            of_tape=np.zeros(len(times_minutes), dtype=np.int64),
            start_minutes=np.zeros(1),
            end_minutes=np.array([float(minutes)]),
        )

    @property
    def watched_minutes(self) -> float:
        """How long all of them together were watched."""
        return float((self.end_minutes - self.start_minutes).sum())

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether an event is the first of its tape."""
        return np.diff(self.of_tape, prepend=-1) > 0

    @property
    def gaps_minutes(self) -> Floats:
        """The time since the event before; 0 for the first of a tape."""
        gaps: Floats = np.where(self.is_first, 0.0, np.diff(self.times_minutes, prepend=0.0))
        return gaps


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The law of greatest likelihood, and the likelihood of events that come with no memory at all."""

    law: Law
    log_likelihood: float
    memoryless_log_likelihood: float
    events: int
    watched_minutes: float


def excitation(tapes: Tapes, beta_per_minute: float) -> Floats:
    """Return [N] Σ exp(−β (tᵢ − tⱼ)) over the earlier events j of the tape of each event i."""
    decay = np.where(tapes.is_first, 0.0, np.exp(-beta_per_minute * tapes.gaps_minutes))
    steps = accumulate(decay.tolist(), lambda before, fades: fades * (1.0 + before), initial=0.0)
    return np.fromiter(steps, dtype=np.float64, count=len(decay) + 1)[1:]


def log_likelihood(law: Law, tapes: Tapes) -> float:
    """Return the exact log-likelihood of all events: Σ log λ(tᵢ) − ∫λ."""
    return _with_slopes(law.mu_per_minute, law.alpha_per_minute, law.beta_per_minute, tapes)[0]


def slopes(law: Law, tapes: Tapes) -> Floats:
    """Return the exact derivatives of the log-likelihood by mu, alpha and beta."""
    return _with_slopes(law.mu_per_minute, law.alpha_per_minute, law.beta_per_minute, tapes)[1]


def _with_slopes(mu: float, alpha: float, beta: float, tapes: Tapes) -> tuple[float, Floats]:
    excited = excitation(tapes, beta)
    faster = _by_decay(tapes, beta, excited)
    rate = mu + alpha * excited
    left = tapes.end_minutes[tapes.of_tape] - tapes.times_minutes
    fade = np.exp(-beta * left)
    spent = float((1 - fade).sum())
    value = float(np.log(rate).sum()) - mu * tapes.watched_minutes - alpha / beta * spent
    by_mu = float((1 / rate).sum()) - tapes.watched_minutes
    by_alpha = float((excited / rate).sum()) - spent / beta
    by_beta = alpha * (float((faster / rate).sum()) + spent / beta**2 - float((left * fade).sum()) / beta)
    return value, np.array([by_mu, by_alpha, by_beta])


def _by_decay(tapes: Tapes, beta: float, excited: Floats) -> Floats:
    """Return the derivative of the excitation by beta, by the recursion that makes the excitation itself."""
    decay = np.where(tapes.is_first, 0.0, np.exp(-beta * tapes.gaps_minutes))
    falls = tapes.gaps_minutes * excited
    both = zip(decay.tolist(), falls.tolist(), strict=True)
    steps = accumulate(both, lambda before, now: now[0] * before - now[1], initial=0.0)
    return np.fromiter(steps, dtype=np.float64, count=len(decay) + 1)[1:]


def fit(tapes: Tapes) -> Fit:
    """Return the stationary law of greatest likelihood; refuse tapes with too few events."""
    events = len(tapes.times_minutes)
    if events < LEAST_EVENTS:
        raise Refused(f"{events} events tell no law; {LEAST_EVENTS} are needed", hint="say more days")
    mean = events / tapes.watched_minutes

    def loss(at: Floats) -> tuple[float, Floats]:
        mu, branching, beta = math.exp(at[0]), float(expit(at[1])), math.exp(at[2])
        value, (by_mu, by_alpha, by_beta) = _with_slopes(mu, branching * beta, beta, tapes)
        along = [mu * by_mu, beta * branching * (1 - branching) * by_alpha, beta * (by_beta + branching * by_alpha)]
        return -value / events, -np.array(along) / events

    bounds = [(math.log(mean) - 14, math.log(mean) + 1), _LOGITS, tuple(map(math.log, _DECAYS_PER_MINUTE))]
    logit = math.log(_FIRST_BRANCHING / (1 - _FIRST_BRANCHING))
    starts = [(math.log(mean * (1 - _FIRST_BRANCHING)), logit, math.log(beta)) for beta in _FIRST_DECAYS_PER_MINUTE]
    climbs = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(climbs, key=lambda climb: float(climb.fun)).x
    beta = math.exp(best[2])
    law = Law(mu_per_minute=math.exp(best[0]), alpha_per_minute=float(expit(best[1])) * beta, beta_per_minute=beta)
    return Fit(
        law=law,
        log_likelihood=log_likelihood(law, tapes),
        memoryless_log_likelihood=events * math.log(mean) - events,
        events=events,
        watched_minutes=tapes.watched_minutes,
    )


def intensity(law: Law, tapes: Tapes, at_minutes: Floats, *, of_tape: Ints) -> Floats:
    """Return the rate [M] just after some instants of some tapes, from the events up to each and no later one."""
    lifted = 1.0 + excitation(tapes, law.beta_per_minute)
    edges = np.searchsorted(tapes.of_tape, np.arange(len(tapes.start_minutes) + 1))
    rate: Floats = np.full(len(at_minutes), law.mu_per_minute)
    for tape, (first, end) in enumerate(pairwise(edges)):
        asked = np.flatnonzero(of_tape == tape)
        last = first + np.searchsorted(tapes.times_minutes[first:end], at_minutes[asked], side="right") - 1
        asked, last = asked[last >= first], last[last >= first]
        fade = np.exp(-law.beta_per_minute * (at_minutes[asked] - tapes.times_minutes[last]))
        rate[asked] += law.alpha_per_minute * lifted[last] * fade
    return rate


def residuals(law: Law, tapes: Tapes) -> Floats:
    """Return [N] ∫λ since the event before (or the start): of Exp(1), each apart, if the law is true."""
    before = np.concatenate([[0.0], 1.0 + excitation(tapes, law.beta_per_minute)[:-1]])
    since_start = tapes.times_minutes - tapes.start_minutes[tapes.of_tape]
    waited = np.where(tapes.is_first, since_start, tapes.gaps_minutes)
    brought = law.branching * before * -np.expm1(-law.beta_per_minute * waited)
    integrals: Floats = law.mu_per_minute * waited + np.where(tapes.is_first, 0.0, brought)
    return integrals


def simulate(law: Law, *, minutes: float, rng: np.random.Generator) -> Floats:
    """Return the events of one tape from 0 to `minutes`, by thinning (Ogata 1981)."""
    times: list[float] = []
    now = excited = 0.0
    while True:
        # Between events the rate only falls, so what it is now bounds it until the next.
        bound = law.mu_per_minute + law.alpha_per_minute * excited
        wait = rng.exponential(1 / bound)
        now += wait
        if now > minutes:
            return np.array(times)
        excited *= math.exp(-law.beta_per_minute * wait)
        if rng.random() * bound <= law.mu_per_minute + law.alpha_per_minute * excited:
            times.append(now)
            excited += 1.0
