"""What a market pays in fees: told by its series, changed on a schedule, overridden by its event.

The exchange does not say when it announced a change. It was known when we were first told of it, at latest when it took
effect: from then on it stands in the series or the event itself, and every fill pays it. Nor does it say that it took a
change back: one that was to come and is missing where all are listed was withdrawn.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipelines.kalshi.exact import instant_utc
from pipelines.kalshi.records import exact_milli
from warehouse.errors import Refused
from warehouse.market.cities import city_of_series
from warehouse.market.fees import WITHDRAWN

FEE_TYPE = "fee_type"
FEE_MULTIPLIER = "fee_multiplier"
_OVERRIDE = "_override"

OF_THE_LISTING = "listed"
"""The name of a change of which only the event itself tells."""

SERIES, EVENT = "series", "event"
"""Whose fees a change is of."""

_Record = Mapping[str, object]

Terms = Mapping[str, object]
"""Fee fields as a market record names them; what is not said is absent."""


@dataclass(frozen=True, kw_only=True)
class FeeChange:
    """One change, past or to come, of a series or an event, and when we were first told that it is so."""

    scope: str
    ticker: str
    change_id: str
    scheduled_utc: datetime
    terms: Terms
    received_utc: datetime

    def row(self) -> dict[str, object]:
        """Return it as a row of the table fee_changes, without its city."""
        return {
            "scope": self.scope,
            "ticker": self.ticker,
            "change_id": self.change_id,
            "scheduled_utc": self.scheduled_utc,
            "fee_type": self.terms.get(FEE_TYPE),
            "fee_multiplier_milli": exact_milli(self.terms, FEE_MULTIPLIER),
            "known_utc": min(self.received_utc, self.scheduled_utc),
        }


@dataclass(kw_only=True)
class _History:
    """What one series or event said of its fees at each receipt, and from when on something else held or will hold."""

    told: dict[datetime, Terms] = field(default_factory=dict)
    changes: dict[str, FeeChange] = field(default_factory=dict)

    @property
    def current(self) -> Terms:
        """What it said last."""
        return self.told[max(self.told)] if self.told else {}

    def in_force(self, at_utc: datetime | None) -> Terms:
        """Return what held at an instant, as far as anybody says."""
        if at_utc is None or not self.changes:
            return self.current
        changes = sorted(self.changes.values(), key=lambda change: (change.scheduled_utc, change.received_utc))
        before = [change for change in changes if change.scheduled_utc <= at_utc]
        if before:
            return before[-1].terms
        # What had changed before we asked was something else until then, and nobody says what.
        older = [received_utc for received_utc in self.told if received_utc < changes[0].scheduled_utc]
        return self.told[max(older)] if older else {}


@dataclass(frozen=True, kw_only=True)
class Roll:
    """When all changes of a scope were listed last: those of one series, or of every event."""

    scope: str
    series: str
    asked_utc: datetime


class FeeBook:
    """Everything said about fees so far; what came last counts."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, str], FeeChange] = {}
        self._rolls: dict[tuple[str, str], Roll] = {}
        self._series: dict[str, _History] = {}
        self._events: dict[str, _History] = {}
        self._series_of: dict[str, str] = {}

    def add_series(self, record: _Record, received_utc: datetime) -> None:
        """Take what a series says of itself at its receipt."""
        self._series.setdefault(_name(record, "ticker"), _History()).told[received_utc] = _terms(record)

    def add_event(self, record: _Record, received_utc: datetime) -> None:
        """Take an event's series, and its overrides at its receipt."""
        event_ticker = _name(record, "event_ticker")
        if isinstance(series := record.get("series_ticker"), str):
            self._series_of[event_ticker] = series
        self._events.setdefault(event_ticker, _History()).told[received_utc] = _terms(record, _OVERRIDE)

    def add_series_change(self, record: _Record, received_utc: datetime) -> None:
        """Take one change of a series, past or to come."""
        self._add_change(_change(SERIES, record, _terms(record), received_utc))

    def add_event_change(self, record: _Record, received_utc: datetime) -> None:
        """Take one change of an event's overrides; one without values ends them."""
        self._add_change(_change(EVENT, record, _terms(record, _OVERRIDE), received_utc))

    def close_roll(
        self, scope: str, series: str, listed: Container[tuple[str, str]], received_utc: datetime
    ) -> None:  # fmt: skip
        """Hold what was told before against a list of all changes of a series, or of all events where none is named.

        What is not in it and was still to come is withdrawn, and known to be since this receipt.
        """
        self._rolls[scope, series] = Roll(scope=scope, series=series, asked_utc=received_utc)
        for key, change in list(self._changes.items()):
            is_meant = change.scope == scope and series in ("", change.ticker) and change.received_utc <= received_utc
            if is_meant and key not in listed and change.scheduled_utc > received_utc:
                self._changes[key] = replace(change, scope=WITHDRAWN, received_utc=received_utc)
                self._histories(scope)[change.ticker].changes.pop(change.change_id, None)

    @property
    def rolls(self) -> Iterable[Roll]:
        """Of whom all changes were listed, and when."""
        return self._rolls.values()

    def changes(self, opened_utc: Mapping[str, datetime]) -> Iterator[FeeChange]:
        """Yield every change told so far, and the overrides of which only their events tell: from their opening on."""
        yield from self._changes.values()
        for event_ticker, history in self._events.items():
            since_utc = opened_utc.get(event_ticker)
            if since_utc is not None and history.current and not history.changes:
                yield FeeChange(
                    scope=EVENT, ticker=event_ticker, change_id=OF_THE_LISTING, scheduled_utc=since_utc,
                    terms=history.current, received_utc=max(history.told),
                )  # fmt: skip

    def terms(self, event_ticker: str, open_utc: datetime | None) -> Terms:
        """Return the fees that an event paid when it opened: its overrides beat what its series says."""
        overrides = self._events.get(event_ticker, _History()).in_force(open_utc)
        return {**self._series_history(event_ticker).in_force(open_utc), **overrides}

    def _histories(self, scope: str) -> dict[str, _History]:
        return self._series if scope == SERIES else self._events

    def _add_change(self, change: FeeChange) -> None:
        key = change.ticker, change.change_id
        before = self._changes.get(key)
        self._histories(change.scope).setdefault(change.ticker, _History()).changes[change.change_id] = change
        if before is None or before.row() | {"known_utc": None} != change.row() | {"known_utc": None}:
            self._changes[key] = change

    def _series_history(self, event_ticker: str) -> _History:
        prefix = event_ticker.partition("-")[0]
        city = city_of_series(prefix)
        # Events of before the renaming stand under the old name or the new one.
        names = (self._series_of.get(event_ticker), prefix, city.series if city else None)
        return next((self._series[name] for name in names if name in self._series), _History())


def _change(scope: str, record: _Record, terms: Terms, received_utc: datetime) -> FeeChange:
    ticker, change_id = key_of(scope, record)
    return FeeChange(
        scope=scope, ticker=ticker, change_id=change_id, scheduled_utc=instant_utc(_name(record, "scheduled_ts")),
        terms=terms, received_utc=received_utc,
    )  # fmt: skip


def key_of(scope: str, record: _Record) -> tuple[str, str]:
    """Return whose change a record is, and the exchange's name of it; where it has none, its instant."""
    return _name(record, f"{scope}_ticker"), str(record.get("id") or record.get("scheduled_ts"))


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
