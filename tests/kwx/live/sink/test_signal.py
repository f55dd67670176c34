"""A signal refuses before the database does, and holds what the table holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kwx.live.sink.made import START, made_signal
from warehouse.errors import ContractBroken

WRONG = {
    "market_ticker": ["", "x" * 101, "a\x00b", "a\nb", "\ud800", None],
    "city": ["", "x" * 51],
    "bracket": ["x" * 21],
    "model_id": ["x" * 201, 7],
    "wf_window": ["x" * 101],
    "p_model": [-1e-9, 1.000001, float("nan"), float("inf"), None, "half"],
    "p_market": [-0.1, 1.1, None],
    "p_blend": [2, None],
    "edge_cents": [-201, 101, float("nan"), None],
    "kelly_fraction": [-1.1, 1.1, float("nan")],
    "size_fraction": [-1.1, 1.1],
    "spread_cents": [-1, 0.5, 2**31],
    "minutes_to_close": [-1, None, 2**31, 1.5],
    "ts_utc": [datetime(2026, 11, 1), "2026-11-01", None],
    "created_at": [datetime(2026, 11, 1)],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_what_the_table_must_not_hold_is_refused(name, value):
    """The refusal names the field, the market and the value."""
    with pytest.raises(ContractBroken, match=f"rt_signals: {name} of "):
        made_signal(**{name: value})


@pytest.mark.parametrize(
    "said",
    [
        {"p_model": 0, "p_market": 1, "p_blend": 1},
        {"edge_cents": -200.0, "kelly_fraction": -1, "size_fraction": 1},
        {"spread_cents": 0, "minutes_to_close": 0},
        {"spread_cents": None, "kelly_fraction": None, "size_fraction": None},
        {"market_ticker": "x" * 100, "city": "é" * 50},
    ],
)
def test_the_ends_of_every_range_are_allowed(said):
    """Both ends of each range belong to it."""
    signal = made_signal(**said)

    assert said == {name: getattr(signal, name) for name in said}


def test_numbers_of_numpy_become_numbers_of_python():
    """What the models hand over is stored as any number."""
    signal = made_signal(p_model=np.float32(0.5), spread_cents=np.int64(3), minutes_to_close=np.int32(7))

    assert (float, int, int) == (type(signal.p_model), type(signal.spread_cents), type(signal.minutes_to_close))


@given(st.integers(-14, 14))
def test_instants_are_held_in_utc(hours):
    """The same instant said with another offset is the same signal."""
    signal = made_signal(ts_utc=START.astimezone(timezone(timedelta(hours=hours))))

    assert (START, UTC) == (signal.ts_utc, signal.ts_utc.tzinfo)
    assert made_signal() == signal
