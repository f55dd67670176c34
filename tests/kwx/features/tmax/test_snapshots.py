"""What one snapshot holds, and that nothing later enters it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import Clock, market_clock, time_of_day
from kwx.features.tmax.sets import MARKET_CLOCK, TOD
from kwx.features.tmax.snapshots import FAR_F, KEYS, read_snapshots, snapshots_of
from pipelines.transform.grids import observation_grid
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import OBS
from warehouse.market.climate_day import ClimateDay

LABELS = ("label_f", "label_known_utc")


def whole(values: pl.Series) -> list[int]:
    return np.floor(values.to_numpy() + 0.5).astype(int).tolist()


def test_the_base_is_the_highest_report_or_the_forecast_before_the_first_and_far_above_it(chicago: TmaxInputs):
    rows = snapshots_of(chicago)
    far = (rows["forecast_high_f"] - rows["run_max_f"] >= FAR_F).fill_null(value=True)
    assert (rows["is_observed"] == ~far).all()
    assert 0 < rows.filter(~pl.col("is_observed") & pl.col("run_max_f").is_not_null()).height
    seen, unseen = rows.filter("is_observed"), rows.filter(~pl.col("is_observed"))
    assert seen["base_f"].to_list() == whole(seen["run_max_f"])
    assert unseen["base_f"].to_list() == whole(unseen["forecast_high_f"])
    assert unseen["lowest_f"].null_count() == unseen.height
    assert (seen["lowest_f"] == (seen["run_max_lo_f"] - 1).clip(seen["base_f"] - 2)).all()
    assert unseen.filter("is_eve").height > 100 < seen.height
    assert seen.filter("is_eve").is_empty()


def test_nothing_of_the_eve_is_of_the_day(chicago: TmaxInputs):
    rows = snapshots_of(chicago)
    of_day = (
        "run_max_f", "min_f", "mean_f", "last_f", "slope_1h", "minutes_since_max", "stale_minutes", "official_max_f",
        "official_since_f", "surprise_now_f", "surprise_rest_f", "surprise_shifted_f",
    )  # fmt: skip
    eve = rows.filter("is_eve")
    assert eve.select(of_day).null_count().row(0) == (eve.height,) * len(of_day)
    assert eve["reports"].max() == 0
    assert not eve["is_observed"].any()


def test_an_instant_that_knows_neither_report_nor_forecast_has_no_row(chicago: TmaxInputs):
    rows = snapshots_of(replace(chicago, highs=chicago.highs.clear()))
    assert rows["is_observed"].all()
    assert rows.height < snapshots_of(chicago).height
    assert snapshots_of(replace(chicago, highs=chicago.highs.clear(), grid=chicago.grid.clear())).is_empty()


def test_the_forecast_is_the_one_that_the_view_has_in_force(demo: Snapshot, chicago: TmaxInputs):
    rows = snapshots_of(chicago)
    with demo.connect() as con:
        con.register("seen", rows.select("event_date", "ts_utc"))
        told = con.sql(
            "select seen.*, high_f from seen left join forecast_in_force as f on f.city = 'chicago'"
            " and f.event_date = seen.event_date and ts_utc >= valid_from_utc"
            " and ts_utc < coalesce(valid_until_utc, 'infinity') order by event_date, ts_utc"
        ).pl()
    assert told["high_f"].n_unique() > 3
    assert rows["forecast_high_f"].to_list() == told["high_f"].to_list()


def test_the_day_before_forecast_stands_still_from_midnight_on(chicago: TmaxInputs):
    rows = snapshots_of(chicago)
    eve, day = rows.filter("is_eve"), rows.filter(~pl.col("is_eve"))
    assert (eve["forecast_eve_high_f"] == eve["forecast_high_f"]).all()
    assert day.group_by("event_date").agg(pl.col("forecast_eve_high_f").n_unique())["forecast_eve_high_f"].max() == 1


def test_the_label_is_what_the_day_settled_on(demo: Snapshot, chicago: TmaxInputs):
    rows = read_snapshots(demo, "chicago", since=chicago.dates[0], until=chicago.dates[-1])
    told = {day: label_f for day, label_f, _ in chicago.labels.iter_rows()}
    assert {day: set(part["label_f"]) for (day,), part in rows.group_by("event_date")} == {
        day: {told.get(day)} for day in chicago.dates
    }


@pytest.mark.parametrize("clock", [market_clock, time_of_day])
@pytest.mark.parametrize("hours", [-6, 0.5, 9.25, 15, 23])
def test_what_becomes_known_after_an_instant_changes_nothing_up_to_it(
    demo: Snapshot, chicago: TmaxInputs, clock: Clock, hours: float
):
    then = ClimateDay(chicago.city, chicago.dates[1]).start_utc + timedelta(hours=hours)
    sound, poisoned = (snapshots_of(inputs, clock) for inputs in (chicago, _poisoned(demo, chicago, then)))
    up_to = pl.col("ts_utc") <= then
    expected = sound.filter(up_to).drop(LABELS)
    assert expected.height or (clock is time_of_day and hours < 0)
    assert poisoned.filter(up_to).drop(LABELS).equals(expected, null_equal=True)
    assert not poisoned.drop(LABELS).equals(sound.drop(LABELS), null_equal=True)
    for features in (MARKET_CLOCK, TOD):
        built = [features.matrix(rows.filter(up_to)) for rows in (sound, poisoned)]
        np.testing.assert_array_equal(*built)


def _poisoned(demo: Snapshot, inputs: TmaxInputs, then: datetime) -> TmaxInputs:
    """Return the inputs with all that became known after an instant turned into nonsense, the labels as well."""
    late = pl.col("known_utc") > then
    obs = demo.scan(OBS, cities=(inputs.city.key,)).collect().sort("ts_utc", "source")
    nonsense = obs.with_columns(
        pl.when(late).then(pl.col(name) + 30).otherwise(pl.col(name)).cast(dtype).alias(name)
        for name, dtype in (("temp_f", pl.Float64), ("temp_lo_f", pl.Int32), ("temp_hi_f", pl.Int32))
    )
    grids = [
        observation_grid(nonsense, day=ClimateDay(inputs.city, day), step_minutes=5).with_columns(
            event_date=pl.lit(day)
        )
        for day in inputs.dates
    ]
    wrong = pl.when(late).then(pl.col("high_f") + 25).otherwise(pl.col("high_f"))
    made_up = inputs.highs.filter(late).with_columns(source=pl.lit("aaa"), high_f=pl.lit(-40.0))
    hotter = pl.when(late).then(pl.col("max_f") + 40).otherwise(pl.col("max_f")).cast(pl.Int32)
    colder = pl.when(late).then(pl.col("temp_f") - 30).otherwise(pl.col("temp_f"))
    return replace(
        inputs,
        grid=pl.concat(grids).select(inputs.grid.columns),
        words=inputs.words.with_columns(max_f=hotter),
        highs=pl.concat([inputs.highs.with_columns(high_f=wrong), made_up]),
        curves=inputs.curves.with_columns(temp_f=colder),
        labels=inputs.labels.with_columns(label_f=pl.col("label_f") + 50),
    )


def test_the_order_of_the_inputs_changes_nothing(chicago: TmaxInputs):
    shuffled = replace(
        chicago,
        **{
            name: getattr(chicago, name).sample(fraction=1, shuffle=True, seed=3)
            for name in ("grid", "words", "highs", "curves")
        },
    )
    assert snapshots_of(shuffled).equals(snapshots_of(chicago), null_equal=True)


def test_features_are_declared_once_and_read_no_vendor_column_that_new_york_must_not_see():
    assert len(set(MARKET_CLOCK.names)) == len(MARKET_CLOCK.names)
    assert set(TOD.names) < set(MARKET_CLOCK.names)
    gated = ("dew", "humidity", "wind")
    assert not [name for name in MARKET_CLOCK.sources for word in gated if word in name]
    assert not set(LABELS) & set(MARKET_CLOCK.sources)
    assert not set(KEYS[1:]) & set(MARKET_CLOCK.sources)


def test_numbers_that_are_not_known_are_not_there_and_no_number_is_infinite(chicago: TmaxInputs):
    matrix = MARKET_CLOCK.matrix(snapshots_of(chicago))
    assert np.isnan(matrix).any()
    assert not np.isinf(matrix).any()
