"""A night in this process: what it tells, what it holds, what a failure stops, and how it goes on after a cut."""

from __future__ import annotations

import errno
import json
import shutil
from datetime import timedelta

import polars as pl
import pytest

from kwx.nightly.ballast import BALLAST_BYTES
from kwx.nightly.changes import EarlierNight, corrected_lines
from kwx.nightly.places import NightPaths
from kwx.nightly.plan import STEPS, Asked, plan_of
from kwx.nightly.run import run_night
from kwx.nightly.step import State
from tests.kwx.nightly.conftest import DATE, night_of, tables_of
from warehouse.errors import LakeBusy, Usage
from warehouse.lake.lock import writer_lock
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, OBS, PMF_DEGREES, PMF_MINUTE, SETTLEMENTS, Partition

pytestmark = pytest.mark.slow

PLACE = Partition("chicago", DATE)
MOST_BYTES = 3_000_000
"""Of a page: so much is drawn within two seconds, as tests/bench/bench_nightly.py measures."""
REPORT_KEYS = {
    "date", "started_utc", "finished_utc", "snapshot_before", "snapshot_after", "exit_code", "steps", "lines",
}  # fmt: skip
STEP_KEYS = {"name", "state", "why", "seconds", "rows", "notes", "error", "hint"}


class Cut(BaseException):
    """What no step can catch, as a kill."""


def states(run) -> dict[str, str]:
    return {one.name: one.state.value for one in run.outcomes}


def lines(run, kind: str) -> list[str]:
    return [one["words"] for one in run.report["lines"] if one["kind"] == kind]


def damage(root, table, place=PLACE) -> None:
    """Overwrite a file of the current snapshot with what is no Parquet."""
    snapshot = Lake(root).snapshot()
    path = next(path for path in snapshot.locations(table.name) if place.path in str(path))
    path.chmod(0o644)
    path.write_bytes(b"no parquet")


def test_the_report_of_a_night_is_whole_and_shown_at_once(told_lake):
    """Machines read JSON, people a page and a text; all of them through one link, and `latest` names the night."""
    latest = told_lake / "nightly" / "latest"
    report = json.loads((latest / "report.json").read_bytes())

    assert REPORT_KEYS <= set(report)
    assert all(STEP_KEYS <= set(one) for one in report["steps"])
    assert [step.name for step in STEPS] == [one["name"] for one in report["steps"]]
    assert (report["date"], report["exit_code"]) == (str(DATE), 0)
    assert report["snapshot_after"] == Lake(told_lake).snapshot().number
    said = {one["name"]: one["state"] for one in report["steps"]}
    done = {"settlements", "hazard", "fusion", "scores", "report", "publish"}
    assert {name for name, state in said.items() if state == "done"} == done
    assert "<table>" in (latest / "report.html").read_text()
    assert f"# Night of {DATE}" in (latest / "report.md").read_text()
    assert "<html" in (latest / "monitor.html").read_text()
    assert all((latest / name).stat().st_size <= MOST_BYTES for name in ("report.html", "monitor.html"))
    assert len({(latest / name).resolve().parent for name in ("report.json", "report.html", "report.md")}) == 1


def test_the_pages_of_a_night_are_drawn_in_a_browser(told_lake, looked_at):
    """The report and the page of the morning, on a desk and on a telephone."""
    for name in ("report.html", "monitor.html"):
        looked_at(told_lake / "nightly" / "latest" / name)


def test_what_ended_is_held_until_its_inputs_change(told_lake, copy_of):
    """Nothing is done twice, unless it is asked for; and then it comes to the same."""
    root = copy_of(told_lake)
    before = tables_of(root)

    again = run_night(night_of(root))

    assert {"settlements", "hazard", "fusion"} <= {name for name, state in states(again).items() if state == "held"}
    assert before == tables_of(root)
    forced = run_night(night_of(root), Asked(only=("hazard",), again=True))
    assert states(forced)["hazard"] == "done"
    assert states(forced)["fusion"] == "skipped"
    assert before == tables_of(root)


def test_cut_off_at_any_point_a_night_goes_on_to_the_same_tables(hazard_lake, told_lake, copy_of):
    """Cut before, within and after steps, one cut after the other in one lake: the end is that of the whole night."""
    root = copy_of(hazard_lake)

    def cut_at(wanted):
        def look(point):
            if point == wanted:
                raise Cut

        return look

    for point in ("begin", "start hazard", "done hazard", "done fusion", "end fusion", "done scores", "end report"):
        with pytest.raises(Cut):
            run_night(night_of(root), on_point=cut_at(point))
        assert not (root / "nightly" / "latest").exists(), "nothing is told of a night that did not come to its end"
    run = run_night(night_of(root))

    assert run.exit_code == 0
    assert states(run)["fusion"] == "held"
    assert tables_of(told_lake) == tables_of(root)
    scores = [pl.read_parquet(path / "nightly" / "scores" / f"{DATE}.parquet") for path in (told_lake, root)]
    assert scores[0].equals(scores[1])
    assert run.report["snapshot_before"] == Lake(hazard_lake).snapshot().number


