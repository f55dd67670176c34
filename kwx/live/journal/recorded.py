"""A journal that was read: its minutes one after the other, as bars, actions and frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.minute import NOT_SETTLED, Minute, Prints
from kwx.exec.state import Actions
from kwx.live.journal.record import Origin
from kwx.live.journal.wire import Kept
from warehouse.errors import Refused
from warehouse.lake.tables import UTC_TYPE

Tree = TypeVar("Tree", Minute, Actions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """Records that are made of one origin. between: what was decided after the minute that each of them names."""

    origin: Origin
    kept: list[Kept]
    between: list[Kept] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded:
    """All that a journal holds of an event date, in order; the last origin names its markets."""

    segments: tuple[Segment, ...]

    @property
    def first(self) -> Origin:
        """Of what its first minutes were made; it names the run."""
        return self.segments[0].origin

    @property
    def last(self) -> Origin:
        """Of what its last minutes were made."""
        return self.segments[-1].origin

    @property
    def event_date(self) -> date:
        """The date."""
        return self.first.event_date

    @property
    def run_id(self) -> str:
        """The name of the run."""
        return self.first.run_id

    @cached_property
    def kept(self) -> list[Kept]:
        """Every record."""
        return [kept for segment in self.segments for kept in segment.kept]

    @cached_property
    def of_minutes(self) -> list[Kept]:
        """The records of minutes, which are one after the other."""
        return [kept for kept in self.kept if not kept.is_settlement]

    @property
    def settlements(self) -> list[Kept]:
        """The records that pay brackets, after all minutes."""
        return [kept for kept in self.kept if kept.is_settlement]

    @property
    def between(self) -> list[Kept]:
        """What was decided between its minutes: each asks of which orders the step would still keep."""
        return [kept for segment in self.segments for kept in segment.between]

    def without_settlements(self) -> Recorded:
        """Return its minutes alone."""
        return Recorded(
            segments=tuple(
                replace(segment, kept=[kept for kept in segment.kept if not kept.is_settlement])
                for segment in self.segments
            )
        )

    @property
    def minutes_utc(self) -> tuple[datetime, datetime]:
        """The ends of its first and its last minute."""
        self._require_minutes()
        return self.of_minutes[0].minute_utc, self.of_minutes[-1].minute_utc

    def settings_of(self, minute: int) -> Origin:
        """Return of what one of its minutes is made."""
        for segment in self.segments:
            own = sum(not kept.is_settlement for kept in segment.kept)
            if minute < own:
                return segment.origin
            minute -= own
        raise IndexError(minute)

    def bars(self) -> Bars:
        """Return its minutes as bars, the last row the settlement as far as the journal tells of it."""
        self._require_minutes()
        origin, event = self.last, (len(self.last.cities), 1)
        minutes = _stacked([kept.minute for kept in self.of_minutes] + [self._settling()])
        settled_utc = np.full(event, "NaT", "datetime64[us]")
        for kept in self.settlements:
            settled_utc[kept.minute.winner >= 0] = kept.minute_utc.replace(tzinfo=None)
        begins = self.of_minutes[0].minute_utc - timedelta(minutes=1)
        return Bars(
            cities=origin.cities, dates=(self.event_date,), tickers=origin.tickers,
            starts_utc=np.array([begins.replace(tzinfo=None)], "datetime64[us]"), settled_utc=settled_utc,
            settled_f=np.full(event, np.nan), minutes=minutes, **self._fees(),
        )  # fmt: skip

    def _fees(self) -> dict[str, Any]:
        """Return the rules that any minute charged, and [T, C, 1] which, the row of the settlement like the last."""
        origins = [segment.origin for segment in self.segments for kept in segment.kept if not kept.is_settlement]
        origins.append(origins[-1])
        rules = tuple(dict.fromkeys(rule for origin in origins for rule in origin.fees))
        return {
            "fee_rules": rules,
            "fee_rule": np.array([[rules.index(rule) for rule in origin.fees] for origin in origins], np.int16)[
                ..., None
            ],
            "listed_maker_fee_num": np.array([origin.listed_maker_fee_num for origin in origins], np.int32)[..., None],
        }

    def _settling(self) -> Minute:
        """Return the row after the last minute: nothing is open, and each city pays what a settlement told of it."""
        blank = _closed(self.of_minutes[-1].minute)
        for kept in self.settlements:
            winner = np.where(kept.minute.winner >= 0, kept.minute.winner, blank.winner)
            blank = blank._replace(winner=winner)
        return blank

    def actions(self) -> Actions:
        """Return what was done in each of its minutes, [T, …]; without the settlements."""
        self._require_minutes()
        return _stacked([kept.actions for kept in self.of_minutes])

    def signals(self) -> pl.DataFrame:
        """Return what was said of each market in each of its minutes, with the minute as ts_utc."""
        return self._frames(lambda kept: kept.signals)

    def features(self) -> pl.DataFrame:
        """Return what was seen of each market in each of its minutes, with the minute as ts_utc."""
        return self._frames(lambda kept: kept.features)

    def _frames(self, of: Callable[[Kept], pl.DataFrame]) -> pl.DataFrame:
        told = ((kept.minute_utc, of(kept)) for kept in self.of_minutes)
        frames = [
            frame.with_columns(ts_utc=pl.lit(minute_utc, UTC_TYPE)) for minute_utc, frame in told if len(frame)
        ]  # fmt: skip
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def _require_minutes(self) -> None:
        if not self.of_minutes:
            raise Refused(f"the journal of {self.event_date} holds no minute", hint="let the loop run first")


def _closed(minute: Minute) -> Minute:
    """Return a minute in which nothing is open, quoted or printed, with the fees of one."""
    return minute._replace(
        open=np.zeros_like(minute.open), fresh=np.zeros_like(minute.fresh),
        winner=np.full_like(minute.winner, NOT_SETTLED),
        p_fair=np.full_like(minute.p_fair, np.nan), minutes_to_close=np.zeros_like(minute.minutes_to_close),
        volume_centi=np.zeros_like(minute.volume_centi),
        sells=Prints(*map(np.zeros_like, minute.sells)), buys=Prints(*map(np.zeros_like, minute.buys)),
    )  # fmt: skip


def _stacked(trees: Sequence[Tree]) -> Tree:
    """Return tuples of arrays as one, with an axis for their number in front."""
    first = trees[0]
    return type(first)(*(_stacked_field([tree[place] for tree in trees]) for place in range(len(first))))


def _stacked_field(fields: Sequence[Any]) -> Any:
    if isinstance(fields[0], tuple):
        return type(fields[0])(*(np.stack([field[place] for field in fields]) for place in range(len(fields[0]))))
    return np.stack(fields)
