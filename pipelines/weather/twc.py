"""The Weather Company's page of climate reports, the settlement source since 2026-08-14. Undocumented, so never needed.

`avgTemp` never stands in for a missing maximum. Stations that no city of the registry settles on are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pipelines.payload import Parsed, Payload, refusal
from pipelines.weather.answers import decoded, instant_of, records_of, require_record, tell_new_fields, whole_degree
from pipelines.weather.issuances import Issuance, settlements_of
from pipelines.weather.places import city_of_code
from pipelines.weather.reports import Refusal, subject_of
from warehouse.errors import Refused, Unparsable
from warehouse.market.cities import City

_SILENT = frozenset({"pending", "no_report"})
_FINAL = frozenset({"official", "revised"})
_SAYING = _FINAL | {"preliminary"}
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
        for record in records:
            try:
                issuances += _issuances(record, payload)
            except Refused as error:
                refused.append(refusal(_subject(record, payload), str(error), record))
    yield settlements_of(issuances, refused)


def _issuances(told: object, payload: Payload) -> Iterator[Issuance]:
    """Yield the report of one station, if it is ours and has one."""
    record = require_record(told)
    station = require_record(record.get("station"))
    city = city_of_code(str(station.get("cliId")))
    if city is None:
        return
    status = str(record.get("status")).lower()
    if status in _SILENT or (record.get("data") is None and status in _SAYING):
        return
    if status not in _SAYING:
        raise Unparsable(f"status {record.get('status')!r} is none of {' '.join(sorted(_SAYING | _SILENT))}")
    data = require_record(record.get("data"))
    _require_same_station(city, station, data)
    _require_agreement(status, data)
    tell_new_fields("the weather company", [*record, *data], _KNOWN_FIELDS)
    yield Issuance(
        city=city,
        event_date=_event_date(data, payload),
        source="twc",
        issued_utc=instant_of(data.get("issueTime"), name="issueTime"),
        received_utc=payload.received_utc,
        high_f=_high(data),
        claims_final=status in _FINAL,
        is_correction=status == "revised",
    )


def _high(data: Mapping[str, Any]) -> int | None:
    if data.get("maxTemp") is None:
        raise Refused("maxTemp is missing")
    return whole_degree(data["maxTemp"], name="maxTemp", missing=("M", "MM"))


def _require_same_station(city: City, station: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    if station.get("icao") != city.station:
        raise Refused(f"station {station.get('icao')!r} is not {city.station}, which settles {city.name}")
    said = data.get("stationId")
    if said is not None and said not in (city.station, city.cli_code[3:]):
        raise Refused(f"the data are of {said!r}, not of {city.station}")


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
