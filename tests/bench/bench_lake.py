"""The lake from outside: building two weeks of seven cities, and asking and changing a lake of seven cities and a year.

The year's lake is kept in build/bench-lake between runs (the first run builds it, which takes some minutes).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import psutil
from measure import Measure, best_of, report

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipelines.build import build_demo, demo_world  # noqa: E402
from warehouse.lake.store import Lake, Snapshot  # noqa: E402
from warehouse.lake.tables import CANDLES_DENSE, Partition  # noqa: E402
from warehouse.lake.writer import write  # noqa: E402

YEAR_LAKE = ROOT / "build" / "bench-lake"
CITY = "chicago"
EVENT = date(2026, 7, 1)


class PeakMemory:
    """Watch this process and its children; `gb` is the largest sum of their resident sizes."""

    def __enter__(self) -> PeakMemory:
        self.gb, self._stop = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.05):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.gb = max(self.gb, total / 1024**3)


def run() -> list[Measure]:
    """Measure the build of two weeks, then everything that is promised of a year."""
    snapshot = year_lake()
    return [
        build_two_weeks(),
        *ask_for_an_event(snapshot),
        scan_a_year(snapshot),
        publish_one_partition(snapshot),
        size_of_a_row(snapshot),
    ]


def year_lake() -> Snapshot:
    """Return the lake of seven cities and a year, building it once."""
    lake = Lake(YEAR_LAKE)
    if lake.current_number() is None:
        began = time.perf_counter()
        build_demo(demo_world(days=365, seed=7, books=False), YEAR_LAKE)
        print(f"(built the year's lake in {time.perf_counter() - began:.0f} s)")
    return lake.snapshot()


def build_two_weeks() -> Measure:
    """Build the demo lake end to end, checks included; the baseline is one process, and must give the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        with PeakMemory() as memory:
            built = build_demo(demo_world(), Path(folder) / "lake")
        alone = build_demo(demo_world(), Path(folder) / "alone", workers=1)
        assert hashes(built.snapshot) == hashes(alone.snapshot)
    rows = sum(built.written.values())
    return Measure(
        name="demo lake, 7 cities x 14 days, checked",
        ours_s=built.seconds,
        baseline_s=alone.seconds,
        ratio=alone.seconds / built.seconds,
        target="<= 60 s and <= 2 GB",
        note=f"{rows:,} rows, peak {memory.gb:.2f} GB over all processes; baseline: one process, same bytes",
        holds=built.seconds <= 60 and memory.gb <= 2,
    )


def hashes(snapshot: Snapshot) -> dict[str, str]:
    """Return the hash of every table of a snapshot."""
    return {name: entry.sha256 for name, entry in snapshot.manifest.tables.items()}


def ask_for_an_event(snapshot: Snapshot) -> list[Measure]:
    """One event out of a year: by SQL through the widest view, and by the Python API from its folder."""
    question = f"from minute_panel_full where city = '{CITY}' and event_date = '{EVENT}'"
    with snapshot.connect() as con:
        by_sql_s, panel = best_of(5, lambda: con.sql(question).pl())
    by_api_s, dense = best_of(5, lambda: snapshot.read(CANDLES_DENSE, Partition(CITY, EVENT)))
    by_hand_s, everything = best_of(
        1, lambda: pd.read_parquet(table_folder(snapshot, "candles_dense"), filters=[("city", "==", CITY)])
    )
    same = everything[everything["date"].astype(str) == str(EVENT)].sort_values(["market_ticker", "ts_utc"])
    require_equal(dense, same)
    require_equal(panel.select("market_ticker", "ts_utc", "minutes_since_open", "low_f", "high_f", "complete"), same)
    return [
        Measure(
            name="one event of minute_panel_full, SQL",
            ours_s=by_sql_s,
            baseline_s=by_hand_s,
            ratio=by_hand_s / by_sql_s,
            target="<= 0.5 s",
            note=f"{panel.height:,} rows x {panel.width} columns; baseline: pandas reads the city's year",
            holds=by_sql_s <= 0.5,
        ),
        Measure(
            name="one event of candles_dense, Python API",
            ours_s=by_api_s,
            baseline_s=by_hand_s,
            ratio=by_hand_s / by_api_s,
            target="<= 20 ms",
            note=f"{dense.height:,} rows",
            holds=by_api_s <= 0.020,
        ),
    ]


