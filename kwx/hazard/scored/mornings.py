"""Stored distributions, averaged over a window of the day, against the high that came and against references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from kwx.hazard.advice import how_to_run
from kwx.hazard.law import VERSION
from kwx.hazard.question import Floats
from kwx.scoring import brackets as of_brackets
from kwx.scoring import degrees as of_degrees
from kwx.scoring.pit import randomised_pit
from kwx.scoring.stored.labels import labels_of
from warehouse.errors import ContractBroken, Refused, Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS, PMF_DEGREES
from warehouse.market.cities import CITIES
from warehouse.market.ladder import Ladder

PREFERRED_VERSION = f"{VERSION}_lattice"
CLOCKS = ("lst", "local")

_ANYWHERE_F = (-60, 139)
KEYS = ("city", "event_date", "window")


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of the day, both ends included, by the clock of local standard time or by the civil one."""

    first: time
    last: time
    clock: str = "lst"

    def __post_init__(self) -> None:
        if self.clock not in CLOCKS:
            raise Usage(f"there is no clock {self.clock!r}", hint=f"clocks: {' '.join(CLOCKS)}")
        if self.last < self.first:
            raise Usage(f"the window {self.first:%H:%M} … {self.last:%H:%M} ends before it begins")

    def __str__(self) -> str:
        first, last = f"{self.first:%H:%M}", f"{self.last:%H:%M}"
        return f"{first} {self.clock}" if first == last else f"{first}-{last} {self.clock}"

    def holds(self, city: str, ts_utc: pl.Expr) -> pl.Expr:
        """Tell which instants of event_date lie in the window."""
        place = CITIES[city]
        wall = ts_utc.dt.replace_time_zone(None) + place.standard_offset
        if self.clock == "local":
            wall = ts_utc.dt.convert_time_zone(place.zone).dt.replace_time_zone(None)
        return (wall.dt.date() == pl.col("event_date")) & wall.dt.time().is_between(self.first, self.last)


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """Distributions [N, J] over first_f, first_f + 1, …, one for each of N rows."""

    first_f: int
    p: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Mornings:
    """Days and windows with a label and a distribution: `rows` says which, in the order of the other fields.

    rows: city, event_date, window, evaluations, since_utc (the first instant of the window), label_f.
    """

    rows: pl.DataFrame
    windows: Mapping[str, Window]
    forecast: Forecast
    ladders: tuple[Ladder, ...]
    snapshot: Snapshot
    mc_version: str

    @cached_property
    def labels(self) -> pl.DataFrame:
        """What every day of the lake settled on: references are made of them, scores are not."""
        return labels_of(self.snapshot)


def mornings_of(
    snapshot: Snapshot,
    windows: Sequence[Window],
    *,
    cities: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    mc_version: str | None = None,
) -> Mornings:
    """Return the labelled days of which distributions are stored, each averaged over each window."""
    stored = snapshot.scan(PMF_DEGREES, cities=cities, since=since, until=until)
    version = _version(stored, mc_version)
    if version is None:
        raise Refused("no distribution of these days is in the lake", hint=how_to_run(snapshot, cities))
    by_name = {str(window): window for window in windows}
    evaluations = _in_windows(stored.filter(pl.col("mc_version") == version), by_name)
    labels = labels_of(snapshot, since=since, until=until)
    of_keys = evaluations.group_by(KEYS, maintain_order=True)
    rows = of_keys.agg(pl.len().alias("evaluations"), pl.col("ts_utc").min().alias("since_utc"))
    rows = rows.join(labels.drop("label_known_utc"), on=("city", "event_date"), how="inner").sort(KEYS)
    if rows.is_empty():
        raise Refused(
            "no day in this range has both a distribution in the window and a settled high",
            hint="kwx hazard backfill makes the distributions; kwx ingest settlements fetches the highs",
        )
    return Mornings(
        rows=rows,
        windows=by_name,
        forecast=averaged(rows, evaluations),
        ladders=_ladders(snapshot, rows),
        snapshot=snapshot,
        mc_version=version,
    )


def _version(stored: pl.LazyFrame, said: str | None) -> str | None:
    """Return which version to look at: the one said, else the lattice's, else the only one; None without any."""
    found = stored.select(pl.col("mc_version").unique().sort()).collect()["mc_version"].to_list()
    if not found:
        return None
    wanted = said or (PREFERRED_VERSION if PREFERRED_VERSION in found else found[0])
    if wanted not in found or (said is None and len(found) > 1 and wanted != PREFERRED_VERSION):
        raise Usage(f"of which mc_version? {said or ''} is not there", hint=f"--mc-version: {' '.join(found)}")
    return wanted


