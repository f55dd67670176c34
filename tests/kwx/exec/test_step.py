"""The step by hand: a ledger to the micro, every gate, orders that are kept and replaced, positions that are left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kwx.exec.codes import Gate, Mode, Verb
from kwx.exec.rules import Fill, Rules, Sizing
from tests.kwx.exec.made import made_minutes, made_params
from tests.kwx.exec.taken import SINGLE_A, taken

TAKER = Rules(fill=Fill.TAKER, sizing=Sizing.SINGLE)


def _line(field: Any) -> list[int]:
    """Return what one bracket's field was in each minute."""
    return [int(value) for value in field[:, 0, 0, 0]]


def _event(field: Any) -> list[int]:
    return [int(value) for value in field[:, 0, 0]]


def test_a_ledger_of_three_trades_by_hand() -> None:
    """Taking is worth it from 7 cents on; the quotes are 0.49 and 0.51 throughout, 100 contracts shown at each.

    Minute 0, p 0.60: taking at 0.52, a cent of slippage, earns 8 cents less a fee of 1.75, so an order rests at 0.49.
    Minute 1 trades 160 contracts down to 0.48: a quarter of them is ours, 40 at 0.49, without a fee.
    Minute 2, p 0.38: selling at 0.48 earns 10 cents less 1.75: 100 are taken, all that is shown.
    Its fee is 0.07 · 100 · 0.48 · 0.52 = 1.7472; cash is -40 · 0.49 + 100 · 0.48 - 1.7472 = 26.6528, 60 are owed.
    Minute 3: the bracket wins, 60 dollars are paid: 26.6528 - 60 = -33.3472.
    """
    minutes = made_minutes(
        4, p_fair=[0.6, 0.6, 0.38, np.nan], volume_centi=[0, 16_000, 0, 0], low_ticks=[20_000, 4_800, 20_000, 20_000],
        high_ticks=[-1, 4_900, -1, -1], open=[1, 1, 1, 0], winner=[-1, -1, -1, 0],
    )  # fmt: skip
    trace = taken(minutes, made_params(taker_thresh_ticks=700))
    did = trace.actions
    assert _line(did.verb) == [Verb.PLACE, Verb.NONE, Verb.TAKE, Verb.NONE]
    assert _line(did.made_centi) == [0, 4_000, 0, 0]
    assert _line(did.made_ticks) == [0, 4_900, 0, 0]
    assert _line(did.took_centi) == [0, 0, -10_000, 0]
    assert _line(did.took_ticks) == [0, 0, 4_800, 0]
    assert _line(did.took_fee_micros) == [0, 0, 1_747_200, 0]
    assert _event(did.cash_micros) == [0, -19_600_000, 26_652_800, -33_347_200]
    assert _event(did.settled_micros) == [0, 0, 0, -60_000_000]
    assert _event(did.fees_micros) == [0, 0, 1_747_200, 1_747_200]
    assert int(trace.final.position_centi.sum()) == 0
    # Short of 60: the worst is that it wins.
    assert _event(did.at_risk_micros)[2] == 33_347_200
    assert _line(did.order_serial) == [1, 1, 2, 2]


GATED: dict[Gate, tuple[dict[str, Any], dict[str, Any]]] = {
    Gate.CLOSED: ({"open": False}, {}),
    Gate.NO_QUOTE: ({"bid_ticks": 0}, {}),
    Gate.NO_PROBABILITY: ({"p_fair": np.nan}, {}),
    Gate.NO_EDGE: ({"p_fair": 0.5}, {"maker_thresh_ticks": 150}),
    Gate.CLOCK: ({"clock_off": True}, {}),
    Gate.STALE: ({"fresh": False}, {}),
    Gate.SCORE: ({"score": 0.4}, {"min_score": 0.5}),
    Gate.PROBABILITY_RANGE: ({"p_gate": 0.97}, {}),
    Gate.VOLUME: ({"volume_20m_centi": 99}, {"min_volume_20m_centi": 100}),
    Gate.SPREAD: ({"ask_ticks": 5_300}, {}),
    Gate.RELEASE: ({"release": True}, {}),
    Gate.NEAR_CLOSE: ({"minutes_to_close": 29}, {}),
    Gate.SIDE: ({}, {"side_share": 0.0}),
    Gate.GROSS: ({}, {"gross_share": 0.0}),
    Gate.POSITION: ({}, {"max_position_centi": 0}),
    Gate.DEPTH: ({"ask_size_centi": 0}, {"taker_thresh_ticks": 200}),
    Gate.LOT: ({}, {"max_order_centi": 99}),
}