def scan_a_year(snapshot: Snapshot) -> Measure:
    """One city's whole year of minute_panel_base, every column, in memory, against the same panel made in pandas."""
    question = f"from minute_panel_base where city = '{CITY}'"
    with snapshot.connect() as con:
        ours_s, answer = best_of(5, lambda: con.sql(question).to_arrow_table())
        polars_s, panel = best_of(3, lambda: con.sql(question).pl())
    assert answer.num_rows == panel.height
    del answer
    baseline_s, baseline = best_of(1, lambda: panel_in_pandas(snapshot, panel.columns))
    require_equal(panel, baseline)
    ratio = baseline_s / ours_s
    return Measure(
        name="a city's year of minute_panel_base",
        ours_s=ours_s,
        baseline_s=baseline_s,
        ratio=ratio,
        target=">= 10 x and <= 4 s",
        note=f"{panel.height:,} rows x {panel.width} columns as Arrow; handed on to Polars {polars_s:.2f} s",
        holds=ratio >= 10 and ours_s <= 4,
    )


PANEL_GRID = ["city", "date", "market_ticker", "ts_utc", "yes_bid_ticks", "yes_ask_ticks", "quote_age_minutes"]
PANEL_GRID += ["price_high_ticks", "price_low_ticks", "price_close_ticks", "last_price_ticks"]
PANEL_GRID += ["volume_centi", "open_interest_centi", "complete"]
PANEL_LISTING = ["market_ticker", "event_ticker", "strike_type", "floor_strike", "cap_strike"]
PANEL_LISTING += ["low_f", "high_f", "bracket_order", "open_utc", "close_utc"]


def panel_in_pandas(snapshot: Snapshot, columns: list[str]) -> pd.DataFrame:
    """Make the panel as one does in pandas: merge, group by market, shift, roll."""
    grid = table_folder(snapshot, "candles_dense")
    frame = pd.read_parquet(grid, columns=PANEL_GRID, filters=[("city", "==", CITY)])
    markets = pd.read_parquet(table_folder(snapshot, "markets"), columns=PANEL_LISTING, filters=[("city", "==", CITY)])
    frame = frame.merge(markets, on="market_ticker").sort_values(["market_ticker", "ts_utc"], ignore_index=True)
    frame["event_date"] = pd.to_datetime(frame["date"].astype(str))
    add_prices(frame)
    add_clocks(frame)
    by_market = frame.groupby("market_ticker", sort=False)
    frame["velocity"] = by_market["mid_prob"].diff()
    frame["acceleration"] = by_market["velocity"].diff()
    frame["volume"] = frame["volume_centi"] / 100
    frame["volume_delta"] = by_market["volume"].diff().fillna(frame["volume"])
    frame["volume_20m"] = by_market["volume"].rolling(20, min_periods=1).sum().reset_index(level=0, drop=True)
    frame["open_interest"] = frame["open_interest_centi"] / 100
    return frame[columns]


def add_prices(frame: pd.DataFrame) -> None:
    """Turn ticks into probabilities, and an empty side into none."""
    bid, ask = frame["yes_bid_ticks"] / 10_000, frame["yes_ask_ticks"] / 10_000
    two_sided = (bid > 0) & (ask < 1) & (bid <= ask)
    frame["bid_prob"], frame["ask_prob"] = bid.where(bid > 0), ask.where(ask < 1)
    frame["last_prob"] = frame["last_price_ticks"] / 10_000
    bounded = frame["last_prob"].clip(bid, ask).where(bid <= ask, frame["last_prob"])
    frame["mid_prob"] = ((bid + ask) / 2).where(two_sided, bounded)
    frame["price_source"] = np.where(two_sided, "mid", np.where(frame["last_prob"].notna(), "last", None))
    frame["spread_prob"] = (ask - bid).where(two_sided)
    span = (frame["price_high_ticks"] - frame["price_low_ticks"]).replace(0, np.nan)
    frame["clv"] = (frame["price_close_ticks"] - frame["price_low_ticks"]) / span


def add_clocks(frame: pd.DataFrame) -> None:
    """Add the wall clock and the minutes since open and to close."""
    frame["ts_local"] = frame["ts_utc"].dt.tz_convert("America/Chicago").dt.tz_localize(None)
    frame["local_date"] = frame["ts_local"].dt.normalize()
    frame["minutes_since_open"] = (frame["ts_utc"] - frame["open_utc"]).dt.total_seconds() // 60
    frame["minutes_to_close"] = (frame["close_utc"] - frame["ts_utc"]).dt.total_seconds() // 60


def require_equal(panel: pl.DataFrame, baseline: pd.DataFrame) -> None:
    """Refuse to compare the speed of two different answers."""
    ordered = panel.sort("market_ticker", "ts_utc")
    assert ordered.height == len(baseline) > 10_000
    for name in (name for name, dtype in ordered.schema.items() if dtype == pl.String and name != "city"):
        assert ordered[name].fill_null("").to_list() == baseline[name].fillna("").tolist(), f"{name} differs"
    for name in (name for name, dtype in ordered.schema.items() if dtype.is_temporal() and name in baseline.columns):
        theirs = pl.Series(name, baseline[name].to_numpy(dtype="datetime64[us]")).dt.epoch("us")
        assert ordered[name].dt.epoch("us").equals(theirs), f"{name} differs"
    for name in (name for name, dtype in ordered.schema.items() if dtype.is_numeric() or dtype == pl.Boolean):
        theirs = pl.Series(name, baseline[name].to_numpy(dtype=float, na_value=np.nan), nan_to_null=True)
        difference = (ordered[name].cast(pl.Float64) - theirs).abs().max()
        assert ordered[name].is_null().equals(theirs.is_null()), f"{name} is null elsewhere"
        assert difference is None or difference < 1e-8, f"{name} differs by {difference}"


