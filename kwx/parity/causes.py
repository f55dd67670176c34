"""Why a lived minute and its replay differ: what the step was given is exchanged, field by field, until they agree.

A cause is named where what the loop saw differs from what the lake has now, and where the journal or the data bear it
out: a price that is that of an earlier minute, prints that the lake has and the loop had not, a source that was told to
be late, a listing, a fee or a book that was written down as it came in. What differs without any such trace is
unexplained, and a defect until it is proved to be something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl

from kwx.exec.engine import one_step
from kwx.exec.ledger.known import TOLD, Known
from kwx.exec.minute import Array, Minute
from kwx.exec.state import Actions
from kwx.live.journal.record import PRICES as PRICES_SOURCE
from kwx.live.journal.record import TRADES as TRADES_SOURCE
from kwx.live.journal.record import WEATHER as WEATHER_SOURCE
from kwx.live.journal.recorded import Recorded
from kwx.live.journal.wire import Kept
from kwx.parity.proofs import Proofs
from kwx.parity.reach import BEFORE_MINUTES, Reach
from kwx.parity.replay import Step, minute_of, same_fields, with_fields

DECISION = (
    "verb", "gate", "want_centi", "made_centi", "made_ticks", "took_centi", "took_ticks", "order_side", "order_ticks",
    "order_left_centi",
)  # fmt: skip
"""The actions that are a decision, or what came of one."""


class Cause(StrEnum):
    """Why a decision differs."""

    MISSED = "missed minute"
    LISTING = "late listing"
    CLOCK = "clock"
    FEES = "fees"
    PRICES = "late price"
    WEATHER = "late weather"
    TRADES = "late trade prints"
    SIZES = "different sizes"
    OPINION = "model or fusion"
    STATE = "state"
    UNEXPLAINED = "unexplained"


_FIELDS = {
    Cause.LISTING: ("exists", "open", "price_step_ticks"),
    Cause.CLOCK: ("minutes_to_close", "release", "clock_off"),
    Cause.FEES: ("taker_fee_num", "maker_fee_num", "fee_step_micros"),
    Cause.PRICES: ("bid_ticks", "ask_ticks", "volume_20m_centi"),
    Cause.WEATHER: ("fresh",),
    Cause.TRADES: ("low_ticks", "high_ticks", "close_ticks", "volume_centi", "sells", "buys"),
    Cause.SIZES: ("bid_size_centi", "ask_size_centi"),
    Cause.OPINION: ("p_fair", "p_gate", "score", "urgent"),
}
"""The fields of a minute that a cause shows in; in the order in which causes are named."""

_STATE_ALONE = Cause.STATE.value
_LOOK_BACK_MINUTES = 30
_NEAR = 1e-9


class Found(NamedTuple):
    """One market in one minute whose decision differs, and why; since: of a consequence, when it began."""

    t: int
    bracket: int
    city: int
    cause: Cause
    detail: str
    since: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Explainer:
    """A lived date and its replay, step by step, with what the lake tells of probabilities."""

    recorded: Recorded
    lived: list[Step]
    replayed: list[Step]
    replay: Minute
    known_then: Known
    known_now: Known
    proofs: Proofs
    reach: Reach
    _agreeing: dict[tuple[int, str], Array] = field(default_factory=dict, repr=False)
    _troubled: dict[tuple[int, int], tuple[int, str] | None] = field(default_factory=dict, repr=False)

    def differences(self) -> Iterator[Found]:
        """Yield every decision that differs, in order of time."""
        roots: dict[int, Found] = {}
        for t, (ours, theirs) in enumerate(zip(self.lived, self.replayed, strict=True)):
            places = np.argwhere(~same_actions(ours.actions, theirs.actions))
            found = [self._explained(t, int(bracket), int(city), roots) for bracket, city in places]
            roots |= {one.city: one for one in found if one.cause is not Cause.STATE}
            yield from found

    def _explained(self, t: int, bracket: int, city: int, roots: dict[int, Found]) -> Found:
        """Find what must be exchanged for the lived decision to become the replayed one."""
        ours, theirs = self.lived[t], self.replayed[t]
        kept = self.recorded.of_minutes[t]
        cell = (bracket, city)
        differing = [cause for cause, names in _FIELDS.items() if not self._same_event(ours, theirs, names, city)]
        elsewhere = [
            cause for cause, names in _FIELDS.items() if not same_fields(ours.minute, theirs.minute, names).all()
        ]
        if not elsewhere or self._agrees(t, _STATE_ALONE)[cell]:
            return self._consequence(t, cell, roots)
        if kept.causes.missed:
            return Found(t, *cell, Cause.MISSED, "stepped afterwards, without an opinion")
        alone = [cause for cause in elsewhere if self._agrees(t, cause)[cell]]
        named = (alone or differing or elsewhere)[0]
        beside = [] if alone else [cause.value for cause in (differing or elsewhere) if cause is not named]
        return self._borne_out(t, cell, named, beside, kept)

    def _same_event(self, ours: Step, theirs: Step, names: tuple[str, ...], city: int) -> bool:
        return bool(same_fields(ours.minute, theirs.minute, names)[:, city].all())

    def _agrees(self, t: int, exchanged: str) -> Array:
        """Return [B, C] where the lived step does what the replay did, once its state or a cause's fields are those."""
        if (t, exchanged) not in self._agreeing:
            ours, theirs, origin = self.lived[t], self.replayed[t], self.recorded.settings_of(t)
            before, minute = (theirs.before, ours.minute) if exchanged == _STATE_ALONE else (ours.before, ours.minute)
            names = _FIELDS.get(Cause(exchanged), ())
            _, actions = one_step(origin.rules, origin.params, before, with_fields(minute, theirs.minute, names))
            self._agreeing[t, exchanged] = same_actions(actions, theirs.actions)
        return self._agreeing[t, exchanged]

    def _consequence(self, t: int, cell: tuple[int, int], roots: dict[int, Found]) -> Found:
        """Name what an event's state differs by: its own last difference of another kind, else that of another city."""
        city = cell[1]
        root = roots.get(city) or max(roots.values(), key=lambda found: found.t, default=None)
        if root is None:
            return Found(t, *cell, Cause.UNEXPLAINED, "the state differs, and nothing before it does")
        since_utc = self.recorded.of_minutes[root.t].minute_utc
        where = "" if root.city == city else f" in {self.recorded.last.cities[root.city]}"
        return Found(t, *cell, Cause.STATE, f"since {since_utc:%Y-%m-%dT%H:%M}Z{where}: {root.cause}", root.t)

    def _borne_out(self, t: int, cell: tuple[int, int], cause: Cause, beside: list[str], kept: Kept) -> Found:
        """Return a cause with what bears it out; unexplained where nothing does."""
        trace = {
            Cause.PRICES: self._price_trace, Cause.WEATHER: self._weather_trace, Cause.TRADES: self._trades_trace,
            Cause.OPINION: self._opinion_trace,
        }.get(cause, partial(self._proof, cause))  # fmt: skip
        more = f"; with {', '.join(beside)}" if beside else ""
        said = trace(t, cell, kept)
        if said is None:
            return Found(t, *cell, Cause.UNEXPLAINED, f"{cause.value}: {self._values(t, cell, cause)}{more}")
        return Found(t, *cell, cause, said + more)

    def _values(self, t: int, cell: tuple[int, int], cause: Cause) -> str:
        """Say what differs, of the market itself or of the first other that does."""
        ours, theirs = self.lived[t].minute, self.replayed[t].minute
        for name in _FIELDS[cause]:
            same = same_fields(ours, theirs, (name,))
            if same.all():
                continue
            bracket, city = cell if not same[cell] else (int(x) for x in np.argwhere(~same)[0])
            where = "" if (bracket, city) == cell else f" of {self.recorded.last.tickers[bracket, city, 0]}"
            return f"{name}{where} was {_entry(ours, name, bracket, city)}, is {_entry(theirs, name, bracket, city)}"
        return "nothing of the minute differs"

    def _proof(self, cause: Cause, t: int, cell: tuple[int, int], _kept: Kept) -> str | None:
        """Say what proves a cause of every market of the event in which it shows; of others, where it shows in none."""
        ours, theirs = self.lived[t].minute, self.replayed[t].minute
        proof = {
            Cause.LISTING: self.proofs.of_listing, Cause.CLOCK: self.proofs.of_clock, Cause.FEES: self.proofs.of_fees,
            Cause.SIZES: self.proofs.of_sizes,
        }[cause]  # fmt: skip
        differing = ~same_fields(ours, theirs, _FIELDS[cause]) & (self.recorded.last.tickers[..., 0] != "")
        places = [(int(bracket), int(city)) for bracket, city in np.argwhere(differing)]
        said = [proof(t, place, ours, theirs) for place in [one for one in places if one[1] == cell[1]] or places]
        return None if None in said or not said else f"{self._values(t, cell, cause)}: {said[0]}"

    def _price_trace(self, t: int, cell: tuple[int, int], kept: Kept) -> str | None:
        """Say what shows that a price was late: the journal, or that it is the one of a minute before."""
        if (told := self._told(kept, cell[1], PRICES_SOURCE)) is not None:
            return told
        ours, theirs = self.lived[t].minute, self.replayed[t].minute
        places = np.argwhere(~same_fields(ours, theirs, _FIELDS[Cause.PRICES]))
        own = [place for place in places if place[1] == cell[1]] or list(places)
        bracket, city = (int(x) for x in own[0])
        names = ["bid_ticks", "ask_ticks"]
        if not same_fields(ours, theirs, ("volume_20m_centi",))[bracket, city]:
            names.append("volume_20m_centi")
        seen = [_entry(ours, name, bracket, city) for name in names]
        for back in range(1, min(t, _LOOK_BACK_MINUTES) + 1):
            then = minute_of(self.replay, t - back)
            if seen == [_entry(then, name, bracket, city) for name in names]:
                return f"the price of {back} minute{'s' if back > 1 else ''} before was seen"
        return None

    def _weather_trace(self, t: int, cell: tuple[int, int], kept: Kept) -> str | None:
        """Say what shows that weather was late: the journal, or that the loop held back and need not have."""
        if (told := self._told(kept, cell[1], WEATHER_SOURCE, PRICES_SOURCE)) is not None:
            return told
        ours, theirs = self.lived[t].minute.fresh[:, cell[1], 0], self.replayed[t].minute.fresh[:, cell[1], 0]
        return "weather came after the minute was decided" if not (ours & ~theirs).any() else None

    def _trades_trace(self, t: int, cell: tuple[int, int], kept: Kept) -> str | None:
        """Say what shows that prints were late: the journal, or that the lake has more of them up to this minute."""
        if (told := self._told(kept, cell[1], TRADES_SOURCE)) is not None:
            return told
        lived = sum(int(step.minute.volume_centi[:, cell[1], 0].sum()) for step in self.lived[: t + 1])
        lake = int(self.replay.volume_centi[: t + 1, :, cell[1], 0].sum())
        return f"{lived:,} centi were printed by then, the lake has {lake:,}" if lived < lake else None

    def _opinion_trace(self, t: int, cell: tuple[int, int], kept: Kept) -> str | None:
        """Say which probability differs, and what shows why: input that was late or missing and reaches this minute."""
        trouble = self._trouble_until(t, cell[1])
        if trouble is not None and self.reach.covers(trouble[0], t, str(self.recorded.last.tickers[*cell, 0])):
            since_utc = self.recorded.of_minutes[trouble[0]].minute_utc
            return f"{self._which(t, cell, kept)}, after input that was {trouble[1]} at {since_utc:%H:%M}Z"
        came_utc = self._came_late(t, cell[1])
        return (
            None if came_utc is None else f"{self._which(t, cell, kept)}, without input that came by {came_utc:%H:%M}Z"
        )

    def _came_late(self, t: int, city: int) -> datetime | None:
        """Return by when input of a city came in that belonged to this minute or to one before it."""
        key = self.recorded.last.cities[city]
        for kept in self.recorded.of_minutes[t + 1 : t + 1 + BEFORE_MINUTES]:
            if not {PRICES_SOURCE, WEATHER_SOURCE}.isdisjoint(kept.causes.late.get(key, ())):
                return kept.minute_utc
        return None

    def _trouble_until(self, t: int, city: int) -> tuple[int, str] | None:
        """Return the last minute up to one in which a city's input was late or missing, and which of the two."""
        first = t
        while first >= 0 and (first, city) not in self._troubled:
            first -= 1
        found = self._troubled.get((first, city))
        for minute in range(first + 1, t + 1):
            said = self._trouble_at(minute, city)
            found = found if said is None else (minute, said)
            self._troubled[minute, city] = found
        return found

    def _trouble_at(self, t: int, city: int) -> str | None:
        kept = self.recorded.of_minutes[t]
        if kept.causes.missed:
            return "missed"
        if self._told(kept, city, PRICES_SOURCE, WEATHER_SOURCE) is not None:
            return "late"
        if self._same_event(self.lived[t], self.replayed[t], _FIELDS[Cause.PRICES], city):
            return None
        return None if self._price_trace(t, (0, city), kept) is None else "late"

    def _which(self, t: int, cell: tuple[int, int], kept: Kept) -> str:
        """Name the probabilities that are not what the lake tells of the minute."""
        asked = pl.DataFrame(
            {"market_ticker": [str(self.recorded.last.tickers[*cell, 0])], "ts_utc": [kept.minute_utc]},
            schema_overrides={"ts_utc": pl.Datetime("us", "UTC")},
        )
        then, now = (known.at(asked, "ts_utc").row(0, named=True) for known in (self.known_then, self.known_now))
        names = [name for name in TOLD if not _near(then[name], now[name])]
        return f"{' '.join(names) or 'the model'} differ{'' if len(names) > 1 else 's'}"

    def _told(self, kept: Kept, city: int, *sources: str) -> str | None:
        """Say what the journal tells of a city's sources, None where it tells nothing."""
        key = self.recorded.last.cities[city]
        for word, said in (("old", kept.causes.stale), ("late", kept.causes.late)):
            if named := [source for source in sources if source in said.get(key, ())]:
                return (
                    f"{' and '.join(named)} {'were' if named[0].endswith('s') else 'was'} {word}, as the journal says"
                )
        return None


def same_actions(one: Actions, other: Actions) -> Array:
    """Return [B, C] whether two steps decided the same."""
    same = np.ones(np.asarray(one.verb).shape, np.bool_)
    for name in DECISION:
        same &= np.asarray(getattr(one, name)) == np.asarray(getattr(other, name))
    return same[..., 0]


def _entry(minute: Minute, name: str, bracket: int, city: int) -> object:
    values = getattr(minute, name)
    if isinstance(values, tuple):
        return [side[:, bracket, city, 0].tolist() for side in values]
    return values[bracket, city, 0].item() if values.ndim == 3 else values[city, 0].item()


def _near(one: float | None, other: float | None) -> bool:
    return one is other or (one is not None and other is not None and abs(one - other) <= _NEAR)


def minute_utc_of(recorded: Recorded, t: int | None) -> datetime | None:
    """Return when a minute ended."""
    return None if t is None else recorded.of_minutes[t].minute_utc
