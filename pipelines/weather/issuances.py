"""What every source of settlement reports shares: which reports cannot be, which say the same, which are final.

A report is final if it says so of itself and was issued after the climate day had ended. Of two different reports of
one source in one minute the uncorrected one stays, because the first report settles; the other is refused, visibly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from pipelines.lags import SETTLEMENT_LAG, known_at
from pipelines.payload import Parsed, refusal, refused_frame
from pipelines.weather.reports import COLDEST_F, WARMEST_F, Refusal
from warehouse.lake.tables import SETTLEMENTS
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay

_FRAME = pl.Schema({**SETTLEMENTS.schema, **SETTLEMENTS.path_columns})
_CLOCKS_DIFFER = timedelta(minutes=15)
# Reports of one day come within hours, corrections within days; a later one speaks of another day than it says.
_LATEST: Mapping[str, timedelta] = dict.fromkeys(("cli", "dsm", "twc"), timedelta(days=5))


@dataclass(frozen=True, kw_only=True)
class Issuance:
    """One report about one climate day, as its source told it."""

    city: City
    event_date: date
    source: str
    issued_utc: datetime
    received_utc: datetime
    high_f: int | None
    claims_final: bool
    is_correction: bool = False
    is_resend: bool = False
    as_of_utc: datetime | None = None
    product_id: str | None = None

    @property
    def day(self) -> ClimateDay:
        """The climate day that it speaks of."""
        return ClimateDay(self.city, self.event_date)

    @property
    def is_final(self) -> bool:
        """Tell whether it covers the whole climate day: it says so, and was issued when the day was over."""
        return self.claims_final and self.issued_utc >= self.day.end_utc

    @property
    def known_utc(self) -> datetime:
        """When it could be had."""
        return known_at(self.issued_utc, lag=SETTLEMENT_LAG[self.source], received_utc=self.received_utc)

    @property
    def grain(self) -> tuple[object, ...]:
        """What two reports must not share."""
        return (self.city.key, self.event_date, self.source, self.issued_utc)

    @property
    def says(self) -> tuple[object, ...]:
        """What it says; a report that says the same in the same minute is the same report."""
        return (self.high_f, self.is_final, self.as_of_utc)

    def broken(self) -> str | None:
        """Return the law that it breaks, if any."""
        end_utc = self.day.end_utc
        latest = _LATEST.get(self.source)
        if self.issued_utc < self.day.start_utc:
            return f"issued {self.issued_utc:%Y-%m-%d %H:%M}Z, before its day {self.event_date} began"
        if latest is not None and self.issued_utc > end_utc + latest:
            return f"issued {self.issued_utc:%Y-%m-%d %H:%M}Z, more than {latest.days} days after its day"
        if self.issued_utc > self.received_utc + _CLOCKS_DIFFER:
            return "from the future: issued after it was received"
        if self.high_f is not None and not COLDEST_F <= self.high_f <= WARMEST_F:
            return f"{self.high_f} °F is outside {COLDEST_F} … {WARMEST_F} °F"
        return None

    def refused(self, rule: str) -> Refusal:
        """Return itself as a refusal."""
        record = {name: value for name, value in vars(self).items() if name != "city"}
        return refusal(f"{self.source} {self.city.key} {self.event_date}", rule, record)


def settlements_of(issuances: Iterable[Issuance], refused: Iterable[Refusal]) -> Parsed:
    """Return reports as rows of settlements; what is said twice counts once, and is refused once."""
    turned_away: dict[tuple[object, ...], Refusal] = {}
    kept: dict[tuple[object, ...], Issuance] = {}
    said: set[tuple[object, ...]] = set()
    for issuance in sorted(issuances, key=_order):
        rule = issuance.broken() or _contradiction(issuance, kept.get(issuance.grain))
        if rule is not None:
            turned_away.setdefault((*issuance.grain, *issuance.says, issuance.product_id, rule), issuance.refused(rule))
            continue
        content = (*issuance.grain[:3], *issuance.says)
        if issuance.grain not in kept and not (issuance.is_resend and content in said):
            kept[issuance.grain] = issuance
        said.add(content)
    frame = pl.DataFrame([_row(issuance) for issuance in kept.values()], schema=_FRAME, orient="row")
    return Parsed(table=SETTLEMENTS, frame=frame, refused=refused_frame([*refused, *turned_away.values()]))


def _order(issuance: Issuance) -> tuple[object, ...]:
    marks = (issuance.is_correction, issuance.is_resend, issuance.product_id or "")
    return (*issuance.grain, *marks, issuance.received_utc)


def _contradiction(issuance: Issuance, first: Issuance | None) -> str | None:
    if first is None or first.says == issuance.says:
        return None
    return f"another report of the same minute says {first.high_f} °F: the first to settle stays"


def _row(issuance: Issuance) -> dict[str, object]:
    return {
        "city": issuance.city.key,
        "event_date": issuance.event_date,
        "source": issuance.source,
        "issued_utc": issuance.issued_utc,
        "known_utc": issuance.known_utc,
        "high_f": issuance.high_f,
        "is_final": issuance.is_final,
        "is_correction": issuance.is_correction,
        "as_of_utc": issuance.as_of_utc,
        "product_id": issuance.product_id,
    }
