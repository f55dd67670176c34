"""The daily climate report (CLI), which settles the markets: read as text first, then admitted for our stations.

Final is a report without a "VALID … AS OF" line that was issued after the climate day; the as-of time is never when it
was published. Layouts vary; the high is the first word after MAXIMUM inside the temperature block and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pipelines.payload import refusal
from pipelines.weather.answers import whole_degree
from pipelines.weather.issuances import Issuance
from pipelines.weather.places import city_of_code, names_city
from pipelines.weather.products import MONTHS, Product, clock_minutes, local_issue_utc
from pipelines.weather.reports import Refusal
from warehouse.errors import Refused, Unparsable
from warehouse.market.cities import City

# Runs of blanks are possessive: no other way to part them is tried, however many there are.
_HEADLINE = re.compile(
    r"\.\.\.\s*+(?:THE\s++)?(?P<place>(?:(?:(?!\.\.\.).){0,119}?(?!\.\.\.)\S)?)\s*+CLIMATE\s++SUMMARY\s++FOR\s++"
    r"(?P<month>[A-Z]++)\s++(?P<day>[0-9]{1,2}),?\s++(?P<year>[0-9]{4})(?P<rest>(?:(?!\.\.\.).){0,80})\.\.\.",
    re.DOTALL,
)
_VALID = re.compile(
    r"\bVALID\b.{0,12}?AS\s+OF\b(?:\s+(?P<clock>[0-9]{3,4}|[0-9]{1,2}:[0-9]{2})\s*(?P<half>AM|PM))?", re.S
)
_CORRECTED = re.compile(r"\bCORRECT(?:ION|ED)\b")
_BLOCK = re.compile(r"^ *+TEMPERATURE *+(?:\(F\) *+)?$", re.MULTILINE)
_NEXT_BLOCK = re.compile(
    r"^ *(?:PRECIPITATION|SNOWFALL|SNOW|DEGREE DAYS|WIND|SKY COVER|RELATIVE HUMIDITY|HEATING|COOLING|&&|\$\$|\.{10,})",
    re.MULTILINE,
)
_MAXIMUM = re.compile(
    r"^ *MAXIMUM +(?P<value>MM?|-?[0-9]{1,3})(?: ?(?:R|E|\(R\)|\(E\)))*(?= |\n)(?! *(?:AM|PM)\b)", re.MULTILINE
)
_ANY_MAXIMUM = re.compile(r"^ *MAXIMUM\b(?! +TEMPERATURE).*$", re.MULTILINE)
_COLUMN = "OBSERVED"
_CLIMATE_WMO = "CD"
_MISSING = ("M", "MM")
# The heading and the office's own clock differ by minutes; by an hour where a clock is called by the wrong name.
_CLOCKS_AGREE = timedelta(hours=3)


@dataclass(frozen=True, kw_only=True)
class CliReport:
    """What one station's part of a climate report says; `as_of` is civil time at the station, on the report's day."""

    place: str
    event_date: date
    high_f: int | None
    is_preliminary: bool
    as_of: time | None
    is_correction: bool


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A part of a report that cannot be read, and why."""

    place: str
    rule: str


def read_cli(product: Product) -> list[CliReport | Unread]:
    """Return the stations' parts of a climate report, any station's; refuse a text that is no such report."""
    if not product.wmo.startswith(_CLIMATE_WMO):
        raise Refused(f"heading {product.wmo} is not of a climate report (CD…): another text filed under its id")
    headlines = list(_HEADLINE.finditer(product.words))
    if not headlines:
        raise Refused("no headline names place and day: not a climate report, or cut off")
    ends = [headline.start() for headline in headlines[1:]] + [len(product.words)]
    title = product.words[: headlines[0].start()]
    is_correction = product.is_correction or bool(_CORRECTED.search(title))
    return [
        _part(headline, product.words[headline.end() : end], is_correction=is_correction)
        for headline, end in zip(headlines, ends, strict=True)
    ]


def issued_utc(product: Product, event_date: date) -> datetime:
    """Return when a climate report was issued: its heading's minute, in the month that the office's clock says.

    Without a line of the office's clock the day of the headline gives the month. Clocks that contradict each other
    leave the instant unknown, so the report is refused.
    """
    said_utc = local_issue_utc(product.words)
    context_utc = said_utc or datetime.combine(event_date, time(), UTC) + timedelta(days=1)
    found = product.issued_near(context_utc)
    if found is None:
        raise Refused(f"heading time {product.day:02}{product.hour:02}{product.minute:02} is no time")
    if said_utc is not None and abs(found - said_utc) > _CLOCKS_AGREE:
        raise Refused(f"heading says issued {found:%d %H:%M}Z, the line of issue {said_utc:%d %H:%M}Z: one is wrong")
    return found


