"""Fees to the micro: the exchange's own examples, an independent oracle in decimals, and the laws of rounding."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import Refused
from warehouse.market.fees import (
    FEE_STEP_MICROS,
    FEE_TYPES,
    MAX_MULTIPLIER_MILLI,
    ONCE_PER_ORDER_MICROS,
    ORDER_UNITS_PER_CENT,
    FeeRule,
    FeeSchedule,
    FeeTerms,
    fill_fee,
    rounding_on,
    trade_fee_micros,
)

TICK, CENT, ONCE = FEE_STEP_MICROS["tick"], FEE_STEP_MICROS["cent"], ONCE_PER_ORDER_MICROS
USUAL = FeeRule()
MAKERS_PAY = FeeRule(fee_type="quadratic_with_maker_fees")

# price in cents, contracts, then micros: taker model, taker by tick, taker by cent, maker model, by tick, by cent
WORKED = [
    (50, 1, 17_500, 17_500, 20_000, 4_375, 4_400, 10_000),
    (42, 10, 170_520, 170_600, 180_000, 42_630, 42_700, 50_000),
    (5, 100, 332_500, 332_500, 340_000, 83_125, 83_200, 90_000),
    (90, 25, 157_500, 157_500, 160_000, 39_375, 39_400, 40_000),
    (1, 100, 69_300, 69_300, 70_000, 17_325, 17_400, 20_000),
    (35, 7, 111_475, 111_500, 120_000, 27_869, 27_900, 30_000),
]


@pytest.mark.parametrize(("cents", "contracts", "model", "tick", "cent", "maker", "maker_tick", "maker_cent"), WORKED)
def test_the_worked_examples_of_the_fee_page(cents, contracts, model, tick, cent, maker, maker_tick, maker_cent):
    """One buy of each, by takers and by makers where they pay, in both roundings and in that of whole cents."""
    ticks, centi = 100 * cents, 100 * contracts

    def fee(num, step):
        return fill_fee(num, ticks=ticks, signed_centi=centi, step_micros=step).net_micros

    taker_num, maker_num = MAKERS_PAY.taker_num, MAKERS_PAY.maker_num
    assert (model, maker) == tuple(trade_fee_micros(n, ticks=ticks, centi=centi) for n in (taker_num, maker_num))
    assert (tick, cent) == (fee(taker_num, TICK), fee(taker_num, CENT))
    assert (maker_tick, maker_cent) == (fee(maker_num, TICK), fee(maker_num, CENT))
    assert cent == fee(taker_num, ONCE)
    assert 0 == fee(USUAL.maker_num, TICK) == fee(USUAL.maker_num, CENT)


def test_the_exchanges_own_check():
    """One contract at 5.5 cents by cent: 0.00363825 becomes 0.003639 and 0.001361, half a cent in all."""
    fee = fill_fee(USUAL.taker_num, ticks=550, signed_centi=100, step_micros=CENT)

    assert (3_639, 1_361, 0, 5_000) == (fee.trade_micros, fee.rounding_micros, fee.rebate_micros, fee.net_micros)


def test_rounding_is_gathered_over_an_order_and_given_back():
    """Five fills of one contract at 42 cents: the fourth gets a cent back."""
    carries, nets, carry = [], [], 0
    for _ in range(5):
        fee = fill_fee(USUAL.taker_num, ticks=4_200, signed_centi=100, step_micros=CENT, carry_micros=carry)
        carry = fee.carry_micros
        carries.append(carry)
        nets.append(fee.net_micros)

    assert [20_000, 20_000, 20_000, 10_000, 20_000] == nets
    assert [2_948, 5_896, 8_844, 1_792, 4_740] == carries


def test_taking_and_resting_fills_of_an_order_share_what_is_gathered():
    """What the taker gathered comes back in a fill that rested and pays enough to be given back of."""
    taken = fill_fee(MAKERS_PAY.taker_num, ticks=550, signed_centi=100, step_micros=CENT, carry_micros=8_000)
    rested = fill_fee(
        MAKERS_PAY.maker_num, ticks=5_000, signed_centi=300, step_micros=CENT, carry_micros=taken.carry_micros
    )  # fmt: skip

    assert (0, 9_361) == (taken.rebate_micros, taken.carry_micros)
    assert (13_125, 6_875, CENT) == (rested.trade_micros, rested.rounding_micros, rested.rebate_micros)
    assert 9_361 + 6_875 - CENT == rested.carry_micros


def test_what_would_make_a_fee_negative_waits_for_a_fill_that_pays_enough():
    """Makers without a fee gather rounding of hundredths; it is not paid out, and not forgotten."""
    first = fill_fee(0, ticks=1, signed_centi=1, step_micros=TICK)
    second = fill_fee(0, ticks=1, signed_centi=1, step_micros=TICK, carry_micros=first.carry_micros)
    third = fill_fee(
        USUAL.taker_num, ticks=5_000, signed_centi=100, step_micros=TICK, carry_micros=second.carry_micros
    )  # fmt: skip

    assert [(99, 0, 99), (99, 0, 198)] == [(f.net_micros, f.rebate_micros, f.carry_micros) for f in (first, second)]
    assert (17_500 - 100, 98) == (third.net_micros, third.carry_micros)


def oracle(rule, *, takes, price, contracts, step, carry):
    """Return trade fee, rounding fee, rebate, net fee and what is carried, in dollars, as the exchange words it."""
    with localcontext(prec=60):
        rates = {"quadratic": "0", "quadratic_with_maker_fees": "0.0175", "quadratic_with_combo_maker_fees": "0.035"}
        rate = Decimal("0.07") if takes else Decimal(rates[rule.fee_type])
        model = rate * rule.multiplier_milli / 1000 * abs(contracts) * price * (1 - price)
        trade = model.quantize(Decimal("0.000001"), rounding=ROUND_CEILING)
        change = -contracts * price - trade
        aligned = (change / step).to_integral_value(rounding=ROUND_FLOOR) * step
        rounding = change - aligned
        gathered = carry + rounding
        rebate = step if gathered >= step and trade + rounding - step >= 0 else Decimal(0)
        return trade, rounding, rebate, trade + rounding - rebate, gathered - rebate


RULES = st.builds(
    FeeRule, fee_type=st.sampled_from(FEE_TYPES), multiplier_milli=st.integers(0, MAX_MULTIPLIER_MILLI)
)  # fmt: skip
TICKS = st.integers(0, 10_000)
CENTI = st.integers(-1_000_000, 1_000_000)
STEPS = st.sampled_from((TICK, CENT))


@given(rule=RULES, takes=st.booleans(), ticks=TICKS, centi=CENTI, step=STEPS, carry=st.integers(0, 30_000))
def test_every_fee_is_that_of_the_oracle_in_decimals(rule, takes, ticks, centi, step, carry):
    """Buys and sells, both roundings, whatever was gathered before."""
    num = rule.taker_num if takes else rule.maker_num
    fee = fill_fee(num, ticks=ticks, signed_centi=centi, step_micros=step, carry_micros=carry)

    micro = Decimal("0.000001")
    expected = oracle(
        rule, takes=takes, price=Decimal(ticks) / 10_000, contracts=Decimal(centi) / 100, step=step * micro,
        carry=carry * micro,
    )  # fmt: skip
    told = (fee.trade_micros, fee.rounding_micros, fee.rebate_micros, fee.net_micros, fee.carry_micros)
    assert expected == tuple(one * micro for one in told)


@given(rule=RULES, ticks=TICKS, centi=st.integers(1, 1_000_000), step=STEPS, carry=st.integers(0, 30_000))
def test_to_sell_what_is_held_and_to_buy_the_opposite_cost_the_same(rule, ticks, centi, step, carry):
    """The two changes of the balance differ by whole steps, so a sale needs no second law."""
    sold = fill_fee(rule.taker_num, ticks=ticks, signed_centi=-centi, step_micros=step, carry_micros=carry)
    opposite = fill_fee(rule.taker_num, ticks=10_000 - ticks, signed_centi=centi, step_micros=step, carry_micros=carry)

    assert opposite == sold


@given(
    rule=RULES, step=STEPS,
    fills=st.lists(st.tuples(st.booleans(), TICKS, st.integers(-20_000, 20_000)), min_size=1, max_size=20),
)  # fmt: skip
def test_a_balance_stays_on_its_steps_and_no_fee_is_negative(rule, step, fills):
    """Over all fills of an order; what it paid too much is what it still carries."""
    carry, paid, traded = 0, 0, 0
    for takes, ticks, centi in fills:
        num = rule.taker_num if takes else rule.maker_num
        fee = fill_fee(num, ticks=ticks, signed_centi=centi, step_micros=step, carry_micros=carry)
        carry = fee.carry_micros
        paid += fee.net_micros
        traded += fee.trade_micros

        assert 0 <= fee.net_micros
        assert 0 == (-centi * ticks - fee.net_micros) % step

    assert paid == traded + carry


@pytest.mark.parametrize("fee_type", ["flat", "cubic", ""])
def test_a_fee_without_a_formula_is_refused(fee_type):
    """Never guessed; the known ones are named."""
    with pytest.raises(Refused, match="have no formula here") as refused:
        FeeRule(fee_type=fee_type)

    assert "quadratic_with_maker_fees" in refused.value.hint


@pytest.mark.parametrize("milli", [-1, MAX_MULTIPLIER_MILLI + 1])
def test_a_multiplier_that_cannot_be_meant_is_refused(milli):
    """Negative, or more than ten times the usual."""
    with pytest.raises(Refused, match="thousandths is outside"):
        FeeRule(multiplier_milli=milli)


@pytest.mark.parametrize(("ticks", "centi"), [(-1, 100), (10_001, 100)])
def test_what_is_no_fill_has_no_fee(ticks, centi):
    """A price outside of a dollar."""
    with pytest.raises(Refused, match="are no fill"):
        fill_fee(USUAL.taker_num, ticks=ticks, signed_centi=centi, step_micros=TICK)


def test_no_fee_at_either_end_and_for_nothing():
    """At $0, at $1, and for no contracts; what was gathered stays."""
    fees = [
        fill_fee(USUAL.taker_num, ticks=ticks, signed_centi=centi, step_micros=TICK, carry_micros=70)
        for ticks, centi in ((0, 100), (10_000, -100), (5_000, 0))
    ]

    assert {(0, 70)} == {(fee.net_micros, fee.carry_micros) for fee in fees}


def of_order(num, fills):
    """Return what each fill of an order pays, (ticks, signed centi), where the order is rounded up once."""
    nets, carry = [], 0
    for ticks, signed_centi in fills:
        fee = fill_fee(num, ticks=ticks, signed_centi=signed_centi, step_micros=ONCE, carry_micros=carry)
        assert 0 <= fee.carry_micros < ORDER_UNITS_PER_CENT
        carry = fee.carry_micros
        nets.append(fee.net_micros)
    return nets


def test_before_march_2026_an_order_was_rounded_up_once():
    """Three fills of one contract pay what one of three pays, and not three times a whole cent."""
    assert [20_000, 20_000, 20_000] == of_order(USUAL.taker_num, [(5_000, 100)] * 3)
    assert [60_000] == of_order(USUAL.taker_num, [(5_000, 300)])
    assert [20_000, 20_000, 20_000, 10_000, 20_000] == of_order(USUAL.taker_num, [(4_200, 100)] * 5)
    assert [0] * 3 == of_order(USUAL.maker_num, [(4_200, 133)] * 3)


@given(
    rule=RULES, is_maker=st.booleans(),
    fills=st.lists(st.tuples(st.integers(0, 100), st.integers(-20_000, 20_000)), min_size=1, max_size=20),
)  # fmt: skip
def test_all_fills_of_such_an_order_pay_its_whole_cents_and_no_more(rule, is_maker, fills):
    """After each fill the order has paid the formula of all fills so far, rounded up to a cent: to the last digit."""
    num = rule.maker_num if is_maker else rule.taker_num
    rates = {"quadratic": "0", "quadratic_with_maker_fees": "0.0175", "quadratic_with_combo_maker_fees": "0.035"}
    rate = Decimal(rates[rule.fee_type] if is_maker else "0.07") * rule.multiplier_milli / 1_000

    paid = model = Decimal(0)
    nets = of_order(num, [(100 * cents, centi) for cents, centi in fills])
    for (cents, centi), net in zip(fills, nets, strict=True):
        price = Decimal(cents) / 100
        model += rate * abs(centi) / 100 * price * (1 - price)
        paid += Decimal(net) / 1_000_000
        assert model.quantize(Decimal("0.01"), rounding=ROUND_CEILING) == paid


def test_what_is_charged_is_what_was_in_force_at_the_fill():
    """The event's word beats the series'; a change holds from its instant; an event's empty change ends its word."""
    noon = datetime(2026, 10, 1, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    schedule = FeeSchedule(
        series=(
            FeeTerms(since_utc=noon, fee_type="quadratic_with_maker_fees"),
            FeeTerms(fee_type="quadratic", multiplier_milli=1_000),
        ),
        event=(FeeTerms(since_utc=noon + hour, multiplier_milli=500), FeeTerms(since_utc=noon + 2 * hour)),
    )

    told = [schedule.rule_at(noon + offset) for offset in (-hour, 0 * hour, hour, 2 * hour)]

    makers = "quadratic_with_maker_fees"
    assert [("quadratic", 1_000), (makers, 1_000), (makers, 500), (makers, 1_000)] == [
        (rule.fee_type, rule.multiplier_milli) for rule in told
    ]


def test_the_rules_of_a_span_begin_with_it_and_with_each_change_inside():
    """A change at its first instant is no second beginning; one at its last instant is the last one."""
    noon, hour = datetime(2026, 10, 1, 12, tzinfo=UTC), timedelta(hours=1)
    changes = [FeeTerms(since_utc=noon + hours * hour, multiplier_milli=100 * hours) for hours in range(5)]

    told = FeeSchedule(series=changes).rules(since_utc=noon + hour, until_utc=noon + 3 * hour)

    assert [(noon + hours * hour, FeeRule(multiplier_milli=100 * hours)) for hours in (1, 2, 3)] == told
    assert "quadratic × 0.1" == str(told[0][1])


def test_silence_is_the_usual_fee():
    """No series, no event: what weather markets have paid so far; half a word is completed by it."""
    noon = datetime(2026, 10, 1, 12, tzinfo=UTC)

    assert FeeRule() == FeeSchedule().rule_at(noon)
    assert FeeRule(multiplier_milli=0) == FeeSchedule(event=(FeeTerms(multiplier_milli=0),)).rule_at(noon)


def test_balances_were_kept_in_cents_before_there_was_anything_finer():
    assert rounding_on(date(2026, 2, 28), "tick") == rounding_on(date(2024, 8, 1), "cent") == "order"
    assert rounding_on(date(2026, 3, 1), "tick") == "cent"
    assert rounding_on(date(2026, 5, 27), "tick") == "cent"
    assert rounding_on(date(2026, 5, 28), "tick") == "tick"
    assert rounding_on(date(2026, 5, 28), "cent") == "cent"