def publish_one_partition(snapshot: Snapshot) -> Measure:
    """Change one day of one table in a second lake of the same files (hard links, so that the copy costs nothing).

    The baseline makes the next state of the lake as one does without snapshots that share files: it copies every table
    and writes the changed day with pandas.
    """
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        copy = Path(folder) / "lake"
        shutil.copytree(
            snapshot.paths.root, copy, symlinks=True, copy_function=lambda old, new: Path(new).hardlink_to(old)
        )
        lake = Lake(copy)
        first_s, _ = publish_change(lake, EVENT)
        began = time.perf_counter()
        plain = copy_everything(lake.snapshot(), EVENT + timedelta(days=1), Path(folder) / "plain")
        baseline_s = time.perf_counter() - began
        ours_s, published = publish_change(lake, EVENT + timedelta(days=1))
        require_same_state(published, plain)
    return Measure(
        name="publishing one partition into the year",
        ours_s=ours_s,
        baseline_s=baseline_s,
        ratio=baseline_s / ours_s,
        target="<= 3 s",
        note=f"baseline: every table copied, the day written by pandas; first publish after a move {first_s:.2f} s",
        holds=ours_s <= 3,
    )


def publish_change(lake: Lake, day: date) -> tuple[float, Snapshot]:
    """Publish one changed day of candles_dense; return the seconds from asking for the lock to the switch."""
    partition = Partition(CITY, day)
    frame = lake.snapshot().read(CANDLES_DENSE, partition).with_columns(complete=pl.lit(False))
    began = time.perf_counter()
    with write(lake, purpose="bench") as writer:
        writer.put(CANDLES_DENSE, frame, partition)
        published = writer.publish()
    return time.perf_counter() - began, published


def copy_everything(snapshot: Snapshot, day: date, target: Path) -> Path:
    """Copy every table and change one day of candles_dense with pandas; wait for the disk, as a publish does."""
    for name in snapshot.manifest.tables:
        shutil.copytree(table_folder(snapshot, name), target / name)
    changed = next((target / "candles_dense" / Partition(CITY, day).path).glob("*.parquet"))
    frame = pd.read_parquet(changed, partitioning=None).assign(complete=False)
    changed.unlink()
    frame.to_parquet(changed, index=False)
    os.sync()
    return target


def require_same_state(published: Snapshot, plain: Path) -> None:
    """Refuse to compare two ways that do not end in the same rows, in every table and in the changed one by value."""
    for name, entry in published.manifest.tables.items():
        assert entry.rows == pl.scan_parquet(plain / name / "**/*.parquet").select(pl.len()).collect().item(), name
    sums = (
        "sum(mid_half_ticks), sum(volume_centi), count(*) filter (complete), min(ts_utc)::varchar, max(ts_utc)::varchar"
    )
    glob = plain / "candles_dense" / f"city={CITY}" / "date=*" / "*.parquet"
    with published.connect() as con:
        ours = con.sql(f"select {sums} from candles_dense where city = '{CITY}'").fetchall()
        assert ours == con.sql(f"select {sums} from read_parquet('{glob}')").fetchall()


def size_of_a_row(snapshot: Snapshot) -> Measure:
    """Count the bytes on disk for each dense row, all columns together, against the same rows as pandas writes them."""
    entry = snapshot.manifest.tables["candles_dense"]
    per_row = entry.bytes / entry.rows
    event = Partition(CITY, EVENT)
    ours = next(path for path in snapshot.locations("candles_dense") if str(path.parent).endswith(event.path))
    with tempfile.TemporaryDirectory() as folder:
        theirs = Path(folder) / "plain.parquet"
        pd.read_parquet(ours, partitioning=None).to_parquet(theirs, index=False)
        assert pl.read_parquet(theirs).equals(pl.read_parquet(ours, hive_partitioning=False))
        ratio = theirs.stat().st_size / ours.stat().st_size
    return Measure(
        name="Parquet bytes per dense row",
        ours_s=0.0,
        ratio=ratio,
        target="<= 8 bytes",
        note=f"{per_row:.2f} bytes over {entry.rows:,} rows; ratio of sizes: one event as pandas writes it",
        holds=per_row <= 8,
    )


def table_folder(snapshot: Snapshot, name: str) -> Path:
    """Return the hive folder of a table."""
    return snapshot.paths.version(name, snapshot.manifest.tables[name].version)


if __name__ == "__main__":
    sys.exit(report(run()))
