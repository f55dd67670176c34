"""Models of the daily high: snapshots of each event at the instants of a model's clock, and what follows of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from kwx.exec.bars.events import Event
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import Clock, Instants
from kwx.features.tmax.snapshots import snapshots_of
from kwx.live.brain.remembered import Remembered
from kwx.live.brain.skies import Skies
from kwx.models.contract import Floats
from kwx.models.tmax import hybrid, market_clock, tod
from kwx.models.tmax.fitted import TmaxModel
from kwx.models.tmax.hybrid import Hybrid
from warehouse.lake.present import Present
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, SETTLEMENTS, UTC_TYPE, Partition
from warehouse.market.cities import CITIES

CLOCKS: Mapping[str, Clock] = {
    hybrid.NAME: market_clock.CLOCK, market_clock.FAMILY.name: market_clock.CLOCK, tod.FAMILY.name: tod.CLOCK,
}  # fmt: skip
"""By which clock each family speaks."""

_STEP_MINUTES = 5
_CLOCKS_APART = timedelta(minutes=5)
_INSTANT = timedelta(microseconds=1)
_NO_LABELS = pl.DataFrame(schema={"event_date": pl.Date, "label_f": pl.Int32, "label_known_utc": UTC_TYPE})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An event that a model of the high is to speak of; since_utc: when it spoke last, None where it never did.

    opens_utc, closes_utc: between these all of its brackets trade.
    """

    event: Event
    model: TmaxModel | Hybrid
    since_utc: datetime | None
    opens_utc: datetime
    closes_utc: datetime

    @property
    def place(self) -> Partition:
        """The city-day."""
        return Partition(self.event.city, self.event.event_date)


@dataclass(frozen=True, kw_only=True, eq=False)
class Said:
    """What a model said of an event: when, and the chance of each bracket, with the names of their markets."""

    ts_utc: datetime
    names: tuple[str, ...]
    p: Floats


class Highs:
    """Snapshots of the running days, and what models say of them."""

    def __init__(self, present: Present, skies: Skies) -> None:
        self._present = present
        self._skies = skies
        self._unheard: Remembered[TmaxInputs] = Remembered()
        self._inputs: Remembered[TmaxInputs] = Remembered()
        self._together: Remembered[TmaxInputs] = Remembered()

    def words(self, asked: Sequence[Asked], minute_utc: datetime) -> dict[Partition, Said]:
        """Return what each event's model has said since it spoke last, up to a minute; nothing where it has not."""
        said: dict[Partition, Said] = {}
        for clock, ours in _by_clock(asked):
            rows = self._newest(ours, clock, minute_utc)
            for model in {id(one.model): one.model for one in ours}.values():
                said |= _said([one for one in ours if one.model is model], model, rows)
        return said

    def make_ready(self, asked: Sequence[Asked], minute_utc: datetime) -> None:
        """Lay out the days of which models may speak at a minute to come, as far as they are known."""
        for clock, ours in _by_clock(asked):
            self._due(ours, clock, minute_utc)

    def forget(self, before: date) -> None:
        """Forget event dates that are over."""
        for held in (self._unheard, self._inputs):
            held.forget(lambda place: isinstance(place, Partition) and _day(place) < before)

    def _newest(self, asked: Sequence[Asked], clock: Clock, minute_utc: datetime) -> pl.DataFrame:
        """Return the newest snapshot of each event that its model may speak of and has not spoken of."""
        due, inputs = self._due(asked, clock, minute_utc)
        if inputs is None:
            return pl.DataFrame(schema={"city": pl.String, "event_date": pl.Date})
        instants = _unsaid(clock(inputs), due, minute_utc)
        rows = snapshots_of(inputs, lambda _: instants)
        return rows.group_by("city", "event_date", maintain_order=True).tail(1)

    def _due(
        self, asked: Sequence[Asked], clock: Clock, minute_utc: datetime
    ) -> tuple[Sequence[Asked], TmaxInputs | None]:
        """Return the events of which a model may be about to speak, and their days; None where there are none."""
        due = [one for one in asked if _may_be_due(one, minute_utc)]
        if not due:
            return due, None
        parts = tuple(self._read(one.place, minute_utc) for one in due)
        return due, self._together.of(clock, parts, lambda: TmaxInputs.together(parts))

    def _read(self, place: Partition, minute_utc: datetime) -> TmaxInputs:
        """Return one climate day so far: what was forecast of it, and what was reported once it has begun."""
        forecasts, markets = (self._present.read(table, place) for table in (FORECASTS, MARKETS))
        unheard = self._unheard.of(place, (forecasts, markets), lambda: _unheard(place, forecasts, markets))
        if minute_utc <= unheard.days[0].start_utc:
            return unheard
        grid = self._skies.grid(place.city, _day(place))
        obs, settlements = (self._present.read(table, place) for table in (OBS, SETTLEMENTS))
        return self._inputs.of(
            place, (grid, obs, settlements, forecasts, markets), lambda: _heard(unheard, grid, obs, settlements)
        )  # fmt: skip


