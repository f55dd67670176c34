"""What a strategy is told for a city comes from the configuration of training and the section of signals."""

from __future__ import annotations

from kwx.config.fields import TrainConfig
from kwx.config.file import checked, load_config
from kwx.config.signal_fields import SignalFields
from kwx.config.yaml_text import parsed
from kwx.signals.settings import SignalSettings, signal_settings


def test_without_a_word_the_shipped_configuration_is_meant():
    """The defaults of the code are those of the file."""
    assert SignalSettings() == signal_settings(load_config(), "chicago")


def test_the_models_share_is_that_of_city_and_bracket():
    """The key blend_weight, laid over by city and type of bracket."""
    text = "defaults: {blend_weight: 0.6}\ncities: {miami: {brackets: {less: {blend_weight: 0.1}}}}\n"
    configuration, fields = checked(parsed(text, file="own.yaml")), SignalFields(alpha=2.0)

    told = signal_settings(configuration, "miami", fields=fields)

    assert {"between": 0.6, "greater": 0.6, "less": 0.1} == told.model_share
    assert fields is told.fields
    assert 0.7 == TrainConfig.model_fields["blend_weight"].default
