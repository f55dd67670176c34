"""`kwx backtest --compare hybrid tod`: both families trained on one small lake of two cities, traded, and compared."""

from __future__ import annotations

import json
from datetime import date, timedelta

import polars as pl
import pytest
from click.testing import CliRunner

from kwx.backtest.run import Wish, backtest
from kwx.cli import kwx
from pipelines.build import build_demo, demo_world
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

pytestmark = pytest.mark.slow

UNTIL, TRAIN_DAYS, TEST_DAYS = date(2026, 11, 4), 8, 7
FIRST = UNTIL - timedelta(days=TEST_DAYS - 1)
TRADED = ("chicago", "miami")
ASKED = (
    "backtest", "--city", "chicago", "--city", "miami", "--since", str(FIRST), "--set", "trade.sizing=single",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A lake of a market that lags, and the predictions of both families for a week of two cities; and its commands."""
    root = tmp_path_factory.mktemp("families")
    world = demo_world(days=TRAIN_DAYS + 1 + TEST_DAYS, until=UNTIL, cities=TRADED, seed=5, efficiency=0.0, books=False)
    build_demo(world, root / "lake")
    environment = {"KWX_LAKE": str(root / "lake"), "KWX_MODELS": str(root / "models")}

    def typed(*words: str) -> str:
        done = CliRunner(env=environment).invoke(kwx, [*words], catch_exceptions=False)
        assert 0 == done.exit_code, done.output
        return done.stdout

    walk = ("--train-days", str(TRAIN_DAYS), "--test-days", str(TEST_DAYS), "--fit-every", "60", "--workers", "2")
    for family in ("tod", "hybrid"):
        told = json.loads(typed("train", family, "--city", "chicago", "--city", "miami", *walk, "--json"))
        assert {"fitted": 2, "held": 0, "refused": 0} == told["states"]
    return root / "lake", typed


@pytest.fixture(scope="module")
def runs(trained):
    """The two sides run by themselves."""
    lake, _ = trained
    return [
        backtest(
            Wish(
                strategy="hybrid", cities=TRADED, since=FIRST, keep=False, with_sensitivity=False, with_rows=True,
                said={"signals": {"family": family}, "trade": {"sizing": "single"}},
            ),
            lake,
        )
        for family in ("hybrid", "tod")
    ]  # fmt: skip


def test_the_sides_are_the_runs_that_they_name(trained, runs):
    """Over a week of two cities: every number is that of a run by itself, differences are paired and add up."""
    told = json.loads(trained[1](*ASKED, "--compare", "hybrid", "tod", "--json"))

    by_city = {row["what"]: row for row in told["rows"] if row["of"] == "city"}
    metrics = {row["what"]: row for row in told["rows"] if row["of"] == "metric"}
    assert (2 * TEST_DAYS, TEST_DAYS, [0, 0]) == (told["events"], told["dates"], told["left_out"])
    assert [*TRADED, "all"] == list(by_city)
    for side, run in zip(("first", "second"), runs, strict=True):
        of_run = run.measured.metrics
        assert run.asked.run_id == told[side]
        assert of_run.net_micros / 1e6 == pytest.approx(by_city["all"][side], abs=1e-6)
        assert (of_run.maker.fills, of_run.taker.fills) == tuple(
            metrics[f"{style} fills"][side] for style in ("maker", "taker")
        )
        assert of_run.taker.fills + of_run.maker.fills > 10
        days = run.measured.days.group_by("city").agg(pl.col("net_micros").sum() / 1e6)
        assert dict(days.iter_rows()) == pytest.approx({city: by_city[city][side] for city in TRADED}, abs=1e-6)
    for row in by_city.values():
        assert row["difference"] == pytest.approx(row["first"] - row["second"], abs=1e-6)
        assert row["low"] <= row["difference"] <= row["high"]
    assert by_city["all"]["difference"] != 0
    assert {"signals.family": ("hybrid", "tod")} == {
        row["what"]: (row["first"], row["second"]) for row in told["differs"]
    }


def test_only_the_hybrid_trades_on_the_eve(runs):
    """The family tod speaks from the opening midnight on; before it the hybrid is the market's clock."""
    of_hybrid, of_tod = (on_the_eve(run.ledger.orders) for run in runs)

    assert [] == of_tod
    assert set(TRADED) == set(of_hybrid)


def on_the_eve(orders: pl.DataFrame) -> list[str]:
    """Return the city of each order that was placed before its climate day began."""
    placed = orders.select("city", "event_date", "ts_utc").iter_rows()
    return [city for city, day, ts_utc in placed if ts_utc < ClimateDay(CITIES[city], day).start_utc]


def test_a_person_reads_which_of_them_gained_more(trained):
    """The settings that differ, figures with intervals, each city, and the city-days that differ most."""
    out = trained[1](*ASKED, "--compare", "hybrid", "tod")

    assert out.startswith("first:  hybrid (backtest-hybrid-queue-")
    assert f"{2 * TEST_DAYS} settled events of {TEST_DAYS} dates are in both" in out
    for words in ("signals.family", "return on risk", "Sharpe ratio of a date", "chicago", "miami", "all"):
        assert words in out
    assert "city-days that differ most, net in dollars" in out
