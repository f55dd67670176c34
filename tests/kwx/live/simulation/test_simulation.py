"""Lives of the loop among random faults: laws hold after every tick, and the same seed is the same life."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kwx.exec.venue.own_order import Standing
from kwx.exec.venue.told import Did
from kwx.live.days import closes_utc
from kwx.live.journal.record import CLOCK, SHADOW
from kwx.live.journal.recovery import recovered
from kwx.live.settling import settlement_of
from pipelines.live.arrivals import Moved, Top
from tests.kwx.exec.made import made_params
from tests.kwx.exec.venue.exchange import UNSENT
from tests.kwx.live.simulation.world import WORLD, Prices, begun, foreign, lived, resting_life
from warehouse.lake.store import Lake


@dataclass
class Books:
    """Feeds of which a book moves once."""

    prices: Prices
    quotes: dict[str, Top]
    told: Moved

    def tops(self) -> dict[str, Top]:
        """Return what the book shows."""
        return self.quotes

    def moved(self) -> Moved:
        """Say once that it moved."""
        told, self.told = self.told, Moved()
        return told


@pytest.mark.parametrize("seed", [1])
def test_a_life_among_faults_keeps_every_law(tmp_path: Path, lake: Lake, seed: int) -> None:
    life = lived(tmp_path, lake, WORLD, seed, ticks=110)
    assert life.exchange.made.account.fills
    assert life.looks_between > 5
    assert life.looks_meanwhile > 5
    assert life.taken_out > 0
    life.close()


def test_the_same_seed_is_the_same_life(tmp_path: Path, lake: Lake) -> None:
    one, other = (lived(tmp_path / name, lake, WORLD, 3, ticks=50) for name in ("one", "other"))
    assert one.trace
    assert one.trace == other.trace
    assert one.exchange.made.account.cash_micros == other.exchange.made.account.cash_micros
    one.close()
    other.close()


def test_a_mismatch_halts_within_one_tick_and_nothing_is_sent_after_it(tmp_path: Path, lake: Lake) -> None:
    """Somebody else trades on the account: the next look sees it, takes everything out, and sends nothing any more."""
    life = begun(tmp_path, lake, WORLD, 4, hour=16)
    for _ in range(30):
        life.tick()
    life.calm()
    foreign(life)
    life.exchange.sent.clear()
    life.look()
    assert life.executor.halted is not None
    assert "kalshi_create" not in [write.kind for write in life.exchange.sent]
    assert not life.exchange.resting
    for _ in range(20):
        assert life.look().stopped
    assert "kalshi_create" not in [write.kind for write in life.exchange.sent]
    life.close()


def test_the_kill_file_stops_and_its_removal_lets_go_on(tmp_path: Path, lake: Lake) -> None:
    life = begun(tmp_path, lake, WORLD, 5, hour=16)
    for _ in range(30):
        life.tick()
    life.calm()
    life.kill.engage("a test")
    for _ in range(15):
        assert life.look().stopped
    assert not life.exchange.resting
    life.kill.path.unlink()
    life.exchange.sent.clear()
    for _ in range(60):
        life.look()
    assert "kalshi_create" in [write.kind for write in life.exchange.sent]
    life.end()
    life.close()


def test_a_date_is_paid_once_when_all_of_it_is_over(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Miami closes an hour before Chicago: its place is kept, and nothing is paid before Chicago's last minute."""
    asked: list[date] = []

    def counted(*args: Any, event_date: date, **said: Any) -> Any:
        asked.append(event_date)
        return settlement_of(*args, event_date=event_date, **said)

    monkeypatch.setattr("kwx.live.paying.settlement_of", counted)
    life, first = begun(tmp_path, lake, WORLD, 6, hour=28.8, knows_results=True), WORLD.event_dates[0]
    settled = [(life.loop.desk.decided_utc, day) for _ in range(80) for day in life.look(60).settled]
    assert settled == [(closes_utc(life.present, first), first)]
    day = life.loop.desk.days[first]
    assert day.is_paid
    assert day.cities == list(WORLD.cities)
    assert not day.state.position_centi.any()
    assert asked == [first], "a date that is paid, or is not over, is not looked at"
    recorded = life.loop.desk.journal.read(first)
    assert len(recorded.settlements) == 1
    assert (recorded.last.tickers != "").any(axis=0).all(), "a city that closed early keeps its markets"
    life.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [10])
def test_a_long_life_keeps_every_law(tmp_path: Path, lake: Lake, seed: int) -> None:
    """It sees events listed in part, a clock that is off, and its process killed, and loses nothing by them."""
    life = lived(tmp_path, lake, WORLD, seed, ticks=500)
    assert life.deaths > 0
    assert life.left_out
    assert life.clock_stops > 0
    assert life.taken_out > 5
    assert len(life.exchange.made.account.fills) > 20
    life.close()


@pytest.mark.slow
def test_a_life_through_midnight_ends_one_date_settles_it_and_goes_on_with_the_next(tmp_path: Path, lake: Lake) -> None:
    """Results come hours after the close; what the exchange paid is what the journal of the date paid."""
    first, second = WORLD.event_dates
    life, settled = begun(tmp_path, lake, WORLD, 12, hour=28.5), []
    for _ in range(60):
        life.tick()
    life.calm()
    while not settled:
        settled += life.look(120).settled
        assert life.exchange.clock() < life.start_utc + timedelta(hours=9), "results are in by then"
    assert settled == [first]
    assert not life.loop.desk.days[first].state.position_centi.any()
    assert life.loop.desk.days[second].last_utc == life.loop.desk.decided_utc
    for _ in range(20):
        life.tick()
    life.end()
    recorded = life.loop.desk.journal.read(first)
    assert recorded.settlements
    life.close()


