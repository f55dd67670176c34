"""Why a run did nothing: the answer names the gate, and every gate has words and settings that exist."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from kwx.backtest.gate_words import WORDS
from kwx.backtest.why import why_of
from kwx.config.refusals import field_of
from kwx.config.trading import TradeConfig
from kwx.exec.codes import Gate
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.ledger import ledger_of
from tests.kwx.backtest.three_trades import three_actions, three_bars

DAY = date(2026, 11, 2)


def a_ledger(gates: list[tuple[str, str, int]], *, stopped: list[tuple[str, int]] = ()):
    """Return a ledger with minutes of gates by city, and of minutes that were stopped at an hour UTC."""
    bars = three_bars(winner=-1)
    ledger = ledger_of("r", "fused", bars, three_actions(bars), known=Known.nothing())
    counted = pl.DataFrame(
        [(city, DAY, gate, minutes) for city, gate, minutes in gates],
        schema={"city": pl.String, "event_date": pl.Date, "gate": pl.String, "minutes": pl.Int64}, orient="row",
    )  # fmt: skip
    rows = [
        {
            "city": "chicago",
            "event_date": DAY,
            "ts_utc": datetime(2026, 11, 2, hour, tzinfo=UTC),
            "gate": gate,
            "action": "none",
        }
        for gate, hour in stopped
    ]
    schema = ledger.decisions.schema
    decisions = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    return replace(ledger, gates=counted, decisions=decisions)


def test_the_answer_is_the_gate_that_stopped_most_of_what_was_wanted():
    """Gates at which nothing was wanted are larger, and do not count for it."""
    found = why_of(a_ledger([("chicago", "no_edge", 900), ("chicago", "spread", 60), ("nyc", "stale", 40)]))

    assert "in 100 it wanted to and was stopped, most by spread (60%)" in found.answer
    assert "change risk.max_spread_cents" in found.answer


def test_where_nothing_was_wanted_the_answer_says_why():
    """Without a probability nothing can be wanted; what to do is told, and nothing was stopped."""
    found = why_of(a_ledger([("chicago", "no_probability", 90), ("chicago", "closed", 10)]))

    assert "(90%) ended at no_probability" in found.answer
    assert "kwx fuse run" in found.answer


def test_minutes_are_counted_by_city_date_and_hour_of_standard_time():
    """Shares are within each city; hours are those of what was stopped, six behind UTC in Chicago."""
    gates = [("chicago", "spread", 3), ("chicago", "none", 1), ("nyc", "none", 5)]
    found = why_of(a_ledger(gates, stopped=[("spread", 18), ("spread", 18), ("lot", 19)]))

    assert [("chicago", "spread", 3, 0.75), ("chicago", "none", 1, 0.25), ("nyc", "none", 5, 1.0)] == (
        found.by_city.rows()
    )
    assert [(12, "spread", 2, 1.0), (13, "lot", 1, 1.0)] == found.by_hour.rows()
    assert 9 == found.by_date["minutes"].sum()


def test_every_gate_has_words_and_settings_that_exist():
    """A setting that was renamed would send people to a key that is refused."""
    assert list(Gate) == list(WORDS)
    for gate, words in WORDS.items():
        assert words.meaning
        assert words.remedy or gate is Gate.NONE
        assert all(field_of(TradeConfig, tuple(key.split("."))) is not None for key in words.settings)
