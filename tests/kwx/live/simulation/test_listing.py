"""Events that are listed larger, in part, anew or not at all: their dates go on, and nobody is silent about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from kwx.exec.engine import one_step
from kwx.exec.venue.told import VenueFill
from tests.kwx.exec.made import made_params
from tests.kwx.live.simulation.deliveries import MINUTE, flawed, in_seven
from tests.kwx.live.simulation.world import WORLD, Life
from warehouse.lake.tables import MARKETS, Partition

Begin = Callable[..., Life]
FIRST, SECOND = WORLD.event_dates
SPLIT = 3


def minutes_of(life: Life) -> list[int]:
    """Return how many minutes lie between one record of the first date and the next."""
    kept = [one.minute_utc for one in life.loop.desk.journal.read(FIRST).of_minutes]
    return [(after - before) // MINUTE for before, after in pairwise(kept)]


def test_an_event_of_seven_brackets_trades_beside_one_of_six(begin: Begin) -> None:
    life = begin(21, hour=13.8)
    life.deliveries.list_instead("KXHIGHMIA-26NOV04", lambda rows: in_seven(rows, SPLIT))
    looked = [life.look(60) for _ in range(20)]
    tickers = life.loop.desk.days[SECOND].origin.tickers[..., 0]

    assert [int(number) for number in (tickers != "").sum(axis=0)] == [6, 7]
    assert life.loop.desk.days[FIRST].last_utc == life.loop.desk.days[SECOND].last_utc == life.loop.desk.decided_utc
    assert not any(one.left_out for one in looked)
    assert (life.loop.desk.days[FIRST].state.position_centi != 0).any() or life.executor.open_orders


def test_an_event_that_is_no_whole_for_a_while_has_minutes_without_an_opinion(begin: Begin) -> None:
    """Its orders are taken out, the other city trades on; once it is whole again it trades again."""
    life = begin(22, hour=16)
    for _ in range(6):
        life.look(60)
    whole, now_utc = life.deliveries.listed("miami", FIRST), life.exchange.clock()
    life.deliveries.list_at(now_utc, flawed(whole))
    life.deliveries.list_at(now_utc + timedelta(seconds=170), whole)
    looked = [life.look(60) for _ in range(5)]

    away = [any("miami 2026-11-03" in why for why in one.left_out) for one in looked]
    assert tuple(away) in {(True, True, True, False, False), (True, True, False, False, False)}
    kept = life.loop.desk.journal.read(FIRST).of_minutes[-5:]
    assert [not one.minute.open[:, 1].any() for one in kept] == away
    assert all(one.minute.open[:, 0].any() for one in kept)
    assert ["listing" in one.causes.stale.get("miami", ()) for one in kept] == away
    assert not any(name.startswith("KXHIGHMIA-26NOV03") for name in life.exchange.resting) or not away[-1]
    assert set(minutes_of(life)) == {1}


def test_a_date_that_closed_too_early_in_a_listing_goes_on_without_a_hole(begin: Begin) -> None:
    life = begin(23, hour=13.0)
    for _ in range(4):
        life.look(60)
    now_utc = life.exchange.clock()
    for city in WORLD.cities:
        listing = life.deliveries.listed(city, FIRST)
        life.deliveries.list_at(
            now_utc, listing.with_columns(close_utc=pl.lit(now_utc - MINUTE, pl.Datetime("us", "UTC")))
        )
        life.deliveries.list_at(now_utc + 4 * MINUTE, listing)
    for _ in range(8):
        life.look(60)

    kept = life.loop.desk.journal.read(FIRST).of_minutes
    assert set(minutes_of(life)) == {1}
    assert kept[-1].minute_utc == life.loop.desk.decided_utc
    assert any("nothing was listed" in one.causes.told for one in kept)
    assert kept[-1].minute.open.any()


def test_an_event_that_is_listed_anew_with_other_brackets_is_away_for_good(begin: Begin) -> None:
    """Its markets keep their places and what is held of them; the other city trades on, and it is said."""
    life = begin(24, hour=16)
    for _ in range(6):
        life.look(60)
    before = life.loop.desk.days[FIRST].origin.tickers.copy()
    life.deliveries.list_at(life.exchange.clock(), in_seven(life.deliveries.listed("miami", FIRST), SPLIT))
    looked = [life.look(60) for _ in range(4)]

    assert all(any("miami" in why for why in one.left_out) for one in looked)
    np.testing.assert_array_equal(before, life.loop.desk.days[FIRST].origin.tickers)
    assert life.loop.desk.days[FIRST].minute.open[:, 0].any()
    assert not life.loop.desk.days[FIRST].minute.open[:, 1].any()


def list_nine(life: Life) -> None:
    """Have Miami listed with nine brackets on the first date: more than a minute has room for."""
    place = Partition("miami", FIRST)
    nine = in_seven(in_seven(in_seven(life.present.read(MARKETS, place), 2), 4), 6)
    life.present.put(MARKETS, place, nine.select(MARKETS.schema.names()))


def test_every_look_says_what_was_not_traded_in_the_last_minute(begin: Begin) -> None:
    """Also one that decides nothing: only so an alert stands that waits for two minutes without a break."""
    life = begin(27, hour=16)
    list_nine(life)
    looked = [life.look(seconds) for seconds in (60, 9, 9)]

    assert [bool(one.minutes) for one in looked] == [True, False, False]
    assert all("9 brackets are listed" in " ".join(one.left_out) for one in looked)


def test_a_city_that_was_never_traded_keeps_no_other_from_being_paid(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left out for its nine brackets. The date is paid with the settings that it was begun with."""
    life = begin(26, hour=29.9, knows_results=True)
    list_nine(life)
    looked, stepped = [life.look(60)], list[Any]()
    began_with = life.loop.desk.days[FIRST].origin.params
    life.loop.minutes.origins = replace(life.loop.minutes.origins, params=made_params())

    def noted(rules: Any, params: Any, *said: Any) -> Any:
        stepped.append(params)
        return one_step(rules, params, *said)

    monkeypatch.setattr("kwx.live.paying.one_step", noted)
    while FIRST not in looked[-1].settled:
        looked.append(life.look(60))
        assert len(looked) < 30, "it is paid when it is over"

    day = life.loop.desk.days[FIRST]
    assert (day.cities, day.paid, stepped) == (["chicago"], {"chicago"}, [began_with])


