"""Reading what is stored: what was known at the instant and nothing later, whole ladders, and why rows are left out."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.scoring.stored import ladders as of_ladders
from kwx.scoring.stored.ladders import read_ladders
from kwx.scoring.stored.moments import every
from warehouse.errors import ContractBroken, Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, PMF_MINUTE, SETTLEMENTS, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

DST_DAY, DAY = date(2026, 11, 1), date(2026, 11, 2)
PARTITION = Partition("chicago", DAY)
TEN = 600


@pytest.fixture
def own(priced_lake, tmp_path):
    """A copy of the priced lake that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(priced_lake, root, symlinks=True)
    return root


def minutes_of(root, day=DAY):
    """Return the rows of pmf_minute of one day."""
    return Lake(root).snapshot().read(PMF_MINUTE, Partition("chicago", day))


def read(root, minutes=(TEN,), **options):
    """Return the ladders of Chicago on one day."""
    return read_ladders(Lake(root).snapshot(), minutes, cities=["chicago"], **({"since": DAY, "until": DAY} | options))


def overwrite(root, minutes):
    """Put rows into the file itself, past every contract: a lake that was damaged."""
    snapshot = Lake(root).snapshot()
    (path,) = (one for one in snapshot.locations("pmf_minute") if f"date={DAY}" in str(one))
    path.chmod(0o644)
    minutes.select(PMF_MINUTE.schema.names()).write_parquet(path)


@pytest.mark.parametrize(("minute", "read_at"), [(TEN, 600), (TEN + 2, 600), (TEN + 4, 600), (TEN + 5, 605)])
def test_a_row_holds_the_newest_minute_that_is_not_later(priced_lake, minute, read_at):
    """Evaluations are five minutes apart: at 10:02 that of 10:00 stands, on the day of a DST change too."""
    found = read(priced_lake, [minute], since=DST_DAY)

    for row in found.rows.iter_rows(named=True):
        start_utc = ClimateDay(CITIES["chicago"], row["event_date"]).start_utc
        assert start_utc + timedelta(minutes=read_at) == row["ts_utc"]
    assert 2 == found.rows.height


def test_probabilities_are_those_stored_and_the_winner_is_the_one_paid(priced_lake):
    """Coldest bracket first, every source of the same minute."""
    found = read(priced_lake)
    markets = Lake(priced_lake).snapshot().read(MARKETS, PARTITION).sort("bracket_order")
    stored = minutes_of(priced_lake).filter(pl.col("ts_utc") == found.rows["ts_utc"][0])
    ordered = markets.select("market_ticker", "result").join(stored, on="market_ticker", maintain_order="left")

    for source in found.sources:
        assert np.array_equal(found.p[source][0], ordered[source].to_numpy())
    assert "yes" == ordered["result"][int(found.winner[0])]


@pytest.mark.parametrize("minute", [-300, 0, TEN, 1439])
def test_nothing_after_the_instant_moves_a_row(own, put, minute):
    """All rows after the instant are struck: order of brackets turned, hazards certain; nothing changes."""
    instant_utc = ClimateDay(CITIES["chicago"], DAY).start_utc + timedelta(minutes=minute)
    calm, minutes = read(own, [minute]), minutes_of(own)
    later = pl.col("ts_utc") > instant_utc
    poison = {
        name: pl.when(later).then(pl.col(name).reverse().over("ts_utc")).otherwise(name)
        for name in ("p_wx", "p_mkt", "p_fused_norm")
    }
    struck = minutes.with_columns(**poison, hazard_next_60m=pl.when(later).then(1.0).otherwise("hazard_next_60m"))
    put(own, PMF_MINUTE, struck.select(PMF_MINUTE.schema.names()), PARTITION)

    found = read(own, [minute])

    assert not minutes.equals(minutes_of(own))
    assert calm.rows.equals(found.rows)
    assert all(np.array_equal(calm.p[source], found.p[source]) for source in calm.sources)


def test_what_is_older_than_an_hour_is_not_used(own, put):
    """A row of 10:00 stands at 11:00 and no longer at 11:01."""
    gap = pl.col("ts_utc").is_between(
        datetime(2026, 11, 2, 16, tzinfo=UTC), datetime(2026, 11, 2, 18, tzinfo=UTC), closed="right"
    )
    put(own, PMF_MINUTE, minutes_of(own).filter(~gap).select(PMF_MINUTE.schema.names()), PARTITION)

    found = read(own, [660, 661])

    assert [660] == found.rows["minute_lst"].to_list()
    assert {of_ladders.NOT_EVALUATED: 1} == dict(found.left_out)


def test_every_row_asked_is_scored_or_left_out_for_one_reason(priced_lake):
    """Of all instants of two cities and three days nothing is lost: two days are run, New York is not."""
    found = read_ladders(Lake(priced_lake).snapshot(), every(60))

    assert 2 * 3 * 48 == found.asked == found.rows.height + sum(found.left_out.values())
    assert {"chicago"} == set(found.rows["city"])
    assert {of_ladders.NOT_TRADED, of_ladders.NOT_EVALUATED} == set(found.left_out)