def _in_windows(stored: pl.LazyFrame, windows: Mapping[str, Window]) -> pl.DataFrame:
    """Return the evaluations that lie in a window, once for each window."""
    found = stored.select("city", "event_date", "ts_utc", "first_f", "p").collect()
    parts = [
        part.filter(window.holds(city, pl.col("ts_utc"))).with_columns(window=pl.lit(name))
        for (city,), part in found.partition_by("city", as_dict=True).items()
        for name, window in windows.items()
    ]
    return pl.concat(parts)


def averaged(rows: pl.DataFrame, evaluations: pl.DataFrame) -> Forecast:
    """Return for each row the mean of its evaluations' distributions (columns first_f and p)."""
    keys = rows.select(*KEYS).with_row_index("row")
    ours = evaluations.join(keys, on=KEYS, how="inner")
    share = pl.col("p").list.len()
    degrees = pl.int_ranges(pl.col("first_f"), pl.col("first_f") + share.cast(pl.Int32)).alias("degree")
    flat = ours.select("row", degrees, "p").explode("degree", "p", empty_as_null=False, keep_nulls=False)
    first_f, last_f = (int(flat["degree"].min()), int(flat["degree"].max()))  # type: ignore[arg-type]
    p = np.zeros((rows.height, last_f - first_f + 1))
    np.add.at(p, (flat["row"].to_numpy(), flat["degree"].to_numpy() - first_f), flat["p"].to_numpy())
    return Forecast(first_f=first_f, p=p / p.sum(axis=1, keepdims=True))


def _ladders(snapshot: Snapshot, rows: pl.DataFrame) -> tuple[Ladder, ...]:
    """Return the ladder of each row: of the day's event, the newest series first, else brackets of 2 °F."""
    days = rows.select("city", "event_date").unique(maintain_order=True)
    span = {"since": days["event_date"].min(), "until": days["event_date"].max()}
    markets = snapshot.scan(MARKETS, cities=days["city"].unique().to_list(), **span).collect()  # type: ignore[arg-type]
    events = markets.partition_by("city", "event_date", "event_ticker", as_dict=True)
    found: dict[tuple[Any, ...], Ladder] = {}
    for (city, event_date, _), event in sorted(events.items(), reverse=True, key=lambda one: str(one[0])):
        try:
            found.setdefault((city, event_date), Ladder.of_event(event))
        except ContractBroken:
            continue  # such an event has no place in pmf_minute either
    untraded = Ladder.even(*_ANYWHERE_F)
    return tuple(
        found.get((city, event_date), untraded) for city, event_date in rows.select("city", "event_date").iter_rows()
    )


def scores(mornings: Mornings, forecast: Forecast, there: Sequence[bool] | None = None) -> pl.DataFrame:
    """Return the scores of distributions against the labels, null where a row has none."""
    label_f = mornings.rows["label_f"].to_numpy().astype(np.int64)
    known = np.ones(len(label_f), dtype=bool) if there is None else np.asarray(there)
    values = {name: np.full(len(known), np.nan) for name in ("p_winner", "expected_f", "crps", "log_loss", "rps")}
    p = forecast.p[known]
    values["expected_f"][known] = p @ (forecast.first_f + np.arange(p.shape[1]))
    if known.any():
        first_f = np.full(len(p), forecast.first_f)
        values["crps"][known] = of_degrees.crps(p, first_f=first_f, outcome_f=label_f[known])
    for row in np.flatnonzero(known).tolist():
        ladder = mornings.ladders[row]
        masses = ladder.masses(forecast.p[row], forecast.first_f)
        scored = bracket_scores(masses / masses.sum(), ladder.winner(int(label_f[row])))
        for name, value in scored.items():
            values[name][row] = value
    return pl.DataFrame({name: pl.Series(column).fill_nan(None) for name, column in values.items()})


def bracket_scores(masses: Floats, winner: int) -> dict[str, float]:
    """Return the scores of one ladder."""
    return {
        "p_winner": float(masses[winner]),
        "log_loss": float(of_brackets.log_loss(masses[None], winner=[winner])[0]),
        "rps": float(of_brackets.rps(masses[None], winner=[winner])[0]),
    }


def pit_of(mornings: Mornings, *, seed: int = 0) -> Floats:
    """Return the randomised PIT of each row."""
    first_f = np.full(mornings.rows.height, mornings.forecast.first_f)
    return randomised_pit(
        mornings.forecast.p, first_f=first_f, outcome_f=mornings.rows["label_f"].to_numpy(), seed=seed
    )
