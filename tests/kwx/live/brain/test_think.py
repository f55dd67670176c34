"""What is thought of a minute is what the lake says of it afterwards, by every strategy and to the bit."""

from __future__ import annotations

import gc
import math
import weakref
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kwx.live.brain import Thought
from kwx.models.served import blend_weights, blended_predictions
from kwx.signals.panel import FAST_COLUMNS, read_signal_panel
from kwx.signals.strategy import KEYS as ROW
from tests.kwx.live.brain.known import (
    CONFIGURATION,
    MINUTE,
    STRATEGIES,
    bars_of,
    brain_of,
    differences,
    known_at,
    minute_of,
    move_on,
)
from tests.kwx.live.learned_lake import KEYS, TODAY, TOMORROW, Learned
from warehouse.lake.tables import CANDLES_1M, FORECASTS, MARKETS, OBS, TRADES, Partition, Table

pytestmark = pytest.mark.slow

OPENING = datetime(2026, 11, 2, 15, 30, tzinfo=UTC)
EVENING = datetime(2026, 11, 2, 23, 47, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 3, 5, 1, tzinfo=UTC)
TOMORROW_OPENS = datetime(2026, 11, 3, 15, 1, tzinfo=UTC)
AFTERNOON = datetime(2026, 11, 3, 18, 45, tzinfo=UTC)
CLOSING = datetime(2026, 11, 4, 5, 0, tzinfo=UTC)
SAMPLED = (OPENING, EVENING, MIDNIGHT, TOMORROW_OPENS, AFTERNOON, CLOSING)
DAYS = (TODAY, TOMORROW)


def assert_as_the_lake(learned: Learned, strategy: str, thought: Thought) -> None:
    """Hold the minutes of a thought against those of a backtest."""
    for day in set(DAYS).intersection(thought.dates):
        bars = bars_of(learned, strategy, day)
        assert (bars.tickers == thought.tickers[day]).all()
        assert differences(minute_of(bars, thought.minute_utc), thought.minutes[day]) == [], (strategy, day)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_minute_is_that_of_the_lake(learned, strategy):
    """Thought of what was known then alone: at opens and closes, around midnight, on the eve and on the day."""
    for at_utc in SAMPLED:
        thought = brain_of(learned, known_at(learned.snapshot, at_utc), strategy).think(at_utc)
        assert_as_the_lake(learned, strategy, thought)
        fresh = np.any([minute.fresh.any(axis=(0, 2)) for minute in thought.minutes.values()], axis=0)
        assert [city for city, is_fresh in zip(KEYS, fresh, strict=True) if not is_fresh] == sorted(thought.stale)
        # Of the day before models may not speak: they were fitted too late.
        assert bool(thought.notes) == (thought.dates[0] < TODAY)


@pytest.mark.parametrize("strategy", ["hybrid", "accel"])
def test_minute_after_minute_is_that_of_the_lake(learned, strategy):
    """Thought by one brain while the day goes on: what it holds from minute to minute changes nothing."""
    at_utc = AFTERNOON - 4 * MINUTE
    present = known_at(learned.snapshot, at_utc)
    brain = brain_of(learned, present, strategy)
    for number in range(12):
        assert_as_the_lake(learned, strategy, brain.think(at_utc))
        if number % 2:
            brain.prepare(at_utc + MINUTE, within_s=(0.0, math.inf)[number % 4 == 1])
        move_on(present, learned.snapshot, at_utc + MINUTE, at_utc)
        at_utc += MINUTE


def test_no_more_is_made_beforehand_than_there_is_time_for(learned, monkeypatch):
    """Whatever is begun is finished; once the time is over nothing more is begun."""
    done: list[int] = []
    brain = brain_of(learned, known_at(learned.snapshot, AFTERNOON), "fused")
    monkeypatch.setattr(brain, "_worked_ahead", lambda minute_utc: map(done.append, range(3)))

    brain.prepare(AFTERNOON, within_s=0.0)
    assert [0] == done
    brain.prepare(AFTERNOON)
    assert [0, 0, 1, 2] == done


