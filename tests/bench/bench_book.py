"""Order books: stored rows and wire frames against books in plain dictionaries: same answers, rows per second.

Run as `python tests/bench/bench_book.py [--rows 2000000] [--frames 300000]`. Stored rows are those of the lake: 42
markets in one subscription, each with a fresh snapshot after every 250 of its changes. The dictionary books take the
first rows only and are compared row by row there; their time per row is what the ratio is against.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import polars as pl
from measure import Measure, best_of, report

from pipelines.kalshi.book_rows import rows_of
from pipelines.kalshi.feed import Feed
from pipelines.kalshi.levels import Levels
from pipelines.kalshi.messages import FrameReader
from pipelines.kalshi.replay import quotes_of

STORED_TARGET = 3_000_000
WIRE_TARGET = 100_000
BASELINE_ROWS = 100_000
FRAMES_AT_ONCE = 5_000
RECEIVED_US = 1_791_115_200_000_000
MARKETS = 42
SNAPSHOT_EVERY = 251
QUOTES = ("yes_bid_ticks", "yes_bid_centi", "yes_ask_ticks", "yes_ask_centi")
STORED = {"kind": pl.String, "side": pl.String, "price_ticks": pl.Int32, "delta_centi": pl.Int64} | {
    name: pl.List(pl.Int32 if name.endswith("ticks") else pl.Int64) for name in Levels.__struct_fields__
}
TICKERS = tuple(f"KXHIGHCHI-26OCT04-B{degrees}.5" for degrees in range(62, 74, 2))


def run(*, rows: int = 2_000_000, frames: int = 300_000) -> list[Measure]:
    """Measure the quotes of stored rows, and the way from wire frames to live books."""
    return [_stored(rows), *_wire(frames)]


def _stored(rows: int) -> Measure:
    books = stored_rows(rows)
    ours_s, quotes = best_of(5, lambda: quotes_of(books))
    few = books.head(BASELINE_ROWS)
    baseline_s, expected = best_of(2, lambda: dictionary_books(few))
    if expected != quotes.select(QUOTES).head(BASELINE_ROWS).rows():
        raise AssertionError("the quotes differ from those of the dictionary books")
    scaled_s = baseline_s / few.height * books.height
    snapshots = books.filter(kind="snapshot").height
    return Measure(
        name=f"quotes of stored rows, {books.height:,} rows",
        ours_s=ours_s,
        baseline_s=scaled_s,
        ratio=scaled_s / ours_s,
        target=f">= {STORED_TARGET / 1e6:.0f} M rows/s",
        note=f"{books.height / ours_s / 1e6:.1f} M/s, {MARKETS} markets, {snapshots:,} snapshots; dictionaries "
        f"{books.height / scaled_s / 1e6:.2f} M/s, scaled from {few.height:,}, best prices and sizes after every row",
        holds=books.height / ours_s >= STORED_TARGET,
    )


def _wire(frames: int) -> list[Measure]:
    raw = wire_frames(frames)
    ours_s, feed = best_of(3, lambda: through_the_feed(raw))
    few = raw[: BASELINE_ROWS // 2]
    baseline_s, expected = best_of(2, lambda: through_json_and_dictionaries(few))
    if expected != {ticker: book.levels for ticker, book in through_the_feed(few).books.items()}:
        raise AssertionError("the feed differs from the dictionary books")
    rows_s, rows = best_of(3, lambda: through_the_feed_to_rows(raw))
    if rows != frames:
        raise AssertionError(f"{frames} frames became {rows} rows")
    scaled_s = baseline_s / len(few) * frames
    plain = f"json and dictionaries {frames / scaled_s / 1e3:.0f} k/s, neither counted nor kept"
    return [
        _wire_measure("live books", frames, ours_s, scaled_s, note=f"feed only, {feed.counts.gaps} gaps; {plain}"),
        _wire_measure("live books and stored rows", frames, rows_s, scaled_s, note="the feed and the rows it leaves"),
    ]


def _wire_measure(what: str, frames: int, ours_s: float, baseline_s: float, *, note: str) -> Measure:
    return Measure(
        name=f"from the wire to {what}, {frames:,} frames",
        ours_s=ours_s,
        baseline_s=baseline_s,
        ratio=baseline_s / ours_s,
        target=f">= {WIRE_TARGET / 1e3:.0f} k frames/s",
        note=f"{frames / ours_s / 1e3:.0f} k/s, {note}",
        holds=frames / ours_s >= WIRE_TARGET,
    )


def changes(rows: int, *, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw changes of one book: levels around a price that wanders, shown, enlarged, reduced and withdrawn."""
    chance, mid, held, drawn = random.Random(seed), 50, {}, []
    for _ in range(rows):
        if chance.random() < 0.02:
            mid = min(90, max(10, mid + chance.choice((-1, 1))))
        ask = chance.random() < 0.5
        cents = min(99, max(1, mid + 1 + int(12 * chance.random()) if ask else mid - int(12 * chance.random())))
        size = held.get((ask, cents), 0)
        change = _change(size, chance)
        held[ask, cents] = size + change
        drawn.append((ask, 100 * cents, change))
    asks, prices, sizes = zip(*drawn, strict=True)
    return np.array(asks), np.array(prices, np.int32), np.array(sizes, np.int64)


