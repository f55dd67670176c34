"""The tape of others, a million trades of 2023 to 2025, through the second stage of the parsers."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from pipelines.kalshi.archive_frames import (
    market_records_of_columns,
    parse_market_columns,
    parse_trade_columns,
    trades_of_columns,
)
from pipelines.kalshi.markets import parse_markets
from pipelines.kalshi.trades import parse_trades
from pipelines.payload import Payload
from pipelines.transform import tape_candles
from warehouse.lake.tables import CANDLES_1M, MARKETS, SETTLEMENTS, TRADES, Partition

RECEIVED_UTC = datetime(2025, 5, 10, tzinfo=UTC)
SAID = ("market_ticker", "ts_utc", "yes_price_ticks", "count_centi", "taker_side")


@pytest.fixture(scope="module")
def tape(recorded):
    """The archive as rows of trades."""
    frame = pl.read_parquet(recorded("kalshi_2024_2025") / "trades.parquet")
    return trades_of_columns(frame, RECEIVED_UTC)


@pytest.fixture(scope="module")
def markets(recorded):
    """The markets of the same archive."""
    frame = pl.read_parquet(recorded("kalshi_2024_2025") / "markets.parquet")
    return parse_markets(market_records_of_columns(frame))


@pytest.fixture(scope="module")
def raw_tape(recorded):
    """The untouched answers of a few events."""
    files = sorted((recorded("kalshi_2024_2025") / "raw").glob("*_trades_*.json.gz"))
    return [
        Payload(kind="kalshi_trades", body=gzip.decompress(file.read_bytes()), received_utc=RECEIVED_UTC)
        for file in files
    ]


def test_every_recorded_trade_is_a_row(tape):
    """None of 1,026,424 is refused, and each has a name of its own."""
    assert (1_026_424, 0) == (tape.frame.height, tape.refused.height)
    assert 1_026_424 == tape.frame["trade_id"].n_unique()


def test_the_same_archive_gives_the_same_names(recorded, tape):
    """A replay of a part says of its trades what a replay of the whole says."""
    frame = pl.read_parquet(recorded("kalshi_2024_2025") / "trades.parquet")
    some = frame.filter(pl.col("ticker") == "KXHIGHNY-25MAY07-B72.5")

    again = trades_of_columns(some, RECEIVED_UTC).frame

    assert again.equals(tape.frame.filter(market_ticker="KXHIGHNY-25MAY07-B72.5"))


def test_a_day_of_the_tape_is_admitted(tape):
    """The rows of one day keep every rule of their table, and so do the candles made of them."""
    day = Partition("nyc", date(2024, 11, 5))
    rows = tape.frame.filter(city="nyc", event_date=day.event_date).select(*TRADES.schema)

    candles = CANDLES_1M.admit(tape_candles(rows), day)

    assert rows.height == TRADES.admit(rows, day).height
    assert candles["volume_centi"].sum() == rows["count_centi"].sum()


def test_untouched_answers_are_the_trades_of_the_archive(tape, raw_tape):
    """JSON of 35 events, DST days and old prefixes among them, says the same 23,902 trades as the columns."""
    (parsed,) = parse_trades(raw_tape)

    names = parsed.frame.select("market_ticker").unique()
    same = tape.frame.join(names, on="market_ticker", how="semi").select(SAID).sort(SAID)
    assert (19, 23_902, 0) == (len(raw_tape), parsed.frame.height, parsed.refused.height)
    assert same.equals(parsed.frame.select(SAID).sort(SAID))


def test_candles_of_the_tape_add_up_to_the_volume_of_every_market_but_a_known_few(tape, markets):
    """They miss 38 contracts of one finished market, and those of one day that was recorded before its end."""
    made = tape_candles(tape.frame).group_by("market_ticker").agg(traded_centi=pl.sum("volume_centi"))
    tape_centi = tape.frame.filter(~pl.col("is_block")).group_by("market_ticker").agg(tape_centi=pl.sum("count_centi"))

    listed = markets.frame.join(made, on="market_ticker", how="left").join(tape_centi, on="market_ticker", how="left")
    listed = listed.with_columns(pl.col("traded_centi", "tape_centi").fill_null(0))

    assert listed["traded_centi"].equals(listed["tape_centi"], check_names=False)
    missed = listed.filter(pl.col("volume_centi") != pl.col("traded_centi"))
    finished = missed.filter(status="finalized").select("market_ticker", "volume_centi", "traded_centi")
    assert [("KXHIGHNY-25MAY07-B72.5", 2_031_700, 2_027_900)] == finished.rows()
    assert [(date(2025, 4, 27), "closed", 16)] == missed.filter(pl.col("status") != "finalized").group_by(
        "event_date", "status"
    ).len().rows()


def test_a_candle_ends_a_minute_after_the_floor_of_its_trades(tape):
    """The exchange's convention: the stamp is the floor of a trade's instant to the minute, and sixty seconds."""
    some = tape.frame.filter(city="austin")

    stamps = tape_candles(some).select("market_ticker", "ts_utc").sort(pl.all())

    end_s = (pl.col("ts_utc").dt.epoch("s") // 60 * 60 + 60).alias("end_s")
    expected = some.select("market_ticker", end_s).unique().sort(pl.all())
    assert expected.equals(stamps.select("market_ticker", pl.col("ts_utc").dt.epoch("s").alias("end_s")))


def test_archives_enter_as_files_too(recorded):
    """The Parquet files of a replay are read by the same stage; one that is no Parquet is refused."""
    folder = recorded("kalshi_2024_2025")
    kept = (folder / "markets.parquet").read_bytes()

    markets, settlements = parse_market_columns([_file("columns_markets", kept)])
    (broken,) = parse_trade_columns([_file("columns_trades", kept[:99])])
    (foreign,) = parse_trade_columns([_file("columns_trades", kept)])

    assert (MARKETS, 4_788, SETTLEMENTS, 759) == (
        markets.table,
        markets.frame.height,
        settlements.table,
        settlements.frame.height,
    )
    assert [True] * 2 == [
        one.refused["rule"][0].startswith("the file is no archive of trades") for one in (broken, foreign)
    ]


def _file(kind, body):
    return Payload(kind=kind, body=body, received_utc=RECEIVED_UTC)


def test_trades_of_one_instant_keep_their_order_in_their_names():
    """Where an archive has no ids, the eleventh trade of an instant is named after the tenth, and is the last."""
    trades = pl.DataFrame(
        {
            "ticker": "HIGHCHI-24AUG16-B85.5",
            "created_time_utc": datetime(2024, 8, 16, 14, tzinfo=UTC),
            "yes_price": range(10, 22),
            "count": 1,
            "taker_side": "yes",
        }
    )

    parsed = trades_of_columns(trades, datetime(2024, 9, 1, tzinfo=UTC))

    assert [100 * cents for cents in range(10, 22)] == parsed.frame.sort("trade_id")["yes_price_ticks"].to_list()


def test_a_fraction_of_a_cent_or_of_a_contract_in_an_archive_is_refused_not_cut_off():
    """Columns of whole numbers may come as floats; what is not whole is named, row by row."""
    trades = pl.DataFrame(
        {
            "ticker": "HIGHCHI-24AUG16-B85.5",
            "created_time_utc": datetime(2024, 8, 16, 14, tzinfo=UTC),
            "yes_price": [29.0, 29.9, 29.0],
            "count": [155.0, 155.0, 155.5],
            "taker_side": "yes",
        }
    )

    parsed = trades_of_columns(trades, datetime(2024, 9, 1, tzinfo=UTC))

    assert [(2_900, 15_500)] == parsed.frame.select("yes_price_ticks", "count_centi").rows()
    assert ["the price of yes is no price of $0 to $1", "count is no count"] == parsed.refused["rule"].to_list()
    assert [29.9, 29.0] == [json.loads(text)["yes_price"] for text in parsed.refused["record_json"]]
