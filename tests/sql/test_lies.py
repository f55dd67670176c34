"""Values from the future, and values that are not the newest, behind pointers that look right: each is found.

The world is random, with late candles, late reports and one-sided books, and derived by the real transforms.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from pipelines.transform.derived import RawDay, derive, grids_of
from warehouse.lake.tables import CANDLES_1M, MARKETS, OBS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")
TODAY, EVE = date(2026, 2, 4), date(2026, 2, 3)
OPEN, CLOSE = -90, 150
BRACKETS = (("COLD", 1, None, 39), ("MILD", 2, 40, 41), ("WARM", 3, 42, None))
KNOWN_IN_TIME = (
    *("quotes_known_in_time", "trades_known_in_time", "minutes_follow_each_other", "complete_is_earned"),
    *("wall_clock_is_the_citys", "minutes_carry_their_listing", "dense_grid_complete", "weather_known_in_time"),
    *("weather_is_the_newest_known", "running_max_known_in_time", "weather_grid_complete"),
)


def at(minute):
    return MIDNIGHT + timedelta(minutes=minute)


def rows_of(table, rows):
    """Return rows as a frame of the table; what they leave out is null."""
    return pl.DataFrame([{name: row.get(name) for name in table.schema} for row in rows], schema=table.schema)


_QUOTED = ("yes_bid_", "yes_ask_", "open_int")


def candle(rng, ticker, minute):
    """One minute of the exchange; every fifth comes late, every fourth book has one side, some come from the tape."""
    bid = rng.randrange(30, 60) * 100
    bid, ask = rng.choice([(bid, bid + 200), (bid, bid + 300), (0, 4_000), (5_000, 10_000), (0, 10_000)])
    sides = {"yes_bid": bid, "yes_ask": ask} | ({"price": rng.randrange(30, 60) * 100} if rng.random() < 0.5 else {})
    ohlc = {f"{side}_{of}_ticks": of_side for side, of_side in sides.items() for of in ("open", "high", "low", "close")}
    late = timedelta(seconds=rng.randrange(1, 2_000)) if rng.random() < 0.2 else timedelta(0)
    row = ohlc | {
        "market_ticker": ticker,
        "ts_utc": at(minute),
        "known_utc": at(minute) + late,
        "volume_centi": rng.randrange(1, 900) if "price" in sides else 0,
        "open_interest_centi": rng.randrange(90_000),
    }
    is_of_tape = "price" in sides and rng.random() < 0.2
    return row | dict.fromkeys([name for name in row if name[:8] in _QUOTED] if is_of_tape else [])


def report(rng, minute):
    """One report; some come late, some repeat, some name two whole degrees."""
    temp_f = rng.randrange(300, 500) / 10
    return {
        "ts_utc": at(minute),
        "source": rng.choice(("metar", "vc")),
        "station": "KMDW",
        "temp_f": temp_f,
        "temp_lo_f": int(temp_f),
        "temp_hi_f": int(temp_f) + rng.randrange(2),
        "dew_f": rng.randrange(100, 300) / 10,
        "humidity_pct": float(rng.randrange(100)),
        "wind_mph": rng.choice((None, float(rng.randrange(30)))),
        "is_whole_c": False,
        "is_filled": rng.random() < 0.1,
        "known_utc": at(minute) + timedelta(seconds=rng.choice((90, 300, 3_000))),
    }


@pytest.fixture(scope="module", params=[1, 2])
def frames(request):
    """The tables of one event and the weather of its eve, derived by the real transforms."""
    rng = random.Random(request.param)
    day, eve = (ClimateDay(CITIES["chicago"], of) for of in (TODAY, EVE))
    common = {"event_ticker": "EVENT", "open_utc": at(OPEN), "close_utc": at(CLOSE), "strike_type": ""}
    names = ("market_ticker", "bracket_order", "low_f", "high_f")
    markets = rows_of(MARKETS, [dict(zip(names, bracket, strict=True)) | common for bracket in BRACKETS])
    minutes = range(OPEN - 2, CLOSE + 3)
    candles = rows_of(
        CANDLES_1M, [candle(rng, name, m) for name, *_ in BRACKETS for m in minutes if rng.random() < 0.3]
    )
    obs_eve, obs = (rows_of(OBS, [report(rng, m) for m in range(start, start + 1_440, 7)]) for start in (-1_440, 0))
    grids_eve = grids_of(eve, obs=obs_eve, obs_eve=OBS.empty())
    raw = RawDay(day=day, markets=markets, candles=candles, obs=obs, obs_eve=obs_eve, grid_eve=grids_eve["obs_1m"])
    today = {"markets": markets, "candles_1m": candles, "obs": obs, **derive(raw)}
    return {TODAY: today, EVE: {"obs": obs_eve, **grids_eve}}


@pytest.fixture
def told(lake, frames):
    """The lake with that world in it."""
    for event_date, tables in frames.items():
        for name, frame in tables.items():
            lake.put_frame(name, frame, event_date=event_date)
    return lake


def moved(table, columns, minutes, *, older=""):
    """Return the lie that gives every row the columns of the row some minutes later, or earlier with a higher age."""
    taken = ", ".join(f"{name} = other.{name}" for name in columns)
    aged = f", {older} = other.{older} + {-minutes}" if older else ""
    same = " and ".join(f"{table}.{name} = other.{name}" for name in ("city", "event_date"))
    market = f" and {table}.market_ticker = other.market_ticker" if table == "candles_dense" else ""
    return (
        f"update {table} set {taken}{aged} from (select * from {table}) as other "
        f"where {same}{market} and other.ts_utc = {table}.ts_utc + to_minutes({minutes})"
    )


def final(table, columns):
    """Return the lie that shows the day's last word in every step."""
    return f"update {table} set " + ", ".join(
        f"{name} = (select max(of_day.{name}) from {table} as of_day where of_day.event_date = {table}.event_date)"
        for name in columns
    )


