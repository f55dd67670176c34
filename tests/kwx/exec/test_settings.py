"""From the configuration to the step's parameters: nothing is lost between dollars and micros."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.config.fields import RiskParams
from kwx.config.trading import TradeConfig, TradeFields
from kwx.exec.params import Params
from kwx.exec.settings import params_of

INT64 = {"bankroll_micros", "city_loss_micros", "day_loss_micros"}
FLOAT32 = {
    "kelly_alpha", "tau_open_ticks", "tau_close_ticks", "maker_thresh_ticks", "taker_thresh_ticks", "min_score",
    "p_low", "p_high", "side_share", "gross_share", "reduce_share", "fill_share",
}  # fmt: skip
HUNDREDTHS = st.decimals(min_value=Decimal("0.01"), max_value=100, places=2)


def of(**said):
    """Return the parameters of one city that differs from the defaults in this."""
    risk = {name: said.pop(name) for name in tuple(said) if name in RiskParams.model_fields}
    config = TradeConfig(city="miami", risk=RiskParams(**risk), trade=TradeFields(**said))
    return params_of({"miami": config}, ("miami",))


def test_the_defaults_as_the_step_reads_them():
    """Every field by hand: dollars are micros, cents are ticks, contracts are hundredths, null minutes are 0."""
    expected = Params(
        bankroll_micros=10_000_000_000, kelly_alpha=0.25, tau_open_ticks=100, tau_close_ticks=50,
        maker_thresh_ticks=100, taker_thresh_ticks=200, slip_ticks=100, improve_steps=0, min_score=0, p_low=0.05,
        p_high=0.95, min_volume_20m_centi=0, max_spread_ticks=300, max_position_centi=50_000, side_share=0.1,
        gross_share=0.5, city_loss_micros=500_000_000, day_loss_micros=1_000_000_000, reduce_share=0.8, lot_centi=100,
        max_order_centi=20_000, max_take_centi=10_000, max_age_minutes=60, reprice_ticks=100, max_hold_minutes=0,
        flat_minutes=0, no_new_minutes=30, fill_share=0.25, queue_ahead_centi=50_000,
    )  # fmt: skip

    assert expected._asdict() == {name: pytest.approx(value) for name, value in of()._asdict().items()}


def test_every_leaf_is_of_the_type_of_the_step():
    """A number, and as [C, 1] for cities that differ."""
    wanted = {
        name: np.int64 if name in INT64 else np.float32 if name in FLOAT32 else np.int32 for name in Params._fields
    }
    configs = {
        "miami": TradeConfig(city="miami"),
        "nyc": TradeConfig(city="nyc", risk=RiskParams(kelly_alpha=0.5), trade=TradeFields(lot_contracts=2)),
    }

    params = params_of(configs, ("nyc", "miami", "nyc"))

    assert wanted == {name: leaf.dtype for name, leaf in params._asdict().items()}
    assert {"kelly_alpha": (3, 1), "lot_centi": (3, 1)} == {
        name: leaf.shape for name, leaf in params._asdict().items() if leaf.shape
    }
    assert [[0.5], [0.25], [0.5]] == params.kelly_alpha.tolist()
    assert [[200], [100], [200]] == params.lot_centi.tolist()


@given(cents=HUNDREDTHS)
def test_cents_and_contracts_come_out_as_they_were_written(cents):
    """0.29 is 29 and never 28.999; in ticks of a price and in hundredths of a contract."""
    params = of(reprice_cents=float(cents), slip_per_leg_cents=float(cents), lot_contracts=float(cents))

    assert (int(cents * 100),) * 3 == (params.reprice_ticks, params.slip_ticks, params.lot_centi)


@given(
    bankroll=st.decimals(min_value=1, max_value=1_000_000, places=4),
    share=st.decimals(min_value=Decimal("0.01"), max_value=Decimal("0.99"), places=3),
)  # fmt: skip
def test_a_share_of_the_bankroll_is_never_more_than_it(bankroll, share):
    """Micros, rounded down."""
    params = of(
        bankroll_dollars=float(bankroll), max_daily_loss_share=float(share), max_daily_loss_city_share=float(share)
    )  # fmt: skip

    assert int(bankroll * 1_000_000) == params.bankroll_micros
    assert int(bankroll * 1_000_000 * share) == params.day_loss_micros == params.city_loss_micros


def test_minutes_after_which_positions_are_closed():
    """What is said is taken over."""
    params = of(max_hold_minutes=5, flat_minutes=10, no_new_minutes=20)

    assert (5, 10, 20) == (params.max_hold_minutes, params.flat_minutes, params.no_new_minutes)
