"""The Weather Company's page of climate reports over the demo world: one answer a date, all stations in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipelines.demo.wire.answers import Answer, Ask, Rejected, as_json, stamp
from pipelines.demo.wire.told import Told
from warehouse.market.cities import City


@dataclass(frozen=True, kw_only=True)
class Twc:
    """The page over one world."""

    told: Told

    def answer(self, ask: Ask) -> Answer:
        """Answer the reports of one date."""
        try:
            day = date.fromisoformat(ask.one("date"))
        except ValueError:
            raise Rejected(as_json({"error": "Invalid date"}, status=400)) from None
        results = [self._result(city, day) for city in self.told.cities]
        official = sum(result["status"] == "official" for result in results)
        return as_json(
            {
                "source": "demo",
                "officialReports": official,
                "preliminaryReports": 0,
                "noReports": len(results) - official,
                "results": results,
            }
        )

    def _result(self, city: City, day: date) -> dict[str, Any]:
        code = city.cli_code[3:]
        station = {"id": code, "icao": city.station, "cliId": code, "city": city.name, "timezone": city.zone}
        reports = self.told.table("settlements", city, day).filter(pl.col("source") == "twc")
        if reports.is_empty():
            return {"status": "no_report", "station": station, "data": None}
        report = reports.row(0, named=True)
        data = {
            "stationId": code,
            "maxTemp": report["high_f"],
            "minTemp": report["high_f"] - 15,
            "avgTemp": report["high_f"] - 8,
            "precip": 0.0,
            "isOfficial": True,
            "issueTime": stamp(report["issued_utc"]),
            "reportDate": str(day),
        }
        return {"status": "official", "station": station, "data": data}
