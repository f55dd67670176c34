"""Markets as others recorded them from the exchange, through the parser and the contract."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest

from pipelines.kalshi.markets import kalshi_settlements, parse_markets
from pipelines.payload import Parsed
from warehouse.lake.checks import run_checks
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, SETTLEMENTS
from warehouse.lake.writer import write


@pytest.fixture(scope="module")
def archive(recorded) -> pl.DataFrame:
    return pl.read_parquet(recorded("kalshi_2024_2025/markets.parquet"))


@pytest.fixture(scope="module")
def parsed(archive) -> Parsed:
    return parse_markets(archive.to_dicts())


def test_every_recorded_market_is_admitted(parsed):
    """All 4,788 records of 798 events keep every rule of the table; none is refused."""
    stored = [MARKETS.admit(rows, partition).height for partition, rows in MARKETS.split(parsed.frame)]

    assert (798, 4_788, 0) == (len(stored), sum(stored), parsed.refused.height)


def test_the_winners_whose_strikes_were_null_are_repaired(archive, parsed):
    """75 records had null strikes, every one a winner; their repaired bounds hold the settled value."""
    bare = archive.filter(pl.col("strike_type").is_null())["ticker"].implode()

    repaired = parsed.frame.filter(pl.col("market_ticker").is_in(bare))

    holds = pl.col("expiration_value_f").is_between(pl.col("low_f").fill_null(-99), pl.col("high_f").fill_null(199))
    assert (75, 75) == (repaired.height, repaired.filter(holds, result="yes", bounds_source="subtitle").height)


def test_without_their_subtitles_the_siblings_name_the_same_bounds(archive, parsed):
    """The gap between the siblings is what the words say, for all 75."""
    wordless = archive.with_columns(subtitle=pl.lit(""), yes_sub_title=pl.lit(""))

    guessed = parse_markets(wordless.to_dicts()).frame

    assert 75 == guessed.filter(bounds_source="siblings").height
    assert parsed.frame.drop("bounds_source").equals(guessed.drop("bounds_source"))


def test_no_repaired_strike_tells_the_winner(parsed):
    """After the repair a strike is null in the tails only, for winners as for losers."""
    nulls = parsed.frame.group_by("strike_type").agg(pl.col("floor_strike", "cap_strike").null_count())

    assert [("between", 0, 0), ("greater", 0, 798), ("less", 798, 0)] == nulls.sort("strike_type").rows()


def test_every_finished_event_has_one_winner_and_one_value(parsed):
    """759 events finished with one yes and one settled degree; 39 were caught before their end and have neither."""
    events = parsed.frame.group_by("event_ticker").agg(
        winners=(pl.col("result") == "yes").sum(),
        values=pl.col("expiration_value_f").drop_nulls().n_unique(),
        settled=pl.col("settled_utc").is_not_null().sum(),
    )

    counts = events.group_by("winners", "values", "settled").len().sort("winners").rows()
    assert [(0, 0, 0, 39), (1, 1, 6, 759)] == counts


def test_the_settled_value_lies_in_the_winner_and_in_no_loser(parsed):
    """No recorded value contradicts a recorded result."""
    holds = pl.col("expiration_value_f").is_between(pl.col("low_f").fill_null(-99), pl.col("high_f").fill_null(199))
    finished = parsed.frame.filter(pl.col("result").is_not_null())

    assert [0] == finished.select((holds != (pl.col("result") == "yes")).sum()).to_series().to_list()


def test_the_end_is_known_the_morning_after_the_close(parsed):
    """Modelled settlement is ten to eleven hours after the close, never before it."""
    lags = (
        parsed.frame.select((pl.col("settled_utc") - pl.col("close_utc")).dt.total_minutes()).to_series().drop_nulls()
    )

    assert {601, 661} == set(lags)


def test_old_and_new_series_lie_in_one_city(parsed):
    """The prefix changed in October 2024; both names of a series are the same city's."""
    series = parsed.frame.group_by("city").agg(pl.col("series_ticker").unique().sort()).sort("city").rows()

    expected = {"austin": "HIGHAUS", "chicago": "HIGHCHI", "nyc": "HIGHNY"}
    assert [(city, [old, f"KX{old}"]) for city, old in expected.items()] == series


def test_untouched_events_are_the_rows_of_the_archive(parsed, recorded):
    """The JSON of single events, absent fields and all, gives the rows that the table of records gives."""
    files = sorted(recorded("kalshi_2024_2025/raw").glob("*_event_*.json.gz"))
    markets = [market for file in files for market in json.loads(gzip.decompress(file.read_bytes()))["markets"]]

    again = parse_markets(markets)

    same = parsed.frame.filter(pl.col("market_ticker").is_in(again.frame["market_ticker"].implode()))
    assert (15, 90, 0) == (len(files), again.frame.height, again.refused.height)
    assert same.equals(again.frame)


def test_the_recorded_markets_make_a_lake_that_labels_every_finished_event(parsed, tmp_path):
    """Listed, published and asked: 759 finished events have their label, and every check is silent."""
    lake = Lake(tmp_path / "lake")
    with write(lake, purpose="recorded markets") as writer:
        for contract, frame in ((MARKETS, parsed.frame), (SETTLEMENTS, kalshi_settlements(parsed.frame))):
            for partition, rows in contract.split(frame):
                writer.put(contract, rows, partition)
        snapshot = writer.publish(sources={"kalshi": "a recorded archive"})

    with snapshot.connect() as con:
        labels = con.sql(
            "select count(*) as n, count(*) filter (label_source = 'kalshi') as k from settlement_label"
        ).pl()
    found = {result.name: result.found for result in run_checks(snapshot)}

    assert [(759, 759)] == labels.rows()
    assert {} == {name: rows for name, rows in found.items() if rows}


def test_the_step_of_a_quote_is_read_in_every_era(parsed):
    """The archive's tick size of one cent is a hundred ticks."""
    assert [100] == parsed.frame["price_step_ticks"].unique().to_list()
