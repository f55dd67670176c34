"""The archives: texts of the Weather Service, METARs, guidance, the page that settles, an empty national archive."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from pipelines.demo import World
from pipelines.demo.wire import serve
from pipelines.demo.wire.texts import Extremes, cli_text
from warehouse.market.cities import CITIES

AFOS = "/cgi-bin/afos/retrieve.py"
ALL = {"sdate": "2026-10-29T00:00Z", "edate": "2026-11-05T00:00Z", "fmt": "text", "limit": 9999, "order": "asc"}
SPAN = {"sts": "2026-10-29T00:00Z", "ets": "2026-11-04T00:00Z"}
Rows = Callable[..., pl.DataFrame]


def products(text: str) -> list[str]:
    """Cut an answer at its control characters."""
    return re.findall(r"\x01\n(.*?)\x03", text, re.DOTALL)


def test_every_issuance_of_a_climate_report_is_there(ask: Callable, rows: Rows) -> None:
    """Heading, id, headline, preliminary line and the high, for each row of the world."""
    texts = products(ask(AFOS, pil="CLIMDW", **ALL).text)

    reports = rows("settlements").filter(source="cli").sort("issued_utc")
    assert reports.height == len(texts)
    for report, text in zip(reports.iter_rows(named=True), texts, strict=True):
        day = report["event_date"]
        corrected = " CCA" if report["is_correction"] else ""
        assert f"CDUS43 KLOT {report['issued_utc']:%d%H%M}{corrected}\nCLIMDW\n" in text
        assert f"...THE CHICAGO-MIDWAY CLIMATE SUMMARY FOR {f'{day:%B}'.upper()} {day.day} {day.year}..." in text
        assert report["is_final"] == ("VALID TODAY AS OF 0400 PM LOCAL TIME." not in text)
        said = re.search(r"^TEMPERATURE \(F\)\n .*\n  MAXIMUM +(MM|-?\d+) ", text, re.MULTILINE)
        assert said is not None
        assert str(report["high_f"] if report["high_f"] is not None else "MM") == said[1]


@pytest.mark.parametrize(("city", "pil", "hours"), [("chicago", "CLIMDW", 6), ("nyc", "CLINYC", 5)])
def test_an_afternoon_report_knows_no_extreme_of_the_evening(
    ask: Callable, rows: Rows, city: str, pil: str, hours: int
) -> None:
    """When the highest and the lowest were measured is said in standard time, and lies before what it is valid for."""
    texts = [text for text in products(ask(AFOS, pil=pil, **ALL).text) if "VALID TODAY AS OF" in text]

    reports = rows("settlements", city).filter(pl.col("source") == "cli", pl.col("as_of_utc").is_not_null())
    told_by = [as_of_utc - timedelta(hours=hours) for as_of_utc in reports.sort("issued_utc")["as_of_utc"]]
    for local, text in zip(told_by, texts, strict=True):
        said = re.findall(r"^  M(?:AX|IN)IMUM +-?\d+ +(\d+:\d\d [AP]M)", text, re.MULTILINE)
        assert 2 == len(said)
        assert all(datetime.strptime(one, "%I:%M %p").time() <= local.time() for one in said)


def test_a_report_says_its_issue_by_the_clock_on_the_wall(ask: Callable, rows: Rows) -> None:
    """Daylight time before the change, standard time after it."""
    texts = products(ask(AFOS, pil="CLINYC", **ALL).text)

    reports = rows("settlements", "nyc").filter(source="cli").sort("issued_utc")
    for report, text in zip(reports.iter_rows(named=True), texts, strict=True):
        local = report["issued_utc"].astimezone(ZoneInfo("America/New_York"))
        assert f"{local:%I%M %p %Z %a %b %d %Y}".upper().removeprefix("0") in text


def test_a_correction_marks_itself(asking: Callable) -> None:
    """Heading, title and value of a corrected report differ from the first final."""
    world = World(days=1, until=date(2026, 11, 2), cities=("miami",), seed=17)
    with serve(world) as served:
        *_, final, corrected = products(asking(served)(AFOS, pil="CLIMIA", **ALL).text)

    assert " CCA\n" in corrected
    assert "CLIMATE REPORT (CORRECTION)" in corrected
    highs = [re.search(r"MAXIMUM +(\d+)", text)[1] for text in (final, corrected)]  # type: ignore[index]
    assert highs[0] != highs[1]


def test_a_missing_high_is_said_in_letters(served_world: World) -> None:
    """A preliminary report without a value says MM, never a number."""
    as_of = datetime(2026, 11, 1, 22, tzinfo=UTC)
    report = {"issued_utc": as_of, "as_of_utc": as_of, "high_f": None, "is_correction": False}
    facts = Extremes(high_f=50, high_at=time(14), low_f=40, low_at=time(6))

    text = cli_text(CITIES["chicago"], date(2026, 11, 1), report, facts)

    assert re.search(r"^  MAXIMUM +MM ", text, re.MULTILINE)


def test_a_summary_message_says_the_day(ask: Callable, rows: Rows) -> None:
    """Day, high and its hour in one line."""
    texts = products(ask(AFOS, pil="DSMMDW", **ALL).text)

    said = [re.search(r"^KMDW DS (\d\d)/(\d\d) (-?\d+)(\d{4})/", text, re.MULTILINE) for text in texts]
    direct = rows("settlements").filter(source="dsm").sort("issued_utc")
    assert direct["high_f"].to_list() == [int(found[3]) for found in said if found]
    assert [f"{day:%d%m}" for day in direct["event_date"]] == [found[1] + found[2] for found in said if found]


def test_products_come_newest_first_and_one_unless_asked_otherwise(ask: Callable) -> None:
    """The archive's own defaults."""
    everything = products(ask(AFOS, pil="CLIMDW", **ALL).text)

    assert everything[-1:] == products(ask(AFOS, pil="CLIMDW").text)


