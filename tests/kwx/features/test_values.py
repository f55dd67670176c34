"""Features against numbers worked out by hand, and against plain Python over every bracket."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import polars as pl
import pytest

from kwx.features.feature import FeatureSet
from warehouse.market.temperature import fahrenheit_interval, whole_celsius

OPEN = 10_000


def value_of(feature, **columns):
    """Return a feature of one row."""
    types = {"low_f": pl.Int32, "high_f": pl.Int32, "wx_run_max_lo_f": pl.Int32, "wx_run_max_hi_f": pl.Int32}
    row = pl.DataFrame(
        {name: [value] for name, value in columns.items()},
        schema_overrides={name: dtype for name, dtype in types.items() if name in columns},
    )
    return FeatureSet(name="one", features=(feature,)).build(row).item()


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("log_odds", {"mid_prob": 0.8}, math.log(4)),
        ("log_odds", {"mid_prob": 1.0}, math.log(999)),
        ("log_odds", {"mid_prob": 0.0}, -math.log(999)),
        ("log_odds_fused", {"p_fused_norm": 0.5}, 0.0),
        ("volume_log", {"volume": 9.0}, math.log(10)),
        ("volume_20m_log", {"volume_20m": 0.0}, 0.0),
        ("minutes_to_close_log", {"minutes_to_close": 99}, math.log(100)),
        ("run_max_to_low_f", {"low_f": 80, "wx_run_max_f": 78.0}, 1.5),
        ("run_max_to_low_f", {"low_f": 80, "wx_run_max_f": 80.0}, -0.5),
        ("run_max_to_high_f", {"high_f": 81, "wx_run_max_f": 80.0}, 1.5),
        ("run_max_to_high_f", {"high_f": 81, "wx_run_max_f": 82.0}, -0.5),
    ],
)
def test_a_value_by_hand(every_feature, name, columns, expected):
    """The formulas that have one."""
    assert value_of(every_feature[name], **columns) == pytest.approx(expected, abs=1e-12)


# 26 °C is {78, 79} and 27 °C is {80, 81}; 25 °C is {77} alone.
@pytest.mark.parametrize(
    ("bracket", "running", "inside", "next_inside", "next_place"),
    [
        ((78, 79), (78, 79), 1.0, 0.0, 1.0),  # all of 26 °C and nothing of 27 °C: the next degree leaves it
        ((79, 80), (78, 79), 0.5, 0.5, 0.5),  # it splits both: the next degree stays or leaves
        ((80, 81), (78, 79), 0.0, 1.0, 0.0),  # the next degree is the bracket
        ((82, 83), (78, 79), 0.0, 0.0, -1.0),  # the next degree does not reach it
        ((78, 79), (76, 76), 0.0, 0.0, -1.0),  # 76 °F is 24 °C, and 25 °C is 77 °F
        ((80, None), (80, 81), 1.0, 1.0, 0.0),  # open above: never left
        ((None, 77), (77, 77), 1.0, 0.0, 1.0),  # open below: left for good
    ],
)
def test_whole_celsius_against_a_bracket_by_hand(every_feature, bracket, running, inside, next_inside, next_place):
    """Which degrees the running maximum can mean, and where the next one that a thermometer shows would lie."""
    columns = {"low_f": bracket[0], "high_f": bracket[1], "wx_run_max_hi_f": running[1]}

    assert inside == value_of(every_feature["run_max_inside"], wx_run_max_lo_f=running[0], **columns)
    assert next_inside == value_of(every_feature["next_celsius_inside"], **columns)
    assert next_place == value_of(every_feature["next_celsius_place"], **columns)


def test_whole_celsius_against_every_bracket(every_feature):
    """Degree by degree in plain Python, over all running maxima and brackets around them."""
    rows = [
        (low, high, run_lo, run_lo + width)
        for run_lo in range(-30, 120, 3)
        for width in (0, 1, 2)
        for low in (None, *range(run_lo - 4, run_lo + 6))
        for high in (None, *range((run_lo if low is None else low), run_lo + 6))
        if not (low is None and high is None)
    ]
    names = ("low_f", "high_f", "wx_run_max_lo_f", "wx_run_max_hi_f")
    panel = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Int32), orient="row")
    chosen = ("run_max_inside", "next_celsius_inside", "next_celsius_place")
    built = FeatureSet(name="celsius", features=tuple(every_feature[name] for name in chosen)).build(panel)

    def shares(low, high, degrees):
        sides = [-1 if degree < low else 1 if degree > high else 0 for degree in degrees]
        return sides.count(0) / len(sides), sum(sides) / len(sides)

    expected = []
    for low, high, run_lo, run_hi in rows:
        ends = (-OPEN if low is None else low, OPEN if high is None else high)
        first, last = fahrenheit_interval(whole_celsius(run_hi) + 1)
        inside, _ = shares(*ends, range(run_lo, run_hi + 1))
        expected.append((inside, *shares(*ends, range(first, last + 1))))

    assert len(rows) > 5_000
    assert expected == built.rows()


@pytest.mark.parametrize("name", ["run_max_inside", "next_celsius_inside", "next_celsius_place"])
def test_no_bracket_and_no_maximum_are_not_known(every_feature, name):
    """The eve has no running maximum; a row without both bounds is of no bracket."""
    known = {"low_f": 78, "high_f": 79, "wx_run_max_lo_f": 78, "wx_run_max_hi_f": 79}
    eve = known | {"wx_run_max_lo_f": None, "wx_run_max_hi_f": None}
    nowhere = known | {"low_f": None, "high_f": None}

    assert [False, True, True] == [math.isnan(value_of(every_feature[name], **row)) for row in (known, eve, nowhere)]


@pytest.mark.parametrize(
    ("city", "instant", "hour"),
    [
        ("chicago", datetime(2026, 7, 1, 18, tzinfo=UTC), 12),
        ("chicago", datetime(2026, 12, 1, 18, tzinfo=UTC), 12),  # the wall clock says 12, in July it said 13
        ("austin", datetime(2026, 7, 1, 6, tzinfo=UTC), 0),
        ("denver", datetime(2026, 7, 1, 1, tzinfo=UTC), 18),
        ("los_angeles", datetime(2026, 11, 1, 9, 30, tzinfo=UTC), 1.5),  # the wall clock has 01:30 twice this night
        ("nyc", datetime(2026, 3, 8, 7, 15, tzinfo=UTC), 2.25),  # which no wall clock shows this night
        ("miami", datetime(2026, 3, 8, 5, tzinfo=UTC), 0),
        ("philadelphia", datetime(2026, 3, 8, 4, 59, tzinfo=UTC), 23 + 59 / 60),
    ],
)
def test_the_hour_is_of_local_standard_time(every_feature, city, instant, hour):
    """Midnight is where the climate day begins, in summer and in winter."""
    angle = 2 * math.pi * hour / 24

    said = [value_of(every_feature[name], city=city, ts_utc=instant) for name in ("hour_sin", "hour_cos")]

    assert said == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-12)


def test_a_city_that_nobody_knows_has_no_hour(every_feature):
    """Not a number, and no error in the middle of a panel."""
    assert math.isnan(value_of(every_feature["hour_sin"], city="atlantis", ts_utc=datetime(2026, 7, 1, tzinfo=UTC)))
