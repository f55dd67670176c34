"""A world is its settings: same settings, same bytes, whoever asks and for whatever range."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path

import polars as pl
import pytest

from pipelines.demo import CityDay, World, simulate
from warehouse.errors import BadDateRange, UnknownCity, Usage
from warehouse.lake.tables import Partition, table

REPOSITORY = Path(__file__).parents[3]
EVERY_EVENT_TABLE = {
    *("markets", "candles_1m", "trades", "books", "obs", "forecasts", "settlements"),
    *("truth_minutes", "truth_days", "truth_probabilities"),
}
FINGERPRINT = """
import hashlib
from datetime import date
from pipelines.demo import World, simulate
digest = hashlib.sha256()
for day in simulate(World(days=1, until=date(2026, 11, 2)), "miami"):
    for name in sorted(day.frames):
        digest.update(day.frames[name].write_ndjson().encode())
print(digest.hexdigest())
"""


def same(first: CityDay, second: CityDay) -> bool:
    """Tell whether two days hold the same rows in the same order."""
    alike = first.partition == second.partition and first.frames.keys() == second.frames.keys()
    return alike and all(frame.equals(second.frames[name]) for name, frame in first.frames.items())


def printed_fingerprint(threads: int) -> str:
    """Return what another process makes of the same world."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "PYTHONHASHSEED": str(threads)}
    asked = [sys.executable, "-c", FINGERPRINT]
    return subprocess.run(asked, cwd=REPOSITORY, env=environment, check=True, capture_output=True, text=True).stdout


def test_a_world_drawn_again_is_the_same_to_the_last_row(lagging_world: World, lagging: list[CityDay]) -> None:
    """The same settings give the same rows in the same order."""
    again = list(simulate(replace(lagging_world), "chicago"))

    assert [True] * 4 == [same(first, second) for first, second in zip(lagging, again, strict=True)]


def test_another_process_with_other_threads_draws_the_same_bytes() -> None:
    """Neither the hash seed of the interpreter nor the number of cores reaches a world."""
    assert printed_fingerprint(threads=1) == printed_fingerprint(threads=2)


def test_chunks_put_together_are_the_whole(lagging_world: World, lagging: list[CityDay]) -> None:
    """A range changes which days come, never what they hold."""
    chunks = [list(simulate(lagging_world, "chicago", day, day)) for day in lagging_world.event_dates]

    assert [2, 1, 1] == [len(chunk) for chunk in chunks]
    assert all(same(first, second) for first, second in zip(lagging, chain(*chunks), strict=True))


def test_another_seed_is_another_world(lagging_world: World, lagging: list[CityDay]) -> None:
    """The seed reaches the weather."""
    other = next(simulate(replace(lagging_world, seed=8), "chicago"))

    assert not lagging[0].frames["truth_minutes"].equals(other.frames["truth_minutes"])


def test_cities_have_weather_of_their_own(lagging_world: World, lagging: list[CityDay]) -> None:
    """Two cities share no chance."""
    other = next(simulate(lagging_world, "nyc"))

    assert not lagging[0].frames["truth_minutes"]["temp_f"].equals(other.frames["truth_minutes"]["temp_f"])


def test_the_eve_comes_first_with_weather_alone(lagging_world: World, lagging: list[CityDay]) -> None:
    """Markets open on the day before, so its weather is there and its markets are not."""
    eve = lagging[0]

    assert Partition("chicago", date(2026, 10, 30)) == eve.partition
    assert {"obs", "settlements", "truth_minutes", "truth_days"} == set(eve.frames)


def test_every_event_day_fills_every_table(lagging: list[CityDay]) -> None:
    """An event day has each table of the demo."""
    assert [EVERY_EVENT_TABLE] * 3 == [set(day.frames) for day in lagging[1:]]


def test_books_can_be_left_out(lagging_world: World, lagging: list[CityDay]) -> None:
    """Without books nothing else changes."""
    *_, last = simulate(replace(lagging_world, books=False), "chicago")

    assert EVERY_EVENT_TABLE - {"books"} == set(last.frames)
    assert last.frames["candles_1m"].equals(lagging[-1].frames["candles_1m"])


@pytest.mark.parametrize("key", World().cities)
def test_frames_of_every_city_are_admitted_as_they_are(key: str) -> None:
    """What comes out has already passed its contract, in stored order."""
    *_, day = simulate(World(days=1, books=False), key)

    for name, frame in day.frames.items():
        assert frame.equals(table(name).admit(frame, day.partition)), name


def test_event_dates_end_with_until() -> None:
    """A world of three days holds the last three."""
    world = World(days=3, until=date(2026, 11, 2))

    assert (date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2)) == world.event_dates
    assert date(2026, 10, 30) == world.eve


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"days": 0}, BadDateRange),
        ({"seed": -1}, Usage),
        ({"efficiency": 1.01}, Usage),
        ({"efficiency": -0.1}, Usage),
        ({"cities": ("gotham",)}, UnknownCity),
        ({"cities": ("chi",)}, Usage),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], error: type[Exception]) -> None:
    """A world that cannot be drawn is refused when it is named."""
    with pytest.raises(error):
        World(**settings)  # type: ignore[arg-type]


def test_a_range_that_runs_backwards_is_refused(lagging_world: World) -> None:
    """The error says both ends."""
    with pytest.raises(BadDateRange, match=r"2026-11-02 … 2026-11-01"):
        next(simulate(lagging_world, "chicago", date(2026, 11, 2), date(2026, 11, 1)))


@pytest.mark.parametrize("efficiency", [1.0, 0.8])
def test_nothing_known_before_a_fork_differs_after_it(efficiency: float, known_by: Callable[..., pl.DataFrame]) -> None:
    """When everything from a midnight on is drawn anew, no row known before that midnight changes."""
    world = World(days=3, until=date(2026, 11, 2), efficiency=efficiency)
    fork = date(2026, 11, 1)
    kept, redrawn = list(simulate(world, "chicago")), list(simulate(replace(world, fork=fork), "chicago"))

    for name in EVERY_EVENT_TABLE - {"truth_days"}:
        assert known_by(kept, name, fork).equals(known_by(redrawn, name, fork)), name


def test_a_fork_changes_what_comes_after_it(lagging_world: World, lagging: list[CityDay]) -> None:
    """The fork is real: the forked day has another weather and another tape."""
    *_, redrawn, _ = simulate(replace(lagging_world, fork=date(2026, 11, 1)), "chicago")

    for name in ("obs", "trades", "candles_1m", "books", "forecasts", "truth_minutes", "truth_probabilities"):
        assert not lagging[2].frames[name].equals(redrawn.frames[name]), name


@pytest.fixture
def known_by(all_rows: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    """Keep the rows and columns of a table that were known at the opening midnight of a day in Chicago."""

    def keep(days: list[CityDay], name: str, day: date) -> pl.DataFrame:
        midnight = pl.datetime(day.year, day.month, day.day, 6, time_zone="UTC")
        late = ["status", "result", "expiration_value_f", "settled_utc", "volume_centi"] if name == "markets" else []
        rows = all_rows(days, name).drop(late)
        stamp = "known_utc" if "known_utc" in rows.columns else "ts_utc"
        kept = rows.filter(pl.col(stamp) <= midnight)
        assert kept.height > 0
        return kept

    return keep
