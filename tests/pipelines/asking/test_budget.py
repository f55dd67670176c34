"""A daily quota is counted in a file and never passed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.asking.budget import Budget
from warehouse.errors import QuotaSpent


@pytest.fixture
def now() -> list[datetime]:
    """A clock that the test moves."""
    return [datetime(2026, 10, 4, 22, 30, tzinfo=UTC)]


@pytest.fixture
def budget(tmp_path, now) -> Budget:
    """A thousand records a day."""
    return Budget(tmp_path / "raw" / "budget.sqlite", records_per_day={"vc": 1_000}, clock=lambda: now[0])


def test_a_question_that_would_pass_the_day_is_refused_with_the_time_of_reset(budget):
    """Nothing is sent that does not fit, and the hint says when to go on."""
    budget.reserve("vc", 900)

    with pytest.raises(QuotaSpent, match=r"288 records more would pass today's 1,000; 900 are spent") as refused:
        budget.reserve("vc", 288)

    assert "in 1 h 30 min" in refused.value.hint
    assert 100 == budget.left("vc")


def test_what_was_spent_is_known_to_the_next_run_of_the_day(budget, tmp_path, now):
    """The count lies in a file, by UTC day."""
    budget.reserve("vc", 600)

    again = Budget(tmp_path / "raw" / "budget.sqlite", records_per_day={"vc": 1_000}, clock=lambda: now[0])
    assert 600 == again.spent("vc")
    now[0] += timedelta(hours=2)
    assert 0 == again.spent("vc")


def test_the_vendors_own_cost_corrects_the_estimate(budget):
    """What an answer says that it cost replaces what was assumed."""
    budget.reserve("vc", 288)

    budget.settle("vc", reserved=288, cost=300)

    assert 300 == budget.spent("vc")


def test_a_vendor_that_stopped_us_is_not_asked_again_that_day(budget, now):
    """Its own word counts more than our count; at midnight it is forgotten."""
    budget.exhaust("vc")

    with pytest.raises(QuotaSpent, match="used up"):
        budget.reserve("vc", 1)
    now[0] += timedelta(hours=2)
    budget.reserve("vc", 1)


def test_two_at_once_never_both_take_the_last_records(budget):
    """Ten threads with 300 records each: three fit into a thousand."""

    def take(_: int) -> bool:
        try:
            budget.reserve("vc", 300)
        except QuotaSpent:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        taken = list(pool.map(take, range(10)))

    assert 3 == sum(taken)
    assert 900 == budget.spent("vc")
