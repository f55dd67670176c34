"""The minute panels, given a few rows: the numbers were worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

EVE = date(2026, 2, 3)
EVENT_DATE = date(2026, 2, 4)
WINDOW = "win_20260201_20260207"
MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")


def at(minute):
    return MIDNIGHT + timedelta(minutes=minute)


@pytest.fixture
def listed(lake):
    """The lake with the three brackets of the event."""
    lake.list_markets()
    return lake


def test_prices_and_volumes_become_probabilities_and_contracts(listed):
    """Ticks are ten-thousandths of a dollar, half ticks half of that, centi hundredths of a contract."""
    listed.quote(
        "MILD",
        1,
        40,
        velocity_half_ticks=100,
        acceleration_half_ticks=-50,
        last_price_ticks=3_900,
        volume_centi=250,
        volume_delta_centi=-150,
        volume_20m_centi=1_000,
        open_interest_centi=7_700,
    )

    row = listed.ask(
        "select bid_prob, ask_prob, mid_prob, spread_prob, velocity, acceleration, last_prob, volume, "
        "volume_delta, volume_20m, open_interest, price_source from minute_panel_base"
    )

    assert [(0.39, 0.41, 0.4, 0.02, 0.005, -0.0025, 0.39, 2.5, -1.5, 10.0, 77.0, "mid")] == row


def test_an_empty_side_is_no_price(listed):
    """A bid of 0 and an offer of $1 are the marks of an empty side; a one-sided quote has no spread."""
    listed.quote("COLD", 1, yes_bid_ticks=0, yes_ask_ticks=300)
    listed.quote("MILD", 1, yes_bid_ticks=9_700, yes_ask_ticks=10_000, mid_half_ticks=19_000, price_source="last")
    listed.quote("WARM", 1)

    rows = listed.ask("select bid_prob, ask_prob, spread_prob, mid_prob from minute_panel_base order by bracket_order")

    assert [(None, 0.03, None, None), (0.97, None, None, 0.95), (None, None, None, None)] == rows


@pytest.mark.parametrize(
    ("low", "high", "close", "clv"),
    [(4_000, 4_400, 4_300, 0.75), (4_000, 4_400, 4_000, 0.0), (4_000, 4_000, 4_000, None), (None, None, None, None)],
)
def test_clv_is_the_place_of_the_close_in_the_range(listed, low, high, close, clv):
    """Clv = (close - low) / (high - low); a flat or a silent minute has none."""
    listed.quote("MILD", 1, 40, price_low_ticks=low, price_high_ticks=high, price_close_ticks=close)

    assert [(clv,)] == listed.ask("select clv from minute_panel_base")


def test_a_minute_knows_its_wall_clock_and_its_distance_to_the_close(listed):
    """Local time is UTC plus the stored offset; the climate day closes 1,440 minutes after it began."""
    listed.quote("MILD", -61, 40, utc_offset_minutes=-300)
    listed.quote("MILD", 1_440, 40, utc_offset_minutes=-360)

    rows = listed.ask("select ts_local, local_date, minutes_to_close from minute_panel_base order by ts_utc")

    assert [(datetime(2026, 2, 3, 23, 59), EVE, 1_501), (datetime(2026, 2, 5), date(2026, 2, 5), 0)] == rows


def test_the_base_panel_carries_the_bracket_of_the_market(listed):
    """Strikes, bounds and order come from the listing."""
    listed.quote("COLD", 1)
    listed.quote("WARM", 1)

    rows = listed.ask("select event_ticker, bracket_order, low_f, high_f from minute_panel_base order by market_ticker")

    assert [("EVENT", 1, None, 39), ("EVENT", 3, 42, None)] == rows


def test_neighbors_are_the_brackets_beside_at_the_same_minute(listed):
    """Deltas are own minus neighbour's; what has no neighbour has NULL; the mass counts the mids that are there."""
    for ticker, mid_cents, half_ticks in (("COLD", 20, 400), ("MILD", 50, 200), ("WARM", 25, -200)):
        listed.quote(ticker, 1, mid_cents, acceleration_half_ticks=half_ticks)
        listed.quote(ticker, 2, 99 - mid_cents, acceleration_half_ticks=0)

    rows = listed.ask(
        "select left_mid_prob, right_mid_prob, left_delta, right_delta, triad_mass, ras "
        f"from minute_panel_neighbors where ts_utc = '{at(1)}' order by bracket_order"
    )

    assert rows[0] == (None, 0.5, None, pytest.approx(-0.3), pytest.approx(0.7), pytest.approx(0.02 - 0.01))
    assert rows[1] == (
        0.2,
        0.25,
        pytest.approx(0.3),
        pytest.approx(0.25),
        pytest.approx(0.95),
        pytest.approx(0.01 - 0.005),
    )
    assert rows[2] == (0.5, None, pytest.approx(-0.25), None, pytest.approx(0.75), pytest.approx(-0.01 - 0.01))


