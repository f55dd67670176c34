"""Order books: stored changes and wire frames against a book in plain dictionaries: same answers, rows per second.

Run as `python tests/bench/bench_book.py [--deltas 2000000] [--frames 300000]`. The dictionary book takes the first
changes only and is compared change by change there; its time per change is what the ratio is against.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from decimal import Decimal

import numpy as np
from measure import Measure, best_of, report

from pipelines.kalshi.feed import Feed
from pipelines.kalshi.levels import Levels
from pipelines.kalshi.messages import FrameReader
from pipelines.kalshi.replay import replay

STORED_TARGET = 3_000_000
WIRE_TARGET = 100_000
BASELINE_CHANGES = 100_000
TICKERS = tuple(f"KXHIGHCHI-26OCT04-B{degrees}.5" for degrees in range(62, 74, 2))


def run(*, deltas: int = 2_000_000, frames: int = 300_000) -> list[Measure]:
    """Measure the replay of one market's changes, and the way from wire frames to live books."""
    return [_stored(deltas), _wire(frames)]


def _stored(deltas: int) -> Measure:
    stream = changes(deltas)
    ours_s, quotes = best_of(5, lambda: replay(*stream))
    few = tuple(column[:BASELINE_CHANGES] for column in stream)
    baseline_s, expected = best_of(2, lambda: dictionary_book(*(column.tolist() for column in few)))
    rows = list(zip(*(column[:BASELINE_CHANGES].tolist() for column in quotes.columns), strict=True))
    if expected != rows:
        raise AssertionError("the replay differs from the dictionary book")
    scaled_s = baseline_s / len(expected) * deltas
    return Measure(
        name=f"books from stored arrays, {deltas:,} changes",
        ours_s=ours_s,
        baseline_s=scaled_s,
        ratio=scaled_s / ours_s,
        target=f">= {STORED_TARGET / 1e6:.0f} M changes/s",
        note=f"{deltas / ours_s / 1e6:.1f} M/s; dictionaries {deltas / scaled_s / 1e6:.2f} M/s, scaled from "
        f"{len(expected):,}, best prices and sizes after every change",
        holds=deltas / ours_s >= STORED_TARGET,
    )


def _wire(frames: int) -> Measure:
    raw = wire_frames(frames)
    ours_s, feed = best_of(3, lambda: through_the_feed(raw))
    few = raw[: BASELINE_CHANGES // 2]
    baseline_s, expected = best_of(1, lambda: through_json_and_dictionaries(few))
    if expected != {ticker: book.levels for ticker, book in through_the_feed(few).books.items()}:
        raise AssertionError("the feed differs from the dictionary books")
    scaled_s = baseline_s / len(few) * frames
    return Measure(
        name=f"books from the wire, {frames:,} frames",
        ours_s=ours_s,
        baseline_s=scaled_s,
        ratio=scaled_s / ours_s,
        target=f">= {WIRE_TARGET / 1e3:.0f} k frames/s",
        note=f"{frames / ours_s / 1e3:.0f} k/s, read, counted, applied and kept as events, {feed.counts.gaps} gaps; "
        f"json and dictionaries {frames / scaled_s / 1e3:.0f} k/s, neither counted nor kept",
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
        feed.take(reader.read(frame), place)
        if not place % 1000:
            feed.drain()
    return feed


def dictionary_book(asks: list[bool], prices: list[int], sizes: list[int]) -> list[tuple[int, int, int, int]]:
    """Keep two dictionaries and look for the best price after every change, as one would at first."""
    bids, offers, rows = {}, {}, []
    for ask, price, change in zip(asks, prices, sizes, strict=True):
        side = offers if ask else bids
        size = side.get(price, 0) + change
        if size > 0:
            side[price] = size
        else:
            side.pop(price, None)
        bid, offer = max(bids, default=0), min(offers, default=10_000)
        rows.append((bid, bids.get(bid, 0), offer, offers.get(offer, 0)))
    return rows


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
    parser.add_argument("--deltas", type=int, default=2_000_000, help="changes of the stored book")
    parser.add_argument("--frames", type=int, default=300_000, help="frames from the wire")
    size = parser.parse_args()
    return report(run(deltas=size.deltas, frames=size.frames))


if __name__ == "__main__":
    sys.exit(main())
