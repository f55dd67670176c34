"""The queries that the notebooks start from, each on a few rows whose answer is worked out by hand."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from warehouse.lake.statements import statements

MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")


def at(minute):
    return MIDNIGHT + timedelta(minutes=minute)


def asked(lake, name, columns):
    """Return some columns of a query's answer."""
    return lake.ask(f"select {columns} from ({statements('queries')[name].select})")


def settle(lake, high_f):
    """Let Chicago's day settle on a high, known nine hours after its end."""
    lake.put("settlements", {"high_f": high_f, "issued_utc": at(1980), "known_utc": at(1980)})


def say(lake, minute, cold, mild, warm, **said):
    """Put what the weather says of the three brackets at a minute."""
    chances = {"COLD": cold, "MILD": mild, "WARM": warm}
    rows = [{"market_ticker": name, "ts_utc": at(minute), "p_wx": p} | said for name, p in chances.items()]
    lake.put("pmf_minute", *rows)


def test_hindsight_counts_the_hours_at_which_what_was_issued_was_not_known(lake):
    """A forecast of 41 issued at 1:00 and known at 3:00: at 1:00 and 2:00 a join on the issue would have shown it."""
    lake.list_markets()
    settle(lake, 41)
    lake.put("obs_1m", *({"ts_utc": at(60 * hour), "temp_f": 30.0} for hour in range(5)))
    for high_f, issued, known in ((44.0, -60, 0), (41.0, 60, 180)):
        told = {"high_f": high_f, "issued_utc": at(issued), "known_utc": at(known), "valid_utc": at(1440)}
        lake.put("forecasts", told)

    assert [("chicago", 5, 0.4, 1.8, 0.6)] == asked(lake, "forecast_hindsight", "*")


def test_a_ladder_lives_in_steps_of_ten_minutes(lake):
    """The minutes between say nothing new; the shares are those of event_ladder."""
    lake.list_markets()
    for minute in (9, 10):
        for name, cents in (("COLD", 10), ("MILD", 30), ("WARM", 60)):
            lake.quote(name, minute, cents)

    rows = asked(lake, "ladder_life", "ts_utc, bracket, p_mid_norm")

    shares = (("≤39", 0.1), ("40–41", 0.3), ("≥42", 0.6))
    assert [(at(10), name, pytest.approx(share)) for name, share in shares] == rows


def test_the_weather_of_a_life_carries_the_hazard_in_force(lake):
    """Evaluated at 0:05, the hazard stands at 0:10; before it there is none."""
    lake.list_markets()
    lake.put("obs_1m", *({"ts_utc": at(minute), "temp_f": 40.0} for minute in (0, 10)))
    say(lake, 5, 0.2, 0.3, 0.5, hazard_next_5m=0.1, hazard_next_60m=0.4)

    rows = asked(lake, "weather_life", "ts_utc, temp_f, hazard_next_60m")

    assert [(at(0), 40.0, None), (at(10), 40.0, 0.4)] == rows


def test_a_quantile_is_the_least_degree_that_reaches_it(lake):
    """Of 40, 41 and 42 °F with 0.1, 0.5 and 0.4 the median is 41 and the upper quartile 42."""
    lake.put("pmf_degrees", {"ts_utc": at(60), "mc_version": "v1", "first_f": 40, "p": [0.1, 0.5, 0.4]})

    assert [(40, 41, 41, 42, 42)] == asked(lake, "high_fan", "q05_f, q25_f, q50_f, q75_f, q95_f")


def test_a_hit_of_the_weather_knows_what_is_colder_and_which_hour_it_is(lake):
    """Hours count from the midnight of standard time; the eve and the minutes between are left out."""
    lake.list_markets()
    settle(lake, 41)
    for minute in (-60, 0, 90, 780):
        say(lake, minute, 0.2, 0.3, 0.5)

    rows = asked(lake, "weather_hits", "hour_of_day, market_ticker, p_wx, colder, paid")

    ladder = (("COLD", 0.2, 0, False), ("MILD", 0.3, 0.2, True), ("WARM", 0.5, 0.5, False))
    assert [
        (hour, name, p, pytest.approx(colder), paid) for hour in (0, 13) for name, p, colder, paid in ladder
    ] == rows


@pytest.mark.parametrize(("high_f", "colder", "here"), [(41, 0.1, 0.5), (40, 0.0, 0.1), (39, 0.0, 0.0), (50, 1.0, 0.0)])
def test_the_transform_of_a_high_is_what_lies_below_and_upon_it(lake, high_f, colder, here):
    """A high outside all degrees has nothing upon it."""
    lake.list_markets()
    settle(lake, high_f)
    lake.put("pmf_degrees", {"ts_utc": at(360), "mc_version": "v1", "first_f": 40, "p": [0.1, 0.5, 0.4]})

    assert [(6, pytest.approx(colder), here)] == asked(lake, "weather_pit", "hour_of_day, colder, here")