def test_a_neighbor_without_a_price_counts_for_nothing(listed):
    """It has no delta, adds no mass, and takes no part in the mean of accelerations."""
    listed.quote("COLD", 1)
    listed.quote("MILD", 1, 50, acceleration_half_ticks=200)
    listed.quote("WARM", 1, 25, acceleration_half_ticks=-200)

    row = listed.ask("select left_delta, triad_mass, ras from minute_panel_neighbors where market_ticker = 'MILD'")

    assert [(None, 0.75, 0.02)] == row


def test_a_bracket_further_off_is_no_neighbor(listed):
    """Where the bracket beside has no row at a minute, the next one does not stand in for it."""
    listed.quote("COLD", 1, 20)
    listed.quote("WARM", 1, 25)

    assert [(None, None)] * 2 == listed.ask("select left_mid_prob, right_mid_prob from minute_panel_neighbors")


def test_weather_comes_from_the_climate_day_in_which_the_minute_lies(listed):
    """The eve's minutes read the eve's grid, its closing midnight included; its running maximum is another day's."""
    listed.put(
        "obs_1m", *({"event_date": EVE, "ts_utc": at(m), "temp_f": 60.0 + m, "run_max_f": 90.0} for m in (-1, 0))
    )
    listed.put("obs_1m", {"ts_utc": at(1), "temp_f": 40.0, "run_max_f": 40.0, "run_max_lo_f": 39, "run_max_hi_f": 41})
    for minute in (-1, 0, 1, 2):
        listed.quote("MILD", minute)

    rows = listed.ask(
        "select wx_temp_1m, wx_run_max_f, wx_run_max_lo_f, wx_run_max_hi_f from minute_panel_weather order by ts_utc"
    )

    assert [(59.0, None, None, None), (60.0, None, None, None), (40.0, 40.0, 39, 41), (None,) * 4] == rows


def test_the_five_minute_temperature_is_that_of_the_last_step_that_ended(listed):
    """Between two steps the earlier one stands, over midnight too."""
    listed.put("obs_5m", {"event_date": EVE, "ts_utc": at(0), "temp_f": 50.0}, {"ts_utc": at(5), "temp_f": 55.0})
    listed.put("obs_1m", {"event_date": EVE, "ts_utc": at(0)}, *({"ts_utc": at(m)} for m in (4, 5, 6)))
    for minute in (0, 4, 5, 6):
        listed.quote("MILD", minute)

    assert [(50.0,), (50.0,), (55.0,), (55.0,)] == listed.ask(
        "select wx_temp_5m from minute_panel_weather order by ts_utc"
    )


def test_visual_crossing_is_gated_in_new_york_and_not_in_chicago(lake):
    """In an excluded city that vendor's dew point, humidity and wind are NULL; its temperature stays."""
    for city in ("nyc", "chicago"):
        lake.list_markets(city=city, prefix=city)
        for minute, source in ((1, "vc"), (2, "metar")):
            lake.put(
                "obs_1m",
                {
                    "city": city,
                    "ts_utc": at(minute),
                    "source": source,
                    "temp_f": 40.0,
                    "dew_f": 30.0,
                    "humidity_pct": 70.0,
                    "wind_mph": 5.0,
                },
            )
            lake.quote(f"{city}MILD", minute, city=city)

    rows = lake.ask(
        "select city, wx_source, wx_temp_1m, wx_dew, wx_humidity, wx_wind from minute_panel_weather order by all"
    )

    assert [
        ("chicago", "metar", 40.0, 30.0, 70.0, 5.0),
        ("chicago", "vc", 40.0, 30.0, 70.0, 5.0),
        ("nyc", "metar", 40.0, 30.0, 70.0, 5.0),
        ("nyc", "vc", 40.0, None, None, None),
    ] == rows


