"""The word of a model that stands at a minute: said when the model's clock came round, and until its next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from kwx.features.sets import feature_set
from kwx.live.brain.highs import Asked, Highs
from kwx.live.brain.nets import Bench
from kwx.live.brain.promoted import Promoted, Speaking
from kwx.live.brain.remembered import Remembered
from kwx.live.brain.slate import Slate
from kwx.live.brain.words import LIVES, Word, standing_words
from kwx.models.calibration.stored import StoredCalibrator, calibrator_before, calibrators_of
from kwx.models.contract import Calibrator, Floats
from kwx.models.elasticnet.fitted import FittedElasticnet
from kwx.models.registry.families import OF_SNAPSHOTS
from warehouse.lake.present import Present
from warehouse.lake.tables import CALIBRATORS, Partition
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

_MINUTE_S = 60
_EVERY_FEATURE = "elasticnet_rich"

PanelAt = Callable[[datetime], pl.DataFrame]
"""The panel of a minute, with all columns but those of predictions; rows in the order of city, date and market."""


class _Market(NamedTuple):
    name: str
    place: Partition
    speaking: Speaking


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The markets of a slate that a model may speak of: by single rows of the panel, or by snapshots of the day.

    notes: why nobody speaks of others, and who is out of its dates.
    """

    nets: tuple[_Market, ...]
    highs: tuple[_Market, ...]
    notes: tuple[str, ...]


