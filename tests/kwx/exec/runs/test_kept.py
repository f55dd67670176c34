"""Runs in the lake: stored behind the checks, read back, replaced by themselves alone; the views agree with Python."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.backtest.days import day_rows, earned
from kwx.exec.bars.outcomes import outcomes_of, require_same_outcomes
from kwx.exec.ledger.known import TOLD, Known
from kwx.exec.ledger.ledger import ledger_of
from kwx.exec.runs.asked import Asked, made_of
from kwx.exec.runs.kept import keeping, run_of, runs_of
from tests.kwx.backtest.made_trace import FIRST
from tests.kwx.backtest.three_trades import three_actions, three_bars
from warehouse.errors import Unbalanced, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, PMF_MINUTE, SETTLEMENTS, TABLES, UTC_TYPE, Partition

DAY = Partition("chicago", FIRST)
FRAMES = ("orders", "fills", "decisions", "equity", "gates")


def clock() -> datetime:
    return datetime(2026, 11, 20, tzinfo=UTC)


def of_lake(lake: Lake):
    """Return the bars of the example with the names of the lake's own markets, and no settlement."""
    markets = lake.snapshot().read(MARKETS, DAY).sort("bracket_order")["market_ticker"].to_list()
    bars = three_bars(winner=-1)
    return replace(bars, tickers=np.array(markets[:2]).reshape(bars.tickers.shape))


def told(asked: Asked, bars):
    return ledger_of(asked.run_id, asked.strategy, bars, three_actions(bars), known=Known.nothing())


def question(lake: Lake, **said: object) -> Asked:
    usual = {"strategy": "fused", "fill_model": "queue", "config": {"kelly": 0.25}, "cities": ("chicago",)}
    return Asked.of(lake.snapshot(), since=FIRST, until=FIRST, **(usual | said))


def keep(lake: Lake, asked: Asked, ledger, *, when=clock, summary=None):
    with keeping(lake, asked, clock=when) as keeper:
        keeper.put(ledger)
        return keeper.finish(summary or {"net_micros": 7})


@pytest.fixture(scope="module")
def kept_lake(demo_lake, tmp_path_factory) -> Lake:
    """The demo lake with one run."""
    root = tmp_path_factory.mktemp("kept") / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    lake = Lake(root)
    asked = question(lake)
    keep(lake, asked, told(asked, of_lake(lake)))
    return lake


@pytest.fixture
def lake(kept_lake, tmp_path) -> Lake:
    """A copy of it that may be written."""
    shutil.copytree(kept_lake.paths.root, tmp_path / "lake", symlinks=True)
    return Lake(tmp_path / "lake")


def test_a_run_comes_back_as_it_was_kept(kept_lake):
    """Its row, its summary and every frame; a name that begins it is enough."""
    asked = question(kept_lake)

    run = run_of(kept_lake.snapshot(), asked.run_id[:20])

    assert (asked.run_id, 7, asked.cities) == (run.run_id, run.summary["net_micros"], run.cities)
    assert {"kelly": 0.25} == json.loads(run.row["config_json"])
    ledger = told(asked, of_lake(kept_lake))
    for name in FRAMES:
        before, after = getattr(ledger, name), getattr(run.ledger, name)
        assert before.sort(before.columns).equals(after.select(before.columns).sort(before.columns)), name


def test_a_run_made_again_changes_nothing(kept_lake):
    """On the snapshot that keeping it made, later, it has the same name and the same bytes: no new snapshot."""
    asked = question(kept_lake)

    built = keep(kept_lake, asked, told(asked, of_lake(kept_lake)), when=lambda: clock() + timedelta(days=1))

    assert not built.changed
    assert [1] == [len(runs_of(kept_lake.snapshot()))]
    assert asked.snapshot > runs_of(kept_lake.snapshot())["snapshot"][0]


def test_a_run_made_again_without_its_sensitivity_keeps_it(lake):
    """It is the same run, so what was found of it stays; it is gained where it was not there before."""
    asked, more = question(lake), {"net_micros": 7, "sensitivity": [{"fill": "A", "net_dollars": 1.0}]}
    keep(lake, asked, told(asked, of_lake(lake)), summary=more)

    built = keep(lake, asked, told(asked, of_lake(lake)), summary={"net_micros": 7, "sensitivity": []})

    assert not built.changed
    assert more["sensitivity"] == run_of(lake.snapshot(), asked.run_id).summary["sensitivity"]


