"""Fusing days: what stands in pmf_minute, what is left alone, and that nothing is known before its time."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.pools import fuse, pool_of
from kwx.fuse.run import FuseDay, FuseWish, fuse_days, fused_day
from kwx.fuse.weight import Alphas
from kwx.fuse.weights import said_weight
from kwx.hazard.backfill import run_day
from kwx.hazard.recipe import Recipe
from warehouse.errors import BadDateRange, Refused
from warehouse.lake.checks import run_checks
from warehouse.lake.store import Lake
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, MARKETS, PMF_MINUTE, Partition

CITY, DAY = "chicago", date(2026, 11, 1)
PLACE = Partition(CITY, DAY)
WEIGHTS = said_weight(0.7, pool="log_linear", market=MarketRecipe())
WISH = FuseWish(cities=(CITY,), weights=WEIGHTS)


@pytest.fixture
def own_fused(fused_lake, tmp_path):
    """A copy of the fused lake that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(fused_lake, root, symlinks=True)
    return root


def rows_of(snapshot, place=PLACE) -> pl.DataFrame:
    """Return what pmf_minute holds of a day."""
    return snapshot.read(PMF_MINUTE, place)


def test_every_minute_of_every_bracket_is_fused(fused_lake):
    """From the first minute after the open to the close, and both p_mkt and the pool sum to one at each."""
    snapshot = Lake(fused_lake).snapshot()
    rows, dense = rows_of(snapshot), snapshot.read(CANDLES_DENSE, PLACE)
    sums = rows.group_by("ts_utc").agg(pl.col("p_mkt", "p_fused_norm").sum())

    assert dense.height == rows.join(dense, on=("market_ticker", "ts_utc"), how="semi").height
    at_minutes = sums.filter(pl.col("ts_utc").is_in(dense["ts_utc"].implode()))
    np.testing.assert_allclose(at_minutes.select("p_mkt", "p_fused_norm").to_numpy(), 1, atol=1e-9)


def test_evaluations_stay_as_the_weather_left_them(hazard_lake, fused_lake):
    """No p_wx, hazard or running maximum of an evaluation moves, and none is lost."""
    weather = [
        "market_ticker",
        "ts_utc",
        "p_wx",
        "hazard_next_60m",
        "m_run_temp_f",
        "m_run_lo_f",
        "mc_version",
        "quality",
    ]
    before = rows_of(Lake(hazard_lake).snapshot()).select(weather).sort("market_ticker", "ts_utc")
    after = rows_of(Lake(fused_lake).snapshot()).filter(pl.col("wx_utc") == pl.col("ts_utc")).select(weather)

    assert before.equals(after.sort("market_ticker", "ts_utc"))


def test_a_pool_of_one_minute_by_hand(fused_lake):
    """The stored numbers are those that the pool gives for the stored sides."""
    rows = rows_of(Lake(fused_lake).snapshot()).filter(
        pl.col("ts_utc") == datetime.fromisoformat("2026-11-01T18:03:00+00:00")
    )
    p_mkt, p_wx = (rows[name].to_numpy()[None] for name in ("p_mkt", "p_wx"))
    bounds = Lake(fused_lake).snapshot().read(MARKETS, PLACE).select("market_ticker", "high_f")
    high_f = rows.join(bounds, on="market_ticker", maintain_order="left")["high_f"].fill_null(999).to_numpy()
    dead = (high_f < rows["m_run_lo_f"].to_numpy())[None]

    raw, p = fuse(pool_of("log_linear"), p_mkt, p_wx, np.array([0.7]), dead)

    np.testing.assert_allclose(rows["p_fused"], raw[0], atol=1e-12)
    np.testing.assert_allclose(rows["p_fused_norm"], p[0], atol=1e-12)
    np.testing.assert_allclose(rows["w_mkt"], 0.7)


def test_a_day_without_weather_is_the_market_and_says_so(fused_lake):
    """New York has no p_wx: its pool is p_mkt, its weight one."""
    rows = rows_of(Lake(fused_lake).snapshot(), Partition("nyc", DAY))

    assert rows["p_mkt"].to_list() == rows["p_fused_norm"].to_list()
    assert [1.0] == rows["w_mkt"].unique().to_list()
    assert ["no fresh p_wx: the market alone"] == rows["fused_quality"].unique().to_list()


