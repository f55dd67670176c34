"""From the configuration to what a step is told: dollars, cents and contracts as whole micros, ticks and hundredths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from kwx.config.trading import TradeConfig
from kwx.exec.minute import Array
from kwx.exec.params import Params
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_CENT

_MICROS_PER_DOLLAR = 1_000_000


def params_of(configs: Mapping[str, TradeConfig], cities: Sequence[str]) -> Params:
    """Return the parameters of some cities: one number where they agree, [C, 1] in their order where they do not."""
    each = [_params(configs[city]) for city in cities]
    return Params(*(_leaf(list(values)) for values in zip(*each, strict=True)))


def _leaf(values: list[Array]) -> Array:
    return values[0] if all(value == values[0] for value in values) else np.array(values)[:, None]


def _params(config: TradeConfig) -> Params:
    risk, trade = config.risk, config.trade
    bankroll = _floor(trade.bankroll_dollars, _MICROS_PER_DOLLAR)
    return Params(
        bankroll_micros=np.int64(bankroll),
        kelly_alpha=np.float32(risk.kelly_alpha),
        tau_open_ticks=np.float32(_ticks(risk.tau_open_cents)),
        tau_close_ticks=np.float32(_ticks(risk.tau_close_cents)),
        maker_thresh_ticks=np.float32(_ticks(trade.maker_thresh_cents)),
        taker_thresh_ticks=np.float32(_ticks(trade.taker_thresh_cents)),
        slip_ticks=np.int32(_ticks(risk.slip_per_leg_cents)),
        improve_steps=np.int32(trade.improve_steps),
        min_score=np.float32(trade.min_score),
        p_low=np.float32(trade.p_low),
        p_high=np.float32(trade.p_high),
        min_volume_20m_centi=np.int32(_centi(trade.min_volume_20m_contracts)),
        max_spread_ticks=np.int32(_ticks(risk.max_spread_cents)),
        max_position_centi=np.int32(_centi(trade.max_position_contracts)),
        side_share=np.float32(risk.max_bankroll_pct_city_day_side),
        gross_share=np.float32(trade.max_gross_share),
        city_loss_micros=np.int64(_floor(trade.max_daily_loss_city_share, bankroll)),
        day_loss_micros=np.int64(_floor(trade.max_daily_loss_share, bankroll)),
        reduce_share=np.float32(trade.reduce_at_share),
        lot_centi=np.int32(_centi(trade.lot_contracts)),
        max_order_centi=np.int32(_centi(trade.max_order_contracts)),
        max_take_centi=np.int32(_centi(trade.max_take_contracts)),
        max_age_minutes=np.int32(trade.max_age_minutes),
        reprice_ticks=np.int32(_ticks(trade.reprice_cents)),
        max_hold_minutes=np.int32(trade.max_hold_minutes or 0),
        flat_minutes=np.int32(trade.flat_minutes or 0),
        no_new_minutes=np.int32(trade.no_new_minutes),
        fill_share=np.float32(trade.fill_share),
        queue_ahead_centi=np.int32(_centi(trade.queue_ahead_contracts)),
    )


def _ticks(cents: float) -> float:
    """Return cents as ticks; those that the configuration wants in whole ticks come out whole."""
    return float(_exact(cents) * TICKS_PER_CENT)


def _centi(contracts: float) -> int:
    return int(_exact(contracts) * CENTI_PER_CONTRACT)


def _floor(share: float, whole: int) -> int:
    return int((_exact(share) * whole).to_integral_value(ROUND_FLOOR))


def _exact(number: float) -> Decimal:
    """Return a number as it was written: 0.07 is seven hundredths, not the binary fraction beside it."""
    return Decimal(str(number))
