"""NCEI's global-hourly files: each METAR of a year with its full text (column REM), beside rows that say it again.

Summaries of a day (SOD) are settlements. Synoptic rows (FM-12) repeat the nearest METAR in other units, summaries of a
month (SOM) speak of no day: they are counted among the refused, not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from pipelines.payload import Parsed, Payload, refusal, refused_frame
from pipelines.weather.csv_table import csv_table
from pipelines.weather.metar import METAR_LAWS, reports_of_metars
from pipelines.weather.ncei_summaries import GROUPS, settlements_of_summaries, summary_columns
from pipelines.weather.reports import Law, Refusal, asked_columns, sifted_reports, subject_of, well_asked
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import CITIES, City

_METAR_TYPES = ("FM-15", "FM-16", "SY-MT")
_SUMMARY_TYPE = "SOD"
_OTHER_TYPES = {
    "FM-12": "synoptic rows: they say again, in other units, what a METAR says",
    "SOM": "summaries of a month: no report of an instant or a day",
}
_WBAN_DIGITS = 5
# Before it stand the receiving clock and, in some rows, the same report in synoptic code.
_METAR = {"metar": pl.col("REM").str.extract(r"((?:METAR|SPECI) .*)")}


def parse_ncei_hourly(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn files of kind ncei_hourly (CSV, gzipped or not) into reports of source metar and settlements of source ghcn.

    The station is known by its WBAN number, the last five digits of its name here and in the daily archive.
    """
    asked, refused = well_asked(payloads)
    metars, summaries = [_no_rows(_METAR)], [_no_rows(summary_columns())]
    for payload in asked:
        city = CITIES.get(payload.asked.get("city", ""))
        if city is None:
            refused.append(refusal(subject_of(payload), "asked for no city of the registry", dict(payload.asked)))
            continue
        table, damaged = csv_table(
            payload, required=("STATION", "DATE", "REPORT_TYPE", "REM"), optional=GROUPS, quote='"'
        )
        refused += damaged
        if table is not None:
            kind = pl.col("REPORT_TYPE").str.strip_chars()
            metars.append(_rows(table.filter(kind.is_in(_METAR_TYPES)), _METAR, payload, city))
            summaries.append(_rows(table.filter(kind == _SUMMARY_TYPE), summary_columns(), payload, city))
            refused += _counted(table.select(kind).to_series(), payload)
    yield _reports(pl.concat(metars), refused)
    yield settlements_of_summaries(pl.concat(summaries))


def _reports(rows: pl.DataFrame, refused: Sequence[Refusal]) -> Parsed:
    raw = reports_of_metars(rows).with_columns(pl.lit("metar").alias("source"))
    laws: tuple[Law, ...] = (
        ("the row is of another station", pl.col("said_station") != pl.col("wban")),
        ("its time cannot be read", pl.col("valid_utc").is_null()),
        *METAR_LAWS,
    )
    parsed = sifted_reports(raw, kind="ncei_hourly", laws=laws)
    return Parsed(table=parsed.table, frame=parsed.frame, refused=pl.concat([refused_frame(refused), parsed.refused]))


def _no_rows(said: Mapping[str, pl.Expr]) -> pl.DataFrame:
    texts = ("said_station", "wban", *said, "city", "station")
    days = dict.fromkeys(("since", "until"), pl.Date())
    instants = dict.fromkeys(("valid_utc", "received_utc"), UTC_TYPE)
    return pl.DataFrame(schema={**dict.fromkeys(texts, pl.String()), **instants, **days})


def _rows(table: pl.DataFrame, said: Mapping[str, pl.Expr], payload: Payload, city: City) -> pl.DataFrame:
    stamp = pl.col("DATE").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", time_zone="UTC", strict=False)
    return table.select(
        pl.col("STATION").str.tail(_WBAN_DIGITS).alias("said_station"),
        pl.lit(city.ghcn_id[-_WBAN_DIGITS:]).alias("wban"),
        **said,
        **asked_columns(payload, city),
        valid_utc=stamp,
    ).select(_no_rows(said).columns)


def _counted(kinds: pl.Series, payload: Payload) -> list[Refusal]:
    """Return one refusal for each type of row that is not read, with the number of them."""
    read = (*_METAR_TYPES, _SUMMARY_TYPE)
    counts = kinds.filter(~kinds.is_in(read)).value_counts().sort("REPORT_TYPE")
    return [
        refusal(subject_of(payload), f"{count} {_OTHER_TYPES.get(kind, 'rows of a type unknown here')}", {"type": kind})
        for kind, count in counts.iter_rows()
    ]
