"""Iowa State's archive of station reports: METARs as CSV (`asos.py`), and NCEI's one-minute pages (`asos1min.py`).

The text of the METAR is what counts; the archive's own column of °F is read only where there is no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from pipelines.payload import Parsed, Payload, refusal, refused_frame
from pipelines.weather.csv_table import csv_table
from pipelines.weather.humidity import relative_humidity_pct_expr
from pipelines.weather.metar import METAR_LAWS, reports_of_metars
from pipelines.weather.reports import (
    Law,
    Refusal,
    asked_columns,
    interval_of,
    nearest_degree,
    sifted_reports,
    subject_of,
    well_asked,
    wind_mph,
)
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import CITIES, City

FIVE_MINUTE_TYPE = "1"
"""The archive's report type of five-minute METARs; 3 is routine, 4 special."""

_COLUMNS = pl.Schema(
    {
        **dict.fromkeys(("said_station", "valid", "tmpf", "dwpf", "sknt", "metar", "report_type"), pl.String()),
        **dict.fromkeys(("city", "station"), pl.String()),
        "received_utc": UTC_TYPE,
        **dict.fromkeys(("since", "until"), pl.Date()),
    }
)
_BY_SHORT_NAME = {city.station[1:]: city for city in CITIES.values()}  # the archive leaves the K out
_CONTRADICTS_F = 1.5  # the archive rounds 32.2 °C to 90.00 °F, which is 89.96

_HAS_TEXT = pl.col("metar").is_not_null()
_OUR_STATION: Law = (
    "the row is of another station",
    (pl.col("said_station") != pl.col("station")) & (pl.col("said_station") != pl.col("station").str.slice(1)),
)
_NO_TIME: Law = ("its time cannot be read", pl.col("valid_utc").is_null())


def parse_iem_asos(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers of kind iem_asos (`station,valid,tmpf,dwpf,sknt,metar`) into reports of source metar or hfmetar.

    A row is a five-minute report (hfmetar) if its text says so (MADISHF), if only such were asked for (`asked`:
    report_type = 1), or if, asked for a mixture, the archive withheld tmpf, which it does for whole °C alone.
    """
    rows, refused = _tables(payloads, time_column="valid")
    raw = _chosen(reports_of_metars(rows.with_columns(_numbers("tmpf", "dwpf", "sknt"), _valid_utc("%Y-%m-%d %H:%M"))))
    laws: tuple[Law, ...] = (
        _OUR_STATION,
        _NO_TIME,
        *((law, broken & _HAS_TEXT) for law, broken in METAR_LAWS),
        (
            "the column tmpf contradicts the METAR",
            _HAS_TEXT & ((pl.col("tmpf") - pl.col("temp_f")).abs() > _CONTRADICTS_F),
        ),
    )
    yield _with_refused(sifted_reports(raw, kind="iem_asos", laws=laws), refused)


def parse_iem_asos1min(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers of kind iem_asos1min (whole °F every minute, `M` missing, a day late) into reports of asos1min."""
    rows, refused = _tables(payloads, time_column="valid(UTC)")
    read = rows.with_columns(_numbers("tmpf", "dwpf", "sknt"), _valid_utc("%Y-%m-%d %H:%M"))
    raw = read.with_columns(
        pl.col("valid_utc").alias("ts_utc"),
        pl.lit("asos1min").alias("source"),
        pl.col("tmpf").alias("temp_f"),
        pl.col("dwpf").alias("dew_f"),
        pl.lit(value=False).alias("is_whole_c"),
        nearest_degree(pl.col("tmpf")).alias("temp_lo_f"),
        nearest_degree(pl.col("tmpf")).alias("temp_hi_f"),
        wind_mph(pl.col("sknt")),
        relative_humidity_pct_expr(pl.col("tmpf"), pl.col("dwpf")),
    )
    not_whole: Law = ("tmpf is no whole °F, which this source always says", pl.col("tmpf") % 1 != 0)
    laws = (_OUR_STATION, _NO_TIME, not_whole)
    yield _with_refused(sifted_reports(raw, kind="iem_asos1min", laws=laws), refused)


def _tables(payloads: Sequence[Payload], *, time_column: str) -> tuple[pl.DataFrame, list[Refusal]]:
    asked, refused = well_asked(payloads)
    frames = [pl.DataFrame(schema=_COLUMNS)]
    for payload in asked:
        table, damaged = csv_table(
            payload, required=("station", time_column), optional=("tmpf", "dwpf", "sknt", "metar")
        )
        refused += damaged
        if table is None:
            continue
        named = table.rename({"station": "said_station", time_column: "valid"})
        report_type = pl.lit(payload.asked.get("report_type"), pl.String).alias("report_type")
        for city, rows in _of_cities(named, payload, refused):
            frames.append(rows.with_columns(report_type, **asked_columns(payload, city)).select(_COLUMNS.names()))
    return pl.concat(frames), refused


def _of_cities(table: pl.DataFrame, payload: Payload, refused: list[Refusal]) -> Iterator[tuple[City, pl.DataFrame]]:
    """Yield the rows of the city that was asked for; where none was, each city's whose station the rows name."""
    if "city" in payload.asked:
        city = CITIES.get(payload.asked["city"])
        if city is None:
            refused.append(refusal(subject_of(payload), "asked for no city of the registry", dict(payload.asked)))
        else:
            yield city, table
        return
    for (station,), rows in table.group_by("said_station", maintain_order=True):
        city = _BY_SHORT_NAME.get(str(station).strip().removeprefix("K"))
        if city is None:
            rule = f"{station} is no station of a city in the registry"
            refused.append(refusal(subject_of(payload), rule, {"station": station, "rows": rows.height}))
        else:
            yield city, rows


def _numbers(*names: str) -> pl.Expr:
    return pl.col(*names).str.strip_chars().cast(pl.Float64, strict=False)


def _valid_utc(form: str) -> pl.Expr:
    return pl.col("valid").str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).alias("valid_utc")


def _chosen(said: pl.DataFrame) -> pl.DataFrame:
    """Take each value from the text; without a text, from the archive's own columns."""
    whole, low_f, high_f = interval_of(pl.col("tmpf"))
    own: dict[str, pl.Expr] = {
        "ts_utc": pl.col("valid_utc"),
        "temp_f": pl.col("tmpf"),
        "dew_f": pl.col("dwpf"),
        "humidity_pct": relative_humidity_pct_expr(pl.col("tmpf"), pl.col("dwpf")),
        "wind_mph": wind_mph(pl.col("sknt")),
        "is_whole_c": whole,
        "temp_lo_f": low_f,
        "temp_hi_f": high_f,
    }
    asked_for_five_minutes = (pl.col("report_type") == FIVE_MINUTE_TYPE).fill_null(value=False)
    of_a_mixture = pl.col("report_type").is_null() | pl.col("report_type").str.contains(r"\b1\b")
    five_minutes = (
        pl.col("is_relayed").fill_null(value=False)
        | asked_for_five_minutes
        | (of_a_mixture & pl.col("tmpf").is_null() & _HAS_TEXT)
    )
    return said.with_columns(
        pl.when(five_minutes).then(pl.lit("hfmetar")).otherwise(pl.lit("metar")).alias("source"),
        **{name: pl.when(_HAS_TEXT).then(name).otherwise(expr) for name, expr in own.items()},
    )


def _with_refused(parsed: Parsed, refused: Sequence[Refusal]) -> Parsed:
    return Parsed(table=parsed.table, frame=parsed.frame, refused=pl.concat([refused_frame(refused), parsed.refused]))
