"""Every check is silent on a good tiny world and speaks on a broken one."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from warehouse.lake.statements import statements

MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")
OPEN, CLOSE = -3, 3


def at(minute):
    return MIDNIGHT + timedelta(minutes=minute)


@pytest.fixture
def good(lake):
    """One event that trades for six minutes, told without a flaw."""
    lake.list_markets(open_utc=at(OPEN), close_utc=at(CLOSE), expiration_value_f=41, result="no")
    lake.con.execute("update markets set result = 'yes' where market_ticker = 'MILD'")
    quotes = {"yes_bid_close_ticks": 3_000, "yes_ask_close_ticks": 3_400}
    for ticker in ("COLD", "MILD", "WARM"):
        lake.put("candles_1m", {"market_ticker": ticker, "ts_utc": at(OPEN + 1), "known_utc": at(OPEN + 1)} | quotes)
        for minute in range(OPEN + 1, CLOSE + 1):
            lake.quote(
                ticker, minute, 32, yes_bid_ticks=3_000, yes_ask_ticks=3_400, quote_age_minutes=minute - OPEN - 1
            )
        lake.put(
            "pmf_minute",
            {"market_ticker": ticker, "ts_utc": at(1), "p_wx": 1 / 3, "p_mkt": 1 / 3, "p_fused_norm": 1 / 3},
        )
        lake.put("predictions", {"market_ticker": ticker, "ts_utc": at(1)})
        lake.put("trades", {"trade_id": ticker, "market_ticker": ticker, "yes_price_ticks": 3_300})
    lake.put("pmf_degrees", {"mc_version": "v1", "ts_utc": at(1), "first_f": 40, "p": [0.25, 0.75]})
    lake.put("obs", {"ts_utc": at(0), "source": "vc", "temp_f": 40.0, "known_utc": at(1)})
    for minute in (1, 2, 3):
        lake.put(
            "obs_1m", {"ts_utc": at(minute), "source": "vc", "temp_f": 40.0, "stale_minutes": minute, "run_max_f": 40.0}
        )
    lake.put("obs_5m", {"ts_utc": at(5), "source": "vc", "temp_f": 40.0, "stale_minutes": 5, "run_max_f": 40.0})
    lake.put("forecasts", {"issued_utc": at(-9), "known_utc": at(0), "high_f": 41.0})
    lake.put(
        "settlements", *({"source": source, "issued_utc": at(2_000), "high_f": 41} for source in ("cli", "kalshi"))
    )
    lake.put("model_runs", {"model_id": "a_model", "until_date": date(2026, 2, 3)})
    lake.put("mc_params", {"mc_version": "v1", "until_date": date(2026, 2, 3)})
    return lake


BROKEN = {
    "minutes_carry_their_listing": (
        "update markets set high_f = 43 where market_ticker = 'MILD'",
        "update candles_dense set bracket_order = 1 where market_ticker = 'WARM'",
        "update markets set close_utc = close_utc + interval 5 minute where market_ticker = 'COLD'",
    ),
    "one_row_per_grain": (
        "insert into trades select * from trades where market_ticker = 'MILD'",
        "insert into obs_1m select * from obs_1m limit 1",
    ),
    "one_place_per_market": (
        "update candles_1m set event_date = event_date + 1 where market_ticker = 'MILD'",
        "update trades set market_ticker = 'STRAY' where market_ticker = 'MILD'",
    ),
    "brackets_tile_the_degrees": (
        "update markets set low_f = 41 where market_ticker = 'MILD'",
        "delete from markets where market_ticker = 'WARM'",
        "update markets set bracket_order = 7 where market_ticker = 'MILD'",
    ),
    "prices_are_prices": (
        "update candles_1m set yes_bid_close_ticks = 3500 where market_ticker = 'MILD'",
        "update candles_dense set yes_ask_ticks = 2900 where market_ticker = 'MILD' and quote_age_minutes = 1",
        "update trades set yes_price_ticks = 10001 where market_ticker = 'MILD'",
    ),
    "pmf_minute_sums_to_one": (
        "update pmf_minute set p_wx = 0.34 where market_ticker = 'MILD'",
        "update pmf_minute set p_fused_norm = 0.5 where market_ticker = 'MILD'",
    ),
    "pmf_degrees_sums_to_one": (
        "update pmf_degrees set p = [0.25, 0.5]",
        "update pmf_degrees set p = [-0.25, 1.25]",
        "update pmf_degrees set p = []",
        "update pmf_degrees set p = ['nan'::double, 1]",
    ),
    "quotes_known_in_time": (
        "update candles_1m set known_utc = ts_utc + interval 1 minute where market_ticker = 'MILD'",
        "update candles_1m set yes_bid_close_ticks = 2000 where market_ticker = 'MILD'",
        "delete from candles_1m where market_ticker = 'MILD'",
    ),
    "weather_known_in_time": (
        "update obs set known_utc = known_utc + interval 1 minute",
        "update obs set source = 'asos1min'",
    ),
    "running_max_known_in_time": (
        "update obs_1m set run_max_f = 41 where stale_minutes = 3",
        "update obs_1m set run_max_f = 39 where stale_minutes = 2",
    ),
    "fitted_on_earlier_days": (
        "update model_runs set until_date = date '2026-02-04'",
        "update mc_params set until_date = date '2026-03-01'",
    ),
    "dense_grid_complete": (
        "delete from candles_dense where market_ticker = 'MILD' and quote_age_minutes = 2",
        "delete from candles_dense where market_ticker = 'MILD' and quote_age_minutes = 5",
        "delete from candles_dense where market_ticker = 'MILD'",
    ),
    "settlement_sources_agree": ("update settlements set high_f = 40 where source = 'cli'",),
    "markets_settle_once": (
        "update markets set result = 'no'",
        "update markets set result = 'yes' where market_ticker = 'WARM'",
        "update markets set expiration_value_f = 42",
        "update markets set expiration_value_f = 40 where market_ticker = 'WARM'",
    ),
}


@pytest.mark.parametrize("name", statements("checks"))
def test_a_check_is_silent_when_all_is_well(good, name):
    """A good lake gives no rows."""
    assert [] == good.check(name)


@pytest.mark.parametrize(
    ("name", "damage"), [(name, damage) for name, all_damage in BROKEN.items() for damage in all_damage]
)
def test_a_check_speaks_when_its_law_is_broken(good, name, damage):
    """One broken row is found, and the check that tells of it is the one that is named after the law."""
    good.con.execute(damage)

    assert good.check(name)


@pytest.mark.parametrize(
    ("name", "view", "leak"),
    [
        ("forecasts_known_in_time", "forecast_in_force", "known_utc as valid_from_utc|issued_utc as valid_from_utc"),
        ("nyc_gate", "weather_of_event", "cities.vc_excluded|false"),
    ],
)
def test_a_check_speaks_when_its_view_leaks(good, name, view, leak):
    """Where the law is kept by a view, a view that breaks it is found."""
    good.con.execute("update obs_1m set dew_f = 30")
    for table in ("markets", "candles_dense", "obs_1m", "obs_5m", "forecasts"):
        good.con.execute(f"update {table} set city = 'nyc'")
    law, breach = leak.split("|")

    good.con.execute(f"create or replace view {view} as {statements('views')[view].select.replace(law, breach)}")

    assert good.check(name)


def test_every_check_has_its_broken_world():
    """No check is left without a test that makes it speak."""
    assert set(statements("checks")) == BROKEN.keys() | {"forecasts_known_in_time", "nyc_gate"}


def test_an_unsettled_market_may_end_early_and_settle_later(good):
    """While an event runs, its grid ends at the last minute and nothing has a result yet."""
    good.con.execute("update markets set result = null, expiration_value_f = null")
    good.con.execute("delete from candles_dense where quote_age_minutes > 3")

    assert [] == good.check("dense_grid_complete")
    assert [] == good.check("markets_settle_once")
