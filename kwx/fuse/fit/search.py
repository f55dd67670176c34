"""A seeded search by Optuna (TPE): each trial is drawn where earlier ones were good."""

from __future__ import annotations

from kwx.fuse.fit.loss import Candidate, spread_of
from kwx.fuse.fit.sample import Sample
from kwx.fuse.weight import Alphas

TRIALS = 60
_CONSTANT, _VOLUME, _HAZARD, _VOLATILITY, _EXPONENT = (-8.0, 8.0), (-1.0, 1.0), (-8.0, 8.0), (-1.0, 1.0), (0.7, 2.5)


def fit_optuna(pool: str, sample: Sample, *, trials: int = TRIALS, seed: int = 0) -> Candidate:
    """Return the best trial; the same seed tries the same points."""
    import optuna

    spread = spread_of(sample)

    def loss(trial: optuna.Trial) -> float:
        return drawn(pool, trial).objective(sample, spread)

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        study.optimize(loss, n_trials=trials)
    finally:
        optuna.logging.set_verbosity(before)
    return drawn(pool, optuna.trial.FixedTrial(study.best_params))


def drawn(pool: str, trial: object) -> Candidate:
    """Return the candidate that a trial, or its fixed best numbers, stands for."""
    suggest = trial.suggest_float  # type: ignore[attr-defined]
    alphas = Alphas(
        suggest("constant", *_CONSTANT), suggest("volume", *_VOLUME), suggest("hazard", *_HAZARD),
        suggest("volatility", *_VOLATILITY),
    )  # fmt: skip
    if pool != "beta":
        return Candidate(pool=pool, alphas=alphas)
    return Candidate(pool=pool, alphas=alphas, beta_a=suggest("a", *_EXPONENT), beta_b=suggest("b", *_EXPONENT))
