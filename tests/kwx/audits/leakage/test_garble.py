"""The poison: it is of every table, changes what was not known and nothing else, and leaves rows that can be read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from kwx.audits.leakage.garble import garbled
from kwx.audits.leakage.poison import Sample, poisoned
from kwx.audits.leakage.unknown import OUTCOME, UNKNOWN, How
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, PMF_MINUTE, TABLES, Partition

SAMPLE = Sample(city="chicago", event_date=date(2026, 11, 2), at_utc=datetime(2026, 11, 2, 18, 3, tzinfo=UTC))
GARBLED = tuple(name for name, one in UNKNOWN.items() if one.how is How.GARBLE and not name.startswith("truth_"))


@pytest.fixture(scope="module")
def snapshot(hazard_lake):
    """A lake of two cities with evaluations of one."""
    return Lake(hazard_lake).snapshot()


def both(snapshot, name, seed=3):
    """Return a partition, the same garbled, and which rows were not known."""
    contract, unknown = TABLES[name], UNKNOWN[name]
    rows = snapshot.read(contract, SAMPLE.partition).select(contract.schema.names())
    later = rows.select(unknown.rows(SAMPLE.at_utc, SAMPLE.event_date)).to_series()
    return rows, garbled(rows, contract, unknown, later, np.random.default_rng(seed)), later


def test_every_table_says_what_of_it_is_not_known():
    """By a column that it has."""
    assert TABLES.keys() == UNKNOWN.keys()
    named = {name: one.stamp or one.until for name, one in UNKNOWN.items()}
    assert [] == [name for name, column in named.items() if column is not None and column not in TABLES[name].schema]
    assert {"truth_minutes", "truth_days", "truth_probabilities"} == {
        name for name, one in named.items() if one is None
    }


@pytest.mark.parametrize("name", ["candles_1m", "candles_dense", "trades", "books", "obs", "forecasts", "pmf_degrees"])
def test_rows_that_were_known_stay_and_others_say_something_else(snapshot, name):
    """In the order that they had; a tenth of the others goes, and hardly any says what it said."""
    rows, changed, later = both(snapshot, name)
    contract = TABLES[name]
    keys = [*contract.key]

    known = rows.filter(~later)
    assert known.equals(changed.join(known.select(keys), on=keys, how="semi", maintain_order="left"))
    told = changed.filter(pl.col(UNKNOWN[name].stamp) > SAMPLE.at_utc)
    after = rows.filter(later).join(changed, on=keys, suffix="_new", maintain_order="left")
    payload = [one for one in contract.schema if one not in keys and one not in {"known_utc", "ts_utc", "station"}]
    same = after.select(
        pl.all_horizontal(pl.col(one).eq_missing(pl.col(f"{one}_new")) for one in payload).mean()
    ).item()
    assert 0.7 < told.height / later.sum() < 1 or later.sum() < 10
    assert same < 0.3


@pytest.mark.parametrize("name", ["candles_1m", "candles_dense", "obs", "obs_1m", "forecasts", "trades", "pmf_minute"])
def test_garbled_rows_break_no_law_of_their_table(snapshot, name):
    """A bid stays below its offer, a bound below the other: what reads them has nothing to refuse."""
    _, changed, _ = both(snapshot, name)

    assert 0 == TABLES[name].sift(changed, SAMPLE.partition).refused.height


def test_brackets_exchange_their_chances(snapshot):
    """They still sum to one at each instant, and no bracket keeps its own."""
    rows, changed, later = both(snapshot, PMF_MINUTE.name)

    sums = changed.group_by("ts_utc").agg(pl.col("p_wx").sum())["p_wx"]
    assert np.allclose(1, sums, atol=1e-9)
    moved = rows.filter(later).join(changed, on=["market_ticker", "ts_utc"], suffix="_new")
    assert (moved["p_wx"] != moved["p_wx_new"]).mean() > 0.5
    assert moved.height < later.sum()


def test_of_a_market_its_end_alone_is_garbled(snapshot):
    """Brackets, opening and closing are of the listing."""
    rows, changed, _ = both(snapshot, MARKETS.name)

    assert rows.drop(OUTCOME).equals(changed.drop(OUTCOME))
    assert rows["settled_utc"].equals(changed["settled_utc"])
    assert (rows["result"] != changed["result"]).all()


def test_fits_that_have_seen_the_day_are_gone_and_others_stay(snapshot):
    """As if they had never been made."""
    seen = UNKNOWN["mc_params"].rows(SAMPLE.at_utc, date(2026, 10, 29))
    rows = snapshot.read(TABLES["mc_params"], Partition("chicago")).select(TABLES["mc_params"].schema.names())
    later = rows.select(seen).to_series()

    assert rows.height == later.sum()
    assert 0 == garbled(rows, TABLES["mc_params"], UNKNOWN["mc_params"], later, np.random.default_rng(1)).height


def test_a_poisoned_lake_is_garbled_everywhere_and_derived_anew(snapshot):
    """Every table with rows of later has some, other cities' too; grids and minutes follow from garbled rows."""
    poison = poisoned(snapshot, SAMPLE, np.random.default_rng(2))

    assert set(snapshot.manifest.tables) - {"mc_params"} == set(poison.later)
    other = Partition("nyc", SAMPLE.event_date)
    for name in ("trades", "obs", "candles_dense"):
        clean, dirty = (one.read(TABLES[name], other) for one in (poison.clean, poison.dirty))
        assert not clean.equals(dirty)
    late, early = (
        [
            one.read(TABLES["obs_1m"], SAMPLE.partition).filter(when)["temp_f"]
            for one in (poison.clean, poison.dirty)
        ]
        for when in (pl.col("ts_utc") > SAMPLE.at_utc, pl.col("ts_utc") <= SAMPLE.at_utc)
    )  # fmt: skip
    assert early[0].equals(early[1])
    assert not late[0].equals(late[1])
    poison.close()
