"""The resting maker of bench_hftbacktest on hftbacktest: run by a Python that has it, for the bench alone.

    python hft_maker.py MARKETS.npz     prints JSON: seconds of trading, compiled, contracts and fills of each market

The file holds bid and ask (ticks), p and sold (the price of a sell print, 0 without one) as [market, minute].
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    event_dtype,
)
from numba import njit

MINUTE_NS = 60_000_000_000
TICK = 0.01
DEPTH_SHOWN, PRINTED = 1_000.0, 500.0
BOTH = EXCH_EVENT | LOCAL_EVENT


def events(bid: np.ndarray, ask: np.ndarray, sold: np.ndarray) -> np.ndarray:
    """Return a market's feed: in each minute its print at half, then its quotes at the end."""
    rows = [(DEPTH_EVENT | BUY_EVENT | BOTH, MINUTE_NS, bid[0], DEPTH_SHOWN)]
    for t in range(len(bid)):
        end = MINUTE_NS * (t + 2)
        if sold[t]:
            rows.append((TRADE_EVENT | SELL_EVENT | BOTH, end - MINUTE_NS // 2, sold[t], PRINTED))
        for side, quotes in ((BUY_EVENT, bid), (SELL_EVENT, ask)):
            if t and quotes[t] != quotes[t - 1]:
                rows.append((DEPTH_EVENT | side | BOTH, end - 1, quotes[t - 1], 0.0))
            rows.append((DEPTH_EVENT | side | BOTH, end - 1, quotes[t], DEPTH_SHOWN))
    feed = np.zeros(len(rows), event_dtype)
    feed["ev"], feed["exch_ts"] = [row[0] for row in rows], [row[1] for row in rows]
    feed["local_ts"], feed["px"] = feed["exch_ts"], [round(row[2] / 10_000, 2) for row in rows]
    feed["qty"] = [row[3] for row in rows]
    return feed


@njit
def trade(hbt, p, least_edge, most, size):  # type: ignore[no-untyped-def]
    """Rest one order at the best bid while the probability is there; return contracts and fills."""
    held, fills, price, placed, t = 0.0, 0, 0.0, 0, 0
    while t < len(p) and hbt.elapse(MINUTE_NS) == 0:
        if hbt.position(0) > held + 0.5:
            held, fills, price = hbt.position(0), fills + 1, 0.0
        hbt.clear_inactive_orders(0)
        bid = hbt.depth(0).best_bid
        known = not np.isnan(p[t])
        if price > 0 and not (known and abs(price - bid) < TICK / 2):
            hbt.cancel(0, placed, False)
            price = 0.0
        room = min(most - held, size)
        if price == 0 and known and p[t] - bid >= least_edge and room > 0:
            placed = t + 1
            hbt.submit_buy_order(0, placed, bid, room, GTX, LIMIT, False)
            price = bid
        t += 1
    return held, fills


def market(feed: np.ndarray) -> object:
    """Return a backtest of one market without fees or latency, whose orders are filled by prints through them."""
    asset = (
        BacktestAsset().data(feed).linear_asset(1.0).constant_order_latency(0, 0).risk_adverse_queue_model()
        .no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(TICK).lot_size(1.0)
    )  # fmt: skip
    return HashMapMarketDepthBacktest([asset])


def main(path: str) -> None:
    """Trade every market of a file once, after one has been compiled for."""
    said = np.load(path)
    feeds = [events(*quotes) for quotes in zip(said["bid"], said["ask"], said["sold"], strict=True)]
    limits = float(said["least_edge"]), float(said["most"]), float(said["size"])
    trade(market(feeds[0]), said["p"][0], *limits)
    books = [market(feed) for feed in feeds]
    began = time.perf_counter()
    came = [trade(book, p, *limits) for book, p in zip(books, said["p"], strict=True)]
    seconds = time.perf_counter() - began
    held, fills = zip(*came, strict=True)
    sys.stdout.write(json.dumps({"seconds": seconds, "held": list(held), "fills": list(fills)}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
