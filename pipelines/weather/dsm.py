"""The daily summary message (DSM) that a station itself sends: the day's high minutes after midnight, and before.

It names day and month, never the year: the year comes from the days that were asked for, else from a receipt within a
week. A message with an hour behind its DS is interim and not final.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pipelines.payload import refusal
from pipelines.weather.answers import whole_degree
from pipelines.weather.issuances import Issuance
from pipelines.weather.places import city_of_station
from pipelines.weather.products import Product
from pipelines.weather.reports import Refusal
from warehouse.errors import Refused, Unparsable
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay

_WMO = "CD"
_MESSAGE = re.compile(
    r"\b(?P<station>[A-Z][A-Z0-9]{3}) DS (?P<cor>COR )?(?P<interim>[0-9]{4} )?(?P<late_cor>COR )?"
    r"(?P<day>[0-9]{2})/(?P<month>[0-9]{2}) (?P<high>M|-?[0-9]{1,3}?[0-9]{4})/"
)
_BEGINS = re.compile(r"\b[A-Z][A-Z0-9]{3} DS\b")
_CLOCK_DIGITS = 4
_AROUND_ASKED = timedelta(days=3)
_RECENT = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class DailySummary:
    """What one message says; `interim_lst` is the hour of a message sent before the day was over."""

    station: str
    day: int
    month: int
    high_f: int | None
    interim_lst: time | None
    is_correction: bool


def read_dsm(product: Product) -> tuple[list[DailySummary], list[tuple[str, str]]]:
    """Return the messages of a product, any station's, and those that cannot be read, each with its reason."""
    if not product.wmo.startswith(_WMO):
        raise Refused(f"heading {product.wmo} is not of a summary message (CD…): another text filed under its id")
    messages: list[DailySummary] = []
    unread: list[tuple[str, str]] = []
    for text in product.words.split("="):
        words = " ".join(text.split())
        if not _BEGINS.search(words):
            continue
        try:
            messages.append(_message(words))
        except Refused as error:
            unread.append((words, str(error)))
    return messages, unread


def dsm_issuances(
    product: Product, received_utc: datetime, refused: list[Refusal], *, asked: Mapping[str, str]
) -> Iterator[Issuance]:
    """Yield the messages on the registry's stations; `asked` may name the days asked for (`since`, `until`)."""
    try:
        messages, unread = read_dsm(product)
        if not messages and not unread:
            raise Refused("no summary message in it")
    except Refused as error:
        refused.append(refusal(product.pil, str(error), product.words))
        return
    refused += [refusal(product.pil, rule, words) for words, rule in unread]
    for message in messages:
        try:
            yield _issuance(message, product, received_utc, asked)
        except Refused as error:
            refused.append(refusal(product.pil, str(error), vars(message)))


def _message(words: str) -> DailySummary:
    found = _MESSAGE.search(words)
    if found is None:
        raise Unparsable("the message has no readable day and high, or was cut off")
    high = found["high"]
    if high != "M":
        _lst(high[-_CLOCK_DIGITS:])  # a value without its time would lend its digits to one
    return DailySummary(
        station=found["station"],
        day=int(found["day"]),
        month=int(found["month"]),
        high_f=None if high == "M" else whole_degree(high[:-_CLOCK_DIGITS], name="the high"),
        interim_lst=_lst(found["interim"].strip()) if found["interim"] else None,
        is_correction=bool(found["cor"] or found["late_cor"]),
    )


def _lst(clock: str) -> time:
    try:
        return time(int(clock[:2]), int(clock[2:]))
    except ValueError:
        raise Unparsable(f"{clock!r} is no time of day") from None


def _issuance(message: DailySummary, product: Product, received_utc: datetime, asked: Mapping[str, str]) -> Issuance:
    city = city_of_station(message.station)
    if city is None:
        raise Refused(f"station {message.station} is not of a city in the registry")
    if product.pil[3:] != city.station[1:]:
        raise Refused(f"filed under {product.pil}, but it is of {message.station}")
    day = ClimateDay(city, _event_date(message, received_utc, asked))
    issued = product.issued_near(day.end_utc)
    if issued is None:
        raise Refused(f"heading time {product.day:02}{product.hour:02}{product.minute:02} is no time")
    return Issuance(
        city=city,
        event_date=day.event_date,
        source="dsm",
        issued_utc=issued,
        received_utc=received_utc,
        high_f=message.high_f,
        claims_final=message.interim_lst is None,
        is_correction=message.is_correction or product.is_correction,
        is_resend=product.is_resend,
        as_of_utc=_as_of_utc(message, day, city),
        product_id=product.product_id(issued),
    )


def _as_of_utc(message: DailySummary, day: ClimateDay, city: City) -> datetime | None:
    if message.interim_lst is None:
        return None
    return day.start_utc + timedelta(hours=message.interim_lst.hour, minutes=message.interim_lst.minute)


def _event_date(message: DailySummary, received_utc: datetime, asked: Mapping[str, str]) -> date:
    """Return the only date with this day and month near the days asked for, or just before the receipt."""
    received = received_utc.date()
    try:
        first = date.fromisoformat(asked["since"]) - _AROUND_ASKED
        last = date.fromisoformat(asked["until"]) + _AROUND_ASKED
    except (KeyError, ValueError):
        first, last = received - _RECENT, received
    said = [_date(year, message) for year in range(first.year, last.year + 1)]
    dates = [one for one in said if one is not None and first <= one <= last]
    if len(dates) != 1:
        raise Refused(f"day {message.day:02}/{message.month:02} has no year, and is not one of {first} … {last}")
    return dates[0]


def _date(year: int, message: DailySummary) -> date | None:
    try:
        return date(year, message.month, message.day)
    except ValueError:
        return None
