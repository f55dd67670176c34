"""Iowa State's table of climate reports: the same rows as the texts give, and no preliminary in disguise."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.iem_cli import parse_iem_cli
from pipelines.weather.nws_text import parse_nws_text

_RECEIVED = datetime(2026, 7, 20, tzinfo=UTC)


def _day(**said: Any) -> dict[str, Any]:
    row = {"station": "KMDW", "valid": "2026-07-08", "product": "202607090634-KLOT-CDUS43-CLIMDW", "high": 89}
    return row | {"high_time": "256 PM", "snow": "M", "precip": "T"} | said


def _parsed(*results: Any, body: bytes | None = None) -> Parsed:
    payload = Payload(
        kind="iem_cli",
        asked={"station": "KMDW", "city": "chicago"},
        body=json.dumps({"results": results}).encode() if body is None else body,
        received_utc=_RECEIVED,
    )
    (parsed,) = parse_iem_cli([payload])
    return parsed


def test_a_row_equals_the_one_read_from_its_text(recorded: Callable):
    """Both ways to one report give one row, so that neither overwrites the other with something else."""
    text = recorded("cli_2026/chi_final.txt").read_bytes()
    (of_text,) = parse_nws_text([Payload(kind="nws_text", body=text, received_utc=_RECEIVED)])

    assert of_text.frame.rows() == _parsed(_day()).frame.rows()


def test_a_preliminary_without_its_flag_is_refused():
    """For the running day the latest product is the afternoon's, and nothing says so but its time of issue."""
    parsed = _parsed(_day(valid="2026-07-09", product="202607092134-KLOT-CDUS43-CLIMDW"))

    assert ["issued before its day was over: a preliminary report that looks final"] == parsed.refused["rule"].to_list()
    assert parsed.frame.is_empty()


def test_a_corrected_product_says_so_in_its_name():
    """Only the latest product is told; its name marks a correction."""
    assert [True] == _parsed(_day(product="202607091034-KLOT-CDUS43-CLIMDW-CCA")).frame["is_correction"].to_list()


@pytest.mark.parametrize("name", ["CHICAGO-MIDWAY", "Chicago/Midway", "CHICAGO", None])
def test_a_table_may_name_the_station_in_short(name):
    """Beside the station's own code the town is enough; only another place contradicts it."""
    assert [89] == _parsed(_day(name=name)).frame["high_f"].to_list()


@pytest.mark.parametrize(("high", "read"), [(89, 89), (" 89", 89), (89.0, 89), ("M", None), ("MM", None), (None, None)])
def test_a_high_is_whole_or_missing(high, read):
    """Numbers may come as text; missing is null."""
    assert [read] == _parsed(_day(high=high)).frame["high_f"].to_list()


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"station": "KORD"}, "is not KMDW"),
        ({"product": "202607090634-KLOT-CDUS43-CLIORD"}, "is not CLIMDW"),
        ({"product": "202607090634-KORD-CDUS43-CLIMDW"}, "is not the office that reports on Chicago"),
        ({"name": "CHICAGO-O'HARE"}, 'its words are about "CHICAGO-O\'HARE"'),
        ({"name": "NEW YORK-CENTRAL PARK"}, "its words are about"),
        ({"product": None}, "does not say when"),
        ({"product": "202613990634-KLOT-CDUS43-CLIMDW"}, "is no time"),
        ({"valid": "July 8"}, "is no date"),
        ({"high": "T"}, "is not a whole °F"),
        ({"high": 89.5}, "is not a whole °F"),
        ({"high": -9999}, "outside"),
        ({"valid": "2026-06-08"}, "more than 5 days after its day"),
    ],
)
def test_a_broken_row_is_refused_alone(said, rule):
    """What cannot be believed goes, its neighbours stay."""
    parsed = _parsed(_day(**said), _day(valid="2026-07-10", product="202607110634-KLOT-CDUS43-CLIMDW"))

    assert 1 == parsed.frame.height
    assert rule in parsed.refused["rule"][0]


def test_rows_out_of_order_and_twice_count_once():
    """Order and repetition change nothing."""
    other = _day(valid="2026-07-07", product="202607080634-KLOT-CDUS43-CLIMDW", high=85)

    assert [85, 89] == _parsed(_day(), other, _day()).frame["high_f"].to_list()


@pytest.mark.parametrize("body", [b'{"results": [{', b"<html></html>", b'{"detail": "no"}'])
def test_another_answer_is_refused_whole(body):
    """What is no table gives no row and one refusal."""
    parsed = _parsed(body=body)

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)