def test_the_panel_is_that_of_the_lake(learned):
    """Every column that strategies and models read, to the bit: prices, neighbours, weather, pool, predictions."""
    thought = brain_of(learned, known_at(learned.snapshot, AFTERNOON), "elasticnet").think(AFTERNOON)
    columns = sorted(FAST_COLUMNS - set(ROW))
    for city in KEYS:
        whole = read_signal_panel(
            learned.snapshot, city, since=TODAY, until=TOMORROW, columns=columns, family="elasticnet"
        )
        ours = thought.features.filter(pl.col("city") == city).select(*ROW, *columns)
        assert_frame_equal(whole.filter(pl.col("ts_utc") == AFTERNOON).select(*ROW, *columns), ours, check_exact=True)


def test_signals_are_the_blended_predictions_of_the_lake(learned):
    """The model's probability, the market's and their pool, with the model that spoke and its window."""
    thought = brain_of(learned, known_at(learned.snapshot, AFTERNOON), "elasticnet").think(AFTERNOON)
    for city in KEYS:
        weights = blend_weights(CONFIGURATION, city)
        whole = blended_predictions(
            learned.snapshot, city, TODAY, TOMORROW, weights=weights, family="elasticnet"
        ).filter(pl.col("ts_utc") == AFTERNOON)
        ours = thought.signals.filter(pl.col("city") == city)
        named = {"strike_type": "bracket", "p_mkt": "p_market"}
        wanted = ["market_ticker", "bracket", "p_model", "p_market", "p_blend", "model_id", "wf_window"]
        assert whole.height == 12
        assert_frame_equal(whole.rename(named).select(wanted), ours.select(wanted), abs_tol=1e-12, rel_tol=0)


@pytest.mark.parametrize("strategy", ["hybrid", "accel"])
def test_what_is_known_later_changes_nothing(learned, strategy):
    """Garbled, doubled or moved to other times: the minute is the same to the bit."""
    clean = brain_of(learned, known_at(learned.snapshot, AFTERNOON), strategy).think(AFTERNOON)
    poisoned = brain_of(learned, known_at(learned.snapshot, AFTERNOON, garbled), strategy).think(AFTERNOON)

    for day in clean.dates:
        assert differences(clean.minutes[day], poisoned.minutes[day]) == []
    assert_frame_equal(clean.features, poisoned.features, check_exact=True)
    assert_frame_equal(clean.signals, poisoned.signals, check_exact=True)


def garbled(table: Table, later: pl.DataFrame) -> pl.DataFrame:
    """Return later rows that say other things; their keys and the instants of their being known stay."""
    wrong = {
        CANDLES_1M.name: [pl.lit(1, pl.Int32).alias(f"yes_{side}_close_ticks") for side in ("bid", "ask")]
        + [pl.lit(99_900, pl.Int64).alias("volume_centi"), pl.lit(9_900, pl.Int32).alias("price_close_ticks")],
        TRADES.name: [pl.lit(9_900, pl.Int32).alias("yes_price_ticks"), pl.lit(999_900).alias("count_centi")],
        OBS.name: [pl.col("temp_f") + 40, pl.col("temp_lo_f") + 40, pl.col("temp_hi_f") + 40],
        FORECASTS.name: [pl.col("temp_f") - 30, pl.col("high_f") + 30],
    }
    return later.with_columns(wrong.get(table.name, [])).cast(dict(table.schema))


def test_a_report_that_comes_late_is_heard_a_minute_later(learned):
    """What was known by an evaluation, but not to us, moves it as soon as it is here; then it is the lake's again."""
    at_utc = AFTERNOON + 2 * MINUTE
    present = known_at(learned.snapshot, at_utc)
    place = Partition("chicago", TODAY)
    rows = present.read(OBS, place).select(OBS.schema.names())
    present.put(OBS, place, rows.filter(pl.col("known_utc") <= AFTERNOON - timedelta(minutes=40)))
    brain = brain_of(learned, present, "fused")

    early = brain.think(at_utc)
    present.put(OBS, place, rows)
    late = brain.think(at_utc)

    ours = pl.col("city") == "chicago"
    assert not early.features.filter(ours)["p_wx"].equals(late.features.filter(ours)["p_wx"])
    assert early.features.filter(~ours)["p_wx"].equals(late.features.filter(~ours)["p_wx"])
    assert "min old" in early.stale["chicago"]
    assert_as_the_lake(learned, "fused", late)


