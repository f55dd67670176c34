"""Finding rows against dictionaries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.signals.places import Places

START = datetime(2026, 11, 1, 6, tzinfo=UTC)
DAY = 1_440


def at(minute):
    """Return an instant."""
    return START + timedelta(minutes=minute)


@pytest.fixture
def rows():
    """Two events of four and three brackets, named out of their order; one bracket opens late, another has holes."""
    ladders = {"EVE-A": {"B": 2, "C": 1, "D": 3, "E": 4}, "EVE-B": {"F": 1, "G": 3, "H": 4}}
    minutes = {"B": range(10, 60), "C": range(0, 60, 7)}
    told = [
        {"event_ticker": event, "market_ticker": name, "bracket_order": order, "ts_utc": at(minute)}
        for event, ladder in ladders.items()
        for name, order in ladder.items()
        for minute in minutes.get(name, range(60))
    ]
    return pl.DataFrame(told, schema_overrides={"ts_utc": pl.Datetime("us", "UTC")})


@pytest.mark.parametrize("steps", [-1, 1])
def test_beside_a_row_is_the_next_bracket_of_the_event_at_the_minute(rows, steps):
    """Nothing beside the ends, over a gap in the order, or at a minute that the neighbour has not."""
    keys = list(rows.select("event_ticker", "bracket_order", "ts_utc").iter_rows())
    place = {key: number for number, key in enumerate(keys)}

    places = Places.of(rows)
    found = places.colder if steps < 0 else places.warmer

    assert [place.get((event, order + steps, ts)) for event, order, ts in keys] == found.to_list()
    assert 50 < found.is_not_null().sum() < len(keys) - 50


def test_the_newest_row_stands_until_the_next_and_at_most_so_long(rows):
    """Whatever the order in which rows are told, and whoever else is spoken of."""
    rng = np.random.default_rng(2)
    told = [(name, int(minute)) for name in "BCDFZ" for minute in np.unique(rng.integers(-30, 60, 6))]
    told = [told[place] for place in rng.permutation(len(told))]
    frame = pl.DataFrame({"market_ticker": [name for name, _ in told], "ts_utc": [at(minute) for _, minute in told]})
    expected = []
    for name, ts in rows.select("market_ticker", "ts_utc").iter_rows():
        before = [(minute, place) for place, (who, minute) in enumerate(told) if who == name and at(minute) <= ts]
        minute, place = max(before, default=(None, None))
        expected.append(place if place is not None and ts < at(minute + 15) else None)

    found = Places.of(rows).newest(frame.cast({"ts_utc": pl.Datetime("us", "UTC")}), lives_minutes=15)

    assert expected == found.to_list()
    assert 30 < found.is_not_null().sum() < len(expected) - 30


def test_a_row_told_within_a_minute_is_known_at_its_end(rows):
    """Half a minute past the minute is no part of it."""
    told = pl.DataFrame({"market_ticker": ["D"], "ts_utc": [at(5.5)]}).cast({"ts_utc": pl.Datetime("us", "UTC")})

    found = Places.of(rows).newest(told, lives_minutes=DAY)

    assert at(6) == rows.filter(found.is_not_null())["ts_utc"].min()


def test_nothing_told_and_nothing_asked():
    """Empty frames on either side find nothing."""
    schema = {"event_ticker": pl.String, "market_ticker": pl.String, "bracket_order": pl.Int32}
    none = pl.DataFrame(schema=schema | {"ts_utc": pl.Datetime("us", "UTC")})
    one = none.vstack(pl.DataFrame([("E", "M", 1, START)], schema=none.schema, orient="row"))

    assert [None] == Places.of(one).newest(none, lives_minutes=DAY).to_list()
    assert [] == Places.of(none).newest(one, lives_minutes=DAY).to_list() == Places.of(none).warmer.to_list()