def _unheard(place: Partition, forecasts: pl.DataFrame, markets: pl.DataFrame) -> TmaxInputs:
    return TmaxInputs.of(
        CITIES[place.city], (_day(place),), forecasts.lazy(), markets.lazy(), labels=_NO_LABELS
    )  # fmt: skip


def _heard(
    unheard: TmaxInputs, grid: pl.DataFrame, obs: pl.DataFrame, settlements: pl.DataFrame
) -> TmaxInputs:  # fmt: skip
    """Return a day with its reports; its five-minute steps are those of its minutes that end with one."""
    on_step = pl.col("ts_utc").dt.epoch("us") // 60_000_000 % _STEP_MINUTES == 0
    steps = grid.lazy().filter(on_step).rename({"climate_date": "event_date"})
    return unheard.heard(steps, obs.lazy(), settlements.lazy())


def _by_clock(asked: Sequence[Asked]) -> Iterator[tuple[Clock, list[Asked]]]:
    """Yield each clock with the events whose models speak by it."""
    for clock in {id(CLOCKS[one.model.family]): CLOCKS[one.model.family] for one in asked}.values():
        yield clock, [one for one in asked if CLOCKS[one.model.family] is clock]


def _may_be_due(one: Asked, minute_utc: datetime) -> bool:
    """Tell whether a clock may have come round since a model spoke last: none does more often than this."""
    return one.since_utc is None or minute_utc - one.since_utc >= _CLOCKS_APART


def _unsaid(instants: Instants, asked: Sequence[Asked], minute_utc: datetime) -> Instants:
    """Return the instants of each event, in the order of days, that its model may speak of and has not."""
    since_us, until_us = np.array([_bounds_us(one, minute_utc) for one in asked], dtype=np.int64).T
    ours = (instants.ts_us > since_us[instants.day]) & (instants.ts_us <= until_us[instants.day])
    return Instants(**{name: np.asarray(values)[ours] for name, values in vars(instants).items()})


def _bounds_us(one: Asked, minute_utc: datetime) -> tuple[int, int]:
    since_utc = one.opens_utc - _INSTANT if one.since_utc is None else one.since_utc
    until_utc = min(minute_utc, one.closes_utc - _INSTANT)
    return round(since_utc.timestamp() * 1_000_000), round(until_utc.timestamp() * 1_000_000)


def _said(asked: Sequence[Asked], model: TmaxModel | Hybrid, rows: pl.DataFrame) -> dict[Partition, Said]:
    """Return what one model says of the snapshots of its events."""
    places = {one.place: one for one in asked}
    keys = [Partition(city, day) for city, day in rows.select("city", "event_date").iter_rows()]
    numbers = [number for number, key in enumerate(keys) if key in places]
    if not numbers:
        return {}
    own = rows[numbers]
    degrees = model.degrees(own)
    said = {}
    for row, number in enumerate(numbers):
        ladder = places[keys[number]].event.ladder
        p = ladder.masses(degrees.p[row : row + 1], degrees.first_f)[0]
        said[keys[number]] = Said(ts_utc=own["ts_utc"][row], names=ladder.names, p=p)
    return said


def _day(place: Partition) -> date:
    assert place.event_date is not None
    return place.event_date
