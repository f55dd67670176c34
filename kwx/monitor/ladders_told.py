"""How the page tells today's events: for each city the bars of its ladder, and its day with the fan of the high."""

from __future__ import annotations

from typing import Any

import polars as pl

from kwx.backtest.report.words import share
from kwx.features.audit.mending import fusing, weights_serve
from kwx.monitor.ladders import Event, events_of
from kwx.monitor.look import Look
from kwx.monitor.told import UNKNOWN, Told, at, missing, picture, texts
from kwx.plots.fan import fan_chart
from kwx.plots.ladder import ladder_chart
from kwx.plots.page import Beside, Grid, Part, Section
from kwx.plots.theme import NARROW
from warehouse.market.cities import CITIES

_TITLE = "Today's ladders"
_MINUTES_DRAWN = 15


def ladders(look: Look) -> Told:
    """Tell what market, weather and both say of each city's newest event."""
    found = events_of(look)
    if not found:
        return missing("ladders", _TITLE, "No market of these dates is listed", f"kwx ingest markets{look.said}")
    thought = {source for event in found for source in event.ladder["source"]}
    lacking = [
        f"{what}: {command}"
        for what, source, command in (
            ("The weather was not run", "weather", f"kwx hazard backfill{look.said}"),
            ("Nothing was fused", "fused", _fusing(look, found)),
        )
        if source not in thought
    ]
    words = (
        f"The newest event of each city up to {look.event_date}, each source at its newest minute with every bracket,"
        " of one that is over at its noon,"
        f" none after {at(look.moment)}. Fans hold the middle nine tenths, the middle half and the median of the high,"
        " in whole degrees, as of each evaluation; upon them the temperature, and the running maximum with all that it"
        " can mean."
    )
    parts: list[Part] = [*texts(words, *lacking), _grid(found)]
    parts += [Beside(parts=_pictures(event)) for event in found]
    return Told(
        name="ladders", section=Section(title=_TITLE, parts=parts), figures={"events": [_figures(one) for one in found]}
    )  # fmt: skip


def _fusing(look: Look, found: list[Event]) -> str:
    weighed = all(weights_serve(look.whole, event.city, [event.event_date]) for event in found)
    return fusing(weighed=weighed, said=look.said)


def _grid(found: list[Event]) -> Grid:
    rows = [
        (
            event.city, f"{event.event_date}", UNKNOWN if event.ts_utc is None else at(event.ts_utc),
            *(_likeliest(event, source) for source in ("market", "weather", "fused")), _so_far(event),
            UNKNOWN if event.high_f is None else f"{event.high_f}",
        )
        for event in found
    ]  # fmt: skip
    headers = ("city", "event date", "as of", "market", "weather", "fused", "max so far °F", "settled °F")
    return Grid(title="The likeliest bracket", headers=headers, rows=rows)


def _likeliest(event: Event, source: str) -> str:
    rows = event.ladder.filter(pl.col("source") == source)
    if rows.is_empty():
        return UNKNOWN
    best = rows.row(int(rows["p"].arg_max() or 0), named=True)
    return f"{best['bracket']}: {share(best['p'])}"


def _so_far(event: Event) -> str:
    known = event.day.drop_nulls("run_max_lo_f")
    if known.is_empty():
        return UNKNOWN
    low, high = known.row(-1, named=True)["run_max_lo_f"], known.row(-1, named=True)["run_max_hi_f"]
    return f"{low}" if low == high else f"{low}–{high}"


def _pictures(event: Event) -> list[Part]:
    name = CITIES[event.city].name
    parts: list[Part] = []
    if event.ladder.height:
        bars = ladder_chart(event.ladder.drop("ts_utc"), title=f"{name}, {event.event_date}", width=NARROW)
        parts.append(picture(bars, _as_of(event)))
    if event.fan.height or event.day.drop_nulls("temp_f").height:
        parts.append(picture(_fan(event, name), _of_day(event)))
    return parts


def _fan(event: Event, name: str) -> Any:
    day, fan = _thinned(event.day), _thinned(event.fan)
    reported = day.select("ts_utc", "temp_f").drop_nulls()
    running = day.select("ts_utc", "run_max_lo_f", "run_max_hi_f").drop_nulls()
    return fan_chart(
        fan, temperature=reported if reported.height else None, running=running if running.height else None,
        high_f=event.high_f, title=f"{name}, the day", width=NARROW,
    )  # fmt: skip


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of whole quarters of an hour, and the last: a drawing of a day is not wide enough for more."""
    quarter = (pl.col("ts_utc").dt.minute() % _MINUTES_DRAWN) == 0
    return rows.filter(quarter | (pl.col("ts_utc") == pl.col("ts_utc").max()))


def _as_of(event: Event) -> str:
    minutes = event.ladder.group_by("source", maintain_order=True).agg(pl.col("ts_utc").max())
    of_source = ", ".join(f"{source} {ts_utc:%m-%d %H:%M}Z" for source, ts_utc in minutes.iter_rows())
    mids = "; the market's are shares of its mids" if event.by_mids else ""
    over = "; it is over, this was its noon" if event.is_over else ""
    return f"{of_source}{mids}{over}."


def _of_day(event: Event) -> str:
    if event.fan.is_empty():
        return "The temperature and the running maximum; the weather was not run for this date."
    last = event.fan.row(-1, named=True)
    return (
        f"Median {last['q50_f']} °F at {at(last['ts_utc'])}, nine tenths in {last['q05_f']} … {last['q95_f']} °F;"
        f" {event.fan.height} evaluations."
    )


def _figures(event: Event) -> dict[str, Any]:
    return {
        "city": event.city,
        "event_date": event.event_date,
        "event_ticker": event.event_ticker,
        "ladder": event.ladder.to_dicts(),
        "high_f": event.high_f,
        "quantiles": event.fan.row(-1, named=True) if event.fan.height else None,
    }
