"""Charts of what is said of the brackets of an event, source beside source: `models serve` and `signals show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from kwx.plots.ladder import ladder_chart
from kwx.plots.theme import Chart
from warehouse.errors import Usage
from warehouse.market.tickers import parse_market_ticker

_SERVED = {"market": "p_mkt", "model": "p_served", "fused": "p_blend"}
_SIGNALLED = {"market": "p_market", "model": "p_model", "fused": "p_blend"}
_SIGNS = {"less": "<", "between": "", "greater": ">"}


def served_chart(said: Mapping[str, Any]) -> Chart:
    """Draw each bracket as its model says it, as the market does, and their pool."""
    if not said["brackets"]:
        raise Usage(
            f"there is nothing to draw: the lake holds no predictions of {said['event_date']}",
            hint="kwx train makes and stores them; without --plot the model is told",
        )
    rows = list(_bars(said["brackets"], sources=_SERVED, kind="strike_type"))
    last = max(row["ts_utc"] for row in said["brackets"])
    return _ladder(rows, f"{rows[0]['event']}, as of {last:%Y-%m-%d %H:%M}Z")


def signals_chart(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Draw the newest signals of each event."""
    if not rows:
        raise Usage("there is nothing to draw: no signals yet", hint="kwx shadow or kwx live --venue demo writes some")
    newest: dict[str, Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["ts_utc"]):
        newest[row["market_ticker"]] = row
    bars = list(_bars(newest.values(), sources=_SIGNALLED, kind="bracket"))
    events = dict.fromkeys(bar["event"] for bar in bars)
    return alt.vconcat(
        *(
            _ladder(own, f"{event}, at {max(bar['ts_utc'] for bar in own):%Y-%m-%d %H:%M}Z")
            for event in events
            for own in [[bar for bar in bars if bar["event"] == event]]
        )
    )


def _bars(rows: Iterable[Mapping[str, Any]], *, sources: Mapping[str, str], kind: str) -> Iterable[dict[str, Any]]:
    """Yield a bar for each bracket and source, the coldest bracket first."""
    for row in sorted(rows, key=lambda row: _order(row, kind)):
        ticker = parse_market_ticker(row["market_ticker"])
        for source, column in sources.items():
            yield {
                "event": str(ticker.event), "ts_utc": row["ts_utc"], "source": source, "p": row[column],
                "bracket": f"{_SIGNS[row[kind]]}{ticker.strike:f}", "bracket_order": _order(row, kind),
            }  # fmt: skip


def _order(row: Mapping[str, Any], kind: str) -> float:
    """Return what sorts a bracket: its strike, the open ends outside of a bracket of the same one."""
    strike = float(parse_market_ticker(row["market_ticker"]).strike)
    return strike + {"less": -0.25, "between": 0.0, "greater": 0.25}[row[kind]]


def _ladder(bars: Sequence[Mapping[str, Any]], title: str) -> Chart:
    schema = {"bracket": pl.String(), "bracket_order": pl.Float64(), "source": pl.String(), "p": pl.Float64()}
    rows = pl.DataFrame([{name: bar[name] for name in schema} for bar in bars], schema=schema)
    return ladder_chart(rows, title=title)
