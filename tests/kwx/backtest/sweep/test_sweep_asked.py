"""Sweep files: what they ask, set by set, and what they may not say, told by file and line."""

from __future__ import annotations

import pytest

from kwx.backtest.sweep.asked import asked_of
from kwx.config.yaml_text import parsed
from warehouse.errors import Usage

RANGE = "{from: 0.1, to: 0.4, steps: 300}"


def settings_of(text: str) -> list[dict]:
    return [dict(trial.settings) for trial in asked_of(parsed(text, file="s.yaml")).trials]


def test_every_value_is_tried_beside_every_other():
    """Two settings of two and three values and a fixed one are six sets; only the varied ones are told apart."""
    question = asked_of(parsed("trade.sizing: single\nfill: [A, queue]\ntrade.lot_contracts: [1, 2, 5]", file="s.yaml"))

    assert 6 == len(question.trials)
    assert ("fill", "trade.lot_contracts") == question.varied
    assert {"trade": {"sizing": "single", "lot_contracts": 2}} == question.trials[1].said


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("risk.kelly_alpha: {from: 0.1, to: 0.4, steps: 4}", [0.1, 0.2, 0.3, 0.4]),
        ("risk.kelly_alpha: {from: 0.1, to: 0.4, steps: 3, scale: log}", [0.1, 0.2, 0.4]),
        ("trade.max_age_minutes: {from: 10, to: 20, steps: 4}", [10, 13, 17, 20]),
        ("trade.reprice_cents: {from: 1, to: 2, steps: 4}", [1.0, 1.33, 1.67, 2.0]),
        ("trade.max_hold_minutes: [null, 30]", [None, 30]),
    ],
)
def test_a_range_is_stepped_through_in_values_that_its_setting_may_have(said, values):
    """Whole numbers stay whole, prices stay in ticks, both ends belong to it."""
    assert values == [next(iter(one.values())) for one in settings_of(said)]


def test_draws_are_seeded_and_stay_within_their_ranges():
    """The same seed draws the same sets, another one others; nothing leaves the range."""
    text = "risk.kelly_alpha: {{from: 0.05, to: 0.5}}\ntrade.sizing: [single, ladder]\ndraws: 40\nseed: {}"

    one, same, other = (settings_of(text.format(seed)) for seed in (1, 1, 2))

    assert one == same != other
    assert 40 == len(one)
    assert all(0.05 <= each["risk.kelly_alpha"] <= 0.5 for each in one)
    assert {"single", "ladder"} == {each["trade.sizing"] for each in one}


def test_whole_sets_are_tried_beside_the_rest_and_none_twice():
    """Two sets beside two values are four; the same set said again is one."""
    text = "trade.lot_contracts: [1, 2]\nsets: [{}, {risk.kelly_alpha: 0.1}, {risk.kelly_alpha: 0.1}]"

    assert 4 == len(settings_of(text))


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("\ntrade.taker_thrsh_cents: [1]", "s.yaml:2", "did you mean 'taker_thresh_cents'?"),
        ("trad.lot_contracts: [1]", "s.yaml:1", "did you mean 'trade'?"),
        ("trade: [1]", "s.yaml:1", "name one of its keys: bankroll_dollars"),
        ("risk.kelly_alpha: [0.1, 2]", "s.yaml:1: risk.kelly_alpha is 2", "above 0 and at most 1"),
        ("trade.max_age_minutes: [1.5]", "is 1.5", "a whole number"),
        ("fill: [B, C]", "fill is 'C'", "A | B | queue | taker"),
        ("risk.kelly_alpha: {from: 0.1, to: 0.4}", "a range needs steps", "draws"),
        ("risk.kelly_alpha: {from: 0.4, to: 0.1, steps: 2}", "to a higher one", "from"),
        ("risk.kelly_alpha: {from: 0.1, to: 0.4, step: 2}", "no 'step'", "steps"),
        ("risk.kelly_alpha: {from: 0, to: 0.4, steps: 2, scale: log}", "scale is 'log'", "begins above 0"),
        ("risk.kelly_alpha: [0.1]\nseed: 3", "s.yaml:2", "draws"),
        ("city: chicago", "s.yaml:1: city: city is no setting", "--city KEY"),
        ("risk.kelly_alpha: [0.1, 0.2]\ndraws: true", "s.yaml:2: draws is True", "a whole number from 1"),
        ("risk.kelly_alpha: [0.1, 0.2]\ndraws: 2\nseed: true", "s.yaml:3: seed is True", "a whole number from 0"),
        ("draws: 5", "nothing is swept", "taker_thresh_cents"),
        ("", "nothing is swept", "taker_thresh_cents"),
        ("trade.lot_contracts: []", "there is no value", "[1, 2]"),
        ("sets: [{risk.kelly_alpha: [1, 2]}]", "has several values", "one value"),
        ("risk.kelly_alpha: 1\nsets: [{risk.kelly_alpha: 0.5}]", "beside the sets too", "remove"),
        (f"risk.kelly_alpha: {RANGE}\nrisk.tau_open_cents: {RANGE}", "90,000 sets are more than 20,000", "draws"),
    ],
)
def test_what_cannot_be_swept_is_refused_where_it_is_said(text, said, hint):
    """The file, the line, the key and the way on."""
    with pytest.raises(Usage, match=r".*") as told:
        settings_of(text)

    assert said in str(told.value)
    assert hint in (told.value.hint or "")
