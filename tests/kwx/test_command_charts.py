"""The drawings of single commands: a mark for each row, also where there is no interval, or no row at all."""

from __future__ import annotations

import math
from collections import namedtuple
from datetime import date, timedelta
from itertools import product
from types import SimpleNamespace

import polars as pl
import pytest

from kwx.cli import backtest_question_charts as questions
from kwx.cli.card_charts import card_chart
from kwx.cli.fuse_charts import board_chart
from kwx.cli.hazard_charts import days_chart, fit_chart
from kwx.cli.model_list_charts import held_chart, states_chart
from kwx.cli.model_study_charts import blend_chart, study_chart
from kwx.cli.train_charts import trained_chart
from kwx.plots.save import save_chart, svg_of
from kwx.plots.theme import ALARM, BAND, GAIN, LINE, LOSS, MARKET, MODEL
from tests.kwx.test_plot_cli import marks
from warehouse.errors import Usage

CITIES, FAMILIES, POOLS = ("chicago", "nyc"), ("elasticnet", "tod"), ("linear", "log_linear")


def with_interval(name: str, value: float, low: str, high: str) -> dict[str, float]:
    """Return a figure with an interval around it."""
    return {name: value, low: value - 0.01, high: value + 0.01}


def test_a_leaderboard_has_a_point_for_each_kind_in_a_panel_for_each_city():
    """Accepted ones have a colour of their own."""
    rows = pl.DataFrame(
        [
            {
                "city": city, "pool": pool, "method": "grid", "until": date(2026, 11, 4),
                "held_since": date(2026, 10, 30), "accepted": pool == "linear",
                **with_interval("on_market", 0.01, "on_market_low", "on_market_high"),
            }
            for city, pool in product(CITIES, POOLS)
        ]
    )  # fmt: skip

    svg = svg_of(board_chart(rows))

    assert (4, 4) == (marks(svg)["point"], svg.count('aria-roledescription="rule mark"') - 2)
    assert all(word in svg for word in ("chicago", "nyc", "linear by grid", "held-out dates 2026-10-30 … 2026-11-04"))


def test_windows_stand_against_the_market_and_those_without_one_are_left_out(tmp_path):
    """A list of none is drawn as well."""
    rows = pl.DataFrame(
        {
            "model": ["a", "b", "c"], "city": "nyc", "bracket": "less", "family": "tod",
            "log_loss": [0.4, 0.5, 0.6], "market_log_loss": [0.45, 0.45, None],
        }
    )  # fmt: skip

    assert 2 == marks(svg_of(held_chart(rows)))["point"]
    assert 0 == marks(svg_of(held_chart(rows.clear())))["point"]
    save_chart(held_chart(rows.clear()), tmp_path / "none.png")
    assert (tmp_path / "none.png").exists()


def test_states_are_bars_and_the_current_one_is_darker():
    """A bar for each."""
    rows = pl.DataFrame({"number": [1, 2], "windows": [6, 12], "action": "promote", "current": [False, True]})

    svg = svg_of(states_chart(rows))

    assert 2 == marks(svg)["bar"]
    assert all(f'fill="{colour}"' in svg for colour in (BAND, LINE))


def test_a_study_and_a_blend_have_a_panel_for_each_of_their_kinds():
    """Points with intervals; lines in bands."""
    study = pl.DataFrame(
        [
            {
                "family": family, "city": city, "generalises": True,
                **with_interval("log_loss_difference", -0.02, "log_loss_low", "log_loss_high"),
            }
            for family, city in product(FAMILIES, CITIES)
        ]
    )  # fmt: skip
    blend = pl.DataFrame(
        [
            {
                "name": city, "pool": pool, "fitted": weight == 0.4, "weight": weight,
                **with_interval("on_market", 0.0, "on_market_low", "on_market_high"),
            }
            for city, pool, weight in product(CITIES, POOLS, (0.0, 0.4, 1.0))
        ]
    )  # fmt: skip

    assert 4 == marks(svg_of(study_chart(study)))["point"]
    told = marks(svg_of(blend_chart(blend)))
    assert (4, 4, 8) == (told["line mark"], told["area mark"], told["point"])