def test_the_loss_of_a_pool_is_that_of_the_geometric_mean(lake):
    """At weight one half the pool of (0.5, 0.3, 0.2) and (0.2, 0.3, 0.5) leaves the middle 0.3 / (0.3 + 2 √0.1)."""
    lake.list_markets()
    settle(lake, 41)
    for name, by_market, by_weather in (("COLD", 0.5, 0.2), ("MILD", 0.3, 0.3), ("WARM", 0.2, 0.5)):
        lake.put("pmf_minute", {"market_ticker": name, "ts_utc": at(720), "p_mkt": by_market, "p_wx": by_weather})

    losses = dict(asked(lake, "pool_losses", "weight, log_loss"))

    half = -math.log(0.3 / (0.3 + 2 * math.sqrt(0.1)))
    assert {0.0: pytest.approx(-math.log(0.3)), 0.5: pytest.approx(half), 1.0: pytest.approx(-math.log(0.3))} == {
        weight: losses[weight] for weight in (0.0, 0.5, 1.0)
    }
    assert [("midday", 1)] == asked(lake, "pool_losses", "distinct part, hours")


def test_a_bracket_that_the_maximum_has_passed_gets_nothing_of_a_pool(lake):
    """With 42 °F seen the two colder brackets are dead, whatever the market still pays for them."""
    lake.list_markets()
    settle(lake, 43)
    for name, p in (("COLD", 0.5), ("MILD", 0.3), ("WARM", 0.2)):
        said = {"p_mkt": p, "p_wx": p, "m_run_lo_f": 42, "m_run_hi_f": 43}
        lake.put("pmf_minute", {"market_ticker": name, "ts_utc": at(900)} | said)

    assert [(21, 0.0)] == asked(lake, "pool_losses", "count(*), max(abs(log_loss))")


def test_the_weights_that_were_used_are_told_by_hour(lake):
    """Two minutes of the hour that begins twelve hours before the close, of three brackets each."""
    lake.list_markets()
    for minute, weight in ((719, 0.6), (710, 0.8)):
        say(lake, minute, 0.2, 0.3, 0.5, p_mkt=0.3, w_mkt=weight, hazard_next_60m=0.5)

    assert [("chicago", 12, 6, 0.7, 0.6, 0.8, 0.5)] == asked(lake, "market_weights", "*")


def test_a_word_of_a_model_stands_beside_the_share_of_the_mid(lake):
    """Two of three brackets are spoken of, so the ladder is not whole; the third has no row."""
    lake.list_markets()
    settle(lake, 41)
    for name, cents in (("COLD", 20), ("MILD", 30), ("WARM", 60)):
        lake.quote(name, 720, cents, minutes_to_close=720)
    for name, p in (("COLD", 0.1), ("MILD", 0.6)):
        lake.put("predictions", {"market_ticker": name, "ts_utc": at(715), "p_model": p, "run_id": "r"})

    rows = asked(lake, "model_hits", "market_ticker, hours_left, p_served, p_market, paid, is_whole")

    ladder = (("COLD", 0.1, 20 / 110, False), ("MILD", 0.6, 30 / 110, True))
    assert [(name, 12, p, pytest.approx(share), paid, False) for name, p, share, paid in ladder] == rows


def test_the_hours_of_a_run_are_held_to_settlement(lake):
    """Two contracts bought at 40 ¢ that pay: $1.20 less a fee of 5 ¢; the mid stood at 45 ¢ a quarter later."""
    lake.list_markets()
    settle(lake, 41)
    bought = {
        "run_id": "r", "market_ticker": "MILD", "ts_utc": at(719), "side": "buy", "style": "taker",
        "price_ticks": 4_000, "count_centi": 200, "fee_micros": 50_000, "mid_15m_half_ticks": 9_000,
    }  # fmt: skip
    lake.put("fills", bought | {"fill_id": "1"}, bought | {"fill_id": "2", "side": "sell", "market_ticker": "WARM"})

    rows = asked(lake, "run_hours", "hours_left, style, fills, contracts, fees_dollars, net_dollars, after_15m_dollars")

    assert [(12, "taker", 2, 4.0, 0.1, pytest.approx(1.15 + 0.75), pytest.approx(0.0))] == rows


def test_the_equity_of_a_run_adds_up_its_event_dates(lake):
    """One date gains a dollar, another loses half of one a minute later: the run stands at fifty cents."""
    changes = (("2026-02-04", 1, 1_000_000), ("2026-02-05", 2, -500_000), ("2026-02-05", 3, -500_000))
    for day, minute, cash in changes:
        row = {"run_id": "r", "ts_utc": at(minute), "cash_micros": cash, "position_micros": 0}
        lake.put("equity", row | {"event_date": datetime.fromisoformat(day).date()})

    assert [(at(1), 1.0), (at(2), 0.5)] == asked(lake, "run_equity", "ts_utc, dollars")


def test_recorded_books_count_messages_gaps_and_trades(lake):
    """Three messages in a minute, one of them a gap; block trades take nothing from a book."""
    for seq, (kind, minute) in enumerate((("snapshot", 0), ("delta", 0.5), ("gap", 1))):
        lake.put("books", {"market_ticker": "MILD", "seq": seq, "kind": kind, "known_utc": at(minute)})
    for number, block in enumerate((False, True)):
        lake.put("trades", {"trade_id": str(number), "count_centi": 250, "is_block": block})

    rows = asked(lake, "recorded_books", "markets, messages, snapshots, gaps, trades, contracts, messages_a_second")

    assert [(1, 3, 1, 1, 1, 2.5, 0.05)] == rows
