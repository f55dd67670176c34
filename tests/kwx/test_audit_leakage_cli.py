"""`kwx audit leakage`: what a person and a machine get, exit 3 on a leak, and a lake that is left as it was."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from kwx.audits.leakage.checks import LEAKAGE_CHECKS
from kwx.audits.leakage.look import PARTS, PREDICTIONS
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, Partition

PEEKING = """
import polars as pl
from kwx.signals.strategy import Columns, Strategy

STRATEGY = Strategy(
    name="peek", meaning="the price of the next minute", reads=("mid_prob",),
    build=lambda settings: Columns(
        p_fair=pl.col("mid_prob").shift(-1).over("market"), p_gate=pl.lit(None), score=pl.col("mid_prob") - 0.5
    ),
)
"""
DAY = date(2026, 11, 2)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """One event of Chicago without order books."""
    root = tmp_path / "tiny"
    build_demo(demo_world(days=1, until=DAY, cities=("chicago",), seed=11, books=False), root, workers=1)
    return root


def test_a_sound_lake_is_told_to_be_one(command, tiny, tmp_path):
    """The checks, what was looked at, and how much was garbled; no file of the lake is touched."""
    before = sorted((path, path.stat().st_mtime_ns) for path in tiny.rglob("*"))

    code, out, _ = command("audit", "leakage", "--samples", 1, "--plot", "l.svg", lake=tiny)

    assert 0 == code
    assert all(name in out for name in LEAKAGE_CHECKS)
    assert "  chicago 2026-11-02 at 2026-11-02T" in out
    assert "garbled rows: candles_1m" in out
    assert "nothing looks ahead: no check found a row, and none of" in out
    assert max(len(line.rstrip()) for line in out.splitlines() if not line.startswith("garbled rows")) <= 120
    assert "panel: minute_panel_full" in (tmp_path / "l.svg").read_text()
    assert before == sorted((path, path.stat().st_mtime_ns) for path in tiny.rglob("*"))


def test_a_strategy_that_looks_ahead_is_refused_by_exit_3(command, tiny, tmp_path):
    """The column, where it changes, and the file to be mended; CSV and JSON hold the same."""
    (tmp_path / "peek.py").write_text(PEEKING)
    words = ("--samples", 1, "--strategy", "peek.py", "--csv", "l.csv", "--json")

    code, out, _ = command("audit", "leakage", *words, lake=tiny)

    said = json.loads(out)
    (found,) = said["rows"]
    assert (3, False, "strategies") == (code, said["passed"], found["part"])
    assert found["what"].startswith("peek.p_fair of a minute depends on what became known after it")
    assert "peek.py; kwx audit leakage --strategy " in found["repair"]
    assert set(PARTS) - {PREDICTIONS, "evaluations"} == {one["part"] for one in said["looked"]}
    assert 1 == pl.read_csv(tmp_path / "l.csv").height


def test_checks_alone_find_what_was_written_into_the_lake_and_dense_mends_it(command, tiny, put):
    """A volume that is told five minutes early."""
    place = Partition("chicago", DAY)
    rows = Lake(tiny).snapshot().read(CANDLES_DENSE, place).select(CANDLES_DENSE.schema.names())
    put(
        tiny,
        CANDLES_DENSE,
        rows.with_columns(pl.col("volume_centi").shift(-5, fill_value=0).over("market_ticker")),
        place,
    )

    code, out, _ = command("audit", "leakage", "--samples", 0, lake=tiny)
    said = "kwx lake dense --city chicago --since 2026-11-02 --until 2026-11-02"
    assert 3 == code
    assert "chicago 2026-11-02: trades_known_in_time" in out
    assert f"    mend: {said}\n" in out
    assert "poison:" not in out

    assert 0 == command(*said.split()[1:], lake=tiny)[0]
    code, out, _ = command("audit", "leakage", "--samples", 0, lake=tiny)
    assert (0, True) == (code, "no check found a row" in out)
