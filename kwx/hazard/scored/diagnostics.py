"""Looking at what was computed: whether probabilities sum to one, and how one day's chances went as its high came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from kwx.hazard.advice import how_to_run
from kwx.hazard.backfill import computed_day
from kwx.hazard.drafts import Finished
from kwx.hazard.known.days import DayData, read_days
from kwx.hazard.known.evidence import EVE_HOURS, Evidence, evidence_of
from kwx.hazard.question import GRID_MINUTES
from kwx.hazard.recipe import Recipe
from kwx.hazard.rows import event_of_ticker, minute_rows
from kwx.hazard.run import DayRun
from kwx.hazard.untraded import assumed_markets
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay
from warehouse.market.ladder import Ladder

TOLERANCE = 1e-6
ROUNDING = 1e-9
_SHOWN = ("m_run_temp_f", "m_run_lo_f", "m_run_hi_f", "hazard_next_5m", "hazard_next_60m")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """How far from one the probabilities sum; `rows` is one line for each event and version.

    Those beyond rounding come first, the worst at the top; the others by city and date.

    rows: city, event_date, of (an event, or a version of pmf_degrees), instants, deviation, worst_utc, worst_sum.
    """

    rows: pl.DataFrame

    @property
    def instants(self) -> int:
        """How many sums were looked at."""
        return int(self.rows["instants"].sum())

    @property
    def deviation(self) -> float:
        """The largest distance from one."""
        return float(self.rows["deviation"].max())  # type: ignore[arg-type]

    @property
    def passed(self) -> bool:
        """Tell whether every sum is one, as far as rounding goes."""
        return self.deviation <= TOLERANCE


def pmf_sums(
    snapshot: Snapshot, *, cities: Sequence[str] = (), since: date | None = None, until: date | None = None
) -> Sums:
    """Sum p_wx over each event and p over the degrees, at every instant."""
    minutes = snapshot.scan(PMF_MINUTE, cities=cities, since=since, until=until).filter(pl.col("p_wx").is_not_null())
    of_event = minutes.group_by("city", "event_date", event_of_ticker().alias("of"), "ts_utc")
    degrees = snapshot.scan(PMF_DEGREES, cities=cities, since=since, until=until)
    version = pl.col("mc_version").alias("of")
    of_degrees = degrees.select("city", "event_date", version, "ts_utc", pl.col("p").list.sum())
    sums = pl.concat([of_event.agg(pl.col("p_wx").sum().alias("p")), of_degrees], how="vertical")
    away = (pl.col("p") - 1).abs()
    worst = away.arg_max()
    rows = sums.group_by("city", "event_date", "of").agg(
        pl.len().alias("instants"),
        away.max().alias("deviation"),
        pl.col("ts_utc").get(worst).alias("worst_utc"),
        pl.col("p").get(worst).alias("worst_sum"),
    )
    beyond_rounding = pl.when(pl.col("deviation") > ROUNDING).then("deviation").otherwise(0.0)
    found = rows.sort(-beyond_rounding, "city", "event_date", "of").collect()
    if found.is_empty():
        raise Refused("no probabilities of these days are in the lake", hint=how_to_run(snapshot, cities))
    return Sums(rows=found)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """One day as it went. `rows`: an instant each, with the running maximum, the hazards, the mean, p by bracket.

    hour_lst counts from the opening midnight, so it is below zero on the eve. brackets: the columns of p.
    high_utc, high_f: the first of the highest reports of the day, None without any.
    label_f: what the day settled on. source: where the rows come from.
    """

    city: str
    event_date: date
    rows: pl.DataFrame
    brackets: tuple[str, ...]
    high_utc: datetime | None
    high_f: float | None
    label_f: int | None
    source: str
    mc_version: str
    bounds: tuple[tuple[int | None, int | None], ...]

    def stacked(self) -> pl.DataFrame:
        """Return a row for each instant and bracket, in the same columns for every day, so that days can be joined."""
        bounds = pl.DataFrame(
            {
                "bracket": self.brackets,
                "low_f": [low for low, _ in self.bounds],
                "high_f": [high for _, high in self.bounds],
            },
            schema_overrides={"low_f": pl.Int32, "high_f": pl.Int32},
        )
        shared = [name for name in self.rows.columns if name not in self.brackets]
        long = self.rows.unpivot(self.brackets, index=shared, variable_name="bracket", value_name="p_wx")
        long = long.join(bounds, on="bracket", maintain_order="left").with_columns(
            city=pl.lit(self.city), event_date=pl.lit(self.event_date), mc_version=pl.lit(self.mc_version)
        )
        told = ("bracket", "low_f", "high_f", "p_wx")
        columns = (
            "city",
            "event_date",
            "mc_version",
            *(name for name in shared if name != "quality"),
            *told,
            "quality",
        )
        return long.sort("ts_utc", "low_f", nulls_last=False).select(columns)


def trace_day(snapshot: Snapshot, city: str, event_date: date, recipe: Recipe) -> Trace:
    """Return how a day went: as stored, or, where its minutes are not stored, as run now without storing it."""
    partition, (data,) = Partition(city, event_date), read_days(snapshot, CITIES[city], event_date, event_date)
    ours = pl.col("mc_version") == recipe.mc_version
    degrees = snapshot.read(PMF_DEGREES, partition).filter(ours)
    minutes = snapshot.read(PMF_MINUTE, partition).filter(ours, pl.col("wx_utc") == pl.col("ts_utc"))
    if degrees.is_empty() or minutes.is_empty():
        run, day = computed_day(snapshot, city, event_date, recipe)
        return trace_of(run, day, source=f"run now, {recipe.mc_version}")
    source = f"stored, {recipe.mc_version}"
    return _trace(data, evidence_of(data.day, data.obs), degrees, minutes, source=source)


def trace_of(run: DayRun, day: Finished, *, source: str) -> Trace:
    """Return how a day went that was run; where nothing is traded, by assumed brackets."""
    if day.minutes.height:
        return _trace(run.data, run.evidence, day.degrees, day.minutes, source=source)
    centre_f = float(run.distribution.expected_f[EVE_HOURS])
    run = replace(run, data=replace(run.data, markets=assumed_markets(run.data.day, centre_f)))
    minutes, _ = minute_rows(run, mc_version=day.degrees["mc_version"][0])
    return _trace(run.data, run.evidence, day.degrees, minutes, source=f"{source}, brackets assumed")


def _trace(data: DayData, evidence: Evidence, degrees: pl.DataFrame, minutes: pl.DataFrame, *, source: str) -> Trace:
    ladder = Ladder.of_event(_newest_event(data.markets, minutes))
    high_utc, high_f = _high(evidence)
    return Trace(
        city=data.day.city.key,
        event_date=data.day.event_date,
        rows=_traced(degrees, minutes, ladder, data.day),
        brackets=tuple(map(str, ladder.brackets)),
        high_utc=high_utc,
        high_f=high_f,
        label_f=data.label_f,
        source=source,
        mc_version=degrees["mc_version"][0],
        bounds=tuple((bracket.low_f, bracket.high_f) for bracket in ladder.brackets),
    )


def _newest_event(markets: pl.DataFrame, minutes: pl.DataFrame) -> pl.DataFrame:
    """Return the markets of one event that has minutes: of two series of a day the newer one."""
    traded = markets.filter(pl.col("market_ticker").is_in(minutes["market_ticker"].unique().implode()))
    return traded.filter(pl.col("event_ticker") == pl.col("event_ticker").max())


def _traced(degrees: pl.DataFrame, minutes: pl.DataFrame, ladder: Ladder, day: ClimateDay) -> pl.DataFrame:
    """Return a row for each instant of the minutes, with a column of p for each bracket."""
    named = dict(zip(ladder.names, map(str, ladder.brackets), strict=True))
    ours = minutes.filter(pl.col("market_ticker").is_in(list(named)))
    p = ours.with_columns(bracket=pl.col("market_ticker").replace_strict(named))
    wide = p.pivot("bracket", index="ts_utc", values="p_wx", maintain_order=True)
    shared = ours.unique("ts_utc", maintain_order=True).select("ts_utc", *_SHOWN, "quality")
    rows = shared.join(_expected(degrees), on="ts_utc", how="left").join(wide, on="ts_utc").sort("ts_utc")
    hour_lst = (pl.col("ts_utc") - day.start_utc).dt.total_minutes() / 60
    return rows.select("ts_utc", hour_lst.alias("hour_lst"), *_SHOWN, "expected_f", *named.values(), "quality")


def _expected(degrees: pl.DataFrame) -> pl.DataFrame:
    """Return the mean of each distribution."""
    size = pl.col("p").list.len().cast(pl.Int32)
    flat = degrees.with_columns(degree=pl.int_ranges(pl.col("first_f"), pl.col("first_f") + size))
    flat = flat.select("ts_utc", "degree", "p").explode("degree", "p", empty_as_null=False, keep_nulls=False)
    return flat.group_by("ts_utc", maintain_order=True).agg(expected_f=(pl.col("degree") * pl.col("p")).sum())


def _high(evidence: Evidence) -> tuple[datetime | None, float | None]:
    """Return the step at which the highest report of the day was measured first, and what it said."""
    ours = (evidence.reports_step >= 0) & (evidence.reports_known < len(evidence))
    if not ours.any():
        return None, None
    highest = int(np.argmax(np.where(ours, evidence.reports_f, -np.inf)))
    at_utc = evidence.day.start_utc + timedelta(minutes=GRID_MINUTES * int(evidence.reports_step[highest]))
    return at_utc, float(evidence.reports_f[highest])