def test_a_needed_step_that_fails_stops_those_that_read_it_and_no_other(hazard_lake, copy_of):
    """A file of the minutes is broken: nothing can be fused nor scored; settlements are told, and so is the failure."""
    root = copy_of(hazard_lake)
    damage(root, CANDLES_DENSE)

    run = run_night(night_of(root), Asked(skip=("hazard", "publish")))

    said = states(run)
    named = ("settlements", "fusion", "scores", "report")
    assert [said[name] for name in named] == ["done", "failed", "skipped", "done"]
    assert run.exit_code == 1
    assert any("fusion failed" in words for words in lines(run, "failed_step"))


def test_an_optional_step_that_fails_stops_nothing_and_is_told(hazard_lake, copy_of):
    """The same failure of a step that may fail."""
    root = copy_of(hazard_lake)
    damage(root, CANDLES_DENSE)

    run = run_night(night_of(root, said={"optional": ["fusion"]}), Asked(skip=("hazard", "publish")))

    assert (states(run)["fusion"], states(run)["scores"]) == ("failed", "done")
    assert run.exit_code == 0
    assert any("fusion failed" in words for words in lines(run, "failed_step"))


def test_a_check_that_refuses_ends_with_three(hazard_lake, copy_of, put):
    """Weather that does not sum to one is not carried into fused minutes: the lake stays as it was."""
    root = copy_of(hazard_lake)
    minutes = Lake(root).snapshot().read(PMF_MINUTE, PLACE).select(PMF_MINUTE.schema.names())
    put(root, PMF_MINUTE, minutes.with_columns(pl.col("p_wx") / 2), PLACE)
    before = tables_of(root)

    run = run_night(night_of(root), Asked(only=("fusion",), skip=("publish",)))

    assert (states(run)["fusion"], run.exit_code) == ("refused", 3)
    assert before == tables_of(root)


def test_one_night_at_a_time(hazard_lake, copy_of):
    """The second says who runs, and ends at once."""
    root = copy_of(hazard_lake)
    night = night_of(root)

    with (
        writer_lock(night.paths.lock, purpose="the night of another date"),
        pytest.raises(LakeBusy, match=r"another night runs: process \d+, the night of another date"),
    ):
        run_night(night)

    assert not night.paths.night(DATE).exists()


def test_a_full_disk_is_told_in_the_room_of_the_ballast(hazard_lake, copy_of, monkeypatch):
    """The step fails, the ballast gives its room back, and the report of it is written in that."""
    root = copy_of(hazard_lake)
    night = night_of(root)
    from warehouse.lake import staging

    write_new = staging.write_new

    def fill(path, content):
        if night.paths.ballast.exists():
            assert night.paths.ballast.stat().st_size == BALLAST_BYTES
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_new(path, content)

    monkeypatch.setattr(staging, "write_new", fill)
    run = run_night(night, Asked(only=("fusion",), skip=("publish",)))

    assert (states(run)["fusion"], states(run)["report"], run.exit_code) == ("failed", "done", 1)
    assert len(lines(run, "disk_full")) == 1
    assert not night.paths.ballast.exists()


