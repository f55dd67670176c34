"""What proves that a loop was given something else than the lake has: what its journal keeps beside its minutes.

A field that differs proves nothing of itself: it may have been laid wrongly. A listing, a clock, a fee and a size are
each written down a second time where they came in: the markets and fees of the origin, the panel that was seen, the
books that were missing; of a size also the book itself, as it stood when the minute was decided. Only where that second
word is what the minute says, and not what the lake says, does it explain anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from kwx.exec.bars.blank import UNKNOWN_CENTI
from kwx.exec.minute import Minute
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
        if LISTING in kept.causes.stale.get(self._city(place), ()):
            return "it was not listed as it was traded, as the journal says"
        if self.recorded.settings_of(t).tickers[(*place, 0)] != ticker:
            return "the journal has no such market then"
        if not _is_same(ours, theirs, place, "price_step_ticks", "exists") or not len(kept.features):
            return None
        was_seen = ticker in kept.features["market_ticker"]
        if was_seen != bool(ours.open[(*place, 0)]) or was_seen == bool(theirs.open[(*place, 0)]):
            return None
        return f"it was {'' if was_seen else 'not '}seen among the open markets then"

    def of_clock(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say what shows that the loop's clock was off, or that it was told of another close or another guard."""
        said = [
            proof(t, place, ours)
            for name, proof in (
                ("clock_off", self._clock_off), ("minutes_to_close", self._close), ("release", self._guard),
            )
            if not _is_same(ours, theirs, place, name)
        ]  # fmt: skip
        return None if None in said or not said else "; ".join(word for word in said if word)

    def of_fees(self, t: int, place: Place, ours: Minute, theirs: Minute) -> str | None:
        """Say what shows that another fee was listed: the origin names the one that was charged."""
        city, rule = place[1], self.recorded.settings_of(t).fees[place[1]]
        charged = (int(ours.taker_fee_num[city, 0]), int(ours.maker_fee_num[city, 0]))
        if charged != (rule.taker_num, rule.maker_num) or not _is_same(ours, theirs, place, "fee_step_micros"):
            return None
        return f"{rule} was listed then, as the journal says"

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

    def _clock_off(self, t: int, place: Place, _ours: Minute) -> str | None:
        told = CLOCK in self.recorded.of_minutes[t].causes.stale.get(self._city(place), ())
        return "the clock was off, as the journal says" if told else None

    def _close(self, t: int, place: Place, ours: Minute) -> str | None:
        """Say how far the close was by the panel that was seen, where the minute says the same."""
        seen = self.recorded.of_minutes[t].features
        if "minutes_to_close" not in seen.columns:
            return None
        names = [str(name) for name in self.recorded.last.tickers[:, place[1], 0] if name]
        told = seen.filter(pl.col("market_ticker").is_in(names))["minutes_to_close"].max()
        is_told = told is not None and told == int(ours.minutes_to_close[place[1], 0])
        return f"it closed in {told!s} minutes by what was listed then" if is_told else None

    def _guard(self, t: int, place: Place, _ours: Minute) -> str | None:
        """Say how long reports were guarded, where that was set otherwise than it is at the end."""
        now, then = (_guard_minutes(origin.config) for origin in (self.recorded.last, self.recorded.settings_of(t)))
        return None if now == then else f"guard_minutes was {then}, is {now}"

    def _shown(self, kept: Kept, place: Place, ours: Minute, side: str) -> int:
        """Return what the lake's book shows at the quote at the instant of the decision."""
        city = self._city(place)
        if city not in self._tops:
            self._tops[city] = self.tops_of(city)
        tops = self._tops[city]
        if tops.is_empty():
            return UNKNOWN_CENTI - 1  # nobody can say
        known = tops.filter(
            (pl.col("market_ticker") == self._ticker(place)) & (pl.col("known_utc") <= kept.causes.decided_utc)
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


def _guard_minutes(config: Mapping[str, Any]) -> int | None:
    """Return for how long reports are guarded by the settings of a run: an account has one for all of its cities."""
    return next((city["trade"].get("guard_minutes") for city in config.values()), None)
