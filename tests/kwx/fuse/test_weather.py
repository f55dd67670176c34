"""What the weather said by each minute: the newest evaluation, carried forward, refused where it is unsound."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kwx.fuse.weather import CARRIED_MINUTES, evaluations_of, weather_of
from warehouse.errors import Refused
from warehouse.lake.tables import PMF_MINUTE

CENTS = [(20, 22), (40, 42), (30, 31)]


def evaluated(minutes, *, at_minutes, p=(0.2, 0.5, 0.3), hazard=0.1, m_run_lo_f=None) -> pl.DataFrame:
    """Return evaluations of an event, so many minutes after its first one."""
    first = minutes.ts_utc[0]
    rows = [
        {
            "market_ticker": name, "ts_utc": first + timedelta(minutes=at), "wx_utc": first + timedelta(minutes=at),
            "p_wx": chance, "hazard_next_60m": hazard, "m_run_lo_f": m_run_lo_f, "mc_version": "v1",
        }
        for at in at_minutes
        for name, chance in zip(minutes.ladder.names, p, strict=True)
    ]  # fmt: skip
    schema = {name: dtype for name, dtype in PMF_MINUTE.schema.items() if name in rows[0]}
    return pl.DataFrame(rows, schema=schema)


def test_each_minute_has_the_newest_evaluation_before_it(quotes_of):
    """At its own minute it counts, until the next one; before the first there is none."""
    minutes = quotes_of(CENTS, minutes=8)

    weather = weather_of(evaluated(minutes, at_minutes=(2, 5)), minutes)

    assert [-1, -1, 0, 0, 0, 1, 1, 1] == weather.place.tolist()
    assert np.isnan(weather.p[:2]).all()
    np.testing.assert_allclose(weather.p[2:], [[0.2, 0.5, 0.3]] * 6)


def test_what_is_too_old_is_no_weather(quotes_of):
    """A run that stopped must not speak for the rest of the day."""
    minutes = quotes_of(CENTS, minutes=CARRIED_MINUTES + 2)

    weather = weather_of(evaluated(minutes, at_minutes=(0,)), minutes)

    assert [0, -1] == weather.place[-2:].tolist()


def test_brackets_below_the_running_maximum_are_dead(quotes_of):
    """Of ≤49, 50–51 and ≥52 a running maximum of at least 50 leaves two alive."""
    minutes = quotes_of(CENTS, minutes=1)

    weather = weather_of(evaluated(minutes, at_minutes=(0,), p=(0.0, 0.5, 0.5), m_run_lo_f=50), minutes)

    assert [True, False, False] == weather.dead[0].tolist()


def test_without_a_hazard_nothing_is_at_stake(quotes_of):
    """On the eve there is none, and the weight takes it for zero."""
    minutes = quotes_of(CENTS, minutes=2)

    assert [0.0, 0.0] == weather_of(evaluated(minutes, at_minutes=(0,), hazard=None), minutes).hazard_60m.tolist()


def test_an_event_without_evaluations_has_no_weather(quotes_of):
    """A day without p_wx is no error: the market stands alone."""
    minutes = quotes_of(CENTS, minutes=2)

    weather = weather_of(evaluated(minutes, at_minutes=(0,)).clear(), minutes)

    assert [-1, -1] == weather.place.tolist()
    assert not weather.dead.any()


@pytest.mark.parametrize(
    "p", [(0.2, 0.5, 0.1), (-0.1, 0.8, 0.3), (np.nan, 0.5, 0.5)], ids=["sums to 0.8", "negative", "NaN"]
)
def test_an_evaluation_that_is_no_distribution_is_refused(quotes_of, p):
    """It names the event and the instant, and how to make the weather again."""
    minutes = quotes_of(CENTS, minutes=2)

    with pytest.raises(Refused, match=r"E: p_wx of 2026-11-01 18:00Z is no distribution") as refusal:
        evaluations_of(evaluated(minutes, at_minutes=(0,), p=p), minutes.ladder, event="E")

    assert "kwx hazard backfill --again" in refusal.value.hint


def test_an_evaluation_that_is_there_twice_is_refused(quotes_of):
    """Six rows for three brackets are no ladder."""
    minutes = quotes_of(CENTS, minutes=2)
    rows = evaluated(minutes, at_minutes=(0,))

    with pytest.raises(Refused, match="6 rows for 3 brackets"):
        evaluations_of(pl.concat([rows, rows]), minutes.ladder, event="E")


def test_evaluations_come_instant_by_instant_coldest_bracket_first(quotes_of):
    """Whatever the order in which they are stored, and without those of other events."""
    minutes = quotes_of(CENTS, minutes=2)
    rows = evaluated(minutes, at_minutes=(0, 1))
    foreign = rows.with_columns(market_ticker=pl.lit("OTHER"))

    found = evaluations_of(pl.concat([foreign, rows]).reverse(), minutes.ladder, event="E")

    assert rows.equals(found)
