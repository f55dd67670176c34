"""The book against a model that keeps every contract apart, and the laws that hold whatever comes."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from pipelines.demo.venue.book import Book, Lot
from pipelines.demo.venue.crossing import cross
from pipelines.demo.venue.orders import Order, Wanted
from pipelines.demo.venue.words import Side

SIDES = st.sampled_from(list(Side))
PRICES = st.integers(1, 9).map(lambda cents: 100 * cents)
COUNTS = st.integers(1, 400)
ARRIVALS = st.lists(st.tuples(SIDES, PRICES, COUNTS, st.booleans()), max_size=40)


@dataclass
class Watched:
    """A book of which nobody's and one account's orders never meet themselves, and all that traded in it."""

    levels: dict[tuple[Side, int], int] = field(default_factory=dict)
    trades: list[tuple[Side, int, int, int]] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = Book(self._tell)

    def _tell(self, side: Side, ticks: int, change_centi: int, order: Order | None) -> None:
        self.levels[side, ticks] = self.levels.get((side, ticks), 0) + change_centi

    def arrive(self, side: Side, ticks: int, centi: int, *, rests: bool) -> int:
        """Let nobody's order come; return what traded."""

        def matched(resting: Order | None, at_ticks: int, traded_centi: int) -> None:
            self.trades.append((side, ticks, at_ticks, traded_centi))

        left = cross(
            self.book,
            side=side,
            limit_ticks=ticks,
            centi=centi,
            order=None,
            on_match=matched,
            goes_past=lambda order: False,
        )
        if left and rests:
            self.lots.append(self.book.rest(side, ticks, left, order_of(side, ticks, left)))
        return centi - left


def order_of(side: Side, ticks: int, centi: int) -> Order:
    """An order that keeps its lot apart from all others."""
    wanted = Wanted(ticker="T", side=side, ticks=ticks, centi=centi)
    return Order(order_id="1", wanted=wanted, created_us=0, updated_us=0, initial_centi=centi, left_centi=centi)


@given(ARRIVALS)
def test_contracts_are_conserved_and_no_limit_is_broken(arrivals: list[tuple[Side, int, int, bool]]) -> None:
    """What came has traded, rests or left; every trade is within the limit of who came, and at the best price."""
    watched = Watched()
    rested = 0

    for side, ticks, centi, rests in arrivals:
        best = watched.book.best(side.other)
        first = len(watched.trades)
        traded = watched.arrive(side, ticks, centi, rests=rests)
        rested += centi - traded if rests else 0
        prices = [price for _, _, price, _ in watched.trades[first:]]
        assert all(side.reaches(ticks, price) for price in prices)
        assert sorted(prices, reverse=side is Side.ASK) == prices
        assert not prices or prices[0] == best
        rested -= traded

    standing = sum(size for side in Side for _, size in watched.book.levels(side))
    assert rested == standing


@given(ARRIVALS)
def test_the_book_is_never_crossed(arrivals: list[tuple[Side, int, int, bool]]) -> None:
    """Whoever could trade has traded."""
    watched = Watched()

    for side, ticks, centi, rests in arrivals:
        watched.arrive(side, ticks, centi, rests=rests)
        bid, ask = watched.book.best(Side.BID), watched.book.best(Side.ASK)
        assert bid is None or ask is None or bid < ask


@given(ARRIVALS)
def test_the_changes_add_up_to_the_levels(arrivals: list[tuple[Side, int, int, bool]]) -> None:
    """Whoever adds up what is told has the book."""
    watched = Watched()

    for side, ticks, centi, rests in arrivals:
        watched.arrive(side, ticks, centi, rests=rests)

    told = {place: size for place, size in watched.levels.items() if size}
    assert told == {(side, ticks): size for side in Side for ticks, size in watched.book.levels(side)}


@given(ARRIVALS)
def test_whoever_came_first_trades_first_and_nobody_falls_back(arrivals: list[tuple[Side, int, int, bool]]) -> None:
    """What stands before a lot only ever shrinks; a later lot at a price is untouched while an earlier one waits."""
    watched = Watched()
    ahead: dict[int, int] = {}

    for side, ticks, centi, rests in arrivals:
        watched.arrive(side, ticks, centi, rests=rests)
        for number, lot in enumerate(watched.lots):
            if lot.centi == 0:
                continue
            now = watched.book.ahead_centi(lot)
            assert now <= ahead.get(number, now)
            assert now == sum(
                one.centi for one in watched.lots[:number] if (one.side, one.ticks) == (lot.side, lot.ticks)
            )
            ahead[number] = now


@given(st.lists(st.tuples(SIDES, PRICES, COUNTS), max_size=20), SIDES, PRICES, COUNTS)
def test_withdrawing_leaves_orders_alone(
    levels: list[tuple[Side, int, int]], side: Side, ticks: int, centi: int
) -> None:
    """Makers take back no more than is theirs, and what came last goes first."""
    book, mine = Book(), order_of(side, ticks, 7)
    book.rest(side, ticks, 5)
    lot = book.rest(side, ticks, 7, mine)
    for one in levels:
        book.rest(*one)
    nobodys = book.nobodys_centi(side, ticks)

    book.withdraw(side, ticks, centi)

    assert 7 == lot.centi
    assert max(0, nobodys - centi) == book.nobodys_centi(side, ticks)
    assert min(5, max(0, nobodys - centi)) == book.ahead_centi(lot)
