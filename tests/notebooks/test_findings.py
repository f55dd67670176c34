"""What a notebook says is true: its figures are made again here from the tables, not by its queries."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.fuse.pools.contract import fuse
from kwx.fuse.pools.log_linear import LogLinear
from tests.notebooks.conftest import NOTEBOOKS, RAN
from warehouse.lake.store import Lake
from warehouse.lake.tables import (
    CANDLES_DENSE,
    FILLS,
    FORECASTS,
    MARKETS,
    OBS_1M,
    PMF_MINUTE,
    SETTLEMENTS,
    TRUTH_PROBABILITIES,
    Partition,
)
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

pytest.importorskip("marimo", reason="the notebooks need the extra `lab`")

PLACES = [
    Partition(city, date(2026, 10, 31) + timedelta(days=number)) for city in ("chicago", "nyc") for number in (0, 1, 2)
]
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_says_what_it_found_and_draws_it(name, run_notebook, rich_lake):
    """One finding with figures in it, and charts with something on them."""
    ran = run_notebook(name, rich_lake)

    assert any(letter.isdigit() for letter in ran.said)
    assert ran.charts
    assert all(any(chart["datasets"].values()) if "datasets" in chart else drawn(chart) for chart in ran.charts)


def drawn(chart):
    """Return whether a chart, or a layer of it, carries rows."""
    data = chart.get("data") or {}
    return bool(data.get("values")) or any(drawn(layer) for layer in chart.get("layer", []))


def figures(said):
    """Return the numbers of a sentence, in their order."""
    return [float(number.replace(",", "")) for number in re.findall(r"[+-]?\d[\d,]*(?:\.\d+)?", said)]


def read(lake, table, place):
    """Return the rows of a day."""
    return Lake(lake).snapshot().read(table, place)


def day_of(place):
    """Return the climate day of a partition."""
    return ClimateDay(CITIES[place.city], place.event_date)


def high_of(lake, place):
    """Return the high that the exchange settled on."""
    return read(lake, SETTLEMENTS, place).filter(pl.col("source") == "kalshi").sort("issued_utc")["high_f"][0]


def hours_of(place):
    """Return the full hours of a day and its eve that the grid of weather has a row for."""
    day = day_of(place)
    return [day.end_utc - timedelta(hours=back) for back in range(48)]


def newest(forecasts, column, now):
    """Return the forecast that was issued last of those whose instant was not after now."""
    there = forecasts.filter(pl.col(column) <= now)
    return None if there.is_empty() else there.row(-1, named=True)


def test_the_tour_counts_the_hours_of_hindsight(run_notebook, rich_lake):
    """At each full hour the forecast that was issued last is held against the one that was known, one by one."""
    early, errors = [], []
    for place in PLACES:
        told = read(rich_lake, FORECASTS, place).drop_nulls("high_f").sort("issued_utc", "known_utc", "source")
        for hour in hours_of(place):
            known, issued = (newest(told, column, hour) for column in ("known_utc", "issued_utc"))
            if known is not None and issued is not None:
                early.append(known["issued_utc"] != issued["issued_utc"])
                errors.append([abs(one["high_f"] - high_of(rich_lake, place)) for one in (known, issued)])
    known_error, issued_error = np.mean(errors, axis=0)

    share, hours, better = figures(run_notebook("lake_tour", rich_lake).said)

    assert (round(100 * np.mean(early)), len(early)) == (share, hours)
    assert abs(known_error - issued_error) == pytest.approx(better, abs=0.006)


def test_the_tour_measures_the_distance_to_the_truth(run_notebook, rich_lake):
    """At the hour that is said to be the farthest, half the distances between shares and chances are what is said."""
    hours_left, wrong, *_ = figures(run_notebook("lake_tour", rich_lake).defined["said_of_truth"])
    found = []
    for place in PLACES:
        then = pl.col("ts_utc") == day_of(place).end_utc - timedelta(hours=hours_left)
        quoted, truth = (read(rich_lake, table, place).filter(then) for table in (CANDLES_DENSE, TRUTH_PROBABILITIES))
        both = quoted.join(truth, on="market_ticker").filter(pl.col("mid_half_ticks").is_not_null())
        shares = both["mid_half_ticks"] / both["mid_half_ticks"].sum()
        found += [float((shares - both["p_true"]).abs().sum()) / 2] if both.height == 6 else []

    assert 100 * np.mean(found) == pytest.approx(wrong, abs=0.06)


def test_the_day_knows_since_when_the_winner_led(run_notebook, rich_lake):
    """The last step of ten minutes at which another bracket was dearer, and the minute of the highest report."""
    ran = run_notebook("day_of_an_event", rich_lake)
    chosen = ran.defined["chosen"]
    place = Partition(chosen["city"], chosen["event_date"])
    minutes = read(rich_lake, CANDLES_DENSE, place).filter(
        pl.col("mid_half_ticks").is_not_null(), pl.col("ts_utc").dt.minute() % 10 == 0
    )
    won = read(rich_lake, MARKETS, place).filter(pl.col("result") == "yes")["market_ticker"][0]
    dearest = minutes.group_by("ts_utc").agg(pl.col("market_ticker").sort_by("mid_half_ticks").last()).sort("ts_utc")
    wrong = dearest.filter(pl.col("market_ticker") != won)["ts_utc"].max()
    since = dearest.filter(pl.col("ts_utc") > wrong)["ts_utc"].min()
    air = read(rich_lake, OBS_1M, place).filter(pl.col("ts_utc").dt.minute() % 10 == 0)
    seen = air.filter(pl.col("run_max_lo_f") == air["run_max_lo_f"].max())["ts_utc"].min()

    assert f"from {since:%d %H:%M} UTC on" in ran.said
    assert f"at {seen:%d %H:%M} UTC" in ran.said
    assert place.event_date in RAN


def ladders(lake, place, hour):
    """Return the rows of pmf_minute of an event at an hour of its day, in the order of the brackets, and who won."""
    listed = read(lake, MARKETS, place).select("market_ticker", "bracket_order", "high_f", "result")
    then = pl.col("ts_utc") == day_of(place).start_utc + timedelta(hours=hour)
    rows = read(lake, PMF_MINUTE, place).filter(then).join(listed, on="market_ticker").sort("bracket_order")
    return rows, (rows["result"] == "yes").to_numpy()


def test_the_loss_of_the_weather_is_that_of_its_ladders(run_notebook, rich_lake):
    """At six and at three in the afternoon, over both days that are run."""
    said = run_notebook("hazard_calibration", rich_lake).said
    expected = []
    for hour in (6, 15):
        told = [ladders(rich_lake, Partition("chicago", day), hour) for day in RAN]
        expected.append(np.mean([-np.log(max(rows["p_wx"].to_numpy()[won][0], 1e-4)) for rows, won in told]))

    assert f"goes from {expected[0]:.2f} to {expected[1]:.2f}" in said


def test_the_chosen_weight_has_the_least_loss_by_the_pool_itself(run_notebook, rich_lake):
    """The pool that the fusion uses is asked at each weight, over all hours of the earlier date."""
    ran = run_notebook("fusion_tuning", rich_lake)
    place, losses = Partition("chicago", RAN[0]), {round(0.05 * step, 2): [] for step in range(21)}
    for hour in range(-24, 25):
        rows, won = ladders(rich_lake, place, hour)
        if rows.is_empty() or rows["p_mkt"].null_count() or rows["p_wx"].null_count():
            continue
        by_market, by_weather = (rows[name].to_numpy()[None] for name in ("p_mkt", "p_wx"))
        dead = (rows["high_f"] < rows["m_run_lo_f"]).fill_null(value=False).to_numpy()[None]
        for weight, found in losses.items():
            _, p = fuse(LogLinear(), by_market, by_weather, np.array([weight]), dead)
            found.append(-np.log(max(p[0][won][0], 1e-4)))
    best = min(losses, key=lambda weight: round(float(np.mean(losses[weight])), 9))

    assert best == pytest.approx(ran.defined["best_weight"])
    assert "No later date is left to judge it on" in ran.said


def test_a_pool_of_many_dates_is_judged_with_an_interval(run_notebook, long_lake):
    """Of twenty-four dates twelve choose, one lies between, and eleven judge; the weather knows more, so it gains."""
    ran = run_notebook("fusion_tuning", long_lake)
    said, earlier, judged = ran.said, ran.defined["earlier"], ran.defined["judged"]["event_date"]

    assert (12, 11, timedelta(days=2)) == (len(earlier), len(judged), judged[0] - earlier[-1])
    pool, market = (float(found) for found in re.search(r"pool loses (\S+) .* market alone (\S+):", said).groups())
    assert pool < market
    assert "95 % interval by dates" in said


def test_the_models_loss_is_made_of_what_was_said_and_paid(run_notebook, rich_lake):
    """The model says what the weather says; the market its share of the mids."""
    differences = []
    for day in RAN:
        place = Partition("chicago", day)
        for hour in hours_of(place):
            quoted = read(rich_lake, CANDLES_DENSE, place).filter(pl.col("ts_utc") == hour)
            said = standing(rich_lake, place, hour)
            both = quoted.join(said, on="market_ticker")
            if quoted.height < 6 or quoted["mid_half_ticks"].null_count() or both.height < 6:
                continue
            won = read(rich_lake, MARKETS, place).filter(pl.col("result") == "yes")["market_ticker"][0]
            hit = (both["market_ticker"] == won).to_numpy()
            p_market = (both["mid_half_ticks"] / both["mid_half_ticks"].sum()).to_numpy()
            differences += list(loss(both["p_wx"].to_numpy(), hit) - loss(p_market, hit))

    rows, _dates, difference, *_ = figures(run_notebook("model_calibration", rich_lake).said)

    assert len(differences) == rows
    assert np.mean(differences) == pytest.approx(difference, abs=1e-4)


def standing(lake, place, hour):
    """Return what the weather said last before an hour, at most a day ago."""
    told = read(lake, PMF_MINUTE, place).filter(pl.col("p_wx").is_not_null(), pl.col("ts_utc") <= hour)
    return told.sort("ts_utc").group_by("market_ticker").agg(pl.col("p_wx").last())


def loss(p, hit):
    """Return the log loss of chances."""
    clipped = np.clip(p, 1e-4, 1 - 1e-4)
    return -np.log(np.where(hit, clipped, 1 - clipped))


def test_the_net_gain_of_the_run_is_that_of_its_fills(run_notebook, rich_lake):
    """Every fill is paid or not, one by one, less its fee, in whole micros."""
    net_micros = 0
    for day in RAN:
        place = Partition("chicago", day)
        won = read(rich_lake, MARKETS, place).filter(pl.col("result") == "yes")["market_ticker"][0]
        for fill in read(rich_lake, FILLS, place).iter_rows(named=True):
            worth = 10_000 * (fill["market_ticker"] == won) - fill["price_ticks"]
            net_micros += (1 if fill["side"] == "buy" else -1) * fill["count_centi"] * worth - fill["fee_micros"]

    ran = run_notebook("backtest_deep_dive", rich_lake)

    assert net_micros
    assert f"The run came to {net_micros / 1e6:+,.2f} $ after fees" in ran.said
    assert "Other fills make it -4.00 … -1.00 $: the same sign under every model of fills." in ran.said
    assert ran.defined["equity"]["dollars"][-1] == pytest.approx(net_micros / 1e6)


def test_the_book_is_told_by_the_mids_five_minutes_later(run_notebook, rich_lake):
    """The tenth of the minutes whose queues leaned most to the bids, and where their mids stood five minutes later."""
    ran = run_notebook("book_microstructure", rich_lake)
    book, dates = ran.defined["book_minutes"], ran.defined["dates"]
    quoted = pl.concat(read(rich_lake, CANDLES_DENSE, Partition("chicago", day)) for day in dates)
    mids = quoted.filter(pl.col("price_source") == "mid").select("market_ticker", "ts_utc", "mid_half_ticks")
    later = mids.with_columns(pl.col("ts_utc") - 5 * MINUTE).rename({"mid_half_ticks": "later"})
    known = book.filter(pl.col("queue_imbalance").is_not_null())
    rows = known.join(mids, on=["market_ticker", "ts_utc"]).join(later, on=["market_ticker", "ts_utc"])
    ordered = rows.sort("queue_imbalance", "ts_utc", "market_ticker")
    moved = (ordered["later"] - ordered["mid_half_ticks"]).to_numpy() / 200
    tenth = np.arange(len(moved)) * 10 // len(moved)

    assert f"mid moved {moved[tenth == 9].mean():+.3f} ¢" in ran.said
    assert f"to the offers {moved[tenth == 0].mean():+.3f} ¢" in ran.said
