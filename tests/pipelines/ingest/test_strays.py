"""A stray market of a listed event costs nobody else: its rows are set aside with a reason, the rest is published."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime

import polars as pl
import pytest

from pipelines.derivation import Overlay, derive_city_days, derive_tasks
from pipelines.ingest.fold import UNLISTED
from pipelines.ingest.run import replay_folder
from warehouse.lake.staging import Staging
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, CANDLES_DENSE, MARKETS, TRADES, Partition

EVENT = "KXHIGHCHI-26OCT04"
STRAY = f"{EVENT}-B99.5"
LISTED = f"{EVENT}-B72.5"
NOW = datetime(2026, 10, 6, tzinfo=UTC)
STRIKES = {
    "T70": ("less", None, 70),
    "B70.5": ("between", 70, 71),
    "B72.5": ("between", 72, 73),
    "B74.5": ("between", 74, 75),
    "B76.5": ("between", 76, 77),
    "T77": ("greater", 77, None),
}


def market(suffix, event=EVENT, **changes):
    """One listed market."""
    kind, floor, cap = STRIKES[suffix]
    times = {"open_time": "2026-10-03T14:00:00Z", "close_time": "2026-10-05T06:00:00Z", "status": "active"}
    strikes = {"strike_type": kind, "floor_strike": floor, "cap_strike": cap}
    return {"ticker": f"{event}-{suffix}", "event_ticker": event} | times | strikes | changes


def trade(ticker):
    """One trade of a market."""
    said = {"trade_id": f"of {ticker}", "ticker": ticker, "created_time": "2026-10-04T01:46:15.690388Z"}
    return said | {"count_fp": "2.00", "yes_price_dollars": "0.4200", "taker_outcome_side": "yes"}


def candle():
    """One minute."""
    of = dict.fromkeys(("open_dollars", "high_dollars", "low_dollars", "close_dollars"), "0.4200")
    quotes = {"end_period_ts": 1_791_036_060, "yes_bid": of, "yes_ask": of, "price": of}
    return quotes | {"volume_fp": "2.00", "open_interest_fp": "2.00"}


@pytest.fixture
def replayed(tmp_path):
    """Save answers as files of a folder and replay it into one lake."""
    folders = iter(range(9))

    def replay(**answers):
        folder = tmp_path / f"saved-{next(folders)}"
        folder.mkdir()
        for name, answer in answers.items():
            (folder / f"{name}.json").write_text(json.dumps(answer))
        return replay_folder(folder, tmp_path / "lake", workers=1, clock=lambda: NOW).folded

    return replay


def tickers(folded, contract):
    return set(folded.built.snapshot.scan(contract).collect()["market_ticker"])


LISTING = {"markets": [market(suffix) for suffix in STRIKES]}
TAPE = {"trades": [trade(LISTED), trade(STRAY)]}
MINUTES = {"markets": [{"market_ticker": ticker, "candlesticks": [candle()]} for ticker in (LISTED, STRAY)]}


@pytest.mark.parametrize("told", [{"tape": TAPE}, {"tape": TAPE, "minutes": MINUTES}])
def test_trades_and_candles_of_an_unlisted_market_go_to_quarantine_and_the_rest_is_published(replayed, told):
    """Six good markets and a stray one: the six have their tape, their candles and their grid."""
    folded = replayed(listing=LISTING, **told)

    assert [{LISTED}] * 2 == [tickers(folded, contract) for contract in (TRADES, CANDLES_1M)]
    assert 6 == len(tickers(folded, MARKETS)) == len(tickers(folded, CANDLES_DENSE))
    expected = {"trades", "candles_1m"} if "minutes" in told else {"trades"}
    assert expected == {one.table for one in folded.refused if one.rule == UNLISTED}


def test_a_tape_that_is_older_than_its_listing_is_judged_when_that_comes(replayed):
    """As long as nobody lists the event its tape stands alone; then the stray leaves the lake."""
    alone = replayed(tape=TAPE)
    listed = replayed(listing=LISTING)
    again = replayed(tape=TAPE)

    assert [{LISTED, STRAY}, {LISTED}, {LISTED}] == [tickers(one, TRADES) for one in (alone, listed, again)]
    assert [{LISTED, STRAY}, {LISTED}, {LISTED}] == [tickers(one, CANDLES_1M) for one in (alone, listed, again)]
    assert not again.built.changed


def test_an_impossible_market_costs_its_event_and_nothing_else(replayed):
    """It closes before it opens: the event is refused whole with its reason, and its neighbour is published."""
    impossible = market("B72.5", open_time="2026-10-05T06:00:00Z")
    others = [market(suffix) for suffix in STRIKES if suffix != "B72.5"]
    neighbours = [market(suffix, event="KXHIGHCHI-26OCT05") for suffix in STRIKES]

    folded = replayed(listing={"markets": [impossible, *others, *neighbours]}, tape=TAPE)

    assert {market["ticker"] for market in neighbours} == tickers(folded, MARKETS)
    assert [6] == [one.rows for one in folded.refused if "breaks a law: not so: open_utc < close_utc" in one.rule]


def test_nothing_is_derived_from_a_stray_candle_and_its_ticker_is_told(direct, tmp_path, caplog):
    """A lake that holds one all the same derives what it derived before."""
    number, city, day = direct.current_number(), "chicago", date(2026, 11, 1)
    partition = Partition(city, day)
    candles = direct.snapshot().read(CANDLES_1M, partition).select(*CANDLES_1M.schema)
    stray = candles.head(1).with_columns(market_ticker=pl.lit("KXHIGHCHI-26NOV01-B199.5"))
    draft = tmp_path / "candles.parquet"
    pl.concat([candles, stray]).write_parquet(draft)
    staging = Staging(Lake(tmp_path / "lake").paths, "run")
    reader = Overlay(paths=direct.paths, number=number, staged={(CANDLES_1M.name, partition): draft})

    with caplog.at_level(logging.WARNING):
        (task,) = derive_tasks([partition], reader=reader, staging=staging)
        staged = {one.table: one.entry.sha256 for one in derive_city_days(task)}

    held = {entry.sha256 for entry in direct.snapshot().files(CANDLES_DENSE.name)}
    assert staged[CANDLES_DENSE.name] in held
    assert ["KXHIGHCHI-26NOV01-B199.5" in message for message in caplog.messages] == [True]
