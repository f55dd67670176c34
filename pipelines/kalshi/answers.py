"""Small answers of the exchange that steer a run and fill no table: cutoff, status, schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from pipelines.payload import Payload
from warehouse.errors import Unparsable

EASTERN = ZoneInfo("America/New_York")
"""The exchange tells the hours of its schedule in this zone."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Tier = Literal["live", "historical"]
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Cutoff:
    """Where the historical tier begins: markets settled and trades made before it are no longer among the live ones."""

    market_settled_utc: datetime
    trades_created_utc: datetime

    def tier_of(self, settled_utc: datetime | None) -> Tier:
        """Return the tier that has a market and its candles; one that is not settled is live."""
        return _tier(settled_utc, self.market_settled_utc)

    def tier_of_trades(self, last_trade_utc: datetime | None) -> Tier:
        """Return the tier that has the trades up to a moment, a market's close for instance."""
        return _tier(last_trade_utc, self.trades_created_utc)


@dataclass(frozen=True, kw_only=True)
class ExchangeStatus:
    """Whether the exchange is open, of its first shard, in which weather is traded."""

    exchange_active: bool
    trading_active: bool
    resumes_utc: datetime | None


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A weekly pause: the weekday (0 is Monday), and its wall-clock times in Eastern time."""

    weekday: int
    begins: time
    ends: time

    def __contains__(self, at_utc: datetime) -> bool:
        local = at_utc.astimezone(EASTERN)
        until = self.ends if self.ends > self.begins else time.max
        return local.weekday() == self.weekday and self.begins <= local.replace(tzinfo=None).time() < until


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When nothing is traded: every week, and in announced windows."""

    weekly_pauses: tuple[Pause, ...]
    maintenance: tuple[tuple[datetime, datetime], ...]

    def is_paused(self, at_utc: datetime) -> bool:
        """Tell whether the exchange rests at an instant."""
        return any(at_utc in pause for pause in self.weekly_pauses) or any(
            begins <= at_utc < ends for begins, ends in self.maintenance
        )


def read_cutoff(payload: Payload) -> Cutoff:
    """Read the cutoff; without it no market can be routed, so a damaged one is an error."""
    said = _decoded(payload, _CutoffOnWire)
    return Cutoff(market_settled_utc=said.market_settled_ts, trades_created_utc=said.trades_created_ts)


def read_status(payload: Payload) -> ExchangeStatus:
    """Read the status of the exchange."""
    said = _decoded(payload, _StatusOnWire)
    return ExchangeStatus(
        exchange_active=said.exchange_active,
        trading_active=said.trading_active,
        resumes_utc=said.exchange_estimated_resume_time,
    )


def read_schedule(payload: Payload, *, at_utc: datetime) -> Schedule:
    """Read the schedule that holds at an instant."""
    said = _decoded(payload, _ScheduleOnWire).schedule
    hours = next((week for week in said.standard_hours if week.start_time <= at_utc < week.end_time), None)
    pauses = (
        [] if hours is None else [pause for day in range(7) for pause in _pauses(day, getattr(hours, WEEKDAYS[day]))]
    )
    return Schedule(
        weekly_pauses=tuple(pauses),
        maintenance=tuple((window.start_datetime, window.end_datetime) for window in said.maintenance_windows or ()),
    )


_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _CutoffOnWire(msgspec.Struct):
    market_settled_ts: _Instant
    trades_created_ts: _Instant


class _StatusOnWire(msgspec.Struct):
    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: _Instant | None = None


class _HoursOnWire(msgspec.Struct):
    open_time: str
    close_time: str


_Day = list[_HoursOnWire] | None


class _WeekOnWire(msgspec.Struct):
    start_time: _Instant
    end_time: _Instant
    monday: _Day = None
    tuesday: _Day = None
    wednesday: _Day = None
    thursday: _Day = None
    friday: _Day = None
    saturday: _Day = None
    sunday: _Day = None


class _MaintenanceOnWire(msgspec.Struct):
    start_datetime: _Instant
    end_datetime: _Instant


class _Hours(msgspec.Struct):
    standard_hours: list[_WeekOnWire]
    maintenance_windows: list[_MaintenanceOnWire] | None = None


class _ScheduleOnWire(msgspec.Struct):
    schedule: _Hours


def _decoded(payload: Payload, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(payload.body, type=shape)
    except msgspec.DecodeError as error:
        raise Unparsable(f"{payload.kind} of {payload.origin or 'no file'}: {error}") from error


def _tier(at_utc: datetime | None, cutoff_utc: datetime) -> Tier:
    return "historical" if at_utc is not None and at_utc < cutoff_utc else "live"


def _pauses(weekday: int, open_hours: Sequence[_HoursOnWire] | None) -> list[Pause]:
    """Return what lies between the open hours of a day; a close at 00:00 is the end of the day."""
    pauses, open_until = [], timedelta(0)
    for hours in sorted(open_hours or (), key=lambda hours: hours.open_time):
        begins, ends = _since_midnight(hours.open_time), _since_midnight(hours.close_time) or timedelta(days=1)
        if begins > open_until:
            pauses.append(Pause(weekday=weekday, begins=_clock_time(open_until), ends=_clock_time(begins)))
        open_until = max(open_until, ends)
    if open_until < timedelta(days=1):
        pauses.append(Pause(weekday=weekday, begins=_clock_time(open_until), ends=time(0)))
    return pauses


def _since_midnight(text: str) -> timedelta:
    try:
        said = time.fromisoformat(text)
    except ValueError as error:
        raise Unparsable(f"{text!r} is not a time of day") from error
    return timedelta(hours=said.hour, minutes=said.minute)


def _clock_time(since_midnight: timedelta) -> time:
    return (datetime.min + since_midnight).time()
