"""Slices: every row falls into exactly one, edges belong where they say, the order is that of the world."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from kwx.scoring.stored.slices import SLICES, sliced
from warehouse.errors import Usage

CLOSE = datetime(2026, 11, 2, 6, tzinfo=UTC)


def rows(**columns):
    """Return rows with the columns that slices are made of."""
    shared = {"city": "nyc", "event_date": date(2026, 11, 1), "minute_lst": 600, "hazard_next_60m": 0.2}
    frame = pl.DataFrame(columns)
    missing = {name: pl.lit(value) for name, value in shared.items() if name not in columns}
    lead = {"close_utc": pl.lit(CLOSE), "instant_utc": pl.lit(CLOSE)} if "instant_utc" not in columns else {}
    return frame.with_columns(**missing, **lead)


@pytest.mark.parametrize(
    ("hours", "name"),
    [(0.5, "0–1 h"), (1, "1–3 h"), (3, "3–6 h"), (6, "6–12 h"), (12, "12–24 h"), (23.9, "12–24 h"), (38, "24 h on")],
)
def test_a_lead_is_the_hours_to_the_close(hours, name):
    """An edge belongs to the longer lead."""
    frame = rows(instant_utc=[CLOSE - timedelta(hours=hours)], close_utc=[CLOSE])

    assert [name] == sliced(frame, "lead").to_list()


def test_hours_are_those_of_the_event_day_and_the_eve_is_one():
    """Minute 0 opens the hour 00; everything before is the eve."""
    assert ["eve", "eve", "00", "10", "23"] == sliced(rows(minute_lst=[-1440, -1, 0, 659, 1439]), "hour").to_list()


def test_regimes_are_of_the_hazard_within_the_hour():
    """An edge belongs to the larger chance; no hazard is a regime of its own."""
    hazards = [None, 0.0, 0.0099, 0.01, 0.1, 0.5, 1.0]

    found = sliced(rows(hazard_next_60m=hazards), "hazard").to_list()

    assert ["none", "<1 %", "<1 %", "1–10 %", "10–50 %", "≥50 %", "≥50 %"] == found


def test_seasons_are_those_of_the_weather_services():
    """December belongs to the winter of January."""
    dates = [date(2026, month, 1) for month in (12, 2, 3, 8, 9)]

    assert ["DJF", "DJF", "MAM", "JJA", "SON"] == sliced(rows(event_date=dates), "season").to_list()


@pytest.mark.parametrize("by", SLICES)
def test_every_row_has_a_slice(by):
    """One each, and a name."""
    frame = rows(minute_lst=[-60, 0, 600])

    names = sliced(frame, by)

    assert (3, 0) == (names.len(), names.null_count())


def test_slices_that_do_not_exist_cannot_be_meant():
    """The hint lists what there is."""
    with pytest.raises(Usage) as caught:
        sliced(rows(minute_lst=[0]), "moon")

    assert "lead hour city hazard season" in caught.value.hint
