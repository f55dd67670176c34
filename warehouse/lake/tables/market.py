"""Tables of the exchange: markets, candles, trades, order books."""

from __future__ import annotations

import polars as pl

from warehouse.lake.tables.contract import Column, Layout, Rule, Table
from warehouse.lake.tables.day_laws import event_of_day, market_of_day, traded_near_day
from warehouse.lake.tables.words import (
    EVENT_TICKER,
    KNOWN_UTC,
    MARKET_TICKER,
    MINUTE_UTC,
    TS_UTC,
    count,
    degrees,
    flag,
    instant,
    number,
    price,
    text,
    whole,
)
from warehouse.market.brackets import STRIKE_TYPES

_BRACKET = (
    EVENT_TICKER,
    text("strike_type", "the direction of the bracket", one_of=STRIKE_TYPES),
    number("floor_strike", "the exchange's floor", unit="°F", null=True),
    number("cap_strike", "the exchange's cap", unit="°F", null=True),
    degrees("low_f", "lowest degree that pays; null is an open end", null=True),
    degrees("high_f", "highest degree that pays; null is an open end", null=True),
    whole("bracket_order", "place among the brackets of the event, 1 is the coldest", low=1),
)
"""What a market is of; also beside each of its minutes, where a constant costs nothing and spares scans a join."""

BRACKET_COLUMNS = tuple(column.name for column in _BRACKET)

MARKETS = Table(
    name="markets",
    original="markets",
    meaning="one bracket market: what it pays for, when it trades, how it ended",
    known="the listing at known_utc; status, result, expiration value and lifetime volume only at settled_utc",
    grain=("market_ticker",),
    day_laws=(market_of_day, event_of_day, traded_near_day("close_utc")),
    columns=(
        MARKET_TICKER,
        *_BRACKET,
        text("series_ticker", "the exchange's name of the series"),
        text("bounds_source", "where the bounds were read", one_of=("strikes", "subtitle", "siblings")),
        instant("open_utc", "first instant of trading"),
        instant("close_utc", "last instant of trading"),
        KNOWN_UTC,
        text("status", "the exchange's word for the state of the market"),
        text("result", "yes or no once it is determined", null=True, one_of=("yes", "no")),
        degrees("expiration_value_f", "the settled daily high", null=True),
        instant("settled_utc", "when result and value became public", null=True),
        count("volume_centi", "lifetime volume", null=True),
        price("price_step_ticks", "the smallest step of a quote", null=True),
        text("fee_type", "the exchange's fee formula when the market opened", null=True),
        whole("fee_multiplier_milli", "the formula's multiplier then", unit="1/1000", low=0, null=True),
        text("settlement_source", "whose number settles", one_of=("nws_cli", "twc")),
    ),
    rules=(
        Rule(law="open_utc < close_utc", holds=pl.col("open_utc") < pl.col("close_utc")),
        Rule(law="known_utc <= open_utc", holds=pl.col("known_utc") <= pl.col("open_utc")),
        Rule(law="low_f <= high_f", holds=pl.col("low_f") <= pl.col("high_f")),
        Rule(law="low_f or high_f is a bound", holds=pl.col("low_f").is_not_null() | pl.col("high_f").is_not_null()),
    ),
)

FEE_CHANGES = Table(
    name="fee_changes",
    meaning="one change of what a series or an event charges, as it was told last; an event's word beats its series'",
    known="known_utc: when it was first told, at latest when it took effect: from then on every fill pays it",
    grain=("city", "ticker", "change_id"),
    layout=Layout.CITY,
    columns=(
        text(
            "scope",
            "whose fees change; withdrawn: nobody's, the exchange took the change back before it counted",
            one_of=("series", "event", "withdrawn"),
        ),
        text("ticker", "the exchange's name of the series or the event"),
        text("change_id", "the exchange's name of the change, which it keeps when it is moved to another instant"),
        instant("scheduled_utc", "from when on it counts"),
        text("fee_type", "the fee formula from then on; null says nothing of it", null=True),
        whole(
            "fee_multiplier_milli",
            "the multiplier from then on; null says nothing of it",
            unit="1/1000",
            low=0,
            null=True,
        ),
        KNOWN_UTC,
    ),
    rules=(Rule(law="known_utc <= scheduled_utc", holds=pl.col("known_utc") <= pl.col("scheduled_utc")),),
)

