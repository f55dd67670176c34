"""Fees minute by minute: the rule in force at the end of each, by the word of the event and then of its series."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.exec.bars.blank import laid_fees
from kwx.exec.bars.fees import PUBLISHED, WITH_MAKER_FEES, Changes, Fees, fees_over, schedule_of
from kwx.exec.bars.plan import BarsRecipe, planned
from kwx.exec.bars.read import read_bars
from tests.kwx.exec.bars.made_day import DAY, MINUTES, OPENS, a_grid, an_event, at
from warehouse.lake.store import Lake
from warehouse.lake.tables import FEE_CHANGES, Partition
from warehouse.market.fees import FeeRule, FeeTerms

EVENT = "KXHIGHCHI-26NOV02"
MAKERS = "quadratic_with_maker_fees"
USUAL, DEARER = FeeRule(), FeeRule(fee_type=MAKERS, multiplier_milli=2_000)
LISTED = FeeTerms(fee_type="quadratic", multiplier_milli=1_000)


def change(minutes: float, **said: object) -> FeeTerms:
    """Return a change so many minutes after the opening."""
    return FeeTerms(since_utc=at(minutes), **said)  # type: ignore[arg-type]


def charged(
    *, listed: FeeTerms = LISTED, series: tuple[FeeTerms, ...] = (), event: tuple[FeeTerms, ...] = (),
    maker_fee: str = PUBLISHED,
) -> tuple[list[tuple[datetime, str, int]], list[str]]:  # fmt: skip
    """Return what is charged from when on, and what is said of it."""
    said: list[str] = []
    schedule = schedule_of(listed, Changes(series, {EVENT: event}), EVENT, opens_utc=OPENS)
    fees = fees_over(schedule, opens_utc=OPENS, closes_utc=at(MINUTES), maker_fee=maker_fee, said=said)
    return [(one.since_utc, one.charged.fee_type, one.charged.multiplier_milli) for one in fees], said


def test_without_a_change_the_listed_fee_is_charged():
    """From the opening on, and nothing is to be said."""
    assert charged() == ([(OPENS, "quadratic", 1_000)], [])


def test_a_change_of_the_series_counts_from_its_instant():
    """What came before the opening is listed already; what comes after the close is nobody's here."""
    found, said = charged(
        series=(
            change(-60, fee_type="quadratic", multiplier_milli=1_000),
            change(4, fee_type=MAKERS, multiplier_milli=2_000),
            change(MINUTES + 1, fee_type="quadratic", multiplier_milli=0),
        )
    )

    assert found == [(OPENS, "quadratic", 1_000), (at(4), MAKERS, 2_000)]
    assert said == [f"its fees change while it trades, at 2026-11-01T15:04Z: quadratic × 1 before, {MAKERS} × 2 then"]


def test_the_word_of_an_event_stands_over_its_series_until_it_ends():
    """Each value by itself; its end gives the word back to the series, as it is by then."""
    found, _ = charged(
        series=(change(4, fee_type=MAKERS, multiplier_milli=2_000),),
        event=(change(2, multiplier_milli=0), change(6)),
    )

    assert found == [
        (OPENS, "quadratic", 1_000), (at(2), "quadratic", 0), (at(4), MAKERS, 0), (at(6), MAKERS, 2_000),
    ]  # fmt: skip


def test_an_event_that_opened_with_a_word_of_its_own_was_listed_with_it():
    """When that ends the usual fee is charged, as nobody has heard its series; a change of that does not matter."""
    own = FeeTerms(fee_type=MAKERS, multiplier_milli=500)
    found, said = charged(
        listed=own, event=(change(-5, fee_type=MAKERS, multiplier_milli=500), change(7)),
    )  # fmt: skip
    stays, _ = charged(
        listed=own, event=(change(0, fee_type=MAKERS, multiplier_milli=500),),
        series=(change(3, fee_type="quadratic", multiplier_milli=9_000),),
    )  # fmt: skip

    assert found == [(OPENS, MAKERS, 500), (at(7), "quadratic", 1_000)]
    assert said[0] == "no fee is listed: the usual one is charged"
    assert {(MAKERS, 500)} == {(fee_type, milli) for _, fee_type, milli in stays}


def test_what_was_not_listed_is_told_by_the_series_own_past():
    """A listing of after a change leaves the fee out; the changes before the opening say it."""
    found, said = charged(listed=FeeTerms(), series=(change(-60, fee_type=MAKERS, multiplier_milli=1_500),))

    assert (found, said) == ([(OPENS, MAKERS, 1_500)], [])


def test_makers_are_made_to_pay_before_and_after_a_change():
    """A quarter of the taker's rate under the multiplier of each time, unless more is listed."""
    found, _ = charged(
        series=(change(4, fee_type="quadratic_with_combo_maker_fees", multiplier_milli=3_000),),
        maker_fee=WITH_MAKER_FEES,
    )

    assert found == [(OPENS, MAKERS, 1_000), (at(4), "quadratic_with_combo_maker_fees", 3_000)]


@given(st.lists(st.tuples(st.integers(-120, 60 * MINUTES + 120), st.integers(0, 9_000)), max_size=5))
def test_a_minute_is_charged_by_the_rule_at_its_end(changes):
    """Whatever is scheduled, to the second."""
    series = tuple(change(seconds / 60, fee_type=MAKERS, multiplier_milli=milli) for seconds, milli in changes)
    schedule = schedule_of(LISTED, Changes(series, {}), EVENT, opens_utc=OPENS)
    event = an_event(fees=fees_over(schedule, opens_utc=OPENS, closes_utc=at(MINUTES), maker_fee=PUBLISHED, said=[]))
    grid = a_grid(event)

    laid = laid_fees(grid)

    starts_utc = grid.extent.starts_utc(DAY)
    for row in range(MINUTES):
        rule = laid.rules[laid.rule[row, 0, 0]]
        assert rule == schedule.rule_at(starts_utc + timedelta(minutes=row + 1))
        assert laid.listed_maker_num[row, 0, 0] == rule.maker_num


