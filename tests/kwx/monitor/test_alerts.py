"""What asks for somebody: the live loop's alerts and the nightly run's lines, the worst first."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl

from kwx.live.health.file import RUNNING, STOPPED, Health, HealthFile, health_path
from kwx.monitor.alerts import alerts
from kwx.monitor.nightly_report import report_path
from kwx.monitor.told import Told
from kwx.plots.page import Section, Tile
from tests.kwx.monitor.test_nightly_report import REPORT
from warehouse.lake.store import Lake
from warehouse.lake.tables import SETTLEMENTS, Partition
from warehouse.lake.writer import write

MOMENT = datetime(2026, 11, 3, 12, tzinfo=UTC)


def said_by_loop(root, **said):
    """Write a health file."""
    HealthFile(path=health_path(Lake(root))).write(
        Health(**{"state": RUNNING, "mode": "paper", "tick_utc": MOMENT} | said)
    )


def said_by_nightly(root, **said):
    """Write a report."""
    path = report_path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(REPORT | said))


def test_where_nothing_ran_nothing_asks_and_that_is_said(tmp_path):
    """The page names what would run."""
    told = alerts(Lake(tmp_path), MOMENT)

    assert [] == told.figures["alerts"]
    assert ["none"] == [tile.value for tile in told.tiles]
    assert "kwx shadow" in told.section.html()
    assert "kwx nightly" in told.section.html()


def test_alerts_of_loop_and_nightly_stand_by_how_bad_they_are(tmp_path):
    """A failed step is as bad as a critical alert."""
    said_by_loop(tmp_path, alerts=("spool (warning) since 11:00Z: waits", "halted (critical) since 11:00Z: halted"))
    said_by_nightly(tmp_path)

    told = alerts(Lake(tmp_path), MOMENT)

    assert ["alarm", "alarm", "warn", "warn"] == [one["state"] for one in told.figures["alerts"]]
    assert ["alarm"] == [tile.state for tile in told.tiles]
    assert "kwx ingest obs --source vc" in told.section.html()


def a_lake(root, source):
    """Publish a settlement of a source, real or simulated."""
    said = {"source": "cli", "issued_utc": MOMENT, "known_utc": MOMENT, "high_f": 50, "is_final": True}
    row = dict.fromkeys(SETTLEMENTS.schema) | said | {"is_correction": False}
    rows = pl.DataFrame([row], schema=SETTLEMENTS.schema)
    with write(Lake(root), purpose="test") as writer:
        writer.put(SETTLEMENTS, rows, Partition("chicago", date(2026, 11, 1)))
        writer.publish(sources={source: "a test"})
    return Lake(root)


def missed(lake, moment) -> list[str]:
    return [one["words"] for one in alerts(lake, moment).figures["alerts"] if one["words"].startswith("no night")]


def test_a_night_that_did_not_run_is_an_alarm(tmp_path):
    """The last report is green, and older than it may be; of a simulated lake no night falls by the clock."""
    real, demo = a_lake(tmp_path / "real", "vendors"), a_lake(tmp_path / "demo", "demo")
    for lake in (real, demo):
        said_by_nightly(lake.paths.root, date="2026-11-01", exit_code=0, steps=[], lines=[])

    assert [] == missed(real, MOMENT)
    (words,) = missed(real, MOMENT + timedelta(days=1))
    assert "since that of 2026-11-01, 3 days before 2026-11-04" in words
    assert [] == missed(demo, MOMENT + timedelta(days=1))


def test_a_real_lake_without_any_night_is_an_alarm(tmp_path):
    """Nobody enabled the timer."""
    assert ["no night has left a report"] == missed(a_lake(tmp_path / "real", "vendors"), MOMENT)
    assert [] == missed(a_lake(tmp_path / "demo", "loopback"), MOMENT)


def test_a_failed_step_that_has_its_line_is_told_once(tmp_path):
    """The line says more."""
    line = {"kind": "failed_step", "words": "ingest failed: vc did not answer", "hint": "kwx ingest obs"}
    said_by_nightly(tmp_path, lines=[line])

    (found,) = alerts(Lake(tmp_path), MOMENT).figures["alerts"]

    assert ("alarm", "failed step: ingest failed: vc did not answer") == (found["state"], found["words"])


def test_a_loop_that_says_it_runs_and_does_not_look_is_an_alarm(tmp_path):
    """Its file stays as it was when it died."""
    said_by_loop(tmp_path, tick_utc=MOMENT - timedelta(minutes=5))

    (found,) = alerts(Lake(tmp_path), MOMENT).figures["alerts"]

    assert "alarm" == found["state"]
    assert "300 s" in found["words"]


def test_a_loop_that_has_stopped_asks_for_nobody(tmp_path):
    """Somebody stopped it."""
    said_by_loop(tmp_path, state=STOPPED, tick_utc=MOMENT - timedelta(days=1))

    assert [] == alerts(Lake(tmp_path), MOMENT).figures["alerts"]


def test_a_broken_file_is_told_as_what_it_is(tmp_path):
    """It is no calm lake."""
    said_by_nightly(tmp_path, steps="none")

    told = alerts(Lake(tmp_path), MOMENT)

    assert "report.json" in told.failed
    assert ["alarm"] == [tile.state for tile in told.tiles]


def test_words_of_others_are_escaped(tmp_path):
    """Whatever a vendor or a file says is text."""
    said_by_loop(tmp_path, alerts=("<script>alert(1)</script> (critical)",))

    page = alerts(Lake(tmp_path), MOMENT).section.html()

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_what_stands_out_elsewhere_on_the_page_asks_for_somebody_too(tmp_path):
    """A page that says that sources are late does not say that nothing asks for anybody."""
    late = Tile(label="sources", value="2 late", note="obs metar, trades", state="warn")
    fine = Tile(label="oldest fit", value="3 d", note="law of the air", state="ok")
    others = [Told(name="freshness", section=Section(title="Freshness of the data", parts=[]), tiles=[late, fine])]

    told = alerts(Lake(tmp_path), MOMENT, others)

    assert ["sources: 2 late, obs metar, trades"] == [one["words"] for one in told.figures["alerts"]]
    assert ["1 open"] == [tile.value for tile in told.tiles]
    assert "Nothing asks for anybody" not in told.section.html()