def test_a_day_that_comes_late_is_told_and_what_follows_from_it_is_made_again(hazard_lake, told_lake, copy_of, put):
    """Reports of the eve were missing last night: grids, weather, fusion and scores are made again of them."""
    root, eve = copy_of(hazard_lake), Partition("chicago", DATE - timedelta(days=1))
    whole = Lake(root).snapshot().read(OBS, eve).select(OBS.schema.names())
    put(root, OBS, whole.head(whole.height // 2), eve)
    run_night(night_of(root))
    put(root, OBS, whole, eve)

    run = run_night(night_of(root))

    (late,) = lines(run, "late_data")
    assert f"{eve.event_date} came late: chicago +" in late
    (hint,) = [one["hint"] for one in run.report["lines"] if one["kind"] == "late_data"]
    assert "what models said of it stays as it was said" in hint
    assert {"dense", "hazard", "fusion", "scores"} <= {name for name, state in states(run).items() if state == "done"}
    ours, theirs = tables_of(root), tables_of(told_lake)
    assert {name for name in ours if ours[name] != theirs[name]} <= {PMF_DEGREES.name, PMF_MINUTE.name}
    assert_same_weather(told_lake, root)


def assert_same_weather(one, other) -> None:
    """Days that are run with others beside them come to the same but for the last digits: the grid is that of all."""
    places = Lake(one).snapshot().partitions(PMF_DEGREES.name)
    for place in places:
        said, again = (Lake(root).snapshot().read(PMF_DEGREES, place) for root in (one, other))
        assert said["inputs_sha256"].to_list() == again["inputs_sha256"].to_list()
        minutes, told = (
            Lake(root).snapshot().read(PMF_MINUTE, place).sort("market_ticker", "ts_utc") for root in (one, other)
        )
        assert minutes["p_wx"].to_numpy() == pytest.approx(told["p_wx"].to_numpy(), abs=1e-6, nan_ok=True)


def test_a_settlement_that_is_corrected_after_it_was_published_is_told(told_lake, copy_of, put):
    """The newest final report moves; the label, by which markets were paid, does not."""
    root = copy_of(told_lake)
    held = Lake(root).snapshot().read(SETTLEMENTS, PLACE).select(SETTLEMENTS.schema.names())
    final = held.filter(source="cli").filter(pl.col("is_final")).sort("issued_utc").tail(1)
    later = pl.col("issued_utc", "known_utc") + pl.duration(hours=30)
    correction = final.with_columns(later, pl.col("high_f") - 2, is_correction=True)
    put(root, SETTLEMENTS, pl.concat([held, correction]), PLACE)

    run = run_night(night_of(root), Asked(skip=("publish",)))

    (told,) = lines(run, "corrected_settlement")
    assert f"chicago {DATE}: the final report now says" in told
    assert "the label stays" in told


def test_what_nobody_had_said_is_corrected_by_nobody_and_a_label_that_moves_is_told(hazard_lake, copy_of, put):
    """A final report that comes after the market's own word is news, and no correction."""
    root = copy_of(hazard_lake)
    held = Lake(root).snapshot().read(SETTLEMENTS, PLACE).select(SETTLEMENTS.schema.names())
    by_market = held.filter(pl.col("source") == "kalshi")
    assert by_market.height
    put(root, SETTLEMENTS, by_market, PLACE)
    unreported = EarlierNight(event_date=DATE, snapshot=Lake(root).snapshot())
    put(root, SETTLEMENTS, held, PLACE)

    assert [] == corrected_lines([unreported], Lake(root).snapshot(), ("chicago",))

    put(root, SETTLEMENTS, by_market.with_columns(pl.col("high_f") + 3), PLACE)
    (line,) = corrected_lines([unreported], Lake(root).snapshot(), ("chicago",))
    high_f = by_market["high_f"][0]
    assert f"chicago {DATE}: the label was {high_f} °F last night and is {high_f + 3} °F" in line.words


def test_a_step_that_is_asked_again_and_cut_off_is_done_when_the_night_goes_on(told_lake, copy_of):
    """That it ended before, with the same inputs, says nothing of what the cut left behind."""
    root = copy_of(told_lake)

    def cut(point):
        if point == "start hazard":
            raise Cut

    with pytest.raises(Cut):
        run_night(night_of(root), Asked(only=("hazard",), again=True), on_point=cut)

    assert states(run_night(night_of(root), Asked(only=("hazard", "fusion"))))["hazard"] == "done"


def test_so_many_nights_are_kept_as_may_be(told_lake, copy_of):
    """The one that runs among them."""
    root = copy_of(told_lake)
    for days in range(1, 6):
        shutil.copytree(
            root / "nightly" / str(DATE), root / "nightly" / str(DATE - timedelta(days=days)), symlinks=True
        )

    run = run_night(night_of(root, said={"keep_reports": 3}), Asked(only=("gc",)))

    assert [DATE - timedelta(days=days) for days in (2, 1, 0)] == NightPaths(Lake(root).paths).nights()
    (gc,) = (one for one in run.outcomes if one.name == "gc")
    assert gc.figures["nights"] == 3
    again = run_night(night_of(root, said={"keep_reports": 3}), Asked(only=("gc",)))
    assert states(again)["gc"] == "not_due"


def test_a_plan_touches_nothing(hazard_lake, copy_of):
    """Every step is named with whether it is due and why."""
    root = copy_of(hazard_lake)
    files = sorted(root.rglob("*"))

    plan = {one.step.name: one for one in plan_of(night_of(root), Asked(skip=("gc",)))}

    assert list(plan) == [step.name for step in STEPS]
    assert (plan["ingest"].state, plan["hazard"].state, plan["gc"].state) == (State.NOT_DUE, "due", State.SKIPPED)
    assert all(one.why for one in plan.values())
    assert files == sorted(root.rglob("*"))


def test_an_unknown_step_is_named():
    """A slip in a name is a usage error."""
    with pytest.raises(Usage, match="there is no step 'hazzard'"):
        Asked(only=("hazzard",))
