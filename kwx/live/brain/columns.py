"""The columns of a strategy at one minute: its expressions over the last minutes of every market, cities together.

Cities whose settings are the same are asked at once. What a strategy looks back on of the minutes themselves is laid
out anew each time; what it looks back on of evaluations and predictions is what was thought of those minutes then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from kwx.live.brain.trail import Trail
from kwx.signals.blind import require_blind
from kwx.signals.minutes import LISTED, OF_NEIGHBORS, WHOLE_LADDER, beside, of_minute, with_needed
from kwx.signals.panel import FAST_COLUMNS, OF_EVALUATION, OF_PREDICTION, SAID_BESIDE, numbered, said_beside
from kwx.signals.places import Places
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import KEYS, ONE_ROW, Strategy
from kwx.signals.weather import OF_WEATHER, weather_columns
from warehouse.errors import Refused
from warehouse.lake.tables import utc_expr

_THOUGHT = (*OF_EVALUATION, *OF_PREDICTION, *SAID_BESIDE)
"""Columns that are thought minute by minute, and never again."""


@dataclass(frozen=True, kw_only=True)
class _Alike:
    """Cities of one way of making columns."""

    cities: tuple[str, ...]
    settings: SignalSettings


class StrategyColumns:
    """A strategy under the settings of each city, and what it remembers of earlier minutes."""

    def __init__(self, strategy: Strategy, settings: Mapping[str, SignalSettings]) -> None:
        self._strategy = strategy
        self._groups = _alike(settings)
        self.sources = {name for group in self._groups for name in strategy.columns(group.settings).sources}
        self.looks_back = max(strategy.looks_back(group.settings) for group in self._groups)
        if slow := sorted(self.sources - FAST_COLUMNS):
            raise Refused(
                f"strategy {strategy.name} reads {', '.join(slow)}, which is not at hand minute by minute",
                hint=f"a strategy that is to run live reads of these: {' '.join(sorted(FAST_COLUMNS))}",
            )
        keeps = self.looks_back - 1 if strategy.is_foreign else 0
        self._history: deque[pl.DataFrame] = deque(maxlen=keeps)
        self._is_blind = not strategy.is_foreign

    def at(self, trail: Trail, panel: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
        """Return keys, columns and terms of each market at the last minute of a trail.

        panel: that minute with all that is known of it, in the order of the trail; weather: grids of the last minutes.
        """
        asked = panel if self.looks_back == ONE_ROW else self._window(trail, panel, weather)
        parts = [self._of_group(group, asked) for group in self._groups]
        rows = parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal")
        if self.looks_back > ONE_ROW:
            rows = rows.filter(pl.col("ts_utc") == utc_expr(trail.minute_utc))
        if self._history.maxlen:
            self._history.append(panel.select("market_ticker", "ts_utc", *_THOUGHT))
        if rows["market_ticker"].equals(panel["market_ticker"]):
            return rows
        return panel[["market_ticker"]].join(rows, on="market_ticker", how="left", maintain_order="left")

    def _of_group(self, group: _Alike, asked: pl.DataFrame) -> pl.DataFrame:
        rows = asked if len(self._groups) == 1 else asked.filter(pl.col("city").is_in(group.cities))
        if not self._is_blind and rows.height:
            require_blind(self._strategy, rows, group.settings)
            self._is_blind = True
        return self._strategy.evaluate(rows, group.settings, terms=True)

    def _window(self, trail: Trail, panel: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
        """Return the last minutes as a panel; of earlier ones what was thought of them is known if it is remembered."""
        since_utc = trail.minute_utc - timedelta(minutes=self.looks_back)
        needed = with_needed(self.sources)
        rows = trail.dense.filter(pl.col("ts_utc") > utc_expr(since_utc)).select(*KEYS, *LISTED, *of_minute(needed))
        places = Places.of(rows)
        parts = [rows, numbered(places), beside(rows, places, self.sources.intersection((*OF_NEIGHBORS, WHOLE_LADDER)))]
        if seen := self.sources.intersection(OF_WEATHER):
            parts.append(weather_columns(rows, weather, seen))
        thought = [name for name in _THOUGHT if name in self.sources]
        told = pl.concat([*self._history, panel.select("market_ticker", "ts_utc", *_THOUGHT)])
        known = told.select("market_ticker", "ts_utc", *thought)
        return pl.concat(parts, how="horizontal").join(
            known, on=("market_ticker", "ts_utc"), how="left", maintain_order="left"
        )  # fmt: skip


def whole_panel(panel: pl.DataFrame, places: Places, words: pl.DataFrame) -> pl.DataFrame:
    """Return a minute's panel with its numbers of markets and moments, and with the words that stand at it."""
    stands = panel[["market_ticker"]].join(words, on="market_ticker", how="left", maintain_order="left")
    beside_it = said_beside(stands.with_columns(p_said="p_served").drop("market_ticker"), places)
    return pl.concat([panel, numbered(places), beside_it], how="horizontal")


def _alike(settings: Mapping[str, SignalSettings]) -> Sequence[_Alike]:
    groups: list[_Alike] = []
    for city, told in settings.items():
        place = next((number for number, group in enumerate(groups) if group.settings == told), None)
        if place is None:
            groups.append(_Alike(cities=(city,), settings=told))
        else:
            groups[place] = _Alike(cities=(*groups[place].cities, city), settings=told)
    return groups
