"""How the page tells the health of the hazard: sums, mornings against settlements, date by date and city by city."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from kwx.backtest.report.words import number, share
from kwx.hazard.scored.diagnostics import TOLERANCE, Sums
from kwx.monitor.control import LAW, verdict
from kwx.monitor.hazard import MORNING, Judged, judged_of, shares_of_pit, sums_of
from kwx.monitor.look import Look
from kwx.monitor.told import Told, missing, picture, texts
from kwx.plots.control import control_chart
from kwx.plots.page import Beside, Grid, Part, Section, State, Tile
from kwx.plots.pit import pit_chart
from kwx.plots.theme import NARROW
from warehouse.errors import Refused, Usage

_TITLE = "Hazard"


def hazard(look: Look) -> Told:
    """Tell whether the weather's probabilities are whole, and whether mornings were right."""
    try:
        sums = sums_of(look)
    except Refused as nothing:
        return missing("hazard", _TITLE, f"The weather of these dates was not run: {nothing}", nothing.hint)
    judged, why = _judged(look)
    parts: list[Part] = [*texts(_sums_words(sums), why)]
    if judged is not None:
        parts += _mornings(judged)
    return Told(
        name="hazard", section=Section(title=_TITLE, parts=parts), tiles=[_sum_tile(sums), *_morning_tiles(judged)],
        figures=_figures(sums, judged),
    )  # fmt: skip


def _judged(look: Look) -> tuple[Judged | None, str]:
    try:
        return judged_of(look), ""
    except (Refused, Usage) as nothing:
        return None, f"Mornings cannot be held against settlements: {nothing}. {nothing.hint}."


def _sums_words(sums: Sums) -> str:
    worst = sums.rows.row(0, named=True)
    said = (
        f"Σp over {sums.instants:,} stored ladders and distributions is at most {sums.deviation:.1e} from one"
        f" ({TOLERANCE:.0e} is allowed)."
    )
    if sums.passed:
        return said
    where = f"{worst['city']} {worst['event_date']}, {worst['of']}, {worst['worst_utc']:%Y-%m-%d %H:%M}Z"
    return f"{said} The worst is {where}: kwx hazard check-pmf-sum names all of them."


def _sum_tile(sums: Sums) -> Tile:
    return Tile(
        label="Σp", value=f"{sums.deviation:.0e}", note=f"the farthest from one of {sums.instants:,} sums",
        state="ok" if sums.passed else "alarm",
    )  # fmt: skip


def _morning_tiles(judged: Judged | None) -> list[Tile]:
    if judged is None:
        return []
    last = judged.error_by_date.row(-1, named=True)
    known = last["high"] is not None
    beyond = known and not last["low"] <= last["value"] <= last["high"]
    limits = f"limits {last['low']:+.1f} … {last['high']:+.1f}" if known else "too few dates for limits"
    note = f"{last['event_date']:%b %d}, {MORNING}; {limits}"
    state: State = "warn" if beyond else "ok" if known else ""
    return [Tile(label="morning less settled", value=f"{last['value']:+.1f} °F", note=note, state=state)]


def _mornings(judged: Judged) -> list[Part]:
    rows = judged.rows
    dates = rows["event_date"].n_unique()
    words = (
        f"What {judged.mc_version} expected at {MORNING}, against what settled: {rows.height} city-days of {dates}"
        f" event dates, {_mean(rows, 'error_f'):+.2f} °F on average, CRPS {_mean(rows, 'crps'):.2f} °F, and the bracket"
        f" that won had {share(_mean(rows, 'p_winner'))}. {LAW}"
    )
    pit = picture(
        pit_chart(shares_of_pit(rows["pit"]), title="where the settled high fell", width=NARROW),
        _uniform(judged, dates),
    )
    error = picture(
        control_chart(judged.error_by_date, y_title="°F", title="expected less settled", width=NARROW),
        f"Mean over the cities of a date, {verdict(judged.error_by_date)}.",
    )
    crps = picture(
        control_chart(judged.crps_by_date, y_title="°F", title="CRPS", width=NARROW),
        f"Mean over the cities of a date, {verdict(judged.crps_by_date)}.",
    )
    return [*texts(words), Beside(parts=[error, crps, pit, _last(rows)])]


def _mean(rows: pl.DataFrame, name: str) -> float:
    return float(rows[name].to_numpy().mean())


def _uniform(judged: Judged, dates: int) -> str:
    if judged.uniform is None:
        return f"Flat where mornings are calibrated; {dates} dates are too few to test it."
    return f"Flat where mornings are calibrated: p {judged.uniform.p_value:.3f} over {judged.uniform.dates} dates."


def _last(rows: pl.DataFrame) -> Grid:
    day: date = rows["event_date"].sort()[-1]
    told = [
        (
            row["city"],
            number(row["expected_f"], 1),
            f"{row['label_f']}",
            f"{row['error_f']:+.1f}",
            share(row["p_winner"]),
        )
        for row in rows.filter(pl.col("event_date") == day).iter_rows(named=True)
    ]
    headers = ("city", "expected °F", "settled °F", "less", "p of the winner")
    return Grid(title=f"{day}, the newest that has settled", headers=headers, rows=told)


def _figures(sums: Sums, judged: Judged | None) -> dict[str, Any]:
    told: dict[str, Any] = {"sums": sums.instants, "deviation": sums.deviation, "passed": sums.passed}
    if judged is not None:
        told |= {
            "mc_version": judged.mc_version,
            "city_days": judged.rows.height,
            "error_f": _mean(judged.rows, "error_f"),
            "crps_f": _mean(judged.rows, "crps"),
            "error_by_date": judged.error_by_date.to_dicts(),
            "crps_by_date": judged.crps_by_date.to_dicts(),
            "pit_p_value": None if judged.uniform is None else judged.uniform.p_value,
        }
    return told
