"""A tiny lake: two tables, two cities, one generation number in every row, so that a mixed state would show."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from warehouse.lake.publication import OnStep
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import OBS, SETTLEMENTS, Partition
from warehouse.lake.writer import write

DAY = date(2026, 7, 1)
CITIES = ("chicago", "miami")


def observations(generation: int, *, rows: int = 3, city: str = "chicago", day: date = DAY) -> pl.DataFrame:
    """Reports of one climate day, an hour apart from 08:00 UTC, all with the same temperature."""
    first = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=8)
    stamps = [first + timedelta(hours=number) for number in range(rows)]
    values = {
        "ts_utc": stamps,
        "source": "metar",
        "station": "KMDW",
        "temp_f": float(generation),
        "temp_lo_f": generation,
        "temp_hi_f": generation,
        "dew_f": None,
        "humidity_pct": None,
        "wind_mph": None,
        "is_whole_c": False,
        "is_filled": False,
        "max_6h_f": None,
        "max_24h_f": None,
        "known_utc": [stamp + timedelta(minutes=4) for stamp in stamps],
    }
    return pl.DataFrame(values, schema=OBS.schema)


def reports(generation: int, *, day: date = DAY) -> pl.DataFrame:
    """One final report of one day, whose high is the generation."""
    issued = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1, hours=8)
    values = {
        "source": ["cli"],
        "issued_utc": [issued],
        "known_utc": [issued],
        "high_f": [generation],
        "is_final": [True],
        "is_correction": [False],
        "as_of_utc": [None],
        "product_id": [None],
    }
    return pl.DataFrame(values, schema=SETTLEMENTS.schema)


def publish_generation(lake: Lake, generation: int, *, on_step: OnStep = lambda step: None) -> Snapshot:
    """Write the whole tiny lake as of one generation."""
    with write(lake, purpose=f"generation {generation}") as writer:
        for city in CITIES:
            writer.put(OBS, observations(generation), Partition(city, DAY))
            writer.put(SETTLEMENTS, reports(generation), Partition(city, DAY))
        return writer.publish(sources={"test": "made here"}, on_step=on_step)


def change_chicago(lake: Lake, generation: int, *, on_step: OnStep = lambda step: None) -> Snapshot:
    """Write one city's reports as of another generation; the other city's file is linked."""
    with write(lake, purpose=f"chicago {generation}") as writer:
        writer.put(SETTLEMENTS, reports(generation), Partition("chicago", DAY))
        return writer.publish(on_step=on_step)


def of_chicago(lake: Lake) -> set[int]:
    """Return the generations that the current snapshot shows for Chicago's reports."""
    with lake.connect() as con:
        return set(con.sql("select high_f from settlements where city = 'chicago'").pl()["high_f"])


def generations(lake: Lake) -> set[int]:
    """Return the generations that the current snapshot shows, through SQL, over both tables."""
    with lake.connect() as con:
        asked = "select distinct temp_f::int as g from obs union select distinct high_f from settlements"
        return set(con.sql(asked).pl()["g"])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "lake")


@pytest.fixture(name="publish_generation")
def _publish_generation() -> Callable[..., Snapshot]:
    return publish_generation


@pytest.fixture(name="change_chicago")
def _change_chicago() -> Callable[..., Snapshot]:
    return change_chicago


@pytest.fixture(name="of_chicago")
def _of_chicago() -> Callable[[Lake], set[int]]:
    return of_chicago


@pytest.fixture(name="generations")
def _generations() -> Callable[[Lake], set[int]]:
    return generations


@pytest.fixture(name="observations")
def _observations() -> Callable[..., pl.DataFrame]:
    return observations


@pytest.fixture(name="reports")
def _reports() -> Callable[..., pl.DataFrame]:
    return reports


@pytest.fixture
def in_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a piece of Python in a process of its own, with this folder's builders at hand."""

    def run(code: str, *arguments: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command_for(code, *arguments), capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


def command_for(code: str, *arguments: object) -> list[str]:
    """Return the command of a process that runs `code` with the builders imported and sys.argv[1:] set."""
    here = Path(__file__).parent
    root = here.parents[2]
    prologue = f"import os, signal, sys\nsys.path[:0] = [{str(root)!r}, {str(here)!r}]\nfrom conftest import *\n"
    return [sys.executable, "-c", prologue + textwrap.dedent(code), *map(str, arguments)]


@pytest.fixture
def command() -> Callable[..., list[str]]:
    """Return the command line of such a process, for tests that start it themselves."""
    return command_for