def _change(size: int, chance: random.Random) -> int:
    if size and chance.random() < 0.35:
        return -size
    if not size or chance.random() < 0.5:
        return 100 * chance.randrange(1, 50)
    return -100 * chance.randrange(1, size // 100 + 1)


def wire_frames(rows: int) -> list[bytes]:
    """Write changes of six markets as the exchange sends them, after a snapshot of each."""
    frames = [_frame(place, "orderbook_snapshot", {"market_ticker": one}) for place, one in enumerate(TICKERS, 1)]
    streams = [
        zip(*(column.tolist() for column in changes(rows // 6 + 1, seed=place)), strict=True) for place in range(6)
    ]
    for place in range(len(frames), rows):
        ask, price, change = next(streams[place % 6])
        said = {
            "market_ticker": TICKERS[place % 6],
            "market_id": "9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",
            "price_dollars": f"{price / 10_000:.4f}",
            "delta_fp": f"{change / 100:.2f}",
            "side": "no" if ask else "yes",
            "ts": "2026-10-04T12:00:00Z",
            "ts_ms": 1_791_115_200_000 + place,
        }
        frames.append(_frame(place + 1, "orderbook_delta", said))
    return frames


def _frame(seq: int, kind: str, msg: dict[str, object]) -> bytes:
    stamp = 1_791_115_200_000 + seq
    return json.dumps({"type": kind, "sid": 1, "seq": seq, "sending_ts_ms": stamp, "msg": msg}).encode()


def through_the_feed(raw: list[bytes]) -> Feed:
    """Read frames as the live stream does."""
    feed, reader = Feed(TICKERS), FrameReader(use_yes_price=True)
    feed.connect()
    for place, frame in enumerate(raw):
        feed.take(reader.read(frame), RECEIVED_US + place)
        if not place % 1000:
            feed.drain()
    return feed


def through_the_feed_to_rows(raw: list[bytes]) -> int:
    """Read frames as the recorder does, and turn them into rows a second of a busy day at a time; count the rows."""
    feed, reader, rows = Feed(TICKERS), FrameReader(use_yes_price=True), 0
    feed.connect()
    for begin in range(0, len(raw), FRAMES_AT_ONCE):
        for place, frame in enumerate(raw[begin : begin + FRAMES_AT_ONCE], begin):
            feed.take(reader.read(frame), RECEIVED_US + place)
        books, _ = rows_of(feed.drain(), sid_of=lambda number: number)
        rows += books.frame.height
    return rows


def stored_rows(rows: int) -> pl.DataFrame:
    """Return rows as the lake has them: markets take turns, and each begins with a snapshot and has more of them."""
    each = -(-rows // MARKETS)
    markets = [_rows_of_market(each, place).with_columns(place=pl.lit(place)) for place in range(MARKETS)]
    said = pl.concat(markets).sort("turn", "place").head(rows)
    known_utc = pl.lit(datetime(2026, 10, 4, 12, tzinfo=UTC)) + pl.duration(milliseconds=pl.col("seq"))
    return said.with_row_index("seq").select(
        pl.format("KXHIGHCHI-26OCT04-B{}.5", 40 + pl.col("place")).alias("market_ticker"),
        pl.lit(1, pl.Int32).alias("sid"),
        pl.col("seq").cast(pl.Int64),
        known_utc.alias("known_utc"),
        *("kind", "side", "price_ticks", "delta_centi", *Levels.__struct_fields__),
    )


def _rows_of_market(rows: int, place: int) -> pl.DataFrame:
    drawn = zip(*(column.tolist() for column in changes(rows, seed=100 + place)), strict=True)
    book: dict[str, dict[int, int]] = {"yes": {}, "no": {}}
    said: list[tuple[object, ...]] = []
    for ask, price, change in drawn:
        if len(said) % SNAPSHOT_EVERY == 0:
            bids, asks = sorted(book["yes"].items()), sorted(book["no"].items(), reverse=True)
            levels = [
                list(column) for side in (bids, asks) for column in (zip(*side, strict=True) if side else ((), ()))
            ]
            said.append(("snapshot", None, None, None, *levels))
        side = "no" if ask else "yes"
        said.append(("delta", side, price, change, None, None, None, None))
        book[side][price] = book[side].get(price, 0) + change
        if not book[side][price]:
            del book[side][price]
    return pl.DataFrame(said, schema=STORED, orient="row").with_row_index("turn")


def dictionary_books(rows: pl.DataFrame) -> list[tuple[int, int, int, int]]:
    """Keep two dictionaries for each market and look for the best prices after every row, as one would at first."""
    books: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
    quotes = []
    for ticker, kind, side, price, change, *levels in rows.select("market_ticker", *STORED).iter_rows():
        if kind == "snapshot":
            books[ticker] = dict(zip(*levels[:2], strict=True)), dict(zip(*levels[2:], strict=True))
        bids, offers = books[ticker]
        if kind == "delta":
            changed = bids if side == "yes" else offers
            changed[price] = changed.get(price, 0) + change
            if changed[price] <= 0:
                del changed[price]
        bid, offer = max(bids, default=0), min(offers, default=10_000)
        quotes.append((bid, bids.get(bid, 0), offer, offers.get(offer, 0)))
    return quotes


def through_json_and_dictionaries(raw: list[bytes]) -> dict[str, Levels]:
    """Read frames with the standard library and exact decimals into dictionaries."""
    books = {ticker: {"yes": {}, "no": {}} for ticker in TICKERS}
    for frame in raw:
        told = json.loads(frame)
        if told["type"] != "orderbook_delta":
            continue
        msg = told["msg"]
        side, price = books[msg["market_ticker"]][msg["side"]], Decimal(msg["price_dollars"])
        size = side.get(price, 0) + Decimal(msg["delta_fp"])
        if size > 0:
            side[price] = size
        else:
            side.pop(price, None)
    return {ticker: _as_levels(book) for ticker, book in books.items()}


def _as_levels(book: dict[str, dict[Decimal, Decimal]]) -> Levels:
    bids, asks = sorted(book["yes"].items()), sorted(book["no"].items(), reverse=True)
    return Levels(
        tuple(int(10_000 * price) for price, _ in bids),
        tuple(int(100 * size) for _, size in bids),
        tuple(int(10_000 * price) for price, _ in asks),
        tuple(int(100 * size) for _, size in asks),
    )


def main() -> int:
    """Read the size from the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the stored books")
    parser.add_argument("--frames", type=int, default=300_000, help="frames from the wire")
    size = parser.parse_args()
    return report(run(rows=size.rows, frames=size.frames))


if __name__ == "__main__":
    sys.exit(main())
