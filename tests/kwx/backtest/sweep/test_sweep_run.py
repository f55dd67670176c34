"""A sweep against the runs it stands for: every set says to the micro what its own run says."""

from __future__ import annotations

from datetime import date

import pytest

from kwx.backtest.run import Wish, backtest
from kwx.backtest.sweep import tries
from kwx.backtest.sweep.asked import asked_of
from kwx.backtest.sweep.run import sweep
from kwx.backtest.sweep.tries import merged
from kwx.config.yaml_text import parsed
from kwx.exec.rules import Fill
from warehouse.errors import Usage

pytestmark = pytest.mark.slow

WISH = Wish(
    strategy="fused", cities=("chicago",), since=date(2026, 11, 1), until=date(2026, 11, 2), keep=False,
    with_sensitivity=False, said={"trade": {"sizing": "single"}}, dates_at_once=1,
)  # fmt: skip
SWEEP = """
trade.taker_thresh_cents: [1, 4]
fill: [A, queue]
sets: [{}, {risk.kelly_alpha: 0.05}, {trade.guard_minutes: 0}, {risk.tau_close_cents: 1.5}]
"""


@pytest.fixture(scope="module")
def swept(priced_lake):
    return sweep(asked_of(parsed(SWEEP, file="s.yaml")), WISH, priced_lake, held_out=0)


def test_every_set_equals_its_own_run(swept, priced_lake):
    """Net, fees, risk and fills of three sets: other sizes, other fills, and another reading of the lake."""
    by_set = {row["set"]: row for row in swept.board.rows.iter_rows(named=True)}
    trials = swept.question.trials
    chosen = [
        place for place, trial in enumerate(trials)
        if place in by_set and trial.settings["trade.taker_thresh_cents"] == 1
        and (trial.settings["fill"] == "queue") == ("trade.guard_minutes" not in trial.settings)
    ]  # fmt: skip

    for place in chosen:
        trial, row = trials[place], by_set[place]
        wish = Wish(**{**WISH.__dict__, "fill": Fill(trial.settings["fill"]), "said": merged(WISH.said, trial.said)})
        own = backtest(wish, priced_lake).measured.metrics

        assert own.net_micros == row["net_micros"] != 0
        assert own.fees_micros == row["fees_micros"]
        assert (own.maker.fills, own.taker.fills) == (row["maker_fills"], row["taker_fills"])
        assert pytest.approx(own.return_on_risk.value) == row["return_on_risk"]
    assert 3 == len(chosen)


def test_sets_that_contradict_themselves_are_skipped_and_told(swept):
    """A threshold to close above the one to open is told by name; the others are ranked."""
    assert {1.5} == {swept.question.trials[one.place].settings["risk.tau_close_cents"] for one in swept.skipped}
    assert "tau_close_cents 1.5 is above tau_open_cents 1" in swept.skipped[0].why
    assert (12, 4) == (swept.board.rows.height, len(swept.skipped))


def test_the_lake_is_read_once_for_each_way_of_reading_it(swept):
    """The guard around reports changes what is read; fills, sizes and thresholds do not."""
    assert 2 == swept.passes


def test_sets_are_cut_into_chunks_without_changing_what_they_say(swept, priced_lake, monkeypatch):
    """Stepped one at a time they come to the same."""
    monkeypatch.setattr(tries, "LANES_AT_ONCE", 1)
    question = asked_of(parsed("trade.taker_thresh_cents: [1, 4]\nfill: queue", file="s.yaml"))

    alone = sweep(question, WISH, priced_lake, held_out=0).board.rows

    together = swept.board.rows
    for row in alone.iter_rows(named=True):
        assert row["net_micros"] in together["net_micros"].to_list()
    assert 2 == alone["net_micros"].n_unique()


def test_a_sweep_of_contradictions_alone_is_refused(priced_lake):
    """There is nothing to rank."""
    with pytest.raises(Usage, match="every one of 2 sets contradicts itself"):
        sweep(asked_of(parsed("risk.tau_close_cents: [3, 4]", file="s.yaml")), WISH, priced_lake)
