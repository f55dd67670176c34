"""What proves that a loop was given something else than the lake has: what its journal keeps beside its minutes.

A field that differs proves nothing of itself: it may have been laid wrongly. A listing, a clock, a fee and a size are
each written down a second time where they came in: the markets and fees of the origin, the panel that was seen, the
books that were missing; of a size also the book itself, as it stood when the loop looked. Only where that second
word is what the minute says, and not what the lake says, does it explain anything.

The markets, the panel and the fees of an origin are laid from the same listing as the minute, so they prove that the
minute was laid from it, not that it was the listing. That takes a third word, from where listings come in: one that
belonged to the minute came after it was decided, and from then on, not before, the minutes say what the lake does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from kwx.exec.bars.blank import UNKNOWN_CENTI
from kwx.exec.minute import Minute
from kwx.exec.releases import release_minutes
from kwx.live.due import MINUTE
from kwx.live.journal.record import CLOCK, EVERY, LISTING
from kwx.live.journal.recorded import Recorded
from kwx.live.journal.wire import Kept

Place = tuple[int, int]
"""Bracket and city."""

TopsOf = Callable[[str], pl.DataFrame]
"""Returns the best quotes of a city's books on the date, as kwx.features.book.tops has them."""


def no_books(_city: str) -> pl.DataFrame:
    """Return none."""
    return pl.DataFrame()


