"""Lived days replayed: the same where everything came in time, a named cause for each decision that is not, or none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kwx.live.journal.record import CLOCK, EVERY, PRICES, WEATHER
from kwx.live.journal.recovery import stepped_again
from kwx.parity.parity import parity_of
from tests.kwx.exec.made import minute_at
from tests.kwx.live.lived_days import DAY, live_day, missed, without_opinion
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import PMF_MINUTE, Partition

pytestmark = pytest.mark.slow

SOME = range(40, 100)
"""Minutes in which something is other than the lake has it."""


@pytest.fixture(scope="module")
def lived_as_it_is(fused_lake, tmp_path_factory):
    """A day to which everything came in time."""
    return live_day(fused_lake, folder=tmp_path_factory.mktemp("journal"))


@pytest.fixture
def parity(fused_lake, tmp_path, lived_as_it_is):
    """Live a day with a change in some minutes, and replay it; `changed` is given the true bars too."""

    def run(changed, minutes=SOME):
        def change(t, utc, minute, causes):
            return changed(t, minute, causes, lived_as_it_is.bars.minutes) if t in minutes else (minute, causes)

        lived = live_day(fused_lake, folder=tmp_path, change=change)
        return parity_of(lived.journal.read(DAY), lived.lake.snapshot())

    return run


def causes_of(found):
    return set(found.causes) - {"state"}


def test_a_day_to_which_everything_came_in_time_is_the_same(lived_as_it_is):
    """Every decision of it, and there are many."""
    found = parity_of(lived_as_it_is.journal.read(DAY), lived_as_it_is.lake.snapshot())

    assert ({}, 0, None) == (found.causes, found.unexplained, found.steps_again)
    assert found.decisions == found.equal > 100
    assert 200 == found.minutes == found.plain()["minutes"]


def test_decisions_between_minutes_are_counted_and_stepped_again(lived_as_it_is):
    """None of them is replayed from the lake; one that does not step to what it says is unexplained."""
    recorded, snapshot = lived_as_it_is.journal.read(DAY), lived_as_it_is.lake.snapshot()
    (segment,), one = recorded.segments, next(iter(stepped_again(recorded)))
    other = one.kept.actions._replace(order_ticks=one.kept.actions.order_ticks + 1)

    def told(actions):
        between = [replace(one.kept, before=one.before, actions=actions)]
        found = parity_of(replace(recorded, segments=(replace(segment, between=between),)), snapshot).plain()
        return found["between"], found["unexplained"]

    assert [(1, 0), (1, 1)] == [told(one.kept.actions), told(other)]


def test_minutes_that_were_missed_are_named(parity):
    """And what followed from them, by the minute in which it began."""
    found = parity(lambda t, minute, causes, _: (without_opinion(minute), missed(causes)))

    assert {"missed minute"} == causes_of(found)
    assert 0 == found.unexplained
    later = found.differences.filter(pl.col("cause") == "state")
    assert later["detail"].str.contains("missed minute").all()
    assert (later["since_utc"] < later["minute_utc"]).all()


def test_a_price_of_the_minute_before_is_late(parity):
    """It is known by its being the price of the minute before, though the journal tells nothing."""

    def stale(t, minute, causes, true):
        before = minute_at(true, t - 1)
        return minute._replace(bid_ticks=before.bid_ticks, ask_ticks=before.ask_ticks), causes

    found = parity(stale)

    assert {"late price"} == causes_of(found)
    assert 0 == found.unexplained
    assert "the price of 1 minute before was seen" in set(found.differences["detail"])


def test_a_price_that_was_told_to_be_old_is_late(parity):
    """As the journal says."""

    def stale(t, minute, causes, _):
        moved = minute._replace(bid_ticks=np.maximum(minute.bid_ticks - 100, 0), fresh=np.zeros_like(minute.fresh))
        return moved, replace(causes, stale={"chicago": (PRICES,)})

    found = parity(stale)

    assert 0 == found.unexplained
    assert found.differences["detail"].str.contains("prices were old, as the journal says").any()


def test_a_price_that_nobody_ever_saw_is_unexplained(parity):
    """No minute had it and no journal tells of it: that is a defect until it is proved to be something else."""
    found = parity(lambda t, minute, causes, _: (minute._replace(bid_ticks=minute.bid_ticks + 37), causes))

    assert found.unexplained > 0
    assert (
        found.differences.filter(pl.col("cause") == "unexplained")["detail"].str.contains("late price: bid_ticks").any()
    )


def test_sizes_that_were_unknown_are_named(parity):
    """A gap of the recorder: what rests ahead of an order is not known."""

    def unknown(t, minute, causes, _):
        gone = np.full_like(minute.bid_size_centi, -1)
        return minute._replace(bid_size_centi=gone, ask_size_centi=gone), replace(causes, unsized=(EVERY,))

    found = parity(unknown, minutes=range(200))

    assert {"different sizes"} == causes_of(found)
    assert 0 == found.unexplained


def test_weather_that_came_late_held_risk_back(parity):
    """The loop had not what the lake has now."""
    found = parity(lambda t, minute, causes, _: (minute._replace(fresh=np.zeros_like(minute.fresh)), causes))

    assert {"late weather"} == causes_of(found)
    assert 0 == found.unexplained
    assert "weather came after the minute was decided" in set(found.differences["detail"])


def test_a_probability_that_differs_is_named_where_input_was_late(parity):
    """By what the journal tells of the minutes before; by itself it is unexplained."""

    def shifted(minute):
        return minute._replace(p_fair=np.clip(minute.p_fair + 0.08, 0, 1).astype(np.float32))

    told = parity(lambda t, m, causes, _: (shifted(m), replace(causes, late={"chicago": (WEATHER,)})))

    assert {"model or fusion"} == causes_of(told)
    assert told.differences["detail"].str.contains("differs, after input that was late at").any()


def test_a_probability_that_differs_by_itself_is_unexplained(parity):
    """The same input must say the same."""
    found = parity(
        lambda t, m, causes, _: (m._replace(p_fair=np.clip(m.p_fair + 0.08, 0, 1).astype(np.float32)), causes)
    )

    assert {"unexplained"} == causes_of(found)
    assert found.differences["detail"].str.contains("model or fusion: p_fair was").any()


def test_a_clock_that_was_off_is_named_where_the_journal_tells_of_it(parity):
    """Nothing new was risked then."""

    def off(t, minute, causes, _):
        told = replace(causes, stale={"chicago": (CLOCK,)})
        return minute._replace(clock_off=np.ones_like(minute.clock_off)), told

    assert {"clock"} == causes_of(parity(off))


def test_a_close_that_nobody_listed_is_unexplained(parity):
    """Whoever takes a market to close sooner opens nothing any more; nothing shows why it did."""
    found = parity(lambda t, m, causes, _: (m._replace(minutes_to_close=np.ones_like(m.minutes_to_close)), causes))

    assert {"unexplained"} == causes_of(found)
    assert found.differences["detail"].str.contains("clock: minutes_to_close was").any()


def test_a_journal_that_does_not_step_to_what_it_says_is_not_replayed(lived_as_it_is):
    """The code decides otherwise today: that is told, and counts as unexplained."""
    recorded = lived_as_it_is.journal.read(DAY)
    kept = recorded.segments[0].kept
    kept[9] = replace(kept[9], actions=kept[9].actions._replace(gate=kept[9].actions.gate + 1))

    found = parity_of(recorded, lived_as_it_is.lake.snapshot())

    assert (1, 0, 200) == (found.unexplained, found.decisions, found.minutes)
    assert found.steps_again is not None
    assert "gate was" in found.steps_again


def test_a_lake_without_probabilities_is_refused(lived_as_it_is, fused_lake, tmp_path, put):
    """Nothing is compared before the night's work is done."""
    import shutil

    shutil.copytree(fused_lake, tmp_path / "lake", symlinks=True)
    put(tmp_path / "lake", PMF_MINUTE, PMF_MINUTE.empty(), Partition("chicago", DAY))

    with pytest.raises(Refused, match="holds no probability of fused"):
        parity_of(lived_as_it_is.journal.read(DAY), Lake(tmp_path / "lake").snapshot())


def test_a_lake_without_the_weather_that_the_loop_had_is_refused(lived_as_it_is, fused_lake, tmp_path, put):
    """Its fusion is the market alone: nothing that came late explains that, and no late input is blamed for it."""
    import shutil

    shutil.copytree(fused_lake, tmp_path / "lake", symlinks=True)
    place, lake = Partition("chicago", DAY), Lake(tmp_path / "lake")
    rows = lake.snapshot().read(PMF_MINUTE, place)
    put(lake.paths.root, PMF_MINUTE, rows.with_columns(p_wx=None, wx_utc=None).cast(rows.schema), place)

    with pytest.raises(Refused, match=f"holds no p_wx of chicago for {DAY}") as refused:
        parity_of(lived_as_it_is.journal.read(DAY), lake.snapshot())

    assert "kwx hazard run-day" in refused.value.hint
