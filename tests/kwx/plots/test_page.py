"""Pages: well formed, what is said is told as text, and no name of one drawing is that of another."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import polars as pl
import pytest

from kwx.plots.page import Beside, Folded, Grid, Picture, Section, Text, Tile, Tiles, document
from kwx.plots.reliability import reliability_chart
from kwx.plots.save import svg_of
from tests.browser import require_sound


class Nesting(HTMLParser):
    """Keeps the tags that are open; one that closes another is a fault."""

    def __init__(self):
        super().__init__()
        self.open, self.faults = [], []

    def handle_starttag(self, tag, attrs):
        """Open a tag."""
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Close the last tag."""
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def test_a_page_is_well_formed_and_tells_what_is_told_as_text():
    """What looks like a tag is told as it is."""
    rows = [("<script>", "-$1.00"), ("a & b", "·")]
    inner = Folded(title="more", parts=[Grid(headers=("<b>", "net"), rows=rows)])

    page = document("x < y", [Section(title="One", parts=[Text(words="1 < 2"), inner])])

    tags = Nesting()
    tags.feed(page.removeprefix("<!doctype html>"))
    assert ([], []) == (tags.open, tags.faults)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert '<td class="n">-$1.00</td>' in page


def test_figures_tell_their_state_in_a_colour_and_a_sign():
    """Colour alone would be lost on some."""
    tiles = Tiles(
        tiles=[
            Tile(label="fresh", value="2 min", state="ok"), Tile(label="late <b>", value="9 min", state="warn"),
            Tile(label="lost", value="3", note="since 12:00Z", state="alarm"), Tile(label="city", value="nyc"),
        ]
    )  # fmt: skip

    page = document("How it is", [Section(title="", parts=[tiles])])

    assert [" ok", " warn", " alarm", ""] == re.findall(r'<div class="tile( \w+)?">', page)
    assert ["✓ 2 min", "! 9 min", "✗ 3", "nyc"] == re.findall(r"<b>(.*?)</b>", page)
    assert "late &lt;b&gt;" in page
    assert "<small>since 12:00Z</small>" in page
    assert "<h2>" not in page


def test_a_cell_that_tells_a_state_has_its_colour():
    """As said of its word; a number stands to the right all the same."""
    grid = Grid(headers=("what", "n"), rows=[("FAILED", "3"), ("passed", "0")], states={"FAILED": "alarm", "0": "ok"})

    html = grid.html()

    assert '<td class="alarm">FAILED</td><td class="n">3</td>' in html
    assert '<td>passed</td><td class="ok n">0</td>' in html


COMMAND = "kwx ingest obs --city chicago --since 2026-11-05 --until 2026-11-14 --again --lake " + "/somewhere/deep" * 4


def test_a_table_that_tells_a_command_names_the_column_of_each_cell():
    """In a narrow window its rows are cards without a head; an empty cell is none of them."""
    html = Grid(headers=("what", "days", 'next "'), rows=[("obs", "5", COMMAND), ("trades", "", "")]).html()

    assert '<div class="wide cards">' in html
    assert f'<td class="n" data-of="days">5</td><td class="long" data-of="next &quot;">{COMMAND}</td>' in html
    assert '<td data-of="what">trades</td><td></td><td></td>' in html


def test_a_table_of_short_cells_or_of_two_columns_stays_a_table():
    """It is compared down its columns, and there is room for it."""
    for headers, row in ((("what", "days", "next"), ("obs", "5", "kwx record")), (("model", "bias"), ("nbm", COMMAND))):
        assert '<div class="wide"><table>' in Grid(headers=headers, rows=[row]).html()


@pytest.mark.parametrize("width", [360, 400, 800, 1200])
def test_a_command_is_read_in_a_window_of_any_width(browser, tmp_path, width):
    """Within the window, and on few lines; the words before it take theirs."""
    headers = ("table", "source", "", "newest row", "known", "its lag", "modelled", "silent for", "longest", "next")
    row = (
        "obs",
        "metar",
        "late",
        "2026-11-15 06:36Z",
        "2026-11-15 07:06Z",
        "30 min",
        "30 min",
        "16 d",
        "25 h",
        COMMAND,
    )
    rows = [row, (*row[:2], "fresh", *row[3:-1], "")]
    grid = Grid(headers=headers, rows=rows, states={"late": "warn", "fresh": "ok"})
    path = tmp_path / "late.html"
    path.write_text(document("Late", [Section(title="Freshness", parts=[grid])]))

    with browser.page(path.as_uri(), width=width) as tab:
        require_sound(tab.look())
        right = tab.run("document.querySelector('tr:nth-child(2) td:last-child').getBoundingClientRect().right")

    assert right <= width


def test_two_drawings_on_a_page_share_no_name():
    """A clip that is named alike in both would cut the second by the first."""
    rows = pl.DataFrame({"p": [0.1, 0.9], "came": [0.2, 0.8], "low": [0.0, 0.7], "high": [0.3, 1.0]})
    pictures = [Picture(words=f"of {width}", svg=svg_of(reliability_chart(rows, width=width))) for width in (100, 200)]

    page = document("Two", [Section(title="Both", parts=[Beside(parts=pictures)])])

    names = re.findall(r' id="([^"]*)"', page)
    assert names
    assert len(names) == len(set(names))
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(names)


def test_a_drawing_is_the_same_each_time():
    """To the byte, however many were drawn before it."""
    rows = pl.DataFrame({"p": [0.1, 0.9], "came": [0.2, 0.8], "low": [0.0, 0.7], "high": [0.3, 1.0]})

    assert svg_of(reliability_chart(rows)) == svg_of(reliability_chart(rows))
