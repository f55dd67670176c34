"""Minutes in the places of their date: more brackets, fewer, other ones or none never move what was traded before."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from kwx.exec.engine import one_step
from kwx.exec.minute import Minute
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.state import State
from kwx.exec.step import empty_state
from kwx.live.room import placed, resized, unlisted
from kwx.live.staleness import off_the_clock
from tests.kwx.exec.made import made_params, minute_at
from tests.kwx.exec.wild import wild_minutes

DAY = date(2026, 11, 2)
CITIES = ("chicago", "nyc")
RULES = Rules(fill=Fill.A, sizing=Sizing.LADDER)


def names(*brackets: int) -> np.ndarray:
    """Return the markets of each city, so many of each, in as many rows as the largest has."""
    rows = [[f"{city}-{row}" if row < own else "" for city, own in zip(CITIES, brackets, strict=True)]
            for row in range(max(brackets))]  # fmt: skip
    return np.array(rows)[..., None]


def minute_of(brackets: int, t: int = 5) -> Minute:
    """Return a minute in which much happens."""
    return minute_at(wild_minutes(3, t + 1, brackets=brackets, cities=2, dates=1, settles=False), t)


def held(minutes: Minute) -> State:
    """Return the first state in which something is held."""
    state = empty_state(3, 2, 1)
    for t in range(len(minutes.open)):
        if state.position_centi.any():
            break
        state, _ = one_step(RULES, made_params(), state, minute_at(minutes, t))
    return state


def test_a_minute_of_the_same_markets_is_as_it_was() -> None:
    """Bit by bit, with its prints."""
    minute = minute_of(3)
    found = placed(DAY, CITIES, names(3, 3), minute, held=names(3, 3), last=minute_of(3, 4))

    assert found.away == {}
    assert (found.tickers == names(3, 3)).all()
    for name in ("bid_ticks", "p_fair", "open", "minutes_to_close", "taker_fee_num"):
        np.testing.assert_array_equal(getattr(minute, name), getattr(found.minute, name))
    np.testing.assert_array_equal(minute.sells.centi, found.minute.sells.centi)


@pytest.mark.parametrize(("held", "now"), [((3, 3), (4, 3)), ((3, 3), (2, 3)), ((3, 3), (0, 3))])
def test_an_event_with_other_brackets_or_none_is_away_and_the_other_city_goes_on(held, now) -> None:
    """Its markets stay where they are, without a quote or an opinion; what they charge stays too."""
    last = off_the_clock(minute_of(3, 4))
    found = placed(DAY, CITIES, names(*now), minute_of(max(now)), held=names(*held), last=last)

    assert list(found.away) == ["chicago"]
    assert (found.tickers == names(*held)).all()
    assert not found.minute.open[:, 0].any()
    assert np.isnan(found.minute.p_fair[:, 0]).all()
    assert found.minute.exists[:, 0].all()
    assert not found.minute.clock_off[0].any(), "what was true of the last minute"
    np.testing.assert_array_equal(last.taker_fee_num[0], found.minute.taker_fee_num[0])
    np.testing.assert_array_equal(minute_of(max(now)).bid_ticks[:3, 1], found.minute.bid_ticks[:, 1])


def test_a_city_that_is_listed_later_joins_where_there_is_room() -> None:
    held = names(3, 0)
    joins = placed(DAY, CITIES, names(3, 2), minute_of(3), held=held, last=minute_of(3, 4))
    too_large = placed(DAY, CITIES, names(3, 5), minute_of(5), held=held, last=minute_of(3, 4))

    assert joins.away == {}
    assert list(joins.tickers[:, 1, 0]) == ["nyc-0", "nyc-1", ""]
    assert too_large.away == {"nyc": "nyc 2026-11-02: 5 brackets are listed, its date has room for 3"}
    assert (too_large.tickers == held).all()
    assert not too_large.minute.exists[:, 1].any()


@pytest.mark.slow
def test_minutes_in_a_larger_room_step_to_the_same() -> None:
    """Brackets that an event has not change nothing of those that it has."""
    wild = wild_minutes(5, 60, brackets=3, cities=2, dates=1, settles=False)
    state, wide, verbs = empty_state(3, 2, 1), empty_state(4, 2, 1), 0
    for t in range(60):
        minute = minute_at(wild, t)
        state, narrow = one_step(RULES, made_params(), state, minute)
        wide, actions = one_step(RULES, made_params(), wide, resized(minute, 4))
        verbs += int((np.asarray(narrow.verb) != 0).sum())
        for name in ("verb", "gate", "want_centi", "order_ticks", "took_centi"):
            np.testing.assert_array_equal(getattr(narrow, name), np.asarray(getattr(actions, name))[:3])
    assert verbs > 10
    np.testing.assert_array_equal(state.cash_micros, wide.cash_micros)


def test_the_minute_after_of_which_nothing_is_heard_opens_nothing_and_keeps_what_is_held() -> None:
    """Orders are taken out, positions and their marks stay."""
    state, before = held(wild_minutes(5, 60, brackets=3, cities=2, dates=1, settles=False)), minute_of(3)
    after, actions = one_step(RULES, made_params(), state, unlisted(before))

    assert (state.position_centi != 0).any()
    np.testing.assert_array_equal(state.position_centi, after.position_centi)
    np.testing.assert_array_equal(state.mid_half_ticks, after.mid_half_ticks)
    assert not after.orders.side.any()
    assert not np.asarray(actions.took_centi).any()
    np.testing.assert_array_equal(np.maximum(before.minutes_to_close - 1, 0), unlisted(before).minutes_to_close)
