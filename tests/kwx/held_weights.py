"""Weights as a tuning stores them, for tests of what they may serve."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.weights import said_weight

HELD = replace(
    said_weight(0.7, pool="log_linear", market=MarketRecipe()), fitted_utc=datetime(2026, 11, 1, tzinfo=UTC),
    since=date(2026, 10, 1), until=date(2026, 10, 30),
)  # fmt: skip
"""Of October, for all cities; the first date that they may serve is 2026-11-01."""
