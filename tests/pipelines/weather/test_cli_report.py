"""The climate report: real ones of every layout, what may settle a market, and what must never be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.payload import Parsed, Payload
from pipelines.weather.cli_report import CliReport, Unread, issued_utc, read_cli
from pipelines.weather.nws_text import parse_nws_text
from pipelines.weather.products import split_products
from warehouse.errors import Refused
from warehouse.lake.tables import SETTLEMENTS

_RECEIVED = datetime(2026, 11, 1, tzinfo=UTC)
_NOTHING_READ = "no MAXIMUM in the temperature block"

# What each recorded report says: the highs of its stations, preliminary or not, its day, and its minute of issue.
_RECORDED = [
    ("nws_text/CLIABY.txt", [79], False, date(2014, 9, 29), "2014-09-30 06:32"),
    ("nws_text/CLIALO.txt", [19], True, date(2014, 1, 3), "2014-01-03 23:30"),
    ("nws_text/CLIANN.txt", [53], False, date(2015, 3, 2), "2015-03-03 09:05"),
    ("nws_text/CLIBGR.txt", [35], False, date(2014, 11, 2), "2014-11-03 05:27"),
    ("nws_text/CLIBOI.txt", [28], True, date(2014, 12, 29), "2014-12-29 16:31"),
    ("nws_text/CLICVG.txt", [69], False, date(2020, 4, 22), "2020-04-23 05:47"),
    ("nws_text/CLICVG_colon.txt", [39], False, date(2021, 2, 4), "2021-02-05 05:34"),
    ("nws_text/CLICVG_older.txt", [68], False, date(2020, 4, 22), "2020-04-23 05:46"),
    ("nws_text/CLIDCA.txt", [76], False, date(2026, 6, 28), "2026-06-29 06:40"),
    ("nws_text/CLIDRT.txt", [42], True, date(2014, 12, 29), "2014-12-29 13:35"),
    ("nws_text/CLIDSM2.txt", [56], True, date(2014, 10, 12), "2014-10-12 22:27"),
    ("nws_text/CLIECP.txt", [70], True, date(2014, 12, 29), "2014-12-29 22:35"),
    ("nws_text/CLIEST.txt", [62], False, date(2014, 10, 12), "2014-10-13 06:47"),
    ("nws_text/CLIFFC.txt", [79], True, date(2014, 10, 3), "2014-10-03 20:32"),
    ("nws_text/CLIHOU.txt", [80, 79], False, date(2014, 11, 30), "2014-12-01 14:55"),
    ("nws_text/CLIJNU.txt", [75], True, date(2013, 6, 30), "2013-07-01 00:42"),
    ("nws_text/CLIMAI.txt", [69], True, date(2014, 12, 29), "2014-12-29 22:35"),
    ("nws_text/CLIMUO.txt", [92], False, date(2021, 6, 23), "2021-06-24 09:34"),
    ("nws_text/CLINYC.txt", [33], False, date(2013, 1, 2), "2013-01-03 06:16"),
    ("nws_text/CLIOME.txt", [33], False, date(2014, 10, 23), "2014-10-24 09:04"),
    ("nws_text/CLIPPG3.txt", [89], False, date(2022, 2, 6), "2022-02-07 03:58"),
    ("nws_text/CLIRDU.txt", [57], False, date(2021, 3, 19), "2021-03-20 05:47"),
    ("nws_text/CLITCS.txt", [60], False, date(2014, 12, 29), "2014-12-30 09:29"),
    ("cli_2026/chi_final.txt", [89], False, date(2026, 7, 8), "2026-07-09 06:34"),
    ("cli_2026/chi_intermediate.txt", [87], True, date(2026, 7, 9), "2026-07-09 21:34"),
    ("cli_2026/mia_final.txt", [92], False, date(2026, 7, 8), "2026-07-09 08:25"),
    ("cli_2026/mia_intermediate.txt", [92], True, date(2026, 7, 9), "2026-07-09 20:21"),
    ("cli_2026/nyc_final.txt", [85], False, date(2026, 7, 8), "2026-07-09 06:26"),
    ("cli_2026/nyc_intermediate.txt", [82], True, date(2026, 7, 9), "2026-07-09 20:35"),
    ("cli_2026/nyc_record.txt", [100], False, date(2026, 7, 2), "2026-07-03 06:19"),
]


def _report(
    *,
    maximum: str = "  MAXIMUM         91    301 PM 102    1988  84      7       83",
    heading: str = "CDUS43 KLOT 160646",
    pil: str = "CLIMDW",
    title: str = "CLIMATE REPORT",
    issue: str = "146 AM CDT WED JUL 16 2025",
    place: str = "CHICAGO-MIDWAY",
    day: str = "JULY 15 2025",
    valid: str = "",
    columns: str = "WEATHER ITEM   OBSERVED TIME   RECORD YEAR NORMAL DEPARTURE LAST",
) -> str:
    return "\n".join(
        [
            *("000", heading, pil, "", title, "NATIONAL WEATHER SERVICE CHICAGO IL", issue, ""),
            *("...................................", "", f"...THE {place} CLIMATE SUMMARY FOR {day}...", valid, ""),
            *(columns, "                VALUE   (LST)  VALUE       VALUE  FROM      YEAR", "." * 66),
            *("TEMPERATURE (F)", " YESTERDAY", maximum, "                                      1901"),
            *("  MINIMUM         72    512 AM  54    1967  67      5       70", "", "PRECIPITATION (IN)"),
            *("  YESTERDAY        0.00", "", "THE CHICAGO-MIDWAY CLIMATE NORMALS FOR TODAY"),
            *(" MAXIMUM TEMPERATURE (F)   84        99      1977", "", "$$", ""),
        ]
    )


def _parsed(*texts: str, received: datetime = _RECEIVED) -> Parsed:
    payload = Payload(kind="nws_text", body="\x03\n\x01\n".join(texts).encode(), received_utc=received)
    (parsed,) = parse_nws_text([payload])
    return parsed


def _rules(parsed: Parsed) -> list[str]:
    return parsed.refused["rule"].to_list()


def _read(text: str) -> list[CliReport | Unread]:
    (product,), _ = split_products(text)
    return read_cli(product)


@pytest.mark.parametrize(("name", "highs", "preliminary", "day", "issued"), _RECORDED)
def test_every_recorded_layout_is_read(recorded: Callable, name, highs, preliminary, day, issued):
    """Twenty layouts, tied records, estimates and several stations in one text give their own observed highs."""
    (product,), _ = split_products(recorded(name).read_text())

    parts = read_cli(product)

    assert highs == [part.high_f for part in parts]
    assert {(day, preliminary)} == {(part.event_date, part.is_preliminary) for part in parts}
    assert issued == f"{issued_utc(product, day):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("name", ["nws_text/CLIMSO.txt", "nws_text/CLISAD.txt"])
def test_a_morning_report_without_a_maximum_has_no_high(recorded: Callable, name):
    """A report that does not name a maximum is refused, not read as missing or as its minimum."""
    (part,) = _read(recorded(name).read_text())

    assert isinstance(part, Unread)
    assert part.rule.startswith(_NOTHING_READ)


def test_clocks_that_contradict_each_other_leave_no_instant(recorded: Callable):
    """A heading a week from the office's own clock cannot say when the report was issued."""
    (product,), _ = split_products(recorded("nws_text/CLIPPG.txt").read_text())

    with pytest.raises(Refused, match="one is wrong"):
        issued_utc(product, date(2020, 12, 28))


