"""One market record of the exchange, of any era, read into exact values. What it means with its siblings: `markets`.

Fields came and went: `subtitle` became `yes_sub_title`, `volume` became `volume_fp`, strikes were null for a while.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from pipelines.kalshi.bodies import tell_once
from pipelines.kalshi.exact import instant_utc
from pipelines.kalshi.places import event_of
from pipelines.kalshi.rules import source_of
from warehouse.errors import Refused, Unparsable
from warehouse.market.brackets import Bracket
from warehouse.market.cities import City
from warehouse.market.money import count_centi, price_ticks, price_ticks_from_cents
from warehouse.market.tickers import EventTicker

RESULTS = ("yes", "no")
FINAL_STATUSES = ("finalized", "settled")

# Without a settlement stamp: results appear at 7, 8 or 10 AM Eastern, at latest ten hours after the close of any era.
MODELLED_SETTLEMENT_LAG = timedelta(hours=10)

# Strikes, multipliers and seconds stay far below; what is larger is damage, and would not fit the columns.
LARGEST_NUMBER = 1_000_000

_SHOWN = 200

_BARE = re.compile(r"\s*(-?[0-9]{1,3}(?:\.[0-9]+)?)\s*(?:°|º|degrees?)?\s*(?:F|fahrenheit)?\s*", re.IGNORECASE)
_IN_PROSE = re.compile(r"(?<![0-9.-])(-?[0-9]{1,3}(?:\.[0-9]+)?)\s*(?:°|º|degrees?\b)", re.IGNORECASE)
_ANY_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_IN_DOUBT = re.compile(
    r"\b(?:above|below|over|under|than|least|most|between|or|not|about|near|minus|exceed\w*|c|celsius)\b", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class MarketRecord:
    """One market as the exchange told it: exact values, and the bounds where the record alone says them."""

    market_ticker: str
    event: EventTicker
    city: str
    floor_strike: float | None
    cap_strike: float | None
    bracket: Bracket | None
    bounds_source: str
    open_utc: datetime
    close_utc: datetime
    known_utc: datetime
    settled_utc: datetime | None
    status: str
    result: str | None
    expiration_value_f: int | None
    volume_centi: int | None
    price_step_ticks: int | None
    fee_type: str | None
    fee_multiplier_milli: int | None
    settlement_source: str

    @property
    def is_final(self) -> bool:
        """True once the exchange will not change the result any more."""
        return self.status in FINAL_STATUSES


def parse_record(record: Mapping[str, object]) -> MarketRecord:
    """Read one record exactly, or refuse it with the reason; a market of another product is refused too."""
    market_ticker, event, city = _identity(record)
    bracket, bounds_source = _bounds(record)
    open_utc, close_utc = _required_instant(record, "open_time"), _required_instant(record, "close_time")
    status = _required_text(record, "status")
    return MarketRecord(
        market_ticker=market_ticker,
        event=event,
        city=city.key,
        floor_strike=_strike(record, "floor_strike"),
        cap_strike=_strike(record, "cap_strike"),
        bracket=bracket,
        bounds_source=bounds_source,
        open_utc=open_utc,
        close_utc=close_utc,
        known_utc=min(_instant(record, "created_time") or open_utc, open_utc),
        settled_utc=_settled_utc(record, status=status, close_utc=close_utc),
        status=status,
        result=_result(record),
        expiration_value_f=_settled_degree(record),
        volume_centi=_volume(record),
        price_step_ticks=_price_step(record),
        fee_type=_text(record, "fee_type"),
        fee_multiplier_milli=exact_milli(record, "fee_multiplier"),
        settlement_source=source_of(record, city=city, event_date=event.event_date),
    )


def degrees_in(text: str) -> int | None:
    """Return the settled degree that a text names: "73.00", "81°F", prose with a single degree; None in any doubt."""
    match = _BARE.fullmatch(text)
    if match is None and len(_ANY_NUMBER.findall(text)) == 1 and not _IN_DOUBT.search(text):
        match = _IN_PROSE.search(text)
    if match is None:
        return None
    degrees = Decimal(match[1])
    return int(degrees) if degrees == degrees.to_integral_value() else None


def _settled_degree(record: Mapping[str, object]) -> int | None:
    """Return the settled degree, told as text or as a number; words that name none are logged."""
    value = record.get("expiration_value")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = str(value) if is_number else _text(record, "expiration_value")
    degrees = degrees_in(text) if text else None
    if text and degrees is None:
        tell_once(f"the expiration value {text[:_SHOWN]!r}, which names no degree")
    return degrees


def _price_step(record: Mapping[str, object]) -> int | None:
    """Return the smallest step of a quote: of the price ranges in dollars, else the older tick size in cents."""
    ranges = record.get("price_ranges")
    if isinstance(ranges, list) and ranges:
        return min(_band_step(band) for band in ranges)
    cents = record.get("tick_size")
    return _step(price_ticks_from_cents(cents), cents) if isinstance(cents, int) else None


def _band_step(band: object) -> int:
    if not isinstance(band, Mapping) or not isinstance(band.get("step"), str):
        raise Refused(f"price_ranges {band!r} has no step")
    return _step(price_ticks(band["step"]), band["step"])


def _step(ticks: int, said: object) -> int:
    if ticks == 0:
        raise Refused(f"a price step of {said!r} is none")
    return ticks


def _identity(record: Mapping[str, object]) -> tuple[str, EventTicker, City]:
    text = _required_text(record, "ticker")
    event, city = event_of(text)
    if (said := _text(record, "event_ticker")) not in (None, str(event)):
        raise Refused(f"event_ticker {said!r} is not the event of its ticker")
    return text, event, city


def _bounds(record: Mapping[str, object]) -> tuple[Bracket | None, str]:
    by_words = _bracket_in_words(record)
    by_strikes = _bracket_of_strikes(record)
    if by_strikes is not None and by_words is not None and by_strikes != by_words:
        raise Refused(f"the strikes pay for {by_strikes} °F, the subtitle says {by_words} °F")
    if by_strikes is not None:
        return by_strikes, "strikes"
    return by_words, "subtitle" if by_words is not None else "siblings"


def _bracket_of_strikes(record: Mapping[str, object]) -> Bracket | None:
    floor, cap = _strike(record, "floor_strike"), _strike(record, "cap_strike")
    try:
        return Bracket.from_strikes(_text(record, "strike_type") or "", floor_strike=floor, cap_strike=cap)
    except Unparsable:
        return None  # null strikes marked the winners of early 2025: the words or the siblings know


def _bracket_in_words(record: Mapping[str, object]) -> Bracket | None:
    for name in ("yes_sub_title", "subtitle"):
        try:
            return Bracket.from_subtitle(_text(record, name) or "")
        except Unparsable:
            continue
    return None


def _settled_utc(record: Mapping[str, object], *, status: str, close_utc: datetime) -> datetime | None:
    """Return when the result became public: stamped, else modelled late, and never before the close."""
    stamped = _instant(record, "settlement_ts")
    if stamped is not None:
        return max(stamped, close_utc)
    if status not in FINAL_STATUSES:
        return None
    timer = timedelta(seconds=float(_number(record, "settlement_timer_seconds") or 0))
    expected = _instant(record, "expected_expiration_time") or close_utc + MODELLED_SETTLEMENT_LAG
    return max(expected + timer, close_utc)


def _result(record: Mapping[str, object]) -> str | None:
    result = _text(record, "result")
    if result is not None and result not in RESULTS:
        raise Refused(f"result {result!r} is neither yes nor no: the market settled at a fair price")
    return result


def _volume(record: Mapping[str, object]) -> int | None:
    for name in ("volume_fp", "volume"):
        value = record.get(name)
        if value is not None and value != "":
            return count_centi(str(value))
    return None


def _strike(record: Mapping[str, object], name: str) -> float | None:
    number = _number(record, name)
    return None if number is None else float(number)


def exact_milli(record: Mapping[str, object], name: str) -> int | None:
    """Return a number in thousandths; refuse a finer one."""
    number = _number(record, name)
    if number is None:
        return None
    milli = number * 1_000
    if milli != milli.to_integral_value():
        raise Refused(f"{name} {number} is finer than one thousandth")
    return int(milli)


def _number(record: Mapping[str, object], name: str) -> Decimal | None:
    value = record.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Refused(f"{name} {value!r} is not a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{name} {value!r} is not a number") from None
    if not number.is_finite() or abs(number) > LARGEST_NUMBER:
        raise Refused(f"{name} {value!r} is no number that the exchange would say")
    return number


def _text(record: Mapping[str, object], name: str) -> str | None:
    value = record.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Refused(f"{name} {value!r} is not text")
    return value


def _required_text(record: Mapping[str, object], name: str) -> str:
    text = _text(record, name)
    if text is None:
        raise Refused(f"{name} is missing")
    return text


def _instant(record: Mapping[str, object], name: str) -> datetime | None:
    text = _text(record, name)
    if text is None or text.startswith("0001-"):  # the exchange's zero time stands for none
        return None
    try:
        return instant_utc(text)
    except Unparsable as error:
        raise Refused(f"{name} {error}") from None


def _required_instant(record: Mapping[str, object], name: str) -> datetime:
    instant = _instant(record, name)
    if instant is None:
        raise Refused(f"{name} is missing")
    return instant