@pytest.mark.parametrize("gate", GATED, ids=lambda gate: gate.word)
def test_each_gate_stops_what_was_wanted_and_says_so(gate: Gate) -> None:
    said, limits = GATED[gate]
    minutes = made_minutes(2, **{"p_fair": 0.6, **said})
    did = taken(minutes, made_params(**limits)).actions
    assert _line(did.gate) == [gate, gate]
    assert _line(did.verb) == [Verb.NONE, Verb.NONE]
    passed = taken(made_minutes(2, p_fair=0.6), made_params()).actions
    assert _line(passed.gate)[0] == Gate.NONE


def test_of_several_gates_the_first_is_told() -> None:
    minutes = made_minutes(1, p_fair=0.6, fresh=False, release=True, minutes_to_close=1)
    assert _line(taken(minutes).actions.gate) == [Gate.STALE]


@pytest.mark.parametrize(("loss_cents", "mode"), [(0, Mode.ACTIVE), (45, Mode.REDUCING), (60, Mode.HALTED)])
def test_a_loss_of_the_day_reduces_and_then_halts(loss_cents: int, mode: Mode) -> None:
    """100 contracts bought at 0.52 lose a dollar with each cent of the mid; the limit is 50 dollars, 80 % warns."""
    fall = 100 * loss_cents
    bid = [4_900, max(4_900 - fall, 0), max(4_900 - fall, 0)]
    minutes = made_minutes(
        3, p_fair=[0.9, np.nan, np.nan], bid_ticks=bid, ask_ticks=[5_100, 5_100 - fall, 5_100 - fall]
    )
    did = taken(minutes, made_params(city_loss_micros=50_000_000), rules=TAKER).actions
    assert _line(did.took_centi)[0] == 10_000
    assert _event(did.mode)[1] == mode


@pytest.mark.parametrize(("p_fair", "gate", "took_centi"), [(0.9, Gate.REDUCING, 0), (0.01, Gate.NONE, -10_000)])
def test_a_day_that_is_reduced_opens_nothing_more_and_may_close(p_fair: float, gate: Gate, took_centi: int) -> None:
    """100 contracts have lost nine tenths of what the day may: more are refused by name, selling them is not."""
    bid, ask = [4_900, 400, 400], [5_100, 600, 600]
    minutes = made_minutes(3, p_fair=[0.9, np.nan, p_fair], bid_ticks=bid, ask_ticks=ask)
    did = taken(minutes, made_params(city_loss_micros=50_000_000), rules=TAKER).actions
    assert _event(did.mode)[1] == Mode.REDUCING
    assert (_line(did.gate)[2], _line(did.took_centi)[2]) == (gate, took_centi)


def test_a_halted_day_cancels_and_stays_halted_though_the_price_comes_back() -> None:
    minutes = made_minutes(
        4, p_fair=[0.9, 0.9, 0.9, 0.9], bid_ticks=[4_900, 100, 4_900, 4_900], ask_ticks=[5_100, 300, 5_100, 5_100]
    )
    did = taken(minutes, made_params(city_loss_micros=10_000_000), rules=TAKER).actions
    assert _event(did.mode) == [Mode.ACTIVE, Mode.HALTED, Mode.HALTED, Mode.HALTED]
    assert _line(did.gate)[2:] == [Gate.HALTED, Gate.HALTED]
    assert _line(did.took_centi)[1:] == [0, 0, 0]


def test_the_loss_of_all_cities_halts_each_of_them() -> None:
    fair = np.full((2, 1, 2), np.nan)
    fair[0, 0, 0] = 0.9
    bid = np.full((2, 1, 2), 4_900)
    bid[1, 0, 0] = 900
    minutes = made_minutes(2, cities=2, p_fair=fair, bid_ticks=bid, ask_ticks=bid + 200)
    did = taken(minutes, made_params(city_loss_micros=10**9, day_loss_micros=30_000_000), rules=TAKER).actions
    assert did.mode[1, :, 0].tolist() == [Mode.HALTED, Mode.HALTED]


