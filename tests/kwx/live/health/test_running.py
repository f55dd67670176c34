"""Drift that a loop counts for itself: the same as the lake has once the date is told to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwx.live.health.drift import Tally
from kwx.live.health.running import RunningDrift
from kwx.live.health.watched import Watched
from kwx.live.journal.recorded import Segment
from tests.kwx.live.lived_days import DAY

pytestmark = pytest.mark.slow


@pytest.fixture
def settled(lived):
    """The journal of the lived day with the settlement that the lake has of it."""
    recorded = lived.journal.read(DAY)
    last = recorded.kept[-1]
    closed = last.minute._replace(
        open=np.zeros_like(last.minute.open), winner=np.array(lived.bars.minutes.winner[-1], np.int32)
    )
    end = replace(last, minute=closed)
    return replace(recorded, segments=(Segment(origin=recorded.first, kept=[*recorded.kept, end]),))


def test_what_a_loop_counted_is_what_the_lake_tells(lived, settled):
    """From nothing, and on top of what the lake had: the same counts, and the same numbers for alerts."""
    snapshot, watched = lived.lake.snapshot(), Watched()
    running = RunningDrift(strategy="fused", tally=Tally(), trained={})
    again = RunningDrift.of_lake(snapshot, strategy="fused", until=DAY)

    for one in (running, again):
        one.settled(settled, snapshot)
        one.show(watched)

    read = Tally.of_lake(snapshot, strategy="fused", until=DAY)
    for one in (running, again):
        assert [("fused", DAY)] == list(one.tally.counts)
        assert all(
            (ours == theirs).all()
            for ours, theirs in zip(*(t.counts["fused", DAY] for t in (one.tally, read)), strict=True)
        )
    (drift,) = running.drifts()
    assert (drift.brier_drift, drift.ece_drift) == (
        watched.brier_drift.value(model="fused"), watched.ece_drift.value(model="fused"),
    )  # fmt: skip


def test_a_date_that_is_not_paid_yet_counts_for_nothing(lived):
    """Nobody knows what came."""
    running = RunningDrift(strategy="fused", tally=Tally(), trained={})

    running.settled(lived.journal.read(DAY), lived.lake.snapshot())

    assert [] == running.drifts()
