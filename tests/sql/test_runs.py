"""What runs came to, given a few fills: the day of a run by the label, and its minutes by gate."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from tests.sql.conftest import EVENT_DATE, at

MILD, WARM = {"market_ticker": "MILD"}, {"market_ticker": "WARM"}


@pytest.fixture
def traded(lake):
    """Three fills of one run on a day whose high is 41: MILD pays."""
    lake.list_markets()
    usual = {"run_id": "a", "ts_utc": at(0), "style": "maker", "side": "buy", "count_centi": 100}
    lake.put(
        "fills",
        usual | MILD | {"fill_id": "1", "price_ticks": 4_000, "fee_micros": 500},
        usual | MILD | {"fill_id": "2", "price_ticks": 6_500, "side": "sell", "style": "taker", "count_centi": 250},
        usual | WARM | {"fill_id": "3", "price_ticks": 3_000, "fee_micros": 100},
    )
    return lake


def settle(lake, **said) -> None:
    lake.put("settlements", {"source": "cli", "issued_utc": at(1_600), "known_utc": at(1_605), "high_f": 41} | said)


def test_a_day_holds_its_fills_to_settlement(traded):
    """1 · 0.60 − 0.0005, then −2.5 · 0.35, then −1 · 0.30 − 0.0001; outlay 0.40 + 2.5 · 0.35 + 0.30."""
    settle(traded)

    rows = traded.ask("select * exclude (city, event_date) from run_days")

    assert [("a", 2, 1, 200, 250, 600, 1_575_000, 599_500 - 875_000 - 300_100)] == rows


def test_a_day_without_a_final_report_has_no_gain(traded):
    """What was done is told, what it came to is not."""
    settle(traded, is_final=False)

    assert [(2, 1, 600, None)] == traded.ask("select maker_fills, taker_fills, fees_micros, net_micros from run_days")


def test_runs_cities_and_dates_are_days_of_their_own(traded):
    """Nothing is summed over them."""
    settle(traded)
    traded.list_markets(city="nyc", prefix="NYC")
    elsewhere = {"city": "nyc", "run_id": "a", "market_ticker": "NYCWARM"}
    traded.put("fills", {"run_id": "b", "fill_id": "1"} | MILD, elsewhere)

    assert [("a", "chicago", EVENT_DATE), ("a", "nyc", EVENT_DATE), ("b", "chicago", EVENT_DATE)] == traded.ask(
        "select run_id, city, event_date from run_days order by all"
    )


def test_gates_are_read_from_the_summary_of_a_run(lake):
    """A row for each entry; a run that has none has no row."""
    days = [str(EVENT_DATE), str(EVENT_DATE + timedelta(days=1))]
    gates = {"city": ["chicago", "nyc"], "event_date": days, "gate": ["none", "spread"], "minutes": [7, 9]}
    lake.put(
        "runs",
        {"city": "all", "run_id": "a", "summary_json": json.dumps({"gates": gates, "net_micros": 5})},
        {"city": "all", "run_id": "b", "summary_json": "{}"},
    )

    assert [("a", "chicago", date(2026, 2, 4), "none", 7), ("a", "nyc", date(2026, 2, 5), "spread", 9)] == lake.ask(
        "from run_gates order by all"
    )
