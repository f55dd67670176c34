"""The audit of coverage itself: what is owed, what is there, and what that makes of each city-day of each table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from kwx.audits.coverage.cells import CELLS, KEYS, ORDER, WRONG, State
from kwx.audits.coverage.exchange import books_of, candles_of, dense_of, markets_of, trades_of
from kwx.audits.coverage.expected import EXCHANGE, TABLES, WEATHER, owed_cells, running_days
from kwx.audits.coverage.stale import stale_days
from kwx.audits.coverage.thought import evaluations_of, minutes_of, predictions_of
from kwx.audits.coverage.weather import forecasts_of, grids_of, reports_of, settlements_of
from kwx.audits.finding import Finding, in_order
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope, spans
from kwx.models.windows import window_dates
from warehouse.lake.tables import (
    ALL_CITIES,
    BOOKS,
    CANDLES_1M,
    MODEL_RUNS,
    OBS,
    PMF_DEGREES,
    PMF_MINUTE,
    PREDICTIONS,
    PROMOTIONS,
    TRADES,
)

_MEASURES: tuple[Callable[[Scope], pl.DataFrame], ...] = (
    markets_of, candles_of, dense_of, trades_of, books_of, reports_of, grids_of, forecasts_of, settlements_of,
    evaluations_of, minutes_of, predictions_of,
)  # fmt: skip
_RAW_OF = {**dict.fromkeys(EXCHANGE[2:], CANDLES_1M.name), **dict.fromkeys(WEATHER[1:], OBS.name)}
"""Where the raw table is missing too, bringing it brings what is derived from it."""
_ENDED = "it ended before"
_BY_VOLUME = (TRADES.name, BOOKS.name)


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """Every city-day that is owed, table by table, of one snapshot."""

    snapshot: int
    cells: pl.DataFrame
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is missing, thin or stale."""
        return not self.findings

    def worst(self) -> pl.DataFrame:
        """Return the worst state of each city-day."""
        rank = pl.col("state").replace_strict({str(one): number for number, one in enumerate(ORDER)})
        worst = self.cells.group_by("city", "event_date").agg(pl.col("state").sort_by(rank).first())
        return worst.sort("city", "event_date")


def audit_coverage(
    scope: Scope, repairs: Repairs, *, on_table: Callable[[int, int, str], None] = lambda done, total, what: None
) -> Coverage:
    """Look at what is there of every city-day that is asked for and owed."""
    parts = []
    for number, measure in enumerate(_MEASURES):
        on_table(number, len(_MEASURES) + 1, measure.__name__.replace("_", " "))
        parts.append(measure(scope))
    on_table(len(_MEASURES), len(_MEASURES) + 1, "what is made of what")
    cells = _judged(scope, pl.concat(parts))
    on_table(len(_MEASURES) + 1, len(_MEASURES) + 1, "")
    findings = in_order(_findings(scope, cells, repairs), TABLES)
    return Coverage(snapshot=scope.snapshot.number, cells=cells, findings=findings)


def _judged(scope: Scope, counted: pl.DataFrame) -> pl.DataFrame:
    """Return a cell for each city-day that is owed, with its state and the reason."""
    owed = owed_cells(scope, counted).with_columns(order=pl.int_range(pl.len()))
    cells = (
        owed.join(counted, on=KEYS, how="left")
        .join(stale_days(scope), on=("city", "event_date", "table"), how="left")
        .join(running_days(scope), left_on=("city", "event_date", "source"), right_on=_OF_ARCHIVE, how="left")
        .join(_running(scope), on=("city", "event_date"), how="left")
        .sort("order")
    )
    # Days without volume owe no trades and no books, an excluded vendor no reports: they were not counted at all.
    cells = cells.filter(~(pl.col("table").is_in(_BY_VOLUME) & pl.col("due").is_null()))
    have, due = pl.col("have").fill_null(0), pl.col("due")
    share = pl.when(due > 0).then(have / due)
    runs = pl.coalesce("runs", "runs_at_all", pl.lit(value=False))
    lacks, thin = have == 0, share < pl.col("least_share")
    ended = pl.col("event_date") > pl.col("event_date").filter(have > 0).max().over("city", "table", "source")
    state = (
        pl.when(runs & (lacks | thin)).then(pl.lit(str(State.RUNNING)))
        .when(lacks & ended).then(pl.lit(str(State.STALE)))
        .when(lacks).then(pl.lit(str(State.MISSING)))
        .when(pl.col("stale").is_not_null()).then(pl.lit(str(State.STALE)))
        .when(thin).then(pl.lit(str(State.THIN)))
        .otherwise(pl.lit(str(State.WHOLE)))
    )  # fmt: skip
    why = pl.when(lacks & ended).then(pl.lit(_ENDED)).when(lacks).then(None).otherwise("why")
    return cells.with_columns(have=have, share=share, state=state, why=why).select(
        pl.col(name).cast(dtype) for name, dtype in CELLS.items()
    )