@pytest.mark.parametrize("pil", ["CF6MDW", "CLIORD"])
def test_an_unknown_product_is_answered_by_a_line_that_says_so(ask: Callable, pil: str) -> None:
    """Two hundred, and an error in words."""
    reply = ask(AFOS, pil=pil, **ALL)

    assert (200, f"ERROR: Could not Find: {pil}") == (reply.status, reply.text)


def test_climate_reports_as_json_are_the_latest_of_each_day(ask: Callable, rows: Rows) -> None:
    """One row a day, named by the product it came from."""
    results = ask("/json/cli.py", station="KMDW", year=2026).json["results"]

    latest = rows("settlements").filter(source="cli").sort("issued_utc").group_by("event_date").last()
    direct = latest.sort("event_date")
    assert direct["product_id"].to_list() == [row["product"] for row in results]
    assert direct["high_f"].to_list() == [row["high"] for row in results]


def test_an_afternoon_report_is_a_row_like_any_other(ask_at_noon: Callable, served_world: World) -> None:
    """At noon yesterday is final and today has no report yet."""
    results = ask_at_noon("/json/cli.py", station="KMDW", year=2026).json["results"]

    assert ["2026-10-30", "2026-10-31"] == [row["valid"] for row in results]


def test_metars_carry_tenths_and_their_maxima(ask: Callable, rows: Rows) -> None:
    """T-group, six-hour group and the group of the day, each in tenths of °C."""
    query = {"station": "MDW", "data": "tmpf,dwpf,sknt,metar", "report_type": "3,4", "tz": "UTC", **SPAN}

    table = list(csv.DictReader(io.StringIO(ask("/cgi-bin/request/asos.py", **query).text)))

    direct = rows("obs").filter(source="metar").sort("ts_utc")
    assert direct["ts_utc"].dt.strftime("%Y-%m-%d %H:%M").to_list() == [row["valid"] for row in table]
    for report, row in zip(direct.iter_rows(named=True), table, strict=True):
        groups = re.search(r" T(\d)(\d{3})(\d)(\d{3})", row["metar"])
        assert groups is not None
        temp, dew = ((1 - 2 * int(groups[i])) * int(groups[i + 1]) / 10 for i in (1, 3))
        assert (report["temp_f"], report["dew_f"]) == (round(temp * 1.8 + 32, 2), round(dew * 1.8 + 32, 2))
        assert report["max_6h_f"] == whole_f(re.search(r" 1(\d)(\d{3})\b", row["metar"].split("RMK")[1]))
        assert report["max_24h_f"] == whole_f(re.search(r" 4(\d)(\d{3})\d{4}\b", row["metar"]))
        assert report["wind_mph"] == round(float(row["sknt"]) * 1.15078, 1)