def test_another_run_leaves_the_first_as_it_was(lake):
    """Two runs stand in the same files, newest first in the list."""
    first, other = question(lake), question(lake, config={"kelly": 0.5})

    keep(lake, other, told(other, of_lake(lake)), when=lambda: clock() + timedelta(days=1))
    snapshot = lake.snapshot()

    assert [other.run_id, first.run_id] == runs_of(snapshot)["run_id"].to_list()
    assert 3 == run_of(snapshot, first.run_id).ledger.fills.height == run_of(snapshot, other.run_id).ledger.fills.height
    for name in FRAMES[:-1]:
        assert {first.run_id, other.run_id} == set(snapshot.read(TABLES[name], DAY)["run_id"])


def test_a_run_that_came_to_less_replaces_its_rows(lake):
    """What it does not say any more is gone; other runs of the day stay."""
    first, other = question(lake), question(lake, config={"kelly": 0.5})
    keep(lake, other, told(other, of_lake(lake)))
    ledger = told(first, of_lake(lake))

    keep(lake, first, replace(ledger, fills=ledger.fills.clear(), orders=ledger.orders[:1]))

    assert 0 == run_of(lake.snapshot(), first.run_id).ledger.fills.height
    assert 1 == run_of(lake.snapshot(), first.run_id).ledger.orders.height
    assert 3 == run_of(lake.snapshot(), other.run_id).ledger.fills.height


