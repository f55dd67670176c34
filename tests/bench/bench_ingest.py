"""Ingest: the tape of a year and a half replayed into a lake, and the exchange's rate limit used but never passed.

The replay is held against pandas doing the same its own way: minute candles by group, one Parquet file for each event's
trades and candles. Pandas checks, hashes, syncs and publishes nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import threading
import time
import urllib.request
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import polars as pl
import psutil
from measure import Measure

from pipelines.archive import RawArchive
from pipelines.asking.secrets import Secrets
from pipelines.build import demo_world
from pipelines.demo.wire import Limits, serve
from pipelines.http import Client
from pipelines.ingest.fetch import fetch
from pipelines.ingest.run import replay_folder
from pipelines.kalshi import calls
from pipelines.vendors import loopback
from warehouse.lake.fetched import FetchLedger
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, TRADES

ROOT = Path(__file__).parents[2]
RECORDED = Path(os.environ.get("KWX_SHARED_DATA", ROOT.parent / "shared" / "data")) / "kalshi_2024_2025"
PRICES = [f"price_{moment}_ticks" for moment in ("open", "high", "low", "close")]

REPLAY_S, REPLAY_GB = 30.0, 1.5
RATE, BURST, TOKENS = 200.0, 600.0, 10
QUESTIONS = 400
USED = 0.9


def run() -> list[Measure]:
    """Measure both."""
    return [*([_replayed()] if RECORDED.exists() else []), _rate_used()]


def _replayed() -> Measure:
    with tempfile.TemporaryDirectory() as folder:
        ours_s, peak_gb = _watched(_replay, Path(folder) / "lake")
        theirs_s, _ = _watched(_replay_with_pandas, Path(folder) / "pandas")
        rows = _require_equal(Path(folder))
    return Measure(
        name="a million trades into candles and a lake",
        ours_s=ours_s,
        baseline_s=theirs_s,
        ratio=theirs_s / ours_s,
        target=f"{REPLAY_S:g} s, {REPLAY_GB:g} GB",
        note=f"{rows:,} candles equal; {peak_gb:.2f} GB over all processes",
        holds=ours_s <= REPLAY_S and peak_gb <= REPLAY_GB,
    )


def _watched(work, place):
    """Do the work in a process of its own; return its seconds and the most memory that it and its children held."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=(place,))
    began = time.perf_counter()
    process.start()
    most = 0
    while process.is_alive():
        most = max(most, _held(psutil.Process(process.pid)))
        process.join(0.05)
    assert process.exitcode == 0, f"{work.__name__} failed"
    return time.perf_counter() - began, most / 1024**3


def _held(process):
    """Return the bytes that a process and its children hold; what they share is counted once."""
    total = 0
    for one in [process, *_children(process)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def _children(process):
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _replay(place: Path) -> None:
    replay_folder(RECORDED, place, kinds=("trades",))


def _replay_with_pandas(place: Path) -> None:
    trades = pd.read_parquet(RECORDED / "trades.parquet").sort_values(["ticker", "created_time_utc"], kind="stable")
    trades["minute"] = trades["created_time_utc"].dt.floor("min") + pd.Timedelta(minutes=1)
    grouped = trades.groupby(["ticker", "minute"])
    candles = grouped["yes_price"].agg(["first", "max", "min", "last"]).join(grouped["count"].sum()).reset_index()
    for name, frame in (("trades", trades), ("candles", candles)):
        frame["event"] = frame["ticker"].str.rsplit("-", n=1).str[0]
        for event, rows in frame.groupby("event"):
            folder = place / name / event
            folder.mkdir(parents=True)
            rows.drop(columns="event").to_parquet(folder / "part.parquet", index=False)


def _require_equal(folder: Path) -> int:
    snapshot = Lake(folder / "lake").snapshot()
    ours = snapshot.scan(CANDLES_1M).select("market_ticker", "ts_utc", *PRICES, "volume_centi").collect()
    theirs = pl.read_parquet(f"{folder}/pandas/candles/*/part.parquet").select(
        pl.col("ticker").alias("market_ticker"),
        pl.col("minute").cast(pl.Datetime("us", "UTC")).alias("ts_utc"),
        *(
            (pl.col(theirs).cast(pl.Int32) * 100).alias(ours)
            for ours, theirs in zip(PRICES, ("first", "max", "min", "last"), strict=True)
        ),
        (pl.col("count").cast(pl.Int64) * 100).alias("volume_centi"),
    )
    key = ["market_ticker", "ts_utc"]
    assert ours.sort(key).equals(theirs.sort(key)), "pandas makes other candles"
    assert snapshot.scan(TRADES).select(pl.len()).collect().item() == 1_026_424
    return ours.height


def _rate_used() -> Measure:
    """Ask as fast as the Basic tier allows a server that counts, and once more one question after the other."""
    world = demo_world(days=2, until=date(2026, 11, 2), cities=("chicago",), seed=11, books=False)
    with serve(world, limits=Limits(kalshi_tokens_per_second=RATE, kalshi_burst_tokens=BURST)) as served:
        ours_s, too_many = _asked_by_us(served)
        refused_before = served.too_many
        theirs_s = _asked_in_turn(served.url)
        assert served.too_many == refused_before, "the baseline was refused"
    used = (QUESTIONS * TOKENS - BURST) / RATE / ours_s
    return Measure(
        name=f"{QUESTIONS} questions at {RATE:g} tokens a second",
        ours_s=ours_s,
        baseline_s=theirs_s,
        ratio=theirs_s / ours_s,
        target=f"{USED:.0%} of the rate, no 429",
        note=f"{used:.1%} used, {too_many} times 429; the baseline waits 1/20 s before each question",
        holds=used >= USED and too_many == 0,
    )


def _asked_by_us(served):
    folder = Path(tempfile.mkdtemp())
    usual = loopback(served.url, tokens_per_second=RATE)
    vendors = {**usual, "kalshi": replace(usual["kalshi"], burst_tokens=BURST)}
    questions = [_question(number) for number in range(QUESTIONS)]
    try:
        with (
            RawArchive(folder=folder / "raw", run_id="bench") as archive,
            Client(vendors=vendors, secrets=Secrets(), archive=archive) as client,
        ):
            began = time.perf_counter()
            fetched = fetch(questions, asker=client, vendors=vendors, ledger=FetchLedger(folder / "ledger.sqlite"))
            ours_s = time.perf_counter() - began
        assert fetched.asked == QUESTIONS
        assert not fetched.failed
    finally:
        shutil.rmtree(folder)
    return ours_s, served.too_many


def _question(number: int):
    """Return one of many questions that differ, so that none is asked once for all."""
    return replace(calls.series("KXHIGHCHI"), query={"number": str(number)})


def _asked_in_turn(url: str) -> float:
    """Ask politely without a bucket: one question after the other, a twentieth of a second before each."""
    threading.Event().wait(BURST / RATE)
    began = time.perf_counter()
    for number in range(QUESTIONS // 4):
        time.sleep(TOKENS / RATE)
        with urllib.request.urlopen(f"{url}/trade-api/v2/series/KXHIGHCHI?number={number}") as answer:
            answer.read()
    return 4 * (time.perf_counter() - began)


if __name__ == "__main__":
    import sys

    from measure import report

    sys.exit(report(run()))