def test_where_orders_go_out_nothing_new_is_risked_by_a_clock_that_nobody_knows(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal says why; where nothing goes out, as in shadow, nobody has to know."""
    life = begun(tmp_path, lake, WORLD, 8, hour=16)
    poll = life.prices.poll
    monkeypatch.setattr(life.prices, "poll", lambda now_utc: replace(poll(now_utc), ahead_s=None))
    looked = life.look(60)

    assert looked.spoke
    assert looked.clock_off
    for day in life.loop.desk.days:
        kept = life.loop.desk.journal.read(day).of_minutes[-1]
        assert kept.minute.clock_off.all()
        assert all(CLOCK in kept.causes.stale[city] for city in life.cities)
    life.loop.minutes.origins = replace(life.loop.minutes.origins, kind=SHADOW)
    assert not life.look(60).clock_off
    life.close()


def test_a_fill_that_nobody_writes_down_breaks_a_law_at_the_end(tmp_path: Path, lake: Lake) -> None:
    """The executor has it, and no journal: what is in mind is not what the exchange holds."""
    life = begun(tmp_path, lake, WORLD, 1)
    life.loop.desk.trader._heard = 10**9  # deaf
    while not life.exchange.made.account.fills:
        life.look()

    with pytest.raises(AssertionError):
        life.end()
    life.close()


def test_a_minute_says_when_its_books_were_looked_at(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when it was decided: what they show by then was not seen."""
    life, looked_utc = begun(tmp_path, lake, WORLD, 9, hour=16), list[datetime]()
    tops = life.prices.tops

    def slow_tops() -> dict[str, Top]:
        looked_utc.append(life.exchange.clock())
        life.exchange.made.advance_to(looked_utc[-1] + timedelta(seconds=4))
        return tops()

    monkeypatch.setattr(life.prices, "tops", slow_tops)
    life.look(60)
    causes = life.loop.desk.journal.read(max(life.loop.desk.days)).of_minutes[-1].causes

    assert causes.books_utc == looked_utc[-1]
    assert causes.decided_utc == looked_utc[-1] + timedelta(seconds=4)
    life.close()


def test_an_order_that_cannot_be_taken_out_is_asked_of_once_a_look_and_an_unknown_one_never(
    tmp_path: Path, lake: Lake
) -> None:
    """However often its book moves; each time would be a whole minute in the journal."""
    life = resting_life(tmp_path, lake)
    first, second = sorted(life.loop.desk.trader.resting)[:2]
    quotes = {name: Top(0, 0, 10_000, 0, life.exchange.clock()) for name in (first, second)}
    life.loop.meantime.feeds = books = Books(life.prices, quotes, Moved())

    def moves(name: str) -> list[Did] | None:
        books.told = Moved(frozenset([name]), life.exchange.clock())
        between = life.loop.between()
        return None if between is None else [outcome.did for outcome in between.outcomes]

    life.exchange.faults["kalshi_cancel"] = deque([UNSENT])
    assert [moves(first), moves(first)] == [[Did.REFUSED], None]
    order = next(one for one in life.executor.open_orders if one.market_ticker == second)
    order.standing = Standing.AMBIGUOUS
    assert moves(second) is None
    order.standing = Standing.RESTING
    days = [day for day, one in life.loop.desk.days.items() if {first, second} & one.market_tickers]
    assert sum(len(life.loop.desk.journal.read(day).between) for day in days) == 1
    life.loop.meantime.forget_what_was_asked()  # as the next look does
    assert [moves(first), moves(second)] == [[Did.CANCELLED], [Did.CANCELLED]]
    life.loop.meantime.feeds = life.prices
    life.end()
    life.close()


def test_a_book_that_moves_takes_out_the_order_under_it_before_the_next_minute(tmp_path: Path, lake: Lake) -> None:
    """The exchange has it no longer, the others stay; the journal says why, and steps again to what it says."""
    life = resting_life(tmp_path, lake)
    resting = sorted(life.loop.desk.trader.resting)
    # As a restart with other settings has them.
    life.loop.minutes.origins = replace(life.loop.minutes.origins, params=made_params())
    ticker, now_utc = resting[0], life.exchange.clock()
    moved = Moved(frozenset([ticker]), now_utc)
    life.loop.meantime.feeds = Books(life.prices, {ticker: Top(0, 0, 10_000, 0, now_utc)}, moved)

    between = life.loop.between()

    assert between is not None
    assert [outcome.did for outcome in between.outcomes] == [Did.CANCELLED]
    assert sorted(life.loop.desk.trader.resting) == resting[1:]
    (event_date,) = [day for day, one in life.loop.desk.days.items() if ticker in one.market_tickers]
    recorded = life.loop.desk.journal.read(event_date)
    assert len(recorded.between) == 1
    assert ticker in recorded.between[0].causes.told[0]
    assert recovered(recorded).minutes > 0
    life.loop.meantime.feeds = life.prices
    life.end()
    life.close()
