"""Settings said beside a file: dotted keys, values as in YAML, and the nearest key where there is none."""

from __future__ import annotations

import pytest

from kwx.config.file import load_config
from kwx.config.said import said_of
from kwx.config.trading import TradeConfig
from warehouse.errors import Usage


def test_what_is_said_lies_over_the_file():
    """Each value has the type that YAML gives it, and holds for every city."""
    words = ("trade.taker_thresh_cents=3", "trade.sizing=single", "risk.kelly_alpha=5e-2", "trade.flat_minutes=null")

    said = said_of(words, TradeConfig)
    config = load_config().trading("miami", said=said)

    assert {
        "trade": {"taker_thresh_cents": 3, "sizing": "single", "flat_minutes": None},
        "risk": {"kelly_alpha": 0.05},
    } == said
    assert (3, "single", 0.05) == (config.trade.taker_thresh_cents, config.trade.sizing, config.risk.kelly_alpha)


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (("trade.taker_tresh_cents=3",), "no setting 'trade.taker_tresh_cents'", "trade.taker_thresh_cents?"),
        (("kelly_alpha=0.1",), "no setting 'kelly_alpha'", "did you mean risk.kelly_alpha?"),
        (("trade=3",), "no setting 'trade'", "risk, trade and signals"),
        (("city=miami",), "no setting 'city'", "risk, trade and signals"),
        (("trade.sizing",), "'trade.sizing' says no value", "KEY=VALUE"),
        (("trade.sizing=",), "says no value", "KEY=VALUE"),
        (("trade.p_low=0.1", "trade.p_low=0.2"), "trade.p_low is said twice", "once"),
    ],
)
def test_what_is_no_setting_is_refused(words, told, hint):
    """By the command line's name, with the nearest key."""
    with pytest.raises(Usage, match="the command line") as refused:
        said_of(words, TradeConfig)

    assert told in str(refused.value)
    assert hint in refused.value.hint
