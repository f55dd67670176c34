"""The contract of all strategies, and what each one says."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from kwx.config.file import BRACKETS
from kwx.config.signal_fields import SignalFields
from kwx.models.served import with_blend
from kwx.signals.blind import require_blind, sees_later
from kwx.signals.panel import FAST_COLUMNS
from kwx.signals.registry import every_strategy, strategy
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import COLUMNS, KEYS, Columns, Strategy
from warehouse.errors import Refused

SETTINGS = SignalSettings()
EVERY = every_strategy()
by_name = pytest.mark.parametrize("one", EVERY, ids=[one.name for one in EVERY])


def settings(**fields):
    """Return settings with some fields said."""
    return SignalSettings(fields=SignalFields(**fields))


def odds(p):
    """Return log-odds of a column, held within 0.001 … 0.999."""
    held = p.clip(0.001, 0.999)
    return (held / (1 - held)).log()


@pytest.fixture(scope="module")
def panel_for(panel_of):
    """Return the panel that a strategy is given."""
    return lambda one, told=SETTINGS: panel_of(one.columns(told).sources, one.family(told))


@by_name
def test_every_row_has_its_columns_in_order(one, panel_for):
    """Probabilities, a finite score, yes or no; something is said, and not always the same."""
    panel = panel_for(one)
    said = one.evaluate(panel, SETTINGS)

    assert [*KEYS, *COLUMNS] == said.columns
    assert panel.select(KEYS).equals(said.select(KEYS))
    assert said["p_fair"].drop_nulls().is_between(0, 1).all()
    assert said["score"].drop_nulls().is_finite().all()
    assert (said["p_fair"].n_unique() > 50) == (one.name != "market")
    assert (pl.Boolean, 0) == (said["urgent"].dtype, said["urgent"].null_count())


@by_name
def test_no_strategy_looks_ahead_in_its_panel(one, panel_for):
    """Without the later minutes the earlier ones say the same."""
    require_blind(one, panel_for(one), SETTINGS)


@by_name
def test_no_market_leaks_into_another_event(one, panel_for):
    """An event says among others what it says alone."""
    panel = panel_for(one)
    alone = panel.filter(pl.col("event_date") == panel["event_date"].max())

    among = one.evaluate(panel, SETTINGS).filter(pl.col("event_date") == panel["event_date"].max())

    assert among.equals(one.evaluate(alone, SETTINGS))


@by_name
def test_what_is_missing_is_told_beside_the_terms(one, panel_for):
    """The names of the terms that are null, and of no others; what was said without them stands."""
    panel = panel_for(one)
    told = one.evaluate(panel, SETTINGS, terms=True)
    names = [name for name in told.columns if name not in (*KEYS, *COLUMNS, "terms_missing")]

    assert list(one.columns(SETTINGS).terms) == names
    assert one.evaluate(panel, SETTINGS).equals(told.select(*KEYS, *COLUMNS))
    rows = told.sample(300, seed=1).iter_rows(named=True)
    assert all(row["terms_missing"].split() == [name for name in names if row[name] is None] for row in rows)


@by_name
def test_urgency_is_a_size_of_the_score(one, panel_for):
    """None by default; with a threshold all scores of its size, whichever way."""
    panel = panel_for(one)
    calm, urgent = (one.evaluate(panel, told) for told in (SETTINGS, settings(urgent_score=0.5)))

    assert not calm["urgent"].any()
    assert (calm["score"].abs() >= 0.5).fill_null(value=False).equals(urgent["urgent"].rename("score"))
    assert urgent["urgent"].any() == (one.name != "market")


@pytest.mark.parametrize(("p_gate", "told"), [({}, True), ({"p_gate": pl.lit(None)}, False)])
def test_a_column_that_is_not_declared_is_refused_and_the_gate_says_where_its_own_comes_from(p_gate, told):
    """Who never wrote p_fused_norm reads it all the same: by the gate that nobody chose."""
    one = Strategy(
        name="mine", meaning="of a test", reads=("mid_prob",),
        build=lambda _: Columns(p_fair=pl.col("p_wx"), score=pl.lit(0.0), **p_gate),
    )  # fmt: skip

    with pytest.raises(Refused, match=r"strategy mine reads .*p_wx, which it does not declare") as refused:
        one.columns(SETTINGS)

    assert told == ("p_fused_norm is read by p_gate where `Columns` says no other" in refused.value.hint)


@pytest.mark.parametrize("name", ["accel", "elasticnet", "hybrid"])
def test_the_range_that_is_traded_holds_where_nothing_was_fused(panel_for, name):
    """By what the strategy itself holds a bracket to be worth: a limit is never off because its column is not there."""
    one = strategy(name)
    panel = panel_for(one).with_columns(p_fused_norm=pl.lit(None, pl.Float64))

    said = one.evaluate(panel, SETTINGS)

    assert said["p_fair"].drop_nulls().len()
    assert said["p_fair"].equals(said["p_gate"].rename("p_fair"))


def test_the_market_wants_nothing(panel_for):
    """It has no fair price of its own: one at the mid would have orders rest for half a spread."""
    one = strategy("market")
    panel = panel_for(one)

    said = one.evaluate(panel, SETTINGS, terms=True)

    assert said["p_fair"].null_count() == said.height
    assert panel["mid_prob"].equals(said["mid_prob"])
    assert {0.0} == set(said["score"])
    assert panel["p_fused_norm"].equals(said["p_gate"].rename("p_fused_norm"))


def test_fused_says_nothing_where_nothing_was_fused(panel_for):
    """The weather alone never stands in."""
    one = strategy("fused")
    panel = panel_for(one)
    half = panel.with_columns(p_fused_norm=pl.when(pl.col("ts_utc").dt.minute() < 30).then("p_fused_norm"))

    said = one.evaluate(half, SETTINGS)

    assert half["p_fused_norm"].equals(said["p_fair"].rename("p_fused_norm"))
    assert said.filter(pl.col("ts_utc").dt.minute() >= 30)["score"].is_null().all()
    gap = odds(panel["p_fused_norm"]) - odds(panel["mid_prob"])
    assert (gap - one.evaluate(panel, SETTINGS)["score"]).abs().max() < 1e-12


@pytest.mark.parametrize("pool", ["linear", "log_odds"])
@pytest.mark.parametrize("shares", [(0.7, 0.7, 0.7), (0.2, 0.5, 0.9)])
def test_the_elastic_net_is_pooled_as_models_serve_says(panel_of, pool, shares):
    """The same p_blend, by each type of bracket's weight, over ladders where the whole one is known."""
    one = strategy("elasticnet")
    told = replace(settings(pool=pool), model_share=dict(zip(BRACKETS, shares, strict=True)))
    needed = [*one.columns(told).sources, "low_f", "high_f", "bracket_order", "strike_type"]
    panel, first = panel_of(needed, "elasticnet"), pl.col("event_date") == pl.col("event_date").min()
    # Of the coldest bracket nothing is said on the first day; on the second every gap is filled.
    word = pl.when(first).then("p_said").otherwise(pl.coalesce("p_said", pl.lit(0.1)))
    full = panel.with_columns(p_said=word, p_served=word)

    said = one.evaluate(full, told)
    expected = with_blend(full, weights=told.model_share, pool=pool)["p_blend"]

    assert expected.is_null().equals(said["p_fair"].is_null())
    assert (expected - said["p_fair"]).abs().max() < 1e-12
    sums = full.with_columns(p=said["p_fair"]).group_by("event_date", "ts_utc").agg(pl.col("p").sum())
    assert (sums.filter(~first)["p"] - 1).abs().max() < 1e-9
    assert (sums.filter(first)["p"] - 1).abs().max() > 0.05


