"""The national archive's daily summaries: text for numbers, days late, and exact in tenths of °C."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.ghcn import fahrenheit_of_tenths, parse_ncei_daily, tenths_of_fahrenheit

_GOOD = {"DATE": "2025-07-15", "STATION": "USW00014819", "NAME": "CHICAGO MIDWAY", "TMAX": "   91", "TMIN": "72"}


def _parsed(*records: Any, body: bytes | None = None) -> Parsed:
    payload = Payload(
        kind="ncei_daily",
        asked={"city": "chicago"},
        body=json.dumps(records).encode() if body is None else body,
        received_utc=datetime(2025, 9, 1, tzinfo=UTC),
    )
    (parsed,) = parse_ncei_daily([payload])
    return parsed


def test_a_day_is_issued_at_its_end_and_known_days_later():
    """The archive does not say when it published: the model is late rather than early."""
    row = _parsed(_GOOD).frame.row(0, named=True)

    assert (91, True, "ghcn") == (row["high_f"], row["is_final"], row["source"])
    assert datetime(2025, 7, 16, 6, tzinfo=UTC) == row["issued_utc"]
    assert row["issued_utc"] + timedelta(days=3) == row["known_utc"]


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"STATION": "USW00094846"}, "is not USW00014819"),
        ({"TMAX": None}, "TMAX is missing"),
        ({"TMAX": "-9999"}, "outside"),
        ({"TMAX": "32.8"}, "is not a whole °F"),
        ({"TMAX": "nan"}, "is not a whole °F"),
        ({"DATE": "15.07.2025"}, "is no date"),
        ({"DATE": "2026-07-15"}, "from the future"),
    ],
)
def test_a_broken_record_is_refused_alone(said, rule):
    """Another station, a sentinel or metric units are refused; the neighbours stay."""
    parsed = _parsed(_GOOD | said, _GOOD | {"DATE": "2025-07-16"})

    assert 1 == parsed.frame.height
    assert rule in parsed.refused["rule"][0]


@pytest.mark.parametrize("body", [b'[{"DATE"', b"<html></html>", b'{"errorMessage": "too many"}', b"[1]"])
def test_another_answer_is_refused(body):
    """What is no list of records gives no row and one refusal."""
    parsed = _parsed(body=body)

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)


def test_whole_fahrenheit_survives_tenths_of_celsius():
    """The archive's own unit loses nothing: every whole °F of -40 … 130 comes back."""
    degrees = range(-40, 131)

    assert list(degrees) == [fahrenheit_of_tenths(tenths_of_fahrenheit(temp_f)) for temp_f in degrees]
    assert (328, -400, 0) == tuple(map(tenths_of_fahrenheit, (91, -40, 32)))
