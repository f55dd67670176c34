"""What a feed makes of what it cannot be sure of: refusals, silence, restarts, wrong stamps, wrong prices."""

from __future__ import annotations

import json

import pytest

from pipelines.kalshi.book_rows import rows_of
from pipelines.kalshi.events import TRADES_CHANNEL, Gap
from pipelines.kalshi.feed import Feed
from pipelines.kalshi.held import HELD_TICKS
from pipelines.kalshi.messages import Delta, FrameReader, Snapshot
from pipelines.kalshi.replay import quotes_of
from pipelines.kalshi.subscriptions import ASKS, MINUTE_TICKS, PATIENCE_TICKS

NOW_MS = 1_791_115_200_000
NOW_US = 1000 * NOW_MS
DAY_MS = 86_400_000
BOOKS = "orderbook_delta"
TWO_SIDED = {"yes_dollars_fp": [["0.1000", "1.00"], ["0.4000", "5.00"]], "no_dollars_fp": [["0.6000", "7.00"]]}


class Told:
    """A feed, and the frames that are told to it."""

    def __init__(self, tickers, *, channels=(BOOKS,)):
        self.feed = Feed(tickers, channels=channels)
        self.reader = FrameReader(use_yes_price=True)
        self.feed.connect()
        self.first = self.feed.commands.take()[0]

    def take(self, frame, *, at_us=NOW_US):
        """Let one frame arrive."""
        self.feed.take(self.reader.read(frame if isinstance(frame, bytes) else json.dumps(frame)), at_us)

    def subscribed(self, command=None, *, sid=1, channel=BOOKS):
        """Let the exchange carry a subscription out."""
        msg = {"channel": channel, "sid": sid}
        self.take({"id": (command or self.first)["id"], "type": "subscribed", "msg": msg})
        return self

    def refused(self, command, code=11):
        """Let the exchange refuse a command."""
        self.take({"id": command["id"], "type": "error", "msg": {"code": code, "msg": "no"}})

    def snapshot(self, seq, ticker, *, sid=1, more=None, **msg):
        """Let a whole book arrive."""
        self.frame("orderbook_snapshot", seq, sid=sid, more=more, market_ticker=ticker, **(msg or TWO_SIDED))

    def change(self, seq, ticker, *, sid=1, more=None, **msg):
        """Let a change of one level arrive."""
        usual = {"side": "yes", "price_dollars": "0.3000", "delta_fp": "1.00"}
        self.frame(BOOKS, seq, sid=sid, more=more, market_ticker=ticker, **(usual | msg))

    def frame(self, kind, seq, *, sid=1, more=None, **msg):
        """Let any numbered frame arrive."""
        self.take({"type": kind, "sid": sid, "seq": seq, "msg": msg} | (more or {}))

    def seconds(self, count):
        """Let time pass; return the commands that it leads to."""
        commands = []
        for _ in range(count):
            self.feed.tick()
            commands += self.feed.commands.take()
        return commands

    def rows(self):
        """Return the rows of both tables so far."""
        return rows_of(self.feed.drain(), sid_of=lambda number: number)


@pytest.fixture
def told():
    """Build feeds that are told frames one by one."""
    return Told


def live(feed):
    """Return the markets whose books are known."""
    return {ticker for ticker, book in feed.books.items() if book.live}


def test_a_snapshot_is_not_known_before_it_was_sent(told, tickers):
    """Our clock may be behind the exchange's by hours."""
    line = told(tickers).subscribed()

    line.snapshot(1, tickers[0], more={"sending_ts_ms": NOW_MS + 3_600_000})
    line.change(2, tickers[0], ts_ms=NOW_MS + 7_200_000)

    known = line.rows()[0].frame["known_utc"].to_physical().to_list()
    assert [NOW_US + 3_600_000_000, NOW_US + 7_200_000_000] == known


def test_a_gap_is_not_known_before_the_last_frame_in_front_of_it(told, tickers):
    """A mark with an earlier instant would make a book unknown while it was known."""
    line = told(tickers).subscribed()
    line.snapshot(1, tickers[0], more={"sending_ts_ms": NOW_MS + 3_600_000})

    line.feed.disconnect(NOW_US + 1, "the line was cut")

    books = line.rows()[0].frame
    assert books["known_utc"].max() == books.filter(kind="gap")["known_utc"].min()


