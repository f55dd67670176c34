"""Building the rich set of features, against one row after another in plain Python and column by column in NumPy.

Run as `python tests/bench/bench_features.py [--days 12]`. The panel is every minute of a demo lake of seven cities, as
models read it; our own probabilities, which such a lake has not, are drawn. Both baselines are written from the meaning
of each feature, not from its code: the one by rows is timed on some of them, and all must say the same.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from measure import Measure, best_of, report

from kwx.features.panel import read_panel
from kwx.features.sets import feature_set
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake
from warehouse.market.cities import CITIES

UNTIL = date(2026, 11, 4)
ROWS_PER_S, RATIO, LEAST_ROWS = 1e6, 20.0, 1_000_000
BY_ROW = 20_000
SAME = 1e-12
RICH = feature_set("elasticnet_rich")
CELSIUS = {degree_f: round((degree_f - 32) / 1.8) for degree_f in range(-80, 160)}
MEANT = {c: [f for f, celsius in CELSIUS.items() if celsius == c] for c in range(-60, 65)}
PLAIN = {
    "mid": "mid_prob", "spread": "spread_prob", "velocity": "velocity", "acceleration": "acceleration", "ras": "ras",
    "triad_mass": "triad_mass", "left_gap": "left_delta", "right_gap": "right_delta", "temp_f": "wx_temp_1m",
    "minutes_to_close": "minutes_to_close", "run_max_f": "wx_run_max_f", "dew_f": "wx_dew", "wind_mph": "wx_wind",
    "humidity_pct": "wx_humidity", "p_wx": "p_wx", "hazard_5m": "hazard_next_5m", "hazard_60m": "hazard_next_60m",
    "p_fused": "p_fused_norm",
}  # fmt: skip
ODDS = {"log_odds": "mid_prob", "log_odds_wx": "p_wx", "log_odds_fused": "p_fused_norm"}
COUNTS = {"volume_log": "volume", "volume_20m_log": "volume_20m", "minutes_to_close_log": "minutes_to_close"}


def run(*, days: int = 12) -> list[Measure]:
    """Build the features of every minute, and hold them against both baselines."""
    with tempfile.TemporaryDirectory() as folder:
        panel = _panel(Path(folder) / "lake", days)
    assert panel.height >= LEAST_ROWS, f"{panel.height:,} rows are too few: say more --days"
    assert all(panel[name].null_count() < panel.height for name in RICH.sources)
    ours_s, matrix = best_of(5, lambda: RICH.matrix(panel))
    began_s = time.process_time()
    RICH.matrix(panel)
    processor_s = time.process_time() - began_s
    columns_s, by_column = best_of(2, lambda: by_columns(panel))
    _require_same(matrix, np.column_stack([by_column[name] for name in RICH.names]), "by columns")
    some = np.sort(np.random.default_rng(1).choice(panel.height, BY_ROW, replace=False))
    rows = panel[some].select(RICH.sources).to_dicts()
    rows_s, by_row = best_of(1, lambda: [by_one_row(row) for row in rows])
    _require_same(matrix[some], np.array([[one[name] for name in RICH.names] for one in by_row]), "by rows")
    whole_s = rows_s / BY_ROW * panel.height
    rate = panel.height / ours_s
    size = f"{len(RICH.names)} features; {rate / 1e6:.2f} M rows/s, {processor_s:.2f} s of processor time"
    return [
        Measure(
            name=f"{RICH.name} of {panel.height:,} rows", ours_s=ours_s, baseline_s=whole_s, ratio=whole_s / ours_s,
            target=f">= {ROWS_PER_S / 1e6:.0f} M rows/s and >= {RATIO:.0f} x row by row", note=size,
            holds=rate >= ROWS_PER_S and whole_s / ours_s >= RATIO,
        ),
        Measure(
            name="the same, column by column in NumPy", ours_s=ours_s, baseline_s=columns_s, ratio=columns_s / ours_s,
            target=f"equal to {SAME:g}, not slower", note="one thread there", holds=columns_s >= ours_s,
        ),
    ]  # fmt: skip


def _panel(root: Path, days: int) -> pl.DataFrame:
    """Return every minute of a demo lake, with probabilities drawn for the event day and its eve."""
    build_demo(demo_world(days=days, until=UNTIL, seed=7, books=False), root)
    snapshot = Lake(root).snapshot()
    parts = [read_panel(snapshot, key, since=UNTIL - timedelta(days=days), until=UNTIL) for key in CITIES]
    panel = pl.concat(parts, rechunk=True)
    rng = np.random.default_rng(0)
    fitted = ("p_wx", "p_fused_norm", "hazard_next_5m", "hazard_next_60m")
    return panel.with_columns(
        pl.when(pl.Series(rng.uniform(size=panel.height) < 0.9))
        .then(pl.Series(rng.uniform(size=panel.height)))
        .alias(name)
        for name in fitted
    )


def _require_same(ours: np.ndarray, theirs: np.ndarray, who: str) -> None:
    """Fail where a number differs, or is known to one side only."""
    for place, name in enumerate(RICH.names):
        unknown = np.isnan(ours[:, place])
        if not (unknown == np.isnan(theirs[:, place])).all():
            raise AssertionError(f"{name} is known elsewhere {who}")
        away = np.abs(ours[~unknown, place] - theirs[~unknown, place]).max(initial=0)
        if not away <= SAME:
            raise AssertionError(f"{name} differs by {away:.2g} {who}")


def by_columns(panel: pl.DataFrame) -> dict[str, np.ndarray]:
    """Return every feature from whole columns, NaN for what is missing."""
    numbers = {
        name: panel[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name in RICH.sources
        if name not in {"city", "ts_utc"}
    }
    built = {name: numbers[source] for name, source in PLAIN.items()}
    for name, source in ODDS.items():
        p = np.clip(numbers[source], 0.001, 0.999)
        built[name] = np.log(p / (1 - p))
    built |= {name: np.log1p(numbers[source]) for name, source in COUNTS.items()}
    offset = {key: one.standard_offset_hours for key, one in CITIES.items()}
    hours = np.array([offset[key] for key in panel["city"].to_list()])
    angle = 2 * np.pi * ((panel["ts_utc"].dt.epoch("s").to_numpy() // 60 + 60 * hours) % 1440) / 1440
    built |= {"hour_sin": np.sin(angle), "hour_cos": np.cos(angle)}
    low, high, run_max = numbers["low_f"], numbers["high_f"], numbers["wx_run_max_f"]
    built |= {"run_max_to_low_f": low - 0.5 - run_max, "run_max_to_high_f": high + 0.5 - run_max}
    low, high = np.nan_to_num(low, nan=-1e4), np.nan_to_num(high, nan=1e4)
    first, last = numbers["wx_run_max_lo_f"], numbers["wx_run_max_hi_f"]
    inside = np.maximum(np.minimum(last, high) - np.maximum(first, low) + 1, 0) / (last - first + 1)
    built["run_max_inside"] = inside
    celsius = np.rint((last - 32) / 1.8) + 1
    first, last = np.ceil(1.8 * (celsius - 0.5) + 32), np.floor(1.8 * (celsius + 0.5) + 32)
    degrees = [(first, np.ones(len(first))), (last, last > first)]
    total = sum(there for _, there in degrees)
    inside = sum(there * ((degree >= low) & (degree <= high)) for degree, there in degrees) / total
    place = sum(there * ((degree > high) * 1.0 - (degree < low)) for degree, there in degrees) / total
    on_eve = np.isnan(run_max)
    return built | {
        "next_celsius_inside": np.where(on_eve, np.nan, inside), "next_celsius_place": np.where(on_eve, np.nan, place),
    }  # fmt: skip


def by_one_row(row: dict) -> dict[str, float]:
    """Return every feature of one row, as one says it."""

    def told(name: str) -> float:
        return math.nan if row[name] is None else float(row[name])

    def shares(degrees: list[int]) -> tuple[float, float]:
        low = -math.inf if row["low_f"] is None else row["low_f"]
        high = math.inf if row["high_f"] is None else row["high_f"]
        sides = [(degree > high) - (degree < low) for degree in degrees]
        return sides.count(0) / len(sides), sum(sides) / len(sides)

    built = {name: told(source) for name, source in PLAIN.items()}
    for name, source in ODDS.items():
        p = min(max(told(source), 0.001), 0.999) if row[source] is not None else math.nan
        built[name] = math.log(p) - math.log1p(-p)
    built |= {name: math.log1p(told(source)) for name, source in COUNTS.items()}
    local = row["ts_utc"] + CITIES[row["city"]].standard_offset
    angle = 2 * math.pi * (60 * local.hour + local.minute) / 1440
    built |= {"hour_sin": math.sin(angle), "hour_cos": math.cos(angle)}
    built["run_max_to_low_f"] = told("low_f") - 0.5 - told("wx_run_max_f")
    built["run_max_to_high_f"] = told("high_f") + 0.5 - told("wx_run_max_f")
    names = ("run_max_inside", "next_celsius_inside", "next_celsius_place")
    if row["wx_run_max_hi_f"] is None:
        return built | dict.fromkeys(names, math.nan)
    running = range(row["wx_run_max_lo_f"], row["wx_run_max_hi_f"] + 1)
    following = MEANT[CELSIUS[row["wx_run_max_hi_f"]] + 1]
    return built | dict(zip(names, (shares(list(running))[0], *shares(following)), strict=True))


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=12)
    return report(run(days=parser.parse_args().days))


if __name__ == "__main__":
    sys.exit(main())
