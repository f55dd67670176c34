"""A writer killed at any step leaves the old snapshot whole, and the next run completes."""

from __future__ import annotations

import signal

import pytest

KILLED_AT = """
steps = iter(range(10_000))
at = int(sys.argv[2])

def kill_there(step):
    if next(steps) == at:
        os.kill(os.getpid(), signal.SIGKILL)

publish_generation(Lake(sys.argv[1]), 71, on_step=kill_there)
"""


def steps_of_a_publish(lake, publish_generation):
    """Publish generation 71 in a lake that has 70, and return the steps it took."""
    publish_generation(lake, 70)
    steps = []
    publish_generation(lake, 71, on_step=steps.append)
    return steps


def test_a_publish_has_the_steps_that_the_loop_below_kills_it_at(lake, publish_generation):
    """Every phase of a publish is a step at which it can be interrupted."""
    steps = steps_of_a_publish(lake, publish_generation)

    phases = [step.split(" ")[0] for step in steps]
    assert [
        "validate",
        "move",
        "version",
        "snapshot",
        "catalog",
        "manifest",
        "seal",
        "gate",
        "switch",
        "ledger",
        "done",
    ] == list(dict.fromkeys(phases))


@pytest.mark.parametrize("first_step", range(0, 18, 6))
def test_killed_at_any_step_the_lake_stays_whole_and_a_rerun_completes(
    first_step, lake, tmp_path, publish_generation, generations, in_process
):
    """Kill -9 at every step: readers see the old state or the new one, and the next run ends as if nothing had been."""
    total = len(steps_of_a_publish(type(lake)(tmp_path / "dry"), publish_generation))
    assert total <= 18
    for at in range(first_step, min(first_step + 6, total)):
        victim = type(lake)(tmp_path / f"killed-{at}")
        publish_generation(victim, 70)

        died = in_process(KILLED_AT, victim.paths.root, at)

        assert -signal.SIGKILL == died.returncode, died.stderr
        assert generations(victim) in ({70}, {71})
        again = publish_generation(victim, 71)
        assert {71} == generations(victim)
        assert {again.number} <= victim.ledger.snapshots()
        assert [] == leftovers(victim)


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


def leftovers(lake):
    """Return what a dead writer left: drafts, staged files, versions that no snapshot names."""
    named = {
        lake.paths.version(name, entry.version) for s in lake.snapshots() for name, entry in s.manifest.tables.items()
    }
    versions = {path for path in lake.paths.tables.glob("*/v*") if path.is_dir()}
    return [*lake.paths.root.rglob("*.draft"), *lake.paths.staging.glob("*/*"), *sorted(versions - named)]