def test_the_forecast_is_the_newest_issued_one_among_those_known(listed):
    """A late arrival of an older run changes nothing; a run counts from the minute at which it was known."""
    for issued, known, source, high_f in (
        (-60, 2, "nbm", 40.0),
        (-30, 3, "vc", 41.0),
        (-90, 4, "nbm", 42.0),
        (0, 5, "nbm", 43.0),
    ):
        listed.put("forecasts", {"issued_utc": at(issued), "known_utc": at(known), "source": source, "high_f": high_f})
    listed.put("forecasts", {"issued_utc": at(1), "known_utc": at(1), "temp_f": 99.0})
    for minute in range(1, 7):
        listed.quote("MILD", minute)

    rows = listed.ask(
        "select wx_forecast_high_f, wx_forecast_source, wx_forecast_issued_utc "
        "from minute_panel_weather order by ts_utc"
    )

    newest = [(41.0, "vc", at(-30))] * 2 + [(43.0, "nbm", at(0))] * 2
    assert [(None, None, None), (40.0, "nbm", at(-60)), *newest] == rows


def test_probabilities_are_carried_forward_from_their_minute(listed):
    """A minute shows the market's newest evaluation at or before it, and its age; there is none before the first."""
    listed.put("pmf_minute", *({"market_ticker": "MILD", "ts_utc": at(m), "p_wx": p} for m, p in ((2, 0.2), (13, 0.3))))
    for minute in (1, 2, 12, 13, 14):
        listed.quote("MILD", minute)
    listed.quote("WARM", 14)

    rows = listed.ask("select p_wx, pmf_age_minutes from minute_panel_full order by market_ticker, ts_utc")

    assert [(None, None), (0.2, 0), (0.2, 10), (0.3, 0), (0.3, 1), (None, None)] == rows


def predict(lake, model_id, *words, **said):
    """Put what a model says at some minutes of one bracket; its run is its own."""
    lake.put(
        "predictions",
        *(
            {"market_ticker": "MILD", "ts_utc": at(minute), "model_id": model_id, "run_id": model_id, "p_model": p}
            | said
            for minute, p in words
        ),
    )


def shown(lake, *columns):
    """Return columns of the panel in the order of its minutes."""
    return lake.ask(f"select {', '.join(columns)} from minute_panel_full order by ts_utc")


def test_a_model_stands_until_its_next_word_and_the_first_of_the_alphabet_before_others(listed):
    """One model that is placed better is not silenced by another that spoke since."""
    predict(listed, "b", (1, 0.1), (10, 0.15))
    predict(listed, "c", (0, 0.2), (3, 0.3), (10, 0.4), (1460, 0.5))
    for minute in (0, 2, 3, 9, 10, 1449, 1460):
        listed.quote("MILD", minute)

    rows = shown(listed, "model_id", "p_model")

    assert [("c", 0.2), ("b", 0.1), ("b", 0.1), ("b", 0.1), ("b", 0.15), ("b", 0.15), ("c", 0.5)] == rows


def test_of_two_models_the_one_with_the_newest_data_stands(listed):
    """Whatever its name, and however late it speaks; of two windows of one line too."""
    for model_id, until in (("a", 1), ("m_win_20260201_20260207", 2), ("m_win_20260203_20260209", 3)):
        listed.put("model_runs", {"run_id": model_id, "family": model_id[0], "until_date": date(2026, 1, until)})
        window = model_id.removeprefix("m_") if model_id != "a" else "win_20260203_20260209"
        predict(listed, model_id, (1, until / 10), (2, until / 10), wf_window=window)
    listed.quote("MILD", 1)

    assert [("m_win_20260203_20260209", 0.3)] == shown(listed, "model_id", "p_model")


