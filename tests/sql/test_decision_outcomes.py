"""Decisions beside how they ended: joined from what is known now, never stored with them."""

from __future__ import annotations

import pytest

from tests.sql.conftest import at

KEY = {"run_id": "a", "market_ticker": "MILD"}


@pytest.fixture
def decided(lake):
    """A decision that was lived, one of a backtest, and an event whose high is 41: MILD pays."""
    lake.list_markets()
    usual = KEY | {"strategy": "fused", "want_centi": 100, "edge_ticks": 150}
    lake.put(
        "decisions",
        usual | {"ts_utc": at(1), "action": "take", "gate": None},
        usual | {"ts_utc": at(2), "action": "none", "gate": "spread"},
        usual | {"run_id": "b", "ts_utc": at(1), "action": "place", "gate": None},
    )
    lake.put(
        "signals",
        KEY | {"ts_utc": at(1), "p_model": 0.4, "features": ["ras", "p_wx"], "feature_values": [1.5, None]},
        KEY | {"ts_utc": at(2), "p_model": 0.3, "features": None, "feature_values": None},
    )
    return lake


def test_a_decision_has_what_was_seen_and_how_it_was_to_be_filled(decided):
    """By name; of a backtest, and where nothing was kept, there is none."""
    rows = decided.ask(
        "select run_id, ts_utc = $first as is_first, style, p_model, seen['ras'], seen['p_wx'] from decision_outcomes"
        " order by run_id, ts_utc".replace("$first", f"'{at(1).isoformat()}'::timestamptz")
    )

    first, blocked, tested = rows
    assert ("a", True, "taker", 0.4, 1.5, None) == first
    assert ("a", False, None, 0.3, None, None) == blocked
    assert ("b", True, "maker", None, None, None) == tested


def test_the_outcome_comes_with_the_settlement(decided):
    """Before it is told nothing is known of it; a correction changes it for all decisions."""
    ask = "select distinct settled_yes from decision_outcomes"
    assert [(None,)] == decided.ask(ask)

    decided.put("settlements", {"source": "cli", "issued_utc": at(1_600), "known_utc": at(1_605), "high_f": 41})

    assert [(True,)] == decided.ask(ask)
