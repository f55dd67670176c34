"""A writer killed at any step leaves the old snapshot whole, and the next run completes."""

from __future__ import annotations

import signal

import pytest

from warehouse.errors import NoSnapshot
from warehouse.lake.recovery import recover, rollback

KILLED_AT = """
steps = iter(range(10_000))
at = int(sys.argv[2])

def kill_there(step):
    if next(steps) == at:
        os.kill(os.getpid(), signal.SIGKILL)

change_chicago(Lake(sys.argv[1]), 71, on_step=kill_there)
"""
PHASES = (
    "validate",
    "link",
    "move",
    "version",
    "snapshot",
    "catalog",
    "manifest",
    "gate",
    "seal",
    "switch",
    "ledger",
    "done",
)


def steps_of_a_change(lake, publish_generation, change_chicago):
    """Publish a change of one city in a lake of two, and return the steps it took."""
    publish_generation(lake, 70)
    steps = []
    change_chicago(lake, 71, on_step=steps.append)
    return steps


def test_a_publish_has_the_steps_that_the_loop_below_kills_it_at(lake, publish_generation, change_chicago):
    """Every phase of a publish is a step at which it can be interrupted."""
    steps = steps_of_a_change(lake, publish_generation, change_chicago)

    assert sorted(PHASES) == sorted({step.split(" ")[0] for step in steps})
    assert 12 == len(steps)


@pytest.mark.parametrize("at", range(12))
def test_killed_at_any_step_the_lake_stays_whole_and_a_rerun_completes(
    at, lake, tmp_path, publish_generation, change_chicago, of_chicago, in_process
):
    """Kill -9 at every step: the old state up to the switch, the new one after it, and a rerun ends the same."""
    steps = steps_of_a_change(type(lake)(tmp_path / "dry"), publish_generation, change_chicago)
    publish_generation(lake, 70)

    died = in_process(KILLED_AT, lake.paths.root, at)

    assert -signal.SIGKILL == died.returncode, died.stderr
    switched = at > [step.split(" ")[0] for step in steps].index("switch")
    assert ({71} if switched else {70}) == of_chicago(lake)
    change_chicago(lake, 71)
    assert {71} == of_chicago(lake)
    assert set(lake.snapshot_numbers()) == lake.ledger.snapshots() == {1, 2}
    assert [] == leftovers(lake)


def test_a_sealed_snapshot_is_switched_to_by_the_next_writer(
    lake, publish_generation, change_chicago, of_chicago, in_process
):
    """The seal is the commit: what is complete and has passed its gate is finished, not thrown away."""
    steps = steps_of_a_change(type(lake)(lake.paths.root.with_name("dry")), publish_generation, change_chicago)
    publish_generation(lake, 70)
    in_process(KILLED_AT, lake.paths.root, [step.split(" ")[0] for step in steps].index("switch"))

    recover(lake)

    assert {71} == of_chicago(lake)
    assert {1, 2} == lake.ledger.snapshots()


def test_a_first_publish_killed_before_its_switch_is_finished_too(lake, generations, in_process):
    """A lake that never had a current snapshot gets the sealed one."""
    code = """
    def kill_there(step):
        if step == "switch":
            os.kill(os.getpid(), signal.SIGKILL)

    publish_generation(Lake(sys.argv[1]), 70, on_step=kill_there)
    """
    in_process(code, lake.paths.root)

    recover(lake)

    assert {70} == generations(lake)


def test_killed_at_the_gate_the_snapshot_is_nobodys(lake, publish_generation, change_chicago, of_chicago, in_process):
    """What did not pass the gate cannot be seen, asked or rolled back to."""
    steps = steps_of_a_change(type(lake)(lake.paths.root.with_name("dry")), publish_generation, change_chicago)
    publish_generation(lake, 70)
    in_process(KILLED_AT, lake.paths.root, [step.split(" ")[0] for step in steps].index("gate"))

    with pytest.raises(NoSnapshot, match="snapshot 2 is not"):
        rollback(lake, number=2)

    assert [1] == lake.snapshot_numbers()
    assert {70} == of_chicago(lake)


def test_a_rollback_after_a_kill_at_the_ledger_can_be_undone(
    lake, publish_generation, change_chicago, of_chicago, in_process
):
    """A snapshot that readers saw is never removed by recovery."""
    steps = steps_of_a_change(type(lake)(lake.paths.root.with_name("dry")), publish_generation, change_chicago)
    publish_generation(lake, 70)
    in_process(KILLED_AT, lake.paths.root, [step.split(" ")[0] for step in steps].index("ledger"))

    rollback(lake)
    change_chicago(lake, 72)
    rollback(lake, number=2)

    assert {71} == of_chicago(lake)


def test_killed_while_staging_leaves_no_trace_after_the_next_run(lake, publish_generation, generations, in_process):
    """Drafts of a dead writer are removed by the next one."""
    publish_generation(lake, 70)
    code = """
    with write(Lake(sys.argv[1]), purpose="doomed") as writer:
        writer.put(OBS, observations(99), Partition("chicago", DAY))
        os.kill(os.getpid(), signal.SIGKILL)
    """

    died = in_process(code, lake.paths.root)

    assert -signal.SIGKILL == died.returncode, died.stderr
    assert {70} == generations(lake)
    publish_generation(lake, 72)
    assert [] == leftovers(lake)


def test_a_clean_up_killed_in_the_middle_leaves_whole_snapshots_only(lake, publish_generation, generations, in_process):
    """A folder loses its name before its files: half a snapshot is never one."""
    for generation in (70, 71, 72):
        publish_generation(lake, generation)
    code = """
    import shutil
    from warehouse.lake.recovery import collect_garbage
    def die_over_the_draft(folder, **_):
        if str(folder).endswith("000001.draft") and folder.is_dir():
            os.kill(os.getpid(), signal.SIGKILL)
    shutil.rmtree = die_over_the_draft
    collect_garbage(Lake(sys.argv[1]), keep=1)
    """

    died = in_process(code, lake.paths.root)

    assert -signal.SIGKILL == died.returncode, died.stderr
    assert [2, 3] == lake.snapshot_numbers()
    publish_generation(lake, 73)
    assert {73} == generations(lake)
    assert [] == leftovers(lake)


def leftovers(lake):
    """Return what a dead writer left: drafts, staged files, versions that no snapshot names."""
    named = {
        lake.paths.version(name, entry.version) for s in lake.snapshots() for name, entry in s.manifest.tables.items()
    }
    versions = {path for path in lake.paths.tables.glob("*/v*") if path.is_dir()}
    return [*lake.paths.root.rglob("*.draft"), *lake.paths.staging.glob("*/*"), *sorted(versions - named)]
