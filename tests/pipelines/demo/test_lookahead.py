"""Spoil everything after an instant: what was said or done up to it must not notice."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from pipelines.demo.forecasts import forecasts_frame
from pipelines.demo.observations import obs_frame
from pipelines.demo.session import Session, hold
from pipelines.demo.settlements import reports
from pipelines.demo.truth import worth
from pipelines.demo.weather import REVEAL_MINUTES, Sky, sky
from pipelines.demo.world import World
from warehouse.market.climate_day import MINUTES_PER_DAY, ClimateDay

WORLD = World(days=3)
DAY = WORLD.event_dates[1]


def spoiled(air: Sky, minute: int) -> Sky:
    """Return the sky with another fate from the instant `minute` minutes into DAY on; negative is before it."""
    chance, place = np.random.default_rng(1), air.place(DAY)
    wobble, anomaly, revealed = air.wobble_l.copy(), air.anomaly_l.copy(), air.revealed_l.copy()
    later = place * MINUTES_PER_DAY + minute + 1
    wobble[later:] = chance.integers(-50, 50, len(wobble) - later)
    for index in range(len(air.days)):
        known = REVEAL_MINUTES + minute + (place - index) * MINUTES_PER_DAY + 1
        if known <= REVEAL_MINUTES:
            revealed[index, max(known, 0) :] += 40
            anomaly[index] += 40
    return replace(air, wobble_l=wobble, anomaly_l=anomaly, revealed_l=revealed)


def traded_until(session: Session, minute: int) -> list[np.ndarray]:
    """Return what a session has quoted and traded by the end of a minute."""
    tape = [getattr(session.tape, field.name)[session.tape.minute <= minute] for field in fields(session.tape)]
    return [session.quotes.bid[:, : minute + 1], session.quotes.ask[:, : minute + 1], *tape]


@pytest.fixture(scope="module")
def air() -> Sky:
    return sky(WORLD, "chicago")


@pytest.mark.parametrize("hour", [-47, -35, -29, -17, -11, -5, -1, 0, 1, 7, 13, 18])
def test_forecasts_use_nothing_after_their_issue(hour: int, air: Sky) -> None:
    """Every run that was issued by an instant stays as it was when all later weather is another."""
    by = pl.col("issued_utc") <= ClimateDay(air.city, DAY).start_utc + timedelta(hours=hour)

    said = forecasts_frame(WORLD, air, DAY)

    other = forecasts_frame(WORLD, spoiled(air, 60 * hour), DAY)
    assert said.filter(by).equals(other.filter(by))
    assert not said.filter(~by).equals(other.filter(~by))


@pytest.mark.parametrize("minute", [5, 53, 55, 358, 900, 1435])
def test_reports_use_nothing_after_their_stamp(minute: int, air: Sky) -> None:
    """Every report stamped by an instant stays as it was when all later air is another."""
    by = pl.col("ts_utc") <= ClimateDay(air.city, DAY).start_utc + timedelta(minutes=minute)

    measured, other = obs_frame(WORLD, air, DAY), obs_frame(WORLD, spoiled(air, minute), DAY)

    assert measured.filter(by).height > 0
    assert measured.filter(by).equals(other.filter(by))


def test_a_preliminary_report_uses_nothing_after_its_as_of_time(air: Sky) -> None:
    """The afternoon's high so far is unmoved by the evening."""
    said = reports(WORLD, air, DAY)[0]
    minute = round((said.as_of_utc - ClimateDay(air.city, DAY).start_utc) / timedelta(minutes=1))

    assert said == reports(WORLD, spoiled(air, minute), DAY)[0]


@pytest.mark.parametrize("efficiency", [1.0, 0.8, 0.0])
@pytest.mark.parametrize("minute", [1, 500, 1500])
def test_trading_uses_no_later_probability(efficiency: float, minute: int) -> None:
    """Quotes and trades up to a minute stay as they were when the truth goes another way after it."""
    world = replace(WORLD, efficiency=efficiency)
    p_true = worth(world, "chicago").brackets_of(DAY)
    p_other = p_true.copy()
    p_other[:, minute + 1 :] = p_true[::-1, minute + 1 :]

    sessions = [hold(world, "chicago", DAY, p_true=truth) for truth in (p_true, p_other)]

    kept, other = (traded_until(session, minute) for session in sessions)
    assert all(np.array_equal(first, second) for first, second in zip(kept, other, strict=True))
    assert not np.array_equal(sessions[0].quotes.bid, sessions[1].quotes.bid)