def test_a_run_that_stops_half_way_leaves_nothing(lake):
    """Before `finish` nothing is seen."""
    asked, before = question(lake, seed=5), lake.snapshot().number

    def stopped() -> None:
        with keeping(lake, asked, clock=clock) as keeper:
            keeper.put(told(asked, of_lake(lake)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert before == lake.snapshot().number
    assert not list(lake.paths.staging.glob("*"))


def test_a_name_of_no_run_is_refused_with_the_nearest(kept_lake):
    """So is one that begins two of them."""
    with pytest.raises(Usage, match="'backtest-fuzed' names no run of this lake") as refused:
        run_of(kept_lake.snapshot(), "backtest-fuzed")

    assert question(kept_lake).run_id in refused.value.hint


def test_a_name_that_begins_two_runs_is_refused(lake):
    """Which of them was meant cannot be told."""
    other = question(lake, config={"kelly": 0.5})
    keep(lake, other, told(other, of_lake(lake)))

    with pytest.raises(Usage, match="names 2 runs of this lake"):
        run_of(lake.snapshot(), "backtest-fused-queue")


@pytest.mark.parametrize(
    "said",
    [
        {"seed": 1}, {"strategy": "market"}, {"level": 0.9}, {"block_days": 7}, {"fill_model": "A"}, {"config": {}},
        {"cities": ("chicago", "nyc")},
    ],
)  # fmt: skip
def test_whatever_moves_a_number_moves_the_name(kept_lake, said):
    """The question and the data are the run's name."""
    assert question(kept_lake).run_id != question(kept_lake, **said).run_id


def test_the_data_are_the_files_of_the_days_that_were_read(lake, put):
    """A change of a day moves the hash of its neighbourhood; rows that runs write do not."""
    span = {"cities": ("chicago",), "since": FIRST, "until": FIRST}
    before = made_of(lake.snapshot(), **span)
    asked = question(lake, seed=9)
    keep(lake, asked, told(asked, of_lake(lake)))

    assert before == made_of(lake.snapshot(), **span)
    rows = lake.snapshot().read(SETTLEMENTS, DAY).select(SETTLEMENTS.schema.names())
    put(lake.paths.root, SETTLEMENTS, rows[:-1], DAY)
    assert before != made_of(lake.snapshot(), **span)


def test_the_view_of_days_agrees_with_python(kept_lake):
    """Net gain, fees, contracts and outlay of the day, to the micro, from the label of the lake."""
    snapshot = kept_lake.snapshot()
    run = run_of(snapshot, question(kept_lake).run_id)
    outcomes = outcomes_of(snapshot, cities=("chicago",), since=FIRST, until=FIRST)
    names = ["maker_fills", "taker_fills", "maker_centi", "taker_centi", "fees_micros", "outlay_micros", "net_micros"]

    ours = day_rows(earned(run.ledger.fills, outcomes), run.ledger.equity, outcomes)
    with snapshot.connect() as con:
        view = con.sql(f"select {', '.join(names)} from run_days").pl()

    assert ours["is_settled"].all()
    assert ours.select(names).rows() == view.rows()
    assert [1_000] == view["maker_centi"].to_list()


@pytest.mark.parametrize("settled_by", ["result against label", "result alone", "label alone", "nobody"])
def test_who_is_paid_is_one_rule(lake, put, settled_by):
    """The view and Python gain the same, whoever settles: the exchange's own result first, else the label."""
    snapshot, run_id = lake.snapshot(), question(lake).run_id
    markets = snapshot.read(MARKETS, DAY).select(MARKETS.schema.names()).sort("bracket_order")
    first = run_of(snapshot, run_id).ledger.fills["market_ticker"][0]
    result = pl.when(pl.col("market_ticker") == first).then(pl.lit("yes")).otherwise(pl.lit("no"))
    if "result" not in settled_by:
        result = pl.lit(None, pl.String)
    put(lake.paths.root, MARKETS, markets.with_columns(result=result), DAY)
    if "label" not in settled_by:
        put(lake.paths.root, SETTLEMENTS, SETTLEMENTS.empty(), DAY)

    snapshot = lake.snapshot()
    outcomes = outcomes_of(snapshot, cities=("chicago",), since=FIRST, until=FIRST)
    ledger = run_of(snapshot, run_id).ledger
    ours = day_rows(earned(ledger.fills, outcomes), ledger.equity, outcomes)
    with snapshot.connect() as con:
        view = con.sql("select net_micros from run_days").pl()

    assert ours["net_micros"].to_list() == view["net_micros"].to_list()
    assert (settled_by == "nobody") == (view["net_micros"][0] is None)
    paid = outcomes.filter("settled_yes")["market_ticker"].to_list()
    assert (paid == [first]) == ("result" in settled_by)


def test_the_view_of_gates_agrees_with_the_summary(kept_lake):
    """City by city, date by date, gate by gate."""
    snapshot = kept_lake.snapshot()
    with snapshot.connect() as con:
        view = con.sql("select city, event_date, gate, minutes from run_gates").pl()

    gates = run_of(snapshot, question(kept_lake).run_id).ledger.gates
    assert gates.sort("gate").equals(view.sort("gate"))
    assert 10 == view["minutes"].sum()


def test_bars_and_outcomes_must_pay_the_same_bracket(kept_lake):
    """Paying another bracket than the outcomes, or none, is found."""
    outcomes = outcomes_of(kept_lake.snapshot(), cities=("chicago",), since=FIRST, until=FIRST)
    won = outcomes.filter("settled_yes")["market_ticker"].item()
    lost = outcomes.filter(~pl.col("settled_yes"))["market_ticker"][0]
    bars = of_lake(kept_lake)
    bars.tickers[:, 0, 0] = [lost, won]

    for winner, is_right in ((1, True), (0, False), (-1, False)):
        bars.minutes.winner[-1] = winner
        if is_right:
            require_same_outcomes(bars, outcomes)
            continue
        with pytest.raises(Unbalanced, match="by the bars or by the outcomes, not by both"):
            require_same_outcomes(bars, outcomes)


def test_what_was_known_is_what_the_view_has_in_force(lake, put):
    """At random instants, with rows in between that are hours apart, and after the last."""
    tickers = lake.snapshot().read(MARKETS, DAY)["market_ticker"].sort()[:2].to_list()
    rng, start = np.random.default_rng(4), datetime(2026, 11, 1, 16, tzinfo=UTC)
    told_at = [start + timedelta(minutes=int(minute)) for minute in np.unique(rng.integers(0, 1_500, 40))]
    told_at = pl.DataFrame({"ts_utc": pl.Series(told_at, dtype=UTC_TYPE)})
    rows = pl.DataFrame({"market_ticker": tickers}).join(told_at, how="cross").with_columns(wx_utc="ts_utc")
    rows = rows.with_columns(pl.Series(name, rng.random(len(rows))) for name in TOLD)
    put(lake.paths.root, PMF_MINUTE, pl.concat([PMF_MINUTE.empty(), rows], how="diagonal"), DAY)
    then = [start + timedelta(minutes=int(minute)) for minute in rng.integers(-60, 3_100, 400)]
    asked = pl.DataFrame({"market_ticker": rng.choice(tickers, 400), "then": pl.Series(then, dtype=UTC_TYPE)})

    found = Known.of(lake.snapshot(), cities=("chicago",), since=FIRST, until=FIRST).at(asked, "then")
    with lake.snapshot().connect() as con:
        con.register("asked", asked.with_row_index("place").to_arrow())
        view = con.sql(
            f"select {', '.join(f'any_value({name}) as {name}' for name in TOLD)} from asked "
            "left join pmf_in_force as told on told.market_ticker = asked.market_ticker "
            "and valid_from_utc <= asked.then and asked.then < valid_until_utc group by place order by place"
        ).pl()

    assert found.select(TOLD).equals(view)
    assert 0 < found["p_wx"].null_count() < 400


def test_another_text_of_a_users_strategy_is_another_run(kept_lake):
    """The file is no part of the project's code, so its text counts with the data."""
    names = {question(kept_lake, source=source).run_id for source in (b"", b"p = 1", b"p = 2", b"p = 2")}
    assert len(names) == 3
