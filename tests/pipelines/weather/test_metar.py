"""What a METAR says: every group read back as it was written, and nothing read that was not."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.weather.metar import decoded_metars, reports_of_metars
from warehouse.lake.tables import UTC_TYPE

MIDWAY = "KMDW 151953Z 21008G17KT 10SM FEW050 32/19 A2996 RMK AO2 SLP140 T03220194"


def read(text):
    return decoded_metars(pl.Series([text], dtype=pl.String)).row(0, named=True)


def report(text, valid="2025-07-15T19:53:00"):
    rows = pl.DataFrame({"metar": [text], "valid_utc": [datetime.fromisoformat(valid).replace(tzinfo=UTC)]})
    return reports_of_metars(rows.cast({"valid_utc": UTC_TYPE})).row(0, named=True)


def tenths_group(mark, *tenths):
    return mark + "".join(f"{int(value < 0)}{abs(value):03d}" for value in tenths)


def whole_group(celsius):
    return f"{'M' if celsius < 0 else ''}{abs(celsius):02d}"


def test_body_and_exact_group():
    """The body says whole degrees, the T-group tenths."""
    said = read(MIDWAY)

    expected = {"metar_station": "KMDW", "day": 15, "hour": 19, "minute": 53, "temp_c": 32, "dew_c": 19}
    expected |= {"temp_tenths_c": 322, "dew_tenths_c": 194, "wind_knots": 8.0}
    assert expected == {name: said[name] for name in expected}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("KMIA 010053Z 11006KT 24/M02 A3010", "dew_c", -2),
        ("KMIA 010053Z 11006KT M05/M12 A3010", "temp_c", -5),
        ("KMIA 010053Z 11006KT M00/M01 A3010", "temp_c", 0),
        ("KMIA 010053Z 11006KT 24/ A3010", "temp_c", 24),
        ("KMIA 010053Z 11006KT 24/ A3010", "dew_c", None),
        ("KMIA 010053Z 11006KT 2 1/2SM R09/2600VP6000FT 22/21 A3004", "temp_c", 22),
        ("KMIA 010053Z 11006KT CLR A2987 RMK AO2 PK WND 20/32", "temp_c", None),
        ("KMIA 010053Z VRB05KT 23/18", "wind_knots", 5.0),
        ("KMIA 010053Z 00000KT 23/18", "wind_knots", 0.0),
        ("KMIA 010053Z 310110G130KT 23/18", "wind_knots", 110.0),
        ("KMIA 010053Z 31010MPS 23/18", "wind_knots", pytest.approx(19.43844)),
        ("KMIA 010053Z /////KT 23/18", "wind_knots", None),
        ("KMIA 010053Z 24/18 RMK AO2 10372 20217", "max_6h_tenths_c", 372),
        ("KMIA 010053Z 24/18 RMK AO2 11012 21217", "max_6h_tenths_c", -12),
        ("KMIA 010053Z 24/18 RMK AO2 402780200 $", "max_24h_tenths_c", 278),
        ("KMIA 010053Z 24/18 RMK AO2 410331078 $", "max_24h_tenths_c", -33),
        ("KMIA 010053Z 24/18 RMK AO2 T0239", "temp_tenths_c", 239),
        ("KMIA 010053Z 24/18 T02390206", "temp_tenths_c", None),
        ("METAR COR KMIA 010053Z AUTO 24/18", "is_correction", True),
        ("METAR KMIA 010053Z AUTO 24/18 RMK COR", "is_correction", False),
        ("METAR  KMIA\n010053Z  24/18\n RMK AO2   T02390206=", "temp_tenths_c", 239),
        ("KMIA 010053Z NIL=", "temp_c", None),
        ("", "metar_station", None),
        (None, "metar_station", None),
        ("<html>503</html>", "metar_station", None),
    ],
)
def test_group_is_read(text, name, value):
    """Each group, in the shapes in which it comes."""
    assert value == read(text)[name]


TENTHS = st.integers(-550, 550)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),
    *[TENTHS] * 4,
    st.integers(0, 99),
    st.sampled_from(["", "AUTO ", "COR "]),
)
def test_what_was_written_is_read(at, temp, dew, max_6h, max_24h, knots, modifier):
    """Any report, written by the rules, is read back number for number."""
    body = f"KDEN {at:%d%H%M}Z {modifier}180{knots:02d}KT 10SM {whole_group(temp // 10)}/{whole_group(dew // 10)} A3000"
    groups = [tenths_group(*said) for said in (("T", temp, dew), ("1", max_6h), ("4", max_24h, max_24h))]

    said = read(f"{body} RMK AO2 SLP140 {' '.join(groups)} 58006")

    assert (at.day, at.hour, at.minute, temp // 10, dew // 10) == tuple(
        said[name] for name in ("day", "hour", "minute", "temp_c", "dew_c")
    )
    assert (temp, dew, max_6h, max_24h, float(knots)) == tuple(
        said[name] for name in ("temp_tenths_c", "dew_tenths_c", "max_6h_tenths_c", "max_24h_tenths_c", "wind_knots")
    )


@given(st.text(alphabet="KMIA T0123456789/ZSPECIRMK$\n=-", max_size=80), st.integers(0, len(MIDWAY)))
def test_garbage_never_raises(noise, place):
    """Whatever the line does to a report, reading it raises nothing."""
    assert 1 == decoded_metars(pl.Series([MIDWAY[:place] + noise + MIDWAY[place:]])).height


def test_exact_group_names_one_degree():
    """32.2 °C is 90 °F and no interval."""
    said = report(MIDWAY)

    assert (89.96, 90, 90, False) == tuple(said[name] for name in ("temp_f", "temp_lo_f", "temp_hi_f", "is_whole_c"))
    assert (66.92, 46.8, 9.2) == tuple(said[name] for name in ("dew_f", "humidity_pct", "wind_mph"))


def test_body_alone_is_an_interval():
    """32 °C in the body means 89 or 90 °F."""
    said = report("KMDW 151953Z 21008KT 10SM 32/19 A2996 RMK AO2")

    assert (89.6, 89, 90, True) == tuple(said[name] for name in ("temp_f", "temp_lo_f", "temp_hi_f", "is_whole_c"))


def test_exact_group_made_from_whole_degrees_is_not_believed():
    """The archive's five-minute reports carry a T-group that somebody made from the whole °C."""
    said = report("KMDW 151955Z AUTO 21008KT 32/19 A2996 RMK T03200190 MADISHF", "2025-07-15T19:55:00")

    assert (89, 90, True) == tuple(said[name] for name in ("temp_lo_f", "temp_hi_f", "is_whole_c"))


