"""Iowa State's table of climate reports: for each day the latest product only, so never a label by itself.

Its rows equal those read from the texts of the same products. A row of a product issued before its day was over is a
preliminary report without a flag: refused, because only the text tells as of when it speaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from pipelines.payload import Parsed, Payload, refusal
from pipelines.weather.answers import decoded, records_of, require_record, whole_degree
from pipelines.weather.issuances import Issuance, settlements_of
from pipelines.weather.places import may_name_city
from pipelines.weather.reports import Refusal, subject_of
from warehouse.errors import Refused, Unparsable
from warehouse.market.cities import CITIES, City

_PRODUCT = re.compile(
    r"(?P<issued>[0-9]{12})-(?P<office>[A-Z]{4})-(?P<wmo>CD[A-Z]{2}[0-9]{2})-(?P<pil>CLI[A-Z0-9]{3})(?:-(?P<bbb>[A-Z]{3}))?"
)
_MISSING = ("M", "MM")


def parse_iem_cli(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers of kind iem_cli (`asked`: station, city) into settlements of source cli."""
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
            records = records_of(answer, "results")
        except Refused as error:
            refused.append(refusal(subject_of(payload), str(error), answer))
            continue
        for record in records:
            try:
                issuances.append(_issuance(record, city, payload))
            except Refused as error:
                refused.append(refusal(_subject(record, payload), str(error), record))
    yield settlements_of(issuances, refused)


def _issuance(told: object, city: City, payload: Payload) -> Issuance:
    record = require_record(told)
    if record.get("station") != city.station:
        raise Refused(f"station {record.get('station')!r} is not {city.station}, which was asked for")
    product = _PRODUCT.fullmatch(str(record.get("product")))
    if product is None:
        raise Unparsable(f"product {record.get('product')!r} does not say when the report was issued")
    if product["pil"] != city.cli_code:
        raise Refused(f"product {product['pil']} is not {city.cli_code}")
    if product["office"] != city.office:
        raise Refused(f"{product['office']} is not the office that reports on {city.name} ({city.office})")
    if record.get("name") is not None and not may_name_city(str(record["name"]), city):
        raise Refused(f"filed under {city.cli_code}, but its words are about {record['name']!r}")
    if "high" not in record:
        raise Refused("high is missing")
    issuance = Issuance(
        city=city,
        event_date=_event_date(record.get("valid")),
        source="cli",
        issued_utc=_issued_utc(product["issued"]),
        received_utc=payload.received_utc,
        high_f=None if record["high"] is None else whole_degree(record["high"], name="high", missing=_MISSING),
        claims_final=True,
        is_correction=(product["bbb"] or "").startswith("CC"),
        is_resend=(product["bbb"] or "").startswith("RR"),
        product_id=product[0],
    )
    if not issuance.is_final:
        raise Refused("issued before its day was over: a preliminary report that looks final")
    return issuance


def _event_date(said: object) -> date:
    try:
        return date.fromisoformat(str(said))
    except ValueError:
        raise Unparsable(f"valid {said!r} is no date") from None


def _issued_utc(said: str) -> datetime:
    try:
        return datetime.strptime(said, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        raise Unparsable(f"{said!r} in the product's name is no time") from None


def _subject(record: object, payload: Payload) -> str:
    day = record.get("valid") if isinstance(record, dict) else None
    return f"{subject_of(payload)} {day}" if day else subject_of(payload)
