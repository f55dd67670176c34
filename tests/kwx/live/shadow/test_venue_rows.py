"""A date lived at an exchange, in the lake: orders and fills as it reported them, money to the micro."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kwx.backtest.run import Wish, set_up
from kwx.exec.bars.read import read_bars
from kwx.exec.engine import one_step
from kwx.exec.reported import Fill as ReportedFill
from kwx.exec.reported import with_fills
from kwx.exec.rules import Fill
from kwx.exec.step import empty_state
from kwx.exec.venue.own_order import OwnOrder, Standing
from kwx.exec.venue.told import VenueFill
from kwx.exec.venue.wanted import Decision
from kwx.live.between import WHY, asked_again
from kwx.live.journal.journal import Journal
from kwx.live.journal.packed import packed_frame
from kwx.live.journal.record import Causes, MinuteRecord
from kwx.live.journal.recovery import stepped_again
from kwx.live.shadow.publish import told_of
from kwx.live.shadow.venue_rows import reported_frame
from pipelines.live.arrivals import Top
from tests.kwx.exec.made import minute_at
from tests.kwx.live.lived_days import DAY, SINCE, _ends_utc, _origin, _part
from warehouse.errors import Unbalanced
from warehouse.lake.store import Lake
from warehouse.lake.tables import DECISIONS, FILLS, ORDERS, Partition

FEE_MICROS = 700


@pytest.fixture(scope="module")
def traded(fused_lake, tmp_path_factory):
    """A date of which every take was filled within the next minute; its journal, and the orders that were sent."""
    setup = set_up(
        Wish(strategy="fused", cities=("chicago",), since=DAY, until=DAY, fill=Fill.EXCHANGE),
        Lake(fused_lake).snapshot(),
    )
    bars = _part(read_bars(setup.plan, setup.signals), SINCE, SINCE + 120)
    origin = replace(_origin(setup, bars, DAY), kind="live")
    journal, orders = Journal(tmp_path_factory.mktemp("traded"), sync=False), list[OwnOrder]()
    journal.begin(origin)
    state, filled = empty_state(*bars.tickers.shape), list[VenueFill]()
    for t in range(120):
        utc, minute = _ends_utc(bars, t), minute_at(bars.minutes, t)
        reported = [_reported(bars, fill) for fill in filled]
        before = with_fills(state, reported) if reported else None
        state, actions = one_step(origin.rules, origin.params, before or state, minute)
        journal.append(DAY, MinuteRecord(
            minute_utc=utc, minute=minute, actions=actions, causes=Causes(decided_utc=utc), before=before,
            reported=reported_frame(filled),
        ))  # fmt: skip
        filled = (
            [] if t == 119 else [_fill(origin, actions, utc, place) for place in np.argwhere(actions.took_centi != 0)]
        )
        orders += [_order(origin, fill, utc) for fill in filled]
    return journal.read(DAY), orders


def _fill(origin, actions, utc, place):
    bracket, city, _ = (int(axis) for axis in place)
    centi, ticker = int(actions.took_centi[bracket, city, 0]), str(origin.tickers[bracket, city, 0])
    name = f"{utc:%H%M}-{bracket}"
    return VenueFill(
        trade_id=f"t{name}", order_id=f"v{name}", client_order_id=f"c{name}", market_ticker=ticker,
        side=1 if centi > 0 else -1, ticks=int(actions.took_ticks[bracket, city, 0]), centi=abs(centi),
        fee_micros=FEE_MICROS, is_taker=True, at_utc=utc + timedelta(seconds=2),
        decision=Decision(run_id=origin.run_id, ts_utc=utc, market_ticker=ticker),
    )  # fmt: skip


def _order(origin, fill, utc):
    return OwnOrder(
        client_order_id=fill.client_order_id, market_ticker=fill.market_ticker, side=fill.side, ticks=fill.ticks,
        centi=fill.centi, takes=True, sent_utc=utc + timedelta(seconds=1), most_centi=fill.centi,
        decision=fill.decision, order_id=fill.order_id, standing=Standing.FILLED, filled_centi=fill.centi,
    )  # fmt: skip


def _reported(bars, fill):
    place = tuple(int(axis[0]) for axis in np.nonzero(bars.tickers == fill.market_ticker))
    return ReportedFill(place, fill.side * fill.centi, fill.ticks, fill.fee_micros, rested=False)


def test_fills_and_orders_are_those_of_the_exchange(traded, fused_lake):
    """By its names and its fees, each once; what was seen stands beside, and the tables admit them."""
    recorded, orders = traded

    told = told_of(recorded, Lake(fused_lake).snapshot(), orders)

    fills, placed = told.ledger.fills, told.ledger.orders
    assert len(orders) == len(fills) == len(placed) > 5
    assert {FEE_MICROS} == set(fills["fee_micros"])
    assert set(fills["order_id"]) == set(placed["order_id"]) == {order.client_order_id for order in orders}
    assert {order.order_id for order in orders} == set(placed["venue_order_id"])
    assert (fills["seen_utc"] < fills["ts_utc"]).all()
    assert fills["p_fair"].null_count() == 0
    assert fills["mid_half_ticks"].null_count() < len(fills)
    for table, frame in ((FILLS, fills), (ORDERS, placed)):
        table.admit(frame.drop("city", "event_date"), Partition("chicago", DAY))
    assert ("live", "exchange") == (told.lived.kind, told.lived.row()["fill_model"])


@pytest.fixture
def withdrawn(traded):
    """The date with one order taken out between two minutes, since its book emptied; its market, and when."""
    recorded, orders = traded
    origin, (segment,) = recorded.last, recorded.segments
    for one in stepped_again(recorded.without_settlements()):
        for place in np.argwhere(one.after.orders.side != 0):
            name, decided_utc = str(origin.tickers[tuple(place)]), one.kept.minute_utc + timedelta(seconds=7.5)
            again = asked_again(
                origin.rules, origin.params, one.after, one.kept.minute, tickers=origin.tickers,
                tops={name: Top(0, 0, 10_000, 0, decided_utc)}, moved={name},
            )  # fmt: skip
            if again.not_kept == (name,):
                causes = Causes(decided_utc=decided_utc, told=(f"{WHY}: {name}",))
                kept = replace(
                    one.kept, minute=again.minute, actions=again.actions, before=again.before, causes=causes
                )  # fmt: skip
                return replace(recorded, segments=(replace(segment, between=[kept]),)), orders, name, decided_utc
    raise AssertionError("no order rests in this date")


def test_what_was_decided_between_minutes_is_told_at_its_instant(withdrawn, fused_lake):
    """Beside the row of its minute, with the book that moved; the table admits it, and nothing else is told of it."""
    recorded, orders, name, decided_utc = withdrawn
    snapshot = Lake(fused_lake).snapshot()

    told = told_of(recorded, snapshot, orders)

    rows = told.ledger.decisions
    own = rows.filter(pl.col("action") == "withdraw")
    assert own.select("market_ticker", "ts_utc", "bid_ticks", "ask_ticks").rows() == [(name, decided_utc, None, None)]
    assert own.select("p_fair", "p_fused_norm").null_count().row(0) == (0, 0)
    DECISIONS.admit(rows.drop("city", "event_date"), Partition("chicago", DAY))
    alone = replace(recorded, segments=tuple(replace(one, between=[]) for one in recorded.segments))
    assert rows.filter(pl.col("action") != "withdraw").equals(told_of(alone, snapshot, orders).ledger.decisions)


def test_a_fill_that_is_reported_twice_is_one(traded, fused_lake):
    """By its trade and its order."""
    recorded, orders = traded
    kept = recorded.segments[0].kept
    at = next(n for n, one in enumerate(kept) if len(one.reported))
    both = pl.concat([frame for one in kept[at : at + 2] if len(frame := one.reported)])
    later = replace(kept[at + 1], parts={**kept[at + 1].parts, "reported": packed_frame(both)})
    again = [*kept[: at + 1], later, *kept[at + 2 :]]

    twice = replace(recorded, segments=(replace(recorded.segments[0], kept=again),))

    assert len(told_of(twice, Lake(fused_lake).snapshot(), orders).ledger.fills) == len(orders)


def test_money_that_the_exchange_did_not_report_is_refused(traded, fused_lake):
    """Cash of the step that no fill accounts for: the day is not told."""
    recorded, orders = traded
    kept = recorded.segments[0].kept
    at = next(n for n, one in enumerate(kept) if len(one.reported))
    lost = [*kept[:at], replace(kept[at], parts={**kept[at].parts, "reported": b""}), *kept[at + 1 :]]
    short = replace(recorded, segments=(replace(recorded.segments[0], kept=lost),))

    with pytest.raises(Unbalanced, match="by the exchange's fills"):
        told_of(short, Lake(fused_lake).snapshot(), orders)


def test_an_order_of_another_run_is_not_told(traded, fused_lake):
    """Nor one that nobody decided."""
    recorded, orders = traded
    others = [replace(order, decision=None) for order in orders[:2]] + orders[2:]

    placed = told_of(recorded, Lake(fused_lake).snapshot(), others).ledger.orders

    assert len(orders) - 2 == len(placed)
    assert placed["status"].unique().to_list() == ["filled"]
    assert placed.select(pl.col("post_only").any()).item() is False
