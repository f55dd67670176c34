"""The score is its five named terms under their weights, and what is not known counts for nothing."""

from __future__ import annotations

import math

import polars as pl
import pytest

from kwx.config.signal_fields import SignalFields
from kwx.signals.score import READS, score, score_terms, score_windows, weights

FIELDS = SignalFields(least_minutes=2, ras_minutes=3, velocity_minutes=3, flow_minutes=4)
MINUTES = {
    "ras": [0.01, -0.02, 0.02, None],
    "velocity": [0.01, 0.02, 0.0, 0.02],
    "volume_20m": [4.0, 2.0, 3.0, 3.0],
    "volume": [1.0, 1.0, 2.0, 0.0],
    "clv": [None, None, 0.5, 1.0],
    "hazard_next_60m": [None, 0.2, 0.5, 1.0],
    "p_said": [None, 0.4, 0.4, 0.4],
    "left_p_said": [0.1, 0.1, None, None],
    "right_p_said": [0.1, 0.3, 0.3, None],
}


def made(fields=FIELDS, minutes=MINUTES):
    """Return the terms and the score of the minutes of one market."""
    panel = pl.DataFrame(minutes).with_columns(market=pl.lit(0, pl.UInt32))
    terms = panel.with_columns(**score_windows(fields)).with_columns(**score_terms(fields))
    return terms.select(*score_terms(fields), s=score(fields))


def close(expected):
    """Return numbers to be met up to rounding; null stays null."""
    return [None if one is None else pytest.approx(one, abs=1e-9) for one in expected]


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("ras_norm", [None, -2 / math.sqrt(4.5), 2 / math.sqrt(13 / 3), None]),
        ("velocity_norm", [None, 2 / math.sqrt(0.5), 0.0, 2 / math.sqrt(4 / 3)]),
        ("flow_percentile", [None, -0.25, 0.0, 0.0]),
        ("hazard_score", [None, math.log(0.25), 0.0, math.log(999)]),
        ("neighbour_gap", [None, 0.2, 0.1, None]),
    ],
)
def test_each_term_by_hand(term, expected):
    """Over a deviation, a place among the last minutes, log-odds, and a gap to those beside."""
    assert close(expected) == made()[term].to_list()


def test_the_score_is_the_weighed_sum_of_what_is_known():
    """Null terms count as 0, and a minute without any says 0."""
    fields = FIELDS.model_copy(update={"alpha": 2.0, "beta": -1.0, "gamma": 3.0, "delta": 0.5, "epsilon": 4.0})
    rows = made(fields)
    weighed = {
        "ras_norm": 2.0,
        "velocity_norm": -1.0,
        "flow_percentile": 3.0,
        "hazard_score": 0.5,
        "neighbour_gap": 4.0,
    }

    expected = [sum((row[name] or 0.0) * one for name, one in weighed.items()) for row in rows.iter_rows(named=True)]

    assert weighed == weights(fields)
    assert 0.0 == expected[0]
    assert close(expected) == rows["s"].to_list()


@pytest.mark.parametrize(
    ("flow", "expected"), [("volume", [None, 0.0, 1 / 3, -3 / 8]), ("clv", [None, None, None, 0.25])]
)
def test_the_flow_may_be_another_column(flow, expected):
    """The minute's volume, or where its close lies in its range."""
    assert close(expected) == made(FIELDS.model_copy(update={"flow": flow}))["flow_percentile"].to_list()


def test_a_scaled_term_is_held_within_its_limit():
    """One jump in an hour of rest is many deviations."""
    jump = {name: [0.0] * 40 + [0.3] for name in MINUTES}
    fields = SignalFields(norm_limit=4.0)

    assert 4.0 == made(fields, jump)["velocity_norm"][-1]
    assert math.sqrt(41) == pytest.approx(made(SignalFields(), jump)["velocity_norm"][-1])


def test_the_terms_read_what_they_declare():
    """No more and no less, whichever column the flow is of."""
    read = {
        name
        for flow in ("volume", "volume_20m", "clv")
        for one in (score_windows(FIELDS), score_terms(FIELDS.model_copy(update={"flow": flow})))
        for term in one.values()
        for name in term.meta.root_names()
    }

    assert set(READS) == read - {"market", *score_windows(FIELDS)}