def test_what_is_promoted_stands_from_then_on_until_it_is_taken_back(listed):
    """Minutes before the lake was told are as if nothing had been promoted; its last word stands at once."""
    for line, until in (("a", 1), ("m", 2)):
        listed.put("model_runs", {"run_id": line, "family": line, "until_date": date(2026, 1, until)})
        predict(listed, line, *((minute, until / 10) for minute in (1, 5, 10, 15)))
    used = [(4, ["a"]), (9, ["another fit"]), (14, [])]
    listed.put("promotions", *({"line": "a", "since_utc": at(minute), "run_ids": runs} for minute, runs in used))
    for minute in (3, 4, 5, 10, 15):
        listed.quote("MILD", minute)

    assert [0.2, 0.1, 0.1, 0.1, 0.2] == [p for (p,) in shown(listed, "p_model")]


def test_a_promoted_window_stands_before_a_newer_one_of_its_line(listed):
    """Until its word is a day old, whatever the newer one says since; and both before a line with still newer data."""
    windows = {"m_win_20260201_20260207": 1, "m_win_20260203_20260209": 2, "a_win_20260203_20260209": 3}
    for model_id, until in windows.items():
        listed.put("model_runs", {"run_id": model_id, "family": model_id[0], "until_date": date(2026, 1, until)})
        predict(listed, model_id, (1, until / 10), (4, until / 10), wf_window=model_id[2:])
    predict(listed, "m_win_20260203_20260209", (8, 0.25), wf_window="win_20260203_20260209")
    predict(listed, "m_win_20260203_20260209", (1440, 0.26), wf_window="win_20260203_20260209")
    listed.put("promotions", {"line": "m", "since_utc": at(3), "run_ids": ["m_win_20260201_20260207"]})
    for minute in (1, 4, 8, 1443, 1444):
        listed.quote("MILD", minute)

    assert [0.3, 0.1, 0.1, 0.1, 0.26] == [p for (p,) in shown(listed, "p_model")]


def test_a_window_that_was_fitted_again_speaks_only_once_it_is_promoted_itself(listed):
    """Of two fits of one window the promoted one stands, before any promotion the one made last."""
    for run, hour, p in (("first", 1, 0.1), ("again", 2, 0.2)):
        fitted = {"fitted_utc": at(-60 + hour), "until_date": date(2026, 1, 1)}
        listed.put("model_runs", {"run_id": run, "family": "m"} | fitted)
        predict(listed, "m_win_20260201_20260207", (1, p), (5, p), (9, p), run_id=run)
    told = {"line": "m", "windows": ["win_20260201_20260207"]}
    used = ((4, "first"), (8, "again"))
    listed.put("promotions", *(told | {"since_utc": at(minute), "run_ids": [run]} for minute, run in used))
    for minute in (3, 4, 7, 8, 9):
        listed.quote("MILD", minute)

    assert [0.2, 0.1, 0.1, 0.2, 0.2] == [p for (p,) in shown(listed, "p_model")]


def test_of_promoted_models_the_citys_own_stand_first_and_those_of_one_bracket_before_those_of_all(listed):
    """As the registry chooses, whatever the age of their data, each until it is a day old."""
    places = {"m_chicago_between": 0.1, "m_chicago_all": 0.2, "m_all_between": 0.3, "m_all_all": 0.4}
    for number, (line, p) in enumerate(places.items(), start=1):
        city = line.split("_")[1]
        fitted = {"city": city, "until_date": date(2026, 1, number)}
        listed.put("model_runs", {"run_id": f"{line}_{WINDOW}", "family": "m"} | fitted)
        predict(listed, f"{line}_{WINDOW}", (number, p), wf_window=WINDOW)
        listed.put("promotions", {"city": city, "line": line, "since_utc": at(0), "run_ids": [f"{line}_{WINDOW}"]})
    for minute in (1, 4, 1440, 1441, 1442, 1443, 1444):
        listed.quote("MILD", minute)

    assert [0.1, 0.1, 0.1, 0.2, 0.3, 0.4, None] == [p for (p,) in shown(listed, "p_model")]


def test_where_the_chosen_word_is_a_day_old_the_other_living_one_stands(listed):
    """Though nobody speaks at that minute; and where the better one speaks again, it stands again."""
    predict(listed, "b", (0, 0.1), (1460, 0.15))
    predict(listed, "c", (30, 0.2))
    for minute in (29, 1439, 1440, 1459, 1460):
        listed.quote("MILD", minute)

    assert [0.1, 0.1, 0.2, 0.2, 0.15] == [p for (p,) in shown(listed, "p_model")]


