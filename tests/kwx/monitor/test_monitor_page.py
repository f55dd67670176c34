"""The page of a lake: its figures worked out another way, what it says of itself, and what it does with half a lake."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime

import duckdb
import numpy as np
import polars as pl
import pytest

from kwx.monitor.look import DAYS, Wish
from kwx.monitor.page import page_of
from kwx.monitor.recent import Recent
from kwx.monitor.write import write_page
from tests.kwx.monitor.conftest import MOMENT, TODAY
from warehouse.errors import KwxError, NoSnapshot, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, OBS_5M, PMF_DEGREES, SETTLEMENTS
from warehouse.lake.writer import write

MOST_BYTES = 3_000_000
COMMAND = re.compile(r"kwx [a-z]")


def globbed(root, table):
    """Return what to select from, as any tool finds it."""
    return f"read_parquet('{root}/current/{table}/city=*/date=*/*.parquet', hive_partitioning = true)"


def test_the_gain_is_that_of_the_fills_held_to_settlement(lived, page):
    """In plain SQL over the files."""
    root = lived.lake.paths.root
    (run,) = page.figures["money"]["runs"]
    net = duckdb.sql(
        f"""select sum(if(f.side = 'buy', 1, -1) * f.count_centi * (10000 * (m.result = 'yes')::integer - f.price_ticks)
            - f.fee_micros)::bigint, sum(f.fee_micros)::bigint
        from {globbed(root, "fills")} f join {globbed(root, "markets")} m using (market_ticker)"""
    ).fetchall()

    assert "shadow" == run["kind"]
    assert net == [(round(run["net_dollars"] * 1e6), round(run["fees_dollars"] * 1e6))]
    assert str(TODAY.replace(day=2)) == run["yesterday"]


def test_two_judgements_of_drift_are_told_apart(page):
    """The page looks at dates, the night at means: whoever sees one beyond its limits reads why the other is not."""
    (drift,) = [part for part in page.parts if part.name == "drift"]

    assert "by the nightly" in drift.section.html()


def test_the_brier_score_is_that_of_the_stored_rows(lived, page):
    """Hour by hour of the eve and the day, each bracket a contract."""
    rows = lived.lake.snapshot().connect().sql(
        """select event_date, avg((p_fused_norm - settled_yes::integer) ** 2) as brier, count(*) as n
        from pmf_minute join market_paid using (city, event_date, market_ticker)
        where minute(ts_utc) = 0 and p_fused_norm is not null and p_wx is not null and p_mkt is not null
        and ts_utc < event_date + interval 1 day + interval 6 hour group by all order by all"""
    ).pl()  # fmt: skip
    fused = page.figures["drift"]["sources"]["fused"]

    assert rows["event_date"].to_list() == [one["event_date"] for one in fused["brier_by_date"]]
    assert np.allclose(rows["brier"], [one["value"] for one in fused["brier_by_date"]], rtol=0, atol=1e-12)


def test_sums_and_mornings_are_those_of_the_stored_distributions(lived, page):
    """The mean of the distribution at ten of standard time, against the label."""
    snapshot = lived.lake.snapshot()
    ten = pl.col("ts_utc").dt.hour() + 0 == 16
    rows = snapshot.scan(PMF_DEGREES).filter(ten, pl.col("ts_utc").dt.minute() == 0).collect()
    ours = rows.filter(pl.col("ts_utc").dt.date() == pl.col("event_date"))
    means = {
        row["event_date"]: float(np.dot(row["p"], row["first_f"] + np.arange(len(row["p"]))))
        for row in ours.iter_rows(named=True)
    }
    labels = dict(
        snapshot.connect().sql("select event_date, label_f from settlement_label where city = 'chicago'").fetchall()
    )

    told = page.figures["hazard"]

    assert told["passed"]
    assert {day: pytest.approx(mean - labels[day]) for day, mean in means.items()} == {
        one["event_date"]: one["value"] for one in told["error_by_date"]
    }


def test_fans_are_the_quantiles_of_the_stored_distributions(lived, page):
    """The smallest degree with half of the mass at or below it."""
    chicago = next(one for one in page.figures["ladders"]["events"] if one["city"] == "chicago")
    last = lived.lake.snapshot().scan(PMF_DEGREES).sort("ts_utc").last().collect().row(0, named=True)
    median = last["first_f"] + int(np.searchsorted(np.cumsum(last["p"]), 0.5 * sum(last["p"])))

    assert (last["ts_utc"], median) == (chicago["quantiles"]["ts_utc"], chicago["quantiles"]["q50_f"])


def test_the_newest_row_of_each_source_is_told(lived, page):
    """In plain SQL over the files."""
    found = duckdb.sql(
        f"""select source, max(epoch_us(ts_utc)), max(epoch_us(known_utc))
        from {globbed(lived.lake.paths.root, "obs")} group by all"""
    ).fetchall()
    told = {
        (one["source"], round(one["newest_utc"].timestamp() * 1e6), round(one["known_utc"].timestamp() * 1e6))
        for one in page.figures["freshness"]["sources"]
        if one["table"] == "obs"
    }

    assert set(found) == told


def test_every_ladder_sums_to_one(page):
    """Of market, weather and both."""
    for event in page.figures["ladders"]["events"]:
        sums = pl.DataFrame(event["ladder"]).group_by("source").agg(pl.col("p").sum())
        assert np.allclose(sums["p"], 1, atol=1e-9), event["city"]


def test_it_says_what_it_is_of(page):
    """Snapshot, instant, dates, and how many."""
    assert f"Made {MOMENT:%Y-%m-%d %H:%M}Z of snapshot {page.snapshot}" in page.html
    assert f"the {DAYS} event dates" in page.html
    assert "too few for an interval" in page.html
    assert [] == page.failures


def test_it_stands_alone_and_is_small(page):
    """No address, no script, no more than three megabytes."""
    assert len(page.html.encode()) < MOST_BYTES
    assert not re.search(r"<script|<link|<img|@import|src=|url\((?!#)", page.html)
    assert not re.search(r"https?://(?!www\.w3\.org/)", page.html)


def test_nothing_known_later_is_on_it(lived):
    """Seen at noon of the day, nothing of it is settled, and all later rows are as if they were not there."""
    noon = datetime(2026, 11, 2, 18, tzinfo=UTC)

    told = page_of(lived.lake, Wish(), moment=noon).figures

    chicago = next(one for one in told["ladders"]["events"] if one["city"] == "chicago")
    assert chicago["high_f"] is None
    assert max(row["ts_utc"] for row in chicago["ladder"]) <= noon
    assert chicago["quantiles"]["ts_utc"] <= noon
    assert max(one["known_utc"] for one in told["freshness"]["sources"]) <= noon
    assert noon.date() not in {one["event_date"] for one in told["drift"]["sources"]["fused"]["brier_by_date"]}
    assert noon.date() not in {one["event_date"] for one in told["hazard"]["error_by_date"]}
    assert all(day["net_micros"] is None for run in told["money"]["runs"] for day in run["days"])


def test_a_lake_without_runs_weather_and_fusion_says_what_makes_them(demo_lake):
    """Each part that has nothing names a command; the others are there."""
    page = page_of(Lake(demo_lake), Wish(), moment=MOMENT)

    missing = {one.name for one in page.parts if "missing" in one.figures}

    assert {"money", "drift", "hazard", "models"} == missing
    assert all(COMMAND.search(one.section.html()) for one in page.parts if one.name in missing)
    assert "kwx hazard backfill" in page.html
    assert [] == page.failures


def test_an_empty_lake_says_how_to_fill_it_and_no_lake_is_refused(tmp_path):
    """A folder that is there may be filled; one that is not is a slip of the pen."""
    page = page_of(Lake(tmp_path), Wish(lake_said=tmp_path), moment=MOMENT)

    assert f"kwx lake build --lake {tmp_path}" in page.html
    assert page.snapshot is None
    with pytest.raises(NoSnapshot, match="does not exist"):
        page_of(Lake(tmp_path / "nowhere"), Wish(), moment=MOMENT)


def test_a_broken_file_takes_its_part_and_no_other(lived, tmp_path):
    """It is told in its place and by the command, and the rest is as it was."""
    root = tmp_path / "lake"
    shutil.copytree(lived.lake.paths.root, root, symlinks=True)
    victim = next(
        path for path in Lake(root).snapshot().locations(OBS_5M.name) if "chicago/date=2026-11-02" in str(path)
    )
    victim.chmod(0o644)
    victim.write_bytes(b"no parquet")

    page = page_of(Lake(root), Wish(), moment=MOMENT)

    assert "ladders" in {failure.partition(":")[0] for failure in page.failures}
    assert "kwx lake check" in page.html
    assert "money" not in {failure.partition(":")[0] for failure in page.failures}


def test_a_run_is_named_by_its_beginning_and_a_stranger_is_refused(lived):
    """The command line says so with its usage."""
    run_id = page_of(lived.lake, Wish(), moment=MOMENT).figures["money"]["runs"][0]["run_ids"][0]

    told = page_of(lived.lake, Wish(run=run_id[:-2]), moment=MOMENT).figures["money"]["runs"]

    assert [run_id] == told[0]["run_ids"]
    with pytest.raises(Usage, match="names no run"):
        page_of(lived.lake, Wish(run="nobody"), moment=MOMENT)


def test_recent_reads_its_dates_alone_and_the_same_rows(demo_lake):
    """By scan, by partition and by SQL."""
    snapshot = Lake(demo_lake).snapshot()
    day = snapshot.partitions(OBS_5M.name)[-1].event_date
    recent = Recent(snapshot, since=day, until=day)

    whole = snapshot.scan(OBS_5M, since=day, until=day).collect()

    assert {day} == {place.event_date for place in recent.partitions(OBS_5M.name)}
    assert whole.equals(recent.scan(OBS_5M).collect())
    assert [(whole.height,)] == recent.connect().sql("select count(*) from obs_5m").fetchall()
    assert "city=nyc/date=2026-11-01" not in " ".join(map(str, recent.locations(OBS_5M.name)))
    recent.close()


def test_the_page_is_put_in_one_step(demo_lake, tmp_path):
    """What was there before stays until the new one is whole, and no draft is left."""
    path = tmp_path / "monitor.html"
    path.write_text("before")

    assert path == write_page(demo_lake, path, moment=MOMENT)

    assert path.read_text().startswith("<!doctype html>")
    assert [path] == list(tmp_path.iterdir())
    with pytest.raises(KwxError, match="cannot be written"):
        write_page(demo_lake, tmp_path / "nowhere" / "monitor.html", moment=MOMENT)


def test_it_is_drawn_in_a_browser_on_a_desk_and_on_a_telephone(page, tmp_path, looked_at):
    """No complaint, no question to anybody else, no drawing without marks, nothing beside the window."""
    path = tmp_path / "monitor.html"
    path.write_text(page.html)

    wide, narrow = looked_at(path)

    assert len(wide.charts) == page.html.count("<svg") > 10
    assert wide.charts[0].width > 300
    assert {"Money", "Today's ladders", "Coverage"} <= set(narrow.text.splitlines())


def test_what_is_late_or_missing_is_read_on_a_telephone(demo_lake, tmp_path, looked_at):
    """Of a lake that is no demo world: each row stands in the window with its whole command, and none is tall."""
    root, donor, path = tmp_path / "lake", Lake(demo_lake).snapshot(), tmp_path / "late.html"
    with write(Lake(root), purpose="test") as writer:
        for table in (MARKETS, OBS, FORECASTS, SETTLEMENTS):
            for place in donor.partitions(table.name):
                writer.put(table, donor.read(table, place), place)
        writer.publish()
    page = page_of(Lake(root), Wish(), moment=MOMENT)
    path.write_text(page.html)

    wide, narrow = looked_at(path)

    late = [row for row in narrow.rows if " late " in row.words]
    assert len(late) == page.figures["freshness"]["late"] > 5
    assert len(page.figures["coverage"]["findings"]) > 1
    assert "--source metar --again" in narrow.text
    assert len(wide.rows) == len(narrow.rows)


def test_the_page_of_an_empty_lake_is_drawn_too(tmp_path, looked_at):
    """Its words fit on a telephone."""
    looked_at(write_page(tmp_path, tmp_path / "empty.html", moment=MOMENT))
