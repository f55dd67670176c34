"""One minute thought and decided: from the present alone, by the functions of training and backtest.

A thought sees what was known at the end of its minute; what it says is what the lake will say of that minute, and it
takes as long as one minute has rows, not as the day has. What it holds between minutes spares work and changes nothing:
evaluations of the weather, words of models, grids of reports, each for as long as what it was made of stands.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from kwx.compiled import keep_compiled
from kwx.config.file import Configuration
from kwx.config.trading import trading_of
from kwx.exec.bars.plan import BarsRecipe
from kwx.exec.engine import step_each, wish_each
from kwx.exec.minute import Minute
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.settings import params_of
from kwx.exec.state import State
from kwx.exec.step import empty_state
from kwx.live.brain.columns import StrategyColumns, whole_panel
from kwx.live.brain.fusing import LEAST_MINUTES, Fusing
from kwx.live.brain.hazards import Evaluated, Hazards
from kwx.live.brain.highs import Highs
from kwx.live.brain.laying import Laid, laid, silent, still_told, tape_of, with_sizes
from kwx.live.brain.predictions import Predictions
from kwx.live.brain.promoted import Promoted
from kwx.live.brain.skies import Skies
from kwx.live.brain.slate import Slate, Slates
from kwx.live.brain.tail import Tail
from kwx.live.brain.thought import Decided, Thought
from kwx.live.brain.told import SIGNALS, signals_of, stale_of, with_decided
from kwx.live.brain.trail import LOOKS_BACK, Trail, still_telling, trail_of
from kwx.live.room import ROOM_BRACKETS
from kwx.signals.minutes import LISTED, OF_MINUTE, OF_NEIGHBORS, WHOLE_LADDER, beside, of_minute
from kwx.signals.registry import strategy as strategy_of
from kwx.signals.settings import SignalSettings, signal_settings
from kwx.signals.strategy import KEYS, Strategy
from kwx.signals.weather import OF_WEATHER, empty_grid, weather_columns
from pipelines.live.arrivals import Top
from warehouse.lake.present import Present
from warehouse.lake.tables import CANDLES_1M, TRADES, Partition, utc_expr

_EVERY_COLUMN = {*OF_MINUTE, *OF_NEIGHBORS, WHOLE_LADDER}
_RUN_UP = timedelta(minutes=30)
"""So long before the minutes that are looked at weather is laid out, for what looks back on them."""
_EVE = timedelta(days=1)
_STEP = timedelta(minutes=5)
"""A minute reads of the weather what was known at it, and at the end of the last step of five minutes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """A minute without anybody's predictions."""

    slate: Slate
    trail: Trail
    weather: pl.DataFrame
    panel: pl.DataFrame