def test_words_between_two_minutes_count_from_the_next_one(listed):
    """Four words within one step of five minutes, one of them in the midst of a minute."""
    predict(listed, "a", (0, 0.1), (1.5, 0.2), (3, 0.3), (4, 0.4))
    for minute in range(6):
        listed.quote("MILD", minute)

    assert [0.1, 0.1, 0.2, 0.3, 0.4, 0.4] == [p for (p,) in shown(listed, "p_model")]


def test_a_question_without_predictions_does_not_read_them(listed):
    """The plan names their table only where a column of theirs is asked for."""
    plans = {
        name: listed.ask(f"explain select count({name}) from minute_panel_full")[0][1]
        for name in ("p_fused", "p_model")
    }  # fmt: skip

    assert ["predictions" in plan for plan in plans.values()] == [False, True]


def test_a_stored_calibrator_mends_only_what_it_may_serve(listed):
    """Of a date that it saw, or the next one, the model's own calibration stands, else none."""
    listed.put("model_runs", {"run_id": "a", "family": "a", "until_date": date(2026, 1, 1)})
    predict(listed, "a", (1, 0.3), (2, 0.4), p_calibrated=0.35)
    listed.quote("MILD", 1)
    for days, sharpness in ((1, 3.0), (0, 9.0)):
        numbers = f'{{"method": "temperature", "sharpness": {sharpness}}}'
        late = {"until_date": EVENT_DATE - timedelta(days=days), "parameters_json": numbers}
        listed.put("calibrators", {"model_type": "a", "method": "temperature", "horizon": "day"} | late)

    before = shown(listed, "p_calibrated")
    numbers = '{"method": "temperature", "sharpness": 0}'
    served = {"until_date": EVENT_DATE - timedelta(days=2), "parameters_json": numbers, "fitted_utc": at(9999)}
    listed.put("calibrators", {"model_type": "a", "method": "temperature", "horizon": "day"} | served)

    assert [(0.35,)] == before
    assert [(0.5,)] == shown(listed, "p_calibrated")


def test_only_predictions_of_the_settlement_are_shown(listed):
    """What a model says of the next minutes is no probability of the bracket."""
    for minute, horizon, p in ((1, "day", 0.1), (2, "1m", 0.9), (3, "5m", 0.8)):
        said = {"market_ticker": "MILD", "ts_utc": at(minute), "horizon": horizon, "p_model": p}
        listed.put("predictions", said)
    listed.quote("MILD", 4)

    assert [(0.1,)] == listed.ask("select p_model from minute_panel_full")


def test_the_label_pays_the_bracket_that_holds_the_settled_high(listed):
    """settled_yes follows the inclusive bounds; open ends hold everything beyond."""
    for ticker in ("COLD", "MILD", "WARM"):
        listed.quote(ticker, 1)
    listed.put("settlements", {"issued_utc": at(2_000), "known_utc": at(2_005), "high_f": 41})

    rows = listed.ask(
        "select settled_yes, label_f, label_source, label_known_utc from minute_panel_labeled order by bracket_order"
    )

    assert [(False, 41, "cli", at(2_005)), (True, 41, "cli", at(2_005)), (False, 41, "cli", at(2_005))] == rows


def test_an_unsettled_minute_has_no_label(listed):
    """Without a final report the minute stays, its outcome is NULL."""
    listed.quote("COLD", 1)
    listed.put("settlements", {"issued_utc": at(900), "high_f": 38, "is_final": False})

    assert [(None, None)] == listed.ask("select settled_yes, label_f from minute_panel_labeled")


def test_an_evaluation_stands_for_a_day_whether_or_not_another_comes_later(listed):
    """Poison: what is told two days later changes nothing of the minutes before it."""
    listed.put("pmf_minute", {"market_ticker": "MILD", "ts_utc": at(0), "p_wx": 0.2})
    alone = listed.ask("select valid_from_utc, valid_until_utc from pmf_in_force group by all order by all")
    listed.put("pmf_minute", {"market_ticker": "MILD", "ts_utc": at(2 * 1440), "p_wx": 0.3})
    beside = listed.ask("select valid_from_utc, valid_until_utc from pmf_in_force group by all order by all")
    assert alone == [(at(0), at(1440))]
    assert beside[:1] == alone
