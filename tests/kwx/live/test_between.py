"""Between two minutes a step is asked again; only this of its answer is done: what it would not keep is taken out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from kwx.exec.engine import one_step
from kwx.exec.minute import Minute
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.state import State
from kwx.exec.step import empty_state
from kwx.live.between import Again, asked_again
from kwx.live.journal.journal import Journal
from kwx.live.journal.record import Causes, MinuteRecord
from kwx.live.journal.recovery import recovered
from pipelines.live.arrivals import Top
from tests.kwx.exec.made import made_minutes, made_params, minute_at
from tests.kwx.live.journal.made_journal import DAY, an_origin, ends_utc
from warehouse.errors import Refused

RULES = Rules(fill=Fill.EXCHANGE, sizing=Sizing.SINGLE)
PARAMS = made_params(max_age_minutes=1, taker_thresh_ticks=2_000, max_hold_minutes=1)
NAMES = np.array(["ONE", "OTHER"]).reshape(2, 1, 1)
NOW = datetime(2026, 11, 2, 15, 0, 20, tzinfo=UTC)
P_FAIR = 0.54
"""Four cents above the middle: enough to rest a bid at 49 cents, too little to take."""


def decided(**said: object) -> tuple[State, Minute]:
    """Return a minute in which both markets get a bid, and the state after it."""
    minute = minute_at(made_minutes(1, brackets=2, **({"p_fair": P_FAIR, "p_gate": P_FAIR} | said)), 0)
    state, _ = one_step(RULES, PARAMS, empty_state(2, 1, 1), minute)
    assert (state.orders.side == 1).all()
    return state, minute


def top(bid_ticks: int, ask_ticks: int, centi: int = 10_000) -> Top:
    return Top(bid_ticks, centi, ask_ticks, centi, NOW)


def again(state: State, minute: Minute, tops: dict[str, Top], moved: set[str] | None = None) -> Again:
    return asked_again(
        RULES, PARAMS, state, minute, tickers=NAMES, tops=tops, moved=tops.keys() if moved is None else moved
    )  # fmt: skip


def test_books_that_say_what_the_minute_said_change_nothing():
    """Also of an order that will be as old as it may be at the next minute: asking again makes nothing older."""
    state, minute = decided()

    asked = again(state, minute, {"ONE": top(4_900, 5_100), "OTHER": top(4_900, 5_100)})

    assert asked.not_kept == ()
    assert (asked.actions.took_centi == 0).all()


@pytest.mark.parametrize(
    ("bid_ticks", "ask_ticks"), [(4_500, 4_900), (4_500, 4_700), (5_200, 5_400), (0, 5_100)],
    ids=["offered at our price", "fallen through it", "risen away", "nobody bids"],
)  # fmt: skip
def test_an_order_that_the_step_would_not_keep_is_named(bid_ticks, ask_ticks):
    """Of the market whose book moved alone, whatever the step would place in its stead."""
    state, minute = decided()

    asked = again(state, minute, {"ONE": top(bid_ticks, ask_ticks)})

    assert asked.not_kept == ("ONE",)


@pytest.mark.parametrize(
    ("bid_ticks", "ask_ticks", "not_kept"),
    [(5_200, 5_400, ()), (5_000, 5_200, ()), (4_500, 4_900, ("ONE",)), (4_500, 4_700, ("ONE",)), (0, 5_100, ("ONE",))],
    ids=["risen away", "a cent away", "offered at our price", "fallen through it", "not wanted any more"],
)  # fmt: skip
def test_an_order_that_makes_a_position_smaller_stays_while_it_is_wanted_and_no_book_passed_it(
    bid_ticks, ask_ticks, not_kept
):
    """Elsewhere the step would put it, but nothing is placed between minutes: without it nobody gets out."""
    state, minute = decided()
    short = state._replace(position_centi=-np.asarray(state.orders.left_centi))

    assert again(short, minute, {"ONE": top(bid_ticks, ask_ticks)}).not_kept == not_kept


@pytest.mark.parametrize("less_centi", [1, 10_000])
def test_an_order_that_would_turn_a_position_round_is_none_that_makes_it_smaller(less_centi):
    state, minute = decided()
    short = state._replace(position_centi=less_centi - np.asarray(state.orders.left_centi))

    assert again(short, minute, {"ONE": top(5_200, 5_400)}).not_kept == ("ONE",)


def test_of_books_that_did_not_move_nothing_is_said():
    """What is known of them is seen by the step, but only what moved is acted on."""
    state, minute = decided()
    assert again(state, minute, {"ONE": top(4_500, 4_700)}, moved={"OTHER"}).not_kept == ()


def test_what_was_traded_in_the_minute_is_not_filled_again():
    """The minute is asked about without its prints, and neither it nor the state is written to."""
    state, minute = decided(sells={0: [(4_000, 90_000)]}, volume_centi=90_000)
    before = [np.array(one) for one in (*minute, *state.orders) if not isinstance(one, tuple)]

    asked = again(state, minute, {"ONE": top(4_500, 4_700)})

    assert (asked.actions.made_centi == 0).all()
    assert not asked.minute.volume_centi.any()
    assert not asked.minute.sells.centi.any()
    after = [one for one in (*minute, *state.orders) if not isinstance(one, tuple)]
    assert all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(before, after, strict=True))


@pytest.fixture
def written(tmp_path: Path) -> Journal:
    """A journal of two minutes, with a decision between them."""
    origin = an_origin(
        rules=RULES, params=PARAMS, tickers=NAMES, cities=("chicago",), fees=an_origin().fees[:1],
        listed_maker_fee_num=(0,),
    )  # fmt: skip
    journal = Journal(tmp_path, sync=False)
    journal.begin(origin)
    state, minute = decided()
    _, actions = one_step(RULES, PARAMS, empty_state(2, 1, 1), minute)
    asked = again(state, minute, {"ONE": top(4_500, 4_700)})
    journal.append(DAY, record(0, minute, actions))
    journal.append_between(DAY, replace(record(0, asked.minute, asked.actions), before=asked.before))
    _, actions = one_step(RULES, PARAMS, state, minute)
    journal.append(DAY, record(1, minute, actions))
    journal.close()
    return Journal(tmp_path, sync=False)


def record(number: int, minute: Minute, actions: object) -> MinuteRecord:
    causes = Causes(decided_utc=ends_utc(number) + timedelta(seconds=20))
    return MinuteRecord(minute_utc=ends_utc(number), minute=minute, actions=actions, causes=causes)  # type: ignore[arg-type]


def test_a_decision_between_minutes_stands_in_the_journal_and_is_stepped_again(written: Journal):
    """It is none of the minutes: these follow each other as if it were not there, also after a restart."""
    recorded = written.read(DAY)

    assert [kept.minute_utc for kept in recorded.of_minutes] == [ends_utc(0), ends_utc(1)]
    assert [kept.minute_utc for kept in recorded.between] == [ends_utc(0)]
    assert recorded.between[0].minute.bid_ticks[:, 0, 0].tolist() == [4_500, 4_900]
    assert recovered(recorded).minutes == 2
    assert written.last(DAY).minute_utc == ends_utc(1)


def test_a_decision_between_minutes_that_the_step_does_not_make_is_refused(written: Journal):
    """What was taken out for another reason than it says."""
    kept = written.read(DAY).between[0]
    other = kept.actions._replace(order_ticks=kept.actions.order_ticks + 1)
    written.append_between(DAY, replace(record(1, kept.minute, other), before=kept.before))

    with pytest.raises(Refused, match="does not step to what it says"):
        recovered(written.read(DAY))
