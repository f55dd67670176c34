"""`kwx audit coverage`: the calendar, the counts, every form; and the command that it names mends the lake."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest

from kwx.audits.coverage.cells import CELLS, State
from kwx.audits.finding import Finding
from kwx.audits.repair import OF_CODE, OF_SERVER
from kwx.cli.audit_coverage_told import SIGNS
from kwx.cli.audit_found import tell_findings
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, TRADES, Partition
from warehouse.lake.writer import write

PLACE = Partition("chicago", date(2026, 11, 1))


def test_a_whole_lake_has_a_calendar_of_whole_days(command, demo_lake):
    """One sign a day, at its place in the month; the table counts the states; every line fits a page."""
    code, out, err = command("audit", "coverage", lake=demo_lake)

    lines = out.splitlines()
    assert (0, "") == (code, err)
    assert "         1    6    11   16   21   26   31" in lines[1]
    assert f"chicago  2026-10  {' ' * 29}██" in lines
    assert "nyc      2026-11  ██" in lines
    assert "obs            metar      8      8        0     0      0        0  100%   100%" in map(str.rstrip, lines)
    assert "nothing that is owed is missing, thin or stale" in out
    assert max(map(len, map(str.rstrip, lines))) <= 120


@pytest.mark.parametrize(
    ("repair", "note"),
    [
        (f"kwx ingest obs --city nyc --again{OF_SERVER}", "URL is the address of the demo server that filled the lake"),
        (OF_CODE, "git status tells what in this copy of kwx is not as it was published"),
    ],
)
def test_a_repair_that_needs_a_word_has_it_once_below(capsys, repair, note):
    """What a person has to put in its place, and where the code is that is to be looked at."""
    ours = [Finding(part="obs", city=city, since=None, until=None, what="w", found=1, repair=repair) for city in "ab"]

    tell_findings(ours, clean="all is well")

    out = capsys.readouterr().out
    assert (2, 1) == (out.count(f"mend: {repair}"), out.count(note))


def test_a_gap_has_its_sign_and_its_mending_which_mends_it(command, copied, put):
    """Minutes that are cut short are laid out anew by the very words of the finding."""
    rows = Lake(copied).snapshot().read(CANDLES_DENSE, PLACE).select(CANDLES_DENSE.schema.names())
    put(copied, CANDLES_DENSE, rows.head(9_000), PLACE)

    code, out, _ = command("audit", "coverage", lake=copied)
    said = "kwx lake dense --city chicago --since 2026-11-01 --until 2026-11-01"
    assert 3 == code
    assert "chicago  2026-11  ▒█" in out
    assert "  chicago 2026-11-01: candles_dense: thin (1); 2026-11-01: 9,000 of 14,400 minutes" in out
    assert f"    mend: {said}\n" in out

    assert 0 == command(*said.split()[1:], lake=copied)[0]
    assert 0 == command("audit", "coverage", lake=copied)[0]


def test_every_form_holds_every_cell(command, copied, tmp_path):
    """JSON has the findings beside them, the chart a panel for each city."""
    with write(Lake(copied), purpose="test") as writer:
        writer.drop(TRADES, PLACE)
        writer.publish()
    files = ("--csv", "c.csv", "--parquet", "c.parquet", "--plot", "c.html")

    code, out, _ = command("audit", "coverage", "--json", *files, lake=copied)

    said = json.loads(out)
    assert (3, False) == (code, said["passed"])
    assert {"missing": 1, "whole": 5} == said["states"]["trades"]
    assert [("trades", "chicago", "2026-11-01", "trades: missing")] == [
        (one["part"], one["city"], one["since"], one["what"]) for one in said["findings"]
    ]
    assert list(CELLS) == list(said["rows"][0])
    assert len(said["rows"]) == pl.read_csv(tmp_path / "c.csv").height == pl.read_parquet(tmp_path / "c.parquet").height
    drawn = (tmp_path / "c.html").read_text()
    assert all(word in drawn for word in ("chicago, snapshot", "nyc, snapshot", "settlements cli", "missing"))
    assert "cdn.jsdelivr" not in drawn


def test_every_state_has_a_sign_of_its_own():
    """Of one letter, so that days stay in their columns."""
    assert set(State) == set(SIGNS)
    assert len(set(SIGNS.values())) == len(SIGNS)
    assert {1} == set(map(len, SIGNS.values()))
