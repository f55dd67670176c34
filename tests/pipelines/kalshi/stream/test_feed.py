"""The feed: what a stream with faults means."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kalshi.book_rows import rows_of
from pipelines.kalshi.events import Gap
from pipelines.kalshi.feed import REPEATS, Feed
from pipelines.kalshi.messages import Delta, FrameReader, Snapshot
from pipelines.kalshi.replay import quotes_of
from pipelines.kalshi.subscriptions import ASKS, PATIENCE_TICKS

RATES = st.floats(0, 0.2)
NOW_US = 1_791_115_200_000_000


def gaps(line):
    """Return the marks of gaps so far."""
    return [event.message for event in line.events if isinstance(event.message, Gap)]


def snapshot(ticker, *, seq, yes, no, sid=1):
    """Return a snapshot frame."""
    msg = {"market_ticker": ticker, "yes_dollars_fp": yes, "no_dollars_fp": no}
    return json.dumps({"type": "orderbook_snapshot", "sid": sid, "seq": seq, "msg": msg})


def test_a_first_frame_sets_the_count(line):
    """A subscription may begin with any number; the next one counts."""
    calm = line()

    calm.deliver([calm.venue.move() for _ in range(50)])

    assert ([], True) == (gaps(calm), calm.feed.is_live)


def test_a_missing_frame_makes_every_book_of_the_subscription_stale(line, tickers):
    """One number counts the frames of all markets, so nobody knows whose frame is missing."""
    calm = line()
    calm.venue.sids.pop("trade")
    calm.venue.move()
    calm.feed.take(calm.reader.read(calm.venue.move()), calm.now_us)

    calm.events += calm.feed.drain()

    assert [(4, tickers)] == [(gap.seq, gap.market_tickers) for gap in gaps(calm)]
    assert not any(book.live for book in calm.feed.books.values())


def test_a_gap_asks_for_the_snapshots_of_the_subscription(line, tickers):
    """Subscribing again would send none."""
    calm = line()
    calm.venue.sids.pop("trade")
    calm.venue.move()
    calm.feed.take(calm.reader.read(calm.venue.move()), calm.now_us)

    (command,) = calm.feed.commands.take()

    assert "update_subscription" == command["cmd"]
    assert {"sids": [1], "action": "get_snapshot", "market_tickers": list(tickers)} == command["params"]


def test_answers_to_commands_take_numbers_too(line):
    """An `ok` between two changes is no gap."""
    calm = line()

    calm.deliver(calm.venue.answer({"id": 9, "cmd": "x", "params": {"sids": [1], "action": "y", "market_tickers": []}}))
    calm.deliver([calm.venue.move() for _ in range(5)])

    assert [] == gaps(calm)


def test_a_repeated_frame_is_dropped(line):
    """A number that has come does not count again."""
    calm = line()
    frame = calm.venue.move()

    calm.deliver([frame, frame, frame])

    assert (2, []) == (calm.feed.counts.repeats, gaps(calm))


def test_a_count_that_begins_anew_gives_the_connection_up(line):
    """Old numbers without end are no repeats."""
    calm = line()
    frame = calm.reader.read(calm.venue.move())

    for _ in range(REPEATS + 3):
        calm.feed.take(frame, calm.now_us)

    assert "counts from the beginning" in calm.feed.failed


def test_changes_before_the_snapshot_do_not_move_a_book(line, tickers):
    """A stale book waits for its snapshot, whatever else comes."""
    calm = line()
    calm.venue.sids.pop("trade")
    calm.venue.move()
    before = [book.levels for book in calm.feed.books.values()]

    for _ in range(10):
        calm.feed.take(calm.reader.read(calm.venue.move()), calm.now_us)

    assert before == [book.levels for book in calm.feed.books.values()]


def test_a_snapshot_that_does_not_come_is_asked_for_again_then_given_up(line):
    """Neither forever nor once."""
    calm = line()
    calm.venue.sids.pop("trade")
    calm.venue.move()
    calm.feed.take(calm.reader.read(calm.venue.move()), calm.now_us)
    calm.feed.commands.take()

    for _ in range(ASKS * PATIENCE_TICKS):
        calm.feed.tick()
    asked = len(calm.feed.commands.take())
    for _ in range(PATIENCE_TICKS):
        calm.feed.tick()

    assert (ASKS, "no snapshot came for 3 markets") == (asked, calm.feed.failed)


def test_a_level_that_had_less_puts_its_book_in_doubt(line, tickers):
    """The change is not kept: the mark of a gap stands in its place."""
    calm = line()
    frame = {
        "type": "orderbook_delta",
        "sid": 1,
        "seq": 4,
        "msg": {"market_ticker": tickers[0], "price_dollars": "0.0100", "delta_fp": "-99999.00", "side": "yes"},
    }

    calm.feed.take(calm.reader.read(json.dumps(frame)), calm.now_us)
    calm.events += calm.feed.drain()

    assert [(4, (tickers[0],))] == [(gap.seq, gap.market_tickers) for gap in gaps(calm)]
    assert [False, True, True] == [calm.feed.books[ticker].live for ticker in tickers]


def test_a_damaged_frame_puts_its_book_in_doubt(line, tickers):
    """A field that changed its type loses one frame of one market, and says so."""
    calm = line()
    frame = {
        "type": "orderbook_delta",
        "sid": 1,
        "seq": 4,
        "msg": {"market_ticker": tickers[1], "price_dollars": 0.01, "delta_fp": "1.00", "side": "yes"},
    }

    calm.deliver([json.dumps(frame)])
    calm.deliver([calm.venue.move() for _ in range(3)])

    assert 1 == calm.feed.counts.damaged
    assert (tickers[1],) == gaps(calm)[0].market_tickers


def test_a_terminal_error_subscribes_again(line):
    """Channel error and buffer overflow end a subscription; the others go on."""
    calm = line()
    error = {"type": "error", "sid": 1, "seq": 4, "msg": {"code": 25, "msg": "buffer overflow"}}

    calm.feed.take(calm.reader.read(json.dumps(error)), calm.now_us)
    calm.events += calm.feed.drain()
    (command,) = calm.feed.commands.take()

    assert ("subscribe", ["orderbook_delta"]) == (command["cmd"], command["params"]["channels"])
    assert [(5, True)] == [(gap.seq, gap.ends) for gap in gaps(calm)]


def refuse(feed, command, code):
    """Let the exchange refuse a command."""
    frame = {"id": command["id"], "type": "error", "msg": {"code": code, "msg": "no"}}
    feed.take(FrameReader(use_yes_price=True).read(json.dumps(frame)), NOW_US)


def test_a_refused_subscription_says_why(tickers):
    """What is wrong with the question stays wrong when it is asked again."""
    feed = Feed(tickers)
    feed.connect()

    refuse(feed, feed.commands.take()[0], 8)

    assert "error 8 'no'" == feed.refused


def test_every_subscription_says_its_price_convention(line):
    """The exchange will change its default."""
    calm = line()

    calm.feed.connect()

    assert [True] == [command["params"]["use_yes_price"] for command in calm.feed.commands.take()]


def test_a_no_side_at_other_prices_than_asked_for_is_seen(line, tickers):
    """A snapshot that is crossed as asked for, and not otherwise, tells the exchange's own convention."""
    calm = line()
    calm.feed.connect()

    calm.feed.take(calm.reader.read(snapshot(tickers[0], seq=1, yes=[["0.60", "1.00"]], no=[["0.38", "1.00"]])), 1)

    assert (True, True) == (calm.feed.misread, "other prices" in calm.feed.failed)


