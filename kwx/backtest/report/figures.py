"""The figures of a run in words, for the terminal and the page alike: what each is, its value, what moves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from kwx.backtest.drawdown import Drawdown
from kwx.backtest.metrics import Metrics
from kwx.backtest.report.words import UNKNOWN, between, contracts, dollars, number, share
from kwx.backtest.sensitivity import Sensed
from kwx.exec.codes import FIRST_BLOCKED, Gate
from kwx.exec.ledger.orders import MAKER, TAKER
from kwx.scoring.resampling import LEAST_BLOCKS
from warehouse.lake.tables import MIDS_AFTER_MINUTES


class Figure(NamedTuple):
    """One number of a run; beside is its interval, or what else belongs to it."""

    name: str
    value: str
    beside: str


def figures_of(metrics: Metrics) -> Iterator[Figure]:
    """Yield the figures in the order in which they are read."""
    sharpe = metrics.sharpe
    fills = metrics.maker.fills + metrics.taker.fills
    yield Figure("net after fees", dollars(metrics.net_micros), between(metrics.net, dollars))
    yield Figure("per event date", dollars(metrics.per_date.value), between(metrics.per_date, dollars))
    yield Figure(
        "on capital at risk", share(metrics.return_on_risk.value), between(metrics.return_on_risk, share)
    )  # fmt: skip
    yield Figure("Sharpe per date", number(sharpe.value), between(metrics.sharpe_interval, number))
    a_year = sharpe.per_year if metrics.dates >= LEAST_BLOCKS else float("nan")
    yield Figure("Sharpe a year", number(a_year), f"standard error of a date's {number(sharpe.standard_error)}")
    yield _fall("deepest fall by dates", metrics.daily_drawdown)
    yield _fall("deepest fall at the mid", metrics.intraday_drawdown)
    yield Figure(f"fills won of {fills:,}", share(metrics.fills_won.value), between(metrics.fills_won, share))
    yield Figure(
        f"brackets won of {metrics.positions:,}", share(metrics.positions_won.value),
        between(metrics.positions_won, share),
    )  # fmt: skip
    yield Figure("turnover", dollars(metrics.outlay_micros), f"fees {dollars(metrics.fees_micros)}")
    yield _calibration(metrics)


def _fall(name: str, fall: Drawdown) -> Figure:
    if fall.trough is None:
        return Figure(name, dollars(0), UNKNOWN)
    first = "the start" if fall.peak is None else f"{fall.peak:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return Figure(name, dollars(fall.micros), f"{first} … {fall.trough:%Y-%m-%d %H:%M}".removesuffix(" 00:00"))


def _calibration(metrics: Metrics) -> Figure:
    found, name = metrics.calibration, "calibration error"
    if found is None:
        return Figure(name, UNKNOWN, f"not judged: fills on fewer than {LEAST_BLOCKS} dates")
    where = "inside" if found.inside else "leaves"
    return Figure(
        name, f"{found.ece:.4f}", f"{where} the {found.level:.0%} band of a calibrated one, p {found.p_value:.3f}"
    )


STYLES = (
    "style", "fills", "contracts", "fees", *(f"¢ after {minutes} min" for minutes in MIDS_AFTER_MINUTES),
)  # fmt: skip
"""Headers of `styles_of`: the cents that a contract gained against the mid so many minutes after its fill."""


def styles_of(metrics: Metrics) -> list[tuple[str, ...]]:
    """Return a row for makers and one for takers: how much, and where the mid went after their fills."""
    rows = []
    for style, volume in ((MAKER, metrics.maker), (TAKER, metrics.taker)):
        gained = (number(one.gained_cents.value) for one in metrics.decay if one.style == style)
        rows.append(
            (style, f"{volume.fills:,}", contracts(volume.contracts_centi), dollars(volume.fees_micros), *gained)
        )
    return rows


CASES = ("fills", "maker fee", "net", "interval", "fees", "maker fills", "taker fills")
"""Headers of `cases_of`."""


def cases_of(sensitivity: Sequence[Sensed], *, fill: str) -> list[tuple[str, ...]]:
    """Return a row for each model of fills and maker's fee; the one that was asked for is marked."""
    return [
        (
            f"{one.case.fill.value} ←" if one.case.fill.value == fill else one.case.fill.value,
            one.case.maker_fee.replace("_", " "), dollars(one.net_micros), between(one.net, dollars),
            dollars(one.fees_micros), f"{one.maker_fills:,}", f"{one.taker_fills:,}",
        )
        for one in sensitivity
    ]  # fmt: skip


def gate_shares(gates: pl.DataFrame) -> pl.DataFrame:
    """Return gate, minutes, share and stopped, the most frequent first; stopped: the strategy wanted to trade."""
    stopped = [gate.word for gate in Gate if gate >= FIRST_BLOCKED]
    return (
        gates.group_by("gate")
        .agg(pl.col("minutes").sum())
        .with_columns(
            share=pl.col("minutes") / pl.col("minutes").sum(),
            stopped=pl.col("gate").is_in(stopped),
        )
        .sort("minutes", "gate", descending=[True, False])
    )
