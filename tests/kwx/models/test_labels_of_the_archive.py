"""What models learn as the outcome is what the exchange paid, market by market, over its own archive of nine months.

The archive is read a second time here, by nothing of ours. Weather of those days is not in it: so that the models of
the high have rows, each day gets a forecast of our making, some degrees off, from which their classes are counted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.features.panel import STRIKE_TYPES
from kwx.features.sets import feature_set
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import market_clock, time_of_day
from kwx.features.tmax.snapshots import snapshots_of
from kwx.models.elasticnet.rows import read_rows
from kwx.models.tmax.classes import CLASSES, LOWEST, class_of
from pipelines.ingest.run import replay_folder
from warehouse.lake.store import Lake

pytestmark = pytest.mark.slow

SINCE, UNTIL = date(2024, 8, 15), date(2025, 5, 9)
CITIES = {"AUS": "austin", "CHI": "chicago", "NY": "nyc"}


@pytest.fixture(scope="module")
def archive(recorded):
    """The markets as the exchange told them: ticker, city, date, result, and the value that its winner expired on."""
    told = pl.read_parquet(recorded("kalshi_2024_2025") / "markets.parquet")
    series, day = (pl.col("event_ticker").str.split("-").list.get(place) for place in (0, 1))
    return told.select(
        "ticker", "event_ticker", "result",
        city=series.str.strip_prefix("KX").str.strip_prefix("HIGH").replace_strict(CITIES),
        event_date=day.str.to_titlecase().str.to_date("%y%b%d"),
        expired_f=pl.col("expiration_value").replace("", None).cast(pl.Float64),
    )  # fmt: skip


@pytest.fixture(scope="module")
def highs(archive):
    """What each settled event expired on, which the exchange says on its winner: whole degrees."""
    winners = archive.filter(pl.col("result") == "yes").select("city", "event_date", "expired_f")
    assert (winners["expired_f"] == winners["expired_f"].round()).all()
    return winners.sort("city", "event_date")


@pytest.fixture(scope="module")
def snapshot(recorded, tmp_path_factory):
    """The whole archive, replayed into a lake."""
    root = tmp_path_factory.mktemp("archive") / "lake"
    replay_folder(recorded("kalshi_2024_2025"), root)
    return Lake(root).snapshot()


def inputs_with_forecasts(snapshot, city, highs):
    """Return the days of a city with one forecast each, known before its eve, 15 degrees too low to 6 too high."""
    inputs = TmaxInputs.read(snapshot, city, since=SINCE, until=UNTIL)
    ours = highs.filter(pl.col("city") == city)
    off_f = np.random.default_rng(len(city)).integers(-15, 7, ours.height)
    dates = ours["event_date"].to_list()
    early = pl.Series([datetime(one.year, one.month, one.day, tzinfo=UTC) - timedelta(days=2) for one in dates])
    made = ours.select(
        "event_date", source=pl.lit("vc"), issued_utc=early, known_utc=early, valid_utc=early,
        high_f=pl.col("expired_f") + pl.Series(off_f),
    )  # fmt: skip
    return replace(inputs, highs=made.cast(inputs.highs.schema))


def test_the_outcome_of_every_settled_market_is_its_result(snapshot, archive):
    """4,554 settled markets, as the elastic net reads their rows; what did not settle has no outcome."""
    frames = [
        read_rows(snapshot, city, kind, feature_set("baseline"), since=SINCE, until=UNTIL, every_minutes=60).said
        for city in CITIES.values()
        for kind in STRIKE_TYPES
    ]
    ours = pl.concat(frames).group_by("market_ticker").agg(pl.col("outcome").unique(), rows=pl.len())

    both = archive.join(ours, left_on="ticker", right_on="market_ticker", how="left")
    settled = both.filter(pl.col("result") != "")

    assert 4_554 == settled.height
    assert (settled["rows"] > 0).all()
    assert (settled["outcome"].list.len() == 1).all()
    assert settled["outcome"].list.first().equals(settled["result"] == "yes", check_names=False)
    waiting = both.filter(pl.col("result") == "")
    assert 234 == waiting.height
    assert waiting["outcome"].list.first().null_count() == waiting.height


def test_the_degree_of_every_settled_event_is_the_value_that_it_expired_on(snapshot, highs):
    """759 events, as the models of the high read their labels; none more, and none known before its day was over."""
    labels = pl.concat(
        TmaxInputs.read(snapshot, city, since=SINCE, until=UNTIL).labels.with_columns(city=pl.lit(city))
        for city in CITIES.values()
    )

    both = highs.join(labels, on=["city", "event_date"], how="full", coalesce=True)

    assert 759 == highs.height == labels.height == both.height
    assert both["label_f"].cast(pl.Float64).equals(both["expired_f"], check_names=False)
    ended = both["event_date"].cast(pl.Datetime("us", "UTC")) + pl.duration(days=1)
    assert both.select((pl.col("label_known_utc") > ended).all()).item()


@pytest.mark.parametrize("clock", [market_clock, time_of_day])
def test_the_class_of_every_snapshot_counts_from_its_base_to_the_value(snapshot, highs, clock):
    """Of market-clock and of tod: base plus class is the value; below −2 and above +10 the outermost ones hold it."""
    rows = pl.concat(snapshots_of(inputs_with_forecasts(snapshot, city, highs), clock) for city in CITIES.values())
    settled = rows.filter(pl.col("label_f").is_not_null())
    classes = class_of(settled["label_f"].to_numpy().astype(np.int64), settled["base_f"].to_numpy().astype(np.int64))

    both = settled.select("city", "event_date", "base_f", "forecast_high_f").with_columns(class_=pl.Series(classes))
    told = both.join(highs, on=["city", "event_date"], how="left", maintain_order="left")
    rise_f = (told["expired_f"] - told["forecast_high_f"]).to_numpy()

    assert 759 == told.select("city", "event_date").n_unique()
    assert not told["expired_f"].has_nulls()
    assert np.array_equal(np.clip(rise_f, LOWEST, LOWEST + CLASSES - 1), told["class_"].to_numpy() + LOWEST)
    assert set(range(CLASSES)) == set(told["class_"])