def test_an_order_rests_until_its_price_is_left_behind_or_it_is_old() -> None:
    """Placed at 0.49; the bid rises to 0.50 in minute 2: replaced there; after 3 minutes it is placed anew."""
    bid = [4_900, 4_900, 5_000, 5_000, 5_000, 5_000]
    minutes = made_minutes(6, p_fair=0.56, bid_ticks=bid, ask_ticks=[b + 200 for b in bid])
    did = taken(minutes, made_params(taker_thresh_ticks=9_000, max_age_minutes=3)).actions
    assert _line(did.verb) == [Verb.PLACE, Verb.NONE, Verb.AMEND, Verb.NONE, Verb.NONE, Verb.AMEND]
    assert _line(did.order_ticks) == [4_900, 4_900, 5_000, 5_000, 5_000, 5_000]
    assert _line(did.order_serial) == [1, 1, 2, 2, 2, 3]


def test_an_order_stays_while_its_edge_fades_and_goes_once_it_is_gone() -> None:
    """At 0.49: opened for at least two cents, kept for half a cent, taken out below."""
    minutes = made_minutes(3, p_fair=[0.511, 0.496, 0.494])
    did = taken(minutes, made_params(taker_thresh_ticks=9_000, tau_open_ticks=200)).actions
    assert _line(did.verb) == [Verb.PLACE, Verb.NONE, Verb.CANCEL]
    assert _line(did.gate) == [Gate.NONE, Gate.NO_EDGE, Gate.NO_EDGE]


@pytest.mark.parametrize("stopped", [{"fresh": [1, 0]}, {"release": [0, 1]}, {"minutes_to_close": [40, 20]}])
def test_an_order_is_taken_out_where_nothing_may_open(stopped: dict[str, Any]) -> None:
    did = taken(made_minutes(2, p_fair=0.56, **stopped), made_params(taker_thresh_ticks=9_000)).actions
    assert _line(did.verb) == [Verb.PLACE, Verb.CANCEL]


def test_an_order_that_the_market_passes_is_not_left_in_the_book() -> None:
    minutes = made_minutes(2, p_fair=0.56, bid_ticks=[4_900, 4_600], ask_ticks=[5_100, 4_800])
    did = taken(minutes, made_params(taker_thresh_ticks=9_000)).actions
    assert _line(did.order_ticks) == [4_900, 4_600]
    assert _line(did.verb) == [Verb.PLACE, Verb.AMEND]


def test_a_position_is_left_when_its_edge_is_gone_resting_at_the_other_side() -> None:
    minutes = made_minutes(3, p_fair=[0.7, 0.5, 0.5], volume_centi=[0, 0, 80_000], high_ticks=[-1, -1, 5_100])
    did = taken(minutes, made_params(taker_thresh_ticks=300, maker_thresh_ticks=150)).actions
    assert _line(did.took_centi)[0] > 0
    assert _line(did.verb)[1] == Verb.EXIT
    assert (_line(did.order_side)[1], _line(did.order_ticks)[1]) == (-1, 5_100)
    assert _line(did.made_centi)[2] == -_line(did.took_centi)[0]


@pytest.mark.parametrize("said", [{"max_hold_minutes": 2}, {"flat_minutes": 60}], ids=["held", "close"])
def test_a_position_is_left_by_the_clock_whatever_it_is_worth(said: dict[str, int]) -> None:
    minutes = made_minutes(4, p_fair=0.7, minutes_to_close=[62, 61, 59, 58])
    did = taken(minutes, made_params(max_take_centi=5_000, no_new_minutes=61, **said), rules=TAKER).actions
    bought = _line(did.took_centi)
    assert bought[0] > 0
    assert bought[2] == -10_000
    assert _line(did.took_ticks)[2] == 4_800


def test_a_turn_of_the_wish_leads_through_zero_to_the_other_side() -> None:
    minutes = made_minutes(2, p_fair=[0.7, 0.3], bid_size_centi=20_000)
    did = taken(minutes, made_params(), rules=TAKER).actions
    assert _line(did.took_centi) == [10_000, -20_000]


