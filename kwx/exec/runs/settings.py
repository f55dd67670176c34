"""The settings of a run that was kept or lived, read back from the JSON that `config_of` made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kwx.config.signal_fields import SignalFields
from kwx.config.trading import TradeConfig
from kwx.signals.settings import SignalSettings

_MODEL_SHARE = "model_share"


def settings_of(plain: Mapping[str, Any]) -> tuple[dict[str, TradeConfig], dict[str, SignalSettings]]:
    """Return what each city was traded with, and what its strategy was told."""
    configs = {
        key: TradeConfig.model_validate({name: value for name, value in own.items() if name != _MODEL_SHARE})
        for key, own in plain.items()
    }
    told = {
        key: SignalSettings(fields=SignalFields.model_validate(own["signals"]), model_share=own[_MODEL_SHARE])
        for key, own in plain.items()
    }
    return configs, told
