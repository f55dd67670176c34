"""The step against hftbacktest: the same resting maker on the same 600 markets, the same contracts and fills asserted.

Run as `python tests/bench/bench_hftbacktest.py --hft-python PATH`, where PATH is a Python in whose environment
hftbacktest is installed (`python -m venv E && E/bin/pip install hftbacktest`): it needs numba and another NumPy, so the
project does without it. The rules of the two engines coincide where a print goes through the limit and is larger than
the order: both fill it whole. hftbacktest is timed on its trading alone, compiled, its feeds laid out before.

The ratio is of one core against one core: hftbacktest trades in one thread. What ours does on all cores is a note.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_backtest import DATES, OPEN_TICKS, ORDER_CENTI, halves_of, made_bars, resting_maker
from measure import Measure, best_of, on_one_core, report

from kwx.exec.bars.bars import Bars
from kwx.exec.engine import Trace, run_bars
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules, Sizing

RATIO = 2.0
MOST_CENTI = 10**6
"""More than any market comes to, so that contracts tell the markets apart."""


def through_bars(dates: int) -> Bars:
    """Return bars in which only sellers print, through the best bid, and only purchases are wanted."""
    bars = made_bars(dates)
    minutes = bars.minutes
    sold = (minutes.volume_centi > 0) & minutes.open
    before = np.concatenate([minutes.bid_ticks[:1], minutes.bid_ticks[:-1]])
    low = np.where(sold, np.minimum(before, minutes.bid_ticks) - 100, NO_PRINT_LOW_TICKS).astype(np.int32)
    wanted = 2e4 * minutes.p_fair > minutes.bid_ticks + minutes.ask_ticks
    plain = minutes._replace(
        low_ticks=low, high_ticks=np.where(sold, low, NO_PRINT_HIGH_TICKS).astype(np.int32),
        volume_centi=np.where(sold, 50_000, 0).astype(np.int32), maker_fee_num=np.zeros_like(minutes.maker_fee_num),
        p_fair=np.where(wanted & minutes.open, minutes.p_fair, np.nan).astype(np.float32),
        minutes_to_close=np.full_like(minutes.minutes_to_close, 1_000), winner=np.full_like(minutes.winner, -1),
    )  # fmt: skip
    return replace(bars, minutes=plain)


def maker() -> Params:
    """Return the resting maker whose orders have all of a print and never grow old."""
    return resting_maker()._replace(
        fill_share=np.float32(1), max_age_minutes=np.int32(10**6), max_position_centi=np.int32(MOST_CENTI)
    )


def run(*, hft_python: Path) -> list[Measure]:
    """Measure both engines on all markets."""
    bars, rules, params = through_bars(DATES), Rules(fill=Fill.A, sizing=Sizing.SINGLE), maker()
    halves = halves_of(bars)
    with ThreadPoolExecutor(len(halves)) as pool:

        def scan() -> list[Trace]:
            return list(pool.map(lambda half: run_bars(rules, params, half), halves))

        best_of(1, scan)
        all_s, _ = best_of(5, scan)
    whole = run_bars(rules, params, bars)
    with on_one_core():
        ours_s, _ = best_of(5, lambda: run_bars(rules, params, bars))
        theirs = _hft(bars, hft_python)
    held = whole.final.position_centi.ravel() / 100
    fills = (whole.actions.made_centi != 0).sum(axis=0).ravel()
    agree = np.array_equal(held, theirs["held"]) and np.array_equal(fills, theirs["fills"])
    return [
        Measure(
            name=f"a resting maker, {bars.minutes.open.size:,} bars, one core", ours_s=ours_s,
            baseline_s=theirs["seconds"], ratio=theirs["seconds"] / ours_s, target=f">= {RATIO:.0f} x hftbacktest",
            note=f"{int(fills.sum()):,} fills of {len(fills)} markets {'equal' if agree else 'DIFFER'};"
            f" ours on all cores, {len(halves)} threads: {all_s:.4f} s",
            holds=agree and fills.sum() > 100 and theirs["seconds"] / ours_s >= RATIO,
        )
    ]  # fmt: skip


def _hft(bars: Bars, python: Path) -> dict[str, Any]:
    """Run the same markets by the other engine."""
    minutes = bars.minutes

    def of_markets(field: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(field, 0, -1).reshape(-1, len(field)))

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "markets.npz"
        np.savez(
            file, bid=of_markets(minutes.bid_ticks), ask=of_markets(minutes.ask_ticks),
            sold=of_markets(np.where(minutes.volume_centi > 0, minutes.low_ticks, 0)),
            p=of_markets(minutes.p_fair.astype(np.float64)), least_edge=OPEN_TICKS / 1e4, most=MOST_CENTI / 100,
            size=ORDER_CENTI / 100,
        )  # fmt: skip
        script = Path(__file__).with_name("hft_maker.py")
        said = subprocess.run([python, script, file], check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(said.stdout)
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hft-python", type=Path, required=True)
    sys.exit(report(run(hft_python=parser.parse_args().hft_python)))