def cli_issuances(product: Product, received_utc: datetime, refused: list[Refusal]) -> Iterator[Issuance]:
    """Yield the reports on the registry's city that a product names; what is not of it is refused, with the reason."""
    try:
        city = _city(product)
        parts = read_cli(product)
    except Refused as error:
        refused.append(refusal(product.pil, str(error), product.words))
        return
    for part in parts:
        try:
            yield _issuance(_read(part, city), product, city, received_utc)
        except Refused as error:
            refused.append(refusal(product.pil, str(error), product.words))


def _city(product: Product) -> City:
    code = product.pil[3:]
    city = city_of_code(code)
    if city is None:
        raise Refused(f"a report for {code} is not of a city in the registry")
    if product.office != city.office:
        raise Refused(f"{product.office} is not the office that reports on {city.name} ({city.office})")
    return city


def _read(part: CliReport | Unread, city: City) -> CliReport:
    if not names_city(part.place, city):
        raise Refused(f"filed under {city.cli_code}, but its words are about {part.place!r}")
    if isinstance(part, Unread):
        raise Refused(part.rule)
    return part


def _issuance(report: CliReport, product: Product, city: City, received_utc: datetime) -> Issuance:
    issued = issued_utc(product, report.event_date)
    as_of_utc = None
    if report.as_of is not None:
        as_of_utc = datetime.combine(report.event_date, report.as_of, city.tzinfo).astimezone(UTC)
    return Issuance(
        city=city,
        event_date=report.event_date,
        source="cli",
        issued_utc=issued,
        received_utc=received_utc,
        high_f=report.high_f,
        claims_final=not report.is_preliminary,
        is_correction=report.is_correction,
        is_resend=product.is_resend,
        as_of_utc=as_of_utc,
        product_id=product.product_id(issued),
    )


def _part(headline: re.Match[str], words: str, *, is_correction: bool) -> CliReport | Unread:
    place = " ".join(headline["place"].split())
    try:
        block, column = _temperature_block(words)
        valid = _VALID.search(words, 0, block.start)
        return CliReport(
            place=place,
            event_date=_day(headline),
            high_f=_high(words[block], column),
            is_preliminary=valid is not None,
            as_of=_as_of(valid) if valid else None,
            is_correction=is_correction or bool(_CORRECTED.search(headline["rest"])),
        )
    except Refused as error:
        return Unread(place=place, rule=str(error))


def _day(headline: re.Match[str]) -> date:
    said = " ".join((headline["month"], headline["day"], headline["year"]))
    try:
        return date(int(headline["year"]), MONTHS.index(headline["month"][:3]) + 1, int(headline["day"]))
    except ValueError:
        raise Unparsable(f"the headline's day {said!r} is no date") from None


def _temperature_block(words: str) -> tuple[slice, int | None]:
    """Return where the temperature block lies, and the column after which no observed value begins, where told."""
    begin = _BLOCK.search(words)
    if begin is None:
        raise Unparsable("no temperature block")
    end = _NEXT_BLOCK.search(words, begin.end())
    head = words[: begin.start()]
    line = next((line for line in head.splitlines() if _COLUMN in line), None)
    column = None if line is None else line.index(_COLUMN) + len(_COLUMN)
    return slice(begin.end(), end.start() if end else len(words)), column


def _high(block: str, column: int | None) -> int | None:
    """Return the observed maximum, None where the report says that it is missing; refuse a line without one."""
    line = _ANY_MAXIMUM.search(block)
    if line is None:
        raise Unparsable("no MAXIMUM in the temperature block: too early in the day, or cut off")
    found = _MAXIMUM.match(block, line.start())
    if found is None:
        raise Unparsable(f"MAXIMUM has no value that can be read: {line[0].strip()!r}")
    if column is not None and found.start("value") - found.start() >= column:
        raise Unparsable(f"MAXIMUM has no observed value: {line[0].strip()!r}")
    return whole_degree(found["value"], name="MAXIMUM", missing=_MISSING)


def _as_of(valid: re.Match[str]) -> time | None:
    minutes = clock_minutes(valid["clock"], valid["half"]) if valid["clock"] else None
    return None if minutes is None else time(*divmod(minutes, 60))
