"""Changes of fees from the wire to the lake: as scheduled, and known as early as we could have been told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from pipelines.build import build_demo
from pipelines.demo import World
from pipelines.demo.world import FeeChange
from pipelines.ingest.run import plan_of, replay_folder
from warehouse.lake.checks import run_checks
from warehouse.lake.store import Lake
from warehouse.lake.tables import FEE_CHANGES, MARKETS, Partition

CHICAGO = Partition("chicago")
ANNOUNCED, SCHEDULED = datetime(2026, 10, 30, 12, tzinfo=UTC), datetime(2026, 10, 31, 18, tzinfo=UTC)
BETWEEN = datetime(2026, 10, 31, 16, tzinfo=UTC)
SERIES = FeeChange(
    city="chicago", announced_utc=ANNOUNCED, scheduled_utc=SCHEDULED, fee_type="quadratic_with_maker_fees",
    multiplier_milli=1_000,
)  # fmt: skip
OVERRIDE = replace(SERIES, fee_type=None, multiplier_milli=0, event_date=date(2026, 10, 31))


@pytest.fixture
def changing(world: World) -> World:
    """The world with a change of its series and one of an event, both while an event trades."""
    return replace(world, fee_changes=(SERIES, OVERRIDE))


def changes(root) -> pl.DataFrame:
    return Lake(root).snapshot().read(FEE_CHANGES, CHICAGO).select(FEE_CHANGES.schema.names())


def listed(root) -> set:
    """Return the fees with which markets are listed: those of their opening."""
    return set(Lake(root).snapshot().scan(MARKETS).collect()["fee_type"])


def test_an_ingest_brings_what_the_world_writes(changing, way_from, tmp_path):
    """The same changes; nobody tells afterwards when they were announced, and what was charged before the first."""
    build_demo(changing, tmp_path / "direct", workers=1)
    way = way_from(of=changing)
    way.ingest(tmp_path / "lake", kinds=("markets",))

    direct, told = changes(tmp_path / "direct"), changes(tmp_path / "lake")
    assert direct.drop("known_utc").equals(told.drop("known_utc"))
    assert [{ANNOUNCED}, {SCHEDULED}] == [set(frame["known_utc"]) for frame in (direct, told)]
    assert [{"quadratic"}, {None}] == [listed(root) for root in (tmp_path / "direct", tmp_path / "lake")]
    assert all(result.passed for result in run_checks(Lake(tmp_path / "lake").snapshot()))


def test_what_was_told_before_it_took_effect_stays_known_since_then(changing, way_from, tmp_path):
    """A later telling in the same words does not make it younger, nor does a replay of all answers."""
    way_from(of=changing, now=BETWEEN).ingest(tmp_path / "lake", kinds=("markets",))
    early = changes(tmp_path / "lake")
    assert {"quadratic"} == listed(tmp_path / "lake")
    way_from(of=changing).ingest(tmp_path / "lake", kinds=("markets",))
    late = changes(tmp_path / "lake")
    replay_folder(tmp_path / "lake" / "raw", tmp_path / "again", workers=1)

    assert [{"quadratic"}] * 2 == [listed(root) for root in (tmp_path / "lake", tmp_path / "again")]
    assert early.equals(late)
    assert early.equals(changes(tmp_path / "again"))
    assert (early["known_utc"] < SCHEDULED).all()
    assert (early["known_utc"] >= BETWEEN).all()


def test_a_plan_prices_them(changing, way_from, tmp_path):
    """One question for each series, and one for all events."""
    way = way_from(of=changing)

    plan = plan_of(way.wish(kinds=("markets",)), tmp_path, entry=way.entry)

    asked = [(line.city, call.path) for line in plan.lines for call in line.missing if "fee_changes" in call.path]
    assert [("chicago", "/trade-api/v2/series/fee_changes"), ("all", "/trade-api/v2/events/fee_changes")] == asked


@pytest.mark.parametrize("taken_back", [SERIES, OVERRIDE], ids=["of the series", "of an event"])
def test_a_change_that_is_withdrawn_is_charged_by_nobody(changing, taken_back, way_from, tmp_path):
    """From the wire to the lake, by an ingest before and one after; the same as the world writes, and as a replay."""
    withdrawn = replace(taken_back, withdrawn_utc=datetime(2026, 10, 31, 17, tzinfo=UTC))
    world = replace(changing, fee_changes=(withdrawn,))
    build_demo(world, tmp_path / "direct", workers=1)

    way_from(of=world, now=BETWEEN).ingest(tmp_path / "lake", kinds=("markets",))
    before = changes(tmp_path / "lake")
    way_from(of=world, now=datetime(2026, 10, 31, 17, 30, tzinfo=UTC)).ingest(tmp_path / "lake", kinds=("markets",))
    after = changes(tmp_path / "lake")
    replay_folder(tmp_path / "lake" / "raw", tmp_path / "again", workers=1)

    assert ["event" if taken_back is OVERRIDE else "series"] == before["scope"].to_list()
    assert ["withdrawn"] == after["scope"].to_list()
    assert after.drop("known_utc").equals(changes(tmp_path / "direct").drop("known_utc"))
    assert after.drop("known_utc").equals(changes(tmp_path / "again").drop("known_utc"))
    assert (after["known_utc"] > before["known_utc"]).all()
    assert all(result.passed for result in run_checks(Lake(tmp_path / "lake").snapshot()))