def test_windows_of_a_training_are_lines_of_model_and_market():
    """In their colours, for each city and type of bracket."""
    rows = pl.DataFrame(
        [
            {"city": city, "bracket": kind, "window": f"win_{n}", "log_loss": 0.4, "market_log_loss": 0.5}
            for city, kind, n in product(CITIES, ("less", "between"), range(3))
        ]
    )

    svg = svg_of(trained_chart(rows))

    assert (8, 24) == (marks(svg)["line mark"], marks(svg)["point"])
    assert all(f'stroke="{colour}"' in svg for colour in (MODEL, MARKET))


def test_laws_are_lines_and_days_are_fields():
    """A law for each colour; a state for each."""
    laws = pl.DataFrame(
        [
            {"kind": kind, "bucket": str(n), "law": law, "value_f": 0.5}
            for kind, n, law in product(("sigma", "bias"), range(3), ("chicago template", "nyc template"))
        ]
    )
    days = pl.DataFrame(
        [
            {"city": city, "event_date": date(2026, 11, 1) + timedelta(days=n), "state": state}
            for city, (n, state) in product(CITIES, enumerate(("computed", "kept")))
        ]
    )

    assert (4, 12) == tuple(marks(svg_of(fit_chart(laws)))[kind] for kind in ("line mark", "point"))
    assert 4 == marks(svg_of(days_chart(days)))["rect mark"]


def test_a_model_is_drawn_by_its_weights_or_by_its_loss(monkeypatch):
    """What raises the chance and what lowers it in two colours; one that has neither is refused."""
    monkeypatch.setattr("kwx.cli.card_charts.coefficients_of", lambda one: one.weights)
    monkeypatch.setattr(
        "kwx.cli.card_charts.losses_of",
        lambda metrics: SimpleNamespace(model=metrics.get("log_loss"), market=0.5, rows=10),
    )
    linear = SimpleNamespace(name="m", weights={f"f{n}": (-1) ** n / (n + 1) for n in range(40)}, card=None)
    trees = SimpleNamespace(name="m", weights=None, card=SimpleNamespace(metrics={"log_loss": 0.4}))
    neither = SimpleNamespace(name="m", weights=None, card=SimpleNamespace(metrics={}))

    weights, loss = svg_of(card_chart(linear)), svg_of(card_chart(trees))

    assert (30, 2) == (marks(weights)["bar"], marks(loss)["bar"])
    assert all(f'fill="{colour}"' in weights for colour in (GAIN, LOSS))
    assert "40 coefficients, the heaviest 30" in weights
    with pytest.raises(Usage, match="neither coefficients nor a log loss"):
        card_chart(neither)


def test_what_is_asked_about_backtests_is_drawn():
    """Sets of a sweep, differences, gates, payoffs and runs."""
    sets = pl.DataFrame(
        {"set": [1, 2], "net_micros": [10**6, 0], "held_out_net_micros": [0, 10**6], "p_better": [0.2, None]}
    )
    Line = namedtuple("Line", "what difference low high")
    sides = [SimpleNamespace(word="fused"), SimpleNamespace(word="market")]
    lines = [Line("nyc", 1.0, math.nan, math.nan), Line("all", 2.0, -1.0, 5.0)]
    gates = pl.DataFrame({"gate": ["spread", "no_edge"]})
    shares = pl.DataFrame({"city": "nyc", "gate": ["spread", "no_edge"], "minutes": [1, 3], "share": [0.25, 0.75]})
    payoffs = pl.DataFrame({"outcome": ["… to 50", "51 to …"], "before_micros": [0, 10**6], "after_micros": [10**6, 0]})
    runs = pl.DataFrame({"run_id": ["a", "b"], "strategy": ["fused", "market"], "net_micros": [-(10**6), 10**6]})

    swept = svg_of(questions.sweep_chart(SimpleNamespace(board=SimpleNamespace(rows=sets))))
    compared = marks(svg_of(questions.compared_chart(SimpleNamespace(by_city=lines, sides=sides))))
    why = svg_of(questions.gates_chart(SimpleNamespace(gates=gates, by_city=shares)))
    market = SimpleNamespace(city="nyc", event_date="2026-11-01")
    paid = marks(svg_of(questions.payoffs_chart(SimpleNamespace(payoffs=payoffs, market=market))))

    assert (2, f'stroke="{ALARM}"' in swept) == (marks(swept)["circle"], True)
    assert 2 == compared["point"]
    assert (2, True) == (marks(why)["rect mark"], "75.0 %" in why)
    assert 4 == paid["bar"]
    assert 2 == marks(svg_of(questions.runs_chart(runs)))["bar"]
