"""The Weather Company's page of climate reports, the settlement source since 2026-08-14. Undocumented, so never needed.

`avgTemp` never stands in for a missing maximum. Stations that no city of the registry settles on are passed over, but
a page without any of ours is refused. A station is known by either of its codes; two that contradict each other refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pipelines.payload import Parsed, Payload, refusal
from pipelines.weather.answers import decoded, instant_of, records_of, require_record, tell_new_fields, whole_degree
from pipelines.weather.issuances import Issuance, settlements_of
from pipelines.weather.places import city_of_code, city_of_station
from pipelines.weather.reports import Refusal, subject_of
from warehouse.errors import Refused, Unparsable
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay

_SILENT = frozenset({"pending", "no_report"})
_FINAL = frozenset({"official", "revised"})
_SAYING = _FINAL | {"preliminary"}
_CODE_MARK = "CLI"
# Without its own day a report may be of any; the next one comes a day later.
_LATEST_UNDATED = timedelta(hours=24)
_KNOWN_FIELDS = frozenset(
    {"station", "status", "data"}
    | {"stationId", "maxTemp", "minTemp", "avgTemp", "precip", "precipitation", "snowfall", "isOfficial"}
    | {"issueTime", "reportDate", "location"}
)


def parse_twc_climate(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn pages of kind twc_climate (`asked`: date) into settlements of source twc."""
    issuances: list[Issuance] = []
    refused: list[Refusal] = []
    for payload in payloads:
        answer = decoded(payload, refused)
        if answer is None:
            continue
        try:
            records = records_of(answer, "results")
        except Refused as error:
            refused.append(refusal(subject_of(payload), str(error), answer))
            continue
        passed_over = 0
        for record in records:
            try:
                city = _city(record)
                passed_over += city is None
                issuances += [] if city is None else _issuances(record, city, payload)
            except Refused as error:
                refused.append(refusal(_subject(record, payload), str(error), record))
        if passed_over == len(records):
            rule = f"none of its {passed_over} stations is of a city in the registry: another page, or other codes"
            refused.append(refusal(subject_of(payload), rule, records))
    yield settlements_of(issuances, refused)


def _city(told: object) -> City | None:
    """Return whose station it is; None for a station of nobody's, refused if its two codes contradict each other."""
    station = require_record(require_record(told).get("station"))
    icao, cli_id = (None if (said := station.get(name)) is None else str(said).upper() for name in ("icao", "cliId"))
    by_icao, by_code = city_of_station(icao or ""), city_of_code(_code(cli_id))
    city = by_code or by_icao
    if city is None:
        return None
    if icao is not None and by_icao is not city:
        raise Refused(f"station {icao!r} is not {city.station}, which settles {city.name}")
    if cli_id is not None and by_code is not city:
        raise Refused(f"cliId {cli_id!r} is not {city.cli_code}, the report on {city.station}")
    return city


def _code(said: str | None) -> str:
    """Return the three letters of MDW, mdw or CLIMDW."""
    return "" if said is None else said.upper().removeprefix(_CODE_MARK)


def _issuances(record: Mapping[str, Any], city: City, payload: Payload) -> Iterator[Issuance]:
    """Yield the report of a station of ours, if it has one."""
    status = str(record.get("status")).lower()
    if status in _SILENT or (record.get("data") is None and status in _SAYING - _FINAL):
        return
    if status not in _SAYING:
        raise Unparsable(f"status {record.get('status')!r} is none of {' '.join(sorted(_SAYING | _SILENT))}")
    if record.get("data") is None:
        raise Refused(f"status is {status}, but there are no data")
    data = require_record(record["data"])
    _require_same_station(city, data)
    _require_agreement(status, data)
    tell_new_fields("the weather company", [*record, *data], _KNOWN_FIELDS)
    event_date, issued_utc = _event_date(data, payload), instant_of(data.get("issueTime"), name="issueTime")
    _require_its_day(
        ClimateDay(city, event_date), issued_utc, status=status, is_dated=data.get("reportDate") is not None
    )
    yield Issuance(
        city=city,
        event_date=event_date,
        source="twc",
        issued_utc=issued_utc,
        received_utc=payload.received_utc,
        high_f=_high(data),
        claims_final=status in _FINAL,
        is_correction=status == "revised",
    )


def _high(data: Mapping[str, Any]) -> int | None:
    if data.get("maxTemp") is None:
        raise Refused("maxTemp is missing")
    return whole_degree(data["maxTemp"], name="maxTemp", missing=("M", "MM"))


def _require_same_station(city: City, data: Mapping[str, Any]) -> None:
    said = data.get("stationId")
    if said is not None and _code(str(said)) not in (city.station, _code(city.cli_code)):
        raise Refused(f"the data are of {said!r}, not of {city.station}")


def _require_its_day(day: ClimateDay, issued_utc: datetime, *, status: str, is_dated: bool) -> None:
    """Refuse the report of another day: an official one of a day that still ran, and an undated one of long after."""
    if status in _FINAL and issued_utc < day.end_utc:
        raise Refused(f"status is {status}, but it was issued {issued_utc:%Y-%m-%d %H:%M}Z, before its day was over")
    if not is_dated and issued_utc > day.end_utc + _LATEST_UNDATED:
        raise Refused(
            f"issued {issued_utc:%Y-%m-%d %H:%M}Z, a day or more after {day.event_date}, without a reportDate"
        )


def _require_agreement(status: str, data: Mapping[str, Any]) -> None:
    if status == "official" and data.get("isOfficial") is False:
        raise Refused("status is official, but isOfficial is false")


def _event_date(data: Mapping[str, Any], payload: Payload) -> date:
    asked, said = payload.asked.get("date"), data.get("reportDate")
    if asked is not None and said is not None and asked != said:
        raise Refused(f"asked for {asked}, the report is for {said}")
    try:
        return date.fromisoformat(str(asked or said))
    except ValueError:
        raise Unparsable(f"the report's day {asked or said!r} is no date") from None


def _subject(record: object, payload: Payload) -> str:
    station = record.get("station") if isinstance(record, dict) else None
    code = station.get("cliId") if isinstance(station, dict) else None
    return f"{subject_of(payload)} {code}" if code else subject_of(payload)
