"""How the page tells what trading came to: tiles of yesterday, equity and drawdown, dates, makers and takers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from kwx.backtest.report.words import between, contracts, dollars
from kwx.monitor.look import Look
from kwx.monitor.money import LIVED, MICROS_PER_DOLLAR, Traded, is_known, traded_of
from kwx.monitor.told import UNKNOWN, Told, at, missing, picture, texts
from kwx.plots.equity import drawdown_chart, equity_chart
from kwx.plots.page import Beside, Grid, Part, Section, Tile
from kwx.plots.theme import NARROW

_TITLE = "Money"
_DATES_SHOWN = 10


def money(look: Look) -> Told:
    """Tell what was gained, lost and paid."""
    found = traded_of(look)
    if not found:
        return missing(
            "money", _TITLE, "The lake keeps no run, so nothing was gained or lost", f"kwx backtest{look.said}"
        )
    parts: list[Part] = []
    for one in found:
        parts += _parts(one)
    return Told(
        name="money", section=Section(title=_TITLE, parts=parts), tiles=_tiles(found[0]),
        figures={"runs": [_figures(one) for one in found]},
    )  # fmt: skip


def _tiles(one: Traded) -> list[Tile]:
    """Return the tiles of the first: live before shadow before backtest."""
    day, whose = one.yesterday, one.name
    if day is None:
        return [Tile(label="yesterday", value=UNKNOWN, note=f"{whose}: no event date before today's")]
    net, label = day["net_micros"], f"gained {day['event_date']:%b %d}"
    fall = one.yesterday_drawdown
    gained = (
        Tile(label=label, value=dollars(day["marked_micros"]), note=f"{whose}, not settled: at the last mid")
        if net is None
        else Tile(label=label, value=dollars(net), note=f"{whose}, {day['events']} events, after fees, settled")
    )
    return [
        gained,
        Tile(
            label=f"drawdown {day['event_date']:%b %d}", value=UNKNOWN if fall is None else dollars(fall.micros),
            note=f"{dollars(one.drawdown.micros)} in {one.days.height} dates, minute by minute",
        ),
        Tile(
            label=f"fees {day['event_date']:%b %d}", value=dollars(day["fees_micros"]),
            note=f"makers {dollars(day['maker_fees_micros'])}, takers {dollars(day['taker_fees_micros'])}",
        ),
    ]  # fmt: skip


def _parts(one: Traded) -> list[Part]:
    dates: list[date] = one.days["event_date"].to_list()
    settled = one.days.filter("is_settled")
    if not dates:
        return texts(f"{_whose(one)} of {one.strategy}: nothing was traded in these dates.")
    runs = one.run_ids[0] if len(one.run_ids) == 1 else f"{len(one.run_ids)} runs"
    words = (
        f"{_whose(one)} of {one.strategy} ({runs}), {dates[0]} … {dates[-1]}: {len(dates)} event dates,"
        f" {settled.height} of them settled, {dollars(int(settled['net_micros'].sum()))} after fees in all."
        f" {_mean(one)}"
    )
    pictures: list[Part] = []
    if one.curve.height:
        fall = one.drawdown
        when = f", from {at(fall.peak)}" if isinstance(fall.peak, datetime) else ""
        pictures = [
            picture(equity_chart(one.curve, width=NARROW), "All settled events together, open positions at the mid."),
            picture(
                drawdown_chart(one.curve, width=NARROW),
                f"How far below its highest: {dollars(fall.micros)} at the deepest{when}.",
            ),
        ]
    return [*texts(words), Beside(parts=[*pictures, _by_style(one), _by_date(one)])]


def _whose(one: Traded) -> str:
    if one.kind in LIVED:
        return f"{one.kind.capitalize()} runs"
    return "No run was lived in these dates, so this is a backtest"


def _mean(one: Traded) -> str:
    found = one.per_date
    if found is None:
        return ""
    told = f"A date gained {dollars(found.value)} on average"
    if is_known(found):
        return f"{told}; with {found.level:.0%} it lies in {between(found, dollars)}, whole dates drawn anew."
    return f"{told}; {found.dates} dates are too few for an interval."


def _by_style(one: Traded) -> Grid:
    rows = []
    yesterday = one.yesterday or {}
    for style in ("maker", "taker"):
        fills, centi, fees = (one.sum_of(f"{style}_{name}") for name in ("fills", "centi", "fees_micros"))
        last = yesterday.get(f"{style}_fees_micros")
        rows.append(
            (f"{style}s", f"{fills:,}", contracts(centi), dollars(fees), UNKNOWN if last is None else dollars(last))
        )
    day = yesterday.get("event_date")
    headers = ("", "fills", "contracts", "fees", f"fees {day:%b %d}" if day else "fees of the last date")
    return Grid(title="Makers and takers", headers=headers, rows=rows)


def _by_date(one: Traded) -> Grid:
    rows = [
        (
            f"{day['event_date']:%b %d}", f"{day['events']}",
            "not settled" if day["net_micros"] is None else dollars(day["net_micros"]),
            dollars(day["marked_micros"]), dollars(day["fees_micros"]), dollars(day["at_risk_micros"]),
        )
        for day in one.days.reverse().head(_DATES_SHOWN).iter_rows(named=True)
    ]  # fmt: skip
    headers = ("event date", "events", "net", "at the last mid", "fees", "most at risk")
    return Grid(title="The last dates", headers=headers, rows=rows)


def _figures(one: Traded) -> dict[str, Any]:
    days = one.days.with_columns(pl.col("event_date").cast(pl.String))
    per_date = one.per_date
    return {
        "kind": one.kind,
        "strategy": one.strategy,
        "run_ids": list(one.run_ids),
        "dates": one.days.height,
        "net_dollars": one.sum_of("net_micros") / MICROS_PER_DOLLAR,
        "fees_dollars": one.sum_of("fees_micros") / MICROS_PER_DOLLAR,
        "maker_fees_dollars": one.sum_of("maker_fees_micros") / MICROS_PER_DOLLAR,
        "taker_fees_dollars": one.sum_of("taker_fees_micros") / MICROS_PER_DOLLAR,
        "drawdown_dollars": one.drawdown.micros / MICROS_PER_DOLLAR,
        "per_date_dollars": None
        if per_date is None
        else [value / MICROS_PER_DOLLAR for value in (per_date.value, per_date.low, per_date.high)],
        "yesterday": None if one.yesterday is None else str(one.yesterday["event_date"]),
        "days": days.to_dicts(),
    }