def test_days_that_are_over_are_forgotten(learned):
    """What a brain holds does not grow from day to day."""
    present = known_at(learned.snapshot, OPENING)
    brain = brain_of(learned, present, "hybrid")
    brain.think(OPENING)
    held = [weakref.ref(brain._skies.grid(city, TODAY - timedelta(days=2))) for city in KEYS]
    gc.collect()
    assert all(one() is not None for one in held)

    move_on(present, learned.snapshot, AFTERNOON, OPENING)
    assert_as_the_lake(learned, "hybrid", brain.think(AFTERNOON))
    gc.collect()
    assert all(one() is None for one in held)


def test_a_minute_that_was_missed_leaves_no_hole(learned):
    """Of a word that should have been said in a gap the minute is thought of afterwards, from what was known at it."""
    at_utc = AFTERNOON - 3 * MINUTE
    present = known_at(learned.snapshot, at_utc)
    brain = brain_of(learned, present, "elasticnet")
    brain.think(at_utc)
    move_on(present, learned.snapshot, AFTERNOON + 2 * MINUTE, at_utc)

    assert_as_the_lake(learned, "elasticnet", brain.think(AFTERNOON + 2 * MINUTE))


def test_an_event_of_which_a_bracket_is_not_listed_is_left_out_and_told(learned):
    """The others are thought of as ever."""
    present = known_at(learned.snapshot, AFTERNOON)
    place = Partition("nyc", TOMORROW)
    listed = present.read(MARKETS, place).select(MARKETS.schema.names())
    present.put(MARKETS, place, listed.filter(pl.col("bracket_order") != 3))

    thought = brain_of(learned, present, "fused").think(AFTERNOON)

    assert (thought.tickers[TOMORROW][:, 1] == "").all()
    assert (thought.tickers[TOMORROW][:, 0] != "").all()
    assert any("nyc 2026-11-04: left out" in note for note in thought.left_out)
    assert differences(minute_of(bars_of(learned, "fused", TODAY), AFTERNOON), thought.minutes[TODAY]) == []


def test_without_a_fit_or_a_model_there_is_no_opinion(learned, tmp_path):
    """Of a city without laws the market speaks alone; of a registry without models nobody does; both are told."""
    from warehouse.lake.tables import MC_PARAMS

    present = known_at(learned.snapshot, AFTERNOON)
    present.put(MC_PARAMS, Partition("nyc"), MC_PARAMS.empty())
    empty = Learned(root=learned.root, models=tmp_path / "models")

    thought = brain_of(empty, present, "hybrid").think(AFTERNOON)

    assert thought.features["p_model"].is_null().all()
    assert thought.features.filter(pl.col("city") == "nyc")["p_wx"].is_null().all()
    assert thought.features.filter(pl.col("city") == "nyc")["p_fused_norm"].is_not_null().all()
    assert thought.features.filter(pl.col("city") == "chicago")["p_wx"].is_not_null().all()
    assert any("no fit of the air" in note for note in thought.notes)
    assert any("no model of" in note for note in thought.notes)


@pytest.mark.parametrize("strategy", ["fused", "accel"])
def test_while_nothing_is_listed_there_is_nothing_to_decide(learned, strategy):
    """A loop that begins before any listing came is warm all the same, and goes on."""
    brain = brain_of(learned, known_at(learned.snapshot, AFTERNOON), strategy)
    at_utc = AFTERNOON + timedelta(days=30)

    brain.warm(at_utc)
    brain.prepare(at_utc)
    thought = brain.think(at_utc)

    assert thought.dates == brain.glance(at_utc).dates == ()
    assert brain.decide(thought, {}, {}).signals.is_empty()