def test_days_without_accepted_weights_get_the_market_alone(hazard_lake, tmp_path):
    """Nothing is pooled by weights that nobody fitted: p_fused is null, and why is told."""
    root = tmp_path / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)

    done = fuse_days(FuseWish(cities=(CITY,), since=DAY, until=DAY), root, workers=1)

    rows = rows_of(Lake(root).snapshot())
    traded = rows.filter(pl.col("p_mkt").is_not_null())
    assert ["market only"] == [day.state for day in done.days]
    assert traded.height > 0 == traded["p_fused"].count()
    assert traded["fused_quality"].str.starts_with("not pooled").all()


def test_the_same_run_again_changes_nothing(own_fused):
    """Days made of what is held are left alone, and made again they give the same bytes."""
    files = Lake(own_fused).snapshot().files(PMF_MINUTE.name)

    held = fuse_days(WISH, own_fused, workers=1)
    fuse_days(replace(WISH, again=True), own_fused, workers=1)  # a copied lake gets a catalog of its own
    again = fuse_days(replace(WISH, again=True), own_fused, workers=1)

    assert (None, {"held"}) == (held.built, {day.state for day in held.days})
    assert not again.built.changed
    assert files == Lake(own_fused).snapshot().files(PMF_MINUTE.name)


def test_other_weights_are_another_fusion(own_fused):
    """What is held under one weight is made again under another."""
    other = said_weight(0.4, pool="linear", market=MarketRecipe())

    done = fuse_days(FuseWish(cities=(CITY,), since=DAY, until=DAY, weights=other), own_fused, workers=1)

    assert ["fused"] == [day.state for day in done.days]
    assert [0.4] == rows_of(Lake(own_fused).snapshot()).drop_nulls("w_mkt")["w_mkt"].round(12).unique().to_list()


def test_weather_that_is_run_again_and_has_not_moved_leaves_the_fusion(own_fused):
    """A rerun of the hazard that says the same costs no fused minute."""
    before = rows_of(Lake(own_fused).snapshot())

    run_day(CITY, DAY, Recipe(), own_fused, again=True)

    assert before.equals(rows_of(Lake(own_fused).snapshot()))


def test_two_processes_say_what_one_says(own_fused):
    """Who does a day does not show in it."""
    one = [file.sha256 for file in Lake(own_fused).snapshot().files(PMF_MINUTE.name)]

    fuse_days(FuseWish(weights=WEIGHTS, again=True), own_fused, workers=2)

    assert one == [file.sha256 for file in Lake(own_fused).snapshot().files(PMF_MINUTE.name)]


def test_a_fused_lake_keeps_every_promise(fused_lake):
    """All checks pass on the whole lake, not only those of the publish."""
    assert [] == [result.name for result in run_checks(Lake(fused_lake).snapshot()) if not result.passed]


def test_the_panel_shows_the_pool_of_its_minute(fused_lake):
    """Each minute of minute_panel_full has the row of its own minute."""
    with Lake(fused_lake).snapshot().connect() as con:
        rows = con.sql(
            f"select market_ticker, ts_utc, p_fused_norm, pmf_age_minutes from minute_panel_full"
            f" where city = '{CITY}' and event_date = '{DAY}' order by all"
        ).pl()
    stored = rows_of(Lake(fused_lake).snapshot()).select("market_ticker", "ts_utc", stored="p_fused_norm")
    joined = rows.join(stored, on=("market_ticker", "ts_utc"), how="left", maintain_order="left")

    assert [0] == joined["pmf_age_minutes"].unique().to_list()
    assert joined["p_fused_norm"].to_list() == joined["stored"].to_list()