def test_a_crossed_snapshot_after_a_proof_is_damage(line, tickers):
    """Once a book has shown the convention, another cannot change it."""
    calm = line()
    calm.feed.connect()
    right = snapshot(tickers[0], seq=1, yes=[["0.60", "1.00"]], no=[["0.62", "1.00"]])
    crossed = snapshot(tickers[1], seq=2, yes=[["0.60", "1.00"]], no=[["0.38", "1.00"]])

    for frame in (right, crossed):
        calm.feed.take(calm.reader.read(frame), 1)

    assert (False, True) == (calm.feed.misread, "damaged" in calm.feed.failed)


def test_a_book_that_stays_crossed_gives_the_connection_up(line, tickers):
    """Within one match changes come in any order, but not for seconds."""
    calm = line()
    frame = snapshot(tickers[0], seq=4, yes=[["0.40", "1.00"]], no=[["0.60", "1.00"]])
    crossing = {"market_ticker": tickers[0], "price_dollars": "0.7000", "delta_fp": "1.00", "side": "yes"}
    calm.feed.take(calm.reader.read(frame), 1)
    calm.feed.take(calm.reader.read(json.dumps({"type": "orderbook_delta", "sid": 1, "seq": 5, "msg": crossing})), 1)

    failed = [calm.feed.failed]
    for _ in range(3):
        calm.feed.tick()
        failed.append(calm.feed.failed)

    assert [None, None, None, f"the book of {tickers[0]} stays crossed"] == failed


