"""Repairs are commands of this very command line: each parses, and a demo world is built as it was built."""

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path

import click
import pytest

from kwx.audits.repair import CHECKOUT, OF_CODE, Repairs, checkout
from kwx.cli import kwx
from warehouse.lake.store import Lake
from warehouse.lake.tables import TABLES
from warehouse.lake.writer import write

DAY = date(2026, 11, 1)
OF_VENDORS = Repairs()
MENDED = (
    "markets", "fee_changes", "candles_1m", "candles_dense", "trades", "books", "obs", "obs_1m", "obs_5m", "forecasts",
    "settlements", "pmf_degrees", "pmf_minute", "mc_params", "fusion_params", "calibrators",
)  # fmt: skip


def parsed(command: str) -> click.Context:
    """Parse a command as the command line would; an option that is not there is an error."""
    context, words = click.Context(kwx), shlex.split(command)[1:]
    found: click.Command = kwx
    while isinstance(found, click.Group):
        name = words.pop(0)
        found = found.get_command(context, name)
        assert found is not None, command
    return found.make_context(found.name, words, parent=context)


@pytest.mark.parametrize("table", MENDED)
def test_the_repair_of_a_table_is_a_command(table):
    """Of a vendor's source too, and in another lake."""
    for repairs in (OF_VENDORS, Repairs(said=" --lake elsewhere"), Repairs(server=" --server URL")):
        command = repairs.of_table(table, "nyc", DAY, DAY)

        assert parsed(command).params.get("cities", ("nyc",)) == ("nyc",)
        assert repairs.said in command


@pytest.mark.parametrize(
    ("table", "command"),
    [
        ("obs", "kwx ingest obs --city nyc --since 2026-11-01 --until 2026-11-01 --source metar --again"),
        ("candles_dense", "kwx lake dense --city nyc --since 2026-11-01 --until 2026-11-01"),
        ("books", "kwx record --city nyc"),
    ],
)
def test_rows_of_vendors_are_asked_for_and_derived_rows_made_anew(table, command):
    """Books are recorded as they are sent, or never."""
    assert command == OF_VENDORS.of_table(table, "nyc", DAY, DAY, source="metar")


@pytest.mark.parametrize("family", ["elasticnet", "direction", "market_clock", "tod", "hybrid"])
def test_models_are_fitted_and_days_run_by_commands(family):
    """Of every family, as the command line writes it."""
    span = ("nyc", DAY, DAY)
    commands = [
        OF_VENDORS.of_model(family, "nyc", DAY), OF_VENDORS.predicted(*span), OF_VENDORS.evaluated(*span),
        OF_VENDORS.fused(*span),
    ]  # fmt: skip

    assert [("nyc",)] * 4 == [parsed(command).params["cities"] for command in commands]


def test_a_demo_world_is_built_as_it_was_built(demo_lake):
    """With the settings of its build, whatever was published after it; what is derived is still made anew."""
    repairs = Repairs.of(Lake(demo_lake).snapshot(), Path("a lake"))

    command = repairs.of_table("obs", "nyc", DAY, DAY, source="metar")

    said = parsed(command).params
    assert (3, 11, date(2026, 11, 2), ("chicago", "nyc")) == tuple(
        said[one] for one in ("days", "seed", "until", "cities")
    )
    assert command.endswith("--lake 'a lake'")
    assert repairs.of_table("obs_1m", "nyc", DAY, DAY).startswith("kwx lake dense --city nyc")


def test_a_demo_world_whose_build_is_gone_is_known_by_its_words(hazard_lake, monkeypatch):
    """The source says the days, the seed and how much the market knows."""
    monkeypatch.setattr("kwx.audits.repair._settings", lambda snapshot: None)

    command = Repairs.of(Lake(hazard_lake).snapshot()).of_table("obs", "nyc", DAY, DAY)

    assert "kwx lake build --demo --days 3 --until 2026-11-02 --seed 11 --efficiency 0.8" == command
    assert parsed(command)


def test_a_lake_that_a_demo_server_filled_is_asked_for_there(tmp_path):
    """Its address is not kept, so a word stands for it; what is derived asks nobody."""
    with write(Lake(tmp_path), purpose="test") as writer:
        writer.publish(sources={"loopback": "a demo server in the place of kalshi"})

    repairs = Repairs.of(Lake(tmp_path).snapshot(), Path("served"))

    asked = repairs.of_table("candles_1m", "nyc", DAY, DAY)
    assert asked.endswith(" --again --server URL --lake served")
    assert ("URL", True) == tuple(parsed(asked).params[one] for one in ("server", "again"))
    assert "kwx record --city nyc --server URL --lake served" == repairs.of_table("books", "nyc", DAY, DAY)
    assert "--server" not in repairs.of_table("obs_1m", "nyc", DAY, DAY)


def test_code_is_mended_in_its_checkout(monkeypatch, tmp_path):
    """The package is on no index: what was changed is told, and it is installed from where it lies."""
    root = Path(__file__).parents[3]
    word = shlex.quote(str(root))

    assert f"git -C {word} status --short; python -m pip install --force-reinstall --no-deps {word}" == OF_CODE
    assert 'name = "kalshi-wx"' in (root / "pyproject.toml").read_text()
    monkeypatch.setattr("kwx.audits.repair.__file__", str(tmp_path / "kwx" / "audits" / "repair.py"))
    assert CHECKOUT == checkout()


def test_every_table_that_is_looked_at_has_a_repair():
    """Tables that no command fills are the runs' own, the truth, and what models tell."""
    own = {"runs", "signals", "decisions", "orders", "fills", "equity", "predictions", "model_runs", "promotions"}

    assert set(TABLES) - own - {name for name in TABLES if name.startswith("truth_")} == set(MENDED)
