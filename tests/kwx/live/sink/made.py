"""Signals as tests make them: numbered, so that one can be told from another and none is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kwx.live.sink.signal import Signal

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
_SAID: dict[str, Any] = {
    "city": "chicago",
    "bracket": "between",
    "p_model": 0.25,
    "p_market": 0.5,
    "p_blend": 0.375,
    "edge_cents": -3.25,
    "kelly_fraction": None,
    "size_fraction": 0.125,
    "spread_cents": 2,
    "minutes_to_close": 90,
    "model_id": "chicago_between_win_20261001_20261031",
    "wf_window": "win_20261001_20261031",
}


def made_signal(number: int = 0, **changes: Any) -> Signal:
    """Return the signal of a number: its market carries it, and so does its probability."""
    numbered = {"ts_utc": START, "market_ticker": f"KXHIGHCHI-{number}", "p_model": (number % 1_000) / 1_000}
    return Signal(**_SAID | numbered | changes)


def made_tick(tick: int, *, markets: int = 84) -> list[Signal]:
    """Return the signals of one tick, nine seconds after the one before."""
    at = START + timedelta(seconds=9 * tick)
    return [made_signal(number, ts_utc=at, p_blend=(tick % 100) / 100) for number in range(markets)]


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the instant at which it stands."""
        return self.now

    def move(self, seconds: float) -> None:
        """Move it."""
        self.now += timedelta(seconds=seconds)
