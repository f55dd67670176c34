"""Answers with series, events, markets and fee changes, read together: market records with the fees of their events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pipelines.kalshi.bodies import json_of, shown, tell_once
from pipelines.kalshi.exact import instant_utc
from pipelines.kalshi.fee_rolls import FEES_KIND, FeeRolls
from pipelines.kalshi.fees import FeeBook, FeeChange, Roll
from pipelines.kalshi.rules import SOURCES
from pipelines.payload import Payload, refusal
from warehouse.errors import Refused, Unparsable

_Record = Mapping[str, Any]
_Refusal = Mapping[str, str | None]


def _names(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


_FIELDS_OF: Mapping[str, frozenset[str]] = {
    "market": _names(
        """
        ticker event_ticker series_ticker market_type title subtitle yes_sub_title no_sub_title status result
        open_time close_time created_time updated_time expected_expiration_time expiration_time
        latest_expiration_time settlement_timer_seconds settlement_ts settlement_value settlement_value_dollars
        expiration_value strike_type floor_strike cap_strike functional_strike custom_strike rules_primary
        rules_secondary can_close_early early_close_condition price_level_structure price_ranges tick_size
        notional_value notional_value_dollars response_price_units settlement_bounds_type settlement_floor_dollars
        yes_bid yes_ask no_bid no_ask last_price yes_bid_dollars yes_ask_dollars no_bid_dollars no_ask_dollars
        last_price_dollars yes_bid_size_fp yes_ask_size_fp previous_yes_bid previous_yes_ask previous_price
        previous_yes_bid_dollars previous_yes_ask_dollars previous_price_dollars volume volume_24h open_interest
        volume_fp volume_24h_fp open_interest_fp liquidity liquidity_dollars category risk_limit_cents
        fractional_trading_enabled fee_type fee_multiplier fee_waiver_expiration_time occurrence_datetime
        exchange_index is_provisional primary_participant_key mve_collection_ticker mve_selected_legs
        """
    ),
    "event": _names(
        """
        event_ticker series_ticker title sub_title category mutually_exclusive collateral_return_type strike_date
        strike_period settlement_sources fee_type_override fee_multiplier_override last_updated_ts exchange_index
        markets product_metadata available_on_brokers
        """
    ),
    "series": _names(
        """
        ticker title frequency category categories tags settlement_sources contract_url contract_terms_url fee_type
        fee_multiplier additional_prohibitions product_metadata last_updated_ts exchange_index volume volume_fp
        """
    ),
    "fee change of a series": _names("id series_ticker fee_type fee_multiplier scheduled_ts"),
    "fee change of an event": _names(
        "id event_ticker series_ticker fee_type_override fee_multiplier_override scheduled_ts"
    ),
}


class Listing:
    """Everything that the payloads said, in the order of their receipt."""

    def __init__(self) -> None:
        self.refusals: list[_Refusal] = []
        self._fees = FeeBook()
        self._rolls = FeeRolls(self._fees)
        self._sources: dict[str, _Record] = {}
        self._markets: list[_Record] = []

    def read(self, payload: Payload) -> None:
        """Take one answer in; what it holds is known by the names of its lists."""
        try:
            answer = json_of(payload.body)
        except Refused as error:
            self._refuse(payload.kind, error, shown(payload.body))
            return
        takers: dict[str, Callable[[_Record], None]] = {
            "series": lambda record: self._take_series(record, payload.received_utc),
            "series_fee_change_arr": lambda record: self._take_series_change(record, payload.received_utc),
            "event_fee_changes": lambda record: self._take_event_change(record, payload.received_utc),
            "events": lambda record: self._take_event(record, payload.received_utc),
            "event": lambda record: self._take_event(record, payload.received_utc),
            "markets": self._take_market,
            "market": self._take_market,
        }
        found = [name for name in takers if name in answer]
        if not found:
            self._refuse(payload.kind, Refused("the answer lists no series, events or markets"), shown(payload.body))
        refused = len(self.refusals)
        for name in found:
            self._take_each(answer[name], name, takers[name])
        if payload.kind == FEES_KIND:
            self._rolls.read(payload, answer, is_whole=len(self.refusals) == refused)

    def records(self) -> Iterator[_Record]:
        """Yield every market record with what its event says beside it: the fees it paid when it opened, its sources.

        What a series says of its sources is left out: it tells who settles today, not who settled then.
        """
        for record in self._markets:
            event = _event_of(record)
            terms = {**self._fees.terms(event, _opening(record)), **self._sources.get(event, {})}
            yield {**record, **{name: value for name, value in terms.items() if record.get(name) in (None, "")}}

    def fee_changes(self) -> Iterator[FeeChange]:
        """Yield every change of fees that was told, and the overrides of which only an event tells."""
        opened_utc: dict[str, datetime] = {}
        for record in self._markets:
            event, utc = _event_of(record), _opening(record)
            if utc is not None:
                opened_utc[event] = min(utc, opened_utc.get(event, utc))
        return self._fees.changes(opened_utc)

    def fee_rolls(self) -> Iterable[Roll]:
        """Return of whom all changes of fees were listed, and when."""
        return self._fees.rolls

    def _take_each(self, listed: object, name: str, take: Callable[[_Record], None]) -> None:
        records = listed if isinstance(listed, list) else [] if listed is None else [listed]
        for record in records:
            try:
                if not isinstance(record, Mapping):
                    raise Refused(f"what stands under {name!r} is no record")
                take(record)
            except Refused as error:
                self._refuse(_subject(record), error, record)

    def _take_series(self, record: _Record, received_utc: datetime) -> None:
        _tell_new("series", record)
        self._fees.add_series(record, received_utc)

    def _take_series_change(self, record: _Record, received_utc: datetime) -> None:
        _tell_new("fee change of a series", record)
        self._fees.add_series_change(record, received_utc)

    def _take_event_change(self, record: _Record, received_utc: datetime) -> None:
        _tell_new("fee change of an event", record)
        self._fees.add_event_change(record, received_utc)

    def _take_event(self, record: _Record, received_utc: datetime) -> None:
        _tell_new("event", record)
        self._take_each(record.get("markets"), "markets", self._take_market)
        if record.get(SOURCES) is not None:
            self._sources[str(record.get("event_ticker"))] = {SOURCES: record[SOURCES]}
        self._fees.add_event(record, received_utc)

    def _take_market(self, record: _Record) -> None:
        _tell_new("market", record)
        self._markets.append(record)

    def _refuse(self, subject: str | None, error: Refused, record: object) -> None:
        self.refusals.append(refusal(subject, str(error), record))


def _subject(record: object) -> str | None:
    if not isinstance(record, Mapping):
        return None
    names = (record.get(name) for name in ("event_ticker", "series_ticker", "ticker"))
    return next((name for name in names if isinstance(name, str)), None)


def _event_of(record: _Record) -> str:
    return str(record.get("event_ticker") or event_name(str(record.get("ticker"))))


def event_name(market_ticker: str) -> str:
    """Return the first two of a ticker's three parts; the third, a strike, may hold a minus sign itself."""
    return "-".join(market_ticker.split("-")[:2])


def _tell_new(kind: str, record: _Record) -> None:
    for name in record.keys() - _FIELDS_OF[kind]:
        tell_once(f"the field `{name}` of a {kind}")


def _opening(record: _Record) -> datetime | None:
    try:
        return instant_utc(str(record.get("open_time")))
    except Unparsable:
        return None
