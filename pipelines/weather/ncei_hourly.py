"""NCEI's global-hourly files: each METAR of a year with its full text (column REM), beside rows that say it again.

Synoptic rows (FM-12) repeat the nearest METAR in other units, summaries (SOD, SOM) speak of whole days and months:
they are counted among the refused, not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from pipelines.payload import Parsed, Payload, refusal, refused_frame
from pipelines.weather.csv_table import csv_table
from pipelines.weather.metar import METAR_LAWS, reports_of_metars
from pipelines.weather.reports import Law, Refusal, asked_columns, sifted_reports, subject_of, well_asked
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import CITIES, City

_METAR_TYPES = ("FM-15", "FM-16", "SY-MT")
_OTHER_TYPES = {
    "FM-12": "synoptic rows: they say again, in other units, what a METAR says",
    "SOD": "summaries of a day: no report of an instant",
    "SOM": "summaries of a month: no report of an instant",
}
_WBAN_DIGITS = 5
_COLUMNS = pl.Schema(
    {
        **dict.fromkeys(("said_station", "wban"), pl.String()),
        "valid_utc": UTC_TYPE,
        **dict.fromkeys(("metar", "city", "station"), pl.String()),
        "received_utc": UTC_TYPE,
        **dict.fromkeys(("since", "until"), pl.Date()),
    }
)


def parse_ncei_hourly(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn files of kind ncei_hourly (CSV, gzipped or not) into reports of source metar.

    The station is known by its WBAN number, the last five digits of its name here and in the daily archive.
    """
    asked, refused = well_asked(payloads)
    frames = [pl.DataFrame(schema=_COLUMNS)]
    for payload in asked:
        city = CITIES.get(payload.asked.get("city", ""))
        if city is None:
            refused.append(refusal(subject_of(payload), "asked for no city of the registry", dict(payload.asked)))
            continue
        table, damaged = csv_table(payload, required=("STATION", "DATE", "REPORT_TYPE", "REM"), quote='"')
        refused += damaged
        if table is not None:
            kind = pl.col("REPORT_TYPE").str.strip_chars()
            frames.append(_metar_rows(table.filter(kind.is_in(_METAR_TYPES)), payload, city))
            refused += _counted(table.select(kind).to_series(), payload)
    raw = reports_of_metars(pl.concat(frames)).with_columns(pl.lit("metar").alias("source"))
    laws: tuple[Law, ...] = (
        ("the row is of another station", pl.col("said_station") != pl.col("wban")),
        ("its time cannot be read", pl.col("valid_utc").is_null()),
        *METAR_LAWS,
    )
    parsed = sifted_reports(raw, kind="ncei_hourly", laws=laws)
    yield Parsed(table=parsed.table, frame=parsed.frame, refused=pl.concat([refused_frame(refused), parsed.refused]))


def _metar_rows(table: pl.DataFrame, payload: Payload, city: City) -> pl.DataFrame:
    return table.select(
        pl.col("STATION").str.tail(_WBAN_DIGITS).alias("said_station"),
        pl.lit(city.ghcn_id[-_WBAN_DIGITS:]).alias("wban"),
        pl.col("DATE").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", time_zone="UTC", strict=False)
        .alias("valid_utc"),
        # Before it stand the receiving clock and, in some rows, the same report in synoptic code.
        pl.col("REM").str.extract(r"((?:METAR|SPECI) .*)").alias("metar"),
        **asked_columns(payload, city),
    )  # fmt: skip


def _counted(kinds: pl.Series, payload: Payload) -> list[Refusal]:
    """Return one refusal for each type of row that is not read, with the number of them."""
    counts = kinds.filter(~kinds.is_in(_METAR_TYPES)).value_counts().sort("REPORT_TYPE")
    return [
        refusal(subject_of(payload), f"{count} {_OTHER_TYPES.get(kind, 'rows of a type unknown here')}", {"type": kind})
        for kind, count in counts.iter_rows()
    ]
