"""Every check is silent on a good tiny world and speaks on a broken one."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest

from warehouse.lake.statements import relations_read, statements
from warehouse.lake.tables import TABLES
from warehouse.lake.tables.weather import OBS_SOURCES

MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")
OPEN, CLOSE = -3, 3
TRUTH = {name for name in TABLES if name.startswith("truth_")}
_GRAINS = {name for table in TABLES.values() for name in table.grain}


def at(minute):
    return MIDNIGHT + timedelta(minutes=minute)


_INSTANTS = {name for name in _GRAINS if name.endswith("utc")}
_NUMBERS = {"sid", "seq"}
_WORDS = _GRAINS - _INSTANTS - _NUMBERS - {"city", "event_date"}
KEYS = (
    {"city": "chicago", "event_date": date(2026, 2, 4)}
    | dict.fromkeys(_INSTANTS, at(1))
    | dict.fromkeys(_NUMBERS, 1)
    | dict.fromkeys(_WORDS, "one")
)
OTHER_KEYS = (
    {"city": "nyc", "event_date": date(2026, 2, 5)}
    | dict.fromkeys(_INSTANTS, at(2))
    | dict.fromkeys(_NUMBERS, 2)
    | dict.fromkeys(_WORDS, "two")
)


@pytest.fixture
def good(lake):
    """One event that trades for six minutes, told without a flaw."""
    lake.list_markets(open_utc=at(OPEN), close_utc=at(CLOSE), expiration_value_f=41, result="no")
    lake.con.execute("update markets set result = 'yes' where market_ticker = 'MILD'")
    for ticker in ("COLD", "MILD", "WARM"):
        _trade(lake, ticker)
        lake.put(
            "pmf_minute",
            {"market_ticker": ticker, "ts_utc": at(1), "wx_utc": at(1), "params_fitted_utc": at(60)}
            | {"fusion_fitted_utc": at(61)}
            | {"p_wx": 1 / 3, "p_mkt": 1 / 3, "p_fused_norm": 1 / 3},
        )
        lake.put("predictions", {"market_ticker": ticker, "ts_utc": at(1), "run_id": "a_run"})
    lake.put(
        "pmf_degrees",
        {"mc_version": "v1", "ts_utc": at(1), "first_f": 40, "p": [0.25, 0.75], "params_fitted_utc": at(60)},
    )
    _measure(lake)
    lake.put("forecasts", {"issued_utc": at(-9), "known_utc": at(0), "high_f": 41.0})
    lake.put(
        "settlements",
        *({"source": source, "issued_utc": at(2_000), "high_f": 41} for source in ("cli", "twc", "kalshi")),
    )
    lake.put("model_runs", {"city": "all", "run_id": "a_run", "until_date": date(2026, 2, 3)})
    # The fit is made after the minutes it is used for, as in every backfill.
    lake.put("mc_params", {"mc_version": "v1", "fitted_utc": at(60), "until_date": date(2026, 2, 3)})
    fusion = {"city": "all", "fitted_utc": at(61), "until_date": date(2026, 2, 2), "accepted": True}
    lake.put("fusion_params", fusion)
    return lake


def _trade(lake, ticker):
    """One quote that stands from the first minute on, and one trade off the candles."""
    quotes = {"yes_bid_close_ticks": 3_000, "yes_ask_close_ticks": 3_400, "open_interest_centi": 0}
    lake.put("candles_1m", {"market_ticker": ticker, "ts_utc": at(OPEN + 1), "known_utc": at(OPEN + 1)} | quotes)
    for place, minute in enumerate(range(OPEN + 1, CLOSE + 1)):
        lake.quote(
            ticker,
            minute,
            32,
            yes_bid_ticks=3_000,
            yes_ask_ticks=3_400,
            quote_age_minutes=place,
            open_interest_centi=0,
            velocity_half_ticks=0 if place > 0 else None,
            acceleration_half_ticks=0 if place > 1 else None,
            complete=minute > 0,
        )
    lake.put("trades", {"trade_id": ticker, "market_ticker": ticker, "yes_price_ticks": 3_300})


def _measure(lake):
    """One report at the opening midnight, known a minute later, and both grids of the day."""
    degrees = {"temp_f": 40.0, "temp_lo_f": 40, "temp_hi_f": 40}
    lake.put("obs", {"ts_utc": at(0), "source": "vc", "known_utc": at(1)} | degrees)
    for table, step in (("obs_1m", 1), ("obs_5m", 5)):
        highest = {"run_max_f": 40.0, "run_max_lo_f": 40, "run_max_hi_f": 40}
        lake.put(table, {"ts_utc": at(step), "source": "vc", "temp_f": 40.0, "stale_minutes": step} | highest)
        lake.con.execute(
            f"insert into {table} by name select * exclude (more) replace (ts_utc + to_minutes(more) as ts_utc, "
            f"stale_minutes + more as stale_minutes) from {table}, range({step}, 1440, {step}) as later(more)"
        )


BROKEN = {
    "minutes_carry_their_listing": (
        "update markets set high_f = 43 where market_ticker = 'MILD'",
        "update candles_dense set bracket_order = 1 where market_ticker = 'WARM'",
        "update candles_dense set minutes_since_open = minutes_since_open + 5, minutes_to_close = minutes_to_close - 5",
        "update markets set close_utc = close_utc + interval 5 minute where market_ticker = 'COLD'",
    ),
    "one_row_per_grain": (
        "insert into trades select * from trades where market_ticker = 'MILD'",
        "insert into obs_1m select * from obs_1m limit 1",
        "insert into model_runs select * from model_runs",
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
        "update pmf_minute set p_mkt = p_mkt / 2",
        "update pmf_minute set p_wx = null where market_ticker = 'MILD'",
        "delete from pmf_minute where market_ticker = 'MILD'",
    ),
    "pmf_degrees_sums_to_one": (
        "update pmf_degrees set p = [0.25, 0.5]",
        "update pmf_degrees set p = [-0.25, 1.25]",
        "update pmf_degrees set p = []",
        "update pmf_degrees set p = ['nan'::double, 1]",
        "update pmf_degrees set p = [0.25, null, 0.75]",
    ),
    "quotes_known_in_time": (
        "update candles_1m set known_utc = ts_utc + interval 1 minute where market_ticker = 'MILD'",
        "update candles_1m set yes_bid_close_ticks = 2000 where market_ticker = 'MILD'",
        "delete from candles_1m where market_ticker = 'MILD'",
    ),
    "trades_known_in_time": (
        "update candles_dense set volume_centi = 100 where market_ticker = 'MILD' and quote_age_minutes = 2",
        "update candles_1m set volume_centi = 1, price_open_ticks = 1, price_high_ticks = 1, price_low_ticks = 1, "
        "price_close_ticks = 1",
    ),
    "minutes_follow_each_other": (
        "update candles_dense set mid_half_ticks = 6401 where market_ticker = 'MILD' and quote_age_minutes = 2",
        "update candles_dense set price_source = 'last' where market_ticker = 'MILD' and quote_age_minutes = 2",
        "update candles_dense set last_price_ticks = 3300 where market_ticker = 'MILD' and quote_age_minutes = 2",
    ),
    "complete_is_earned": (
        "update candles_dense set complete = true",
        "update candles_dense set quote_age_minutes = 61 where market_ticker = 'MILD'",
        "update candles_dense set yes_bid_ticks = 0 where market_ticker = 'MILD'",
        "update obs_1m set stale_minutes = 16",
    ),
    "wall_clock_is_the_citys": ("update candles_dense set utc_offset_minutes = -300 where market_ticker = 'MILD'",),
    "weather_known_in_time": (
        "update obs set known_utc = known_utc + interval 1 minute",
        "update obs set source = 'asos1min'",
        "update obs set is_filled = true",
        "update obs_1m set source = null, stale_minutes = null where stale_minutes > 9",
        "update obs_1m set wind_mph = 7 where stale_minutes > 9",
    ),
    "weather_is_the_newest_known": (
        "insert into obs select * replace (ts_utc + to_minutes(1) as ts_utc, known_utc + to_minutes(1) as known_utc) "
        "from obs",
        "update obs_5m set source = null, temp_f = null, stale_minutes = null where stale_minutes = 60",
        "update obs_1m set source = null, temp_f = null, stale_minutes = null where stale_minutes > 9",
    ),
    "running_max_known_in_time": (
        "update obs_1m set run_max_f = 41 where stale_minutes = 3",
        "update obs_1m set run_max_f = 39 where stale_minutes = 2",
        "update obs_1m set run_max_lo_f = 41 where stale_minutes = 2",
        "update obs_5m set run_max_hi_f = null where stale_minutes = 10",
    ),
    "weather_grid_complete": (
        "delete from obs_1m where stale_minutes = 77",
        "delete from obs_5m where stale_minutes = 5",
        "delete from obs_5m",
        "update obs_1m set ts_utc = ts_utc + interval 1 second where stale_minutes = 77",
    ),
    "fitted_on_earlier_days": (
        "update model_runs set until_date = date '2026-02-04'",
        "update mc_params set until_date = date '2026-03-01'",
        "update predictions set run_id = 'no_run' where market_ticker = 'MILD'",
        "update model_runs set city = 'nyc'",
        "update mc_params set city = 'nyc'",
        "update pmf_minute set params_fitted_utc = params_fitted_utc + interval 1 minute where market_ticker = 'MILD'",
        "update pmf_degrees set params_fitted_utc = params_fitted_utc + interval 1 minute",
        "update fusion_params set until_date = date '2026-02-03'",
        "update fusion_params set accepted = false",
        "update fusion_params set city = 'nyc'",
        "update pmf_minute set fusion_fitted_utc = fusion_fitted_utc + interval 1 minute where market_ticker = 'MILD'",
    ),
    "dense_grid_complete": (
        "delete from candles_dense where market_ticker = 'MILD' and quote_age_minutes = 2",
        "delete from candles_dense where market_ticker = 'MILD' and quote_age_minutes = 5",
        "delete from candles_dense where market_ticker = 'MILD'",
        "delete from candles_dense",
    ),
    "settlement_sources_agree": (
        "update settlements set high_f = 40 where source = 'cli'",
        "update settlements set high_f = 40 where source = 'twc'",
        "update settlements set source = 'dsm', high_f = 39 where source = 'kalshi'; "
        "update settlements set high_f = 39",
    ),
    "markets_agree_with_the_label": (
        "update settlements set high_f = 44",
        "update markets set expiration_value_f = 40",
        "update markets set result = 'yes' where market_ticker = 'WARM'",
    ),
    "finals_follow_their_day": ("update settlements set issued_utc = timestamptz '2026-02-05 05:59:59Z'",),
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


@pytest.fixture
def windy_new_york(good):
    """The good world in New York, whose grid has a dew point: the gate of the views keeps it out."""
    good.con.execute("update obs_1m set dew_f = 30")
    for table in ("markets", "candles_dense", "obs_1m", "obs_5m", "forecasts"):
        good.con.execute(f"update {table} set city = 'nyc'")
    return good


@pytest.mark.parametrize(
    ("name", "view", "law", "breach"),
    [
        ("forecasts_known_in_time", "forecast_in_force", "known_utc as valid_from_utc", "issued_utc as valid_from_utc"),
        ("nyc_gate", "weather_of_event", "cities.vc_excluded", "false"),
        ("nyc_gate", "minute_panel_weather", "weather.wx_wind", "coalesce(weather.wx_wind, 7) as wx_wind"),
    ],
)
def test_a_check_speaks_when_its_view_leaks(windy_new_york, name, view, law, breach):
    """Where the law is kept by a view, a view that breaks it is found."""
    assert [] == windy_new_york.check(name)

    leaking = statements("views")[view].select.replace(law, breach)
    windy_new_york.con.execute(f"create or replace view {view} as {leaking}")

    assert windy_new_york.check(name)


def test_the_gate_names_whom_it_trusts(windy_new_york):
    """A source that is not of the contract is not taken for a station, whatever the views think of it."""
    windy_new_york.con.execute("update obs_1m set source = 'Visual Crossing'")

    shown = {row["view_name"] for row in windy_new_york.check("nyc_gate")}

    assert {"weather_of_event", "minute_panel_weather"} == shown
    trusted = re.search(r"not in \(([^)]*)\)", statements("checks")["nyc_gate"].text)[1]
    assert set(OBS_SOURCES) - {"vc"} == set(re.findall(r"'(\w+)'", trusted))


@pytest.mark.parametrize("table", [table for name, table in TABLES.items() if name not in TRUTH], ids=lambda t: t.name)
def test_a_key_may_stand_once_in_every_table(lake, table):
    """Rows that differ in one column of the grain are two; the same key again is found, whatever else it says."""
    key = {name: value for name, value in KEYS.items() if name in table.grain}
    lake.put(table.name, key, *(key | {name: OTHER_KEYS[name]} for name in table.grain))
    assert [] == lake.check("one_row_per_grain")

    lake.put(table.name, key)

    assert [(table.name, 2)] == [(row["table_name"], row["copies"]) for row in lake.check("one_row_per_grain")]


@pytest.mark.parametrize(("name", "column"), [("one_row_per_grain", None), ("one_place_per_market", "market_ticker")])
def test_a_check_of_every_table_reads_every_table(empty_lake, name, column):
    """No table that the law is for is forgotten, but those of the truth, which nothing reads."""
    due = {table.name for table in TABLES.values() if column is None or column in table.schema}

    assert due - TRUTH == relations_read(empty_lake.con, statements("checks")[name])


def test_probabilities_that_name_no_fit_are_not_judged(good):
    """Where nothing was fitted, nothing can have seen the day."""
    good.con.execute("update pmf_minute set params_fitted_utc = null")
    good.con.execute("update pmf_degrees set params_fitted_utc = null")
    good.con.execute("update predictions set run_id = ''")
    good.con.execute("delete from mc_params; delete from model_runs")

    assert [] == good.check("fitted_on_earlier_days")


@pytest.mark.parametrize(("days", "found"), [(50, 0), (49, 1)])
def test_sources_may_disagree_on_one_day_in_fifty(lake, days, found):
    """Two percent of the settled days are the world's, more are a mistake of ours; all of them are shown then."""
    for source in ("kalshi", "cli"):
        lake.put("settlements", {"source": source, "high_f": 41, "issued_utc": at(2_000)})
        lake.con.execute(
            "insert into settlements by name select * exclude (day) replace (event_date - day::integer as event_date) "
            f"from settlements, range(1, {days}) as earlier(day) where source = '{source}'"
        )
    lake.con.execute("update settlements set high_f = 40 where source = 'cli' and event_date = date '2026-02-04'")

    assert found == len(lake.check("settlement_sources_agree"))