def test_recorded_reports_of_our_cities_become_settlements(recorded: Callable):
    """Final and afternoon reports of July 2026 stand as issued, the afternoon's with its as-of time."""
    paths = sorted(recorded("cli_2026").glob("*.txt"))

    parsed = _parsed(*(path.read_text() for path in paths))

    rows = parsed.frame.sort("city", "issued_utc").select("city", "high_f", "is_final", "as_of_utc").rows()
    four_pm = datetime(2026, 7, 9, 16, tzinfo=UTC)
    assert parsed.refused.is_empty()
    assert [
        ("chicago", 89, True, None),
        ("chicago", 87, False, four_pm + timedelta(hours=5)),
        ("miami", 92, True, None),
        ("miami", 92, False, four_pm + timedelta(hours=4)),
        ("nyc", 100, True, None),
        ("nyc", 85, True, None),
        ("nyc", 82, False, four_pm + timedelta(hours=4)),
    ] == rows


def test_a_row_keeps_every_law_of_its_table():
    """What the parser keeps, the table admits: columns, types and day laws."""
    frame = _parsed(
        _report(), _report(valid="VALID TODAY AS OF 0400 PM LOCAL TIME.", heading="CDUS43 KLOT 160746")
    ).frame

    ((partition, rows),) = SETTLEMENTS.split(frame)

    assert 2 == SETTLEMENTS.admit(rows, partition).height


