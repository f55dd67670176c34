"""Small ladders of quotes by hand, and a demo lake whose weather is fused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from kwx.fuse.market.minutes import ABSENT, MINUTE_US, EventMinutes
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseWish, fuse_days
from kwx.fuse.weights import WeightSet, said_weight
from warehouse.market.brackets import Bracket
from warehouse.market.ladder import Ladder

NOON_US = int(datetime(2026, 11, 1, 18, tzinfo=UTC).timestamp()) * 1_000_000
EMPTY_BID, EMPTY_ASK = 0, 10_000


def ladder_of(brackets: int) -> Ladder:
    """Return so many brackets of two degrees from 50 °F on, the outermost open."""
    middles = [Bracket(low, low + 1) for low in range(50, 50 + 2 * (brackets - 2), 2)]
    last = 49 if not middles else middles[-1].high_f
    every = [Bracket(None, 49), *middles, Bracket(last + 1, None)]
    return Ladder.of(((f"E-{place}", bracket) for place, bracket in enumerate(every)), event="E")


def quoted(cents, *, age=0, last=None, minutes=1, volume=0, velocity=0) -> EventMinutes:
    """Return an event whose brackets are quoted (bid, ask) in cents, the same at each minute."""
    bid, ask = (np.tile(np.array([100 * pair[side] for pair in cents]), (minutes, 1)) for side in (0, 1))
    shape = bid.shape
    trades = [None] * shape[1] if last is None else last
    traded = np.array([ABSENT if price is None else 100 * price for price in trades])
    return EventMinutes(
        event="E",
        ladder=ladder_of(shape[1]),
        ts_us=NOON_US + MINUTE_US * np.arange(minutes),
        bid_ticks=np.where(bid < 0, ABSENT, bid),
        ask_ticks=np.where(ask < 0, ABSENT, ask),
        age_minutes=np.broadcast_to(np.asarray(age), shape).copy(),
        last_ticks=np.tile(traded, (minutes, 1)),
        volume_centi=np.full(shape, volume),
        velocity_half_ticks=np.broadcast_to(np.asarray(velocity), shape).copy(),
    )


@pytest.fixture(scope="session")
def quotes_of() -> Callable[..., EventMinutes]:
    """Return the builder of events quoted in cents."""
    return quoted


@pytest.fixture(scope="session")
def weight_of() -> Callable[[float], WeightSet]:
    """Return weights that somebody said."""
    return lambda weight: said_weight(weight, pool="log_linear", market=MarketRecipe())


@pytest.fixture(scope="session")
def fused_lake(hazard_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake whose two days of Chicago have weather, every event of it fused at weight 0.7; tests only read it."""
    root = tmp_path_factory.mktemp("fused") / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    fuse_days(FuseWish(weights=said_weight(0.7, pool="log_linear", market=MarketRecipe())), root, workers=1)
    return root