_QUOTE_ORDER = tuple(
    Rule(
        law=f"{side}_low_ticks <= {side}_high_ticks and open and close between them",
        holds=pl.col(f"{side}_open_ticks").is_between(pl.col(f"{side}_low_ticks"), pl.col(f"{side}_high_ticks"))
        & pl.col(f"{side}_close_ticks").is_between(pl.col(f"{side}_low_ticks"), pl.col(f"{side}_high_ticks")),
    )
    for side in ("yes_bid", "yes_ask", "price")
)


_MOMENTS = ("open", "high", "low", "close")
_PRICES = tuple(f"price_{moment}_ticks" for moment in _MOMENTS)
_QUOTES = tuple(f"{side}_{moment}_ticks" for side in ("yes_bid", "yes_ask") for moment in _MOMENTS)


def _ohlc(side: str, meaning: str, *, null: bool = False) -> tuple[Column, ...]:
    moments = {"open": "first", "high": "highest", "low": "lowest", "close": "last"}
    return tuple(
        price(f"{side}_{moment}_ticks", f"{word} {meaning} of the minute", null=null)
        for moment, word in moments.items()
    )


CANDLES_1M = Table(
    name="candles_1m",
    original="md.candles_1m",
    meaning="one minute of one market in which the quote or the tape moved, as the exchange tells it; "
    "made from the tape alone it knows neither quotes nor open interest",
    known="known_utc; the close of the minute, or later where the candle came late",
    grain=("market_ticker", "ts_utc"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        MARKET_TICKER,
        MINUTE_UTC,
        *_ohlc("yes_bid", "best bid for yes", null=True),
        *_ohlc("yes_ask", "best offer of yes", null=True),
        *_ohlc("price", "traded price", null=True),
        count("volume_centi", "contracts traded in the minute"),
        count("open_interest_centi", "contracts open at the end of the minute", null=True),
        KNOWN_UTC,
    ),
    rules=(
        *_QUOTE_ORDER,
        Rule(
            law="the eight quotes come together, and where there are none there was a trade",
            holds=(pl.sum_horizontal(pl.col(_QUOTES).is_null().cast(pl.Int32)).is_in([0, len(_QUOTES)]))
            & (pl.col(_QUOTES[0]).is_not_null() | pl.col(_PRICES[0]).is_not_null()),
        ),
        Rule(
            law="the four price_*_ticks come together, and with volume",
            holds=(pl.sum_horizontal(pl.col(_PRICES).is_null().cast(pl.Int32)).is_in([0, len(_PRICES)]))
            & ((pl.col("volume_centi") == 0) | pl.col(_PRICES[0]).is_not_null()),
        ),
        Rule(law="known_utc >= ts_utc", holds=pl.col("known_utc") >= pl.col("ts_utc")),
        Rule(law="ts_utc is a whole minute", holds=pl.col("ts_utc").dt.truncate("1m") == pl.col("ts_utc")),
    ),
)

CANDLES_DENSE = Table(
    name="candles_dense",
    meaning="one minute of one market, every minute from open to close, with the last quotes known by then",
    known="ts_utc: the row holds only candles known at its minute",
    grain=("market_ticker", "ts_utc"),
    day_laws=(market_of_day, event_of_day, traded_near_day("ts_utc")),
    columns=(
        MARKET_TICKER,
        MINUTE_UTC,
        *_BRACKET,
        whole("minutes_since_open", "minutes of trading up to ts_utc", unit="min", low=1),
        whole("minutes_to_close", "minutes of trading left after ts_utc", unit="min", low=0),
        whole("utc_offset_minutes", "civil wall clock minus UTC at ts_utc", unit="min", low=-720, high=840),
        price("yes_bid_ticks", "last known best bid for yes; 0 is an empty side, null is never seen", null=True),
        price("yes_ask_ticks", "last known best offer of yes; 10000 is an empty side", null=True),
        whole("quote_age_minutes", "minutes since the exchange last told the quotes", unit="min", low=0, null=True),
        price("price_open_ticks", "first trade that became known in the minute", null=True),
        price("price_high_ticks", "highest trade that became known in the minute", null=True),
        price("price_low_ticks", "lowest trade that became known in the minute", null=True),
        price("price_close_ticks", "last trade that became known in the minute", null=True),
        price("last_price_ticks", "last trade known at all", null=True),
        count("volume_centi", "contracts whose trades became known in the minute"),
        count("volume_20m_centi", "contracts whose trades became known in the last 20 minutes"),
        count(
            "volume_delta_centi", "volume_centi minus that of the minute before; the first minute has its own", low=None
        ),
        count("open_interest_centi", "contracts open, last known", null=True),
        whole(
            "mid_half_ticks",
            "bid + ask when two-sided, else twice the last trade, held between bid and ask",
            unit="ticks of $0.00005",
            low=0,
            high=20_000,
            null=True,
        ),
        text("price_source", "what the mid is made of", null=True, one_of=("mid", "last")),
        whole("velocity_half_ticks", "mid minus the mid of the minute before", unit="ticks of $0.00005", null=True),
        whole(
            "acceleration_half_ticks",
            "velocity minus the velocity of the minute before",
            unit="ticks of $0.00005",
            null=True,
        ),
        flag("complete", "two-sided quote and weather are both fresh"),
    ),
    rules=(
        Rule(
            law="yes_bid_ticks and yes_ask_ticks and quote_age_minutes are known together",
            holds=(pl.col("yes_bid_ticks").is_null() == pl.col("yes_ask_ticks").is_null())
            & (pl.col("yes_bid_ticks").is_null() == pl.col("quote_age_minutes").is_null()),
        ),
        Rule(
            law="mid_half_ticks has a price_source",
            holds=pl.col("mid_half_ticks").is_null() == pl.col("price_source").is_null(),
        ),
    ),
)

