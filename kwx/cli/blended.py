"""What pooling a model with the market comes to: every weight of the grid and the fitted one, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from kwx.cli.show import console, table_of
from kwx.models.blend import BlendFit, Weighed
from kwx.scoring.resampling import Estimate

_SCORES = ("brier", "log_loss", "on_market", "on_model")


def blend_rows(fits: Mapping[str, Sequence[BlendFit]]) -> pl.DataFrame:
    """Return one row for each name (a city and family), pool and weight: market alone, grid, model alone, fitted."""
    rows = [
        {
            "name": name, "pool": fit.pool, "weight": one.weight, "in_grid": one in fit.grid,
            "fitted": one is fit.at_fitted, "best": one is fit.at_best, "n": one.brier.rows, "dates": one.brier.dates,
            "level": one.brier.level,
            **{key: value for score in _SCORES for key, value in _flat(score, getattr(one, score)).items()},
            "best_low": fit.best.low, "best_high": fit.best.high,
            "fitted_low": fit.fitted.low, "fitted_high": fit.fitted.high,
        }
        for name, some in fits.items()
        for fit in some
        for one in _in_order(fit)
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.selectors.float().fill_nan(None))


def _in_order(fit: BlendFit) -> tuple[Weighed, ...]:
    market, model = fit.ends
    return (market, *fit.grid, model, fit.at_fitted)


def _flat(name: str, one: Estimate) -> dict[str, float]:
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}


def tell_blends(fits: Mapping[str, Sequence[BlendFit]]) -> None:
    """Print the grid of each pool between its ends, and which weights are best."""
    out = console()
    headers = ("weight", "Brier", "interval", "log loss", "on market", "interval", "on model", "interval")
    for name, some in fits.items():
        for fit in some:
            counts = fit.at_fitted.brier
            out.print(f"{name}, {fit.pool} pool: {counts.rows:,} rows of {counts.dates} dates", soft_wrap=True)
            out.print(table_of(headers, [_row(fit, one) for one in _in_order(fit)]))
            best, fitted = _interval(fit.best, ".2f"), _interval(fit.fitted, ".3f")
            out.print(
                f"best of the grid by Brier {fit.best.value:.2f} ({best}); fitted by log loss"
                f" {fit.fitted.value:.3f} ({fitted})\n",
                soft_wrap=True,
            )
    out.print(
        "weight: the model's share; on market, on model: Brier minus that of one side alone, below 0 is better;\n"
        "the scores at the fitted weight flatter it, for it was fitted to the same rows; intervals are of whole dates",
        soft_wrap=True,
    )


def _row(fit: BlendFit, one: Weighed) -> tuple[str, ...]:
    alone = {fit.ends[0].weight: "market alone", fit.ends[1].weight: "model alone"}
    if one is fit.at_fitted:
        said = f"fitted {one.weight:.3f}"
    else:
        said = alone[one.weight] if one in fit.ends else f"{one.weight:.2f}"
    return (
        f"{said} ←" if one is fit.at_best else said,
        f"{one.brier.value:.4f}", _interval(one.brier, ".4f"), f"{one.log_loss.value:.4f}",
        f"{one.on_market.value:+.4f}", _interval(one.on_market, "+.4f"),
        f"{one.on_model.value:+.4f}", _interval(one.on_model, "+.4f"),
    )  # fmt: skip


def _interval(one: Estimate, form: str) -> str:
    return "no interval" if one.low != one.low else f"{one.low:{form}} … {one.high:{form}}"