def test_one_silent_market_does_not_keep_the_others_away(told, tickers):
    """It is given up, marked, and asked for once a minute; the connection stays."""
    line = told(tickers).subscribed()
    line.snapshot(1, tickers[0])
    line.snapshot(2, tickers[1])

    line.seconds((ASKS + 1) * PATIENCE_TICKS)
    asked = line.seconds(MINUTE_TICKS)

    books = line.rows()[0].frame
    assert (None, set(tickers[:2])) == (line.feed.failed, live(line.feed))
    assert [(2, tickers[2])] == books.filter(kind="gap").select("seq", "market_ticker").rows()
    assert [("get_snapshot", [tickers[2]])] == [(c["params"]["action"], c["params"]["market_tickers"]) for c in asked]


def test_a_market_that_was_given_up_is_live_with_its_snapshot(told, tickers):
    """Late is not never."""
    line = told(tickers[:2]).subscribed()
    line.snapshot(1, tickers[0])
    line.seconds((ASKS + 1) * PATIENCE_TICKS)

    line.snapshot(2, tickers[1])

    assert set(tickers[:2]) == live(line.feed)
    assert [] == line.seconds(MINUTE_TICKS)


def test_a_line_without_any_live_book_is_given_up(told, tickers):
    """Then it is the connection, not a market."""
    line = told(tickers).subscribed()

    line.seconds((ASKS + 1) * PATIENCE_TICKS)

    assert "no snapshot came for 3 markets" == line.feed.failed


def answer_refusing(line, bad, *, code):
    """Answer every subscription like an exchange that does not know one market; return the markets it told of."""
    followed, sid, commands = [], 0, [line.first]
    while commands:
        for command in commands:
            wanted = command["params"]["market_tickers"]
            if bad in wanted:
                line.refused(command, code)
            else:
                sid += 1
                line.subscribed(command, sid=sid)
                followed += wanted
        commands = line.feed.commands.take()
    return followed


@pytest.mark.parametrize("code", [1, 11, 14, 26, 99])
def test_a_market_that_the_exchange_does_not_know_is_left_out(told, tickers, code, caplog):
    """The rest is followed without it, and somebody is told."""
    line = told(tickers)

    followed = answer_refusing(line, tickers[1], code=code)

    assert [tickers[0], tickers[2]] == followed
    assert (None, None, 1) == (line.feed.refused, line.feed.failed, line.feed.counts.unfollowed)
    assert f"{tickers[1]} is refused and not followed" in caplog.text


def test_a_line_of_one_market_does_not_touch_the_books_of_another(told, tickers):
    """After a refusal there are several lines for one channel, each with its own markets."""
    line = told(tickers)
    answer_refusing(line, tickers[1], code=11)
    line.snapshot(1, tickers[0], sid=1)
    line.snapshot(1, tickers[2], sid=2)

    line.change(5, tickers[0], sid=1)

    assert {tickers[2]} == live(line.feed)
    assert [tickers[0]] == line.rows()[0].frame.filter(kind="gap")["market_ticker"].to_list()


def test_what_is_refused_altogether_at_first_ends_the_recording(told, tickers):
    """Nothing could ever be subscribed: the question is wrong."""
    line = told(tickers[:1])

    line.refused(line.first, 11)

    assert "error 11 'no'" == line.feed.refused


def test_what_is_refused_altogether_later_is_an_outage(told, tickers):
    """It was right once, so it is asked again on the next connection."""
    line = told(tickers[:1]).subscribed()
    line.feed.disconnect(NOW_US, "the line was cut")
    line.feed.connect()

    line.refused(line.feed.commands.take()[0], 11)

    assert (None, "error 11 'no'") == (line.feed.refused, line.feed.failed)


def test_a_new_market_that_is_refused_leaves_the_line_alone(told, tickers):
    """It is asked for by a subscription of its own, then let be."""
    line = told(tickers[:2]).subscribed()
    line.snapshot(1, tickers[0])
    line.feed.add(tickers[2:])
    (added,) = line.feed.commands.take()

    line.refused(added)
    (alone,) = line.feed.commands.take()
    line.refused(alone)

    assert ("add_markets", "subscribe", tickers[2:]) == (
        added["params"]["action"],
        alone["cmd"],
        tuple(alone["params"]["market_tickers"]),
    )
    assert (None, {tickers[0]}) == (line.feed.failed, live(line.feed))


