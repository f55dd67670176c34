"""What a strategy is told for one city: the settings of the columns, and the model's share beside the market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kwx.config.fields import TrainConfig
from kwx.config.file import BRACKETS, Configuration
from kwx.config.signal_fields import SignalFields
from kwx.models.served import blend_weights

_DEFAULT_SHARE = float(TrainConfig.model_fields["blend_weight"].default)


@dataclass(frozen=True, kw_only=True)
class SignalSettings:
    """The settings of one city.

    model_share: of the model beside the market, for each type of bracket; 1 is the model alone.
    """

    fields: SignalFields = field(default_factory=SignalFields)
    model_share: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(BRACKETS, _DEFAULT_SHARE))


def signal_settings(
    configuration: Configuration, city: str, *, fields: SignalFields | None = None, profile: str | None = None
) -> SignalSettings:
    """Return a city's settings: the fields as given, the model's share as the configuration of training has it."""
    return SignalSettings(
        fields=SignalFields() if fields is None else fields,
        model_share=blend_weights(configuration, city, profile=profile),
    )
