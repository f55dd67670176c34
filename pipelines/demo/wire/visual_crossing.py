"""Visual Crossing's Timeline over the demo world: measured minutes by civil day, the forecast of now, runs as issued.

Errors are plain text. Civil days have 23 or 25 hours when the clocks change, and one hour can be there twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import polars as pl

from pipelines.demo.wire.answers import Answer, Ask, Rejected, as_json, as_text
from pipelines.demo.wire.limits import Quota, Turnstile
from pipelines.demo.wire.told import Told
from pipelines.weather.timeline import city_address, station_address
from warehouse.lake.tables import FORECASTS, UTC_TYPE
from warehouse.market.cities import City

TIMELINE = "/VisualCrossingWebServices/rest/services/timeline"

TOO_MANY_AT_ONCE = as_text("Maximum concurrency exceeded", status=429)

_USUAL_STEP_MINUTES = 15
_HOURS_A_DAY, _MINUTES_A_DAY = 24, 1_440
_USUAL_DAYS_AHEAD = 14
_BEYOND_HORIZON_F = 0.0
_ONLY = {"unitGroup": ("us", "unit group"), "contentType": ("json", "content type")}
"""What is asked of a world in degrees Fahrenheit and JSON; other units and forms it does not tell."""
_RELATIVE = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WORDS = {"temp_f": "temp", "dew_f": "dew", "humidity_pct": "humidity", "wind_mph": "windspeed"}


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What one question is for: a place as it was named, its city, and civil days."""

    place: str
    city: City
    first: date
    last: date
    sections: frozenset[str]
    elements: frozenset[str]
    step_minutes: int
    basis: date | None

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=count) for count in range((self.last - self.first).days + 1)]

    @property
    def start_utc(self) -> datetime:
        return _midnight_utc(self.first, self.city)

    @property
    def end_utc(self) -> datetime:
        return _midnight_utc(self.last + timedelta(days=1), self.city)

    @property
    def cost(self) -> int:
        """What it costs: a row of history is a record, a forecast of now is one."""
        if "minutes" in self.sections:
            return len(self.days) * (_MINUTES_A_DAY // self.step_minutes)
        if "fcst" in self.sections and self.basis is None:
            return 1
        return len(self.days) * (_HOURS_A_DAY if "hours" in self.sections else 1)


@dataclass(frozen=True, kw_only=True)
class VisualCrossing:
    """The endpoint over one world; `keys` are those it knows, None knows every key."""

    told: Told
    keys: frozenset[str] | None = None
    turnstile: Turnstile = field(default_factory=lambda: Turnstile(None))
    quota: Quota = field(default_factory=lambda: Quota(None))

    def answer(self, ask: Ask) -> Answer:
        """Answer one question, or say in plain text what is wrong with it."""
        with self.turnstile.passage() as has_room:
            if not has_room:
                raise Rejected(TOO_MANY_AT_ONCE)
            key = self._key(ask)
            question = self._question(ask)
            if not self.quota.spend(key, self.told.clock().date(), question.cost):
                raise _said(429, "Maximum daily cost exceeded")
            return as_json(self._timeline(question))

    def _key(self, ask: Ask) -> str:
        key = ask.one("key")
        if not key:
            raise _said(401, "No session or key found")
        if self.keys is not None and key not in self.keys:
            raise _said(401, f"No account found with API key '{key}'")
        return key

    def _question(self, ask: Ask) -> _Question:
        place, *dates = ask.parts[4:]
        if len(dates) > 2:
            raise _said(404, "Request did not match an endpoint")
        for name, (only, called) in _ONLY.items():
            if ask.one(name, only) != only:
                raise _said(400, f"Bad API Request:Invalid {called} parameter value.")
        city = self._city(place)
        first = self._date(dates[0], city) if dates else self._date("today", city)
        ahead = timedelta(days=0 if dates else _USUAL_DAYS_AHEAD)
        last = self._date(dates[1], city) if len(dates) == 2 else first + ahead
        if last < first:
            raise _said(400, "Bad API Request:End date is before start date.")
        said_basis = ask.one("forecastBasisDate")
        return _Question(
            place=place,
            city=city,
            first=first,
            last=last,
            sections=frozenset(ask.words("include") or ("days", "hours", "fcst", "obs")),
            elements=frozenset(ask.words("elements")),
            step_minutes=_step_minutes(ask.words("options")),
            basis=self._date(said_basis, city) if said_basis else None,
        )

    def _city(self, place: str) -> City:
        for city in self.told.cities:
            if place.lower() in (station_address(city).lower(), city_address(city).lower()):
                return city
        raise _said(400, "Bad API Request:Invalid location parameter value.")

    def _date(self, said: str, city: City) -> date:
        today = self.told.clock().astimezone(city.tzinfo).date()
        if said in _RELATIVE:
            return today + timedelta(days=_RELATIVE[said])
        try:
            return date.fromisoformat(said)
        except ValueError:
            raise _said(400, "Bad API Request:Invalid date value.") from None

    def _timeline(self, question: _Question) -> dict[str, Any]:
        city, now = question.city, self.told.clock()
        slots = self._issued(question) if question.basis else self._of_now(question)
        highs = self._highs(question)
        by_day = {
            day: list(rows)
            for day, rows in groupby(slots, key=lambda slot: slot["ts_utc"].astimezone(city.tzinfo).date())
        }
        days = [_day(day, by_day.get(day, []), highs.get(day), question) for day in question.days]
        answer: dict[str, Any] = {
            "queryCost": question.cost,
            "latitude": 40.0,
            "longitude": -90.0,
            "resolvedAddress": question.place,
            "address": question.place,
            "timezone": city.zone,
            "tzoffset": (now.astimezone(city.tzinfo).utcoffset() or timedelta()) / timedelta(hours=1),
            "days": days,
            "stations": {city.station: {"id": city.station, "name": city.station, "distance": 0.0, "quality": 100}},
        }
        measured = [slot for slot in slots if slot["source"] == "obs"]
        if "current" in question.sections and measured:
            answer["currentConditions"] = _slot(measured[-1], question)
        return answer

    def _of_now(self, question: _Question) -> list[dict[str, Any]]:
        """Return what was measured by now and, where it is asked for, what is forecast from there."""
        measured = [*self._measured(question)] if "obs" in question.sections else []
        if "fcst" not in question.sections:
            return measured
        now = self.told.clock()
        known = self._forecasts(question)
        newest = known.filter(pl.col("issued_utc") == pl.col("issued_utc").max().over(pl.col("valid_utc").dt.date()))
        ahead = newest.filter(pl.col("temp_f").is_not_null() & (pl.col("valid_utc") > pl.lit(now, UTC_TYPE)))
        return measured + _forecast_slots(ahead.unique("valid_utc", keep="last").sort("valid_utc"))

    def _measured(self, question: _Question) -> Iterator[dict[str, Any]]:
        days = self.told.around(question.city, question.start_utc, question.end_utc)
        for day in days:
            reports = self.told.table("obs", question.city, day).filter(
                (pl.col("source") == "vc")
                & (pl.col("ts_utc") >= pl.lit(question.start_utc, UTC_TYPE))
                & (pl.col("ts_utc") < pl.lit(question.end_utc, UTC_TYPE))
                & (pl.col("ts_utc").dt.minute() % question.step_minutes == 0)
            )
            said = reports.sort("ts_utc").select(
                "ts_utc", *_WORDS, stations=pl.concat_list("station"), source=pl.lit("obs")
            )
            yield from said.iter_rows(named=True)

    def _issued(self, question: _Question) -> list[dict[str, Any]]:
        """Return the hours of one stored run; before it was published there is nothing of it."""
        rows = self._forecasts(question).filter(_of_run(question) & pl.col("temp_f").is_not_null())
        return _forecast_slots(rows.sort("valid_utc"))

    def _highs(self, question: _Question) -> dict[date, float]:
        """Return the forecast high of each day: of the run that is asked for, else of the newest."""
        known = self._forecasts(question, by_day=True).filter(pl.col("high_f").is_not_null())
        if question.basis is not None:
            known = known.filter(_of_run(question))
        elif "fcst" not in question.sections:
            return {}
        newest = known.sort("issued_utc").unique("event_date", keep="last")
        return dict(newest.select("event_date", "high_f").iter_rows())

    def _forecasts(self, question: _Question, *, by_day: bool = False) -> pl.DataFrame:
        """Return what runs known by now say of the days in question."""
        frames = [
            self.told.table("forecasts", question.city, day)
            .filter(pl.col("source") == "vc")
            .with_columns(event_date=pl.lit(day))
            for day in self.told.around(question.city, question.start_utc, question.end_utc)
        ]
        rows = pl.concat([FORECASTS.empty().with_columns(event_date=pl.lit(None, pl.Date)), *frames])
        within = pl.col("valid_utc").is_between(
            pl.lit(question.start_utc, UTC_TYPE), pl.lit(question.end_utc, UTC_TYPE), closed="left"
        )
        return rows if by_day else rows.filter(within)


def _of_run(question: _Question) -> pl.Expr:
    assert question.basis is not None, "only a question with a basis is for one run"
    return pl.col("issued_utc") == pl.lit(datetime.combine(question.basis, time(), UTC), UTC_TYPE)


def _forecast_slots(rows: pl.DataFrame) -> list[dict[str, Any]]:
    return list(rows.select(ts_utc="valid_utc", temp_f="temp_f", source=pl.lit("fcst")).iter_rows(named=True))


def _day(day: date, slots: Sequence[Mapping[str, Any]], high_f: float | None, question: _Question) -> dict[str, Any]:
    """Return one civil day with its hours and minutes, as far as they are asked for."""
    temps_f = [slot["temp_f"] for slot in slots]
    sources = {slot["source"] for slot in slots}
    if high_f is None and question.basis is not None:
        high_f = _BEYOND_HORIZON_F
    said = {
        "datetime": str(day),
        "datetimeEpoch": int(_midnight_utc(day, question.city).timestamp()),
        "tempmax": max([*temps_f, *([] if high_f is None else [high_f])], default=None)
        if question.basis is None
        else high_f,
        "tempmin": min(temps_f, default=None),
        "temp": round(sum(temps_f) / len(temps_f), 1) if temps_f else None,
        "source": "comb" if len(sources) > 1 else next(iter(sources), "fcst" if high_f is not None else "obs"),
    }
    described = _chosen(said, question)
    if question.sections & {"hours", "minutes"}:
        described["hours"] = [
            _hour(start, list(rows), question)
            for start, rows in groupby(slots, key=lambda slot: slot["ts_utc"].replace(minute=0))
        ]
    return described


def _hour(start_utc: datetime, slots: Sequence[Mapping[str, Any]], question: _Question) -> dict[str, Any]:
    hour = _slot({**slots[0], "ts_utc": start_utc}, question)
    if "minutes" in question.sections and slots[0]["source"] == "obs":
        hour["minutes"] = [_slot(slot, question) for slot in slots]
    return hour


def _slot(slot: Mapping[str, Any], question: _Question) -> dict[str, Any]:
    ts_utc = slot["ts_utc"]
    said = {
        "datetime": f"{ts_utc.astimezone(question.city.tzinfo):%H:%M:%S}",
        "datetimeEpoch": int(ts_utc.timestamp()),
        **{word: slot.get(name) for name, word in _WORDS.items()},
        "source": slot["source"],
        "stations": slot.get("stations"),
    }
    return _chosen(said, question)


def _chosen(said: Mapping[str, Any], question: _Question) -> dict[str, Any]:
    """Leave out what is not asked for, and what there is none of."""
    return {
        name: value
        for name, value in said.items()
        if value is not None and (not question.elements or name in question.elements)
    }


def _step_minutes(options: Sequence[str]) -> int:
    said = [option.removeprefix("minuteinterval_") for option in options if option.startswith("minuteinterval_")]
    if not said:
        return _USUAL_STEP_MINUTES
    if not re.fullmatch("0?[1-9]|[1-5][0-9]|60", said[-1]):
        raise _said(400, "Bad API Request:Invalid minuteinterval value.")
    return int(said[-1])


def _midnight_utc(day: date, city: City) -> datetime:
    """Return the civil midnight that opens a day."""
    return datetime.combine(day, time(), city.tzinfo).astimezone(UTC)


def _said(status: int, text: str) -> Rejected:
    return Rejected(as_text(text, status=status))