def test_a_book_that_comes_before_the_answer_to_its_subscription_is_followed(told, tickers):
    """A gap makes it stale like any other."""
    line = told(tickers)
    line.snapshot(1, tickers[0])
    before = live(line.feed)

    line.change(3, tickers[0])

    assert ({tickers[0]}, set()) == (before, live(line.feed))
    assert tickers == tuple(line.rows()[0].frame.filter(kind="gap")["market_ticker"])


def test_markets_added_while_a_subscription_is_under_way_join_it(told, tickers):
    """The answer is about the markets that were asked for; the others follow at once."""
    line = told(tickers[:1])

    line.feed.add(tickers[1:])
    before = line.feed.commands.take()
    line.subscribed()
    (added,) = line.feed.commands.take()

    assert [] == before
    assert ("add_markets", list(tickers[1:])) == (added["params"]["action"], added["params"]["market_tickers"])


def test_of_no_market_nothing_is_asked():
    """A subscription without markets means all of them."""
    feed = Feed(())

    feed.connect()

    assert [] == feed.commands.take()


def test_a_count_that_begins_anew_with_a_snapshot_is_seen_at_once(told, tickers):
    """Its old numbers look like repeats, and the book would stay live and wrong."""
    line = told(tickers[:1]).subscribed()
    line.snapshot(1, tickers[0])
    for seq in range(2, 400):
        line.change(seq, tickers[0])

    line.snapshot(1, tickers[0], yes_dollars_fp=[["0.5000", "1.00"]])

    assert "subscription 1 counts from the beginning" == line.feed.failed


def test_an_old_number_with_another_content_is_a_restart(told, tickers):
    """A repeat says the same as before."""
    line = told(tickers[:1]).subscribed()
    line.snapshot(1, tickers[0])
    line.change(2, tickers[0])

    line.change(2, tickers[0])
    before = line.feed.failed
    line.change(2, tickers[0], price_dollars="0.2900")

    assert (None, "subscription 1 counts from the beginning") == (before, line.feed.failed)


@pytest.mark.parametrize(
    "raw",
    [b'{"type": "orderbook_de', b'{"type": "orderbook_delta", "sid": 1, "msg": {}}', b'{"type": "error", "msg": 7}'],
    ids=["cut off", "without its number", "an error"],
)
def test_a_frame_without_a_number_makes_its_books_stale_until_they_are_told_anew(told, tickers, raw):
    """It may have been the next one: nobody knows before another comes."""
    line = told(tickers[:1]).subscribed()
    line.snapshot(1, tickers[0])

    line.take(raw)

    (command,) = line.feed.commands.take()
    assert (set(), "get_snapshot") == (live(line.feed), command["params"]["action"])


def test_a_gap_behind_a_frame_without_a_number_is_known_since_that_frame(told, tickers):
    """From then on the book was in doubt."""
    line = told(tickers[:1]).subscribed()
    line.snapshot(1, tickers[0])
    line.take(b"<html>", at_us=NOW_US + 5)

    line.feed.take(Snapshot(1, 3, tickers[0], line.feed.books[tickers[0]].levels), NOW_US + 9_000_000)

    marks = line.rows()[0].frame.filter(kind="gap")
    assert [(2, NOW_US + 5)] == marks.select("seq", marks["known_utc"].to_physical()).rows()
    assert {tickers[0]} == live(line.feed)


def test_a_frame_without_a_number_that_was_of_another_line_leaves_no_gap(told, tickers):
    """The next number is the next number."""
    line = told(tickers[:1]).subscribed()
    line.snapshot(1, tickers[0])

    line.take(b"<html>")
    line.snapshot(2, tickers[0])

    assert 0 == line.rows()[0].frame.filter(kind="gap").height
    assert {tickers[0]} == live(line.feed)


def test_a_frame_stamped_in_the_future_is_refused(told, tickers):
    """Its rows would be known only then; its place is marked."""
    line = told(tickers[:1]).subscribed()
    line.snapshot(1, tickers[0])

    line.change(2, tickers[0], ts_ms=NOW_MS + DAY_MS + 1)

    books = line.rows()[0]
    assert ["snapshot", "gap"] == books.frame["kind"].to_list()
    assert ["stamped in the future"] == books.refused["rule"].to_list()


