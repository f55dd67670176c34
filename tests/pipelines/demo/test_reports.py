"""Forecasts grow better as the day comes near; official reports come late, in order, and the first final settles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest

from pipelines.demo import CityDay
from pipelines.demo.forecasts import forecasts_frame
from pipelines.demo.settlements import high_f, reports, settled_utc, settlements_frame
from pipelines.demo.weather import Sky, sky
from pipelines.demo.world import World
from pipelines.lags import SETTLEMENT_LAG
from warehouse.market.climate_day import ClimateDay

AllRows = Callable[[list[CityDay], str], pl.DataFrame]
YEAR = World(days=300, seed=5)


@pytest.fixture(scope="module")
def air() -> Sky:
    return sky(YEAR, "miami")


@pytest.fixture(scope="module")
def highs(air: Sky) -> pl.DataFrame:
    """Forecast highs of two hundred days, beside what came."""
    return pl.concat(
        forecasts_frame(YEAR, air, day)
        .filter(pl.col("high_f").is_not_null())
        .with_columns(came_f=pl.lit(high_f(air, day)), start=pl.lit(ClimateDay(air.city, day).start_utc))
        .with_columns(lead=(pl.col("start") - pl.col("issued_utc")).dt.total_minutes() / 60)
        for day in YEAR.event_dates[:200]
    )


@pytest.fixture(scope="module")
def issued(air: Sky) -> pl.DataFrame:
    """Every report of three hundred days."""
    return pl.concat(
        settlements_frame(reports(YEAR, air, day)).with_columns(
            event_date=pl.lit(day), high_was_f=pl.lit(high_f(air, day)), end=pl.lit(ClimateDay(air.city, day).end_utc)
        )
        for day in YEAR.event_dates
    )


def test_forecasts_are_issued_by_the_clock_and_published_later(lagging: list[CityDay], all_rows: AllRows) -> None:
    """One vendor at 00Z with six hours to publish, one at 01, 07, 13 and 19Z with seventy-five minutes."""
    runs = all_rows(lagging, "forecasts").with_columns(lag=pl.col("known_utc") - pl.col("issued_utc"))

    by_source = {
        source: (sorted(set(rows["issued_utc"].dt.hour())), set(rows["lag"]))
        for (source,), rows in runs.partition_by("source", as_dict=True).items()
    }
    assert ([0], {timedelta(hours=6)}) == by_source["vc"]
    assert ([1, 7, 13, 19], {timedelta(minutes=75)}) == by_source["nbm"]


def test_a_run_says_the_high_once_at_the_closing_midnight(lagging: list[CityDay]) -> None:
    """Every run but one whose evening column has passed says the high, and nothing speaks of the past."""
    forecasts = lagging[1].frames["forecasts"]
    end_utc = ClimateDay(sky(World(), "chicago").city, date(2026, 10, 31)).end_utc

    assert (forecasts["valid_utc"] > forecasts["issued_utc"]).all()
    runs = forecasts.group_by("source", "issued_utc").agg(pl.col("high_f").count())
    silent = runs.filter(pl.col("high_f") != 1)
    assert [("nbm", end_utc - timedelta(hours=5), 0)] == silent.rows()
    assert {end_utc} == set(forecasts.filter(pl.col("high_f").is_not_null())["valid_utc"])


def test_each_vendor_tells_its_own_hours_and_digits(lagging: list[CityDay], all_rows: AllRows) -> None:
    """Visual Crossing says every hour in 0.1 °F; the Blend whole degrees at every third hour, from five hours on."""
    runs = all_rows(lagging, "forecasts").filter(pl.col("temp_f").is_not_null())
    nbm, vc = runs.filter(pl.col("source") == "nbm"), runs.filter(pl.col("source") == "vc")

    assert set(range(0, 24, 3)) == set(nbm["valid_utc"].dt.hour())
    assert set(range(24)) == set(vc["valid_utc"].dt.hour())
    assert timedelta(hours=5) <= (nbm["valid_utc"] - nbm["issued_utc"]).min()
    assert nbm.select((pl.col("temp_f", "high_f", "high_sd_f") % 1 == 0).all().all()).row(0) == (True, True, True)
    assert vc["temp_f"].equals(vc["temp_f"].round(1))


def test_forecast_errors_grow_with_lead(highs: pl.DataFrame) -> None:
    """Two days ahead the high is missed by three degrees or so, on its own afternoon by one."""
    errors = {
        name: highs.filter(chosen).select(((pl.col("high_f") - pl.col("came_f")) ** 2).mean().sqrt()).item()
        for name, chosen in {
            "two days": pl.col("lead") > 36,
            "the eve": pl.col("lead").is_between(4, 12),
            "afternoon": pl.col("lead") < -13,
        }.items()
    }

    assert errors["two days"] > errors["the eve"] > errors["afternoon"]
    assert 2.6 < errors["two days"] < 4.5
    assert 1.3 < errors["the eve"] < 2.8
    assert errors["afternoon"] < 1


def test_stated_spreads_are_honest(highs: pl.DataFrame) -> None:
    """A vendor that states its spread misses by about that much before the day begins."""
    stated = highs.filter((pl.col("source") == "nbm") & (pl.col("lead") > 0))

    misses = stated.select(((pl.col("high_f") - pl.col("came_f")) / pl.col("high_sd_f")).std()).item()

    assert 0.8 < misses < 1.25
    assert highs.filter(pl.col("source") == "vc")["high_sd_f"].null_count() > 0


def test_a_late_forecast_never_lies_below_what_was_already_reached(air: Sky) -> None:
    """Once the day runs, the forecast high is at least the highest minute so far."""
    for day in YEAR.event_dates[:30]:
        start_utc, temperature_l = ClimateDay(air.city, day).start_utc, air.temperature_of(air.place(day))
        said = forecasts_frame(YEAR, air, day).filter(
            pl.col("high_f").is_not_null() & (pl.col("issued_utc") > start_utc)
        )
        for issued_utc, said_f in said.select("issued_utc", "high_f").iter_rows():
            so_far = temperature_l[: round((issued_utc - start_utc) / timedelta(minutes=1))].max() / 5
            assert said_f >= so_far - 0.51  # the Blend tells whole degrees


def test_the_first_final_report_settles(issued: pl.DataFrame) -> None:
    """The exchange, its relay and the first final climate report all say the official high."""
    finals = issued.filter(pl.col("is_final") & ~pl.col("is_correction")).sort("issued_utc")

    assert (finals["high_f"] == finals["high_was_f"]).all()
    assert 300 == finals.filter(pl.col("source") == "kalshi").height
    assert 300 == finals.filter(pl.col("source") == "cli").height


def test_final_reports_follow_the_closing_midnight_in_order(issued: pl.DataFrame) -> None:
    """Summary message, climate report, relay, exchange: each after the one before, before noon or so."""
    finals = issued.filter(pl.col("is_final") & ~pl.col("is_correction"))
    wide = finals.pivot("source", index=["event_date", "end"], values="issued_utc")

    assert (wide["end"] < wide["dsm"]).all()
    assert (wide["dsm"] < wide["cli"]).all()
    assert (wide.drop_nulls("twc")["cli"] < wide.drop_nulls("twc")["twc"]).all()
    assert (wide["cli"] < wide["kalshi"]).all()


def test_a_preliminary_report_is_a_floor_that_is_known_half_an_hour_late(issued: pl.DataFrame) -> None:
    """The high of four o'clock, known later, at most the final one, now and then missing."""
    early = issued.filter(~pl.col("is_final"))
    lag = (early["known_utc"] - early["as_of_utc"]).dt.total_minutes()

    assert 300 == early.height
    assert 23 <= lag.min() < 33 <= lag.max() <= 46
    assert (early["high_f"] <= early["high_was_f"]).all()
    assert 0.7 < (early["high_f"] == early["high_was_f"]).mean() < 1
    assert 1 <= early["high_f"].null_count() <= 15


