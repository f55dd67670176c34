"""The two sides of a comparison: a run that the lake has kept, or a way to trade that is run now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, get_args

import polars as pl

from kwx.backtest.metrics import measured
from kwx.backtest.run import Wish, backtest
from kwx.backtest.sweep.tries import merged
from kwx.config.said import said_of
from kwx.config.signal_fields import TmaxFamily
from kwx.config.trading import TradeConfig
from kwx.exec.bars.outcomes import outcomes_of
from kwx.exec.runs.asked import code_sha256
from kwx.exec.runs.kept import Kept, run_of, runs_of
from kwx.signals.registry import strategy_names
from pipelines.publishing import OnProgress
from warehouse.errors import Usage
from warehouse.lake.store import Lake, Snapshot

FAMILIES: tuple[str, ...] = get_args(TmaxFamily)
_OF_FAMILIES = "hybrid"
"""The strategy that trades what a family of models predicts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One side: how it was asked for, its run, what it is made of by name, and its city-days."""

    word: str
    run_id: str
    made_of: Mapping[str, str]
    config: Mapping[str, Any]
    days: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Way:
    """A strategy and settings beside those of the wish."""

    strategy: str
    said: Mapping[str, Any]


def way_of(word: str) -> Way | None:
    """Read STRATEGY, FAMILY or either with :KEY=VALUE,…; None where it begins with neither.

    A family of models of the high (hybrid, tod, market_clock) is the strategy `hybrid` that trades its predictions.
    """
    name, _, settings = word.partition(":")
    said = said_of([part for part in settings.split(",") if part], TradeConfig)
    if name in FAMILIES:
        return Way(strategy=_OF_FAMILIES, said=merged({"signals": {"family": name}}, said))
    if name in strategy_names() or name.endswith(".py"):
        return Way(strategy=name, said=said)
    return None


def sides_of(
    words: tuple[str, str], wish: Wish, lake_root: Any, *, on_progress: OnProgress = lambda done, total, what: None
) -> tuple[Side, Side]:
    """Return both sides; a way beside a kept run is run over that run's cities and dates where none are said."""
    snapshot = Lake(lake_root).snapshot()
    kept = [_kept(snapshot, word) for word in words]
    asked = next((_as_kept(wish, one) for one in kept if one is not None), wish)
    first, second = (
        _made(word, asked, lake_root, on_progress) if one is None else _told(word, one, snapshot, wish)
        for word, one in zip(words, kept, strict=True)
    )
    return first, second


def _kept(snapshot: Snapshot, word: str) -> Kept | None:
    """Return the kept run that a word names, None where it names a way; refuse what names neither."""
    runs = runs_of(snapshot)["run_id"].to_list()
    if word in runs or way_of(word) is None:
        if not any(run.startswith(word) for run in runs):
            near = get_close_matches(word, [*strategy_names(), *FAMILIES, *runs], n=2, cutoff=0.3)
            raise Usage(
                f"{word!r} is no kept run, no strategy and no family of models",
                hint=f"did you mean {' or '.join(near)}?" if near else f"strategies: {' '.join(strategy_names())}",
            )
        return run_of(snapshot, word)
    return None


def _as_kept(wish: Wish, kept: Kept) -> Wish:
    since, until = kept.dates
    return replace(wish, cities=wish.cities or kept.cities, since=wish.since or since, until=wish.until or until)


def _told(word: str, kept: Kept, snapshot: Snapshot, wish: Wish) -> Side:
    since, until = kept.dates
    outcomes = outcomes_of(snapshot, cities=kept.cities, since=since, until=until)
    found = measured(
        kept.ledger.fills, kept.ledger.equity, outcomes, block_days=wish.block_days, level=wish.level, seed=wish.seed
    )  # fmt: skip
    made_of = {name: str(kept.row[name]) for name in ("strategy", "fill_model", "inputs_sha256", "code_sha256", "seed")}
    return Side(
        word=word, run_id=kept.run_id, config=kept.config, days=found.days,
        made_of=made_of | {"cities": " ".join(kept.cities), "dates": f"{since} … {until}"},
    )  # fmt: skip


def _made(word: str, wish: Wish, lake_root: Any, on_progress: OnProgress) -> Side:
    way = way_of(word)
    if way is None:
        raise Usage(f"{word!r} is no way to trade", hint=f"strategies: {' '.join(strategy_names())}")
    own = replace(
        wish, strategy=way.strategy, said=merged(wish.said, way.said), keep=False, with_sensitivity=False
    )  # fmt: skip
    done = backtest(own, lake_root, on_progress=on_progress)
    asked = done.asked
    made_of = {
        "strategy": asked.strategy, "fill_model": asked.fill_model, "inputs_sha256": asked.inputs_sha256,
        "code_sha256": code_sha256(), "seed": str(asked.seed), "cities": " ".join(asked.cities),
        "dates": f"{asked.since} … {asked.until}",
    }  # fmt: skip
    return Side(word=word, run_id=asked.run_id, config=asked.config, days=done.measured.days, made_of=made_of)