@pytest.mark.parametrize("family", ["hybrid", "tod", "market_clock"])
def test_hybrid_says_what_its_family_says(panel_for, family):
    """The calibrated word of the family that the settings name."""
    one, told = strategy("hybrid"), settings(family=family)
    panel = panel_for(one, told)

    said = one.evaluate(panel, told)

    assert panel["p_said"].equals(said["p_fair"].rename("p_said"))
    assert family == one.family(told)
    others = [panel_for(one, settings(family=other))["p_said"] for other in ("hybrid", "tod", "market_clock")]
    assert 1 == sum(panel["p_said"].equals(other) for other in others)


def test_accel_moves_the_mid_by_its_score(panel_for):
    """So many cents for each unit, within 0 … 1; without a mid it says nothing."""
    one, told = strategy("accel"), settings(cents_per_score=30.0)
    panel = panel_for(one, told)

    said = one.evaluate(panel, told)

    expected = (panel["mid_prob"] + 0.3 * said["score"]).clip(0, 1)
    assert (expected - said["p_fair"]).abs().max() < 1e-12
    assert {0.0, 1.0} <= set(said["p_fair"])
    assert panel["mid_prob"].is_null().equals(said["p_fair"].is_null())
    still = one.evaluate(panel, settings(cents_per_score=0.0))["p_fair"]
    assert still.equals(panel["mid_prob"].rename("p_fair"))


@pytest.mark.parametrize(
    ("peek", "told"),
    [
        (pl.col("mid_prob").shift(-1).over("market"), ["p_fair"]),
        (pl.col("mid_prob").mean().over("market"), ["p_fair"]),
        (pl.col("mid_prob").reverse().over("market"), ["p_fair"]),
    ],
    ids=["the next minute", "the mean of the day", "backwards"],
)
def test_a_strategy_that_looks_ahead_is_found(panel_of, peek, told):
    """By the column that changes when the future is cut off."""
    sly = Strategy(
        name="sly", meaning="knows", reads=("mid_prob", "p_fused_norm"),
        build=lambda settings: Columns(p_fair=peek, score=pl.lit(1.0)),
    )  # fmt: skip
    panel = panel_of(["mid_prob", "p_fused_norm"])

    assert told == sees_later(sly, panel, SETTINGS, share=0.5)
    with pytest.raises(Refused, match="sly looks ahead: p_fair"):
        require_blind(sly, panel, SETTINGS)


@by_name
def test_what_shipped_strategies_read_is_read_fast(one):
    """No shipped strategy waits for the view, under any choice of flow."""
    assert set(one.reads) <= FAST_COLUMNS
    assert {
        name for flow in ("volume", "volume_20m", "clv") for name in one.columns(settings(flow=flow)).sources
    } <= set(one.reads)
