"""A signal is said where model, market and edge are known; without a model the weather speaks, under its own name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from kwx.live.signals import Signals
from warehouse.lake.store import Lake

NOON = datetime(2026, 11, 2, 18, tzinfo=UTC)


def _said(**changes: Any) -> pl.DataFrame:
    row = {
        "market_ticker": "KXHIGHCHI-26NOV02-B55.5", "city": "chicago", "event_date": date(2026, 11, 2),
        "bracket": "between", "p_model": 0.4, "p_market": 0.3, "p_blend": 0.35, "edge_cents": 2.5,
        "kelly_fraction": 0.01, "size_fraction": 0.005, "spread_cents": 2, "minutes_to_close": 300,
        "model_id": "chicago_between_win", "wf_window": "win_20260901_20261031",
    }  # fmt: skip
    schema = {"p_model": pl.Float64, "p_blend": pl.Float64, "model_id": pl.String, "wf_window": pl.String}
    return pl.DataFrame([row | changes], schema_overrides=schema)


def _seen(p_wx: float | None = 0.45, p_fused: float | None = 0.38) -> pl.DataFrame:
    return pl.DataFrame(
        {"market_ticker": ["KXHIGHCHI-26NOV02-B55.5"], "p_wx": [p_wx], "p_fused_norm": [p_fused]},
        schema_overrides={"p_wx": pl.Float64, "p_fused_norm": pl.Float64},
    )


def test_a_promoted_model_speaks_for_itself(hazard_lake: Path) -> None:
    (one,) = Signals(snapshot=Lake(hazard_lake).snapshot()).of(NOON, _said(), _seen())
    assert (one.p_model, one.p_blend, one.model_id) == (0.4, 0.35, "chicago_between_win")


def test_without_a_model_the_weather_speaks_and_fusion_is_the_blend(hazard_lake: Path) -> None:
    silent = _said(p_model=None, p_blend=None, model_id=None, wf_window=None)
    (one,) = Signals(snapshot=Lake(hazard_lake).snapshot()).of(NOON, silent, _seen())
    assert (one.p_model, one.p_blend) == (0.45, 0.38)
    assert one.model_id.startswith("weather_chicago_between_to_")
    assert one.wf_window.startswith("to_2026")


def test_nothing_is_said_of_what_is_not_known(hazard_lake: Path) -> None:
    signals = Signals(snapshot=Lake(hazard_lake).snapshot())
    silent = _said(p_model=None, p_blend=None, model_id=None, wf_window=None)
    assert signals.of(NOON, silent, _seen(p_wx=None)) == []
    assert signals.of(NOON, silent, _seen(p_fused=None)) == []
    assert signals.of(NOON, _said(edge_cents=None), _seen()) == []