def test_a_market_can_be_followed_later_and_left(line, tickers):
    """Its snapshot is awaited; left, its last row is the mark of a gap."""
    calm = line()

    calm.feed.remove(tickers[:1], 5)
    calm.events += calm.feed.drain()
    calm.feed.add(tickers[:1])

    assert [(4, tickers[:1])] == [(gap.seq, gap.market_tickers) for gap in gaps(calm)]
    assert ["delete_markets"] * 2 + ["add_markets"] * 2 == [c["params"]["action"] for c in calm.feed.commands.take()]
    assert not calm.feed.is_live


def test_a_connection_that_ends_marks_every_subscription(line):
    """Numbers restart on the next one, so nothing later can fill the place."""
    calm = line()
    calm.deliver([calm.venue.move() for _ in range(30)])

    calm.feed.disconnect(calm.now_us, "the line was cut")
    calm.events += calm.feed.drain()

    expected = {channel: calm.venue.seq[sid] + 1 for channel, sid in calm.venue.sids.items()}
    assert expected == {gap.channel: gap.seq for gap in gaps(calm)}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), drop=RATES, repeat=RATES, late=RATES)
def test_a_live_book_is_the_true_book_whatever_the_network_does(line, seed, drop, repeat, late):
    """Lost, repeated and reordered frames make books stale, never wrong."""
    faulty = line(seed=seed, drop=drop, repeat=repeat, late=late)

    for step in range(150):
        faulty.deliver(faulty.network.carry([faulty.venue.move()]))
        if not step % 10:
            faulty.feed.tick()
            faulty.settle()
        require_true(faulty)

    settle_without_faults(faulty)
    assert {ticker: faulty.venue.levels(ticker) for ticker in faulty.feed.books} == {
        ticker: book.levels for ticker, book in faulty.feed.books.items()
    }


def test_a_long_soak_ends_in_the_true_books_and_its_rows_say_the_same(line):
    """Thousands of messages with every fault: the stored rows replay to the venue's own books."""
    faulty = line(seed=3, drop=0.02, repeat=0.03, late=0.03)

    for step in range(4_000):
        faulty.deliver(faulty.network.carry([faulty.venue.move()]))
        if not step % 50:
            faulty.feed.tick()
            faulty.settle()
    settle_without_faults(faulty)

    books, _ = rows_of(faulty.events, sid_of=lambda number: number)
    last = quotes_of(books.frame).sort("sid", "seq").group_by("market_ticker").last()
    stored = {row["market_ticker"]: (row["yes_bid_ticks"], row["yes_ask_ticks"]) for row in last.to_dicts()}
    assert faulty.feed.counts.gaps > 50
    assert {ticker: (book.best_bid_ticks, book.best_ask_ticks) for ticker, book in faulty.feed.books.items()} == stored


def test_no_two_rows_share_a_number(line, tickers):
    """The mark of a gap stands where no frame ever comes."""
    faulty = line(seed=8, drop=0.05, repeat=0.05, late=0.05)
    faulty.deliver(faulty.network.carry([faulty.venue.move() for _ in range(800)]))
    settle_without_faults(faulty)

    books, trades = rows_of(faulty.events, sid_of=lambda number: number)

    for parsed in (books, trades):
        for partition, rows in parsed.table.split(parsed.frame):
            assert rows.height == parsed.table.admit(rows, partition).height


def require_true(line):
    """Every live book is the true one as of the last number that came."""
    subs = [sub for sub in line.feed._subs.values() if sub.sid == line.venue.sids["orderbook_delta"]]
    for ticker, book in line.feed.books.items():
        if book.live:
            assert line.venue.truth[subs[0].last_seq][ticker] == book.levels


def settle_without_faults(line):
    """End the faults, and let a last frame show what is missing."""
    line.network.faults.drop = line.network.faults.repeat = line.network.faults.late = 0
    line.venue.sids.pop("trade", None)
    for _ in range(4 * ASKS * PATIENCE_TICKS):
        line.deliver(line.network.carry([line.venue.move()]))
        line.feed.tick()
        line.settle()
        if line.feed.is_live:
            return
    raise AssertionError("the feed did not come to rest")


def test_events_are_in_the_order_of_their_numbers(line):
    """Snapshots and changes come out as they came in."""
    calm = line()
    calm.deliver([calm.venue.move() for _ in range(100)])

    numbers = [event.message.seq for event in calm.events if isinstance(event.message, Snapshot | Delta)]

    assert list(range(1, len(numbers) + 1)) == numbers
