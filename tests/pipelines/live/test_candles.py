"""Minutes come once, as soon as they are over, and none is missing after an outage."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl

from pipelines.demo.wire import Faults
from tests.pipelines.live.lived import HOUR, MINUTE, OPENING, SECOND, Day
from warehouse.lake.tables import CANDLES_1M
from warehouse.market.cities import CITIES

TOMORROW = date(2026, 11, 1)


def minutes(arrivals):
    """Return the candles that came, each market and minute once."""
    frames = [arrival.frame for arrival in arrivals if arrival.table is CANDLES_1M]
    return pl.concat(frames).unique(["market_ticker", "ts_utc"]) if frames else CANDLES_1M.empty()


def told(day: Day, event_date: date, *, since: datetime, until: datetime):
    """Return what the exchange told of an event between two instants, both included."""
    rows = day.served.told.whole("candles_1m", CITIES["chicago"], event_date)
    return rows.filter(pl.col("ts_utc").is_between(since, until))


def windows(day: Day):
    """Return the windows of all questions for candles."""
    said = [(int(one["start_ts"]), int(one["end_ts"])) for one in day.asked("kalshi_candles")]
    return [tuple(datetime.fromtimestamp(second, UTC) for second in window) for window in said]


def test_a_minute_is_asked_for_once_it_is_settled_and_never_again(day):
    """Before its end and its moment of grace nobody asks; then everybody's minute comes in one answer."""
    with day.feeds() as feeds:
        day.at(feeds, OPENING + 2 * SECOND)
        asked = len(windows(day))
        early = day.at(feeds, OPENING + MINUTE + SECOND)
        in_time = day.at(feeds, OPENING + MINUTE + 2 * SECOND)
        later = day.at(feeds, OPENING + MINUTE + 40 * SECOND)

    assert {"chicago": OPENING} == early.priced_until
    assert {"chicago": OPENING + MINUTE} == in_time.priced_until == later.priced_until
    assert [(OPENING, OPENING + MINUTE)] == windows(day)[asked:]


def test_two_open_events_share_a_question_and_each_has_its_own_minutes(day):
    """Today's event trades through its close while tomorrow's is open; both are whole."""
    close = OPENING + 16 * HOUR
    with day.feeds() as feeds:
        polled = [day.at(feeds, OPENING + hour * HOUR + 5 * SECOND) for hour in range(20)]

    came = minutes([arrival for one in polled for arrival in one.arrivals])
    for event_date in (date(2026, 10, 31), TOMORROW):
        ours = came.filter(pl.col("event_date") == event_date).drop("city", "event_date")
        whole = told(day, event_date, since=OPENING - 24 * HOUR, until=OPENING + 19 * HOUR)
        assert whole.sort("market_ticker", "ts_utc").equals(ours.sort("market_ticker", "ts_utc").select(whole.columns))
    assert {"chicago": OPENING + 19 * HOUR} == polled[-1].priced_until
    assert (close, close + MINUTE) in windows(day)


def test_after_an_outage_the_minutes_go_on_where_they_ended(day):
    """Nothing is asked twice but the last minute, and nothing is missing."""
    with day.feeds() as feeds:
        day.at(feeds, OPENING + 10 * MINUTE + 3 * SECOND)
        before = len(windows(day))
        polled = day.at(feeds, OPENING + 5 * HOUR + 3 * SECOND)

    assert [(OPENING + 10 * MINUTE, OPENING + 5 * HOUR)] == windows(day)[before:]
    ours = minutes(polled.arrivals).filter(pl.col("event_date") == TOMORROW)
    assert told(day, TOMORROW, since=OPENING + 10 * MINUTE, until=OPENING + 5 * HOUR).height == ours.height


def test_an_exchange_that_fails_is_told_and_asked_again(day_from, world):
    """Each failure is told, prices stay where they were, and what comes at last is whole."""
    day = day_from(world, now=OPENING - 5 * MINUTE, faults=Faults(http_500=0.6, seed=3))
    failed, came = 0, []
    with day.feeds(retry_s=20, listing_s=60) as feeds:
        for step in range(1, 70):
            polled = day.at(feeds, OPENING + step * 20 * SECOND)
            came += polled.arrivals
            failed += "candles" in polled.failed
        until = polled.priced_until["chicago"]

    assert failed > 3
    assert until > OPENING + 10 * MINUTE
    ours = minutes(came).filter(pl.col("event_date") == TOMORROW)
    assert told(day, TOMORROW, since=OPENING, until=until).height == ours.filter(pl.col("ts_utc") <= until).height
