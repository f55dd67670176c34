"""Minutes explained from the lake: of a kept run as it was kept, of a wish as it would be, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from kwx.backtest.explain.asked import instant_of, market_of
from kwx.backtest.explain.explained import explain
from kwx.backtest.rebuilt import wish_of_run
from kwx.backtest.run import Wish, backtest, set_up
from kwx.exec.runs.kept import run_of
from warehouse.errors import Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, Partition

DAY = date(2026, 11, 2)
SAID = {"trade": {"sizing": "single", "lot_contracts": 2}, "signals": {"urgent_score": 3.0}}
WISH = Wish(
    strategy="fused", cities=("chicago",), since=date(2026, 11, 1), until=DAY, said=SAID, with_sensitivity=False,
    with_rows=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(priced_lake, tmp_path_factory):
    """A lake with one run of two days of Chicago, and the run."""
    root = tmp_path_factory.mktemp("explained") / "lake"
    shutil.copytree(priced_lake, root, symlinks=True)
    return root, backtest(WISH, root)


def at_of(row: dict) -> str:
    return row["ts_utc"].strftime("%Y-%m-%dT%H:%MZ")


def test_a_kept_run_is_asked_anew_with_the_very_settings(run):
    """The configuration comes back as it was, whatever the file says now."""
    root, done = run
    snapshot = Lake(root).snapshot()

    wish = wish_of_run(run_of(snapshot, done.asked.run_id), Wish(strategy="accel"))

    assert done.asked.config_json == set_up(wish, snapshot).asked.config_json
    assert ("fused", ("chicago",), DAY) == (wish.strategy, wish.cities, wish.until)


@pytest.mark.parametrize("action", ["take", "none"])
def test_a_minute_of_a_kept_run_is_told_as_it_was(run, action):
    """What it did, the gate, the known probabilities and the fill agree with the ledger."""
    root, done = run
    row = done.ledger.decisions.filter((pl.col("action") == action) & (pl.col("event_date") == DAY)).row(5, named=True)

    found = explain(row["market_ticker"], at_of(row), Wish(strategy="fused"), root, run_id=done.asked.run_id)

    assert found.agrees
    assert (row["gate"] or "none") == found.gate
    assert row["want_centi"] == round(100 * found.sizes["kelly"]) or action == "none"
    for name in ("p_wx", "p_mkt", "p_fused_norm"):
        assert pytest.approx(row[name]) == found.known[name] == found.terms[name]
    fills = done.ledger.fills.filter(
        (pl.col("market_ticker") == row["market_ticker"]) & (pl.col("ts_utc") == row["ts_utc"])
    )
    assert fills.height == len(found.fills)
    assert (action == "take") == found.done.startswith("it took")


def test_payoffs_are_the_cash_and_what_is_held_of_the_outcome(run):
    """A trade moves every outcome by what it cost, and its own by a dollar a contract more."""
    root, done = run
    row = done.ledger.fills.filter((pl.col("style") == "taker") & (pl.col("event_date") == DAY)).row(0, named=True)

    found = explain(row["market_ticker"], at_of(row), replace(WISH, keep=False), root)

    own = pl.col("market_ticker") == row["market_ticker"]
    change = pl.col("after_micros") - pl.col("before_micros")
    held = pl.col("held_after_centi") - pl.col("held_before_centi")
    base = found.payoffs.select(change - 10_000 * held).to_series()
    assert 1 == base.n_unique()
    assert found.position_after_centi == found.payoffs.filter(own)["held_after_centi"].item()
    assert found.agrees is None


def test_an_instant_is_of_utc_or_of_the_citys_clock(demo_lake):
    """A zone is kept, no zone is the city's civil time, an hour alone is of the event's date."""
    snapshot = Lake(demo_lake).snapshot()
    ticker = snapshot.read(MARKETS, Partition("chicago", DAY))["market_ticker"][0]
    market = market_of(snapshot, ticker.lower())
    words = ("2026-11-02T17:05Z", "2026-11-02T11:05", "11:05", "2026-11-02T12:05:30-05:00")

    assert {datetime(2026, 11, 2, 17, 5, tzinfo=UTC)} == {instant_of(word, market) for word in words}


@pytest.mark.parametrize(
    ("ticker", "ts", "said", "hint"),
    [
        ("KXHIGHCHI-26NOV02-X1", "12:00", "lists no market", "did you mean KXHIGHCHI-26NOV02-"),
        (None, "noon", "'noon' is no instant", "of the city's clock"),
        (None, "2026-11-05T12:00Z", "does not trade at", "the nearest minute is"),
        (None, "2026-10-30T12:00Z", "does not trade at", "the nearest minute is"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_the_nearest(run, ticker, ts, said, hint):
    """Unknown markets and minutes outside of trading."""
    root, done = run
    name = ticker or done.ledger.fills.filter(pl.col("event_date") == DAY)["market_ticker"][0]

    with pytest.raises(Usage, match=said) as told:
        explain(name, ts, replace(WISH, keep=False), root)

    assert hint in told.value.hint


def test_a_market_outside_of_the_run_is_refused(run):
    """Its city or its date is none of the run's."""
    root, done = run
    name = done.ledger.fills["market_ticker"][0]

    with pytest.raises(Usage, match="not part of the run"):
        explain(name, "12:00", replace(WISH, cities=("nyc",), keep=False), root)
