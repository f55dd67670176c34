"""What a market pays in fees: told by its series, changed on a schedule, overridden by its event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipelines.kalshi.exact import instant_utc
from pipelines.kalshi.records import exact_milli
from warehouse.errors import Refused
from warehouse.market.cities import city_of_series

FEE_TYPE = "fee_type"
FEE_MULTIPLIER = "fee_multiplier"
_OVERRIDE = "_override"

_Record = Mapping[str, object]

Terms = Mapping[str, object]
"""Fee fields as a market record names them; what is not said is absent."""


@dataclass(kw_only=True)
class _History:
    """What one series or event said of its fees: now, and from when on something else held or will hold."""

    current: Terms | None = None
    received_utc: datetime | None = None
    changes: dict[datetime, Terms] = field(default_factory=dict)

    def in_force(self, at_utc: datetime | None) -> Terms:
        """Return what held at an instant, as far as anybody says."""
        if at_utc is None or not self.changes:
            return self.current or {}
        before = [scheduled_utc for scheduled_utc in self.changes if scheduled_utc <= at_utc]
        if before:
            return self.changes[max(before)]
        # What had changed before we asked was something else until then, and nobody says what.
        is_older = self.received_utc is not None and self.received_utc < min(self.changes)
        return self.current or {} if is_older else {}


class FeeBook:
    """Everything said about fees so far; what came last counts."""

    def __init__(self) -> None:
        self._series: dict[str, _History] = {}
        self._events: dict[str, _History] = {}
        self._series_of: dict[str, str] = {}

    def add_series(self, record: _Record, received_utc: datetime) -> None:
        """Take what a series says of itself at its receipt."""
        history = self._series.setdefault(_name(record, "ticker"), _History())
        history.current, history.received_utc = _terms(record), received_utc

    def add_event(self, record: _Record, received_utc: datetime) -> None:
        """Take an event's series, and its overrides at its receipt."""
        event_ticker = _name(record, "event_ticker")
        if isinstance(series := record.get("series_ticker"), str):
            self._series_of[event_ticker] = series
        history = self._events.setdefault(event_ticker, _History())
        history.current, history.received_utc = _terms(record, _OVERRIDE), received_utc

    def add_series_change(self, record: _Record) -> None:
        """Take one change of a series, past or to come."""
        history = self._series.setdefault(_name(record, "series_ticker"), _History())
        history.changes[instant_utc(_name(record, "scheduled_ts"))] = _terms(record)

    def add_event_change(self, record: _Record) -> None:
        """Take one change of an event's overrides; one without values ends them."""
        history = self._events.setdefault(_name(record, "event_ticker"), _History())
        history.changes[instant_utc(_name(record, "scheduled_ts"))] = _terms(record, _OVERRIDE)

    def terms(self, event_ticker: str, open_utc: datetime | None) -> Terms:
        """Return the fees that an event paid when it opened: its overrides beat what its series says."""
        overrides = self._events.get(event_ticker, _History()).in_force(open_utc)
        return {**self._series_history(event_ticker).in_force(open_utc), **overrides}

    def _series_history(self, event_ticker: str) -> _History:
        prefix = event_ticker.partition("-")[0]
        city = city_of_series(prefix)
        # Events of before the renaming stand under the old name or the new one.
        names = (self._series_of.get(event_ticker), prefix, city.series if city else None)
        return next((self._series[name] for name in names if name in self._series), _History())


def _terms(record: _Record, suffix: str = "") -> Terms:
    fee_type, multiplier = record.get(FEE_TYPE + suffix), record.get(FEE_MULTIPLIER + suffix)
    if not isinstance(fee_type, str | None):
        raise Refused(f"{FEE_TYPE}{suffix} {fee_type!r} is not text")
    exact_milli(record, FEE_MULTIPLIER + suffix)
    said = {FEE_TYPE: fee_type, FEE_MULTIPLIER: multiplier}
    return {name: value for name, value in said.items() if value is not None and value != ""}


def _name(record: _Record, name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(f"{name} is missing")
    return value
