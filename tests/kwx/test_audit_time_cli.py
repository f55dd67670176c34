"""`kwx audit time`: what a person and a machine get, in every form; and the command that it names mends the lake."""

from __future__ import annotations

import json
from datetime import date, timedelta

import polars as pl
import pytest

from kwx.audits.clocks.run import PARTS
from kwx.audits.finding import FINDINGS
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, OBS, OBS_1M, Partition

PLACE = Partition("chicago", date(2026, 11, 1))


def test_a_sound_lake_is_told_part_by_part(command, demo_lake):
    """Every part has its table, every line fits a page, and the end says that all is well."""
    code, out, err = command("audit", "time", lake=demo_lake)

    assert (0, "") == (code, err)
    assert all(f"{part}: " in out for part in PARTS)
    assert "2026-11-01  -60 min           25     1440    288" in out
    assert "snapshot 1: every clock agrees" in out
    assert max(map(len, map(str.rstrip, out.splitlines()))) <= 120


def test_what_is_wrong_is_told_with_its_mending_which_mends_it(command, copied, put):
    """A grid without its first hour is made anew by the very words of the finding."""
    rows = Lake(copied).snapshot().read(OBS_1M, PLACE).select(OBS_1M.schema.names())
    put(copied, OBS_1M, rows.slice(60), PLACE)

    code, out, _ = command("audit", "time", lake=copied)
    said = "kwx lake dense --city chicago --since 2026-11-01 --until 2026-11-01"
    assert 3 == code
    assert "  chicago 2026-11-01: obs_1m is not one row for every step of the day (1); 2026-11-01: 1380 of 1440" in out
    assert f"    mend: {said}\n" in out

    assert 0 == command(*said.split()[1:], lake=copied)[0]
    assert 0 == command("audit", "time", lake=copied)[0]


def test_a_demo_world_is_mended_by_building_it_again(command, copied, put):
    """Rows of its vendors cannot be asked for: the command says how it was built, and the lake."""
    rows = Lake(copied).snapshot().read(OBS, PLACE).select(OBS.schema.names())
    put(copied, OBS, rows.with_columns(known_utc="ts_utc"), PLACE)

    code, out, _ = command("audit", "time", "--json", "--lake", copied)
    found = json.loads(out)["rows"]
    repairs = {one["repair"] for one in found if one["part"] == "known when"}
    (said,) = repairs
    assert 3 == code
    assert said.startswith(
        "kwx lake build --demo --days 3 --until 2026-11-02 --seed 11 --efficiency 0.8 --city chicago"
    )

    assert 0 == command(*said.split()[1:])[0]
    assert 0 == command("audit", "time", "--lake", copied)[0]


def test_every_form_holds_the_findings(command, copied, put, tmp_path):
    """JSON has the parts too; the chart shows each source's lags beside the model."""
    rows = Lake(copied).snapshot().read(MARKETS, PLACE).select(MARKETS.schema.names())
    put(copied, MARKETS, rows.with_columns(pl.col("close_utc") - timedelta(hours=2)), PLACE)
    files = ("--csv", "t.csv", "--parquet", "t.parquet", "--plot", "t.svg")

    code, out, _ = command("audit", "time", "--city", "chi", "--since", "2026-11-01", "--json", *files, lake=copied)

    said = json.loads(out)
    assert (3, False, list(PARTS)) == (code, said["passed"], list(said["parts"]))
    assert {"markets close at an instant of no law of the exchange"} <= {one["what"] for one in said["rows"]}
    assert list(FINDINGS) == list(said["rows"][0])
    assert len(said["rows"]) == pl.read_csv(tmp_path / "t.csv").height == pl.read_parquet(tmp_path / "t.parquet").height
    assert "forecasts nbm" in (tmp_path / "t.svg").read_text()


@pytest.mark.parametrize("sub", ["time", "coverage", "leakage"])
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--city", "atlantis"), 2, "not in the registry"),
        (("--city", "denver"), 3, "kwx lake status shows what there is"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), 2, "ends before it begins"),
        (("--plot", "a.gif"), 2, "a chart ends in"),
    ],
)
def test_what_cannot_be_answered_is_refused(command, demo_lake, sub, words, code, said):
    """Exit 2 for what cannot be meant, 3 for what the lake does not hold: of all three audits."""
    found, _, err = command("audit", sub, *words, lake=demo_lake)

    assert code == found
    assert said in " ".join(err.split())


@pytest.mark.parametrize("sub", ["time", "coverage", "leakage"])
def test_each_has_help_with_an_example_and_every_form(command, sub):
    """`--help` ends in something to copy."""
    code, out, _ = command("audit", sub, "--help")

    assert 0 == code
    assert f"Example:  kwx audit {sub} " in out
    assert all(
        word in out for word in ("--city", "--since", "--until", "--json", "--csv", "--parquet", "--plot", "--lake")
    )
