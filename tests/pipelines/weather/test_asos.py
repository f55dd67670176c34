"""Iowa State's CSV: which rows are reports of our station, of which kind, and which lines are damaged."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta

import pytest

from pipelines.payload import Payload
from pipelines.transform import observation_grid
from pipelines.weather.asos import parse_iem_asos, parse_iem_asos1min
from warehouse.lake.tables import OBS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

HEADER = "station,valid,tmpf,dwpf,sknt,metar"
ROUTINE = "MDW,2025-07-15 19:53,90.00,66.90,8.00,KMDW 151953Z 21008G17KT 10SM 32/19 A2996 RMK AO2 SLP140 T03220194"
SIX_HOURS = (
    "MDW,2025-07-15 05:53,77.00,66.90,8.00,KMDW 150553Z 21008KT 25/19 A2996 RMK AO2 T02500194 10372 20217 403720183"
)
SPECIAL = "MDW,2025-07-15 20:10,89.60,66.20,8.00,SPECI KMDW 152010Z 21008KT 10SM 32/19 A2996 RMK AO2"
FIVE_MINUTES = "MDW,2025-07-15 19:55,,,8.00,KMDW 151955Z AUTO 21008KT 32/19 A2996 RMK T03200190 MADISHF"
RECEIVED = datetime(2025, 7, 20, tzinfo=UTC)


def payload(*lines, kind="iem_asos", end="\n", **asked):
    body = ("\n".join(lines) + end).encode()
    return Payload(kind=kind, asked={"city": "chicago"} | asked, body=body, received_utc=RECEIVED)


def parsed_of(*lines, **asked):
    (parsed,) = parse_iem_asos([payload(HEADER, *lines, **asked)])
    return parsed


def rules(parsed):
    return parsed.refused["rule"].to_list()


def test_routine_report_becomes_a_row():
    """The text of the report is what counts, and it is known five minutes later."""
    row = parsed_of(ROUTINE).frame.row(0, named=True)

    expected = {"source": "metar", "station": "KMDW", "temp_f": 89.96, "temp_lo_f": 90, "temp_hi_f": 90}
    expected |= {"wind_mph": 9.2, "is_whole_c": False, "is_filled": False, "event_date": date(2025, 7, 15)}
    assert expected == {name: row[name] for name in expected}
    assert timedelta(minutes=5) == row["known_utc"] - row["ts_utc"]


def test_rows_keep_the_contract_of_obs():
    """Reports of every kind are admitted."""
    ((partition, rows), (_, night)) = reversed(
        list(OBS.split(parsed_of(ROUTINE, SIX_HOURS, SPECIAL, FIVE_MINUTES).frame))
    )

    assert (3, 1) == (OBS.admit(rows, partition).height, night.height)


@pytest.mark.parametrize(
    ("line", "asked", "source"),
    [
        (ROUTINE, {}, "metar"),
        (SPECIAL, {"report_type": "3,4"}, "metar"),
        (FIVE_MINUTES, {"report_type": "3,4"}, "hfmetar"),
        (FIVE_MINUTES.replace(" MADISHF", ""), {}, "hfmetar"),
        (FIVE_MINUTES.replace(" MADISHF", ""), {"report_type": "1,3"}, "hfmetar"),
        (FIVE_MINUTES.replace(" MADISHF", ""), {"report_type": "3,4"}, "metar"),
        (SPECIAL, {"report_type": "1"}, "hfmetar"),
    ],
)
def test_kind_of_report(line, asked, source):
    """A five-minute report says so, or nothing else was asked for, or the archive withheld its °F."""
    assert [source] == parsed_of(line, **asked).frame["source"].to_list()


def test_six_hour_maximum_never_enters_the_running_maximum():
    """At 05:53Z in Chicago the group speaks of the evening before the day: 99 °F is not today's."""
    frame = parsed_of(SIX_HOURS.replace("05:53", "06:53").replace("150553Z", "150653Z")).frame
    day = ClimateDay(CITIES["chicago"], date(2025, 7, 15))

    grid = observation_grid(frame.drop("city", "event_date"), day=day, step_minutes=5)

    assert [(99, 99)] == frame.select("max_6h_f", "max_24h_f").rows()
    assert 77 == grid["run_max_hi_f"].max()


