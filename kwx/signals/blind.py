"""Whether a strategy looks ahead: what it says of a minute must be the same when later minutes are not there."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import COLUMNS, Strategy
from warehouse.errors import Refused

ASKED_AT = (0.25, 0.5, 0.75)
"""Where a panel is cut, as shares of its time."""
_ROUNDING = 1e-9


def require_blind(strategy: Strategy, panel: pl.DataFrame, settings: SignalSettings) -> None:
    """Refuse a strategy whose columns change when the later minutes of a panel are cut off."""
    for share in ASKED_AT:
        if told := sees_later(strategy, panel, settings, share=share):
            raise Refused(
                f"strategy {strategy.name} looks ahead: {', '.join(told)} of a minute depends on later minutes",
                hint="look back only: shift(n) with n above 0, and the windows of kwx.signals.trailing",
            )


def sees_later(strategy: Strategy, panel: pl.DataFrame, settings: SignalSettings, *, share: float) -> Sequence[str]:
    """Return the columns that change at or before an instant when everything after it is cut off."""
    first, last = panel["ts_utc"].min(), panel["ts_utc"].max()
    at_utc = first + (last - first) * share  # type: ignore[operator]
    known = pl.col("ts_utc") <= at_utc
    whole = strategy.evaluate(panel, settings).filter(known)
    cut = strategy.evaluate(panel.filter(known), settings)
    return [name for name in COLUMNS if not _same(whole[name], cut[name])]


def _same(one: pl.Series, other: pl.Series) -> bool:
    """Tell whether two columns say the same, up to rounding and with nulls in the same places."""
    if one.dtype == pl.Boolean:
        return one.equals(other)
    return one.is_null().equals(other.is_null()) and bool(((one - other).abs() <= _ROUNDING).all())
