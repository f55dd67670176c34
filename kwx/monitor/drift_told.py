"""How the page tells drift: a chart of each score and source in its limits, and the models' cards beside what came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kwx.backtest.report.words import between, number
from kwx.live.health.drift import Drift
from kwx.monitor.control import LAW, verdict
from kwx.monitor.drift import EVERY_MINUTES, Drifts, Scored, drifts_of_runs, drifts_of_sources
from kwx.monitor.look import Look
from kwx.monitor.told import UNKNOWN, Told, missing, picture, texts
from kwx.plots.control import control_chart
from kwx.plots.page import Beside, Folded, Grid, Part, Picture, Section, Tile
from kwx.plots.theme import NARROW
from warehouse.errors import Refused

_TITLE = "Drift of Brier score and calibration"
_OF_NIGHT = (
    "Here each date is judged for itself, for whoever looks. What is fitted again is decided by the nightly: it holds"
    " the mean of the last dates against those before, by the excess of the Brier score over what the probabilities"
    " claim, of promoted models too; what it finds stands among the alerts. So one may be beyond its limits and the"
    " other not."
)
_JUDGED_FIRST = ("fused", "weather", "market")


def drift(look: Look) -> Told:
    """Tell whether the stored probabilities are as good as on the dates before."""
    try:
        found = drifts_of_sources(look)
    except Refused as nothing:
        return missing("drift", _TITLE, f"No probability of these dates can be scored: {nothing}", nothing.hint)
    lived = drifts_of_runs(look)
    first, *others = sorted(found.sources, key=lambda one: _JUDGED_FIRST.index(one.name))
    words = (
        f"{found.rows:,} rows (an event and an instant, every {EVERY_MINUTES} minutes of the eve and the day) of"
        f" {found.events} settled events on {found.dates} event dates, the same for every source; each bracket is a"
        f" contract. {LAW}"
    )
    parts: list[Part] = [*texts(words, _OF_NIGHT), Beside(parts=[*_pictures(first), _grid(found)])]
    if others:
        pictures = [one for source in others for one in _pictures(source)]
        parts.append(
            Folded(title=f"The same of {' and '.join(one.name for one in others)}", parts=[Beside(parts=pictures)])
        )
    if lived:
        parts.append(_of_runs(lived))
    return Told(
        name="drift",
        section=Section(title=_TITLE, parts=parts),
        tiles=list(_tiles(first)),
        figures=_figures(found, lived),
    )


def _tiles(one: Scored) -> Iterator[Tile]:
    for label, rows in (("Brier", one.brier_by_date), ("ECE", one.ece_by_date)):
        last = rows.row(-1, named=True)
        note, state = f"{last['event_date']:%b %d}; too few dates for limits", ""
        if last["high"] is not None:
            well = last["low"] <= last["value"] <= last["high"]
            note = f"{last['event_date']:%b %d}; limits {number(last['low'], 3)} … {number(last['high'], 3)}"
            state = "ok" if well else "warn"
        yield Tile(label=f"{label}, {one.name}", value=number(last["value"], 3), note=note, state=state)  # type: ignore[arg-type]


def _pictures(one: Scored) -> list[Picture]:
    return [
        picture(
            control_chart(rows, y_title=score, title=f"{one.name}: {score}", width=NARROW),
            f"{score} of each event date, {verdict(rows)}.",
        )
        for score, rows in (("Brier score", one.brier_by_date), ("ECE", one.ece_by_date))
    ]


def _grid(found: Drifts) -> Grid:
    rows = [(one.name, number(one.brier, 4), number(one.ece, 4)) for one in found.sources]
    return Grid(title="Over all of these dates", headers=("source", "Brier", "ECE"), rows=rows)


def _of_runs(lived: list[tuple[str, Drift]]) -> Grid:
    rows = [
        (
            strategy, one.family, f"{one.rows:,}", f"{one.dates}", number(one.brier.value, 4),
            between(one.brier, lambda value: number(value, 4)), _card(one.trained_brier), number(one.ece.value, 4),
            _card(one.trained_ece),
        )
        for strategy, one in lived
    ]  # fmt: skip
    headers = ("strategy", "models", "rows", "dates", "Brier", "interval", "its card", "ECE", "its card")
    return Grid(title="What lived runs said, against their models' cards", headers=headers, rows=rows)


def _card(value: float | None) -> str:
    return UNKNOWN if value is None else number(value, 4)


def _figures(found: Drifts, lived: list[tuple[str, Drift]]) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "events": found.events,
        "dates": found.dates,
        "sources": {
            one.name: {
                "brier": one.brier,
                "ece": one.ece,
                "brier_by_date": one.brier_by_date.to_dicts(),
                "ece_by_date": one.ece_by_date.to_dicts(),
            }
            for one in found.sources
        },
        "runs": [
            {"strategy": strategy, "family": one.family, "rows": one.rows, "dates": one.dates,
             "brier_drift": one.brier_drift, "ece_drift": one.ece_drift}
            for strategy, one in lived
        ],
    }  # fmt: skip
