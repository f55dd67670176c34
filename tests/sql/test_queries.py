"""The queries that README and notebooks start from answer on a small lake, shortly."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from warehouse.lake.statements import statements

MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")
# The small lake has no minute at local noon with an offer, no full hour of weather, no books, truth or run: what these
# say is held against rows of their own in test_notebook_queries.
SILENT = {
    "high_fan", "hold_to_settlement", "market_weights", "pool_losses", "recorded_books", "run_equity",
    "weather_hits", "weather_pit",
}  # fmt: skip


def at(minute):
    return MIDNIGHT + timedelta(minutes=minute)


@pytest.mark.parametrize("name", statements("queries"))
def test_a_query_answers_shortly(busy_lake, name):
    """A starting point shows something, and not more than a screen or two."""
    rows = busy_lake.ask(statements("queries")[name].select)

    assert len(rows) < 400
    assert bool(rows) == (name not in SILENT)


def test_ladder_now_shows_the_newest_event_at_its_last_complete_minute(busy_lake):
    """Each city has one ladder, its shares sum to one; the brackets are named."""
    busy_lake.con.execute("create temp view answer as " + statements("queries")["ladder_now"].select)

    rows = busy_lake.ask(
        "select market_ticker[:3], count(*), count(distinct ts_utc), sum(p_mid_norm), list(bracket) "
        "from answer group by all order by all"
    )

    whole = (3, 1, pytest.approx(1.0, abs=0.002), ["≤39", "40–41", "≥42"])
    assert [("chi", *whole), ("nyc", *whole)] == rows


def test_biggest_moves_are_between_two_sided_quotes(lake):
    """A move from a last trade that stood in, or after a gap, is no move of a quote."""
    lake.list_markets()
    lake.quote("MILD", 1, 40)
    lake.quote("MILD", 2, 45, velocity_half_ticks=1_000)
    lake.quote("MILD", 3, 90, price_source="last", velocity_half_ticks=9_000)
    lake.quote("MILD", 4, 50, velocity_half_ticks=-8_000)
    lake.quote("WARM", 4, 50, velocity_half_ticks=-8_000)

    rows = lake.ask(
        f"select market_ticker, ts_utc, mid_before, mid_after from ({statements('queries')['biggest_moves'].select})"
    )

    assert [("MILD", at(2), 0.4, 0.45)] == rows


def test_forecast_vs_high_measures_against_the_label(lake):
    """Forecasts of 43 and 40 for a settled 41, seven hours ahead: bias 0.5, mean error 1.5."""
    lake.put("settlements", {"high_f": 41})
    for issued, high_f in ((1, 43.0), (2, 40.0)):
        lake.put(
            "forecasts", {"high_f": high_f, "issued_utc": at(issued), "known_utc": at(issued), "valid_utc": at(420)}
        )

    assert [("chicago", "nbm", 6, 2, 0.5, 1.5)] == lake.ask(statements("queries")["forecast_vs_high"].select)