def test_what_is_listed_stays_beside_what_is_charged():
    """The fee of makers that a sensitivity starts from is that of each minute's listing."""
    event = an_event(fees=(Fees(OPENS, USUAL, DEARER), Fees(at(5), DEARER, DEARER)))

    laid = laid_fees(a_grid(event))

    assert [0] * 4 + [DEARER.maker_num] * 6 == laid.listed_maker_num[:MINUTES, 0, 0].tolist()
    assert {DEARER} == {laid.rules[place] for place in np.unique(laid.rule)}


@pytest.fixture
def bars_with(copied: Path, put: Callable[..., None]) -> Callable:
    """Read the bars of the demo lake with some rows of fee_changes of Chicago."""

    def read(*rows: dict[str, object]):
        usual = {"scope": "series", "ticker": "KXHIGHCHI", "change_id": "1", "fee_type": MAKERS}
        frame = pl.DataFrame(
            [usual | {"known_utc": row["scheduled_utc"]} | row for row in rows], schema=FEE_CHANGES.schema
        )
        put(copied, FEE_CHANGES, frame, Partition("chicago"))
        plan = planned(Lake(copied).snapshot(), cities=("chicago", "nyc"), recipe=BarsRecipe())
        return read_bars(plan, nothing)

    return read


def nothing(*_: object) -> pl.DataFrame:
    """Say nothing of any market."""
    schema = {"market_ticker": pl.String, "ts_utc": pl.Datetime("us", "UTC")}
    columns = {"p_fair": pl.Float64, "p_gate": pl.Float64, "score": pl.Float64, "urgent": pl.Boolean}
    return pl.DataFrame(schema=schema | columns)


def test_bars_of_a_lake_charge_each_minute_of_its_city_alone(bars_with: Callable):
    """Every event of the series that trades then; from the minute that ends at the change; the other city never."""
    scheduled_utc = datetime.fromisoformat("2026-11-01T18:00:00+00:00")
    bars = bars_with({"scheduled_utc": scheduled_utc, "fee_multiplier_milli": 2_000})

    ends = bars.starts_utc + np.arange(1, len(bars.minutes.open) + 1)[:, None] * np.timedelta64(1, "m")
    is_later = ends >= np.datetime64("2026-11-01T18:00")
    chicago, nyc = bars.minutes.taker_fee_num[:, 0], bars.minutes.taker_fee_num[:, 1]
    np.testing.assert_array_equal(chicago[:-1], np.where(is_later, 56_000, 28_000)[:-1])
    np.testing.assert_array_equal(bars.minutes.maker_fee_num[:-1, 0], np.where(is_later, 14_000, 0)[:-1])
    assert {28_000} == set(nyc.ravel())
    assert [str(note.event_date) for note in bars.notes if "fees change" in note.text] == ["2026-11-01", "2026-11-02"]


def test_of_two_changes_at_one_instant_the_one_told_last_counts(bars_with: Callable):
    """A correction under another name replaces what it corrects."""
    scheduled_utc = datetime.fromisoformat("2026-11-01T18:00:00+00:00")
    told = {"scheduled_utc": scheduled_utc, "fee_multiplier_milli": 3_000}
    early = {**told, "change_id": "2", "fee_multiplier_milli": 2_000, "known_utc": scheduled_utc - timedelta(hours=1)}

    bars = bars_with(told, early)

    assert {28_000, 84_000} == set(bars.minutes.taker_fee_num[:, 0].ravel())


def test_a_change_that_was_withdrawn_is_charged_by_no_minute(bars_with: Callable):
    """Neither before it was taken back nor after; it hides no other change of the same instant."""
    scheduled_utc = datetime.fromisoformat("2026-11-01T18:00:00+00:00")
    withdrawn = {
        "scheduled_utc": scheduled_utc, "fee_multiplier_milli": 9_000, "scope": "withdrawn",
        "known_utc": scheduled_utc - timedelta(minutes=1),
    }  # fmt: skip
    told = {**withdrawn, "change_id": "0", "scope": "series", "fee_multiplier_milli": 2_000, "known_utc": scheduled_utc}

    assert {28_000} == set(bars_with(withdrawn).minutes.taker_fee_num[:, 0].ravel())
    assert {28_000, 56_000} == set(bars_with(withdrawn, told).minutes.taker_fee_num[:, 0].ravel())


def test_an_event_whose_fee_gets_a_type_without_a_formula_is_left_out(bars_with: Callable):
    """Nobody could charge its later fills; it is named with the reason."""
    scheduled_utc = datetime.fromisoformat("2026-11-02T18:00:00+00:00")

    bars = bars_with({"scheduled_utc": scheduled_utc, "fee_type": "flat", "fee_multiplier_milli": 1_000})

    assert [(str(note.event_date), note.text) for note in bars.notes if note.city == "chicago"] == [
        ("2026-11-02", "left out: fees of type 'flat' have no formula here")
    ]
    assert (bars.tickers[:, 0, bars.dates.index(date(2026, 11, 2))] == "").all()