TRADES = Table(
    name="trades",
    original="md.trades",
    meaning="one trade on the tape",
    known="known_utc; the trade's own instant, or later where it came late",
    grain=("trade_id",),
    sort=("market_ticker", "ts_utc", "trade_id"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        text("trade_id", "the exchange's name of the trade"),
        MARKET_TICKER,
        TS_UTC,
        price("yes_price_ticks", "price of yes"),
        count("count_centi", "contracts traded"),
        text("taker_side", "what the taker bought", one_of=("yes", "no")),
        flag("is_block", "agreed off the book"),
        KNOWN_UTC,
    ),
    rules=(Rule(law="known_utc >= ts_utc", holds=pl.col("known_utc") >= pl.col("ts_utc")),),
)

_LEVELS = pl.List(pl.Int64)

BOOKS = Table(
    name="books",
    meaning="one order-book message as received: a whole book, a change of one level, or the mark of a gap",
    known="known_utc: the instant of receipt",
    grain=("market_ticker", "sid", "seq"),
    sort=("sid", "seq", "market_ticker"),
    day_laws=(market_of_day, traded_near_day("known_utc")),
    columns=(
        MARKET_TICKER,
        whole("sid", "the subscription", low=0),
        Column(name="seq", dtype=pl.Int64(), meaning="the message's number within the subscription", low=0),
        text("kind", "what the message is", one_of=("snapshot", "delta", "gap")),
        instant("ts_utc", "the exchange's stamp; null where the message has none", null=True),
        KNOWN_UTC,
        text(
            "side", "the side that changed, in yes prices: bids are yes, offers are no", null=True, one_of=("yes", "no")
        ),
        price("price_ticks", "the level that changed", null=True),
        count("delta_centi", "signed change of that level's size", low=None, null=True),
        Column(
            name="bid_prices_ticks",
            dtype=_LEVELS,
            meaning="snapshot: bid levels, worst first",
            unit="ticks of $0.0001",
            null=True,
        ),
        Column(
            name="bid_sizes_centi",
            dtype=_LEVELS,
            meaning="snapshot: sizes of the bid levels",
            unit="0.01 contract",
            null=True,
        ),
        Column(
            name="ask_prices_ticks",
            dtype=_LEVELS,
            meaning="snapshot: offer levels, worst first",
            unit="ticks of $0.0001",
            null=True,
        ),
        Column(
            name="ask_sizes_centi",
            dtype=_LEVELS,
            meaning="snapshot: sizes of the offer levels",
            unit="0.01 contract",
            null=True,
        ),
    ),
    rules=(
        Rule(
            law="a delta has side, price_ticks and delta_centi",
            holds=(pl.col("kind") != "delta")
            | pl.all_horizontal(pl.col("side", "price_ticks", "delta_centi").is_not_null()),
        ),
        Rule(
            law="a snapshot has its levels",
            holds=(pl.col("kind") != "snapshot") | pl.col("bid_prices_ticks").is_not_null(),
        ),
    ),
)
