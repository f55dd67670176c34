"""How well a law fits: a true one passes though tapes end in the midst of a wait, a false one does not."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.features.book.aggression import laws_told
from kwx.features.goodness import goodness
from kwx.features.hawkes import Law, Tapes, simulate
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import TRADES, Partition

LAW = Law(mu_per_minute=0.05, alpha_per_minute=0.9, beta_per_minute=1.5)


def many(law, *, tapes, minutes, seed):
    """Return so many tapes of a law, some of which hold nothing."""
    rng = np.random.default_rng(seed)
    found = [simulate(law, minutes=minutes, rng=rng) for _ in range(tapes)]
    return Tapes(
        times_minutes=np.concatenate(found), of_tape=np.repeat(np.arange(tapes), [len(times) for times in found]),
        start_minutes=np.zeros(tapes), end_minutes=np.full(tapes, minutes),
    )  # fmt: skip


@pytest.mark.parametrize(("tapes", "minutes"), [(3, 4_000.0), (1_500, 20.0)], ids=["long tapes", "short tapes"])
def test_a_true_law_passes_and_a_false_one_does_not(tapes, minutes):
    """Of a hundred samples about ten have a p-value below a tenth: the ends of short tapes bias nothing."""
    p_values = [goodness(LAW, many(LAW, tapes=tapes, minutes=minutes, seed=seed)).p_value for seed in range(40)]
    seen = many(LAW, tapes=tapes, minutes=minutes, seed=99)
    mean = len(seen.times_minutes) / seen.watched_minutes
    flat = goodness(Law(mu_per_minute=mean, alpha_per_minute=0.0, beta_per_minute=1.0), seen)

    assert 0.35 < np.mean(p_values) < 0.65
    assert np.mean(np.array(p_values) < 0.1) < 0.25
    assert flat.p_value < 1e-6
    assert (flat.events, flat.branching) == (len(seen.times_minutes), 0.0)


def test_tapes_without_an_event_tell_nothing():
    """It is said, and not a number."""
    nothing = Tapes(
        times_minutes=np.zeros(0), of_tape=np.zeros(0, dtype=np.int64), start_minutes=np.zeros(2),
        end_minutes=np.ones(2),
    )  # fmt: skip
    with pytest.raises(Refused, match="no event"):
        goodness(LAW, nothing)


def test_trades_of_later_dates_are_told_by_the_law_of_earlier_ones(demo_lake):
    """Of each side; of one date alone no law is known to fit."""
    snapshot = Lake(demo_lake).snapshot()
    dates = sorted(place.event_date for place in snapshot.partitions(TRADES.name) if place.city == "chicago")
    events = snapshot.read(TRADES, Partition("chicago", dates[-1])).filter(taker_side="yes", is_block=False)

    told, alone = laws_told(snapshot, "chicago", dates), laws_told(snapshot, "chicago", dates[:1])

    assert {"hawkes_buy": None, "hawkes_sell": None} == alone
    assert set(told) == set(alone)
    assert 0 < told["hawkes_buy"].events <= 2 * events.height
    assert 0 < told["hawkes_buy"].branching < 1
    assert 0 < told["hawkes_buy"].distance < 1