BAD_LINES = {
    "O'Hare's row": (ROUTINE.replace("MDW,", "ORD,", 1), "the row is of another station"),
    "O'Hare's text": (ROUTINE.replace("KMDW", "KORD"), "the METAR is of another station"),
    "another hour": (ROUTINE.replace("151953Z", "151453Z"), "not that of its row"),
    "no time": (ROUTINE.replace("2025-07-15 19:53", "15 July"), "time cannot be read"),
    "epoch in ms": (ROUTINE.replace("2025-07-15 19:53", "1752609180000"), "time cannot be read"),
    "no temperature": (ROUTINE.replace("32/19", "//////").replace("T03220194", ""), "no temperature"),
    "two temperatures": (ROUTINE.replace("32/19", "22/19"), "contradicts the body"),
    "another column": (ROUTINE.replace("90.00", "80.00"), "tmpf contradicts"),
    "garbage": ("MDW,2025-07-15 19:53,90.00,66.90,8.00,@@@", "no METAR"),
    "nothing": ("MDW,2025-07-15 19:53,,,,", "temperature is missing"),
    "sentinel": ("MDW,2025-07-15 19:53,-99.00,,,", "no American station"),
    "too many fields": (ROUTINE + ",1,2", "another number of fields"),
    "the future": (ROUTINE.replace("2025-07-15", "2025-07-21").replace("151953Z", "211953Z"), "from the future"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_bad_line_is_refused_alone(line, reason):
    """One damaged line ends among the refused with its reason; the others stay."""
    parsed = parsed_of(line, SPECIAL)

    assert (1, 1) == (parsed.frame.height, parsed.refused.height)
    assert reason in rules(parsed)[0]


def test_row_without_text_is_read_from_its_columns():
    """Where the archive has no text, its own °F counts."""
    row = parsed_of("MDW,2025-07-15 19:53,90.00,66.90,8.00,").frame.row(0, named=True)

    assert (90.0, 90, False) == (row["temp_f"], row["temp_hi_f"], row["is_whole_c"])


CORRECTED = (
    SIX_HOURS.replace("Z 2100", "Z COR 2100").replace("T02500194 10372 ", "T02440194 ").replace("25/19", "24/19")
)
CORRECTED = CORRECTED.replace("77.00", "76.00")


@pytest.mark.parametrize("lines", [(SIX_HOURS, CORRECTED), (CORRECTED, SIX_HOURS), (SIX_HOURS, CORRECTED, CORRECTED)])
def test_a_correction_counts_and_keeps_the_groups_that_it_does_not_repeat(lines):
    """A COR of the same minute stands in the place of the report, with the six-hour maximum that it left out."""
    parsed = parsed_of(*lines)

    assert [(76, 99, 99)] == parsed.frame.select("temp_hi_f", "max_6h_f", "max_24h_f").rows()
    assert ["a correction (COR) of the same minute says otherwise: the correction counts"] == rules(parsed)


def test_the_last_of_two_corrections_counts():
    """Who corrects a correction is believed."""
    again = CORRECTED.replace("T02440194", "T02390194").replace("76.00", "75.00")

    assert [75] == parsed_of(SIX_HOURS, CORRECTED, again).frame["temp_hi_f"].to_list()


def test_a_correction_without_a_temperature_leaves_the_report():
    """A correction that is refused corrects nothing."""
    empty = CORRECTED.replace("24/19", "//////").replace("T02440194", "")

    assert [77] == parsed_of(SIX_HOURS, empty).frame["temp_hi_f"].to_list()


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (HEADER.replace(",", ", "), ROUTINE),
        (" " + HEADER, ROUTINE),
        ('"station","valid","tmpf"', '"MDW","2025-07-15 19:53","90.00"'),
        ('"station", "valid" ,tmpf', "MDW,2025-07-15 19:53,90.00"),
    ],
)
@pytest.mark.parametrize("damaged", [(), ("MDW,2025-07-15 20:53",)])
def test_names_with_spaces_or_quotes_are_the_same_names(header, line, damaged):
    """What stands around a name in a header changes nothing, also where a line is damaged."""
    (parsed,) = parse_iem_asos([payload(header, line, *damaged)])

    assert (1, [90]) == (parsed.frame.height, parsed.frame["temp_hi_f"].to_list())


def test_a_header_with_a_name_twice_is_refused():
    """Which of two columns is meant nobody knows."""
    (parsed,) = parse_iem_asos([payload(HEADER + ",tmpf", ROUTINE + ",80.00")])

    assert (0, ["its header names tmpf more than once"]) == (parsed.frame.height, rules(parsed))