def test_a_correction_comes_later_and_changes_nothing_that_was_paid(issued: pl.DataFrame) -> None:
    """A few days are corrected: a later issuance with another value beside the first."""
    corrected = issued.filter("is_correction")
    first = issued.filter((pl.col("source") == "cli") & pl.col("is_final") & ~pl.col("is_correction"))

    both = corrected.join(first, on="event_date", suffix="_first")
    assert 2 <= corrected.height <= 18
    assert (both["high_f"] != both["high_f_first"]).all()
    assert (both["issued_utc"] > both["issued_utc_first"]).all()


def test_markets_settle_when_the_exchange_says_so(air: Sky) -> None:
    """Results are public about noon UTC on the day after."""
    day = YEAR.event_dates[3]

    settled = settled_utc(reports(YEAR, air, day))

    noon = datetime.combine(day + timedelta(days=1), time(12), UTC)
    assert abs(settled - noon) <= timedelta(minutes=40)


def test_reports_are_named_as_the_archives_name_them(lagging: list[CityDay]) -> None:
    """Office, heading and id of the climate report, a mark on its correction; the exchange names the event."""
    names = {row["source"]: row["product_id"] for row in lagging[1].frames["settlements"].iter_rows(named=True)}
    issued = {row["source"]: row["issued_utc"] for row in lagging[1].frames["settlements"].iter_rows(named=True)}

    assert f"{issued['cli']:%Y%m%d%H%M}-KLOT-CDUS43-CLIMDW" == names["cli"]
    assert f"{issued['dsm']:%Y%m%d%H%M}-KLOT-CDUS27-DSMMDW" == names["dsm"]
    assert ("KXHIGHCHI-26OCT31", None) == (names["kalshi"], names["twc"])


def test_a_report_is_known_its_lag_after_its_issue(issued: pl.DataFrame) -> None:
    """Nothing is drawn: the lag is the model's."""
    for (source,), rows in issued.partition_by("source", as_dict=True).items():
        assert {SETTLEMENT_LAG[str(source)]} == set(rows["known_utc"] - rows["issued_utc"])


def test_the_exchange_settles_nothing_on_the_eve(lagging: list[CityDay]) -> None:
    """Without markets there is no value of the exchange."""
    assert "kalshi" not in set(lagging[0].frames["settlements"]["source"])