def test_a_fill_that_is_told_after_its_date_was_paid_is_booked_and_a_strange_one_halts(
    begin: Begin,
) -> None:
    """It is paid as the rest was; a fill of a market that no date has is a mismatch."""
    life = begin(25, hour=29.6, knows_results=True)
    settled = [day for _ in range(40) for day in life.look(60).settled]
    assert settled == [FIRST]
    day, trader = life.loop.desk.days[FIRST], life.loop.desk.trader
    winner = int(life.loop.desk.journal.read(FIRST).settlements[-1].minute.winner[0, 0])
    cash_micros, worth_micros = int(day.state.cash_micros.sum()), life.loop.desk.worth_micros
    fill = VenueFill(
        trade_id="late", order_id="o", client_order_id="c", market_ticker=str(day.origin.tickers[winner, 0, 0]), side=1,
        ticks=4_000, centi=200, fee_micros=1_000, is_taker=False, at_utc=life.exchange.clock(), decision=None,
    )  # fmt: skip
    trader._waiting["late", "o"] = fill
    life.look()

    gain_micros = 200 * 10_000 - 200 * 4_000 - 1_000
    assert int(day.state.cash_micros.sum()) - cash_micros == gain_micros
    assert life.loop.desk.worth_micros - worth_micros >= gain_micros - 10**7
    assert "late" not in {one.trade_id for one in trader.waiting}
    assert life.loop.desk.journal.read(FIRST).settlements[-1].reported["trade_id"].to_list() == ["late"]
    trader._waiting["strange", "o"] = fill.__class__(**{**_said(fill), "market_ticker": "KXHIGHDEN-26NOV03-B50.5"})
    assert "do not fit" in life.look().stopped


def _said(fill: VenueFill) -> dict[str, object]:
    return {name: getattr(fill, name) for name in VenueFill.__dataclass_fields__} | {"trade_id": "strange"}
