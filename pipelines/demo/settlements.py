"""The official reports of a day's high: the afternoon's, the first final, which settles, corrections and echoes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from pipelines.demo.climate import STEPS_PER_F
from pipelines.demo.weather import Sky, official_f
from pipelines.demo.world import World, draws
from pipelines.lags import SETTLEMENT_LAG
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay
from warehouse.market.settlement import TWC_SINCE
from warehouse.market.tickers import EventTicker

# The last digit of the heading of climate reports: which part of the country its office belongs to.
_CLI_REGION = {"austin": 4, "chicago": 3, "denver": 5, "los_angeles": 6, "miami": 2}
_USUAL_CLI_REGION = 1
_AS_OF_LOCAL = time(16)
_P_MISSING = 0.02
_P_CORRECTED = 0.06
_MINUTE = timedelta(minutes=1)

_SCHEMA = {
    "source": pl.String(),
    "issued_utc": UTC_TYPE,
    "known_utc": UTC_TYPE,
    "high_f": pl.Int32(),
    "is_final": pl.Boolean(),
    "is_correction": pl.Boolean(),
    "as_of_utc": UTC_TYPE,
    "product_id": pl.String(),
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """One issuance."""

    source: str
    issued_utc: datetime
    high_f: int | None
    is_final: bool = True
    is_correction: bool = False
    as_of_utc: datetime | None = None
    product_id: str | None = None

    @property
    def known_utc(self) -> datetime:
        """When it could be had."""
        return self.issued_utc + SETTLEMENT_LAG[self.source]


def high_f(air: Sky, day: date) -> int:
    """Return the official high of a climate day."""
    return int(official_f(air.temperature_of(air.place(day)).max()))


def reports(world: World, air: Sky, day: date) -> list[Report]:
    """Return every issuance about one climate day; the exchange's own comes last but for late corrections."""
    final = _finals(world, air, day)
    return [_preliminary(world, air, day), *final]


def settled_utc(issued: list[Report]) -> datetime:
    """Return when the exchange made its result public."""
    return next(report.issued_utc for report in issued if report.source == "kalshi")


def settlements_frame(issued: list[Report]) -> pl.DataFrame:
    """Return issuances as rows."""
    rows = [vars(report) | {"known_utc": report.known_utc} for report in issued]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def truth_days_frame(world: World, air: Sky, day: date) -> pl.DataFrame:
    """Return what a day was drawn to be and the number it settles on."""
    temperature_l = air.temperature_of(air.place(day))
    reached = int(temperature_l.argmax()) + 1
    return pl.DataFrame(
        {
            "high_f": pl.Series([high_f(air, day)], dtype=pl.Int32),
            "high_exact_f": [float(temperature_l.max()) / STEPS_PER_F],
            "high_utc": pl.Series([ClimateDay(air.city, day).start_utc + reached * _MINUTE], dtype=UTC_TYPE),
            "anomaly_f": [float(air.anomaly_l[air.place(day)]) / STEPS_PER_F],
            "seed": [world.seed],
            "efficiency": [float(world.efficiency)],
        }
    )


def _preliminary(world: World, air: Sky, day: date) -> Report:
    """Report the high so far at four in the afternoon by the wall clock, half an hour later."""
    chance = draws(world, air.city.key, "preliminary", event_date=day, falls_on=day)
    as_of_utc = datetime.combine(day, _AS_OF_LOCAL, air.city.tzinfo).astimezone(UTC)
    minute = round((as_of_utc - ClimateDay(air.city, day).start_utc) / _MINUTE)
    so_far_f = int(official_f(air.temperature_of(air.place(day))[:minute].max()))
    missing = chance.random() < _P_MISSING
    issued_utc = as_of_utc + int(chance.integers(23, 43)) * _MINUTE
    return Report(
        source="cli",
        issued_utc=issued_utc,
        high_f=None if missing else so_far_f,
        is_final=False,
        as_of_utc=as_of_utc,
        product_id=cli_product_id(air.city, issued_utc),
    )


def _finals(world: World, air: Sky, day: date) -> list[Report]:
    """Report the whole day next morning; the first final settles, whatever a correction says later."""
    next_day = day + timedelta(days=1)
    chance = draws(world, air.city.key, "final", event_date=day, falls_on=next_day)
    midnight_utc, settled_f = ClimateDay(air.city, day).end_utc, high_f(air, day)
    usual_utc = datetime.combine(next_day, air.city.final_report_utc, UTC)
    final_utc = max(usual_utc + int(chance.integers(-25, 26)) * _MINUTE, midnight_utc + 20 * _MINUTE)
    noon_utc = datetime.combine(next_day, time(12), UTC)
    says = {
        "dsm": midnight_utc + int(chance.integers(8, 20)) * _MINUTE,
        "cli": final_utc,
        "twc": final_utc + int(chance.integers(5, 30)) * _MINUTE,
        "kalshi": noon_utc + _seconds(chance, -2400, 300),
    }
    if day < TWC_SINCE:
        del says["twc"]
    finals = [
        Report(
            source=source,
            issued_utc=issued_utc,
            high_f=settled_f,
            product_id=_product_id(source, air.city, day, issued_utc),
        )
        for source, issued_utc in says.items()
    ]
    return finals + _corrections(air, final_utc, settled_f, chance)


def _corrections(air: Sky, final_utc: datetime, settled_f: int, chance: np.random.Generator) -> list[Report]:
    happens, later, wrong, upward = chance.random(4)
    if happens >= _P_CORRECTED:
        return []
    issued_utc = final_utc + int(30 + 60 * later) * _MINUTE
    by_f = (1 if upward < 0.3 else -1) * int(1 + 5 * wrong**2)
    return [
        Report(
            source="cli",
            issued_utc=issued_utc,
            high_f=settled_f + by_f,
            is_correction=True,
            product_id=f"{cli_product_id(air.city, issued_utc)}-CCA",
        )
    ]


def _seconds(chance: np.random.Generator, least: int, most: int) -> timedelta:
    return timedelta(seconds=int(chance.integers(least, most)))


def cli_product_id(here: City, issued_utc: datetime) -> str:
    """Return the archive's name of a climate report."""
    wmo = f"CDUS4{_CLI_REGION.get(here.key, _USUAL_CLI_REGION)}"
    return f"{issued_utc:%Y%m%d%H%M}-{here.office}-{wmo}-{here.cli_code}"


def dsm_product_id(here: City, issued_utc: datetime) -> str:
    """Return the archive's name of a daily summary message."""
    return f"{issued_utc:%Y%m%d%H%M}-{here.office}-CDUS27-DSM{here.station[1:]}"


def _product_id(source: str, here: City, day: date, issued_utc: datetime) -> str | None:
    if source == "cli":
        return cli_product_id(here, issued_utc)
    if source == "dsm":
        return dsm_product_id(here, issued_utc)
    return str(EventTicker(here.series, day)) if source == "kalshi" else None
