"""A lake of two cities and thirty days whose highs follow a law that is known, and a window fitted on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.models.artifact import Artifact
from kwx.models.tmax.fit import fit_window
from kwx.models.tmax.recipe import TmaxRecipe
from kwx.models.windows import Window
from pipelines.transform.grids import observation_grid
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import (
    FORECASTS,
    MARKETS,
    OBS,
    OBS_5M,
    PMF_MINUTE,
    SETTLEMENTS,
    Partition,
    Table,
)
from warehouse.lake.writer import Writer, write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

FIRST, DAYS = date(2026, 3, 20), 30
WINDOW = Window(
    train_since=FIRST, train_until=FIRST + timedelta(days=23),
    test_since=FIRST + timedelta(days=25), test_until=FIRST + timedelta(days=29),
)  # fmt: skip
TMAX_CITIES = ("chicago", "nyc")
QUICK = TmaxRecipe(cities=TMAX_CITIES, fit_every_minutes=30, rounds=60, least_rows=60, learning_rate=0.15)
QUICK_TOD = TmaxRecipe(family="tod", rounds=60, least_rows=40, learning_rate=0.15)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One day of the made-up world: what was forecast on the eve and in the morning, and what came."""

    city: str
    event_date: date
    eve_f: float
    morning_f: float
    high_f: int


def drawn_days() -> list[Drawn]:
    """Draw the days: the morning's forecast knows more than the eve's, and the high is the end of a smooth curve."""
    rng = np.random.default_rng(17)
    days = []
    for city in TMAX_CITIES:
        for number in range(DAYS):
            high = 60 + 8 * np.sin(number / 5) + rng.normal(0, 4)
            days.append(
                Drawn(
                    city=city, event_date=FIRST + timedelta(days=number), eve_f=round(high + rng.normal(0, 2), 1),
                    morning_f=round(high + rng.normal(0, 1), 1), high_f=round(high),
                )
            )  # fmt: skip
    return days


def obs_of(drawn: Drawn, *, high_f: float | None = None) -> pl.DataFrame:
    """Return reports every ten minutes, five minutes late, of a day that is warmest at 15:00 standard time."""
    day = ClimateDay(CITIES[drawn.city], drawn.event_date)
    minutes = np.arange(0, 1440, 10)
    low = 12 + 3 * np.sin(drawn.event_date.toordinal())
    top = drawn.high_f if high_f is None else high_f
    temp_f = np.round(top - low * (1 - np.cos(2 * np.pi * (minutes - 900) / 1440)) / 2, 1)
    stamps = [day.start_utc + timedelta(minutes=int(minute)) for minute in minutes]
    told = {
        "ts_utc": stamps, "source": "metar", "station": CITIES[drawn.city].station, "temp_f": temp_f,
        "temp_lo_f": np.floor(temp_f + 0.5), "temp_hi_f": np.floor(temp_f + 0.5), "is_whole_c": False,
        "is_filled": False, "known_utc": [stamp + timedelta(minutes=5) for stamp in stamps],
    }  # fmt: skip
    return table_of(OBS, told, rows=len(stamps))


def forecasts_of(drawn: Drawn) -> pl.DataFrame:
    """Return the forecast of the eve and of the morning."""
    day = ClimateDay(CITIES[drawn.city], drawn.event_date)
    issued = [day.start_utc - timedelta(hours=20), day.start_utc + timedelta(hours=6)]
    told = {
        "source": "nbm", "issued_utc": issued, "valid_utc": [day.end_utc] * 2,
        "known_utc": [one + timedelta(hours=1) for one in issued], "high_f": [drawn.eve_f, drawn.morning_f],
    }  # fmt: skip
    return table_of(FORECASTS, told, rows=2)


def settlement_of(
    drawn: Drawn, *, high_f: int | None = None, known_after: timedelta = timedelta(hours=9)
) -> pl.DataFrame:
    """Return the final report of a day, issued nine hours after its end."""
    issued = ClimateDay(CITIES[drawn.city], drawn.event_date).end_utc + timedelta(hours=9)
    known = issued - timedelta(hours=9) + max(known_after, timedelta(hours=9))
    told = {
        "source": "cli", "issued_utc": issued, "known_utc": known, "high_f": high_f or drawn.high_f, "is_final": True,
        "is_correction": False,
    }  # fmt: skip
    return table_of(SETTLEMENTS, told, rows=1)


def table_of(table: Table, told: dict[str, object], *, rows: int) -> pl.DataFrame:
    """Return rows of a table; null where nothing is told."""
    given = pl.DataFrame({"nothing": [None] * rows}).with_columns(
        **{name: pl.Series(values) if isinstance(values, (list, np.ndarray)) else pl.lit(values)
           for name, values in told.items()}
    )  # fmt: skip
    return given.select(
        (pl.col(name) if name in told else pl.lit(None)).cast(dtype).alias(name) for name, dtype in table.schema.items()
    )


