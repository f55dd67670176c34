"""Guidance in rows: which extreme is a high, to which day it belongs, and when a run was known."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.guidance import parse_iem_mos
from pipelines.weather.nws_text import parse_nws_text
from warehouse.lake.tables import FORECASTS

_RECEIVED = datetime(2025, 8, 1, tzinfo=UTC)
_MIDNIGHT = datetime(2025, 7, 16, 6, tzinfo=UTC)


def _row(ftime: str, **said: Any) -> dict[str, Any]:
    return {"station": "KMDW", "model": "NBS", "runtime": "2025-07-15T13:00:00.000", "ftime": ftime} | said


def _parsed(*rows: Any, body: bytes | None = None, **asked: str) -> Parsed:
    payload = Payload(
        kind="iem_mos",
        asked={"city": "chicago", "model": "NBS"} | asked,
        body=json.dumps(rows).encode() if body is None else body,
        received_utc=_RECEIVED,
    )
    (parsed,) = parse_iem_mos([payload])
    return parsed


_EVENING = _row("2025-07-16T00:00:00.000", tmp=84, txn=91, xnd=2, dpt=66)
_MORNING = _row("2025-07-16T12:00:00.000", tmp=72, txn=70, xnd=1)


def test_the_evening_extreme_is_the_high_of_the_day_that_ends():
    """The maximum told at 00Z stands at the closing midnight of its climate day, with its spread."""
    highs = _parsed(_EVENING).frame.filter(high_f=91)

    assert [(_MIDNIGHT, date(2025, 7, 15), 2.0)] == highs.select("valid_utc", "event_date", "high_sd_f").rows()


def test_the_morning_extreme_is_a_low_and_never_a_high():
    """What is told at 12Z is the minimum of the night."""
    assert [None] == _parsed(_MORNING).frame["high_f"].to_list()


def test_temperature_and_high_of_one_instant_share_a_row():
    """In Chicago 06Z is the closing midnight: the hour's temperature and the day's high are one row."""
    frame = _parsed(_EVENING, _row("2025-07-16T06:00:00.000", tmp=78)).frame

    assert [(78.0, 91.0)] == frame.filter(valid_utc=_MIDNIGHT).select("temp_f", "high_f").rows()


def test_a_run_is_known_after_its_lag():
    """A run is published more than an hour after its own time."""
    assert [datetime(2025, 7, 15, 14, 15, tzinfo=UTC)] == _parsed(_EVENING).frame["known_utc"].unique().to_list()


def test_what_speaks_of_the_past_is_left_out():
    """An instant that is not after the run is analysis, no forecast."""
    assert _parsed(_row("2025-07-15T13:00:00.000", tmp=80)).frame.is_empty()


@pytest.mark.parametrize(
    ("model", "said", "source"),
    [
        ("NBE", "NBE", "nbm"),
        ("LAV", "LAV", "lamp"),
        ("GFS", "AVN", "mos"),
        ("AVN", "GFS", "mos"),
        ("MEX", "MEX", "mos_mex"),
        ("NAM", "ETA", "mos_nam"),
    ],
)
def test_models_that_differ_have_sources_that_differ(model, said, source):
    """Two models of one run say different things of one instant: neither overwrites the other."""
    frame = _parsed(_EVENING | {"model": said, "txn": None, "n_x": 91}, model=model).frame

    assert [source] == frame["source"].unique().to_list()
    assert [91.0] == frame["high_f"].drop_nulls().to_list()


@pytest.mark.parametrize("tmp", [84, 84.0, " 84 "])
def test_numbers_may_come_as_text(tmp):
    """A number reads the same whether the vendor quotes it or not."""
    assert [84.0] == _parsed(_row("2025-07-16T00:00:00Z", tmp=tmp)).frame["temp_f"].to_list()


@pytest.mark.parametrize("tmp", [None, 999, "999.0", -99, "M", ""])
def test_marks_for_nothing_are_nothing(tmp):
    """A missing value is no row and no error."""
    parsed = _parsed(_row("2025-07-16T00:00:00", tmp=tmp))

    assert (0, 0) == (parsed.frame.height, parsed.refused.height)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"station": "KORD"}, "station is not KMDW"),
        ({"model": "LAV"}, "model is not NBS"),
        ({"runtime": 1752584400000}, "runtime is not an instant"),
        ({"ftime": "tomorrow"}, "ftime is not an instant"),
        ({"tmp": "hot"}, "tmp is no number"),
        ({"tmp": 141}, "temp_f is outside"),
        ({"txn": -77}, "extreme_f is outside"),
        ({"xnd": -1}, "the spread of the extreme is negative"),
        ({"runtime": "2026-07-15T13:00:00", "ftime": "2026-07-16T00:00:00"}, "from the future"),
    ],
)
def test_a_broken_row_is_refused_alone(said, rule):
    """Another station, model, type or an impossible value is refused; the neighbours stay."""
    parsed = _parsed(_EVENING | said, _MORNING)

    assert [72.0] == parsed.frame["temp_f"].to_list()
    assert rule in parsed.refused["rule"][0]


@pytest.mark.parametrize("name", ["runtime", "ftime"])
def test_a_refused_row_shows_the_words_that_were_wrong(name):
    """Quarantine tells what the vendor wrote, not what was made of it."""
    assert "next Tuesday" in _parsed(_EVENING | {name: "next Tuesday"}).refused["record_json"][0]
    assert "next Tuesday" in _parsed("next Tuesday").refused["record_json"][0]


def test_order_and_repetition_change_nothing():
    """Rows may come in any order and more than once; of a contradiction the first stays."""
    parsed = _parsed(_MORNING, _EVENING, _MORNING, _MORNING | {"tmp": 60})

    assert _parsed(_EVENING, _MORNING).frame.rows() == parsed.frame.rows()
    assert 1 == parsed.refused.height


@pytest.mark.parametrize("body", [b'[{"station"', b"<html></html>", b'{"detail": "no"}', b"3", b""])
def test_another_answer_is_refused_whole(body):
    """What is no list of runs gives no row and one refusal."""
    parsed = _parsed(body=body)

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)


def test_an_answer_without_runs_is_empty():
    """No run is no error, and neither is a record that is none."""
    assert (0, 0) == (_parsed().frame.height, _parsed().refused.height)
    assert (0, 1) == (_parsed(7).frame.height, _parsed(7).refused.height)


def test_only_the_days_asked_for_are_kept():
    """Runs reach three days ahead; the days beyond the question are not complete and are left out."""
    beyond = _row("2025-07-17T00:00:00", tmp=80, txn=88)

    frame = _parsed(_EVENING, beyond, since="2025-07-14", until="2025-07-15").frame

    assert [date(2025, 7, 15)] == frame["event_date"].unique().to_list()


def test_rows_keep_every_law_of_their_table():
    """What the parser keeps, the table admits."""
    frame = _parsed(_EVENING, _MORNING).frame

    assert frame.height == sum(FORECASTS.admit(rows, part).height for part, rows in FORECASTS.split(frame))


def test_a_bulletin_gives_the_rows_of_the_table():
    """The text of a run and the archive's table of it are the same forecasts."""
    text = (
        "FOUS16 KWNO 151300\nNBSUSA\n KMDW    NBM V4.3 NBS GUIDANCE    7/15/2025  1300 UTC\n"
        "UTC  00 12\nFHR  11 23\nTXN  91 70\nXND   2  1\nTMP  84 72\n\n"
        " KORD    NBM V4.3 NBS GUIDANCE    7/15/2025  1300 UTC\nUTC  00 12\nFHR  11 23\nTMP  86 74\n"
    )

    settlements, forecasts = parse_nws_text([Payload(kind="nws_text", body=text.encode(), received_utc=_RECEIVED)])

    assert _parsed(_EVENING, _MORNING).frame.rows() == forecasts.frame.rows()
    assert ["1 of its stations are not of a city in the registry: KORD"] == settlements.refused["rule"].to_list()
