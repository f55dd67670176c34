"""Which events are traded, and how they ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from kwx.exec.bars.events import Event, Settled, events_of, running_events
from kwx.exec.bars.notes import Note, told
from kwx.exec.bars.outcomes import outcomes_of
from kwx.exec.minute import NOT_SETTLED
from warehouse.lake.present import Present
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, SETTLEMENTS, Partition
from warehouse.market.fees import FeeRule

DAY = date(2026, 11, 2)
CHICAGO = Partition("chicago", DAY)
LABEL = (
    "select label_f, epoch_us(label_known_utc) from settlement_label"
    " where city = 'chicago' and event_date = date '2026-11-02'"
)

Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture
def changed(copied: Path, put: Callable[..., None]) -> Callable[..., tuple[list[Event], list[str]]]:
    """Return the events of Chicago on the day after its markets and settlements were changed, and what is said."""

    def ask(markets: Change = lambda rows: rows, settlements: Change = lambda rows: rows, **said: str):
        snapshot = Lake(copied).snapshot()
        for table, change in ((MARKETS, markets), (SETTLEMENTS, settlements)):
            put(copied, table, change(snapshot.read(table, CHICAGO)).select(table.schema.names()), CHICAGO)
        found = events_of(Lake(copied).snapshot(), cities=("chicago",), dates=(DAY,), **said)
        return found.traded, [note.text for note in found.notes]

    return ask


def rule(event: Event) -> FeeRule:
    """Return what an event charges from its opening to its close."""
    (fees,) = event.fees
    return fees.charged


def won(root: Path) -> list[str]:
    """Return the markets of Chicago on the day that are paid."""
    outcomes = outcomes_of(Lake(root).snapshot(), cities=("chicago",), since=DAY, until=DAY)
    return outcomes.filter("settled_yes")["market_ticker"].to_list()


def test_an_event_pays_the_bracket_of_the_official_value(copied: Path, changed: Callable) -> None:
    """The label is the exchange's own value, known when it was told, and it lies in the bracket that pays."""
    (event,), notes = changed()

    with Lake(copied).snapshot().connect() as con:
        label_f, known_us = con.sql(LABEL).fetchall()[0]
    assert notes == []
    assert event.settled.high_f == label_f
    assert label_f in event.ladder.brackets[event.settled.place]
    assert event.settled.known_utc == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=known_us)
    assert event.opens_utc == datetime(2026, 11, 1, 14, tzinfo=UTC)
    assert event.closes_utc - event.opens_utc == timedelta(hours=40)
    assert (rule(event).taker_num, rule(event).maker_num, event.price_step_ticks) == (28_000, 0, 100)


def test_the_exchange_pays_what_it_said_even_against_the_official_value(copied: Path, changed: Callable) -> None:
    """Where its result names another bracket than the value lies in, that one is paid everywhere; a note says so."""
    (plain,), _ = changed()
    other = plain.ladder.names[plain.settled.place - 1]

    (event,), notes = changed(
        lambda rows: rows.with_columns(
            result=pl.when(pl.col("market_ticker") == other).then(pl.lit("yes")).otherwise(pl.lit("no"))
        )
    )

    assert event.ladder.names[event.settled.place] == other
    assert won(copied) == [other]
    assert event.settled.high_f == plain.settled.high_f
    assert ["the exchange paid" in note for note in notes] == [True]


def test_without_any_word_an_event_is_not_settled(copied: Path, changed: Callable) -> None:
    """No settlement and no result: nothing pays, nothing is known, and a note says so."""
    (event,), notes = changed(
        lambda rows: rows.with_columns(result=None, expiration_value_f=None, settled_utc=None),
        lambda rows: rows.clear(),
    )

    assert event.settled.place == NOT_SETTLED
    assert won(copied) == []
    assert math.isnan(event.settled.high_f)
    assert event.settled.known_utc is None
    assert notes == ["not settled: no official value is held"]


def test_the_result_stands_for_a_value_that_is_not_held(copied: Path, changed: Callable) -> None:
    """Only the exchange's result is held: it pays, at its own time."""
    (plain,), _ = changed()

    (event,), notes = changed(settlements=lambda rows: rows.clear())

    assert event.settled.place == plain.settled.place
    assert won(copied) == [plain.ladder.names[plain.settled.place]]
    assert event.settled.known_utc is not None
    assert notes == ["no official value is held: the exchange's result pays"]


