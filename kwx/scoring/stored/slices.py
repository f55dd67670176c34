"""Into which slices rows fall: by lead, hour, city, hazard regime or season."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from warehouse.errors import Usage

ALL = "all"
EVE = "eve"
NO_HAZARD = "none"
"""No hazard is given on the eve, before the first report, and of weather that was not run."""

_LEAD_HOURS = (1, 3, 6, 12, 24)
_LEADS = ("0–1 h", "1–3 h", "3–6 h", "6–12 h", "12–24 h", "24 h on")
_HAZARDS = (0.01, 0.1, 0.5)
_REGIMES = ("<1 %", "1–10 %", "10–50 %", "≥50 %")
_SEASONS = {12: "DJF", 1: "DJF", 2: "DJF", 3: "MAM", 4: "MAM", 5: "MAM", 6: "JJA", 7: "JJA", 8: "JJA"}
_AUTUMN = "SON"


def sliced(rows: pl.DataFrame, by: str) -> pl.Series:
    """Return the slice of each row, as an enumeration in the order in which slices are told."""
    if by not in _SLICES:
        raise Usage(f"there are no slices by {by!r}", hint=f"slices: {' '.join(_SLICES)}")
    named, order = _SLICES[by]
    names = rows.with_columns(slice=named().cast(pl.String))["slice"]
    return names.cast(pl.Enum(order or names.unique().sort().to_list()))


def _lead() -> pl.Expr:
    """Name the hours to the close; an edge belongs to the longer lead."""
    minutes = (pl.col("close_utc") - pl.col("instant_utc")).dt.total_minutes()
    return _stepped(minutes, [60 * hours for hours in _LEAD_HOURS], _LEADS)


def _hour() -> pl.Expr:
    """Name the hour of local standard time of the event day."""
    hour = (pl.col("minute_lst") // 60).cast(pl.String).str.zfill(2)
    return pl.when(pl.col("minute_lst") < 0).then(pl.lit(EVE)).otherwise(hour)


def _hazard() -> pl.Expr:
    """Name the chance of a new maximum within the hour; an edge belongs to the larger chance."""
    hazard = pl.col("hazard_next_60m")
    return pl.when(hazard.is_null()).then(pl.lit(NO_HAZARD)).otherwise(_stepped(hazard, _HAZARDS, _REGIMES))


def _season() -> pl.Expr:
    return pl.col("event_date").dt.month().replace_strict(_SEASONS, default=_AUTUMN, return_dtype=pl.String)


def _stepped(value: pl.Expr, edges: Sequence[float], names: Sequence[str]) -> pl.Expr:
    """Name the piece between edges in which a value lies; an edge belongs to the piece above it."""
    named = pl.lit(names[0])
    for edge, name in zip(edges, names[1:], strict=True):
        named = pl.when(value >= edge).then(pl.lit(name)).otherwise(named)
    return named


_SLICES: dict[str, tuple[Callable[[], pl.Expr], tuple[str, ...] | None]] = {
    "source": (lambda: pl.lit(ALL), (ALL,)),
    "lead": (_lead, _LEADS),
    "hour": (_hour, (EVE, *(f"{hour:02d}" for hour in range(24)))),
    "city": (lambda: pl.col("city"), None),
    "hazard": (_hazard, (NO_HAZARD, *_REGIMES)),
    "season": (_season, ("DJF", "MAM", "JJA", _AUTUMN)),
}

SLICES = tuple(_SLICES)
"""What rows can be sliced by; by source alone, all rows are one slice."""
