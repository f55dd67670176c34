"""The monthly F-6 form (CF6): one row a day of the month so far, in fixed widths; each issuance repeats them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pipelines.payload import refusal
from pipelines.weather.answers import whole_degree
from pipelines.weather.calls import REPORTS_SETTLE
from pipelines.weather.issuances import Issuance
from pipelines.weather.places import city_of_code, names_city
from pipelines.weather.products import MONTHS, Product
from pipelines.weather.reports import Refusal
from warehouse.errors import Refused, Unparsable
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay

_WMO = "CX"
_RULER = re.compile(r"^=+ *$", re.MULTILINE)
_SAID = re.compile(r"^ *(?P<name>STATION|MONTH|YEAR):(?P<value>.*)$", re.MULTILINE)
_DAY, _MAX, _MIN = slice(0, 2), slice(2, 6), slice(6, 10)
_VALUE = re.compile(r" *(?:-?[0-9]{1,3}|M)")
_RULERS_BEFORE_ROWS = 2
_EARLIEST_UTC = datetime(1900, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(minutes=15)
# A heading's day comes once a month: stepping by less, no month is left out.
_STEP = timedelta(days=10)
_ALWAYS_ASKED = timedelta(days=40)


@dataclass(frozen=True, kw_only=True)
class MonthForm:
    """What one form says: the high of each day (None is missing), and the rows that cannot be read, with the reason."""

    place: str
    highs_f: dict[date, int | None]
    unread: dict[str, str]


def read_cf6(product: Product) -> MonthForm:
    """Return the highs of a form, any station's; refuse a text that is no such form."""
    if not product.wmo.startswith(_WMO):
        raise Refused(f"heading {product.wmo} is not of an F-6 form (CX…): another text filed under its id")
    rulers = list(_RULER.finditer(product.words))
    if len(rulers) < _RULERS_BEFORE_ROWS:
        raise Refused("no table of days: " + " ".join(product.words.split())[:100])
    said: dict[str, str] = {}
    for line in _SAID.finditer(product.words, 0, rulers[0].start()):
        said.setdefault(line["name"], line["value"].strip())
    end = rulers[_RULERS_BEFORE_ROWS].start() if len(rulers) > _RULERS_BEFORE_ROWS else len(product.words)
    rows = product.words[rulers[_RULERS_BEFORE_ROWS - 1].end() : end].splitlines()
    return _form(said.get("STATION", ""), _first_day(said), [row for row in rows if row.strip()])


def cf6_issuances(
    product: Product, received_utc: datetime, refused: list[Refusal], *, asked: Mapping[str, str]
) -> Iterator[Issuance]:
    """Yield one report for each day of a form of a registry's city; a day that is not over yet is not final.

    `asked` may name the days asked for (`since`, `until`): the form was issued around them.
    """
    try:
        city = _city(product)
        form = read_cf6(product)
        if not names_city(form.place, city):
            raise Refused(f"filed under {product.pil}, but its words are about {form.place!r}")
        issued = _issued_utc(product, form, _issued_between(city, received_utc, asked))
    except Refused as error:
        refused.append(refusal(product.pil, str(error), product.words))
        return
    refused += [refusal(product.pil, rule, row) for row, rule in form.unread.items()]
    for event_date, high_f in form.highs_f.items():
        yield Issuance(
            city=city,
            event_date=event_date,
            source="cf6",
            issued_utc=issued,
            received_utc=received_utc,
            high_f=high_f,
            claims_final=True,
            is_correction=product.is_correction,
            is_resend=product.is_resend,
            product_id=product.product_id(issued),
        )


def _city(product: Product) -> City:
    city = city_of_code(product.pil[3:])
    if city is None:
        raise Refused(f"a form for {product.pil[3:]} is not of a city in the registry")
    return city


def _first_day(said: dict[str, str]) -> date:
    month, year = said.get("MONTH", ""), said.get("YEAR", "")
    try:
        number = int(month) if month.isdecimal() else MONTHS.index(month[:3]) + 1
        return date(int(year), number, 1)
    except ValueError:
        raise Unparsable(f"month {month!r} and year {year!r} are no month") from None


def _form(place: str, first: date, rows: list[str]) -> MonthForm:
    form = MonthForm(place=place, highs_f={}, unread={})
    for row in rows:
        try:
            day, high_f = _row(row, first)
        except Refused as error:
            form.unread[row] = str(error)
            continue
        if form.highs_f.setdefault(day, high_f) != high_f:
            form.unread[row] = f"day {day} is there twice with different values: the first stays"
    return form


def _row(row: str, first: date) -> tuple[date, int | None]:
    """Read day and maximum by their columns: by words a missing maximum would let the minimum take its place."""
    if not (row[_DAY].strip().isdecimal() and _VALUE.fullmatch(row[_MAX]) and _VALUE.fullmatch(row[_MIN])):
        raise Unparsable("the row does not keep the columns of the form, or has no values yet")
    try:
        day = first.replace(day=int(row[_DAY]))
    except ValueError:
        raise Unparsable(f"the month has no day {row[_DAY].strip()}") from None
    return day, whole_degree(row[_MAX], name="MAX", missing=("M",))


def _issued_between(city: City, received_utc: datetime, asked: Mapping[str, str]) -> tuple[datetime, datetime]:
    """Return when a form can have been issued: among the days asked for, and before it was received."""
    try:
        first, last = (ClimateDay(city, date.fromisoformat(asked[name])) for name in ("since", "until"))
    except (KeyError, ValueError):
        return _EARLIEST_UTC, received_utc + _CLOCKS_DIFFER
    return first.start_utc, min(last.end_utc + REPORTS_SETTLE, received_utc + _CLOCKS_DIFFER)


def _issued_utc(product: Product, form: MonthForm, between: tuple[datetime, datetime]) -> datetime:
    """Return the instant of the heading: the first that is not before the last day of a form inside its month.

    A whole month is issued again when it is corrected, and the heading names no month: of those between these bounds
    the latest counts, rather late than early.
    """
    if not form.highs_f:
        raise Refused("the table has no rows yet")
    last = max(form.highs_f)
    last_utc = datetime(last.year, last.month, last.day, tzinfo=UTC)
    since_utc, until_utc = between
    found = list(_instants(product, last_utc, max(until_utc, last_utc + _ALWAYS_ASKED)))
    if not found:
        raise Refused(f"heading time {product.day:02}{product.hour:02}{product.minute:02} is no time")
    if (last + timedelta(days=1)).month == last.month:
        return found[0]
    fitting = [one for one in found if since_utc <= one <= until_utc]
    if not fitting:
        rule = f"its heading's day {product.day:02} comes not between {since_utc:%Y-%m-%d} and {until_utc:%Y-%m-%d}"
        raise Refused(f"{rule}, when it was issued")
    return fitting[-1]


def _instants(product: Product, since_utc: datetime, until_utc: datetime) -> Iterator[datetime]:
    """Yield the instants that a heading can mean from here to somewhat after there, each once."""
    context_utc, before = since_utc, since_utc - _STEP
    while context_utc <= until_utc:
        found = product.issued_near(context_utc)
        if found is not None and found >= since_utc and found > before:
            yield found
            before = found
        context_utc += _STEP
