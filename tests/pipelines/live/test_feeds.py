"""Feeds of a running day over real HTTP: who is slow, down or talks nonsense delays and breaks nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from pipelines.archive import scan
from pipelines.live.arrivals import Arrival
from tests.pipelines.conftest import Reply
from tests.pipelines.live.lived import HOUR, MINUTE, OPENING, SECOND
from warehouse.lake.tables import CANDLES_1M, FORECASTS, MARKETS, OBS, TRADES
from warehouse.market.cities import CITIES

LONG_S = 60


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail after long."""
    end_s = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.02)


def test_the_first_poll_brings_everything_there_is_to_know(day):
    """Listing first, then prices from each market's opening on, then weather of the day so far; nobody failed."""
    with day.feeds() as feeds:
        polled = day.at(feeds, OPENING + 2 * HOUR + 2 * SECOND)

    assert {MARKETS.name, CANDLES_1M.name, TRADES.name, OBS.name, FORECASTS.name} <= {
        arrival.table.name for arrival in polled.arrivals if arrival.frame.height
    }
    assert {} == polled.failed
    assert None not in polled.heard_utc.values()
    assert {"chicago": OPENING + 2 * HOUR} == polled.priced_until


def test_the_trades_of_a_minute_come_with_its_prices(day):
    """What candles say was traded is there, trade by trade, when the minute is called taped."""
    with day.feeds() as feeds:
        polled = [day.at(feeds, OPENING + step * 10 * MINUTE + 3 * SECOND) for step in range(13)]

    came = {trade for one in polled for arrival in one.arrivals if arrival.table is TRADES
            for trade in arrival.frame["trade_id"]}  # fmt: skip
    whole = day.served.told.table("trades", CITIES["chicago"], date(2026, 11, 1))
    assert whole.height > 0
    assert set(whole["trade_id"]) <= came
    assert all(one.priced_until == one.taped_until for one in polled)


def test_an_answer_that_says_nothing_new_brings_nothing(day):
    """The same body to the same question is not read again."""
    with day.feeds() as feeds:
        day.at(feeds, OPENING + 10 * SECOND)
        again = day.at(feeds, OPENING + 70 * SECOND)

    assert OBS not in [arrival.table for arrival in again.arrivals]
    assert 2 == len(day.asked("iem_asos"))


def test_a_final_answer_is_paid_for_once_in_any_run(day):
    """A stored forecast that cannot change is at hand for the next run too."""
    for _ in range(2):
        with day.feeds() as feeds:
            polled = day.at(feeds, OPENING)

    asked = day.asked("vc_forecast")
    assert len(asked) == len({tuple(sorted(one.items())) for one in asked}) > 0
    assert FORECASTS in [arrival.table for arrival in polled.arrivals]


@pytest.mark.parametrize(
    "reply",
    [Reply(status=500), Reply(status=429), Reply(body=b"\xff\x00garbage"), Reply(body=b"[]"), Reply(body=b"{}")],
    ids=["500", "429", "garbage", "a list", "nothing"],
)
def test_a_vendor_that_fails_is_told_and_the_others_go_on(day, scripted, reply):
    """Prices, METARs and texts come; what Visual Crossing answers is told by feed and city."""
    scripted.will(reply)
    day.vendors = {**day.vendors, "vc": replace(day.vendors["vc"], base_url=scripted.url)}

    with day.feeds() as feeds:
        polled = day.at(feeds, OPENING + 3 * MINUTE + 3 * SECOND)

    assert {"vc_obs", "vc_nowcast", "vc_forecast"} == set(polled.failed)
    assert "chicago" in polled.failed["vc_obs"]
    assert polled.heard_utc["vc_obs"] is None
    assert {"chicago": OPENING + 3 * MINUTE} == polled.priced_until
    assert {"metar"} <= {name for (name, _), at in polled.heard_of.items() if at is not None}


def test_a_vendor_that_hangs_delays_no_poll(day_from, world, scripted):
    """In the background every feed waits for its own vendor only."""
    scripted.will(Reply(hangs=True))
    day = day_from(world, now=OPENING + 5 * SECOND, led=False, speed=60.0)
    day.vendors = {**day.vendors, "vc": replace(day.vendors["vc"], base_url=scripted.url)}
    arrivals: list[Arrival] = []
    slowest_s = 0.0

    with day.feeds(background=True) as feeds:

        def poll():
            nonlocal slowest_s
            began_s = time.monotonic()
            polled = feeds.poll(day.served.hands())
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            arrivals.extend(polled.arrivals)
            return polled

        until(lambda: poll().priced_until.get("chicago", OPENING) >= OPENING + 5 * MINUTE)
        until(lambda: poll().heard_utc["metar"] is not None)
        assert poll().heard_utc["vc_obs"] is None
        began_s = time.monotonic()

    assert CANDLES_1M in [arrival.table for arrival in arrivals]
    assert slowest_s < 2
    assert time.monotonic() - began_s < 25


def test_prices_that_are_promised_are_there(day_from, world):
    """Whenever a poll says that a minute is in, its candles have been handed over by then."""
    day = day_from(world, now=OPENING - MINUTE, led=False, speed=60.0)
    had: dict[str, object] = {}

    with day.feeds(background=True, settle_s=10) as feeds:
        while (polled := feeds.poll(day.served.hands())).priced_until.get("chicago", OPENING) < OPENING + 8 * MINUTE:
            for arrival in polled.arrivals:
                if arrival.table is CANDLES_1M and arrival.frame.height:
                    had["until"] = max(had.get("until", OPENING), arrival.frame["ts_utc"].max())
            promised = polled.priced_until.get("chicago")
            told = day.served.told.whole("candles_1m", CITIES["chicago"], date(2026, 11, 1))["ts_utc"]
            if promised is not None and promised > OPENING:
                assert had["until"] >= told.filter(told <= promised).max()
            feeds.wait(0.5)


def test_every_answer_lies_in_the_raw_archive(day):
    """What was asked while living can be read again, word for word."""
    with day.feeds() as feeds:
        day.at(feeds, OPENING + HOUR)

    kinds = {one.payload.kind for one in scan(day.lake.paths.raw)}
    assert {
        "kalshi_events",
        "kalshi_markets",
        "kalshi_candles",
        "vc_obs",
        "vc_nowcast",
        "iem_asos",
        "iem_afos",
    } <= kinds
