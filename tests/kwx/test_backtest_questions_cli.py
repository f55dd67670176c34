"""`kwx backtest --sweep|--compare|--explain|--why`: what a person and a machine get, in every form, and refusals."""

from __future__ import annotations

import json
import shutil
from datetime import date

import polars as pl
import pytest

from kwx.backtest.run import Wish, backtest
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, Partition

CHICAGO = ("backtest", "--city", "chi", "--since", "2026-11-01", "--set", "trade.sizing=single")
WISH = Wish(
    strategy="fused", cities=("chicago",), said={"trade": {"sizing": "single"}}, with_sensitivity=False,
    with_rows=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def kept(priced_lake, tmp_path_factory):
    """A lake with a run of all its days, and the run."""
    root = tmp_path_factory.mktemp("asked") / "lake"
    shutil.copytree(priced_lake, root, symlinks=True)
    return root, backtest(WISH, root)


@pytest.fixture
def sweep_file(tmp_path):
    """Two sets that differ, and one that contradicts itself."""
    path = tmp_path / "grid.yaml"
    path.write_text("trade.taker_thresh_cents: 3\nrisk.tau_close_cents: [0.25, 0.5, 2]\n")
    return path


def test_a_sweep_tells_the_sets_and_the_best_on_dates_held_out(command, kept, sweep_file):
    """Ranks, the held-out line, what was skipped, and what to type next; nothing is written to the lake."""
    before = Lake(kept[0]).current_number()

    code, out, err = command(*CHICAGO, "--sweep", sweep_file, "--held-out", 0.5, lake=kept[0])

    assert 0 == code
    assert "2 sets of" in out
    assert "held out: set" in out
    assert "Romano and Wolf" in out
    assert "--set trade.taker_thresh_cents=3 --set risk.tau_close_cents=0." in out
    assert "1 sets contradict themselves and were skipped" in err
    assert "tau_close_cents 2 is above tau_open_cents 1" in err
    assert f"{sweep_file}: risk.tau_close_cents" in err
    assert "the command line" not in err
    assert before == Lake(kept[0]).current_number()


def test_every_question_has_every_form(command, kept, sweep_file, tmp_path):
    """JSON parses and has the rows that the files have; the chart is a drawing."""
    root, done = kept
    row = done.ledger.decisions.filter(pl.col("action") == "take").row(3, named=True)
    run, at = done.asked.run_id, row["ts_utc"].strftime("%Y-%m-%dT%H:%MZ")
    asked = {
        "sweep": (*CHICAGO, "--sweep", sweep_file), "why": ("backtest", "--why", "--run", run),
        "explain": ("backtest", "--explain", row["market_ticker"], at, "--run", run),
        "runs": ("backtest", "--runs"), "compare": ("backtest", "--compare", run, "accel"),
    }  # fmt: skip

    for name, words in asked.items():
        csv, chart = tmp_path / f"{name}.csv", tmp_path / f"{name}.svg"
        code, out, _ = command(*words, "--json", "--csv", csv, "--plot", chart, lake=root)

        said = json.loads(out)
        assert 0 == code
        assert len(said["rows"]) == pl.read_csv(csv).height > 0
        assert chart.read_text().startswith("<svg")
        if name in {"why", "explain"}:
            assert run == said["run_id"]
    # accel was run over the dates and the city of the run beside it
    assert done.measured.metrics.events == said["events"]


def test_why_begins_with_the_answer_and_adds_up(command, kept):
    """The first line names a gate; minutes are those of the view run_gates."""
    root, done = kept

    _, out, _ = command("backtest", "--why", "--run", done.asked.run_id[:30], lake=root)
    _, told, _ = command("backtest", "--why", "--run", done.asked.run_id, "--json", lake=root)

    with Lake(root).snapshot().connect() as con:
        question = "select gate, sum(minutes)::bigint as minutes from run_gates where run_id = $run group by all"
        viewed = con.sql(question, params={"run": done.asked.run_id}).pl()
    assert out.startswith("in ")
    assert "it wanted to and was stopped, most by" in out.splitlines()[0]
    assert dict(viewed.iter_rows()) == {row["gate"]: row["minutes"] for row in json.loads(told)["rows"]}


def test_why_of_a_kept_run_tells_of_the_cities_and_dates_that_are_asked_for(command, kept):
    """Only the minutes of one date are counted; a city that it did not trade is refused."""
    root, done = kept
    asked = ("backtest", "--why", "--run", done.asked.run_id)

    _, one, _ = command(*asked, "--city", "chi", "--until", "2026-10-31", "--json", lake=root)
    code, _, err = command(*asked, "--city", "nyc", lake=root)
    later, _, told = command(*asked, "--since", "2026-11-03", lake=root)

    own = done.ledger.gates.filter(pl.col("event_date") == date(2026, 10, 31))
    assert {"2026-10-31"} == {row["event_date"] for row in json.loads(one)["by_date"]}
    assert own["minutes"].sum() == sum(row["minutes"] for row in json.loads(one)["rows"])
    assert (2, 2) == (code, later)
    assert "did not trade nyc" in err
    assert "it traded chicago on 2026-10-31 … 2026-11-02" in told


def test_kept_runs_are_listed_the_newest_first(command, kept):
    """With what they came to; cities and dates choose; a lake without any says what makes one."""
    root, done = kept

    code, out, _ = command("backtest", "--runs", lake=root)
    _, told, _ = command("backtest", "--runs", "--city", "chi", "--json", lake=root)
    _, other, _ = command("backtest", "--runs", "--city", "nyc", lake=root)
    _, later, _ = command("backtest", "--runs", "--since", "2026-11-03", "--json", lake=root)

    row = json.loads(told)["rows"][-1]
    metrics = done.measured.metrics
    assert 0 == code
    assert done.asked.run_id in out
    assert f"kwx backtest --why --run {done.asked.run_id}" in out
    assert (done.asked.run_id, "fused", "queue", "chicago") == tuple(
        row[name] for name in ("run_id", "strategy", "fill_model", "cities")
    )
    assert (metrics.net_micros, metrics.fees_micros, metrics.maker.fills + metrics.taker.fills) == tuple(
        row[name] for name in ("net_micros", "fees_micros", "fills")
    )
    assert "the lake keeps no such run" in other
    assert [] == json.loads(later)["rows"]


def test_a_market_without_a_minute_is_told_the_minutes_that_were_decided(command, kept):
    """Those in which the run acted, with a line to type; without a run the newest that decided anything counts."""
    root, done = kept
    decided = done.ledger.decisions.filter(pl.col("action") == "take").row(0, named=True)
    ticker, run = decided["market_ticker"], done.asked.run_id
    ours = done.ledger.decisions.filter(pl.col("market_ticker") == ticker)
    acted = ours.filter(pl.col("action") != "none")["ts_utc"].min()

    code, _, err = command("backtest", "--explain", ticker, lake=root)
    named, _, again = command("backtest", "--explain", ticker, "--run", run, lake=root)

    assert (2, 2) == (code, named)
    assert again == err
    assert f"run {run} decided something of it in {len(ours):,} minutes" in err
    assert f"it acted at {acted:%Y-%m-%dT%H:%MZ}" in err
    assert f"kwx backtest --explain {ticker} {acted:%Y-%m-%dT%H:%MZ} --run {run}" in err


def test_a_market_that_no_run_decided_on_is_told_when_it_trades(command, priced_lake):
    """The lake keeps no run at all."""
    ticker = Lake(priced_lake).snapshot().read(MARKETS, Partition("chicago", date(2026, 11, 2)))["market_ticker"][0]

    code, _, err = command("backtest", "--explain", ticker, lake=priced_lake)

    assert 2 == code
    assert "no kept run decided anything of it, and it trades from 2026-11-01T14:00Z to 2026-11-03T06:00Z" in err


def test_an_explained_minute_names_every_gate_and_what_each_outcome_pays(command, kept):
    """The deed first, then what was known, the gates, sizes, orders and payoffs."""
    root, done = kept
    row = done.ledger.decisions.filter(pl.col("gate") == "probability_range").row(0, named=True)
    at = row["ts_utc"].strftime("%Y-%m-%dT%H:%MZ")

    code, out, err = command(
        "backtest", "--explain", row["market_ticker"], at, "--run", done.asked.run_id, lake=root
    )  # fmt: skip

    assert (0, "") == (code, err)
    assert "probability_range: the fused probability lies outside the range that is traded" in out.splitlines()[0]
    for word in ("known then: mid_prob", "terms of fused", "no_edge", "STOPS", "sizes in contracts", "if it is"):
        assert word in out


def test_two_ways_are_run_over_the_same_dates(command, kept):
    """What differs is told by key; a way may have settings of its own."""
    ways = ("--compare", "fused", "fused:trade.taker_thresh_cents=6")

    code, out, err = command(*CHICAGO, *ways, lake=kept[0])

    assert 0 == code
    assert "trade.taker_thresh_cents" in out
    assert "chicago" in out
    assert "no intervals on 2 dates" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--sweep", "nothing.yaml"), 2, "the sweep nothing.yaml cannot be read"),
        (("--sweep", "x.yaml", "--why"), 2, "one question at a time"),
        (("--runs", "--why"), 2, "one question at a time"),
        (("--sweep", "x.yaml", "--held-out", "1"), 2, "0<=x<1"),
        (("--compare", "backtest-x", "fused"), 2, "is no kept run, no strategy and no family"),
        (("--compare", "fused:trade.taker_thrsh_cents=1", "fused"), 2, "taker_thresh_cents"),
        (("--explain", "KXHIGHCHI-26NOV02-X1", "12:00"), 2, "lists no market"),
        (("--why", "--run", "none"), 2, "names no run of this lake"),
        (("--why", "--since", "2026-11-02", "--until", "2026-11-01"), 2, "ends before it begins"),
        (("--why", "--since", "2027-01-01"), 3, "nothing can be traded"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_what_cannot_be_asked_is_refused(command, kept, words, code, said):
    """Usage is 2, what the lake does not hold 3."""
    found, _, err = command("backtest", "--city", "chi", *words, lake=kept[0])

    assert code == found, err
    assert said in err + " "
