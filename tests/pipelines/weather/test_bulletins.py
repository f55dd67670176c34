"""Guidance as text: every recorded layout, and headings that must not be believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.weather.bulletins import Bulletin, read_bulletins
from pipelines.weather.products import split_products
from warehouse.errors import Refused

_NBS = """FOUS16 KWNO 071200
NBSUSA
 KMDW    NBM V4.0 NBS GUIDANCE    4/07/2021  1200 UTC
DT /APR   7/APR   8                /APR   9
UTC  18 21 00 03 06 09 12
FHR  06 09 12 15 18 21 24
TXN       102          -9
XND         2           3
TMP 100 69-65 61999    50
"""


def _read(text: str) -> tuple[list[Bulletin], list[tuple[str, str]]]:
    (product,), _ = split_products(text)
    return read_bulletins(product)


def _one(text: str) -> Bulletin:
    (bulletin,), _ = _read(text)
    return bulletin


# The first block of each: station, model, run, columns, the first column, and the first extreme.
_RECORDED = [
    ("NBS_12Z", 1, "KDSM", "NBS", "2021-04-07 12", 23, ("07 18", 69), ("08 00", 72, 2)),
    ("NBS_21Z", 1, "KDSM", "NBS", "2021-04-06 21", 23, ("07 03", 69), ("07 12", 61, 2)),
    ("NBS_unknown_var", 1, "KDSM", "NBS", "2026-04-07 15", 23, ("07 21", 68), ("08 12", 50, 3)),
    ("NBSUSA", 2, "KALM", "NBS", "2018-11-07 15", 21, ("07 21", 72), ("08 12", 47, None)),
    ("NBSUSA_32_station", 4, "XSBN_0", "NBS", "2020-02-19 17", 23, ("19 21", 38), ("20 12", 23, None)),
    ("NBXUSA", 3, "CWCD", "NBX", "2020-07-22 14", 6, ("31 00", 83), ("31 00", 86, None)),
    ("METNC1", 4, "KFOZ", "NAM", "2017-08-12 12", 21, ("12 18", 75), ("13 12", 47, None)),
    ("MEXAFG", 1, "PAOR", "MEX", "2020-11-07 00", 15, ("08 00", 13), ("08 00", 15, None)),
    ("MEXNC1_winter", 2, "KTVK", "MEX", "2020-09-01 00", 15, ("02 00", 67), ("02 00", 69, None)),
    ("LAVUSA", 3, "PHBK", "LAV", "2020-07-10 12", 25, ("10 13", None), None),
]


@pytest.mark.parametrize(("name", "blocks", "station", "model", "run", "columns", "first", "extreme"), _RECORDED)
def test_every_recorded_layout_is_read(recorded: Callable, name, blocks, station, model, run, columns, first, extreme):
    """Twelve years of layouts give station, run, instants and values by where their columns stand."""
    bulletins, unread = _read(recorded(f"nws_text/{name}.txt").read_text())

    head = bulletins[0]
    extremes = [column for column in head.columns if column.extreme_f is not None]
    said = [(f"{one.valid_utc:%d %H}", one.extreme_f, one.extreme_sd_f) for one in extremes]
    assert (blocks, []) == (len(bulletins), unread)
    assert (station, model, run, columns) == (
        head.station,
        head.model,
        f"{head.issued_utc:%Y-%m-%d %H}",
        len(head.columns),
    )
    assert first == (f"{head.columns[0].valid_utc:%d %H}", head.columns[0].temp_f)
    assert extreme == (said[0] if said else None)


def test_hours_that_contradict_each_other_refuse_the_block(recorded: Callable):
    """A block whose hours ahead are not its hours of the day cannot say when its columns are valid."""
    bulletins, ((_, rule),) = _read(recorded("nws_text/NBS_badtime.txt").read_text())

    assert bulletins == []
    assert "are not the hours of the day" in rule


def test_fields_that_touch_are_parted_by_their_width():
    """100 beside 69 beside -65, marks for nothing, and blanks."""
    assert [100, 69, -65, 61, None, None, 50] == [column.temp_f for column in _one(_NBS).columns]
    assert [(102, 2), (-9, 3)] == [
        (column.extreme_f, column.extreme_sd_f) for column in _one(_NBS).columns if column.extreme_f is not None
    ]


def test_lamp_runs_of_half_past_carry_the_full_hour(recorded: Callable):
    """The archive names a run of 1230 by 12Z; both ways to one run must give one row."""
    bulletin = _read(recorded("nws_text/LAVUSA.txt").read_text())[0][1]

    assert datetime(2020, 7, 10, 12, tzinfo=UTC) == bulletin.issued_utc
    assert (datetime(2020, 7, 10, 18, tzinfo=UTC), 74) == (bulletin.columns[5].valid_utc, bulletin.columns[5].temp_f)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("4/07/2021", "4/37/2021", "is no instant"),
        ("4/07/2021", "14/07/2021", "is no instant"),
        ("4/07/2021", "4/17/2021", "contradicts its heading"),
        ("4/07/2021", "-----", "the heading says no station and run"),
        ("V4.0 NBS", "V4.0 NBQ", "no reader for"),
        ("FHR  06 09", "FHR  09 06", "are not the hours of the day"),
        ("UTC  18 21", "UTC  17 21", "are not the hours of the day"),
        ("UTC  18 21 00 03 06 09 12\nFHR  06 09 12 15 18 21 24\n", "", "no row of hours"),
        ("UTC  18 21 00 03 06 09 12\nFHR  06 09 12 15 18 21 24\n", "UTC  18 21 20 03 06 09 12\n", "does not follow"),
        ("TMP 100 69-65", "TMP 1oo 69-65", "TMP '1OO' is no number"),
    ],
)
def test_a_block_that_contradicts_itself_is_refused(old, new, rule):
    """A bad run, hour or number refuses its block with the reason."""
    bulletins, ((_, said),) = _read(_NBS.replace(old, new))

    assert bulletins == []
    assert rule in said


@pytest.mark.parametrize("before", ["KMDW", "KMDW NBM", "KMDW NBM V4.0 NBS"])
def test_a_heading_of_blanks_is_refused_in_one_pass(before):
    """Where the words of a heading end is tried once, however many blanks stand between them."""
    bulletins, unread = _read(f"FOUS16 KWNO 071200\nNBSUSA\n {before}{' ' * 100_000}GUIDANCE {' ' * 100_000}X\n")

    assert ([], 1) == (bulletins, len(unread))


def test_a_text_without_a_block_is_refused():
    """Guidance without any block is not guidance."""
    with pytest.raises(Refused, match="no block of guidance"):
        _read("FOUS16 KWNO 071200\nNBSUSA\nnothing today\n")


@given(cut=st.integers(0, len(_NBS)))
def test_a_bulletin_cut_off_anywhere_never_invents_a_number(cut):
    """A truncated block gives its true values or none."""
    whole = _one(_NBS).columns

    products, _ = split_products(_NBS[:cut])
    said = [
        column
        for one in products
        if "GUIDANCE" in one.words
        for bulletin in read_bulletins(one)[0]
        for column in bulletin.columns
    ]

    assert all(
        mine.temp_f in (None, true.temp_f) and mine.extreme_f in (None, true.extreme_f)
        for mine, true in zip(said, whole, strict=False)
    )