@dataclass(frozen=True, kw_only=True, eq=False)
class Proofs:
    """The second words of one journal."""

    recorded: Recorded
    tops_of: TopsOf = no_books
    _tops: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    def of_listing(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say what shows that another market was listed, or that it was listed as open or not."""
        kept, ticker = self.recorded.of_minutes[t], self._ticker(place)
        came = self._came_later(t, place, theirs, "exists", "open", "price_step_ticks")
        if came is None:
            return None
        if LISTING in kept.causes.stale.get(self._city(place), ()):
            return f"it was not listed as it was traded; {came}"
        if self.recorded.settings_of(t).tickers[(*place, 0)] != ticker:
            return f"the journal has no such market then; {came}"
        if not _is_same(ours, theirs, place, "price_step_ticks", "exists") or not len(kept.features):
            return None
        was_seen = ticker in kept.features["market_ticker"]
        if was_seen != bool(ours.open[(*place, 0)]) or was_seen == bool(theirs.open[(*place, 0)]):
            return None
        return f"it was {'' if was_seen else 'not '}seen among the open markets then; {came}"

    def of_clock(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say what shows that the loop's clock was off, or that it was told of another close or another guard."""
        said = [
            proof(t, place, ours, theirs)
            for name, proof in (
                ("clock_off", self._clock_off), ("minutes_to_close", self._close), ("release", self._guard),
            )
            if not _is_same(ours, theirs, place, name)
        ]  # fmt: skip
        return None if None in said or not said else "; ".join(word for word in said if word)

    def of_fees(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say what shows that another fee was listed: the origin names what was charged, and the next came later."""
        city, rule = place[1], self.recorded.settings_of(t).fees[place[1]]
        charged = (int(ours.taker_fee_num[city, 0]), int(ours.maker_fee_num[city, 0]))
        if charged != (rule.taker_num, rule.maker_num) or not _is_same(ours, theirs, place, "fee_step_micros"):
            return None
        came = self._came_later(t, place, theirs, "taker_fee_num", "maker_fee_num")
        return None if came is None else f"{rule} was listed then; {came}"

    def of_sizes(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say what shows that no book was at hand, or that it had moved by the time the minute was decided."""
        kept, ticker = self.recorded.of_minutes[t], self._ticker(place)
        differing = [side for side in ("bid", "ask") if not _is_same(ours, theirs, place, f"{side}_size_centi")]
        seen = {side: int(getattr(ours, f"{side}_size_centi")[(*place, 0)]) for side in differing}
        is_unknown = all(centi == UNKNOWN_CENTI for centi in seen.values())
        if is_unknown and not {EVERY, ticker}.isdisjoint(kept.causes.unsized):
            return "no book was at hand, as the journal says"
        then = {side: self._shown(kept, place, ours, side) for side in differing}
        return "the book had moved by the time it was decided" if differing and then == seen else None

    def _came_later(self, t: int, place: Place, theirs: Minute, *names: str) -> str | None:
        """Say when the listing came in of which the lake's fields of a minute are, if a lived minute shows that it did.

        It is the first that came late after the minute: those before it say what the minute says, and it what the lake
        says. A close is the same where it is the same instant, however many minutes away.
        """
        minutes, city = self.recorded.of_minutes, self._city(place)
        then = _said(minutes[t].minute, t, place, names)
        for later, kept in enumerate(minutes[t + 1 :], start=t + 1):
            now = _said(kept.minute, later, place, names)
            if LISTING in kept.causes.late.get(city, ()):
                came = f"the listing came in by {kept.causes.decided_utc:%H:%M:%S}Z, as the journal says"
                return came if now == _said(theirs, t, place, names) else None
            if now != then:
                return None
        return None

    def _clock_off(self, t: int, place: Place, _ours: Minute, _theirs: Minute) -> str | None:
        told = CLOCK in self.recorded.of_minutes[t].causes.stale.get(self._city(place), ())
        return "the clock was off, as the journal says" if told else None

    def _close(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say how far the close was by the panel that was seen, where the minute says the same."""
        seen = self.recorded.of_minutes[t].features
        if "minutes_to_close" not in seen.columns:
            return None
        names = [str(name) for name in self.recorded.last.tickers[:, place[1], 0] if name]
        told = seen.filter(pl.col("market_ticker").is_in(names))["minutes_to_close"].max()
        came = self._came_later(t, place, theirs, "minutes_to_close")
        is_told = told is not None and told == int(ours.minutes_to_close[place[1], 0])
        return f"it closed in {told!s} minutes by what was listed then; {came}" if is_told and came else None

    def _guard(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say how long reports were guarded, where that makes the minute a guarded one, or not, on either side."""
        settings = (self.recorded.settings_of(t), self.recorded.last)
        then, now = (_guard_minutes(origin.config) for origin in settings)
        if then is None or now is None:
            return None
        begins_utc = self.recorded.of_minutes[t].minute_utc - MINUTE
        laid = [bool(release_minutes(self._city(place), begins_utc, 1, guard)[0]) for guard in (then, now)]
        is_so = laid == [bool(one.release[place[1], 0]) for one in (ours, theirs)]
        return f"guard_minutes was {then}, is {now}" if is_so else None

    def _shown(self, kept: Kept, place: Place, ours: Minute, side: str) -> int:
        """Return what the lake's book shows at the quote at the instant at which the loop looked at it."""
        city = self._city(place)
        if city not in self._tops:
            self._tops[city] = self.tops_of(city)
        tops = self._tops[city]
        if tops.is_empty():
            return UNKNOWN_CENTI - 1  # nobody can say
        known = tops.filter(
            (pl.col("market_ticker") == self._ticker(place))
            & (pl.col("known_utc") <= (kept.causes.books_utc or kept.causes.decided_utc))
        ).tail(1)  # fmt: skip
        if known.is_empty() or known[f"{side}_ticks"][0] != int(getattr(ours, f"{side}_ticks")[(*place, 0)]):
            return UNKNOWN_CENTI
        return int(known[f"{side}_centi"][0])

    def _ticker(self, place: Place) -> str:
        return str(self.recorded.last.tickers[(*place, 0)])

    def _city(self, place: Place) -> str:
        return self.recorded.last.cities[place[1]]


def _is_same(ours: Minute, theirs: Minute, place: Place, *names: str) -> bool:
    """Tell whether fields of a market, or of its event, are the same in two minutes."""
    pairs = ((np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name))) for name in names)
    return all(one[at] == other[at] for one, other in pairs for at in [(*place, 0) if one.ndim == 3 else (place[1], 0)])


def _said(minute: Minute, t: int, place: Place, names: Sequence[str]) -> tuple[int, ...]:
    """Return fields of a market, or of its event; of a close in which minute it is."""
    values = ((name, np.asarray(getattr(minute, name))) for name in names)
    return tuple(
        int(value[(*place, 0) if value.ndim == 3 else (place[1], 0)]) + (t if name == "minutes_to_close" else 0)
        for name, value in values
    )  # fmt: skip


def _guard_minutes(config: Mapping[str, Any]) -> int | None:
    """Return for how long reports are guarded by the settings of a run: an account has one for all of its cities."""
    return next((city["trade"].get("guard_minutes") for city in config.values()), None)
