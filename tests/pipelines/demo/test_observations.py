"""What the station reports is late, rounded, sometimes repeated or missing, and never above the official high."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from pipelines.demo import CityDay, World, simulate
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
    fresh = obs.filter((pl.col("source") == "vc") & ~pl.col("is_filled"))
    celsius = (pl.col("temp_f") - 32) / 1.8

    assert fresh.filter("is_whole_c").select(((celsius - celsius.round()).abs() < 1e-6).all()).item()
    relayed = fresh.filter(~pl.col("is_whole_c"))
    assert {55} == set(relayed["ts_utc"].dt.minute())
    assert relayed["temp_lo_f"].equals(relayed["temp_hi_f"])


def test_hourly_bulletins_are_exact(obs: pl.DataFrame) -> None:
    """Tenths of °C lead back to one whole °F."""
    metar = obs.filter(pl.col("source") == "metar")

    assert {53} == set(metar["ts_utc"].dt.minute())
    assert metar["temp_lo_f"].equals(metar["temp_hi_f"])
    assert metar["temp_f"].round().cast(pl.Int32).equals(metar["temp_lo_f"].rename("temp_f"))


def test_reports_come_late_by_their_source(obs: pl.DataFrame) -> None:
    """The vendor takes five to eight minutes, the bulletin about four."""
    lag = obs.group_by("source").agg(
        least=(pl.col("known_utc") - pl.col("ts_utc")).dt.total_seconds().min(),
        most=(pl.col("known_utc") - pl.col("ts_utc")).dt.total_seconds().max(),
    )

    lags = {source: (least, most) for source, least, most in lag.iter_rows()}
    assert 300 <= lags["vc"][0] < lags["vc"][1] <= 480
    assert 200 <= lags["metar"][0] < lags["metar"][1] <= 280


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
    """Four of five five-minute rows of New York are old reports, in the words of the last fresh one."""
    vc = all_rows(nyc, "obs").filter(pl.col("source") == "vc").sort("ts_utc")

    filled = vc["is_filled"].mean()

    repeated = vc.with_columns(said=pl.col("temp_f").shift(1)).filter(pl.col("is_filled"))
    assert 0.65 < filled < 0.85
    assert (repeated["said"] == repeated["temp_f"]).mean() > 0.97


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
