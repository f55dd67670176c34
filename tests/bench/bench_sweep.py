"""256 sets of settings in one pass over the bars, against as many runs one after the other: the same money, set by set.

Run as `python tests/bench/bench_sweep.py [--days 14]`. The lake is a demo one of seven cities; the strategy is `accel`,
which needs no models. A single run is a whole `backtest` that is not kept: read, step, account, measure. A few of them
are timed after one that compiles, and their mean is taken 256 times; both sides must say the same net gain, fees and
fills of each, for which no date is held out. The second line leaves reading and accounting out: steps of 64 sets at
once, and 64 times one's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

from measure import Measure, best_of, report

from kwx.backtest.run import Wish, backtest, set_up
from kwx.backtest.sweep.asked import Question, asked_of
from kwx.backtest.sweep.run import Swept, sweep
from kwx.backtest.sweep.tries import merged, stacked, tries_of
from kwx.config.yaml_text import parsed
from kwx.exec.bars.read import read_bars
from kwx.exec.engine import run_bars, tally_bars
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake

UNTIL, RATIO = date(2026, 11, 4), 10.0
SINGLES = (0, 100, 255)
AT_ONCE = 64
WISH = Wish(
    strategy="accel", keep=False, with_sensitivity=False, said={"trade": {"sizing": "single", "min_score": 1.0}}
)  # fmt: skip
SWEEP = """
trade.taker_thresh_cents: [1, 2, 3, 5]
trade.maker_thresh_cents: [0.5, 1, 2, 4]
risk.kelly_alpha: {from: 0.05, to: 0.4, steps: 4, scale: log}
risk.tau_close_cents: [0.25, 0.5, 0.75, 1]
"""


def run(*, days: int = 14) -> list[Measure]:
    """Measure a sweep from the lake to its leaderboard, and the steps alone."""
    question = asked_of(parsed(SWEEP, file="sweep"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        build_demo(demo_world(days=days, until=UNTIL, seed=7), root)
        swept_s, swept = best_of(1, lambda: sweep(question, WISH, root, held_out=0))
        single_s = _singles(question, swept, root)
        sets = len(question.trials)
        return [
            Measure(
                name=f"{sets} sets of settings, {days} dates of 7 cities", ours_s=swept_s, baseline_s=sets * single_s,
                ratio=sets * single_s / swept_s, target=f">= {RATIO:.0f} x",
                note=f"lake to leaderboard, compilation included; runs extrapolated from {len(SINGLES)} of"
                f" {single_s:.2f} s",
                holds=sets * single_s / swept_s >= RATIO,
            ),
            _steps(question, root),
        ]  # fmt: skip


def _singles(question: Question, swept: Swept, root: Path) -> float:
    """Return the mean time of a single run; refuse runs that say anything else than their set."""
    rows = {row["set"]: row for row in swept.board.rows.iter_rows(named=True)}
    backtest(WISH, root)
    seconds = []
    for place in SINGLES:
        wish = replace(WISH, said=merged(WISH.said, question.trials[place].said))
        took_s, done = best_of(1, lambda wish=wish: backtest(wish, root))
        seconds.append(took_s)
        own, row = done.measured.metrics, rows[place]
        said = (own.net_micros, own.fees_micros, own.maker.fills, own.taker.fills)
        assert said == tuple(row[name] for name in ("net_micros", "fees_micros", "maker_fills", "taker_fills"))
        assert own.maker.fills + own.taker.fills > 0
    return sum(seconds) / len(seconds)


def _steps(question: Question, root: Path) -> Measure:
    setup = set_up(WISH, Lake(root).snapshot())
    bars = read_bars(setup.plan, setup.signals)
    tries, _ = tries_of(WISH, replace(question, trials=question.trials[:AT_ONCE]))
    params = stacked(tries, bars.cities, length=AT_ONCE)
    run_bars(setup.rules, setup.params, bars), tally_bars(setup.rules, params, bars)
    one_s, _ = best_of(2, lambda: run_bars(setup.rules, setup.params, bars))
    all_s, _ = best_of(1, lambda: tally_bars(setup.rules, params, bars))
    return Measure(
        name=f"the steps of {AT_ONCE} sets alone", ours_s=all_s, baseline_s=AT_ONCE * one_s,
        ratio=AT_ONCE * one_s / all_s, target=">= 1 x", note="what the arrays gain without the reading",
        holds=all_s <= AT_ONCE * one_s,
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=14)
    sys.exit(report(run(days=parser.parse_args().days)))
