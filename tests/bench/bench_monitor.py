"""Making the page of the morning, against whole tables read in pandas for the same figures; its size; its drawing.

Run as `python tests/bench/bench_monitor.py [--days 45 | --lake DIR]`. The lake is a demo one of two cities without
order books, its weather fitted on its first days and run on the others, fused, and traded by one backtest. The baseline
reads what it needs of every date, as one writes it first, and must come to the same gains, fees, scores and sums; it
draws nothing. A browser says how soon the page is drawn, where there is one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from drawing import drawn
from measure import Measure, best_of, report

from kwx.backtest.run import Wish as BacktestWish
from kwx.backtest.run import backtest
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseWish, fuse_days
from kwx.fuse.weights import said_weight
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish as HazardWish
from kwx.monitor.look import DAYS, Wish
from kwx.monitor.page import Page, page_of
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake, Snapshot

UNTIL, FITTED_DAYS, CITIES = date(2026, 11, 4), 12, ("chicago", "miami")
MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)
WALL_S, BYTES = 10.0, 3_000_000
MICROS = 1_000_000


def run(*, days: int = 45, lake: Path | None = None) -> list[Measure]:
    """Measure the page of a lake; of one that is built for it where none is said."""
    with tempfile.TemporaryDirectory() as folder:
        root = lake or Path(folder) / "lake"
        if lake is None:
            _build(root, days)
        ours_s, page = best_of(3, lambda: page_of(Lake(root), Wish(), moment=MOMENT))
        baseline_s, told = best_of(1, lambda: _baseline(Lake(root).snapshot(), page))
        _require_same(page, told)
        path = Path(folder) / "monitor.html"
        path.write_text(page.html)
        dates = len({place.event_date for place in Lake(root).snapshot().partitions("pmf_minute")})
        size = len(page.html.encode())
        return [
            Measure(
                name=f"the page of a lake of {dates} dates", ours_s=ours_s, baseline_s=baseline_s,
                ratio=baseline_s / ours_s, target=f"<= {WALL_S:.0f} s",
                note=f"{size / 1e6:.2f} MB with {page.html.count('<svg')} drawings; the baseline draws none",
                holds=ours_s <= WALL_S and size <= BYTES,
            ),
            *drawn("the page", path, Path(folder) / "browser"),
        ]  # fmt: skip


def _build(root: Path, days: int) -> None:
    world = demo_world(days=days, until=UNTIL, cities=CITIES, seed=7, books=False)
    build_demo(world, root)
    first = UNTIL - timedelta(days=days - 1)
    fit_params(Walk(until=first + timedelta(days=FITTED_DAYS - 1)), root)
    since = first + timedelta(days=FITTED_DAYS + 1)
    backfill(HazardWish(since=since), root)
    fuse_days(FuseWish(since=since, weights=said_weight(0.6, pool="log_linear", market=MarketRecipe())), root)
    backtest(BacktestWish(strategy="fused", since=since, with_sensitivity=False), root)


def _table(snapshot: Snapshot, name: str, columns: list[str]) -> pd.DataFrame:
    parts = []
    for entry, path in zip(snapshot.files(name), snapshot.locations(name), strict=True):
        part = pd.read_parquet(path, columns=columns, partitioning=None)
        parts.append(part.assign(city=entry.partition.city, event_date=entry.partition.event_date))
    return pd.concat(parts, ignore_index=True)


def _baseline(snapshot: Snapshot, page: Page) -> dict[str, object]:
    """Return the same figures from whole tables."""
    (run_id,) = page.figures["money"]["runs"][0]["run_ids"]
    judged = page.event_date - timedelta(days=DAYS - 1), page.event_date
    markets = _table(snapshot, "markets", ["market_ticker", "result"])
    yes = markets.set_index("market_ticker")["result"].eq("yes")
    fills = _table(
        snapshot, "fills", ["run_id", "market_ticker", "side", "price_ticks", "count_centi", "fee_micros", "style"]
    )
    fills = fills[fills["run_id"] == run_id]
    sign = np.where(fills["side"] == "buy", 1, -1)
    pays = 10_000 * fills["market_ticker"].map(yes).astype(int)
    net = sign * fills["count_centi"] * (pays - fills["price_ticks"]) - fills["fee_micros"]
    sources = ["p_mkt", "p_wx", "p_fused_norm"]
    minutes = _table(snapshot, "pmf_minute", ["market_ticker", "ts_utc", *sources])
    known = minutes[(minutes["ts_utc"].dt.minute == 0)].dropna(subset=sources)
    offset = known["city"].map({"chicago": 6, "austin": 6, "denver": 7, "los_angeles": 8}).fillna(5)
    ends = pd.to_datetime(known["event_date"], utc=True) + pd.to_timedelta(24 + offset, unit="h")
    known = known[known["ts_utc"] < ends]
    hit = known["market_ticker"].map(yes).astype(float)
    errors = {name: ((known[name] - hit) ** 2).groupby(known["event_date"]).mean() for name in sources}
    weather = minutes.dropna(subset=["p_wx"])
    weather = weather[weather["event_date"].between(*judged)]
    events = weather["market_ticker"].str.rsplit("-", n=1).str[0]
    of_events = weather.groupby([events, "ts_utc"])["p_wx"].sum()
    degrees = _table(snapshot, "pmf_degrees", ["ts_utc", "p"])
    of_degrees = degrees[degrees["event_date"].between(*judged)]["p"].map(np.sum)
    sums = np.concatenate([of_events, of_degrees])
    return {
        "net_by_date": net.groupby(fills["event_date"]).sum(),
        "fees": fills.groupby(["event_date", "style"])["fee_micros"].sum(),
        "brier": errors,
        "sums": len(sums),
        "deviation": np.abs(sums - 1).max(),
        "newest": _table(snapshot, "obs", ["source", "ts_utc"]).groupby("source")["ts_utc"].max(),
    }


def _require_same(page: Page, told: dict[str, object]) -> None:
    """Refuse figures that are not those of the baseline, on the dates that the page judges."""
    figures = page.figures
    (money,) = figures["money"]["runs"]
    ours = {date.fromisoformat(day["event_date"]): day["net_micros"] for day in money["days"]}
    for day, net_micros in ours.items():
        assert net_micros == told["net_by_date"].get(day, 0), day
    assert ours, "no date is judged"
    for style in ("maker", "taker"):
        fees_micros = sum(told["fees"].get((day, style), 0) for day in ours)
        assert round(MICROS * money[f"{style}_fees_dollars"]) == fees_micros, style
    names = {"p_mkt": "market", "p_wx": "weather", "p_fused_norm": "fused"}
    for column, by_date in told["brier"].items():
        for row in figures["drift"]["sources"][names[column]]["brier_by_date"]:
            assert abs(row["value"] - by_date[row["event_date"]]) < 1e-9, (column, row)
    assert figures["hazard"]["sums"] == told["sums"]
    assert abs(figures["hazard"]["deviation"] - told["deviation"]) < 1e-12
    for row in figures["freshness"]["sources"]:
        if row["table"] == "obs":
            assert row["newest_utc"] == told["newest"][row["source"]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--lake", type=Path)
    said = parser.parse_args()
    sys.exit(report(run(days=said.days, lake=said.lake)))
