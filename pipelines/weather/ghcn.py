"""The national archive's daily summaries (GHCN-Daily): days late and revised, so an audit and the last resort.

They do not say when they were issued: the end of the day stands for it, and the modelled lag is days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from pipelines.payload import Parsed, Payload, refusal
from pipelines.weather.answers import decoded, records_of, require_record, tell_new_fields, whole_degree
from pipelines.weather.issuances import Issuance, settlements_of
from pipelines.weather.reports import Refusal, subject_of
from warehouse.errors import Refused, Unparsable
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import ClimateDay

_KNOWN_FIELDS = frozenset(("DATE", "STATION", "NAME", "TMAX", "TMIN"))


def parse_ncei_daily(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers of kind ncei_daily (`asked`: city), in standard units, into settlements of source ghcn."""
    issuances: list[Issuance] = []
    refused: list[Refusal] = []
    for payload in payloads:
        city = CITIES.get(payload.asked.get("city", ""))
        if city is None:
            refused.append(refusal(subject_of(payload), "asked for no city of the registry", dict(payload.asked)))
            continue
        answer = decoded(payload, refused)
        if answer is None:
            continue
        try:
            records = records_of(answer)
        except Refused as error:
            refused.append(refusal(subject_of(payload), str(error), answer))
            continue
        for record in records:
            try:
                issuances.append(_issuance(record, city, payload))
            except Refused as error:
                refused.append(refusal(subject_of(payload), str(error), record))
    yield settlements_of(issuances, refused)


def fahrenheit_of_tenths(tenths_c: int) -> int:
    """Return the whole °F that the archive stores as tenths of °C: exact for every whole °F of -40 … 130."""
    return (9 * tenths_c + 25) // 50 + 32


def tenths_of_fahrenheit(temp_f: int) -> int:
    """Return the tenths of °C in which the archive stores a whole °F, a half going away from zero."""
    fiftieths = 50 * (temp_f - 32)
    return (abs(fiftieths) * 2 + 9) // 18 * (1 if fiftieths >= 0 else -1)


def _issuance(told: object, city: City, payload: Payload) -> Issuance:
    record = require_record(told)
    if record.get("STATION") != city.ghcn_id:
        raise Refused(f"station {record.get('STATION')!r} is not {city.ghcn_id}, which was asked for")
    try:
        event_date = date.fromisoformat(str(record.get("DATE")))
    except ValueError:
        raise Unparsable(f"DATE {record.get('DATE')!r} is no date") from None
    if record.get("TMAX") is None:
        raise Refused("TMAX is missing")
    tell_new_fields("the national archive", record, _KNOWN_FIELDS)
    return Issuance(
        city=city,
        event_date=event_date,
        source="ghcn",
        issued_utc=ClimateDay(city, event_date).end_utc,
        received_utc=payload.received_utc,
        high_f=whole_degree(record["TMAX"], name="TMAX"),
        claims_final=True,
    )