def markets_of_day(donor: pl.DataFrame, drawn: Drawn) -> pl.DataFrame:
    """Return six brackets around the eve's forecast, made from those of another day."""
    day = ClimateDay(CITIES[drawn.city], drawn.event_date)
    event = f"{CITIES[drawn.city].series}-{drawn.event_date:%y%b%d}".upper()
    low = round(drawn.eve_f) // 2 * 2 - 4
    lows: list[int | None] = [None, low, low + 2, low + 4, low + 6, low + 8]
    highs: list[int | None] = [low - 1, low + 1, low + 3, low + 5, low + 7, None]
    names = [f"{event}-T{low}", *(f"{event}-B{one}.5" for one in lows[1:-1]), f"{event}-T{low + 7}"]
    return donor.sort("bracket_order").with_columns(
        market_ticker=pl.Series(names), event_ticker=pl.lit(event),
        low_f=pl.Series(lows, dtype=pl.Int32), high_f=pl.Series(highs, dtype=pl.Int32),
        open_utc=pl.lit(day.start_utc - timedelta(hours=14)), close_utc=pl.lit(day.end_utc),
        known_utc=pl.lit(day.start_utc - timedelta(hours=14)),
        settled_utc=pl.lit(None, pl.Datetime("us", "UTC")), result=pl.lit(None, pl.String),
        expiration_value_f=pl.lit(None, pl.Int32),
    )  # fmt: skip


def put_weather(writer: Writer, drawn: Drawn, **changes: object) -> None:
    """Put the reports, the grid and the forecasts of a day."""
    partition = Partition(drawn.city, drawn.event_date)
    obs = obs_of(drawn, **changes)  # type: ignore[arg-type]
    day = ClimateDay(CITIES[drawn.city], drawn.event_date)
    writer.put(OBS_5M, observation_grid(obs, day=day, step_minutes=5), partition)
    writer.put(FORECASTS, forecasts_of(drawn), partition)


@pytest.fixture(scope="session")
def tmax_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake; on its last day the market says one sixth of each bracket of Chicago."""
    root = tmp_path_factory.mktemp("tmax") / "lake"
    donor = Lake(demo_lake).snapshot().read(MARKETS, Partition("chicago", date(2026, 11, 1)))
    with write(Lake(root), purpose="test") as writer:
        for drawn in drawn_days():
            partition = Partition(drawn.city, drawn.event_date)
            markets = markets_of_day(donor.select(MARKETS.schema.names()), drawn)
            put_weather(writer, drawn)
            writer.put(MARKETS, markets, partition)
            writer.put(SETTLEMENTS, settlement_of(drawn), partition)
            if drawn.city == "chicago" and drawn.event_date == WINDOW.test_until:
                noon: datetime = ClimateDay(CITIES["chicago"], drawn.event_date).start_utc + timedelta(hours=12)
                told = {"market_ticker": markets["market_ticker"].to_list(), "ts_utc": noon, "p_mkt": 1 / 6}
                writer.put(PMF_MINUTE, table_of(PMF_MINUTE, told, rows=6), partition)
        writer.publish()
    return root


@pytest.fixture
def changed_lake(tmax_lake: Path, tmp_path: Path) -> Callable[[Callable[[Writer, Snapshot], None]], Snapshot]:
    """Return a copy of the lake in which something was put otherwise."""

    def change(put: Callable[[Writer, Snapshot], None]) -> Snapshot:
        root = tmp_path / "lake"
        shutil.copytree(tmax_lake, root, symlinks=True)
        with write(Lake(root), purpose="test") as writer:
            put(writer, Lake(tmax_lake).snapshot())
            writer.publish()
        return Lake(root).snapshot()

    return change


@pytest.fixture(scope="session")
def snapshot(tmax_lake: Path) -> Snapshot:
    """The snapshot of that lake."""
    return Lake(tmax_lake).snapshot()


@pytest.fixture(scope="session")
def clocked(snapshot: Snapshot) -> Artifact:
    """The market-clock model of the window."""
    return fit_window(snapshot, "all", "all", WINDOW, QUICK)


@pytest.fixture(scope="session")
def todded(snapshot: Snapshot) -> dict[str, Artifact]:
    """The tod models of the window."""
    return {city: fit_window(snapshot, city, "all", WINDOW, QUICK_TOD) for city in TMAX_CITIES}


@pytest.fixture(scope="session")
def drawn() -> list[Drawn]:
    """The days of the world."""
    return drawn_days()
