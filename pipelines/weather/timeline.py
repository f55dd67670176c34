"""The nested answer of Visual Crossing's Timeline (days, hours, minutes) as flat columns; what it means: elsewhere.

Decoded strictly: a number that came as text is refused, not read, because a vendor that changed a type changed more.
One damaged slot never takes its neighbours along; an answer that is not the one asked for is refused whole.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import msgspec
import polars as pl

from pipelines.payload import Payload, refusal
from pipelines.weather.reports import COLDEST_F, WARMEST_F, Law, Refusal, subject_of
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import CITIES, City

_log = logging.getLogger(__name__)
_DOCUMENTED = """
    queryCost latitude longitude resolvedAddress address timezone tzoffset days hours minutes stations alerts events
    currentConditions description datetime datetimeEpoch temp tempmax tempmin feelslike feelslikemax feelslikemin dew
    humidity precip precipprob precipcover preciptype precipsum snow snowdepth windspeed windgust winddir pressure
    cloudcover visibility solarradiation solarenergy uvindex severerisk sunrise sunriseEpoch sunset sunsetEpoch
    moonphase
    conditions icon source distance useCount id name quality contribution
"""
_KNOWN_FIELDS = frozenset(_DOCUMENTED.split())
_FIRST_BYTES = 20_000
_FIELD = re.compile(rb'"([a-z]\w*)"\s*:')  # upper case: the keys of `stations`
_told: set[str] = set()

_SAID = pl.Schema(
    {
        "epoch": pl.Int64(),
        **dict.fromkeys(("temp_f", "dew_f", "humidity_pct", "wind_mph"), pl.Float64()),
        **dict.fromkeys(("said_source", "said_stations"), pl.String()),
    }
)
SLOTS = pl.Schema(
    {
        **_SAID,
        **dict.fromkeys(("ts_utc", "received_utc"), UTC_TYPE),
        **dict.fromkeys(("city", "station"), pl.String()),
    }
)
"""The columns of slots, as `slots_frame` returns them."""

MILLISECONDS_FROM = 100_000_000_000
"""An epoch of this size would be the year 5138 in seconds, and is 1973 in milliseconds."""

Epoch = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


_MARK_OF_NOTHING_F = -77.9
_SUPPORTS_ZERO_F = 15
_DEW_ABOVE_TEMP_F = 1  # both are rounded
_CITY_PLACES = {
    "austin": "Austin,TX",
    "chicago": "Chicago,IL",
    "denver": "Denver,CO",
    "los_angeles": "Los Angeles,CA",
    "miami": "Miami,FL",
    "nyc": "New York,NY",
    "philadelphia": "Philadelphia,PA",
}


class Slot(msgspec.Struct, gc=False):
    """One minute row."""

    datetimeEpoch: Epoch  # noqa: N815
    temp: float | None = None
    dew: float | None = None
    humidity: float | None = None
    windspeed: float | None = None
    source: str | None = None
    stations: list[str] | None = None


class Hour(Slot):
    """One hour row and its minutes."""

    minutes: list[Slot] | None = None


class Day(msgspec.Struct):
    """One civil day and its hours."""

    datetime: str | None = None
    tempmax: float | None = None
    source: str | None = None
    hours: list[Hour] | None = None


class Answer(msgspec.Struct):
    """The whole answer."""

    days: list[Day]
    address: str | None = None
    resolvedAddress: str | None = None  # noqa: N815
    timezone: str | None = None


_Kind = TypeVar("_Kind", Slot, Hour, Day)
_DECODER = msgspec.json.Decoder(Answer)


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """One answer with the city that it was asked for, and what of it could not be read."""

    payload: Payload
    city: City
    answer: Answer
    refused: list[Refusal] = field(default_factory=list)

    @property
    def minutes(self) -> list[Slot]:
        """Every minute row, as it came."""
        return [slot for day in self.answer.days for hour in day.hours or () for slot in hour.minutes or ()]

    @property
    def hours(self) -> list[Hour]:
        """Every hour row, as it came."""
        return [hour for day in self.answer.days for hour in day.hours or ()]


def read_timelines(
    payloads: Iterable[Payload], *, address: Callable[[City], str]
) -> tuple[list[Timeline], list[Refusal]]:
    """Decode answers; one for another place, or that is no timeline, is refused whole, with its first words."""
    timelines: list[Timeline] = []
    refused: list[Refusal] = []
    for payload in payloads:
        city = CITIES.get(payload.asked.get("city", ""))
        subject = subject_of(payload)
        if city is None:
            refused.append(refusal(subject, "asked for no city of the registry", dict(payload.asked)))
            continue
        answer, broken = _decoded(payload.body, subject)
        refused += broken
        if answer is None:
            continue
        if wrong := _wrong_place(answer, address(city)):
            refused.append(refusal(subject, wrong, _head(answer)))
            continue
        timelines.append(Timeline(payload=payload, city=city, answer=answer))
    return timelines, refused


def station_address(city: City) -> str:
    """Return the place that asks for one station: measurements."""
    return f"stn:{city.station}"


def city_address(city: City) -> str:
    """Return the place that asks for a city: forecasts, which a station address does not have for days to come."""
    return _CITY_PLACES.get(city.key, city.name)


def timed_laws() -> tuple[Law, ...]:
    """Return the laws of an epoch."""
    return (("datetimeEpoch is in milliseconds, not seconds", pl.col("epoch") >= MILLISECONDS_FROM),)


def marks_of_nothing(*, of: tuple[str, ...]) -> tuple[Law, ...]:
    """Return the laws against the vendor's two marks for nothing, -77.9 and a 0.0 whose neighbours are far from it.

    Rows are of one series each (the columns `of`), sorted by time.
    """
    temp_f = pl.col("temp_f")
    return (
        ("-77.9 °F is the vendor's mark for nothing", (temp_f - _MARK_OF_NOTHING_F).abs() < 1e-6),
        ("0.0 °F is the vendor's mark for nothing: its neighbours are far from it", _lonely_zero(temp_f, of=of)),
    )


def side_marks_of_nothing(*, of: tuple[str, ...]) -> dict[str, pl.Expr]:
    """Return, for dew point and humidity, where they are marks for nothing: no air is dry, none holds more than all."""
    dew_f = pl.col("dew_f")
    too_moist = dew_f > pl.col("temp_f") + _DEW_ABOVE_TEMP_F
    return {"dew_f": _lonely_zero(dew_f, of=of) | too_moist, "humidity_pct": pl.col("humidity_pct") <= 0}


def _lonely_zero(degrees: pl.Expr, *, of: tuple[str, ...]) -> pl.Expr:
    """Tell a 0.0 that no neighbour within 15 °F supports.

    The nearest other value before counts, and only without one the nearest after: later rows do not change a verdict.
    """
    other = pl.when((degrees != 0) & degrees.is_between(COLDEST_F, WARMEST_F)).then(degrees)
    neighbour = pl.coalesce(other.forward_fill(), other.backward_fill()).over(of)
    supported = (neighbour.abs() <= _SUPPORTS_ZERO_F).fill_null(value=False)
    return (degrees == 0) & ~supported


def slots_frame(timeline: Timeline, slots: Sequence[Slot]) -> pl.DataFrame:
    """Return slots as columns of the lake's names, with the time that their epoch says (null where it cannot be)."""
    columns = pl.DataFrame(
        {
            "epoch": [slot.datetimeEpoch for slot in slots],
            "temp_f": [slot.temp for slot in slots],
            "dew_f": [slot.dew for slot in slots],
            "humidity_pct": [slot.humidity for slot in slots],
            "wind_mph": [slot.windspeed for slot in slots],
            "said_source": [slot.source for slot in slots],
            "said_stations": [None if slot.stations is None else ",".join(slot.stations) for slot in slots],
        },
        schema=_SAID,
    )
    seconds = pl.when(pl.col("epoch").is_between(0, MILLISECONDS_FROM)).then("epoch")
    return columns.with_columns(
        pl.from_epoch(seconds, time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("ts_utc"),
        city=pl.lit(timeline.city.key),
        station=pl.lit(timeline.city.station),
        received_utc=pl.lit(timeline.payload.received_utc, UTC_TYPE),
    ).select(SLOTS.names())


def _decoded(body: bytes, subject: str) -> tuple[Answer | None, list[Refusal]]:
    try:
        answer = _DECODER.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _salvaged(body, subject)
    _tell_unknown(body)
    return answer, []


def _salvaged(body: bytes, subject: str) -> tuple[Answer | None, list[Refusal]]:
    """Read a damaged answer slot by slot: only what is damaged is refused."""
    refused: list[Refusal] = []
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        begin = body[:120].decode(errors="replace").strip()
        return None, [refusal(subject, f"no JSON ({error.__class__.__name__}); it begins {begin!r}", begin)]
    if not isinstance(told, dict) or not isinstance(told.get("days"), list):
        return None, [refusal(subject, "no timeline: `days` is missing", told)]
    days = [_salvaged_day(day, subject, refused) for day in told["days"]]
    top = {name: told[name] for name in ("address", "resolvedAddress", "timezone") if isinstance(told.get(name), str)}
    return Answer(days=[day for day in days if day is not None], **top), refused


def _salvaged_day(told: Any, subject: str, refused: list[Refusal]) -> Day | None:
    hours = _children(told, "hours", subject, refused)
    day = _converted(told, Day, "hours", subject, refused)
    if day is None:
        day = Day()  # its hours are good without its own words
    day.hours = [hour for said in hours if (hour := _salvaged_hour(said, subject, refused)) is not None]
    return day


def _salvaged_hour(told: Any, subject: str, refused: list[Refusal]) -> Hour | None:
    minutes = _children(told, "minutes", subject, refused)
    good = [slot for said in minutes if (slot := _converted(said, Slot, "minutes", subject, refused)) is not None]
    hour = _converted(told, Hour, "minutes", subject, refused)
    if hour is None and good:
        hour = Hour(datetimeEpoch=good[0].datetimeEpoch)  # without a temperature it says nothing of its own
    if hour is not None:
        hour.minutes = good
    return hour


def _children(told: Any, name: str, subject: str, refused: list[Refusal]) -> list[Any]:
    children = told.get(name) if isinstance(told, dict) else None
    if children is None or isinstance(children, list):
        return children or []
    refused.append(refusal(subject, f"{name} is no list: the vendor changed its type", told))
    return []


def _converted(told: Any, kind: type[_Kind], children: str, subject: str, refused: list[Refusal]) -> _Kind | None:
    own = {name: value for name, value in told.items() if name != children} if isinstance(told, dict) else told
    try:
        return msgspec.convert(own, kind)
    except msgspec.ValidationError as error:
        refused.append(refusal(subject, f"the vendor changed a type: {error}", own))
        return None


def _wrong_place(answer: Answer, wanted: str) -> str | None:
    for name in ("address", "resolvedAddress"):
        said = getattr(answer, name)
        names_a_station = said is not None and said.lower().startswith("stn:")
        if said is not None and (name == "address" or names_a_station) and _plain(said) != _plain(wanted):
            return f"the answer is for {said!r}, asked was {wanted!r}"
    return None


def _plain(place: str) -> str:
    return place.lower().removeprefix("stn:").replace(" ", "")


def _head(answer: Answer) -> dict[str, object]:
    return {name: getattr(answer, name) for name in ("address", "resolvedAddress", "timezone")}


def _tell_unknown(body: bytes) -> None:
    """Log each field that nobody here knows, once in the life of the process; it is kept in the archive."""
    said = {name.decode() for name in _FIELD.findall(body[:_FIRST_BYTES])}
    for name in sorted(said - _KNOWN_FIELDS - _told):
        _told.add(name)
        _log.warning("visual crossing says a new field %r: it is not read", name)
