"""A small demo lake with laws written by hand, and two of its days run; tests only read it, or a copy of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr

from kwx.hazard.backfill import run_day
from kwx.hazard.law import HOURS, LEADS, NO_REPORT, Baseline, DayBias, Law, RecordKind, hour_label
from kwx.hazard.recipe import Recipe
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, MC_PARAMS, PMF_MINUTE, SETTLEMENTS, Partition, Table
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

if TYPE_CHECKING:
    from tests.kwx.live.lived_days import LivedDay

RAN = (date(2026, 11, 1), date(2026, 11, 2))


def a_law(baseline: Baseline = Baseline.TEMPLATE, **changes: object) -> Law:
    """Return a plausible law of Chicago in autumn, as if fitted up to the day before the eve of the world."""
    steps = np.arange(289)
    values = {
        "city": "chicago",
        "baseline": baseline,
        "forecast_source": "vc" if baseline is Baseline.TIMELINE else None,
        "rho": 0.98,
        "sigma_f": {hour_label(hours): 0.3 for hours in HOURS},
        "templates_f": {"all": 52 + 8 * np.cos(2 * np.pi * (steps - 183) / 288)},
        "half_life_minutes": 120.0,
        "biases": {str(lead): DayBias(0.0, 0.8, 1.5) for lead in LEADS} | {NO_REPORT: DayBias(0.0, 0.0, 6.0)},
        "tail_dof": None,
        "station_offset_f": 0.3,
        "records": dict.fromkeys(RecordKind, (0.9, 0.08, 0.02, 0.0, 0.0)),
        "fitted_utc": datetime(2026, 11, 10, tzinfo=UTC),
        "since": date(2026, 10, 1),
        "until": date(2026, 10, 29),
        "days": 20,
        "snapshot": 1,
    }
    return Law(**(values | changes))


def publish(root: Path, table: Table, rows: pl.DataFrame, partition: Partition) -> None:
    """Publish what a partition shall hold, without asking the checks."""
    with write(Lake(root), purpose="test") as writer:
        writer.put(table, rows, partition)
        writer.publish()


@pytest.fixture(scope="session")
def law_of() -> Callable[..., Law]:
    """Return a law, with what is said changed."""
    return a_law


@pytest.fixture(scope="session")
def put() -> Callable[[Path, Table, pl.DataFrame, Partition], None]:
    """Publish what a partition shall hold, whatever the checks would say."""
    return publish


@pytest.fixture(scope="session")
def hazard_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo lake with a law of Chicago for each baseline, none of New York, and two days of Chicago run."""
    root = tmp_path_factory.mktemp("hazard") / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    publish(root, MC_PARAMS, pl.concat(a_law(baseline).row() for baseline in Baseline), Partition("chicago"))
    for day in RAN:
        run_day("chicago", day, Recipe(), root)
    return root


def priced(minutes: pl.DataFrame) -> pl.DataFrame:
    """Return minutes with a market that doubts the weather, and a mixture of both, made by hand."""
    by_market = 0.8 * pl.col("p_wx") + 0.2 / 6
    return minutes.with_columns(p_mkt=by_market, p_fused_norm=(pl.col("p_wx") + by_market) / 2)