def test_flagged_station_is_still_read():
    """`$` asks for maintenance: the temperature is what was reported, nobody corrects it."""
    assert 90 == report(MIDWAY + " $")["temp_hi_f"]


def test_groups_of_longer_spans_stay_columns_of_their_own():
    """A six-hour maximum of 99 °F is no temperature of its report."""
    said = report(MIDWAY + " 10372 20217 403720183")

    assert (90, 99, 99) == tuple(said[name] for name in ("temp_hi_f", "max_6h_f", "max_24h_f"))


@pytest.mark.parametrize(
    ("valid", "stamp", "expected"),
    [
        ("2025-07-15T19:53:00", "151953Z", "2025-07-15T19:53:00"),
        ("2025-08-01T00:00:00", "312358Z", "2025-07-31T23:58:00"),
        ("2024-02-29T23:55:00", "010001Z", "2024-03-01T00:01:00"),
        ("2025-12-31T23:59:00", "010000Z", "2026-01-01T00:00:00"),
        ("2025-07-15T19:53:00", "141953Z", None),
        ("2025-07-15T19:53:00", "151253Z", None),
        ("2025-07-15T19:53:00", "991953Z", None),
        ("2025-07-15T19:53:00", "157753Z", None),
    ],
)
def test_stamp_takes_its_month_from_the_row(valid, stamp, expected):
    """The day of month is that of the nearest instant; another day or hour is another report's."""
    ts_utc = report(MIDWAY.replace("151953Z", stamp), valid)["ts_utc"]

    assert (None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC)) == ts_utc