def test_a_report_is_known_minutes_after_its_issue_never_at_its_as_of_time():
    """The as-of time says what a report covers; it is published about half an hour later."""
    afternoon = _report(
        heading="CDUS43 KLOT 152133",
        issue="433 PM CDT TUE JUL 15 2025",
        valid="VALID TODAY AS OF 0400 PM LOCAL TIME.",
    )

    row = _parsed(afternoon).frame.row(0, named=True)

    assert datetime(2025, 7, 15, 21, 33, tzinfo=UTC) == row["issued_utc"]
    assert datetime(2025, 7, 15, 21, 35, tzinfo=UTC) == row["known_utc"]
    assert datetime(2025, 7, 15, 21, 0, tzinfo=UTC) == row["as_of_utc"]


@pytest.mark.parametrize(
    "valid",
    [
        "VALID TODAY AS OF 0400 PM LOCAL TIME.",
        "VALID AS OF 0600 AM LOCAL TIME.",
        "VALID TODAY AS OF 4:00 PM LOCAL TIME.",
        "VALID TODAY\nAS OF 0400 PM",
        "VALID AS OF MIDNIGHT",
    ],
)
def test_every_as_of_line_makes_a_report_preliminary(valid):
    """A report that says as of when it is valid is not final, whenever it was issued."""
    assert [False] == _parsed(_report(valid=valid)).frame["is_final"].to_list()


def test_a_report_before_the_end_of_its_day_is_never_final():
    """Without its as-of line an afternoon report looks final: the end of the climate day decides, not the clock's."""
    late = _report(heading="CDUS43 KLOT 160559", issue="1259 AM CDT WED JUL 16 2025")
    later = _report(heading="CDUS43 KLOT 160600", issue="100 AM CDT WED JUL 16 2025")

    assert [False, True] == _parsed(late, later).frame.sort("issued_utc")["is_final"].to_list()


@pytest.mark.parametrize(
    ("maximum", "high"),
    [
        ("  MAXIMUM         53R   301 PM 102    1988  84      7       83", 53),
        ("  MAXIMUM         57(E)  221 AM  88    1945  64     -7       81", 57),
        ("  MAXIMUM         57 E   221 AM  88    1945  64     -7       81", 57),
        ("  MAXIMUM        100R   247 PM 100    1901  84     16       84", 100),
        ("  MAXIMUM         -4    301 PM 102    1988  84      7       83", -4),
        ("  MAXIMUM          0  11:29 PM 102    1988  84      7       83", 0),
        ("  MAXIMUM         MM                          84", None),
        ("  MAXIMUM          M", None),
    ],
)
def test_marks_beside_the_maximum_change_nothing(maximum, high):
    """A tied record, an estimate or a time is not part of the number; missing is missing, never 0."""
    assert [high] == [part.high_f for part in _read(_report(maximum=maximum))]


@pytest.mark.parametrize(
    "maximum",
    [
        "  MAXIMUM                301 PM 102    1988  84      7       83",
        "  MAXIMUM                       102    1988  84      7       83",
        "  MAXIMUM        9lR    301 PM 102    1988  84      7       83",
        "  MAXIMUM        1301 PM",
        "  MAXIMUM        302    301 PM 102    1988  84      7       83",
    ],
)
def test_a_line_without_an_observed_value_gives_none(maximum):
    """A time, a record or damage never takes the place of the observed high."""
    assert isinstance(_read(_report(maximum=maximum))[0], Unread)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"pil": "CLIORD"}, "a report for ORD is not of a city in the registry"),
        ({"place": "CHICAGO-O'HARE"}, 'its words are about "CHICAGO-O\'HARE"'),
        ({"place": "CHICAGO"}, "its words are about 'CHICAGO'"),
        ({"heading": "CDUS43 KMKX 160646"}, "KMKX is not the office"),
        ({"heading": "NOUS43 KLOT 160646"}, "another text filed under its id"),
        ({"heading": "CDUS43 KLOT 160646", "day": "JULY 17 2025"}, "before its day 2025-07-17 began"),
        ({"day": "JULY 1 2025"}, "more than 5 days after its day"),
        ({"day": "JULY 51 2025"}, "is no date"),
        ({"issue": "146 AM CDT WED JUL 09 2025"}, "one is wrong"),
        ({"heading": "CDUS43 KLOT 160660"}, "is no time"),
        ({"pil": "CLIMATE REPORT"}, "no reader for product ''"),
    ],
)
def test_what_is_not_our_stations_report_is_refused(change, rule):
    """A report of another place, office, kind or day is refused with its reason, and nothing of it is kept."""
    parsed = _parsed(_report(**change))

    assert parsed.frame.is_empty()
    assert rule in _rules(parsed)[0]


