"""`kwx shadow`: dates kept, replayed and judged from the command line, for people and for machines, and its exits."""

from __future__ import annotations

import json
import shutil

import pytest

from kwx.exec.runs.kept import run_of, runs_of
from kwx.live.journal.journal import Journal, journal_folder
from kwx.parity.golive import golive
from tests.kwx.live.lived_days import DAY, live_day
from warehouse.errors import Refused
from warehouse.lake.store import Lake


@pytest.fixture(scope="module")
def lake(lived, tmp_path_factory):
    """A copy of a lake with a lived day that may be written; what one test publishes the next may read."""
    root = tmp_path_factory.mktemp("shadow") / "lake"
    shutil.copytree(lived.lake.paths.root, root, symlinks=True)
    return Lake(root)


def test_a_replay_says_what_is_the_same(lake, command):
    """Exit 0, a line for people, all of it for machines."""
    code, out, _ = command("shadow", "parity", lake=lake.paths.root)
    machine = command("shadow", "parity", "--date", DAY, "--json", lake=lake.paths.root)
    (said,) = json.loads(machine[1])

    assert (0, 0) == (code, machine[0])
    assert f"{said['equal']:,} of {said['decisions']:,} decisions in 200 minutes" in " ".join(out.split())
    assert (0, {}, []) == (said["unexplained"], said["causes"], said["differences"])
    assert said["equal"] == said["decisions"] > 100


def test_a_date_is_published_with_its_replay(lake, command):
    """The summary of its run has what came of it; told again, it differs in nothing."""
    code, out, _ = command("shadow", "publish", "--date", DAY, "--json", lake=lake.paths.root)
    (said,) = json.loads(out)
    again = command("shadow", "publish", lake=lake.paths.root)

    run = run_of(lake.snapshot(), said["run_id"])
    assert (0, True, 0) == (code, said["changed"], again[0])
    assert 0 == run.summary["parity"]["unexplained"] == said["parity"]["unexplained"]
    assert "as replayed" in again[1]


def test_a_decision_that_differs_unexplained_is_exit_3(fused_lake, tmp_path, command):
    """With the cause, the fields, and both decisions."""
    shutil.copytree(fused_lake, tmp_path / "lake", symlinks=True)

    def moved(t, _utc, minute, causes):
        return (minute._replace(bid_ticks=minute.bid_ticks + 37) if 40 < t < 60 else minute), causes

    live_day(tmp_path / "lake", change=moved)
    code, out, err = command("shadow", "parity", lake=tmp_path / "lake")

    assert 3 == code
    assert "unexplained" in out
    assert "late price: bid_ticks" in out
    assert "decisions differ from their replay, unexplained" in err


def test_a_strategy_that_is_not_ready_is_exit_3(lake, command):
    """One date of fourteen: every criterion is told, with value, threshold and why."""
    command("shadow", "publish", lake=lake.paths.root)
    code, out, err = command("shadow", "golive", lake=lake.paths.root)
    machine = command("shadow", "golive", "--json", lake=lake.paths.root)
    said = json.loads(machine[1])
    by_name = {one["name"]: one for one in said["criteria"]}

    assert (3, 3, False) == (code, machine[0], said["ready"])
    assert "fused is not ready to send orders: days, gain" in err
    assert [
        "days", "gain", "drawdown", "brier drift", "ece drift", "traded probabilities", "decided", "stale", "parity",
    ] == list(by_name)  # fmt: skip
    assert ("1 of 14", True) == (by_name["days"]["why"], by_name["parity"]["passed"])
    assert by_name["decided"]["value"] < 0.2  # two hundred minutes of the date were lived
    assert "FAILED" in out


def test_thresholds_are_those_of_the_configuration(lake, command, tmp_path):
    """Fourteen dates may be one."""
    (tmp_path / "own.yaml").write_text("live:\n  golive:\n    least_days: 1\n")
    out = command("shadow", "golive", "--json", "--config", tmp_path / "own.yaml", lake=lake.paths.root)[1]

    assert next(one for one in json.loads(out)["criteria"] if one["name"] == "days")["passed"]


def test_without_runs_nothing_is_judged(lake, command, own_lake):
    """Neither of a strategy without any, nor in a lake that never lived a date."""
    none = command("shadow", "golive", "--strategy", "market", lake=lake.paths.root)
    empty = command("shadow", "parity", lake=own_lake)

    assert (3, 3) == (none[0], empty[0])
    assert "holds no shadow run of market" in none[2]
    assert "no event date was lived" in empty[2]


def test_runs_with_other_settings_are_left_out(fused_lake, tmp_path):
    """Those of the newest run count; of two runs of a date the one that lived more of it."""
    from kwx.config.live import GoLiveFields
    from kwx.live.shadow.publish import publish_shadow

    shutil.copytree(fused_lake, tmp_path / "lake", symlinks=True)
    short = live_day(tmp_path / "lake", until=1_400, folder=tmp_path / "a")
    other = live_day(
        tmp_path / "lake", until=1_400, folder=tmp_path / "b", said={"trade": {"max_order_contracts": 50.0}}
    )
    for day in (other, short):
        publish_shadow(day.lake, day.journal, [DAY])

    found = golive(short.lake.snapshot(), GoLiveFields(), strategy="fused", fill="queue")

    assert 2 == len(runs_of(short.lake.snapshot()))
    assert ((DAY,), 1, ("1 runs with other settings are left out",)) == (found.dates, len(found.run_ids), found.notes)
    assert not found.ready
    with pytest.raises(Refused, match="not ready"):
        found.require()


def test_the_journal_is_where_the_loop_has_it(lake):
    """In the lake's folder, beside what else the loop keeps."""
    assert lake.paths.root / "live" / "journal" == journal_folder(lake)
    assert [DAY] == Journal(journal_folder(lake)).event_dates()