def test_what_a_city_may_have_on_a_side_is_shared_by_its_brackets() -> None:
    """Two brackets want more than the side's 100 dollars: both get the same share of what they want."""
    minutes = made_minutes(1, brackets=2, p_fair=[[0.7, 0.7]], ask_size_centi=10**6)
    did = taken(minutes, made_params(side_share=0.01, max_order_centi=10**6), rules=TAKER).actions
    took = did.took_centi[0, :, 0, 0]
    assert took[0] == took[1] > 0
    assert int((took * did.took_ticks[0, :, 0, 0]).sum()) <= 100_000_000


def test_all_cities_of_a_date_share_what_may_be_lost() -> None:
    minutes = made_minutes(1, cities=3, p_fair=0.7, ask_size_centi=10**6)
    did = taken(minutes, made_params(gross_share=0.012, max_order_centi=10**6), rules=TAKER).actions
    took = did.took_centi[0, 0, :, 0]
    assert took[0] == took[1] == took[2] > 0
    assert 100_000_000 < int((took * did.took_ticks[0, 0, :, 0]).sum()) <= 120_000_000


def test_nothing_settles_where_no_official_value_is_held() -> None:
    minutes = made_minutes(2, p_fair=[0.7, np.nan], open=[1, 0])
    trace = taken(minutes, rules=TAKER)
    assert int(trace.final.position_centi.sum()) == int(trace.actions.took_centi.sum()) > 0
    assert _event(trace.actions.settled_micros) == [0, 0]


def test_the_ladder_is_not_sized_where_a_bracket_has_no_probability() -> None:
    whole = made_minutes(1, brackets=2, p_fair=[[0.7, 0.3]])
    torn = made_minutes(1, brackets=2, p_fair=[[0.7, np.nan]])
    rules = Rules(fill=Fill.TAKER, sizing=Sizing.LADDER)
    assert int(np.abs(taken(whole, rules=rules).actions.took_centi).sum()) > 0
    assert int(np.abs(taken(torn, rules=rules).actions.took_centi).sum()) == 0


def test_the_rules_of_a_run_are_compiled_once_for_each_pair() -> None:
    assert hash(SINGLE_A) == hash(Rules(fill=Fill.A, sizing=Sizing.SINGLE))


LADDER = Rules(fill=Fill.TAKER, sizing=Sizing.LADDER)


def test_a_bracket_that_stands_still_is_an_outcome_all_the_same() -> None:
    """Halted, its prices are closed; what the others are worth beside it does not change."""
    said = {"p_fair": [[0.4, 0.36, 0.24]], "bid_ticks": [[3_900, 2_900, 2_900]], "ask_ticks": [[4_100, 3_100, 3_100]]}
    trades = made_minutes(1, brackets=3, **said)
    halted = made_minutes(1, brackets=3, **said, open=[[0, 1, 1]])
    wants = [taken(one, rules=LADDER).actions.want_centi[0, 1, 0, 0] for one in (trades, halted)]
    assert 0 < wants[1] < 1.5 * wants[0]


def test_where_a_bracket_has_no_probability_the_ladder_says_so() -> None:
    did = taken(made_minutes(1, brackets=2, p_fair=[[0.7, np.nan]]), rules=LADDER).actions
    assert did.gate[0, :, 0, 0].tolist() == [Gate.LADDER, Gate.NO_PROBABILITY]


def test_an_edge_that_kelly_does_not_want_beside_the_ladder_says_so() -> None:
    """The first bracket is so cheap that the money lost where the second wins is worth more than its three cents."""
    minutes = made_minutes(
        1, brackets=3, p_fair=[[0.6, 0.25, 0.15]], bid_ticks=[[2_800, 2_900, 1_400]], ask_ticks=[[3_000, 3_100, 1_600]]
    )
    did = taken(minutes, made_params(taker_thresh_ticks=100, slip_ticks=0), rules=LADDER).actions
    gates = did.gate[0, :, 0, 0].tolist()
    wants = did.want_centi[0, :, 0, 0].tolist()
    assert wants[0] > 0 == wants[1]
    assert gates == [Gate.NONE, Gate.KELLY, Gate.NO_EDGE]