def test_nothing_at_a_minute_depends_on_anything_later(hazard_lake, tmp_path, put):
    """Poison every quote and every evaluation after noon: no fused row up to noon moves."""
    root, noon = tmp_path / "lake", datetime.fromisoformat("2026-11-01T18:00:00+00:00")
    shutil.copytree(hazard_lake, root, symlinks=True)
    snapshot = Lake(root).snapshot()
    later = pl.col("ts_utc") > noon
    dense = snapshot.read(CANDLES_DENSE, PLACE).with_columns(
        pl.when(later).then(value).otherwise(name).cast(CANDLES_DENSE.schema[name]).alias(name)
        for name, value in {"yes_bid_ticks": 100, "yes_ask_ticks": 9_900, "last_price_ticks": 7_000,
                            "volume_20m_centi": 99_999, "velocity_half_ticks": 3_000}.items()
    )  # fmt: skip
    weather = rows_of(snapshot).with_columns(
        pl.when(later).then(pl.lit(1 / 6)).otherwise("p_wx").alias("p_wx"),
        pl.when(later).then(0.9).otherwise("hazard_next_60m").alias("hazard_next_60m"),
        pl.when(later).then(70).otherwise("m_run_lo_f").cast(pl.Int32).alias("m_run_lo_f"),
        pl.when(later).then(70).otherwise("m_run_hi_f").cast(pl.Int32).alias("m_run_hi_f"),
    )
    put(root, CANDLES_DENSE, dense.select(CANDLES_DENSE.schema.names()), PLACE)
    put(root, PMF_MINUTE, weather.select(PMF_MINUTE.schema.names()), PLACE)
    books = snapshot.read(BOOKS, PLACE)
    doubled = pl.when(pl.col("known_utc") > noon).then(pl.col("delta_centi") * 2).otherwise("delta_centi")
    put(root, BOOKS, books.with_columns(doubled.alias("delta_centi")).select(BOOKS.schema.names()), PLACE)
    varying = replace(WEIGHTS, alphas=Alphas(0.2, 0.3, -2.0, 0.5), market=MarketRecipe(price="micro"))
    day = FuseDay(event_date=DAY, weights=varying, sha256="s")

    clean, poisoned = (fused_day(one, PLACE, day, MarketRecipe())[0] for one in (snapshot, Lake(root).snapshot()))

    assert clean.filter(~later)["w_mkt"].n_unique() > 100
    assert clean.filter(~later).equals(poisoned.filter(~later))
    assert not clean.filter(later).equals(poisoned.filter(later))


def test_an_event_that_does_not_tile_is_left_out_with_its_reason(own_fused, put):
    """Its evaluations stay without what was fused of the former ladder, and the day is held as it is."""
    markets = Lake(own_fused).snapshot().read(MARKETS, PLACE).filter(pl.col("low_f").is_not_null())
    put(own_fused, MARKETS, markets.select(MARKETS.schema.names()), PLACE)
    day = FuseDay(event_date=DAY, weights=WEIGHTS, sha256="s")

    rows, notes = fused_day(Lake(own_fused).snapshot(), PLACE, day, MarketRecipe())

    assert "leave the coldest or the warmest degrees unpaid" in notes[0]
    assert rows.height > 0 == rows["p_mkt"].count() == rows["p_fused_norm"].count() == rows["w_mkt"].count()
    assert {"the event is left out"} == set(rows["fused_quality"])
    assert {"s"} == set(rows["fusion_sha256"])


def test_one_bad_event_does_not_stop_the_others(own_fused, put):
    """Weather that is no distribution leaves its event out, with the reason, and the other days are fused."""
    rows = rows_of(Lake(own_fused).snapshot())
    wrong = rows.with_columns(pl.when(pl.col("p_wx").is_not_null()).then(1.0).alias("p_wx"))
    put(own_fused, PMF_MINUTE, wrong.select(PMF_MINUTE.schema.names()), PLACE)

    day = FuseDay(event_date=DAY, weights=WEIGHTS, sha256="s")
    done, notes = fused_day(Lake(own_fused).snapshot(), PLACE, day, MarketRecipe())

    assert "is no distribution: 6 rows for 6 brackets" in notes[0]
    assert 0 == done["p_fused_norm"].count()


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (FuseWish(cities=("denver",)), Refused),
        (FuseWish(since=DAY, until=DAY - timedelta(days=3)), BadDateRange),
        (FuseWish(since=date(2027, 1, 1)), Refused),
    ],
    ids=["a city without events", "a range that runs backwards", "a range without events"],
)
def test_what_cannot_be_fused_is_refused(fused_lake, wish, error):
    """Nothing is published, and the error says what to do."""
    with pytest.raises(error) as refusal:
        fuse_days(wish, fused_lake, workers=1)

    assert refusal.value.hint
