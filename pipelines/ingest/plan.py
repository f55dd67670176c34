"""The plan: every question of a wish, priced against what is at hand. Nothing here touches a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from pipelines.calls import Call
from pipelines.ingest.fetch import still_to_ask
from pipelines.ingest.questions import Question, Wish
from pipelines.kalshi import calls as kalshi
from pipelines.vendors import Vendors
from warehouse.lake.fetched import FetchLedger
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay, event_dates

USUAL_BRACKETS = 6
_USUAL_OPENING = timedelta(hours=15)  # before the opening midnight, in every zone within an hour or two
_USUAL_LIFE = _USUAL_OPENING + timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a plan: what is asked of whom, how many calls, and what they cost. `missing` calls are to be made."""

    kind: str
    vendor: str
    city: str
    calls: tuple[Call, ...]
    missing: tuple[Call, ...]
    expected: int = 0

    @property
    def count(self) -> int:
        """Calls to make, with those that can only be expected."""
        return len(self.missing) + self.expected


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every line, and what was left out and why."""

    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def calls(self) -> list[Call]:
        """Return every call that is known word for word and still has to be made."""
        return [call for line in self.lines for call in line.missing]


def expected_tape(wish: Wish, here: City, kind: str, known_events: set[date], *, now_utc: datetime) -> int:
    """Return how many tape calls events that are not listed yet will need, of six brackets and 39 hours each."""
    unlisted = [day for day in event_dates(wish.since, wish.until) if day not in known_events]
    opened = [day for day in unlisted if ClimateDay(here, day).start_utc - _USUAL_OPENING < now_utc]
    if kind == "trades":
        return USUAL_BRACKETS * len(opened)
    minutes = _USUAL_LIFE // timedelta(minutes=1) * USUAL_BRACKETS
    return len(opened) * -(-minutes // kalshi.CANDLES_PER_BATCH)


def priced(
    questions: Sequence[Question],
    *,
    ledger: FetchLedger,
    raw: Path,
    again: bool = False,
    vendors: Vendors,
    expected: Mapping[tuple[str, str], int],
    notes: Sequence[str] = (),
) -> Plan:
    """Return the plan of some questions: what is answered already costs nothing."""
    missing = {call.key for call in still_to_ask([call for *_, call in questions], ledger, raw=raw, again=again)[0]}
    groups: dict[tuple[str, str, str], list[Call]] = {}
    for kind, city, call in questions:
        groups.setdefault((kind, call.vendor, city), []).append(call)
    for kind, city in expected:
        groups.setdefault((kind, "kalshi", city), [])
    lines = [
        Line(
            kind=kind,
            vendor=vendor,
            city=city,
            calls=tuple(some),
            missing=tuple(call for call in some if call.key in missing),
            expected=expected.get((kind, city), 0) if vendor == "kalshi" else 0,
        )
        for (kind, vendor, city), some in groups.items()
    ]
    return Plan(lines=tuple(lines), notes=tuple(notes), seconds=_seconds(lines, vendors))


def _seconds(lines: Sequence[Line], vendors: Vendors) -> dict[str, float]:
    """Return how long each vendor's rate limit makes its calls take, at least."""
    tokens: dict[str, int] = {}
    for line in lines:
        wanted = sum(call.tokens for call in line.missing) + line.expected * kalshi.TOKENS
        tokens[line.vendor] = tokens.get(line.vendor, 0) + wanted
    return {name: count / vendors[name].tokens_per_second for name, count in tokens.items()}