def test_two_results_decide_nothing(changed: Callable) -> None:
    """Where the exchange names two brackets, the official value alone pays."""
    (plain,), _ = changed()

    (event,), notes = changed(lambda rows: rows.with_columns(result=pl.lit("yes")))

    assert event.settled == plain.settled
    assert notes == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rows: rows.filter(pl.col("bracket_order") != 3), "overlap or leave a gap"),
        (lambda rows: rows.with_columns(fee_type=pl.lit("flat")), "no formula"),
        (lambda rows: rows.with_columns(fee_multiplier_milli=1_000 + pl.col("bracket_order")), "differ in fee"),
        (lambda rows: rows.clear(), "no events are listed"),
    ],
)
def test_an_event_that_is_not_whole_is_left_out_with_its_reason(changed: Callable, change: Change, why: str) -> None:
    """A gap among the brackets, a fee without a formula, brackets that differ, or no listing."""
    traded, notes = changed(change)

    assert traded == []
    assert len(notes) == 1
    assert notes[0].startswith("left out: ")
    assert why in notes[0]


def test_what_is_not_listed_is_assumed_and_said(changed: Callable) -> None:
    """The usual fee and a cent."""
    (event,), notes = changed(
        lambda rows: rows.with_columns(fee_type=None, fee_multiplier_milli=None, price_step_ticks=None)
    )

    assert (rule(event).taker_num, event.price_step_ticks) == (28_000, 100)
    assert sorted(notes) == [
        "no fee is listed: the usual one is charged",
        "no price step is listed: a cent is assumed",
    ]


def test_makers_can_be_made_to_pay(changed: Callable) -> None:
    """At least a quarter of the taker's rate, under the multiplier of the event; a higher listed one stays."""
    (event,), _ = changed(lambda rows: rows.with_columns(fee_multiplier_milli=2_000), maker_fee="with_maker_fees")
    (dearer,), _ = changed(
        lambda rows: rows.with_columns(fee_type=pl.lit("quadratic_with_combo_maker_fees")), maker_fee="with_maker_fees"
    )

    assert (rule(event).taker_num, rule(event).maker_num) == (56_000, 14_000)
    assert rule(dearer).maker_num == 28_000


def test_a_running_event_needs_no_quotes_and_nobody_knows_its_end(copied: Path, put: Callable) -> None:
    """All else is the same, and what its listing lacks is said; that it is not settled is no news."""
    lake = Lake(copied)
    (ended,), *_ = events_of(lake.snapshot(), cities=("chicago",), dates=(DAY,))
    quotes = lake.snapshot().read(CANDLES_DENSE, CHICAGO).select(CANDLES_DENSE.schema.names())
    put(copied, CANDLES_DENSE, quotes.clear(), CHICAGO)

    (running,), notes, _ = running_events(lake.snapshot(), cities=("chicago",), dates=(DAY,))

    assert running == replace(ended, settled=Settled())
    assert notes == []
    found = running_events(lake.snapshot(), cities=("denver",), dates=(DAY,))
    assert (found.traded, [note.text for note in found.notes]) == ([], ["left out: no events are listed"])


def test_a_date_without_quotes_is_left_out(copied: Path) -> None:
    """A city and date for which nothing is held is named."""
    after = DAY + timedelta(days=30)
    found = events_of(Lake(copied).snapshot(), cities=("chicago", "denver"), dates=(DAY, after))

    assert [(event.city, event.event_date) for event in found.traded] == [("chicago", DAY)]
    assert {note[:2] for note in found.notes} == {("chicago", after), ("denver", DAY), ("denver", after)}


def test_notes_that_say_the_same_are_told_once() -> None:
    """By city and text, with the first and the last date."""
    dates = [DAY + timedelta(days=offset) for offset in (2, 0, 1)]
    notes = [Note("denver", day, "a") for day in dates] + [Note("austin", DAY, "b")]

    assert told(notes) == ("austin 2026-11-02: b", "denver 2026-11-02 … 2026-11-04 (3 dates): a")


def test_nothing_is_known_of_an_end_by_default() -> None:
    """The default of a settlement is none."""
    assert Settled().place == NOT_SETTLED


def test_how_events_ended_is_asked_again_of_a_present_that_goes_on(copied: Path) -> None:
    """A running day is told more and more: what was known of its end before is not what is known now."""
    present = Present.over(Lake(copied).snapshot())
    markets = present.read(MARKETS, CHICAGO).select(MARKETS.schema.names())

    def told() -> int:
        return outcomes_of(present, cities=("chicago",), since=DAY, until=DAY).height

    assert markets.height == told()
    present.put(MARKETS, CHICAGO, markets[:2])
    assert told() == 2
