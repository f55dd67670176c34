"""A run of a lake: whatever it is asked beside its name, it is the same run, and nothing is written."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from kwx.backtest.run import Outcome, Wish, backtest, without_opinion
from kwx.exec.ledger.ledger import Ledger
from kwx.exec.runs.kept import run_of
from kwx.signals.registry import strategy
from warehouse.lake.store import Lake

pytestmark = pytest.mark.slow  # the step is compiled
WISH = Wish(strategy="accel", with_sensitivity=False)


@pytest.fixture(scope="module")
def run(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A copy of the demo lake with one run of all that it has, in one piece, and the run."""
    root = tmp_path_factory.mktemp("run") / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    return root, backtest(WISH, root)


def test_cities_that_the_lake_never_had_are_named_in_one_line(run: tuple[Path, Outcome]) -> None:
    """Nobody asked for them by name, so nothing else is said of them."""
    _, done = run

    assert ("chicago", "nyc") == done.asked.cities
    assert [note for note in done.notes if "denver" in note] == [
        "no quotes in the lake: austin, denver, los_angeles, miami, philadelphia"
    ]


def test_a_wider_question_with_the_same_answer_writes_nothing(run: tuple[Path, Outcome]) -> None:
    """A city and dates of which nothing is held are told; the run is the one that is kept, and stays as it is."""
    root, done = run
    wider = replace(WISH, cities=(*done.asked.cities, "denver"), until=done.asked.until + timedelta(days=2))

    again = backtest(wider, root)

    assert done.asked.run_id == again.asked.run_id
    assert [note.split(":")[0] for note in again.notes if "left out" in note] == [
        "chicago 2026-11-03 … 2026-11-04 (2 dates)",
        "denver 2026-10-31 … 2026-11-04 (5 dates)",
        "nyc 2026-11-03 … 2026-11-04 (2 dates)",
    ]
    assert again.built is not None
    assert not again.built.changed


def test_decisions_are_kept_in_the_lake_and_not_in_memory(run: tuple[Path, Outcome]) -> None:
    """Those that nobody wished to have back are in the lake alone."""
    root, done = run
    kept = run_of(Lake(root).snapshot(), done.asked.run_id).ledger

    assert done.ledger.decisions.is_empty()
    assert kept.decisions["event_date"].unique().sort().equals(kept.equity["event_date"].unique().sort())
    assert done.ledger.gates.select(pl.col("minutes").sum()).equals(kept.gates.select(pl.col("minutes").sum()))


@pytest.mark.parametrize(
    ("second", "said"),
    [("no_probability", "in any minute; it needs `kwx hazard"), ("no_edge", "on 1 of 2 dates fused held no bracket")],
)
def test_dates_on_which_a_strategy_has_no_opinion_are_told(second: str, said: str) -> None:
    """They count as dates that gained nothing, so whoever reads the figures must know."""
    gates = pl.DataFrame({"event_date": [date(2026, 10, 30), date(2026, 10, 31)], "gate": ["no_quote", second]})
    nothing = pl.DataFrame()
    ledger = Ledger(orders=nothing, fills=nothing, decisions=nothing, equity=nothing, gates=gates)

    (note,) = without_opinion(strategy("fused"), ledger)

    assert said in note
    assert without_opinion(strategy("market"), ledger) == []
