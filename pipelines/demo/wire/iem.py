"""Iowa State's archive over the demo world: texts by AFOS id, climate reports as JSON, METARs as CSV, guidance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from pipelines.demo.wire.answers import Answer, Ask, Rejected, as_json, as_text, instant_of
from pipelines.demo.wire.texts import Extremes, cli_text, dsm_text, extremes, metar_text
from pipelines.demo.wire.told import Told
from warehouse.lake.tables import FORECASTS, UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay

_MOST_PRODUCTS = 9_999
_ROUTINE = "3"
_LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)
_ASOS_COLUMNS = ("tmpf", "dwpf", "sknt", "metar")
_NIGHT_COLUMN_HOUR, _EVENING_COLUMN_HOUR = 12, 0
_NIGHT_SPREAD_F = 2.0
_RUN_REACH = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Iem:
    """The archive's endpoints over one world."""

    told: Told

    def answer(self, ask: Ask) -> Answer:
        """Answer one question."""
        handlers: Mapping[str, Callable[[Ask], Answer]] = {
            "/cgi-bin/afos/retrieve.py": self._texts,
            "/json/cli.py": self._climate_reports,
            "/cgi-bin/request/asos.py": self._metars,
            "/cgi-bin/request/asos1min.py": self._one_minute_pages,
            "/cgi-bin/request/mos.py": self._guidance,
        }
        if ask.path not in handlers:
            raise Rejected(as_text("404 Not Found", status=404))
        return handlers[ask.path](ask)

    def _texts(self, ask: Ask) -> Answer:
        """Answer every product of an id within a span, each in its envelope; of an unknown id a line that says so."""
        pil, limit = ask.one("pil").upper(), int(ask.one("limit", "1"))
        if not (3 <= len(pil) <= 6 and 1 <= limit <= _MOST_PRODUCTS):
            raise Rejected(as_text(f"Invalid PIL length: {pil}, or limit: {limit}", status=422))
        since = instant_of(ask.one("sdate")) or _LONG_AGO
        until = instant_of(ask.one("edate")) or self.told.clock() + timedelta(days=1)
        products = sorted(self._products(pil, since, until), reverse=ask.one("order", "desc") == "desc")[:limit]
        body = "".join(f"\001\n{text}\n\003\n" for _, text in products)
        return as_text(body or f"ERROR: Could not Find: {pil:6}")

    def _products(self, pil: str, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
        for city in self.told.cities:
            if pil == city.cli_code:
                write, source = cli_text, "cli"
            elif pil == f"DSM{city.station[1:]}":
                write, source = dsm_text, "dsm"
            else:
                continue
            for day in self.told.around(city, since, until):
                for report in self._reports(city, day, source):
                    if since <= report["issued_utc"] <= until:
                        yield report["issued_utc"], write(city, day, report, self._facts(city, day, report))

    def _reports(self, city: City, day: date, source: str) -> Iterator[dict[str, Any]]:
        reports = self.told.table("settlements", city, day).filter(pl.col("source") == source).sort("issued_utc")
        return reports.iter_rows(named=True)

    def _facts(self, city: City, day: date, report: Mapping[str, Any]) -> Extremes:
        minutes = self.told.whole("truth_minutes", city, day)
        return extremes(minutes, ClimateDay(city, day), until_utc=report["as_of_utc"])

    def _climate_reports(self, ask: Ask) -> Answer:
        """Answer the latest climate report of each day of a year; whether it is preliminary is not said."""
        results = [
            self._climate_report(city, day, reports[-1])
            for city in self._station(ask)
            for day in self.told.days
            if str(day.year) == ask.one("year", "2019") and (reports := list(self._reports(city, day, "cli")))
        ]
        return as_json({"results": results, "generated_at": f"{self.told.clock():%Y-%m-%dT%H:%M:%SZ}"})

    def _climate_report(self, city: City, day: date, report: Mapping[str, Any]) -> dict[str, Any]:
        facts = self._facts(city, day, report)
        return {
            "station": city.station,
            "valid": str(day),
            "wfo": city.office[1:],
            "link": f"/api/1/nwstext/{report['product_id']}",
            "product": report["product_id"],
            "name": city.name.upper(),
            "high": "M" if report["high_f"] is None else report["high_f"],
            "high_time": f"{facts.high_at:%I%M %p}".removeprefix("0"),
            "low": facts.low_f,
            "low_time": f"{facts.low_at:%I%M %p}".removeprefix("0"),
            "precip": 0.0,
            "snow": "M",
        }

    def _metars(self, ask: Ask) -> Answer:
        """Answer routine METARs of a span as CSV, its end not included; five-minute ones there are none."""
        since, until = _span(ask)
        columns = [name for name in ask.words("data") or _ASOS_COLUMNS if name in _ASOS_COLUMNS]
        lines = [",".join(("station", "valid", *columns))]
        asked_for = _ROUTINE in (ask.words("report_type") or (_ROUTINE,))
        for city in self._station(ask) if asked_for else ():
            days = self.told.around(city, since, until)
            frames = [self.told.table("obs", city, day).filter(pl.col("source") == "metar") for day in days]
            reports = [row for frame in frames for row in frame.iter_rows(named=True)]
            for row, low_f in zip(reports, _lows(reports), strict=True):
                if since <= row["ts_utc"] < until:
                    said = _said_metar(row, low_f)
                    stamp = f"{row['ts_utc']:%Y-%m-%d %H:%M}"
                    lines.append(",".join((city.station[1:], stamp, *(said[name] for name in columns))))
        return as_text("\n".join(lines) + "\n")

    def _one_minute_pages(self, ask: Ask) -> Answer:
        """Answer the head of a table without rows: these stations send no one-minute pages."""
        return as_text(",".join(("station", "station_name", "valid(UTC)", *ask.words("vars"))) + "\n")

    def _guidance(self, ask: Ask) -> Answer:
        """Answer the National Blend's runs of a span, both ends included; there is no other guidance."""
        since, until = _span(ask)
        asked = pl.col("issued_utc").is_between(pl.lit(since, UTC_TYPE), pl.lit(until, UTC_TYPE))
        columns: list[dict[str, Any]] = []
        for city in self._station(ask) if ask.one("model") == "NBS" else ():
            days = self.told.around(city, since, until + _RUN_REACH)
            runs = pl.concat([FORECASTS.empty(), *(self.told.table("forecasts", city, day) for day in days)])
            columns += _columns_of_runs(runs.filter((pl.col("source") == "nbm") & asked), city)
        return as_text(json.dumps(columns, separators=(",", ":")))  # the archive calls this plain text

    def _station(self, ask: Ask) -> list[City]:
        """Return the city of a station, if there is one; the archive knows stations with and without their K."""
        said = ask.one("station").upper()
        return [city for city in self.told.cities if said in (city.station, city.station[1:])]


def _span(ask: Ask) -> tuple[datetime, datetime]:
    since, until = instant_of(ask.one("sts")), instant_of(ask.one("ets"))
    if since is None or until is None:
        raise Rejected(as_text("Missing sts and/or ets", status=422))
    return since, until


def _lows(reports: list[dict[str, Any]]) -> list[float]:
    """Return the lowest temperature of the last six bulletins of each."""
    temps = [report["temp_f"] for report in reports]
    return [min(temps[max(0, place - 5) : place + 1]) for place in range(len(temps))]


def _said_metar(row: Mapping[str, Any], low_f: float) -> dict[str, str]:
    return {
        "tmpf": f"{row['temp_f']:.2f}",
        "dwpf": f"{row['dew_f']:.2f}",
        "sknt": f"{round(row['wind_mph'] / 1.15078):.2f}",
        "metar": metar_text(row, low_f=low_f),
    }


def _columns_of_runs(rows: pl.DataFrame, city: City) -> list[dict[str, Any]]:
    """Turn rows of forecasts into the archive's records: a high moves to the column of 00Z, a low stands at 12Z."""
    highs = {
        (row["issued_utc"], row["valid_utc"].replace(hour=_EVENING_COLUMN_HOUR)): row
        for row in rows.filter(pl.col("high_f").is_not_null()).iter_rows(named=True)
    }
    records: list[dict[str, Any]] = []
    night_f: list[float] = []
    for row in rows.filter(pl.col("temp_f").is_not_null()).sort("issued_utc", "valid_utc").iter_rows(named=True):
        issued_utc, valid_utc = row["issued_utc"], row["valid_utc"]
        night_f = [*night_f[-3:], row["temp_f"]]
        high = highs.get((issued_utc, valid_utc))
        is_night = valid_utc.hour == _NIGHT_COLUMN_HOUR
        records.append(
            {
                "station": city.station,
                "model": "NBS",
                "tmp": int(row["temp_f"]),
                "txn": high["high_f"] if high else min(night_f) if is_night else None,
                "xnd": high["high_sd_f"] if high else _NIGHT_SPREAD_F if is_night else None,
                "runtime": f"{issued_utc:%Y-%m-%dT%H:%M:%S}.000",
                "ftime": f"{valid_utc:%Y-%m-%dT%H:%M:%S}.000",
            }
        )
    return records