def test_every_check_has_its_broken_world():
    """No check is left without a test that makes it speak."""
    assert set(statements("checks")) == BROKEN.keys() | {"forecasts_known_in_time", "nyc_gate"}


@pytest.mark.parametrize(
    ("bid", "ask", "last", "mid"), [(0, 200, 300, 400), (9_000, 10_000, 300, 18_000), (0, 400, 300, 600)]
)
def test_the_last_trade_stands_in_for_the_mid_inside_the_quote(good, bid, ask, last, mid):
    """Of a one-sided book the mid is the last trade, but never outside the quote."""
    good.con.execute("delete from candles_dense where quote_age_minutes > 0")
    good.con.execute(f"update candles_dense set yes_bid_ticks = {bid}, yes_ask_ticks = {ask}, price_source = 'last'")
    good.con.execute(f"update candles_dense set last_price_ticks = {last}, price_close_ticks = {last}")

    for told, found in ((mid, 0), (mid + 2, 3)):
        good.con.execute(f"update candles_dense set mid_half_ticks = {told}")
        assert found == len(good.check("minutes_follow_each_other"))


def test_an_unsettled_market_may_end_early_and_settle_later(good):
    """While an event runs, its grid ends at the last minute and nothing has a result yet."""
    good.con.execute("update markets set result = null, expiration_value_f = null")
    good.con.execute("delete from candles_dense where quote_age_minutes > 3")

    assert [] == good.check("dense_grid_complete")
    assert [] == good.check("markets_settle_once")
