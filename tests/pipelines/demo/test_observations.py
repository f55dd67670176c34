"""What the station reports is late, told in its vendor's words, sometimes repeated or missing, never above the high."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from pipelines.demo import CityDay, World, simulate
from pipelines.lags import OBS_LAG
from warehouse.market.temperature import fahrenheit_interval_expr

AllRows = Callable[[list[CityDay], str], pl.DataFrame]


@pytest.fixture(scope="module")
def obs(lagging: list[CityDay], all_rows: AllRows) -> pl.DataFrame:
    return all_rows(lagging, "obs")


@pytest.fixture(scope="module")
def nyc() -> list[CityDay]:
    return list(simulate(World(days=6, books=False), "nyc"))


def test_reports_mean_what_their_words_can_mean(obs: pl.DataFrame) -> None:
    """A report in whole °C means the one or two whole °F of that °C, and one of them is its own temperature."""
    celsius = ((pl.col("temp_f") - 32) / 1.8).round().cast(pl.Int32)
    low_f, high_f = fahrenheit_interval_expr(celsius)

    whole = obs.filter("is_whole_c")

    assert whole.select(((pl.col("temp_lo_f") == low_f) & (pl.col("temp_hi_f") == high_f)).all()).item()
    assert {0, 1} == set(whole["temp_hi_f"] - whole["temp_lo_f"])
    assert whole.select((pl.col("temp_f").round() - pl.col("temp_lo_f")).is_between(0, 1).all()).item()


def test_five_minute_reports_are_whole_celsius_but_for_the_relayed_bulletin(obs: pl.DataFrame) -> None:
    """Eleven of twelve are whole °C; the one after the hourly bulletin names one whole °F."""
    vc = obs.filter(pl.col("source") == "vc").sort("ts_utc")
    celsius = (pl.col("temp_f") - 32) / 1.8
    copied = pl.struct("temp_f", "dew_f", "wind_mph") == pl.struct("temp_f", "dew_f", "wind_mph").shift(1)

    assert vc.filter("is_whole_c").select(((celsius - celsius.round()).abs() < 1e-6).all()).item()
    relayed = vc.filter(~pl.col("is_whole_c") & ~copied)
    assert {55} == set(relayed["ts_utc"].dt.minute())
    assert relayed["temp_lo_f"].equals(relayed["temp_hi_f"].rename("temp_lo_f"))


def test_the_vendor_tells_tenths_of_a_degree(obs: pl.DataFrame) -> None:
    """Nothing that Visual Crossing says is finer than 0.1."""
    told = obs.filter(pl.col("source") == "vc").select("temp_f", "dew_f", "humidity_pct", "wind_mph")

    assert told.equals(told.select(pl.all().round(1)))


def test_hourly_bulletins_are_exact(obs: pl.DataFrame) -> None:
    """Tenths of °C lead back to one whole °F."""
    metar = obs.filter(pl.col("source") == "metar")

    assert {53} == set(metar["ts_utc"].dt.minute())
    assert metar["temp_lo_f"].equals(metar["temp_hi_f"])
    assert metar["temp_f"].round().cast(pl.Int32).equals(metar["temp_lo_f"].rename("temp_f"))
    for name in ("temp_f", "dew_f"):
        tenths_c = (metar[name] - 32) / 0.18
        assert (tenths_c - tenths_c.round()).abs().max() < 1e-6
    knots = metar["wind_mph"] / 1.15078
    assert (knots - knots.round()).abs().max() < 0.05


def test_bulletins_tell_the_high_of_six_hours_and_of_the_day(lagging: list[CityDay], all_rows: AllRows) -> None:
    """Before 00, 06, 12 and 18Z those of the last six hours, before the closing midnight that of the day."""
    metar = all_rows(lagging, "obs").filter(pl.col("source") == "metar")
    truth = all_rows(lagging, "truth_minutes").sort("ts_utc")
    by_hours = truth.rolling("ts_utc", period="6h").agg(high_f=pl.col("temp_f").max())

    six = metar.filter(pl.col("max_6h_f").is_not_null()).join(by_hours, on="ts_utc")

    assert {5, 11, 17, 23} == set(six["ts_utc"].dt.hour())
    later = six.filter(pl.col("ts_utc") > six["ts_utc"].min())
    assert later["max_6h_f"].equals((later["high_f"] + 0.5).floor().cast(pl.Int32).rename("max_6h_f"))
    days = metar.filter(pl.col("max_24h_f").is_not_null())
    assert [(5, 53)] * 4 == [(stamp.hour, stamp.minute) for stamp in days["ts_utc"]]
    assert days["max_24h_f"].to_list() == all_rows(lagging, "truth_days")["high_f"].to_list()


def test_reports_come_late_by_their_source(obs: pl.DataFrame) -> None:
    """A row is known at its stamp plus the modelled lag of its source."""
    for source, rows in obs.partition_by("source", as_dict=True).items():
        assert {OBS_LAG[source[0]]} == set(rows["known_utc"] - rows["ts_utc"])


def test_no_report_names_more_than_the_official_high(
    nyc: list[CityDay], lagging: list[CityDay], all_rows: AllRows
) -> None:
    """The lowest degree that any report of a day can mean is at most the day's high."""
    for days in (nyc, lagging):
        highest = all_rows(days, "obs").group_by("event_date").agg(pl.col("temp_lo_f").max())
        joined = highest.join(all_rows(days, "truth_days"), on="event_date")
        assert joined.height == len(days)
        assert (joined["temp_lo_f"] <= joined["high_f"]).all()


def test_fresh_reports_are_near_the_truth_of_their_minute(
    lagging: list[CityDay], obs: pl.DataFrame, all_rows: AllRows
) -> None:
    """Rounding twice costs a degree or so, not more."""
    truth = all_rows(lagging, "truth_minutes").select("ts_utc", true_f="temp_f")

    both = obs.filter(~pl.col("is_filled")).join(truth, on="ts_utc")

    assert (both["temp_f"] - both["true_f"]).abs().max() < 2.6
    assert abs((both["temp_f"] - both["true_f"]).mean()) < 0.1


def test_central_park_mostly_repeats_itself(nyc: list[CityDay], all_rows: AllRows) -> None:
    """Most five-minute rows of New York repeat an old report so long that it counts as a filled gap."""
    vc = all_rows(nyc, "obs").filter(pl.col("source") == "vc").sort("ts_utc")

    filled = vc["is_filled"].mean()

    repeated = vc.with_columns(said=pl.col("temp_f").shift(1)).filter(pl.col("is_filled"))
    assert 0.45 < filled < 0.67
    assert (repeated["said"] == repeated["temp_f"]).all()


def test_some_days_have_a_gap(nyc: list[CityDay], all_rows: AllRows) -> None:
    """Now and then ten to sixty minutes of reports never arrive."""
    counts = all_rows(nyc, "obs").filter(pl.col("source") == "vc").group_by("event_date").len()["len"]

    assert 287 == counts.max()
    assert 274 <= counts.min() < 287


def test_air_is_never_wetter_than_saturated(obs: pl.DataFrame) -> None:
    """The dew point lies below the temperature, humidity below a hundred, wind above nothing."""
    assert (obs["dew_f"] <= obs["temp_f"]).all()
    assert obs["humidity_pct"].is_between(1, 100).all()
    assert obs["wind_mph"].is_between(0, 60).all()
