"""Causes of differences on wild days: what the loop was given is changed, and the change is found by what it moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwx.exec.ledger.known import Known
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, Minute, Prints
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.live.journal.journal import Journal
from kwx.live.journal.record import TRADES
from kwx.nightly.causes import Cause, Explainer
from kwx.nightly.replay import steps_of
from tests.kwx.live.journal.made_journal import DAY, an_origin, lived, wild_day

MINUTES = 60
ORIGIN = an_origin(rules=Rules(fill=Fill.A, sizing=Sizing.LADDER))


def without_prints(minutes: Minute, since: int, until: int) -> Minute:
    """Return minutes some of which have no print."""
    quiet = {name: np.array(getattr(minutes, name)) for name in ("volume_centi", "low_ticks", "high_ticks")}
    for name, value in (("volume_centi", 0), ("low_ticks", NO_PRINT_LOW_TICKS), ("high_ticks", NO_PRINT_HIGH_TICKS)):
        quiet[name][since:until] = value
    sides = {side: Prints(*(np.array(values) for values in getattr(minutes, side))) for side in ("sells", "buys")}
    for side in sides.values():
        for values in side:
            values[since:until] = 0
    return minutes._replace(**quiet, **sides)


def with_rows(minutes: Minute, since: int, until: int, **said: object) -> Minute:
    """Return minutes in some of which a field says something else."""
    changed = {name: np.array(getattr(minutes, name)) for name in said}
    for name, value in said.items():
        changed[name][since:until] = value
    return minutes._replace(**changed)


@pytest.fixture(scope="module")
def wild() -> Minute:
    """An hour in which much trades, and nothing settles."""
    return wild_day(MINUTES, seed=5, settles=False)


@pytest.fixture
def explained(tmp_path):
    """Live some minutes, replay others, and find what differs."""

    def run(seen: Minute, there: Minute, *, late: dict[str, tuple[str, ...]] | None = None):
        journal = Journal(tmp_path / str(len(list(tmp_path.iterdir()))), sync=False)
        journal.begin(ORIGIN)
        for record in lived(seen, ORIGIN):
            journal.append(DAY, replace(record, causes=replace(record.causes, late=late or {})))
        recorded = journal.read(DAY)
        explainer = Explainer(
            recorded=recorded, lived=list(steps_of(recorded, recorded.bars().minutes)),
            replayed=list(steps_of(recorded, there)), replay=there, known_then=Known.nothing(),
            known_now=Known.nothing(),
        )  # fmt: skip
        return list(explainer.differences())

    return run


def of(found, *but: Cause):
    return {one.cause for one in found} - {Cause.STATE, *but}


def test_the_same_minutes_differ_in_nothing(explained, wild):
    """Not in one of hundreds of decisions."""
    assert [] == explained(wild, wild)


def test_prints_that_came_late_are_named(explained, wild):
    """Orders were not filled that should have been: the lake has more prints up to then."""
    found = explained(without_prints(wild, 10, 40), wild)

    assert {Cause.TRADES} == of(found)
    assert all("the lake has" in one.detail for one in found if one.cause is Cause.TRADES)


def test_prints_that_the_lake_lacks_are_unexplained(explained, wild):
    """Orders were filled by what was never printed; where the journal tells that prints were late, that explains it."""
    found = explained(wild, without_prints(wild, 10, 40))
    named = dict.fromkeys(("chicago", "nyc"), (TRADES,))
    told = explained(wild, without_prints(wild, 10, 40), late=named)

    assert {Cause.UNEXPLAINED} == of(found)
    assert {Cause.TRADES} == of(told)


def test_risk_on_what_was_not_fresh_is_unexplained(explained, wild):
    """A loop that took for fresh what the lake says was not must not pass; held back risk is late weather."""
    found = explained(wild, with_rows(wild, 10, 40, fresh=False))

    assert {Cause.UNEXPLAINED} == of(found)
    assert any("late weather: fresh" in one.detail for one in found)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"fresh": False}, Cause.WEATHER),
        ({"minutes_to_close": 3}, Cause.CLOCK),
        ({"release": True}, Cause.CLOCK),
        ({"taker_fee_num": 140_000, "maker_fee_num": 140_000}, Cause.FEES),
        ({"bid_size_centi": 100, "ask_size_centi": 100}, Cause.SIZES),
        ({"open": False}, Cause.LISTING),
        ({"p_fair": 0.5}, Cause.UNEXPLAINED),
        ({"bid_ticks": 1_300, "ask_ticks": 1_500}, Cause.UNEXPLAINED),
    ],
)
def test_what_differs_is_found_by_its_field(explained, wild, said, cause):
    """Each cause by the fields that it shows in; probabilities and prices need something that bears them out."""
    found = explained(with_rows(wild, 20, 24, **said), wild)

    assert {cause} == of(found)


def test_a_consequence_names_where_it_began(explained, wild):
    """Positions of one minute are there for hours: the first difference of the event is the cause of those after it."""
    found = explained(with_rows(wild, 20, 21, fresh=False), wild)

    later = [one for one in found if one.cause is Cause.STATE]
    assert later
    assert {20} == {one.since for one in later}
    assert all(one.detail.endswith("late weather") for one in later)
    assert all(one.t > 20 for one in later)