@pytest.mark.parametrize(
    ("place", "code", "office", "good"),
    [
        ("CENTRAL PARK NY", "NYC", "KOKX", True),
        ("LAGUARDIA AIRPORT NY", "NYC", "KOKX", False),
        ("AUSTIN BERGSTROM", "AUS", "KEWX", True),
        ("AUSTIN CAMP MABRY", "AUS", "KEWX", False),
        ("LOS ANGELES DOWNTOWN", "LAX", "KLOX", False),
    ],
)
def test_the_neighbouring_station_is_not_ours(place, code, office, good):
    """Central Park is not LaGuardia, Bergstrom is not Mabry, the airport is not downtown."""
    parsed = _parsed(_report(place=place, pil=f"CLI{code}", heading=f"CDUS41 {office} 161000", issue=""))

    assert good == (parsed.frame.height == 1)


def test_of_several_stations_in_one_text_only_ours_is_taken():
    """A text may speak of several stations; each is judged by its own headline."""
    other = _report(place="CHICAGO-O'HARE", maximum="  MAXIMUM         95    301 PM").partition("....\n")[2]

    parsed = _parsed(_report().replace("$$", "&&") + other)

    assert [91] == parsed.frame["high_f"].to_list()
    assert 1 == parsed.refused.height


@pytest.mark.parametrize(
    "change",
    [
        {"heading": "CDUS43 KLOT 160646 CCA"},
        {"title": "CLIMATE REPORT (CORRECTION)"},
        {"title": "CLIMATE REPORT...CORRECTED LOW TEMPERATURE..."},
        {"day": "JULY 15 2025 CORRECTION"},
    ],
)
def test_a_correction_says_so_in_heading_title_or_headline(change):
    """A corrected report is kept beside the one that it corrects, and marked."""
    assert [True] == _parsed(_report(**change)).frame["is_correction"].to_list()


def test_a_first_final_with_an_error_and_its_correction_are_both_final():
    """Miami, 2026-08-29: first 90, corrected to 85 within the hour; the market paid 90, so both must be there."""
    words = {"pil": "CLIMIA", "place": "MIAMI", "day": "AUGUST 29 2026"}
    first = _report(**words, heading="CDUS42 KMFL 300824", issue="424 AM EDT SUN AUG 30 2026").replace(" 91 ", " 90 ")
    second = _report(**words, heading="CDUS42 KMFL 300910 CCA", issue="510 AM EDT SUN AUG 30 2026").replace(
        " 91 ", " 85 "
    )

    rows = _parsed(second, first).frame.sort("issued_utc").select("high_f", "is_final", "is_correction").rows()

    assert [(90, True, False), (85, True, True)] == rows


def test_finals_minutes_apart_are_all_kept():
    """Two finals that say different highs are two issuances; which one settles is not for the parser to say."""
    second = _report(heading="CDUS43 KLOT 160647", maximum="  MAXIMUM         92    301 PM")

    assert [91, 92] == _parsed(_report(), second).frame.sort("issued_utc")["high_f"].to_list()


def test_the_same_report_twice_counts_once():
    """A repeated product, and one sent again under a mark of resending, is the same report."""
    again = _report(heading="CDUS43 KLOT 160646 RRA")
    later = _report(heading="CDUS43 KLOT 160710 RRB")

    parsed = _parsed(_report(), again, _report(), later)

    assert ["202507160646-KLOT-CDUS43-CLIMDW"] == parsed.frame["product_id"].to_list()
    assert parsed.refused.is_empty()


def test_of_a_report_and_its_correction_in_one_minute_the_first_stays():
    """The first report settles, so a correction of the same minute is refused where people see it."""
    corrected = _report(heading="CDUS43 KLOT 160646 CCA", maximum="  MAXIMUM         85    301 PM")

    parsed = _parsed(corrected, _report())

    assert [91] == parsed.frame["high_f"].to_list()
    assert ["another report of the same minute says 91 °F: the first to settle stays"] == _rules(parsed)