def test_a_question_for_days_that_are_none_is_refused_alone():
    """A bad date in the question takes its own answer along and no other."""
    (parsed,) = parse_iem_asos([payload(HEADER, ROUTINE, since="yesterday"), payload(HEADER, SPECIAL)])

    assert 1 == parsed.frame.height
    assert "asked for days that are none" in rules(parsed)[0]


def test_last_line_without_its_end_is_refused():
    """A cut report may lack its T-group without showing it."""
    (parsed,) = parse_iem_asos([payload(HEADER, SPECIAL, ROUTINE[:-12], end="")])

    assert (1, ["the last line was cut off"]) == (parsed.frame.height, rules(parsed))


@pytest.mark.parametrize(
    "body", [b"", b"<html>503</html>\n", b"ERROR: station unknown\n", b"\xff\xfe", b"\x1f\x8bdamaged"]
)
def test_what_is_no_table_is_refused_whole(body):
    """Another body is refused; the next answer is read."""
    bad = Payload(kind="iem_asos", asked={"city": "chicago"}, body=body, received_utc=RECEIVED)

    (parsed,) = parse_iem_asos([bad, payload(HEADER, ROUTINE)])

    assert (1, 1) == (parsed.frame.height, parsed.refused.height)


def test_compressed_answer_is_read():
    """Archives come gzipped too."""
    plain = payload(HEADER, ROUTINE)
    packed = Payload(kind=plain.kind, asked=plain.asked, body=gzip.compress(plain.body), received_utc=RECEIVED)

    assert next(parse_iem_asos([plain])).frame.equals(next(parse_iem_asos([packed])).frame)


def test_duplicates_and_disorder_do_not_matter():
    """The order of lines and their repetition change nothing."""
    assert parsed_of(ROUTINE, SPECIAL).frame.equals(parsed_of(SPECIAL, ROUTINE, SPECIAL).frame)


def test_no_reports_is_no_refusal():
    """A header alone is an answer: nothing was reported."""
    parsed = parsed_of()

    assert (0, []) == (parsed.frame.height, rules(parsed))


MINUTES = "station,station_name,valid(UTC),tmpf,dwpf,sknt"


def test_minute_pages_say_whole_degrees():
    """A one-minute page names one whole °F each minute, a day later; M is missing."""
    lines = (
        "MDW,Midway,2025-07-15 12:00,77,66,9",
        "MDW,Midway,2025-07-15 12:01,M,66,9",
        "MDW,Midway,2025-07-15 12:02,78,M,M",
    )

    (parsed,) = parse_iem_asos1min([payload(MINUTES, *lines, kind="iem_asos1min")])

    assert [(77.0, 77, 77, False), (78.0, 78, 78, False)] == parsed.frame.select(
        "temp_f", "temp_lo_f", "temp_hi_f", "is_whole_c"
    ).rows()
    assert [timedelta(hours=24)] * 2 == (parsed.frame["known_utc"] - parsed.frame["ts_utc"]).to_list()
    assert ["the temperature is missing"] == rules(parsed)


def test_recorded_minutes_of_ohare_are_not_midways(recorded):
    """Three recorded hours of O'Hare: refused for Chicago, whose station is Midway, and read if they were Midway's."""
    body = (recorded("asos_1min") / "kord_20240115_1200_1500.csv").read_bytes()
    asked = {"city": "chicago"}
    answers = [
        Payload(kind="iem_asos1min", asked=asked, body=said, received_utc=RECEIVED)
        for said in (body, body.replace(b"ORD,", b"MDW,"))
    ]

    ohare, midway = (next(parse_iem_asos1min([answer])) for answer in answers)

    assert (0, 180, {"the row is of another station"}) == (ohare.frame.height, ohare.refused.height, set(rules(ohare)))
    assert (180, 0) == (midway.frame.height, midway.refused.height)


def test_a_file_that_nobody_asked_for_is_admitted_by_its_station(recorded):
    """A recorded file of a station of the registry is its city's; one of O'Hare is nobody's, and says so once."""
    body = (recorded("asos_1min") / "kord_20240115_1200_1500.csv").read_bytes()
    answers = [
        Payload(kind="iem_asos1min", body=said, received_utc=RECEIVED)
        for said in (body, body.replace(b"ORD,", b"MDW,"))
    ]

    (parsed,) = parse_iem_asos1min(answers)

    assert (180, {"chicago"}) == (parsed.frame.height, set(parsed.frame["city"]))
    assert ["ORD is no station of a city in the registry"] == rules(parsed)
