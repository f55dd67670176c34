"""The dense grid against a slow loop that reads like its definition, and against a future that lies."""

from __future__ import annotations

import math
from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.lake.tables import BRACKET_COLUMNS, CANDLES_DENSE

MINUTES = 26
_HELD = {
    "yes_bid_ticks": "yes_bid_close_ticks",
    "yes_ask_ticks": "yes_ask_close_ticks",
    "open_interest_centi": "open_interest_centi",
}

_NO_SIDES = (None, None)  # made from the tape
_SIDES = st.sampled_from(
    [_NO_SIDES, (0, 10_000), (0, 300), (9_900, 10_000), (4_000, 4_200), (4_000, 4_100), (5_000, 5_000)]
)
_PRICES = st.one_of(st.none(), st.tuples(*[st.integers(1, 9_999)] * 4))
_CANDLES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(-2, MINUTES + 2),
        st.sampled_from([0, 0, 0, 0.5, 1, 2.25, 10, 40]),
        _SIDES,
        _PRICES,
        st.integers(0, 9),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(drawn=_CANDLES, stale=st.dictionaries(st.integers(-1, MINUTES + 1), st.integers(0, 30)))
def test_dense_equals_the_slow_definition(market, drawn, stale):
    """Late, repeated, contradictory, shuffled and outside candles of adjacent markets: every cell agrees."""
    lengths = _lengths(market)
    candles = [_candle(market, lengths, one) for one in drawn]

    dense = market.dense(*candles, minutes=lengths, weather=market.weather(stale))

    assert _slow_dense(market, candles, lengths, stale) == dense.to_dicts()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(before=_CANDLES, after=_CANDLES, other=_CANDLES, cut=st.integers(1, MINUTES))
def test_what_becomes_known_after_a_minute_leaves_its_rows_alone(market, before, after, other, cut):
    """Two worlds that agree on everything known by a minute have the same rows up to that minute."""
    lengths = _lengths(market)
    past = [one for one in (_candle(market, lengths, drawn) for drawn in before) if one["known_utc"] <= market.at(cut)]
    futures = [
        [_later(one, market.at(cut)) for one in (_candle(market, lengths, d) for d in drawn)]
        for drawn in (after, other)
    ]

    told, lied = (market.dense(*future, *past, minutes=lengths) for future in futures)

    by_then = pl.col("ts_utc") <= market.at(cut)
    assert told.filter(by_then).equals(lied.filter(by_then))


def test_weather_after_a_minute_leaves_its_row_alone(market):
    """The completeness of a minute reads the weather row of that minute only."""
    candle = market.candle(1)

    told = market.dense(candle, weather=market.weather({1: 0, 2: 0, 3: 0}))
    lied = market.dense(candle, weather=market.weather({1: 0, 2: 0, 3: 99, 4: 0}))

    assert told["complete"].to_list()[:2] == lied["complete"].to_list()[:2]


def _lengths(market):
    return {market.ticker: MINUTES, market.other: 3, "KXHIGHCHI-26FEB04-T50": MINUTES - 4}


def _candle(market, lengths, drawn):
    place, ts, delay, (bid, ask), prices, volume = drawn
    interest = None if bid is None else volume + ts + 2
    said = {"bid": bid, "ask": ask, "price": prices, "volume": volume, "interest": interest}
    return market.candle(ts, ticker=list(lengths)[place], known=ts + delay, **said)


def _later(candle, cut_utc):
    return candle | {"known_utc": max(candle["known_utc"], candle["ts_utc"], cut_utc + timedelta(seconds=1))}


def _slow_dense(market, candles, lengths, stale):
    rows = []
    for ticker in sorted(lengths):
        ours = _distinct([one for one in candles if one["market_ticker"] == ticker and one["ts_utc"] > market.open_utc])
        past = []
        for minute in range(1, lengths[ticker] + 1):
            row = _slow_row(market, ticker, minute, ours, past=past, stale=stale)
            row["minutes_to_close"] = lengths[ticker] - minute
            past.append(row)
        rows += past
    return rows


def _distinct(candles):
    first = {}
    for one in sorted(candles, key=lambda candle: candle["known_utc"]):
        first.setdefault(one["ts_utc"], one)
    return [first[ts_utc] for ts_utc in sorted(first)]


def _slow_row(market, ticker, minute, candles, *, past, stale):
    known = [one for one in candles if _effective(market, one) <= minute]
    news = [one for one in known if _effective(market, one) == minute]
    row = {
        "market_ticker": ticker,
        "ts_utc": market.at(minute),
        "minutes_since_open": minute,
        "utc_offset_minutes": -360,
    }
    quoted = [one for one in known if one["yes_bid_close_ticks"] is not None]
    row |= {name: quoted[-1][of] if quoted else None for name, of in _HELD.items()}
    age = (market.at(minute) - quoted[-1]["ts_utc"]).total_seconds() if quoted else None
    row["quote_age_minutes"] = None if age is None else int(age // 60)
    row |= _slow_prices(known, news)
    row["volume_centi"] = sum(one["volume_centi"] for one in news)
    row["volume_20m_centi"] = row["volume_centi"] + sum(before["volume_centi"] for before in past[-19:])
    row["volume_delta_centi"] = row["volume_centi"] - (past[-1]["volume_centi"] if past else 0)
    row |= _slow_mid(row, past[-1] if past else {})
    fresh = row["quote_age_minutes"] is not None and row["quote_age_minutes"] <= 60 and stale.get(minute, 99) <= 15
    row["complete"] = fresh and row["price_source"] == "mid"
    listed = market.listing(ticker, market.open_utc, market.open_utc).row(0, named=True)
    row |= {name: listed[name] for name in BRACKET_COLUMNS}
    return {name: row.get(name) for name in CANDLES_DENSE.schema}


def _effective(market, candle):
    return math.ceil((max(candle["known_utc"], candle["ts_utc"]) - market.open_utc).total_seconds() / 60)


def _slow_prices(known, news):
    traded = [one for one in news if one["price_close_ticks"] is not None]
    last = [one["price_close_ticks"] for one in known if one["price_close_ticks"] is not None]
    return {
        "price_open_ticks": traded[0]["price_open_ticks"] if traded else None,
        "price_high_ticks": max((one["price_high_ticks"] for one in traded), default=None),
        "price_low_ticks": min((one["price_low_ticks"] for one in traded), default=None),
        "price_close_ticks": traded[-1]["price_close_ticks"] if traded else None,
        "last_price_ticks": last[-1] if last else None,
    }


def _slow_mid(row, before):
    bid, ask, last = row["yes_bid_ticks"], row["yes_ask_ticks"], row["last_price_ticks"]
    two_sided = bid is not None and 0 < bid <= ask < 10_000
    bounded = max(bid, min(last, ask)) if None not in (bid, last) and bid <= ask else last
    fallback = None if last is None else 2 * bounded
    mid = bid + ask if two_sided else fallback
    velocity = _minus(mid, before.get("mid_half_ticks"))
    return {
        "mid_half_ticks": mid,
        "price_source": "mid" if two_sided else ("last" if last is not None else None),
        "velocity_half_ticks": velocity,
        "acceleration_half_ticks": _minus(velocity, before.get("velocity_half_ticks")),
    }


def _minus(now, before):
    return None if now is None or before is None else now - before
