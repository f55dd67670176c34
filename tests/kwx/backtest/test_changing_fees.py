"""Fees that change while events trade: paid from their instant on, and unknown to everything before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kwx.backtest.run import Outcome, Wish, backtest
from kwx.exec.runs.kept import run_of
from warehouse.lake.store import Lake
from warehouse.lake.tables import FEE_CHANGES, Partition
from warehouse.market.fees import FEE_STEP_MICROS, FeeRule, fill_fee

pytestmark = pytest.mark.slow  # the step is compiled
SCHEDULED = datetime(2026, 11, 1, 18, tzinfo=UTC)
WISH = Wish(strategy="accel", cities=("chicago",), with_sensitivity=False, with_rows=True)
CHANGE = {
    "scope": "series", "ticker": "KXHIGHCHI", "change_id": "1", "scheduled_utc": SCHEDULED, "known_utc": SCHEDULED,
    "fee_type": "quadratic_with_maker_fees", "fee_multiplier_milli": 3_000,
}  # fmt: skip


@pytest.fixture
def runs(copied: Path, put: Callable[..., None]) -> tuple[Path, Outcome, Outcome]:
    """A lake, a run of it, and the same run once a change of fees is in it."""
    before = backtest(WISH, copied)
    put(copied, FEE_CHANGES, pl.DataFrame([CHANGE], schema=FEE_CHANGES.schema), Partition("chicago"))
    return copied, before, backtest(WISH, copied)


def test_a_change_is_paid_from_its_instant_on_and_moves_nothing_before(runs):
    """Decisions, orders, fills and equity up to it are those of a lake that never heard of it; later ones are not."""
    root, plain, changed = runs
    earlier, later = pl.col("ts_utc") < SCHEDULED, pl.col("ts_utc") >= SCHEDULED

    for name in ("decisions", "orders", "fills", "equity"):
        one, other = (getattr(run.ledger, name) for run in (plain, changed))
        shared = [column for column in one.columns if column not in {"run_id", "order_id", "fill_id"}]
        # An order that rests then may be filled after it, and equity after fills of a minute is told of that minute.
        told = earlier & (pl.col("closed_utc") < SCHEDULED) if name == "orders" else earlier
        assert one.filter(told).select(shared).equals(other.filter(told).select(shared)), name
        assert one.filter(told).height > 0, name

    fills = changed.ledger.fills
    assert {("quadratic", 1_000)} == rules(fills.filter(earlier))
    assert {("quadratic_with_maker_fees", 3_000)} == rules(fills.filter(later))
    assert fills.filter(later & (pl.col("style") == "maker"))["fee_micros"].min() > 0
    assert plain.asked.run_id != changed.asked.run_id
    assert rules(run_of(Lake(root).snapshot(), changed.asked.run_id).ledger.fills) == rules(fills)
    assert any("its fees change while it trades" in note for note in changed.notes)


def rules(fills: pl.DataFrame) -> set[tuple[str, int]]:
    """Return the rules by which fills paid."""
    return set(fills.select("fee_type", "fee_multiplier_milli").iter_rows())


def test_every_fill_pays_what_the_exchange_would_have_charged_then(runs):
    """By the exchange's own arithmetic, from the row of the fill alone; the first fills of orders carry nothing yet."""
    _, _, changed = runs
    first = changed.ledger.fills.sort("ts_utc").unique("order_id", keep="first", maintain_order=True)

    for fill in first.iter_rows(named=True):
        is_dearer = fill["ts_utc"] >= SCHEDULED
        rule = FeeRule(fee_type=CHANGE["fee_type"], multiplier_milli=3_000) if is_dearer else FeeRule()
        due = fill_fee(
            rule.maker_num if fill["style"] == "maker" else rule.taker_num, ticks=fill["price_ticks"],
            signed_centi=fill["count_centi"] * (1 if fill["side"] == "buy" else -1),
            step_micros=FEE_STEP_MICROS[fill["fee_rounding"]],
        )  # fmt: skip
        assert due.net_micros == fill["fee_micros"]
