"""`--plot`: every command that reads has it, and what it writes stands alone and holds a mark for what was read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, date, datetime

import click
import polars as pl
import pytest

from kwx.cli import kwx as kwx_command
from kwx.cli.ladder_charts import served_chart, signals_chart
from kwx.cli.lake_charts import checks_chart
from kwx.cli.live_charts import status_chart
from kwx.cli.shadow_charts import golive_chart, parity_chart
from kwx.cli.sql_chart import MOST_ROWS, answer_chart
from kwx.parity.criteria import Criterion
from kwx.parity.golive import Verdict
from kwx.parity.parity import Parity
from kwx.plots import save
from kwx.plots.theme import ALARM, FUSED, IDLE, LINE, MARKET, MODEL
from warehouse.errors import Usage
from warehouse.lake.checks import CheckResult

WITHOUT_PLOT = {
    "demo serve": "serves until it is stopped",
    "doctor": "tells versions, keys and room in words",
    "ingest": "fetches; kwx audit coverage draws what came",
    "lake build": "writes the lake; kwx lake status draws it",
    "lake dense": "writes tables",
    "lake gc": "removes snapshots",
    "lake rollback": "moves the current snapshot",
    "lake tables": "tells columns in words",
    "live kill": "stops the loop",
    "models accept": "writes its drawings into its reports",
    "models config": "prints settings",
    "models demote": "changes what is promoted; kwx models list --stage archive draws it",
    "models predict": "stores what promoted models say; kwx models serve draws it",
    "models promote": "changes what is promoted; kwx models list --stage archive draws it",
    "models rollback": "changes what is promoted; kwx models list --stage archive draws it",
    "monitor": "writes a page that holds its drawings",
    "nightly": "writes what is due, and a report; kwx monitor draws it",
    "record": "records until it is stopped",
    "shadow publish": "writes runs; kwx shadow parity and golive draw them",
    "signals migrate": "changes the form of a table",
    "signals replay": "stores what waits",
}
"""Each command that draws nothing, and why. One that reads what is stored has no place here."""

ADDRESSES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
TEN = ("--at", "10:00")
RANGE = ("--since", "2026-11-01", "--until", "2026-11-02")


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> dict[str, click.Command]:
    """Return every command without subcommands, by its words."""
    if not isinstance(command, click.Group):
        return {" ".join(path): command}
    context = click.Context(command)
    found = {}
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        found |= leaves(below, (*path, name))
    return found


def test_every_command_draws_or_says_why_not():
    """A new one that reads gets --plot by kwx.cli.forms; one that does not is written above with its reason."""
    commands = leaves(kwx_command)
    drawing = {name for name, one in commands.items() if "--plot" in {word for p in one.params for word in p.opts}}

    assert set(WITHOUT_PLOT) == set(commands) - drawing
    assert all(WITHOUT_PLOT.values())


@pytest.fixture
def in_every_form(monkeypatch):
    """Make --plot write all three forms of one drawing, so that each is looked at once."""
    save_chart = save.save_chart

    def save_all(chart, path):
        for ending in (".svg", ".png", ".html"):
            save_chart(chart, path.with_suffix(ending))

    monkeypatch.setattr(save, "save_chart", save_all)


def marks(svg: str) -> Counter[str]:
    """Count the marks of a drawing that stand for rows, by kind."""
    found: Counter[str] = Counter()
    for element in ET.fromstring(svg).iter():
        kind = element.get("aria-roledescription", "")
        if element.get("role") == "graphics-symbol" and element.tag.rpartition("}")[2] in {"path", "text"}:
            found[kind] += 1
    return found


def drawn_by(command, tmp_path, *words: object, lake=None) -> tuple[int, Counter[str]]:
    """Run a command with --plot, look at all forms, and return its exit code and its marks."""
    code, _, err = command(*words, "--plot", "drawn.svg", lake=lake)
    assert "written to drawn.svg" in err, err
    svg, page = ((tmp_path / f"drawn.{ending}").read_text() for ending in ("svg", "html"))
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == ADDRESSES
    assert not re.search(r"<(script|link|iframe|img)\b|@import|\bsrc=", page)
    assert marks(svg) == marks(re.search(r"<svg.*</svg>", page, re.DOTALL)[0])
    return code, marks(svg)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("lake", "status"), {"bar": 2}),
        (("sql", "select city, count(*) as markets from markets group by all order by city"), {"bar": 2}),
        (
            (
                "sql",
                "select ts_utc, source, temp_f from obs where city = 'chicago' order by all limit 50",
            ),
            {"line mark": 1},
        ),
        (("audit", "coverage", "--city", "chicago"), {"rect mark": 9}),
        (("audit", "time", "--city", "chicago"), {"point": 3}),
        (("fuse", "market", "--city", "chicago"), {"point": 4}),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_a_lake_holds_is_drawn(command, demo_lake, tmp_path, in_every_form, words, expected):
    """At least so many marks of a kind."""
    _, found = drawn_by(command, tmp_path, *words, lake=demo_lake)

    assert found.total() > 0
    assert all(found[kind] >= count for kind, count in expected.items()), found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("hazard", "hazard-trace", "--city", "chicago", "--date", "2026-11-01"), {"line mark": 8}),
        (("hazard", "check-pmf-sum"), {"point": 2}),
        (("hazard", "evaluate-morning", *TEN, *RANGE), {"bar": 2, "line mark": 2}),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_the_hazard_tells_is_drawn(command, hazard_lake, tmp_path, in_every_form, words, expected):
    """At least so many marks of a kind."""
    code, found = drawn_by(command, tmp_path, *words, lake=hazard_lake)

    assert 0 == code
    assert all(found[kind] >= count for kind, count in expected.items()), found


def test_a_score_is_a_curve_and_bars_of_every_source(command, long_lake, tmp_path, in_every_form):
    """Three sources, two scores, an interval for each."""
    _, found = drawn_by(command, tmp_path, "score", *TEN, lake=long_lake)

    assert 3 == found["line mark"] // 2  # a curve and its diagonal
    assert 6 == found["bar"]


def test_a_check_that_failed_stands_out():
    """Rows that were found are a bar of their own colour, beside the seconds."""
    told = [
        CheckResult(name=name, meaning="", mend="", found=found, rows=pl.DataFrame(), seconds=0.5)
        for name, found in (("grain", 0), ("known", 12))
    ]

    svg = save.svg_of(checks_chart(told))

    assert 4 == marks(svg)["bar"]
    assert (2, 2) == (
        svg.count(f'fill="{LINE}"') // 1 - _legend(svg, LINE),
        svg.count(f'fill="{ALARM}"') - _legend(svg, ALARM),
    )


def _legend(svg: str, colour: str) -> int:
    """Count the places of a colour that are no marks of rows."""
    return sum(
        1
        for element in ET.fromstring(svg).iter()
        if element.get("fill") == colour and element.get("role") != "graphics-symbol"
    )


def test_a_lived_date_is_drawn(command, lived, tmp_path, in_every_form):
    """Its decisions as replayed, and each criterion of going live beside its threshold."""
    root = lived.lake.paths.root

    code, replayed = drawn_by(command, tmp_path, "shadow", "parity", lake=root)
    exit_code, judged = drawn_by(command, tmp_path, "shadow", "golive", lake=root)

    assert (0, 1) == (code, replayed["bar"])
    assert (3, 9) == (exit_code, judged["tick"])


def test_decisions_that_differ_have_the_colour_of_their_cause():
    """What is unexplained stands out from what is the same."""
    differences = pl.DataFrame({"cause": ["late price", "unexplained", "late price"]})
    found = Parity(
        event_date=date(2026, 11, 1), run_id="r", snapshot=1, minutes=10, decisions=20, differences=differences,
        notes=(),
    )  # fmt: skip

    svg = save.svg_of(parity_chart([found]))

    assert 3 == marks(svg)["bar"]
    assert all(f'fill="{colour}"' in svg for colour in (IDLE, ALARM))
    assert "value: 17" in svg.replace("decisions: 17", "value: 17")


def test_a_criterion_that_is_not_known_is_its_threshold_alone():
    """And says so; one that is met has its value too."""
    known = Criterion(name="days", meaning="", value=14, least=10)
    unknown = Criterion(name="gain", meaning="", value=float("nan"), least=0)
    verdict = Verdict(
        strategy="fused", fill="queue", dates=(date(2026, 11, 1),), run_ids=("r",), criteria=(known, unknown), notes=()
    )

    svg = save.svg_of(golive_chart(verdict))

    assert (2, 1) == (marks(svg)["tick"], marks(svg)["point"])
    assert "gain: FAILED, not known" in svg
    assert "days: passed" in svg


BRACKETS = [("less", "T48", 0.1), ("between", "B48.5", 0.5), ("greater", "T49", 0.4)]


def test_a_served_ladder_has_model_market_and_pool_of_each_bracket_in_order():
    """From the open end below to that above."""
    at = datetime(2026, 11, 1, 15, tzinfo=UTC)
    rows = [
        {
            "market_ticker": f"KXHIGHCHI-26NOV01-{name}", "strike_type": kind, "ts_utc": at, "p_mkt": p,
            "p_served": p, "p_blend": p,
        }
        for kind, name, p in reversed(BRACKETS)
    ]  # fmt: skip

    svg = save.svg_of(served_chart({"event_date": date(2026, 11, 1), "brackets": rows}))

    assert 9 == marks(svg)["bar"]
    assert all(f'fill="{colour}"' in svg for colour in (MARKET, MODEL, FUSED))
    assert ["&lt;48", "48.5", "&gt;49"] == [
        w for w in re.findall(r">([^<>]+)</text>", svg) if w in {"&lt;48", "48.5", "&gt;49"}
    ]
    assert "KXHIGHCHI-26NOV01, as of 2026-11-01 15:00Z" in svg
    with pytest.raises(Usage, match="no predictions of 2026-11-01"):
        served_chart({"event_date": date(2026, 11, 1), "brackets": []})


def test_signals_are_drawn_by_event_the_newest_of_each_bracket():
    """An older tick of a bracket is left out."""
    rows = [
        {
            "market_ticker": f"{event}-{name}", "bracket": kind, "ts_utc": datetime(2026, 11, 1, hour, tzinfo=UTC),
            "p_market": p, "p_model": p, "p_blend": p,
        }
        for event in ("KXHIGHCHI-26NOV01", "KXHIGHNY-26NOV01")
        for hour in (16, 15)
        for kind, name, p in BRACKETS
    ]  # fmt: skip

    svg = save.svg_of(signals_chart(rows))

    assert 2 * 9 == marks(svg)["bar"]
    assert 2 == svg.count("at 2026-11-01 16:00Z</text>")
    with pytest.raises(Usage, match="no signals yet"):
        signals_chart([])


def test_a_loop_is_drawn_by_the_age_of_its_sources():
    """One that has not looked has nothing to draw."""
    svg = save.svg_of(status_chart({"state": "running", "mode": "paper", "stale_s": {"kalshi": 3.0, "obs": 70.0}}))

    assert 2 == marks(svg)["bar"]
    with pytest.raises(Usage, match="the loop is starting"):
        status_chart({"state": "starting", "stale_s": {}})


def test_an_answer_is_lines_over_instants_and_bars_over_names():
    """Columns of numbers are series; one column of names beside one of numbers tells series apart."""
    at = [datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in range(3)]
    two = pl.DataFrame({"ts_utc": at, "bid": [1, 2, 3], "ask": [2, 3, 4]})
    named = pl.DataFrame({"ts_utc": at * 2, "city": ["nyc"] * 3 + ["miami"] * 3, "p": [0.1] * 6})
    bars = pl.DataFrame({"city": ["nyc", "miami"], "rows": [3, 4], "days": [1, 2]})

    assert (2, 6) == tuple(marks(save.svg_of(answer_chart(two)))[kind] for kind in ("line mark", "point"))
    assert (2, 6) == tuple(marks(save.svg_of(answer_chart(named)))[kind] for kind in ("line mark", "point"))
    assert 4 == marks(save.svg_of(answer_chart(bars)))["bar"]
    assert 2 == marks(save.svg_of(answer_chart(bars.drop("days"))))["bar"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (pl.DataFrame(schema={"city": pl.String, "n": pl.Int64}), "no rows"),
        (pl.DataFrame({"city": ["nyc"]}), "no column of numbers stands beside 'city'"),
        (pl.DataFrame({"city": ["nyc", "nyc"], "n": [1, 2]}), "come more than once"),
        (pl.DataFrame({"n": range(MOST_ROWS + 1), "m": range(MOST_ROWS + 1)}), "too many to draw"),
        (pl.DataFrame({"n": [1], **{f"c{k}": [1] for k in range(20)}}), "20 lines are too many"),
        (pl.DataFrame({"p": [[1.0]], "n": [1]}), "the first column, 'p', is none to draw over"),
    ],
    ids=["empty", "words", "repeated", "long", "wide", "list"],
)
def test_an_answer_that_cannot_be_drawn_is_refused_with_what_can_be(answer, said):
    """Before anything is printed."""
    with pytest.raises(Usage, match=re.escape(said)) as refused:
        answer_chart(answer)

    assert refused.value.hint


def test_an_answer_that_cannot_be_drawn_prints_nothing(command, demo_lake):
    """Exit 2, with what is drawable."""
    code, out, err = command("sql", "select city from markets limit 3", "--plot", "a.svg", lake=demo_lake)

    assert (2, "") == (code, out)
    assert "drawable is a first column of" in err
