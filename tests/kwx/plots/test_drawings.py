"""Drawings: a mark for every row, what stands out does so by its figures, and nothing asks a network."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from kwx.plots.bars import bars_chart
from kwx.plots.control import control_chart
from kwx.plots.coverage import coverage_chart
from kwx.plots.equity import drawdown_chart, equity_chart, fallen, thinned
from kwx.plots.fan import fan_chart
from kwx.plots.hazard import hazard_chart
from kwx.plots.intervals import intervals_chart
from kwx.plots.ladder import ladder_chart, ladder_day_chart
from kwx.plots.lines import lines_chart
from kwx.plots.pit import pit_chart
from kwx.plots.reliability import reliability_chart
from kwx.plots.save import save_chart, svg_of
from kwx.plots.theme import ALARM, LINE, SOURCE_COLOURS, bracket_colours

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
BRACKETS = ("≤51", "52–53", "54–55", "56–57", "58–59", "≥60")
NINE = [FIRST + timedelta(minutes=5 * n) for n in range(9)]


def marks(chart, kind: str) -> list[str]:
    """Return the marks of a kind of a drawing that stand for rows, each as its tag."""
    return [tag for tag in re.findall(r"<path [^>]*>", svg_of(chart)) if f'aria-roledescription="{kind}"' in tag]


def fills(tags: list[str]) -> list[str]:
    """Return the colours that marks are filled with."""
    return [re.search(r'fill="([^"]*)"', tag)[1] for tag in tags]


def words(chart) -> list[str]:
    """Return what is written in a drawing, in the order of the text."""
    return re.findall(r">([^<>]+)</text>", svg_of(chart))


def test_a_ladder_has_a_bar_for_each_bracket_and_source_in_the_colour_of_the_source():
    """Brackets stand in their order, which no alphabet knows."""
    chart = ladder_chart(
        pl.DataFrame(
            [
                {"bracket": bracket, "bracket_order": place, "source": source, "p": 1 / 6}
                for source in SOURCE_COLOURS
                for place, bracket in reversed(list(enumerate(BRACKETS)))
            ]
        )
    )

    bars = marks(chart, "bar")
    assert len(BRACKETS) * len(SOURCE_COLOURS) == len(bars)
    assert set(SOURCE_COLOURS.values()) == set(fills(bars))
    assert list(BRACKETS) == [word for word in words(chart) if word in BRACKETS]


def test_a_source_of_no_known_name_gets_a_colour_that_no_known_one_has():
    """What is drawn beside the market is never taken for it."""
    rows = pl.DataFrame({"bracket": "≤51", "bracket_order": 0, "source": ["market", "climatology"], "p": [0.4, 0.6]})

    assert [SOURCE_COLOURS["market"], LINE] == fills(marks(ladder_chart(rows), "bar"))


def test_a_day_of_a_ladder_stacks_an_area_for_each_bracket_from_cold_to_warm():
    """In colours that grow lighter with the temperature."""
    rows = pl.DataFrame(
        [
            {"ts_utc": at, "bracket": bracket, "bracket_order": place, "p": 1 / 6}
            for at in NINE
            for place, bracket in enumerate(BRACKETS)
        ]
    )

    assert set(bracket_colours(6)) == set(fills(marks(ladder_day_chart(rows), "area mark")))


def test_a_fan_has_two_bands_the_median_and_what_was_measured():
    """The high is told in words beside the drawing."""
    quantiles = {f"q{q}_f": [50.0 + n / 10] * 9 for n, q in enumerate(("05", "25", "50", "75", "95"))}
    rows = pl.DataFrame({"ts_utc": NINE, **quantiles})
    temperature = pl.DataFrame({"ts_utc": NINE, "temp_f": [48.0] * 9})
    running = pl.DataFrame({"ts_utc": NINE, "run_max_lo_f": [47.5] * 9, "run_max_hi_f": [48.5] * 9})

    alone, whole = fan_chart(rows), fan_chart(rows, temperature=temperature, running=running, high_f=51)

    assert [2, 1] == [len(marks(alone, kind)) for kind in ("area mark", "line mark")]
    assert [3, 3] == [len(marks(whole, kind)) for kind in ("area mark", "line mark")]
    assert {"high 51 °F", "max so far 47.5–48.5 °F"} <= set(words(whole))


def test_a_running_maximum_that_is_exact_has_steps_that_are_seen():
    """Its band has no height: the steps rise with it, and its plateau stands to the end."""
    rows = pl.DataFrame({"ts_utc": NINE, **{f"q{q}_f": [50.0] * 9 for q in ("05", "25", "50", "75", "95")}})
    reached_f = [46.0, 47, 47, 48, 49, 49, 49, 49, 49]
    running = pl.DataFrame({"ts_utc": NINE, "run_max_lo_f": reached_f, "run_max_hi_f": reached_f})

    chart = fan_chart(rows, running=running)

    (steps,) = [tag for tag in marks(chart, "line mark") if "stroke-dasharray" in tag]
    heights = re.findall(r",(-?[\d.]+)", re.search(r' d="([^"]*)"', steps)[1])
    assert len(set(reached_f)) == len(set(heights))
    assert "max so far 49 °F" in words(chart)


def test_a_running_maximum_of_no_rows_is_drawn():
    """Before the first report of a day nothing was reached, and nothing is said of it."""
    rows = pl.DataFrame({"ts_utc": NINE, **{f"q{q}_f": [50.0] * 9 for q in ("05", "25", "50", "75", "95")}})
    running = pl.DataFrame(
        schema={"ts_utc": pl.Datetime("us", "UTC"), "run_max_lo_f": pl.Int64, "run_max_hi_f": pl.Int64}
    )

    assert not [word for word in words(fan_chart(rows, running=running)) if "so far" in word]


def test_points_outside_the_band_of_reliability_stand_out_and_rounding_puts_none_there():
    """One of three, however the rows come."""
    rows = pl.DataFrame(
        {"p": [0.9, 0.1, 0.5], "came": [0.7, 0.1, 0.5], "low": [0.8, 0.1 + 1e-12, 0.4], "high": [1.0, 0.2, 0.6]}
    )

    chart = reliability_chart(rows, title=["market", "leaves its 95% band"])

    assert [LINE, LINE, ALARM] == fills(marks(chart, "point"))
    assert "leaves its 95% band" in svg_of(chart)


def test_a_pit_bar_that_leaves_the_band_stands_out():
    """Of four, the last; without a band nothing is judged."""
    rows = pl.DataFrame({"low": [0.0, 0.25, 0.5, 0.75], "high": [0.25, 0.5, 0.75, 1.0], "share": [0.2, 0.2, 0.2, 0.4]})

    judged, told = (fills(marks(pit_chart(rows, band=band), "rect mark")) for band in ((0.15, 0.35), None))

    assert [LINE, LINE, LINE, ALARM] == judged[-4:]
    assert 5 == len(judged)
    assert [LINE] * 4 == told


@pytest.mark.parametrize("draw", [equity_chart, drawdown_chart])
def test_a_curve_of_dollars_is_one_step_line(draw):
    """Equity is a line; what it lies below its highest is an area."""
    rows = pl.DataFrame({"ts_utc": NINE, "dollars": [0.0, 2, 1, 3, -1, 0, 4, 4, 2]})

    assert 1 == len(marks(draw(rows), "line mark") + marks(draw(rows), "area mark"))


def test_what_is_below_its_highest_began_at_nothing():
    """A loss at once is a fall of its own size."""
    rows = pl.DataFrame({"ts_utc": NINE[:4], "dollars": [-1.0, 2.0, 1.5, 3.0]})

    assert [-1.0, 0.0, -0.5, 0.0] == fallen(rows)["below"].to_list()


def test_a_long_curve_is_thinned_and_keeps_its_highest_lowest_and_last():
    """Two points of each stretch are enough to draw it."""
    values = [((7_919 * n) % 1_013) - 400.0 for n in range(9_000)]
    rows = pl.DataFrame({"ts_utc": [FIRST + timedelta(minutes=n) for n in range(9_000)], "dollars": values})

    short = thinned(rows, points=100)

    assert short.height <= 101
    assert (max(values), min(values), values[-1]) == (
        short["dollars"].max(),
        short["dollars"].min(),
        short["dollars"][-1],
    )
    assert short["ts_utc"].is_sorted()
    assert thinned(rows.head(20), points=100).equals(rows.head(20))


def test_hazards_are_a_line_for_each_span():
    """Of five minutes and of an hour."""
    rows = pl.DataFrame([{"ts_utc": at, "within": span, "p": 0.1} for span in ("5 min", "60 min") for at in NINE])

    assert 2 == len(marks(hazard_chart(rows), "line mark"))


def test_coverage_has_a_field_for_each_row_and_date_that_says_what_it_holds():
    """Where the mouse rests upon it."""
    rows = pl.DataFrame(
        {
            "row": ["obs", "obs", "markets"], "event_date": [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 1)],
            "state": ["whole", "missing", "thin"], "have": [288, 0, 5], "due": [288, 288, 6], "unit": "rows",
        }
    )  # fmt: skip

    said = re.findall(r"<title>(.*?)</title>", svg_of(coverage_chart(rows)))

    assert 3 == len(said)
    assert "obs 2026-03-02: missing, 0 of 288 rows" in said


def test_a_point_outside_its_limits_stands_out_and_one_without_limits_is_judged_by_none():
    """Of four dates one."""
    rows = pl.DataFrame(
        {
            "event_date": [date(2026, 3, day) for day in (1, 2, 3, 4)], "value": [9.0, 1.0, 5.0, 1.2],
            "centre": [None, 1.0, 1.0, 1.0], "low": [None, 0.0, 0.0, 0.0], "high": [None, 2.0, 2.0, 2.0],
        }
    )  # fmt: skip

    assert [LINE, LINE, ALARM, LINE] == fills(marks(control_chart(rows, y_title="log loss, nats"), "point"))


def test_bars_and_intervals_keep_the_order_in_which_they_come():
    """A bar for each row; an interval where there is one, else a point alone."""
    rows = pl.DataFrame(
        {"name": ["nyc", "austin"], "value": [1.0, 2.0], "low": [0.5, None], "high": [1.5, None], "kind": ["a", "b"]}
    )

    bars, spans = bars_chart(rows, value_title="$", by="kind"), intervals_chart(rows, x_title="$")

    assert 2 == len(marks(bars, "bar"))
    assert 2 == len(marks(spans, "point"))
    for chart in (bars, spans):
        assert ["nyc", "austin"] == [word for word in words(chart) if word in {"nyc", "austin"}]


@pytest.mark.parametrize(
    "x",
    [NINE, [date(2026, 3, n + 1) for n in range(9)], list(range(9)), list("ihgfedcba")],
    ids=["instants", "dates", "numbers", "names"],
)
def test_lines_stand_over_instants_dates_numbers_and_names(x):
    """A line for each series, with its points while they are few."""
    rows = pl.concat([pl.DataFrame({"x": x, "y": [float(n) for n in range(9)], "series": of}) for of in ("a", "b")])

    chart = lines_chart(rows, y_title="loss")

    assert [2, 18] == [len(marks(chart, kind)) for kind in ("line mark", "point")]


def test_a_drawing_of_no_rows_is_drawn():
    """An empty lake has axes and no marks."""
    none = pl.DataFrame(schema={"name": pl.String, "value": pl.Float64})

    assert [] == marks(bars_chart(none, value_title="$"), "bar")


def test_a_drawing_of_no_series_ends_somewhere(tmp_path):
    """A legend that names nothing takes no place; left to itself it would take all there is."""
    none = pl.DataFrame(schema={"x": pl.Int64, "y": pl.Float64, "series": pl.String})

    save_chart(lines_chart(none, y_title="$"), tmp_path / "none.png")
    width = float(re.search(r'width="([^"]*)"', svg_of(lines_chart(none, y_title="$")))[1])

    assert (tmp_path / "none.png").stat().st_size > 1_000
    assert 100 < width < 2_000


def test_every_form_of_file_stands_alone(tmp_path):
    """SVG and PNG are what they say; the page has no script and no address but the names of its formats."""
    rows = pl.DataFrame({"name": ["a <b>", "c"], "value": [1.0, float("nan")]})
    for ending in ("svg", "png", "html"):
        save_chart(bars_chart(rows, value_title="$"), tmp_path / f"bars.{ending}")

    page = (tmp_path / "bars.html").read_text()
    assert (tmp_path / "bars.svg").read_text().startswith("<svg")
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")
    assert {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"} == set(
        re.findall(r"https?://[^\s\"'<]+", page)
    )
    assert "<script" not in page
    assert "a <b>" not in page


def test_a_drawing_of_a_page_takes_the_colour_of_its_text():
    """Words and lines suit light and dark; a file has them black on white."""
    svg = svg_of(bars_chart(pl.DataFrame({"name": ["a"], "value": [1.0]}), value_title="$"))

    assert 'fill="currentColor"' in svg
    assert "#010203" not in svg
