"""The settings of strategies: what may be said, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kwx.config.signal_fields import SignalFields


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"alpha": float("inf")}, "finite"),
        ({"ras_minutes": 1}, "greater than or equal to 2"),
        ({"flow": "trades"}, "volume_20m"),
        ({"family": "elasticnet"}, "hybrid"),
        ({"urgent_score": 0}, "greater than 0"),
        ({"cents_per_score": 101.0}, "less than or equal to 100"),
        ({"zeta": 1.0}, "not permitted"),
        ({"flow_minutes": 30, "least_minutes": 40}, "flow_minutes 30 is below least_minutes 40|ras_minutes"),
    ],
)
def test_what_says_nothing_sensible_is_refused(said, why):
    """By its key, with what it may be."""
    with pytest.raises(ValidationError, match=why):
        SignalFields(**said)


def test_whole_numbers_are_weights_too():
    """YAML says 2 where 2.0 is meant."""
    assert 2.0 == SignalFields(alpha=2).alpha
