"""How old what we think with is: laws of the air, weights of the fusion, calibrators, promoted models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from kwx.monitor.look import Look
from kwx.monitor.told import Told, missing, texts
from kwx.plots.page import Grid, Part, Section, State, Tile
from warehouse.lake.tables import CALIBRATORS, FUSION_PARAMS, MC_PARAMS, MODEL_RUNS, PROMOTIONS

_TITLE = "Ages of models"
LAW_DUE_DAYS = 7
"""The law of the air is due for a new fit each week."""

_FRESH, _DUE = "in time", "due"


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """One kind of fit: how many there are, and which of them is oldest by the event dates that it has seen."""

    kind: str
    fits: int
    oldest: str
    until: date
    newest_until: date
    fitted_utc: datetime
    command: str

    def age_days(self, today: date) -> int:
        """Return how many event dates before today the oldest one has seen its last."""
        return (today - self.until).days


def models(look: Look) -> Told:
    """Tell how old each kind of fit is; of each city and line only the newest counts."""
    found = [one for one in (_laws(look), _weights(look), _calibrators(look), *_promoted(look)) if one is not None]
    if not found:
        return missing(
            "models", _TITLE, "Nothing was fitted yet",
            f"kwx hazard fit-params{look.said}, then kwx fuse tune{look.said} and kwx train elasticnet{look.said}",
        )  # fmt: skip
    today = look.event_date
    rows = [
        (
            one.kind, _state(one, today), f"{one.fits}", f"{one.age_days(today)}", f"{one.until}", one.oldest,
            f"{one.newest_until}", f"{one.fitted_utc:%Y-%m-%d}", one.command,
        )
        for one in found
    ]  # fmt: skip
    headers = (
        "", "", "in use", "age in days", "seen until", "the oldest", "newest seen until", "fitted", "what renews it"
    )  # fmt: skip
    states: dict[str, State] = {_FRESH: "ok", _DUE: "warn"}
    words = (
        f"Ages are from the last event date that a fit has seen to {today}; of several the oldest is told."
        f" The law of the air is due each {LAW_DUE_DAYS} days."
    )
    parts: list[Part] = [*texts(words), Grid(headers=headers, rows=rows, states=states)]
    return Told(
        name="models", section=Section(title=_TITLE, parts=parts), tiles=[_tile(found, today)],
        figures={"fits": [_plain(one, today) for one in found]},
    )  # fmt: skip


def _state(one: Fitted, today: date) -> str:
    if one.kind != _LAW:
        return ""
    return _DUE if one.age_days(today) > LAW_DUE_DAYS else _FRESH


_LAW = "law of the air"


def _laws(look: Look) -> Fitted | None:
    rows = look.recent.scan(MC_PARAMS).select("city", "until_date", "fitted_utc").collect()
    return _oldest(look, rows, _LAW, by="city", command=f"kwx hazard fit-params{look.said}")


def _weights(look: Look) -> Fitted | None:
    rows = look.recent.scan(FUSION_PARAMS).filter("accepted").select("city", "until_date", "fitted_utc").collect()
    return _oldest(look, rows, "weights of the fusion", by="city", command=f"kwx fuse tune{look.said}")


def _calibrators(look: Look) -> Fitted | None:
    name = pl.format("{} {} {}", "city", "model_type", "horizon").alias("name")
    rows = look.recent.scan(CALIBRATORS).select(name, "until_date", "fitted_utc").collect()
    return _oldest(look, rows, "calibrators", by="name", command=f"kwx calibrate{look.said}")


def _promoted(look: Look) -> list[Fitted]:
    """Return the promoted lines of each family by their newest window, as the newest row of each line says them."""
    told = look.recent.scan(PROMOTIONS).filter(pl.col("since_utc") <= look.moment)
    lines = (
        told.sort("since_utc").group_by("city", "line").last().explode("run_ids", empty_as_null=False, keep_nulls=False)
    )
    runs = look.recent.scan(MODEL_RUNS).select("city", "run_id", "family", "until_date", "fitted_utc")
    rows = lines.select("city", "line", run_id="run_ids").join(runs, on=("city", "run_id"), how="inner").collect()
    found = (
        _oldest(look, own, str(family), by="line", command=f"kwx train {str(family).replace('_', '-')}{look.said}")
        for (family,), own in sorted(rows.partition_by("family", as_dict=True).items())
    )
    return [one for one in found if one is not None]


def _oldest(look: Look, rows: pl.DataFrame, kind: str, *, by: str, command: str) -> Fitted | None:
    """Return of the newest fits of each name, as of today, the one that has seen least."""
    rows = rows.filter(pl.col("until_date") <= look.event_date)
    if rows.is_empty():
        return None
    newest = rows.sort("until_date", "fitted_utc").group_by(by, maintain_order=True).last().sort("until_date", by)
    first: dict[str, Any] = newest.row(0, named=True)
    return Fitted(
        kind=kind, fits=newest.height, oldest=first[by], until=first["until_date"],
        newest_until=newest["until_date"].max(), fitted_utc=first["fitted_utc"], command=command,  # type: ignore[arg-type]
    )  # fmt: skip


def _tile(found: list[Fitted], today: date) -> Tile:
    oldest = max(found, key=lambda one: one.age_days(today))
    due = [one.kind for one in found if _state(one, today) == _DUE]
    return Tile(
        label="oldest fit", value=f"{oldest.age_days(today)} d", state="warn" if due else "ok",
        note=f"{', '.join(due)} due" if due else f"{oldest.kind}, {oldest.oldest}",
    )  # fmt: skip


def _plain(one: Fitted, today: date) -> dict[str, Any]:
    return {
        "kind": one.kind, "in_use": one.fits, "age_days": one.age_days(today), "until": one.until, "oldest": one.oldest,
    }  # fmt: skip
