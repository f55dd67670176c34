"""Recorded forecast vintages of New York: what was issued when, on a clock that changes twice a year."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.open_meteo import parse_columns_open_meteo, parse_open_meteo
from warehouse.lake.tables import FORECASTS

_RECEIVED = datetime(2026, 11, 1, tzinfo=UTC)


def _answer(**said: Any) -> dict[str, Any]:
    hourly = {
        "time": ["2024-11-03T00:00", "2024-11-03T01:00", "2024-11-03T02:00"],
        "temperature_2m": [45.7, 44.2, 42.8],
    }
    told = {"utc_offset_seconds": -18000, "hourly_units": {"temperature_2m": "°F"}, "hourly": hourly}
    return told | said


def _parsed(
    told: object, *, origin: str = "raw_2024-11-03_0100.json", body: bytes | None = None, **asked: str
) -> Parsed:
    payload = Payload(
        kind="open_meteo",
        asked={"city": "nyc"} | asked,
        body=json.dumps(told).encode() if body is None else body,
        received_utc=_RECEIVED,
        origin=origin,
    )
    (parsed,) = parse_open_meteo([payload])
    return parsed


def _of_file(body: bytes) -> Parsed:
    payload = Payload(kind="columns_open_meteo", asked={"city": "nyc"}, body=body, received_utc=_RECEIVED)
    (parsed,) = parse_columns_open_meteo([payload])
    return parsed


@pytest.fixture(scope="module")
def vintages(recorded: Callable) -> Parsed:
    """The whole recorded file as rows."""
    return _of_file(recorded("forecasts_nyc/vintages.parquet").read_bytes())


def test_the_recorded_vintages_become_forecasts(vintages: Parsed):
    """Every hour after its issue is kept, nothing is refused, and an hour passes before it is known."""
    frame = vintages.frame

    assert (766_743, 0) == (frame.height, vintages.refused.height)
    assert frame.select((pl.col("valid_utc") > pl.col("issued_utc")).all()).item()
    assert frame.select((pl.col("known_utc") - pl.col("issued_utc") == pl.duration(hours=1)).all()).item()


def test_vintages_keep_every_law_of_their_table(vintages: Parsed):
    """The day of each row is the climate day of New York, also around both changes of the clock."""
    around = pl.col("event_date").is_in([datetime(2024, 3, 10).date(), datetime(2024, 11, 3).date()])
    frame = vintages.frame.filter(around)

    assert frame.height == sum(FORECASTS.admit(rows, part).height for part, rows in FORECASTS.split(frame))


def test_vintages_an_hour_apart_agree_across_the_change_of_the_clock(vintages: Parsed):
    """Read at the offset of their issue, two vintages on either side of the change speak of the same instants."""
    before, after = (
        vintages.frame.filter(issued_utc=datetime(2024, 11, 3, hour, tzinfo=UTC)).select("valid_utc", "temp_f")
        for hour in (4, 6)
    )

    apart = before.join(after, on="valid_utc").select((pl.col("temp_f") - pl.col("temp_f_right")).abs().mean()).item()

    assert apart < 0.2


@pytest.mark.parametrize("name", ["raw_2024-09-10_1200.json", "raw_2024-11-03_0100.json"])
def test_the_raw_answer_equals_its_vintage(recorded: Callable, vintages: Parsed, name):
    """The raw answer says in tenths what the file holds in single precision."""
    parsed = _parsed(None, body=recorded(f"forecasts_nyc/{name}").read_bytes(), origin=name)

    both = parsed.frame.join(vintages.frame, on=["issued_utc", "valid_utc"])

    assert both.height > 50
    assert both["temp_f"].to_list() == both["temp_f_right"].to_list()


def test_hours_up_to_the_issue_are_analysis():
    """Issued at one o'clock, the answer's midnight and one o'clock are no forecast."""
    assert [datetime(2024, 11, 3, 7, tzinfo=UTC)] == _parsed(_answer()).frame["valid_utc"].to_list()


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"utc_offset_seconds": "-18000"}, "is no offset from UTC"),
        ({"hourly_units": {"temperature_2m": "°C"}}, "is not in °F"),
        ({"hourly": {"time": ["2024-11-03T02:00"], "temperature_2m": [1.0, 2.0]}}, "are no columns of one length"),
        ({"hourly": {"time": ["2024-11-03T02:00"], "temperature_2m": ["warm"]}}, "are no columns of one length"),
        ({"hourly": {"time": ["soon"], "temperature_2m": [1.0]}}, "are no columns of one length"),
        ({"hourly": None}, "not an object"),
    ],
)
def test_an_answer_of_another_shape_is_refused(said, rule):
    """Another unit, type or shape refuses the answer with its reason."""
    parsed = _parsed(_answer(**said))

    assert parsed.frame.is_empty()
    assert rule in parsed.refused["rule"][0]


def test_an_answer_without_its_time_of_issue_is_refused():
    """An answer does not say when it was given: the question or the file's name must."""
    assert "when it was issued" in _parsed(_answer(), origin="x.json").refused["rule"][0]
    assert 1 == _parsed(_answer(), origin="x.json", issued_local="2024-11-03T01:00").frame.height


def test_a_file_that_is_not_the_vintages_is_refused():
    """Damaged Parquet, or Parquet of other columns, gives no row and one refusal."""
    other = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(other)

    for body in (b"PAR1", other.getvalue()):
        assert (0, 1) == (_of_file(body).frame.height, _of_file(body).refused.height)
