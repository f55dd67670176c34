"""The check runner sees what was done to the files behind its back."""

from __future__ import annotations

import pytest

from warehouse.errors import ChecksFailed
from warehouse.lake.checks import require_all, run_checks
from warehouse.lake.tables import OBS


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
