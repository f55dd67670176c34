"""Report 01: how every kind of model did in its windows, and beside the market."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from kwx.models.accept.charts import losses_chart
from kwx.models.accept.evidence import Evidence, GroupEvidence
from kwx.models.accept.parts import Check, Grid, Picture, Report, Text
from kwx.models.registry.judged import figure

_NONZERO = ("nonzero", "nonzero_coefficients", "non_zero")
"""How the metrics of a window may call the number of coefficients that are not zero."""


def validation_summary(evidence: Evidence) -> Report:
    """Return the report: means over windows with their spread, and each window by itself."""
    return Report(
        number=1,
        title="Model validation summary",
        parts=(
            Text(
                words="Scores are made anew from the predictions that each window left of its test dates, as they are"
                " used: calibrated where there is a calibrator. Where windows overlap, a market and minute counts once,"
                " by the newest window that may serve it. Each score is the mean over the windows ± the standard"
                " deviation between them. Losses of model and market are those of the cards, over the same rows; a"
                " window weighs by the share of its test dates that no newer one tests."
            ),
            Grid(headers=_HEADERS, rows=tuple(_row(one) for one in evidence.groups)),
            Picture(name="losses", words="Log loss of every window.", chart=losses_chart(evidence.groups)),
            Text(words="Every window:"),
            _windows(evidence.groups),
        ),
        checks=tuple(_checks(evidence)),
    )


_HEADERS = (
    "models", "windows", "test rows", "said again", "tested", "log loss", "Brier", "ECE", "model loss", "market loss",
    "non-zero coefficients", "penalty",
)  # fmt: skip


def _row(one: GroupEvidence) -> tuple[object, ...]:
    market, cards = one.against_market, [window.card for window in one.windows]
    counts = [count for card in cards if (count := _nonzero(card.metrics)) is not None]
    penalties = dict.fromkeys(str(card.params["penalty"]) for card in cards if "penalty" in card.params)
    return (
        str(one.group), len(cards), sum(window.rows for window in one.windows), one.left,
        f"{min(card.test_since for card in cards)} … {max(card.test_until for card in cards)}",
        spread([window.log_loss for window in one.windows]), spread([window.brier for window in one.windows]),
        spread([window.ece for window in one.windows]), market.model, market.market,
        spread([float(count) for count in counts], digits=1), " ".join(penalties) or None,
    )  # fmt: skip


def _nonzero(metrics: dict[str, object]) -> float | None:
    return next((found for name in _NONZERO if (found := figure(metrics, name)) is not None), None)


def _windows(groups: Sequence[GroupEvidence]) -> Grid:
    headers = (
        "models", "window", "fitted", "rows", "left to newer", "log loss", "Brier", "ECE", "model loss", "market loss",
        "notes",
    )  # fmt: skip
    rows = [
        (
            str(one.group), window.card.window.name, f"{window.card.train_since} … {window.card.train_until}",
            window.rows, window.left, window.log_loss, window.brier, window.ece, window.losses.model,
            window.losses.market,
            "; ".join(window.card.notes) or None,
        )
        for one in groups
        for window in one.windows
    ]  # fmt: skip
    return Grid(headers=headers, rows=tuple(rows))


def _checks(evidence: Evidence) -> list[Check]:
    checks = []
    for one in evidence.groups:
        silent = [window.card.window.name for window in one.windows if not window.rows + window.left]
        told = f"nothing has settled of {', '.join(silent)}" if silent else f"all {len(one.windows)} windows have rows"
        checks.append(Check(name=f"{one.group} was tested", passed=len(silent) < len(one.windows), told=told))
        empty = [f"{w.card.window.name}: {w.card.degenerate}" for w in one.windows if w.card.degenerate is not None]
        checks.append(
            Check(
                name=f"{one.group} says something", passed=not empty, told="; ".join(empty) or "no window is degenerate"
            )
        )
        against = one.against_market
        told = against.objection or (
            f"log loss {against.model:.4f}, the market's {against.market:.4f}, over {against.rows:,} rows"
        )
        checks.append(
            Check(name=f"{one.group} is no worse than the market", passed=against.objection is None, told=told)
        )
    return checks


def spread(values: Sequence[float | None], *, digits: int = 4) -> str | None:
    """Return mean ± standard deviation of what is known, as people read them."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return f"{mean(known):.{digits}f}" + (f" ± {stdev(known):.{digits}f}" if len(known) > 1 else "")