_OF_ARCHIVE = ("city", "event_date", "archive")


def _running(scope: Scope) -> pl.DataFrame:
    days = running_days(scope).filter(pl.col("archive") == "")
    return days.select("city", "event_date", runs_at_all="runs")


def _findings(scope: Scope, cells: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    wrong = cells.filter(pl.col("state").is_in([str(one) for one in WRONG]))
    gone = {(row["city"], row["event_date"], row["table"]) for row in wrong.iter_rows(named=True)}
    speakers = Speakers.of(scope) if PREDICTIONS.name in wrong["table"] else Speakers()
    kinds = wrong.with_columns(ended=pl.col("why").eq_missing(_ENDED)).group_by(
        "city", "table", "source", "state", "ended", maintain_order=True
    )
    for (city, table, source, state, _), rows in kinds:
        for since, until in spans(rows["event_date"]):
            first = rows.filter(pl.col("event_date") == since).row(0, named=True)
            wanted = _RAW_OF.get(str(table))
            name = wanted if wanted and (city, since, wanted) in gone else str(table)
            yield Finding(
                part=str(table), city=str(city), since=since, until=until,
                what=f"{table}{f' of {source}' if source else ''}: {state}",
                found=rows.filter(pl.col("event_date").is_between(since, until)).height, example=_told(first),
                repair=_repair(repairs, name, str(city), since, until, str(source), str(state), speakers),
            )  # fmt: skip


def _told(cell: dict[str, object]) -> str:
    if cell["why"]:
        return f"{cell['event_date']}: {cell['why']}"
    if cell["due"] is None or not cell["unit"]:
        return f"{cell['event_date']}: none"
    return f"{cell['event_date']}: {cell['have']:,.0f} of {cell['due']:,.0f} {cell['unit']}"


def _repair(
    repairs: Repairs, table: str, city: str, since: date, until: date, source: str, state: str,
    speakers: Speakers,
) -> str:  # fmt: skip
    if table == PREDICTIONS.name:
        if speakers.promoted(city, until):
            return repairs.predicted(city, since, until)
        return "; ".join(repairs.of_model(family, city, until) for family in speakers.families_of(city))
    made = repairs.of_table(table, city, since, until, source=source or None)
    if table == PMF_MINUTE.name:
        fused = repairs.fused(city, since, until)
        return fused if state == State.STALE else f"{made}; {fused}"
    if table == PMF_DEGREES.name and state == State.THIN:
        return repairs.evaluated(city, since, until)  # the lake takes a day for held, however short
    return made


@dataclass(frozen=True, kw_only=True)
class Speakers:
    """Who speaks of each city: the families that have spoken, and from when on a promoted model may."""

    families: Mapping[str, list[str]] = field(default_factory=dict)
    promoted_since: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> Speakers:
        """Read from a lake what was said, and what it was told of promotions."""
        return cls(families=_families(scope), promoted_since=_promoted_since(scope))

    def families_of(self, city: str) -> list[str]:
        """Return the families that have spoken of a city; one of the settlement where none is known."""
        return self.families.get(city, ["elasticnet"])

    def promoted(self, city: str, until: date) -> bool:
        """Tell whether a promoted model, of the city or of all, may speak of dates up to one."""
        return any(self.promoted_since.get(one, date.max) <= until for one in (city, ALL_CITIES))


def _families(scope: Scope) -> dict[str, list[str]]:
    """Return the families of models that have spoken of each city."""
    runs = scope.snapshot.scan(MODEL_RUNS).select("run_id", "family")
    said = scope.snapshot.scan(PREDICTIONS, cities=scope.cities).select("city", "run_id").unique()
    both = said.join(runs, on="run_id", how="inner").group_by("city").agg(pl.col("family").unique().sort()).collect()
    return dict(both.iter_rows())


def _promoted_since(scope: Scope) -> dict[str, date]:
    """Return by city, or `all`, the first date that a promoted window is for; a line's newest row counts."""
    rows = scope.scan(PROMOTIONS).select("city", "line", "since_utc", "windows").collect()
    newest = rows.sort("since_utc").unique(["city", "line"], keep="last", maintain_order=True)
    first: dict[str, date] = {}
    for city, windows in newest.select("city", "windows").iter_rows():
        for since, _ in map(window_dates, windows or ()):
            first[city] = min(since, first.get(city, since))
    return first