def test_a_text_from_the_future_is_refused():
    """A report cannot be received before it was issued."""
    assert ["from the future: issued after it was received"] == _rules(
        _parsed(_report(), received=datetime(2025, 7, 16, 6, 0, tzinfo=UTC))
    )


_FLAGS = st.sampled_from(["", "R", " R", "(E)", " E", "R(E)"])
_TIMES = st.sampled_from(["", "301 PM", "0151 PM", "11:29 PM", "1232 AM"])


@given(
    high_f=st.one_of(st.none(), st.integers(-60, 140)),
    flags=_FLAGS,
    when=_TIMES,
    indent=st.integers(0, 3),
    gap=st.integers(1, 9),
    after=st.lists(st.integers(-60, 2026), max_size=5),
    columns=st.sampled_from(["WEATHER ITEM   OBSERVED TIME   RECORD", "WEATHER ITEM      OBSERVED RECORD YEAR", ""]),
    missing=st.sampled_from(["M", "MM"]),
)
def test_the_high_read_is_the_high_written(high_f, flags, when, indent, gap, after, columns, missing):
    """Whatever the widths, marks and columns: the observed maximum comes out as it went in."""
    value = missing if high_f is None else f"{high_f}{flags}"
    line = " " * indent + "MAXIMUM" + " " * gap + value + "   ".join(["", when, *map(str, after)])

    (part,) = _read(_report(maximum=line.rstrip(), columns=columns))

    assert isinstance(part, CliReport)
    assert high_f == part.high_f


@given(cut=st.integers(0, len(_report())), valid=st.sampled_from(["", "VALID AS OF 0400 PM LOCAL TIME."]))
def test_a_report_cut_off_anywhere_never_invents_a_number(cut, valid):
    """A truncated report gives its true high or none, and never loses its as-of line alone."""
    parsed = _parsed(_report(valid=valid)[:cut])

    assert {(91, not valid)} >= set(parsed.frame.select("high_f", "is_final").rows())


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_no_text_makes_the_parser_raise(text):
    """Anything that is not a report ends among the refused."""
    assert _parsed(_report().replace("...THE", text), text).frame.schema == pl.Schema(
        {**SETTLEMENTS.schema, **SETTLEMENTS.path_columns}
    )


_BLANKS = " " * 200_000


@pytest.mark.parametrize(
    "text",
    [
        "..." + _BLANKS + "X" * 200,
        "...X" + _BLANKS + "X",
        ("... " + " " * 30) * 6_000,
        "." * 200_000,
        "...THE A CLIMATE" + _BLANKS + "X",
        "...A CLIMATE SUMMARY FOR JULY 15 2025...\nTEMPERATURE" + _BLANKS + "X",
    ],
)
def test_a_run_of_blanks_without_end_is_read_in_one_pass(text):
    """Where blanks end is tried once, so a text of nothing but blanks is refused as fast as any other."""
    parsed = _parsed(f"CDUS43 KLOT 160646\nCLIMDW\n{text}\n")

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)


@pytest.mark.parametrize("place", ["", "CHICAGO-MIDWAY", "CHICAGO-MIDWAY  \n  AIRPORT", "A..B"])
def test_the_place_is_what_stands_between_the_marks(place):
    """The words before CLIMATE SUMMARY name the place, on one line or two."""
    (part,) = _read(_report(place=place))

    assert " ".join(place.split()) == part.place


def test_a_contradiction_told_twice_is_refused_once():
    """The same two texts of one minute, read again, do not swell what was set aside."""
    texts = [_report(), _report(maximum="  MAXIMUM         90    301 PM 102    1988  84      7       83")] * 3

    parsed = _parsed(*texts)

    assert (1, 1) == (parsed.frame.height, parsed.refused.height)


def test_as_of_times_are_civil_times_at_the_station():
    """A report valid as of 4 PM in winter is valid as of 22Z in Chicago."""
    winter = _report(
        heading="CDUS43 KLOT 152233",
        issue="433 PM CST THU JAN 15 2026",
        day="JANUARY 15 2026",
        valid="VALID TODAY AS OF 0400 PM LOCAL TIME.",
    )

    (part,) = _read(winter)

    assert isinstance(part, CliReport)
    assert time(16) == part.as_of
    assert [datetime(2026, 1, 15, 22, tzinfo=UTC)] == _parsed(winter).frame["as_of_utc"].to_list()