class Brain:
    """Thinks and decides for some cities under one strategy."""

    def __init__(
        self,
        present: Present,
        cities: Sequence[str],
        configuration: Configuration,
        strategy: Strategy | str,
        *,
        profile: str | None = None,
        models_root: Path | str | None = None,
        fill: Fill = Fill.QUEUE,
        said: Mapping[str, Any] | None = None,
        brackets: int = ROOM_BRACKETS,
    ) -> None:
        """Get ready; brackets: how many the arrays have room for, so that a step is compiled once."""
        self.present = present
        self.cities = tuple(cities)
        self.strategy = strategy_of(strategy) if isinstance(strategy, str) else strategy
        configs = trading_of(configuration, self.cities, profile=profile, said=said)
        account = configs[self.cities[0]].trade
        self.settings: Mapping[str, SignalSettings] = {
            key: signal_settings(configuration, key, fields=configs[key].signals, profile=profile)
            for key in self.cities
        }
        self.recipe = BarsRecipe(
            guard_minutes=account.guard_minutes, fee_rounding=account.fee_rounding, maker_fee=account.maker_fee,
            with_sizes=True,
        )  # fmt: skip
        self.rules = Rules(fill=fill, sizing=Sizing(account.sizing))
        self.params: Params = params_of(configs, self.cities)
        self._brackets, self._oldest = brackets, date.min
        self._columns = StrategyColumns(self.strategy, self.settings)
        self._minutes = max(self._columns.looks_back, LEAST_MINUTES)
        self._families = {key: self.strategy.family(told) for key, told in self.settings.items()}
        self._slates = Slates(present, self.cities, maker_fee=account.maker_fee, brackets=brackets)
        self._candles, self._trades = Tail(present, CANDLES_1M, still_telling), Tail(present, TRADES, still_told)
        self._skies = Skies(present)
        self._hazards = Hazards(present, self._skies)
        self._fusing = Fusing(present)
        self._predictions = Predictions(present, Highs(present, self._skies), Promoted(models_root))

    def warm(self, minute_utc: datetime) -> float:
        """Read, fit into memory and compile whatever a minute takes, by living one; return how many seconds it took."""
        started = time.perf_counter()
        keep_compiled()
        if self.strategy.is_foreign:
            for back in range(self._columns.looks_back - 1, 0, -1):
                self.think(minute_utc - timedelta(minutes=back))
        self.decide(self.think(minute_utc), {}, {}, speak=True).signals  # noqa: B018
        return time.perf_counter() - started

    def prepare(self, minute_utc: datetime, *, within_s: float = math.inf) -> None:
        """Work out of a minute to come what is known already; it spares time then and changes no answer.

        Once `within_s` are over nothing more is begun: what was made is kept, and the next call goes on behind it.
        """
        ends_s = time.perf_counter() + within_s
        for _ in self._worked_ahead(minute_utc):
            if time.perf_counter() >= ends_s:
                return

    def _worked_ahead(self, minute_utc: datetime) -> Iterator[None]:
        """Make what a minute takes that can be made before it, and stop behind each piece."""
        while self.present.tidy_next():
            yield
        slate, since_utc = self._slates.at(minute_utc), minute_utc - timedelta(minutes=self._minutes) - LOOKS_BACK
        for tail in (self._candles, self._trades):
            tail.of(slate.places, since_utc)
            tail.shorten(since_utc)
            yield
        self._grids(slate, minute_utc)
        yield
        for event in slate.every_event:
            self._hazards.newest(Partition(event.city, event.event_date), minute_utc)
            yield
        self._predictions.make_ready(minute_utc, slate, self._families)

    def think(self, minute_utc: datetime) -> Thought:
        """Return what is to be said of a minute, from what was known at its end."""
        stages: dict[str, float] = {}
        seen = self._look(minute_utc, stages)
        self._forget_what_is_over(seen.slate)
        with _timed(stages, "predict"):
            words = self._predictions.at(
                minute_utc, seen.slate, self._families, lambda at_utc: self._panel_at(at_utc, seen)
            )
            panel = whole_panel(seen.panel, seen.trail.last_places, words)
        with _timed(stages, "columns"):
            columns = self._columns.at(seen.trail, panel, seen.weather)
        with _timed(stages, "lay"):
            by_date = self._laid(seen.slate, seen.trail, columns)
        with _timed(stages, "tell"):
            signals = signals_of(panel, self.settings)
            features = _with_columns(panel, columns)
        return Thought(
            minute_utc=minute_utc,
            tickers={day: one.tickers for day, one in by_date.items()},
            minutes={day: one.minute for day, one in by_date.items()},
            signals=signals,
            features=features,
            stages=stages,
            stale=stale_of(panel, self.cities),
            left_out=seen.slate.left_out,
            notes=(*seen.slate.notes, *sorted(self._hazards.notes.values()), *self._predictions.notes),
        )

    def glance(self, minute_utc: datetime) -> Thought:
        """Return a minute that is made up for: its quotes and prints, without an opinion, a signal or a feature.

        Stepped without an opinion it is the same as one that was thought. A strategy that looks back on what was
        thought of earlier minutes has all of them thought.
        """
        if self.strategy.is_foreign:
            return self.think(minute_utc)
        slate = self._slates.at(minute_utc)
        weather = self._grids(slate, minute_utc)
        trail = trail_of(self._candles, slate, weather=weather, minute_utc=minute_utc, minutes=self._minutes)
        by_date = self._laid(slate, trail, None)
        return Thought(
            minute_utc=minute_utc,
            tickers={day: one.tickers for day, one in by_date.items()},
            minutes={day: one.minute for day, one in by_date.items()},
            signals=pl.DataFrame(schema=SIGNALS),
            features=pl.DataFrame(schema={"market_ticker": pl.String()}),
            stages={},
            left_out=slate.left_out,
            notes=slate.notes,
        )

    def decide(
        self, thought: Thought, states: Mapping[date, State], tops: Mapping[str, Top], *, speak: bool = True
    ) -> Decided:
        """Take the step of each event date from the state that it is in; one without a state begins.

        tops: the newest best quotes of books, which tell sizes. speak: whether the strategy may have an opinion; a
        minute that is made up for is stepped without one.
        """
        started = time.perf_counter()
        minutes = {
            day: with_sizes(minute if speak else silent(minute), thought.tickers[day], tops)
            for day, minute in thought.minutes.items()
        }
        before = {day: states.get(day) or empty_state(*thought.tickers[day].shape) for day in minutes}
        stepped = step_each(self.rules, self.params, before, minutes)
        return Decided(
            states={day: state for day, (state, _) in stepped.items()},
            actions={day: actions for day, (_, actions) in stepped.items()},
            minutes=minutes,
            seconds=time.perf_counter() - started,
            tell=lambda: self._signals(thought, before, minutes),
        )

    def _signals(self, thought: Thought, before: Mapping[date, State], minutes: Mapping[date, Minute]) -> pl.DataFrame:
        wishes = wish_each(self.rules, self.params, before, minutes)
        return with_decided(thought.signals, thought.tickers, wishes, float(self.params.bankroll_micros))

    def _look(self, minute_utc: datetime, stages: dict[str, float]) -> _Seen:
        """See a minute: prices and weather of the last ones, and what weather and market make of it."""
        with _timed(stages, "weather"):
            slate = self._slates.at(minute_utc)
            grids = self._grids(slate, minute_utc)
        with _timed(stages, "minutes"):
            trail = trail_of(self._candles, slate, weather=grids, minute_utc=minute_utc, minutes=self._minutes)
        with _timed(stages, "hazard"):
            evaluations = self._evaluations(slate, minute_utc)
        with _timed(stages, "fuse"):
            fused = self._fusing.at(trail, slate.every_event, evaluations)
        with _timed(stages, "panel"):
            weather = pl.concat([empty_grid(), *grids.values()])
            panel = _panel(trail, weather.filter(pl.col("ts_utc") > utc_expr(minute_utc - _STEP)), fused)
        return _Seen(slate=slate, trail=trail, weather=weather, panel=panel)

    def _laid(self, slate: Slate, trail: Trail, columns: pl.DataFrame | None) -> dict[date, Laid]:
        """Return the last minute of a trail as the arrays of each event date."""
        tape = tape_of(self._trades, slate.places, trail.minute_utc)
        return {
            day: laid(
                trail, events, columns, tape, event_date=day, cities=self.cities, brackets=self._brackets,
                recipe=self.recipe,
            )
            for day, events in slate.events.items()
        }  # fmt: skip

    def _forget_what_is_over(self, slate: Slate) -> None:
        """Forget the days before the eve of the first event date that trades."""
        oldest = min(slate.events, default=self._oldest)
        if oldest != self._oldest:
            self._oldest = oldest
            for one in (self._candles, self._trades, self._skies, self._hazards, self._predictions):
                one.forget(oldest - _EVE)

    def _panel_at(self, at_utc: datetime, seen: _Seen) -> pl.DataFrame:
        """Return the panel of a minute: that of the thought itself, or of one before it that nobody thought of."""
        return seen.panel if at_utc == seen.trail.minute_utc else self._look(at_utc, {}).panel

    def _grids(self, slate: Slate, minute_utc: datetime) -> Mapping[str, pl.DataFrame]:
        """Return the weather that the last minutes of the cities that trade look at."""
        trading = sorted({place.city for place in slate.places})
        since_utc = minute_utc - timedelta(minutes=self._minutes) - _RUN_UP
        return self._skies.between(trading, since_utc, minute_utc)

    def _evaluations(self, slate: Slate, minute_utc: datetime) -> dict[Partition, Evaluated | None]:
        """Return the newest evaluation of each event that was made since all of its markets are open."""
        found: dict[Partition, Evaluated | None] = {}
        for event in slate.every_event:
            place = Partition(event.city, event.event_date)
            evaluated = self._hazards.newest(place, minute_utc)
            is_of_trading = evaluated is not None and evaluated.ts_utc >= slate.whole_since[place]
            found[place] = evaluated if is_of_trading else None
        return found


def _panel(trail: Trail, weather: pl.DataFrame, fused: pl.DataFrame) -> pl.DataFrame:
    """Return a minute with every column but those of predictions."""
    rows = trail.last.select(*KEYS, *LISTED, *of_minute(OF_MINUTE))
    parts = [rows, beside(rows, trail.last_places, _EVERY_COLUMN), weather_columns(rows, weather, OF_WEATHER)]
    return pl.concat(parts, how="horizontal").join(fused, on="market_ticker", how="left", maintain_order="left")


def _with_columns(panel: pl.DataFrame, columns: pl.DataFrame) -> pl.DataFrame:
    """Return a minute's panel with what the strategy made of it."""
    new = columns.select([name for name in columns.columns if name not in panel.columns])
    return pl.concat([panel, new], how="horizontal")


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    stages[name] = stages.get(name, 0.0) + time.perf_counter() - started