def test_a_trade_that_is_missing_is_told_with_its_instants(told, tickers):
    """There is no row for what never came, but people and `kwx ingest trades` need to know."""
    line = told(tickers[:1], channels=(TRADES_CHANNEL,)).subscribed(channel=TRADES_CHANNEL)
    trade = {"market_ticker": tickers[0], "yes_price_dollars": "0.3", "count_fp": "1.00", "taker_side": "yes"}
    line.frame("trade", 1, trade_id="a", ts_ms=NOW_MS, **trade)
    line.frame("trade", 3, trade_id="c", ts_ms=NOW_MS, **trade)

    trades = line.rows()[1]

    assert ["a", "c"] == trades.frame["trade_id"].to_list()
    assert ["trades are missing on the stream: 1 frames are missing"] == trades.refused["rule"].to_list()
    assert {"from_utc", "until_utc", "market_tickers"} == json.loads(trades.refused["record_json"][0]).keys()


def test_books_read_at_the_wrong_prices_do_not_reach_the_rows(told, tickers):
    """The first market fits both readings, the second only the other one."""
    line = told(tickers[:2]).subscribed()
    line.snapshot(1, tickers[0], yes_dollars_fp=[["0.0500", "5.00"]], no_dollars_fp=[["0.6000", "7.00"]])
    line.change(2, tickers[0], side="no", price_dollars="0.5500")
    early = line.feed.drain()

    line.snapshot(3, tickers[1], yes_dollars_fp=[["0.6000", "5.00"]], no_dollars_fp=[["0.3500", "7.00"]])
    line.feed.disconnect(NOW_US + 1, line.feed.failed)

    books = line.rows()[0].frame
    assert ([], True, {"gap"}) == (early, line.feed.misread, set(books["kind"]))
    assert quotes_of(books)["yes_bid_ticks"].is_null().all()


def test_books_are_held_back_for_a_bounded_time(told, tickers):
    """One-sided books prove nothing, ever; if it shows too late, that is told."""
    line = told(tickers[:2]).subscribed()
    line.snapshot(1, tickers[0], yes_dollars_fp=[["0.0500", "5.00"]])
    line.seconds(HELD_TICKS + 1)
    let_out = line.rows()[0].frame.height

    line.snapshot(2, tickers[1], yes_dollars_fp=[["0.6000", "5.00"]], no_dollars_fp=[["0.3500", "7.00"]])

    books = line.rows()[0]
    assert (1, {"gap"}, set(tickers[:2])) == (let_out, set(books.frame["kind"]), set(books.frame["market_ticker"]))
    assert "wrong prices" in books.refused["rule"][0]


def test_a_gap_that_ends_a_line_stands_once_behind_it(told, tickers):
    """After a reconnect the old line has one last mark for each market, and the new one counts for itself."""
    line = told(tickers[:1]).subscribed()
    line.snapshot(1, tickers[0])
    line.change(3, tickers[0])
    line.feed.disconnect(NOW_US, "the line was cut")
    line.feed.connect()
    line.subscribed(line.feed.commands.take()[0])
    line.snapshot(1, tickers[0])

    gaps = [(event.subscription, event.message) for event in line.feed.drain() if isinstance(event.message, Gap)]

    assert [(1, 2, False), (1, 4, True)] == [(number, gap.seq, gap.ends) for number, gap in gaps]


def test_a_market_that_left_and_came_back_has_one_mark_in_one_place(told, tickers):
    """Two rows must not share a number."""
    line = told(tickers).subscribed()
    line.snapshot(1, tickers[0])
    line.feed.remove(tickers[:1], NOW_US)
    line.feed.add(tickers[:1])

    line.feed.disconnect(NOW_US, "the line was cut")

    books = line.rows()[0].frame
    assert books.height == books.n_unique(["market_ticker", "sid", "seq"])


def test_numbers_beyond_reason_do_not_count():
    """A damaged frame must not set the count of its line."""
    frame = FrameReader(use_yes_price=True).read(json.dumps({"type": BOOKS, "sid": 1, "seq": 10**30, "msg": {}}))

    assert None is frame.seq
    assert not isinstance(frame, Delta)