def test_nothing_is_scored_before_the_open_or_from_the_close_on(priced_lake):
    """Ten o'clock of the eve is when trading opens in this world; the closing midnight is over."""
    rows = read(priced_lake, every(30)).rows
    markets = Lake(priced_lake).snapshot().read(MARKETS, PARTITION)

    assert rows["instant_utc"].min() >= markets["open_utc"].max()
    assert rows["instant_utc"].max() < markets["close_utc"].min()


def test_a_row_without_one_source_is_left_out_for_all(own, put):
    """Sources are compared on the same rows; asked alone, the others keep the row."""
    early = pl.col("ts_utc") < datetime(2026, 11, 2, 18, tzinfo=UTC)
    without = minutes_of(own).with_columns(p_fused_norm=pl.when(early).then(None).otherwise("p_fused_norm"))
    put(own, PMF_MINUTE, without.select(PMF_MINUTE.schema.names()), PARTITION)

    together, alone = read(own, [TEN, 780]), read(own, [TEN, 780], sources=["p_wx", "p_mkt"])

    assert ([780], {"no p_fused_norm": 1}) == (together.rows["minute_lst"].to_list(), dict(together.left_out))
    assert [TEN, 780] == alone.rows["minute_lst"].to_list()


def test_a_ladder_with_a_bracket_missing_is_left_out(own, put):
    """Five of six brackets are no distribution."""
    first = pl.col("market_ticker") == minutes_of(own)["market_ticker"].min()
    gone = first & (pl.col("ts_utc") == datetime(2026, 11, 2, 16, tzinfo=UTC))
    put(own, PMF_MINUTE, minutes_of(own).filter(~gone).select(PMF_MINUTE.schema.names()), PARTITION)

    assert {of_ladders.NOT_WHOLE: 1} == dict(read(own, [TEN, 780]).left_out)


def test_a_day_that_has_not_settled_is_left_out(own, put):
    """No label, no score; the other day has its own."""
    put(own, SETTLEMENTS, SETTLEMENTS.empty(), PARTITION)

    found = read(own, since=DST_DAY)

    assert ([DST_DAY], {of_ladders.NOT_SETTLED: 1}) == (found.rows["event_date"].to_list(), dict(found.left_out))


def test_brackets_that_do_not_tile_are_left_out(own, put):
    """An event that lost a market has no winner for every high."""
    markets = Lake(own).snapshot().read(MARKETS, PARTITION).filter(pl.col("bracket_order") != 3)
    put(own, MARKETS, markets.select(MARKETS.schema.names()), PARTITION)

    assert {of_ladders.NOT_TILED: 1} == dict(read(own, since=DST_DAY).left_out)


@pytest.mark.parametrize(("value", "said"), [(float("nan"), "sums to nan"), (-0.25, "holds -0.25"), (0.9, "sums to")])
def test_what_is_no_distribution_is_refused_by_name(own, value, said):
    """NaN, negative mass and a wrong sum say which event and minute they are of."""
    minutes = minutes_of(own)
    at = (pl.col("ts_utc") == datetime(2026, 11, 2, 16, tzinfo=UTC)) & pl.col("market_ticker").str.ends_with("T64")
    at = at | (pl.col("market_ticker") == minutes["market_ticker"].max())
    overwrite(own, minutes.with_columns(p_mkt=pl.when(at).then(pl.lit(value)).otherwise("p_mkt")))

    with pytest.raises(Refused, match="p_mkt of KXHIGHCHI-26NOV02 at 2026-11-02 16:00Z") as caught:
        read(own)

    assert said in str(caught.value)


def test_a_minute_that_is_there_twice_is_refused(own):
    """Which of the two was known cannot be told."""
    minutes = minutes_of(own)
    overwrite(own, pl.concat([minutes, minutes.filter(pl.col("ts_utc") == datetime(2026, 11, 2, 16, tzinfo=UTC))]))

    with pytest.raises(ContractBroken, match="2026-11-02 16:00Z twice"):
        read(own)


def test_a_lake_without_probabilities_is_told_how_to_make_them(demo_lake):
    """The hint names the commands."""
    with pytest.raises(Refused, match="nothing to score") as caught:
        read_ladders(Lake(demo_lake).snapshot(), [TEN])

    assert "kwx hazard backfill, then kwx fuse run" in caught.value.hint


def test_a_source_that_is_nowhere_is_told_how_to_make_it(hazard_lake):
    """The reason stands in the message, the command in the hint."""
    with pytest.raises(Refused, match=r"no p_mkt: 1") as caught:
        read(hazard_lake, sources=["p_mkt"])

    assert "kwx fuse run" in caught.value.hint


def test_a_source_of_nobody_cannot_be_meant(priced_lake):
    """The hint lists the sources."""
    with pytest.raises(Usage) as caught:
        read(priced_lake, sources=["p_true"])

    assert "p_wx p_mkt p_fused_norm" in caught.value.hint
