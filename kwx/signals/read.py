"""The columns of a strategy for every minute of a city's markets, as backtest, shadow and live take them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl

from kwx.signals.blind import require_blind
from kwx.signals.panel import read_signal_panel
from kwx.signals.registry import strategy as strategy_of
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import Strategy
from warehouse.errors import BadDateRange
from warehouse.lake.store import Snapshot
from warehouse.market.cities import city as city_of

_DATES_AT_ONCE = 32
"""So many event dates are held in memory as a whole panel; of the rest only the columns."""


def signals_of(
    snapshot: Snapshot,
    strategy: Strategy | str,
    *,
    city: str,
    since: date,
    until: date,
    settings: SignalSettings | None = None,
    terms: bool = False,
) -> pl.DataFrame:
    """Return p_fair, p_gate, score and urgent of each minute of each market, in the order of date, market and minute.

    A row says nothing that was not known at its minute. With `terms` what it is made of stands beside it by name, and
    `terms_missing` says which of that was not known. A strategy from a file of one's own is first tried on the first
    day of each stretch of dates, and refused where it looks ahead.
    """
    if until < since:
        raise BadDateRange(f"{until} comes before {since}", hint="say the first event date, then the last")
    found = strategy_of(strategy) if isinstance(strategy, str) else strategy
    told, key = settings or SignalSettings(), city_of(city).key
    columns, family = found.columns(told).sources, found.family(told)
    parts = []
    for first, last in _stretches(since, until):
        panel = read_signal_panel(snapshot, key, since=first, until=last, columns=columns, family=family)
        if found.is_foreign and panel.height:
            require_blind(found, panel.filter(pl.col("event_date") == panel["event_date"][0]), told)
        parts.append(found.evaluate(panel, told, terms=terms))
    return pl.concat(parts)


def _stretches(since: date, until: date) -> Iterator[tuple[date, date]]:
    while since <= until:
        last = min(until, since + timedelta(days=_DATES_AT_ONCE - 1))
        yield since, last
        since = last + timedelta(days=1)