def whole_f(group: re.Match[str] | None) -> int | None:
    """Return the whole °F of a group in tenths of °C."""
    return None if group is None else round((1 - 2 * int(group[1])) * int(group[2]) * 0.18 + 32)


def test_other_tables_have_a_head_and_no_rows(ask: Callable) -> None:
    """No five-minute METARs, no one-minute pages, no other guidance, no national archive yet."""
    query = {"station": "MDW", **SPAN}

    assert 1 == len(ask("/cgi-bin/request/asos.py", report_type="1", **query).text.splitlines())
    one_minute = ask("/cgi-bin/request/asos1min.py", vars="tmpf,dwpf,sknt", **query).text
    assert "station,station_name,valid(UTC),tmpf,dwpf,sknt\n" == one_minute
    assert [] == ask("/cgi-bin/request/mos.py", model="LAV", format="json", **query).json
    assert [] == ask("/access/services/data/v1", dataset="daily-summaries", stations="USW00014819").json
    assert 422 == ask("/cgi-bin/request/asos.py", station="MDW").status


def test_guidance_says_highs_in_the_column_of_the_evening(ask: Callable, rows: Rows) -> None:
    """Whole degrees every three hours; a maximum stands at 00Z with its spread, a minimum at 12Z."""
    runs = ask("/cgi-bin/request/mos.py", station="KMDW", model="NBS", format="json", **SPAN).json

    direct = rows("forecasts").filter(source="nbm").sort("issued_utc", "valid_utc")
    temps = direct.filter(pl.col("temp_f").is_not_null())
    said = [(row["runtime"], row["ftime"], row["tmp"]) for row in runs]
    stamp = "%Y-%m-%dT%H:%M:%S.000"
    assert (
        temps.select(
            pl.col("issued_utc").dt.strftime(stamp),
            pl.col("valid_utc").dt.strftime(stamp),
            pl.col("temp_f").cast(pl.Int64),
        ).rows()
        == said
    )
    highs = [(row["runtime"], row["txn"], row["xnd"]) for row in runs if row["ftime"].endswith("T00:00:00.000")]
    told = direct.filter(pl.col("high_f").is_not_null())
    assert told.select(pl.col("issued_utc").dt.strftime(stamp), "high_f", "high_sd_f").rows() == highs
    assert {"00", "12"} == {row["ftime"][11:13] for row in runs if row["txn"] is not None}


def test_the_page_that_settles_has_every_station(ask: Callable, rows: Rows) -> None:
    """Official values with the instant of their issue."""
    results = ask("/kalshi/api/climate/primary", date="2026-11-01").json["results"]

    for city, result in zip(("chicago", "nyc"), results, strict=True):
        direct = rows("settlements", city).filter(source="twc", event_date=date(2026, 11, 1)).row(0, named=True)
        assert ("official", direct["high_f"]) == (result["status"], result["data"]["maxTemp"])
        assert direct["issued_utc"] == datetime.fromisoformat(result["data"]["issueTime"])
        assert result["station"]["icao"][1:] in (result["station"]["cliId"], "MDW")


def test_the_page_says_nothing_before_the_report(ask_at_noon: Callable) -> None:
    """No report yet is an answer without data."""
    results = ask_at_noon("/kalshi/api/climate/primary", date="2026-11-01").json["results"]

    assert [("no_report", None)] * 2 == [(result["status"], result["data"]) for result in results]
    assert 400 == ask_at_noon("/kalshi/api/climate/primary", date="yesterday").status


def test_reports_come_out_when_they_are_issued(ask_at_noon: Callable) -> None:
    """At noon the last product is this morning's."""
    texts = products(ask_at_noon(AFOS, pil="CLIMDW", **ALL).text)

    now = datetime(2026, 11, 1, 18, tzinfo=UTC)
    assert 4 == len(texts)
    assert re.search(r"KLOT 01(\d{4})", texts[-1])[1] < f"{now:%H%M}"  # type: ignore[index]