QUOTES = ("yes_bid_ticks", "yes_ask_ticks", "open_interest_centi")
MOTION = ("mid_half_ticks", "price_source", "velocity_half_ticks", "acceleration_half_ticks")
TRADES = ("volume_centi", "last_price_ticks", *(f"price_{of}_ticks" for of in ("open", "high", "low", "close")))
REPORT = ("source", "temp_f", "dew_f", "humidity_pct", "wind_mph")
LIES = (
    *(("trades_known_in_time", moved("candles_dense", [name], 5)) for name in TRADES),
    ("trades_known_in_time", moved("candles_dense", TRADES, 5)),
    ("trades_known_in_time", moved("candles_dense", TRADES, -5)),
    ("quotes_known_in_time", moved("candles_dense", ["open_interest_centi"], 3)),
    ("quotes_known_in_time", moved("candles_dense", [*QUOTES, "quote_age_minutes"], 1)),
    ("quotes_known_in_time", moved("candles_dense", QUOTES, -5, older="quote_age_minutes")),
    (
        "quotes_known_in_time",
        "update candles_dense set yes_bid_ticks = yes_bid_ticks + 100 where quote_age_minutes = 2",
    ),
    (
        "quotes_known_in_time",
        "update candles_dense set yes_ask_ticks = yes_ask_ticks - 100 where quote_age_minutes = 2",
    ),
    (
        "quotes_known_in_time",
        "update candles_dense set yes_bid_ticks = null, yes_ask_ticks = null, quote_age_minutes = null",
    ),
    *(("minutes_follow_each_other", moved("candles_dense", [name], 30)) for name in MOTION),
    ("minutes_follow_each_other", moved("candles_dense", MOTION, 30)),
    ("minutes_follow_each_other", moved("candles_dense", ["volume_20m_centi"], 5)),
    ("minutes_follow_each_other", moved("candles_dense", ["volume_delta_centi"], 5)),
    ("wall_clock_is_the_citys", "update candles_dense set utc_offset_minutes = utc_offset_minutes + 60"),
    ("complete_is_earned", "update candles_dense set complete = true"),
    ("complete_is_earned", moved("obs_1m", ["stale_minutes"], 30)),
    *(("weather_known_in_time", moved(grid, [name], 60)) for grid in ("obs_1m", "obs_5m") for name in REPORT[1:]),
    *(("weather_known_in_time", moved(grid, [*REPORT, "stale_minutes"], 60)) for grid in ("obs_1m", "obs_5m")),
    *(
        ("weather_is_the_newest_known", moved(grid, REPORT, -60, older="stale_minutes"))
        for grid in ("obs_1m", "obs_5m")
    ),
    *(
        ("running_max_known_in_time", final(grid, [name]))
        for grid in ("obs_1m", "obs_5m")
        for name in ("run_max_f", "run_max_lo_f", "run_max_hi_f")
    ),
    ("running_max_known_in_time", moved("obs_5m", ["run_max_f", "run_max_lo_f", "run_max_hi_f"], 5)),
)


@pytest.mark.parametrize("name", KNOWN_IN_TIME)
def test_what_the_transforms_make_is_found_right(told, name):
    """Two definitions of what was known by then, one in Python and one in SQL, agree on late and one-sided worlds."""
    assert [] == told.check(name)


@pytest.mark.parametrize("name", KNOWN_IN_TIME)
def test_an_event_that_still_trades_is_found_right(told, name):
    """A grid that ends while the market trades is judged up to its end."""
    told.con.execute(f"delete from candles_dense where ts_utc > '{at(20)}'")

    assert [] == told.check(name)


@pytest.mark.parametrize(("name", "lie"), LIES)
def test_a_value_that_was_not_the_one_known_is_found(told, name, lie):
    """The check that is named after the law tells of the lie."""
    told.con.execute(lie)

    assert told.check(name)


def test_a_candle_said_to_be_known_early_is_found(told):
    """The arrival is what counts, never the stamp: an honest grid of late candles is not that of early ones."""
    told.con.execute("update candles_1m set known_utc = ts_utc")

    assert told.check("quotes_known_in_time")
    assert told.check("trades_known_in_time")