@pytest.fixture(scope="session")
def priced_lake(hazard_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a market and a fusion of it in the two days that are run."""
    root = tmp_path_factory.mktemp("priced") / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    for day in RAN:
        minutes = Lake(root).snapshot().read(PMF_MINUTE, Partition("chicago", day))
        publish(root, PMF_MINUTE, priced(minutes).select(PMF_MINUTE.schema.names()), Partition("chicago", day))
    return root


@pytest.fixture(scope="session")
def fused_lake(hazard_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as the hazard lake, with the two days that are run fused by a weight that was said."""
    from kwx.fuse.market.recipe import MarketRecipe
    from kwx.fuse.run import FuseWish, fuse_days
    from kwx.fuse.weights import said_weight

    root = tmp_path_factory.mktemp("fused") / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    fuse_days(FuseWish(weights=said_weight(0.7, pool="log_linear", market=MarketRecipe())), root, workers=1)
    return root


@pytest.fixture(scope="session")
def lived(fused_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> LivedDay:
    """A day of the fused lake, lived in a copy of it and told to that; tests only read it, or a copy of the copy."""
    from kwx.live.shadow.publish import publish_shadow
    from tests.kwx.live.lived_days import DAY, live_day

    root = tmp_path_factory.mktemp("lived") / "lake"
    shutil.copytree(fused_lake, root, symlinks=True)
    day = live_day(root)
    publish_shadow(day.lake, day.journal, [DAY])
    return day


@pytest.fixture(scope="session")
def long_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four days of Chicago around a DST change, evaluated hourly: normal laws that narrow towards the high."""
    root, rng = tmp_path_factory.mktemp("long") / "lake", np.random.default_rng(6)
    donor = Lake(demo_lake).snapshot()
    listed = donor.read(MARKETS, Partition("chicago", RAN[0])).sort("bracket_order").select(MARKETS.schema.names())
    told = donor.read(SETTLEMENTS, Partition("chicago", RAN[0])).filter(pl.col("source") == "kalshi")
    with write(Lake(root), purpose="test") as writer:
        for number in range(24):
            event_date = date(2026, 2, 24) + timedelta(days=number)
            partition, markets = Partition("chicago", event_date), relisted(listed, event_date)
            middle_f = float(markets["low_f"].median()) + rng.normal(0, 2)  # type: ignore[operator,arg-type]
            high_f = round(middle_f + rng.normal(0, 2))
            writer.put(MARKETS, markets, partition)
            writer.put(PMF_MINUTE, narrowing(markets, middle_f, high_f), partition)
            issued = pl.lit(markets["close_utc"][0] + timedelta(hours=9))
            settled = told.with_columns(issued_utc=issued, known_utc=issued, high_f=pl.lit(high_f, pl.Int32))
            writer.put(SETTLEMENTS, settled.select(SETTLEMENTS.schema.names()), partition)
        writer.publish()
    return root


def relisted(markets: pl.DataFrame, event_date: date) -> pl.DataFrame:
    """Return the markets of one day as those of another, not settled yet."""
    day, old = ClimateDay(CITIES["chicago"], event_date), markets["event_ticker"][0]
    event = f"{CITIES['chicago'].series}-{event_date:%y%b%d}".upper()
    return markets.with_columns(
        pl.col("market_ticker").str.replace(old, event, literal=True),
        event_ticker=pl.lit(event),
        open_utc=pl.lit(day.start_utc - timedelta(hours=10)),
        known_utc=pl.lit(day.start_utc - timedelta(hours=10)),
        close_utc=pl.lit(day.end_utc),
        settled_utc=pl.lit(None, pl.Datetime("us", "UTC")),
        result=pl.lit(None, pl.String),
        expiration_value_f=pl.lit(None, pl.Int32),
    )


def narrowing(markets: pl.DataFrame, middle_f: float, high_f: int) -> pl.DataFrame:
    """Return a row for each market and hour: the weather knows more than the market, from hour to hour more."""
    hours = int((markets["close_utc"][0] - markets["open_utc"][0]).total_seconds()) // 3600
    edges_f = np.array([-np.inf, *(markets["high_f"].drop_nulls().to_numpy() + 0.5), np.inf])
    known = np.linspace(0, 1, hours)[:, None]
    z = edges_f - (middle_f + known * (high_f - middle_f))
    by_weather, by_market = (np.diff(ndtr(z / (sd * (1 - known) + 0.3)), axis=1) for sd in (1.8, 4.0))
    hazard = np.where(known[:, 0] > 0.5, np.exp(-6 * known[:, 0]), np.nan)
    ts_utc = [markets["open_utc"][0] + timedelta(hours=hour) for hour in range(hours)]
    rows = [
        pl.DataFrame(
            {"market_ticker": name, "ts_utc": ts_utc, "p_wx": ours, "p_mkt": theirs, "hazard_next_60m": hazard}
        )
        for name, ours, theirs in zip(markets["market_ticker"], by_weather.T, by_market.T, strict=True)
    ]
    told = pl.concat(rows).with_columns(
        p_fused_norm=(pl.col("p_wx") + pl.col("p_mkt")) / 2,
        wx_utc="ts_utc",
        hazard_next_60m=pl.col("hazard_next_60m").fill_nan(None),
    )
    return told.select(
        (pl.col(name) if name in told.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in PMF_MINUTE.schema.items()
    )


@pytest.fixture
def own_lake(hazard_lake: Path, tmp_path: Path) -> Path:
    """A copy of it that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    return root


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; return exit code, output and errors."""

    def run(*words: object, lake: Path | None = None) -> tuple[int, str, str]:
        from kwx.cli import main

        monkeypatch.chdir(tmp_path)
        if lake is not None:
            monkeypatch.setenv("KWX_LAKE", str(lake))
        monkeypatch.setattr(sys, "argv", ["kwx", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def copied(demo_lake: Path, tmp_path: Path) -> Path:
    """A copy of the demo lake that may be written."""
    root = tmp_path / "copied"
    shutil.copytree(demo_lake, root, symlinks=True)
    return root
