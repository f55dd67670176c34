"""The check runner sees what was done to the files behind its back."""

from __future__ import annotations

import shutil
from datetime import date

import polars as pl
import pytest

from pipelines.build import build_demo, demo_world
from warehouse.errors import ChecksFailed
from warehouse.lake.catalog import build_in_memory
from warehouse.lake.checks import require_all, run_checks
from warehouse.lake.manifest import Change
from warehouse.lake.statements import statements
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, OBS, Partition
from warehouse.lake.window import windows
from warehouse.lake.writer import write


def findings(snapshot):
    """Return what the file check found, as (file name's ending, what is wrong)."""
    result = next(result for result in run_checks(snapshot) if result.name == "files_as_published")
    return [(row["table_name"], row["wrong"].split(":")[0]) for row in result.rows.to_dicts()]


def test_an_untouched_lake_passes(lake, publish_generation):
    """What was published is what is there."""
    assert [] == findings(publish_generation(lake, 70))


def test_a_missing_file_is_found(lake, publish_generation):
    """A file of the manifest that is not in the tree is a finding."""
    snapshot = publish_generation(lake, 70)
    snapshot.locations("obs")[0].unlink()

    assert [("obs", "missing")] == findings(snapshot)


def test_a_foreign_file_is_found_and_not_read(lake, publish_generation):
    """A Parquet file that the manifest does not name is told, and no view reads it."""
    snapshot = publish_generation(lake, 70)
    ours = snapshot.locations("obs")[0]
    (ours.parent / "part-foreign.parquet").write_bytes(ours.read_bytes())

    assert [("obs", "foreign")] == findings(snapshot)
    with snapshot.connect() as con:
        assert 6 == con.sql("from obs").pl().height
    assert 3 == snapshot.read(OBS, snapshot.partitions("obs")[0]).height


def test_a_damaged_file_is_found(lake, publish_generation):
    """One flipped byte is a finding."""
    snapshot = publish_generation(lake, 70)
    path = snapshot.locations("settlements")[1]
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    assert [("settlements", "altered")] == findings(snapshot)


def test_require_all_names_the_check_and_the_next_step(lake, publish_generation):
    """A failed check is an error that says what, where and what to do."""
    snapshot = publish_generation(lake, 70)
    snapshot.locations("obs")[0].unlink()

    with pytest.raises(ChecksFailed, match=r"files_as_published: 1 row.*missing") as failed:
        require_all([result for result in run_checks(snapshot) if result.name == "files_as_published"])

    assert "kwx lake" in failed.value.hint


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory):
    """A lake of one city and six days, for looking at a part of it."""
    root = tmp_path_factory.mktemp("fortnight") / "lake"
    return build_demo(
        demo_world(days=6, until=date(2026, 8, 20), cities=("austin",), seed=3, books=False), root
    ).snapshot


def test_a_window_judges_its_days_and_only_those(fortnight):
    """Through any window a good lake is silent, though the window's edge lacks what lies before it."""
    for day in range(15, 21):
        change = Change(table="obs", partition=f"city=austin/date=2026-08-{day}", rows=1, sha256=None)

        results = run_checks(fortnight, changes=[change])

        assert [] == [result.name for result in results if not result.passed]


def test_a_lie_on_a_changed_day_is_seen_through_its_window(fortnight, tmp_path):
    """What is judged through a window is judged as the whole lake is."""
    shutil.copytree(fortnight.paths.root, tmp_path / "lake", symlinks=True)
    lake = Lake(tmp_path / "lake")
    day = Partition("austin", date(2026, 8, 18))
    dense = lake.snapshot().read(CANDLES_DENSE, day)
    with write(lake, purpose="a lie") as writer:
        writer.put(
            CANDLES_DENSE,
            dense.with_columns(pl.col("yes_bid_ticks").shift(-30).over("market_ticker").fill_null(0)),
            day,
        )
        lied = writer.publish()

    seen = {result.name for result in run_checks(lied, changes=lied.changes()) if not result.passed}

    assert "quotes_known_in_time" in seen
    assert seen == {result.name for result in run_checks(lied) if not result.passed}


def test_only_checks_that_read_what_changed_are_asked(fortnight):
    """What a publish did not touch was judged by the publish that wrote it; a view counts as the tables under it."""
    change = Change(table="settlements", partition="city=austin/date=2026-08-18", rows=1, sha256=None)

    asked = {result.name for result in run_checks(fortnight, changes=[change])}

    assert {"files_as_published", "markets_agree_with_the_label", "settlement_sources_agree"} <= asked
    assert not {"quotes_known_in_time", "dense_grid_complete", "weather_known_in_time"} & asked


def test_after_a_publish_without_a_gate_every_check_is_asked_again(fortnight, tmp_path):
    """What nobody judged may hide a lie in any table, so the next publish does not rely on it."""
    shutil.copytree(fortnight.paths.root, tmp_path / "lake", symlinks=True)
    lake, day = Lake(tmp_path / "lake"), Partition("austin", date(2026, 8, 18))
    with write(lake, purpose="ungated") as writer:
        writer.put(CANDLES_DENSE, lake.snapshot().read(CANDLES_DENSE, day).head(10), day)
        ungated = writer.publish()

    asked = {
        result.name
        for result in run_checks(
            ungated, changes=[Change(table="settlements", partition=str(day), rows=1, sha256=None)]
        )
    }

    assert {"quotes_known_in_time", "dense_grid_complete"} <= asked


def test_windows_follow_the_change(fortnight):
    """A small change is judged by its days, a change without a day or a large one by all."""
    of_a_day = Change(table="obs", partition="city=austin/date=2026-08-18", rows=1, sha256=None)
    of_no_day = Change(table="mc_params", partition="city=austin", rows=1, sha256=None)

    (window,) = windows(fortnight, [of_a_day])

    assert {Partition("austin", date(2026, 8, 18))} == window.judged
    assert 5 == len(window.locations("obs"))
    assert windows(fortnight, [of_a_day, of_no_day]) is None
    assert windows(fortnight) is None


def test_every_check_names_the_day_of_a_finding_or_needs_none():
    """A finding of a day can be told from the edge of a window: by city and event_date, or because it has no edge."""
    inside_one_partition = {"one_row_per_grain", "one_place_per_market", "prices_are_prices"}
    with build_in_memory({}) as con:
        nameless = {
            name
            for name, check in statements("checks").items()
            if check.scope != "lake" and not {"city", "event_date"} <= set(con.sql(check.select).columns)
        }

    assert inside_one_partition == nameless
