"""`kwx backtest`: one screen for people, all of it for machines and on a page, the run in the lake, and refusals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from kwx.cli import backtest_options as options
from kwx.exec.rules import MODELS
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseWish, fuse_days
from kwx.fuse.weights import said_weight
from warehouse.lake.store import Lake
from warehouse.lake.tables import ALL_CITIES, MARKETS, RUNS, SETTLEMENTS, Partition

ROOT = Path(__file__).parents[2]
CHICAGO = ("backtest", "--city", "chi", "--since", "2026-11-01", "--no-sensitivity")


@pytest.fixture(scope="module")
def traded_lake(hazard_lake, tmp_path_factory):
    """Two cities and three days, fused; runs are published into it."""
    root = tmp_path_factory.mktemp("traded") / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    fuse_days(FuseWish(weights=said_weight(0.7, pool="log_linear", market=MarketRecipe())), root, workers=1)
    return root


class Page(HTMLParser):
    """Counts tags, and finds what the page would load."""

    def __init__(self):
        super().__init__()
        self.opened, self.loads = [], []

    def handle_starttag(self, tag, attrs):
        """Remember a tag, and what it would load."""
        self.opened.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href", "xlink:href", "srcset"}]


def test_the_command_has_help_with_an_example_and_imports_nothing_heavy():
    """What runs is imported when it runs."""
    code = "import sys; import kwx.cli.backtest; sys.exit(len({'jax', 'polars', 'altair', 'numpy'} & set(sys.modules)))"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


@pytest.mark.parametrize(
    ("more", "cases"),
    [
        pytest.param(("--no-sensitivity",), 0, id="alone"),
        pytest.param((), 7, id="beside other fills and fees", marks=pytest.mark.slow),  # each model is compiled
    ],
)
def test_a_run_is_told_to_machines_and_its_numbers_are_those_of_the_lake(command, traded_lake, tmp_path, more, cases):
    """JSON, the table runs and the view run_days say one thing; the page says it without a network."""
    page, rows = tmp_path / "run.html", tmp_path / "days.csv"
    words = ("backtest", "--report", page, "--csv", rows, "--plot", tmp_path / "equity.svg", "--json", *more)

    code, out, err = command(*words, lake=traded_lake)

    said = json.loads(out)
    snapshot = Lake(traded_lake).snapshot()
    kept = snapshot.read(RUNS, Partition(ALL_CITIES)).filter(pl.col("run_id") == said["run_id"]).row(0, named=True)
    summary = json.loads(kept["summary_json"])
    with snapshot.connect() as con:
        days = con.sql("from run_days where run_id = $run", params={"run": said["run_id"]}).pl()
    assert 0 == code, err
    assert (kept["config_sha256"], kept["inputs_sha256"]) == (said["config_sha256"], said["inputs_sha256"])
    assert (summary["metrics"], summary["sensitivity"]) == (said["metrics"], said["sensitivity"])
    assert said["metrics"]["net_micros"] == sum(row["net_micros"] for row in said["rows"]) == days["net_micros"].sum()
    assert said["metrics"]["maker"]["fills"] + said["metrics"]["taker"]["fills"] > 0
    assert len(said["rows"]) == pl.read_csv(rows).height == 6
    assert cases == len(said["sensitivity"])
    by_cut = pl.DataFrame(said["slices"]).group_by("cut").agg(pl.col("net_micros").sum())
    assert {said["metrics"]["net_micros"]} == set(by_cut["net_micros"])
    assert sum(summary["gates"]["minutes"]) == sum(gate["minutes"] for gate in said["gates"])
    assert (tmp_path / "equity.svg").read_text().startswith("<svg")
    _look_at(page.read_text(), said)


def test_the_page_is_drawn_in_a_browser(command, traded_lake, tmp_path, looked_at):
    """Its drawings have marks, and it is no wider than a telephone."""
    code, _, err = command(
        *CHICAGO, "--strategy", "market", "--no-keep", "--report", tmp_path / "run.html", lake=traded_lake
    )

    wide, _ = looked_at(tmp_path / "run.html")

    assert 0 == code, err
    assert len(wide.charts) == (tmp_path / "run.html").read_text().count("<svg") >= 3


def _look_at(text, said):
    tags = Page()
    tags.feed(text)
    assert 0 == tags.opened.count("script") == tags.opened.count("link") == tags.opened.count("img")
    assert [] == tags.loads
    assert {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"} == set(re.findall(r'https?://[^"\s<]+', text))
    assert "url(" not in text
    assert "@import" not in text
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert "What it earned" == titles[0]
    assert {"Equity and drawdown", "Why it did nothing", "Slices"} < set(titles)
    assert "If fills or fees were others" in titles
    assert bool(said["sensitivity"]) == ("Not asked for: the run was made with --no-sensitivity." not in text)
    assert any(title.startswith("The best city-day: ") for title in titles)
    assert tags.opened.count("svg") >= 5
    for name in ("run_id", "inputs_sha256", "code_sha256", "config_sha256"):
        assert said[name] in text


def test_a_run_made_again_has_the_same_name_and_changes_nothing(command, traded_lake):
    """Another seed or setting is another run."""
    _, first, _ = command(*CHICAGO, "--json", lake=traded_lake)
    number = Lake(traded_lake).current_number()

    _, again, _ = command(*CHICAGO, "--json", lake=traded_lake)
    _, other, _ = command(*CHICAGO, "--json", "--set", "trade.taker_thresh_cents=4", "--no-keep", lake=traded_lake)

    first, again, other = (json.loads(out) for out in (first, again, other))
    assert first["run_id"] == again["run_id"] != other["run_id"]
    assert (first["metrics"], first["rows"]) == (again["metrics"], again["rows"])
    assert (False, None) == (again["built"]["changed"], other["built"])
    assert number == Lake(traded_lake).current_number()


def test_a_person_reads_the_figures_the_gates_and_what_to_type_next(command, traded_lake):
    """On stdout, in less than a screen; too few dates for intervals are told on stderr."""
    code, out, err = command(*CHICAGO, "--no-keep", lake=traded_lake)

    assert 0 == code
    minutes = int(re.search(r"([\d,]+) minutes of brackets", out)[1].replace(",", ""))
    assert minutes == 2 * 6 * (40 * 60 - 1)  # nothing is decided at the instant of the close
    for words in (
        "net after fees",
        "Sharpe per date",
        "deepest fall",
        "turnover",
        "maker",
        "wanted and stopped",
        "next:",
    ):
        assert words in out
    assert len(out.splitlines()) <= 36
    assert "not kept" in out
    assert "note: no intervals on 2 dates: too few" in err


@pytest.mark.slow
def test_at_a_terminal_a_bar_counts_the_dates(traded_lake, tmp_path):
    """On stderr, from nothing to all of them; what is piped has the answer alone."""
    shown, terminal = os.openpty()
    words = [sys.executable, "-m", "kwx", *CHICAGO, "--no-keep"]
    own = {"KWX_LAKE": str(traded_lake), "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"}
    with (tmp_path / "out").open("wb") as piped:
        run = subprocess.Popen(words, stderr=terminal, stdout=piped, env={**os.environ, **own})
    os.close(terminal)
    drawn = _drained(shown)
    out = (tmp_path / "out").read_text()

    assert 0 == run.wait()
    assert "net after fees" in out
    assert "trading" not in out
    counts = re.findall(r"trading [━╸╺ ]+(\d+/\d+)", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn))
    assert ["0/2", "2/2"] == list(dict.fromkeys(counts))


def _drained(terminal: int) -> str:
    """Return all that was drawn on a terminal whose other end is closed."""
    drawn = b""
    with contextlib.suppress(OSError):  # so the end of it is told
        while part := os.read(terminal, 65_536):
            drawn += part
    os.close(terminal)
    return drawn.decode()


def test_a_strategy_that_wants_nothing_has_a_sane_summary_and_a_page(command, traded_lake, tmp_path):
    """The control has no opinion: no trade, no fee, nothing gained, and a gate says why."""
    page, market = tmp_path / "market.html", (*CHICAGO, "--strategy", "market")

    code, out, _ = command(*market, "--json", "--report", page, lake=traded_lake)
    _, told, _ = command(*market, "--no-keep", lake=traded_lake)

    said = json.loads(out)
    assert 0 == code
    assert (0, 0, 0) == tuple(said["metrics"][name] for name in ("net_micros", "fees_micros", "outlay_micros"))
    assert {0} == {row["maker_fills"] + row["taker_fills"] for row in said["rows"]}
    assert ([], None) == (said["slices"], said["metrics"]["sharpe"]["value"])
    assert "There was no fill." in page.read_text()
    assert {"no_probability"} & {gate["gate"] for gate in said["gates"]}
    assert "$0.00" in told
    assert "nan" not in told


def test_a_lake_without_a_settlement_is_refused_and_nothing_is_kept(command, hazard_lake, put, tmp_path):
    """What a run gained cannot be said: exit 3, and no row of runs."""
    root = tmp_path / "unsettled"
    shutil.copytree(hazard_lake, root, symlinks=True)
    snapshot = Lake(root).snapshot()
    for day in snapshot.partitions(SETTLEMENTS.name):
        put(root, SETTLEMENTS, SETTLEMENTS.empty(), day)
    for day in snapshot.partitions(MARKETS.name):
        open_still = {"result": None, "expiration_value_f": None, "settled_utc": None}
        rows = snapshot.read(MARKETS, day).select(MARKETS.schema.names())
        nulls = {name: pl.lit(value, rows.schema[name]) for name, value in open_still.items()}
        put(root, MARKETS, rows.with_columns(**nulls), day)

    code, _, err = command(*CHICAGO, lake=root)

    assert 3 == code
    assert "no event of the run is settled" in err
    assert [] == Lake(root).snapshot().partitions(RUNS.name)


def test_the_words_of_the_options_are_those_of_the_library():
    """They are said again where nothing heavy may be imported, and must not drift."""
    assert tuple(fill.value for fill in MODELS) == options.FILLS


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--strategy", "fuse"), 2, "did you mean 'fused'?"),
        (("--strategy", "mine.py"), 2, "there is no file"),
        (("--set", "trade.bankroll_dollars=-5"), 2, "trade.bankroll_dollars is -5"),
        (("--set", "trade.p_low=0.9", "--set", "trade.p_high=0.1"), 2, "p_low 0.9 is not below p_high 0.1"),
        (("--set", "risk.tau_close_cents=2"), 2, "tau_close_cents 2 is above tau_open_cents 1"),
        (("--set", "trade.taker_tresh_cents=3"), 2, "did you mean trade.taker_thresh_cents?"),
        (("--set", "trade.sizing=double"), 2, "ladder | single"),
        (("--profile", "nobody"), 2, "there is no profile"),
        (("--config", "nowhere.yaml"), 2, "nowhere.yaml cannot be read"),
        (("--fill", "C"), 2, "is not one of 'A', 'B', 'queue', 'taker'"),
        (("--since", "2027-01-01", "--until", "2027-01-02"), 3, "no quotes are held"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), 2, "2026-11-01"),
        (("--city", "denver"), 3, "nothing can be traded"),
        (("--report", "run.pdf"), 2, "the page ends in .html"),
        (("--report", "nowhere/run.html"), 2, "there is no folder"),
        (("--run", "x"), 2, "--run names the kept run of --explain or --why"),
        (("12:00",), 2, "'12:00' stands alone: a minute is of --explain TICKER"),
        (("--why", "--run", "x", "--set", "trade.p_low=0"), 2, "--set says nothing of --why --run"),
        (("--why", "--run", "x", "--strategy", "fused"), 2, "--strategy says nothing of --why --run"),
        (("--explain", "T", "12:00", "--run", "x", "--city", "nyc"), 2, "--city says nothing of --explain --run"),
        (("--why", "--sweep", "x.yaml"), 2, "one question at a time"),
        (("--why", "--report", "run.html"), 2, "--report is of a run by itself"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)  # fmt: skip
def test_what_cannot_be_meant_or_made_is_refused_with_a_hint(command, traded_lake, words, code, said):
    """Usage is 2, a broken rule 3, and nothing is published."""
    before = Lake(traded_lake).current_number()

    found, _, err = command("backtest", *words, lake=traded_lake)

    assert code == found
    assert said in err
    assert before == Lake(traded_lake).current_number()