@pytest.mark.parametrize(
    ("said", "gate"), [({"release": [0, 1]}, Gate.RELEASE), ({"fresh": [1, 0]}, Gate.STALE)], ids=["release", "stale"]
)
def test_a_position_that_may_not_be_left_now_says_why(said: dict[str, Any], gate: Gate) -> None:
    did = taken(made_minutes(2, p_fair=[0.7, 0.5], **said), made_params(maker_thresh_ticks=150), rules=TAKER).actions
    assert _line(did.took_centi) == [10_000, 0]
    assert (_line(did.gate)[1], _line(did.want_centi)[1]) == (gate, -10_000)


def test_positions_of_thousands_of_contracts_are_counted() -> None:
    """A dollar for each of them is more ticks than 32 bits hold."""
    rich = made_params(
        bankroll_micros=10**11, kelly_alpha=0.6, max_position_centi=800_000, max_order_centi=400_000, side_share=1,
        city_loss_micros=10**11, day_loss_micros=10**11,
    )  # fmt: skip
    minutes = made_minutes(6, brackets=2, p_fair=[[0.53, 0.47]], ask_size_centi=400_000, bid_ticks=4_900)
    cheap = minutes._replace(ask_ticks=minutes.ask_ticks - 100)
    held = taken(cheap, rich._replace(taker_thresh_ticks=np.float32(10), tau_open_ticks=np.float32(10)), rules=LADDER)
    position = np.cumsum(held.actions.took_centi[:, 0, 0, 0])
    assert position[0] > 0
    assert position[-1] <= 1.05 * position[0] or position[-1] == 800_000


def test_a_loss_at_the_mid_makes_no_room_on_its_side() -> None:
    """The side may have a hundred dollars at risk; the price falls from 0.51 to 0.11 and the budget stays spent."""
    bid = [4_900, 900, 900, 900]
    minutes = made_minutes(4, p_fair=0.7, bid_ticks=bid, ask_ticks=[one + 200 for one in bid], ask_size_centi=10**6)
    loose = made_params(side_share=0.01, city_loss_micros=10**9, day_loss_micros=10**9, max_order_centi=10**6)
    did = taken(minutes, loose, rules=TAKER).actions
    assert _line(did.took_centi)[0] > 10_000
    # Less than one contract's price at the open was left, which buys a few at the bottom.
    assert sum(_line(did.took_centi)[1:]) <= 500
    assert _line(did.gate)[2:] == [Gate.LOT] * 2


def test_a_side_of_the_book_that_is_gone_for_a_minute_halts_nothing() -> None:
    minutes = made_minutes(3, p_fair=[0.99, np.nan, np.nan], bid_ticks=[9_000, 0, 9_000], ask_ticks=9_100)
    did = taken(minutes, made_params(p_high=1, city_loss_micros=30_000_000), rules=TAKER).actions
    assert _line(did.took_centi)[0] > 0
    assert _event(did.mode) == [Mode.ACTIVE] * 3
    assert _event(did.position_micros)[1] == _event(did.position_micros)[0]


def test_a_side_that_passes_the_last_mid_takes_the_mark_along() -> None:
    minutes = made_minutes(2, p_fair=[0.9, np.nan], bid_ticks=[4_900, 0], ask_ticks=[5_100, 300])
    did = taken(minutes, rules=TAKER).actions
    assert _event(did.position_micros)[1] == _line(did.took_centi)[0] * 300


def test_quotes_between_the_steps_are_joined_and_never_bettered_backwards() -> None:
    did = taken(made_minutes(1, p_fair=0.03, bid_ticks=50, ask_ticks=140), made_params(p_low=0)).actions
    assert _line(did.order_ticks) == [50]


def test_what_rests_when_the_event_settles_is_gone() -> None:
    """Also where the market is said to trade still: settled is settled."""
    minutes = made_minutes(
        2, p_fair=0.56, volume_centi=[0, 90_000], low_ticks=[20_000, 4_000], high_ticks=[-1, 5_000], winner=[-1, 0]
    )
    trace = taken(minutes, made_params(taker_thresh_ticks=9_000))
    assert _line(trace.actions.made_centi) == [0, 0]
    assert _line(trace.actions.gate)[1] == Gate.CLOSED
    assert int(trace.final.position_centi.sum()) == 0
