"""`kwx models serve` on a model that was trained, promoted and told: each bracket, the market, and their pool."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest

from kwx.models.served import served_predictions
from kwx.models.training.run import train
from warehouse.lake.store import Lake
from warehouse.lake.tables import PREDICTIONS, PROMOTIONS, Partition

pytestmark = pytest.mark.slow

ASKED = ("models", "serve", "--family", "elasticnet", "--city", "miami", "--bracket", "between")


@pytest.fixture
def promoted(command, own_lake, series_of, tmp_path):
    """The lake of ten days with a walk of elastic nets, all of them promoted."""
    models = tmp_path / "models"
    done = train([series_of()], own_lake, models, workers=1)
    assert done.built is not None
    code, out, err = command("models", "promote", "--models", models, "--reason", "a test", lake=own_lake)
    assert (code, "promotions of 1 lines" in out) == (0, True), err
    window = max(one.window for one in done.windows if one.card is not None)
    return models, window


def test_each_bracket_is_shown_with_its_model_market_and_pool(command, own_lake, promoted, tmp_path):
    """Seven tenths of the model and three of the market, or as the configuration says, at the instant asked."""
    models, window = promoted
    day = f"{window[-8:-4]}-{window[-4:-2]}-{window[-2:]}"
    own = tmp_path / "own.yaml"
    own.write_text("defaults: {blend_weight: 0.5}\n")

    asked = (*ASKED, "--models", models, "--date", day, "--at", f"{day}T15:00", "--json")
    rows, other = (json.loads(command(*asked, *more, lake=own_lake)[1])["brackets"] for more in ((), ("--config", own)))
    code, out, err = command(*asked[:-1], "--plot", "ladder.svg", lake=own_lake)

    assert f"as of {day} 15:00Z" in (tmp_path / "ladder.svg").read_text()
    assert len(rows) == 4
    for weight, some in ((0.7, rows), (0.5, other)):
        for row in some:
            assert row["ts_utc"] == f"{day}T15:00:00+00:00"
            said = row["p_calibrated"] if row["p_calibrated"] is not None else row["p_model"]
            assert row["p_blend"] == pytest.approx(weight * said + (1 - weight) * row["p_mkt"])
    assert (code, out.count("KXHIGHMIA-"), "market says" in out) == (0, 4, True), err
    when = date.fromisoformat(day)
    stands = served_predictions(Lake(own_lake).snapshot(), "miami", when, when)
    assert {row["p_model"] for row in rows} <= set(stands["p_model"])


def test_a_fit_that_nobody_promoted_says_nothing_and_going_back_brings_the_first_one_back(
    command, own_lake, promoted, series_of, put
):
    """What the promoted fit said stays beside what the new one says, and is put back where it was lost."""
    models, window = promoted
    day = date.fromisoformat(f"{window[-8:-4]}-{window[-4:-2]}-{window[-2:]}")

    def said():
        moved_before(own_lake, put)
        snapshot = Lake(own_lake).snapshot()
        with snapshot.connect() as con:
            served = f"prediction_served where asked = 'any' and event_date = date '{day}'"
            (speaks,) = con.sql(f"select distinct run_id from {served}").pl()["run_id"]
        return set(snapshot.read(PREDICTIONS, Partition("miami", day))["run_id"]), speaks

    train([series_of(trials=3)], own_lake, models, workers=1)
    (runs, first), asked = said(), ("--models", models)
    assert (len(runs), first in runs) == (2, True)
    command("models", "promote", *asked, "--reason", "again", lake=own_lake)
    _, again = said()
    assert {first, again} == runs
    rows = Lake(own_lake).snapshot().read(PREDICTIONS, Partition("miami", day)).select(PREDICTIONS.schema.names())
    put(own_lake, PREDICTIONS, rows.filter(pl.col("run_id") == again), Partition("miami", day))
    code, out, err = command("models", "rollback", *asked, lake=own_lake)

    assert (code, "promotions of 1 lines" in out) == (0, True), err
    assert said() == (runs, first)
    back = Lake(own_lake).snapshot().read(PREDICTIONS, Partition("miami", day)).select(rows.columns)
    assert back.sort(rows.columns[:4]).equals(rows.sort(rows.columns[:4]))


def moved_before(lake, put):
    """Let the lake have been told of each promotion a year earlier, so that it counts on the days of this lake."""
    rows = Lake(lake).snapshot().read(PROMOTIONS, Partition("miami")).select(PROMOTIONS.schema.names())
    put(lake, PROMOTIONS, rows.with_columns(pl.col("since_utc").dt.offset_by("-1y")), Partition("miami"))


def test_where_the_lake_holds_no_predictions_it_says_so(command, own_lake, promoted):
    """The model that speaks of the date is named all the same, with its age."""
    models, _ = promoted

    code, out, err = command(*ASKED, "--models", models, "--date", "2026-11-12", lake=own_lake)

    assert (code, "elasticnet_miami_between_" in out) == (0, True)
    assert "holds no predictions of that date" in err
    assert "days past its last test date" in err