class Predictions:
    """The words that stand, of the promoted models."""

    def __init__(self, present: Present, highs: Highs, promoted: Promoted) -> None:
        self._present = present
        self._highs = highs
        self._promoted = promoted
        self._calibrators: Remembered[list[StoredCalibrator]] = Remembered()
        self._words: dict[str, Word] = {}
        self._asked: dict[Partition, datetime] = {}
        self._chosen: tuple[Slate, Mapping[str, str | None], _Chosen] | None = None
        self._benches: Remembered[Bench | None] = Remembered()

    def at(
        self, minute_utc: datetime, slate: Slate, families: Mapping[str, str | None], panel_at: PanelAt
    ) -> pl.DataFrame:
        """Return the word that stands of each market of a slate that has one.

        families: by city, whose word is wanted; None is the best placed model of all.
        """
        chosen = self._choose(slate, families)
        self._let_nets_speak(chosen.nets, minute_utc, panel_at)
        self._let_highs_speak(chosen.highs, slate, minute_utc)
        standing = {
            name: word
            for name in slate.markets["market_ticker"].to_list()
            if (word := self._words.get(name)) is not None and minute_utc < word.said_utc + LIVES
        }
        return standing_words(standing, slate.every_event)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the models of the last slate."""
        return () if self._chosen is None else self._chosen[-1].notes

    def make_ready(self, minute_utc: datetime, slate: Slate, families: Mapping[str, str | None]) -> None:
        """Read the models that are to speak of a slate, and lay out what they speak of as far as it is known."""
        chosen = self._choose(slate, families)
        self._highs.make_ready(self._asked_of(_by_place(chosen.highs), slate), minute_utc)

    def forget(self, before: date) -> None:
        """Forget event dates that are over."""
        self._words = {name: word for name, word in self._words.items() if word.event_date >= before}
        self._asked = {
            place: at for place, at in self._asked.items() if place.event_date and place.event_date >= before
        }
        self._highs.forget(before)
        self._promoted.forget(before)

    def _choose(self, slate: Slate, families: Mapping[str, str | None]) -> _Chosen:
        """Return who may speak of what; it is the same until the slate or what is promoted changes."""
        is_new = self._promoted.refresh()
        if self._chosen is None or is_new or self._chosen[0] is not slate or self._chosen[1] != families:
            self._chosen = (slate, families, self._chosen_of(slate, families))
        return self._chosen[-1]

    def _chosen_of(self, slate: Slate, families: Mapping[str, str | None]) -> _Chosen:
        kinds = dict(slate.markets.select("market_ticker", "strike_type").iter_rows())
        nets: list[_Market] = []
        highs: list[_Market] = []
        notes: set[str] = set()
        for event in slate.every_event:
            names, family, city, day = event.ladder.names, families[event.city], event.city, event.event_date
            brackets = [kinds[name] for name in names]
            speaking = self._promoted.of_ladder(family, city, brackets, day)
            for name, kind, one in zip(names, brackets, speaking, strict=True):
                if one is None:
                    notes.add(self._promoted.why_not(family, city, kind, day))
                    continue
                (highs if one.card.family in OF_SNAPSHOTS else nets).append(_Market(name, Partition(city, day), one))
                notes.update([one.warning] if one.warning else [])
        return _Chosen(nets=tuple(nets), highs=tuple(highs), notes=tuple(sorted(notes)))

    def _let_nets_speak(self, markets: Sequence[_Market], minute_utc: datetime, panel_at: PanelAt) -> None:
        """Let each model speak of its market's row at the newest minute of its clock, if it has not spoken of it."""
        due: dict[datetime, list[_Market]] = {}
        for market in markets:
            at_utc = _floor(minute_utc, int(market.speaking.card.config["every_minutes"]))
            word = self._words.get(market.name)
            if word is None or word.said_utc < at_utc:
                due.setdefault(at_utc, []).append(market)
        for at_utc, ours in due.items():
            panel = panel_at(at_utc)
            row_of = {name: row for row, name in enumerate(panel["market_ticker"].to_list())}
            there = [market for market in ours if market.name in row_of]
            rows = panel[[row_of[market.name] for market in there]]
            self._take_down(there, self._nets_say(there, rows), at_utc)

    def _nets_say(self, markets: Sequence[_Market], rows: pl.DataFrame) -> Floats:
        """Return [N] what each market's model says of its row."""
        models = list({id(one.speaking.loaded.fitted): one.speaking.loaded.fitted for one in markets}.values())
        place = {id(model): number for number, model in enumerate(models)}
        model = np.array([place[id(one.speaking.loaded.fitted)] for one in markets], dtype=np.int64)
        nets = [one for one in models if isinstance(one, FittedElasticnet)]
        are_seated = nets and len(nets) == len(models)
        bench = self._benches.of("", tuple(nets), lambda: Bench.of(nets)) if are_seated else None
        if bench is not None:
            return bench.predict(rows, model)
        built, p = feature_set(_EVERY_FEATURE).build(rows), np.empty(len(markets))
        for number, one in enumerate(models):
            p[model == number] = one.predict(built.filter(model == number))
        return p

    def _let_highs_speak(self, markets: Sequence[_Market], slate: Slate, minute_utc: datetime) -> None:
        """Let each event's model speak of the day at the newest instant of its clock, if it has not spoken of it."""
        by_place = _by_place(markets)
        said = self._highs.words(self._asked_of(by_place, slate), minute_utc)
        for place, word in said.items():
            names, ours = word.names, by_place[place]
            self._take_down(ours, word.p[[names.index(market.name) for market in ours]], word.ts_utc)
            self._asked[place] = word.ts_utc

    def _asked_of(self, by_place: Mapping[Partition, Sequence[_Market]], slate: Slate) -> list[Asked]:
        events = {Partition(event.city, event.event_date): event for event in slate.every_event}
        return [
            Asked(
                event=events[place], model=ours[0].speaking.loaded.fitted,  # type: ignore[arg-type]
                since_utc=self._asked.get(place), opens_utc=slate.whole_since[place], closes_utc=slate.closes[place],
            )
            for place, ours in by_place.items()
        ]  # fmt: skip

    def _take_down(self, markets: Sequence[_Market], p_model: Floats, at_utc: datetime) -> None:
        """Remember words, each with its probability mended by what may serve its event date."""
        for (place, _), rows in _grouped(markets).items():
            speaking = markets[rows[0]].speaking
            calibrator = self._calibrator(speaking, place)
            own = p_model[rows]
            mended = [None] * len(rows) if calibrator is None else calibrator.apply(own).tolist()
            for row, p, better in zip(rows, own.tolist(), mended, strict=True):
                self._words[markets[row].name] = Word(at_utc, p, better, speaking, _day(place))

    def _calibrator(self, speaking: Speaking, place: Partition) -> Calibrator | None:
        """Return the stored calibrator that may serve an event date, else the model's own."""
        family, rows = speaking.card.family, self._present.read(CALIBRATORS, Partition(place.city))
        stored = self._calibrators.of(
            (place.city, family), (rows,),
            lambda: calibrators_of(self._present, place.city, model_type=family, horizon=SETTLEMENT_HORIZON),
        )  # fmt: skip
        found = calibrator_before(stored, _day(place))
        return speaking.loaded.calibrator if found is None else found.calibrator


def _day(place: Partition) -> date:
    assert place.event_date is not None
    return place.event_date


def _by_place(markets: Sequence[_Market]) -> dict[Partition, list[_Market]]:
    by_place: dict[Partition, list[_Market]] = {}
    for market in markets:
        by_place.setdefault(market.place, []).append(market)
    return by_place


def _grouped(markets: Sequence[_Market]) -> dict[tuple[Partition, int], list[int]]:
    """Return the rows of markets of one event that one model spoke of."""
    groups: dict[tuple[Partition, int], list[int]] = {}
    for row, market in enumerate(markets):
        groups.setdefault((market.place, id(market.speaking)), []).append(row)
    return groups


def _floor(minute_utc: datetime, every_minutes: int) -> datetime:
    """Return the newest minute of a clock that strikes every so many minutes."""
    over = round(minute_utc.timestamp()) // _MINUTE_S % every_minutes
    return minute_utc - timedelta(minutes=over)
