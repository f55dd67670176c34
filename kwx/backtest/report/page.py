"""A finished run as one page of HTML that opens without a network."""

from __future__ import annotations

from kwx.backtest.report.sections import sections_of
from kwx.backtest.report.stories import extremes, story_of
from kwx.backtest.run import Outcome
from kwx.plots.page import document
from warehouse.lake.store import Snapshot


def page_of(done: Outcome, snapshot: Snapshot) -> str:
    """Return the page of a run, with the ladders of its best and its worst city-day as a snapshot has them."""
    measured = done.measured
    stories = [story_of(snapshot, measured.gained, *event) for event in extremes(measured.days)]
    return document(f"Backtest {done.asked.run_id}", list(sections_of(done, stories)))
