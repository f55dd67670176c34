"""Many nets asked at once say what each says alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kwx.features.sets import feature_set
from kwx.live.brain.nets import Bench
from kwx.models.elasticnet.fitted import FittedElasticnet
from kwx.models.scaling import Scaling
from tests.kwx.live.brain.known import brain_of, known_at
from tests.kwx.live.brain.test_think import AFTERNOON

pytestmark = pytest.mark.slow

RICH = feature_set("elasticnet_rich")
NAMES = tuple(feature.name for feature in RICH.features)


@pytest.fixture(scope="module")
def panel(learned) -> pl.DataFrame:
    """The panel of a minute."""
    return brain_of(learned, known_at(learned.snapshot, AFTERNOON), "elasticnet").think(AFTERNOON).features


def a_net(seed: int, names: tuple[str, ...] = NAMES) -> FittedElasticnet:
    """Return a net of some features; some weigh nothing, and one of them never varied."""
    rng = np.random.default_rng(seed)
    sd = rng.uniform(0.5, 2, len(names))
    sd[rng.integers(len(names))] = 0
    return FittedElasticnet(
        feature_set="elasticnet_rich", features=names, scaling=Scaling(mean=rng.normal(size=len(names)), sd=sd),
        weights=np.where(rng.random(len(names)) < 0.5, rng.normal(size=len(names)), 0.0), intercept=rng.normal(),
        yes_share=0.2,
    )  # fmt: skip


def test_each_row_is_asked_of_its_own_model_to_the_bit(panel):
    """Whatever features each of the nets reads, as long as they are in one order."""
    nets = [a_net(1), a_net(2, NAMES[3:]), a_net(3, NAMES[::2])]
    model = np.arange(panel.height) % len(nets)
    bench = Bench.of(nets)
    built = RICH.build(panel)

    p = bench.predict(panel, model)

    for number, net in enumerate(nets):
        np.testing.assert_array_equal(p[model == number], net.predict(built)[model == number])
    assert len(np.unique(p)) > panel.height / 2


def test_nets_that_read_in_another_order_or_what_nobody_knows_are_not_seated():
    """They are asked one after the other."""
    assert Bench.of([a_net(1), a_net(2, NAMES[::-1])]) is None
    assert Bench.of([a_net(1), a_net(2, ("of_somebody", *NAMES[:3]))]) is None
