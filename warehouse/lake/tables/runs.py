"""Tables of what a backtest, shadow or live run saw, wanted, did and earned."""

from __future__ import annotations

import polars as pl

from warehouse.lake.tables.contract import Column, Rule, Table
from warehouse.lake.tables.day_laws import market_of_day, traded_near_day
from warehouse.lake.tables.words import (
    MARKET_TICKER,
    MINUTE_UTC,
    RUN_ID,
    TS_UTC,
    count,
    flag,
    micros,
    money,
    number,
    price,
    probability,
    text,
    whole,
)

_SIDE = text("side", "which side of yes was taken", one_of=("buy", "sell"))
_STYLE = text("style", "whether it rests or crosses", one_of=("maker", "taker"))
_FEE = micros("fee_micros", "fee charged", low=0)
_ORDER_ID = text("order_id", "our name of the order, given before it was sent")

DECISIONS = Table(
    name="decisions",
    meaning="one minute in which a strategy looked at one market, and what it made of it",
    known="ts_utc",
    grain=("run_id", "market_ticker", "ts_utc"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        RUN_ID,
        MARKET_TICKER,
        MINUTE_UTC,
        text("strategy", "who decided"),
        number("score", "the strategy's score", null=True),
        probability("p_fair", "the probability it acted on", null=True),
        probability("p_mkt", "the market's probability", null=True),
        money("edge_ticks", "expected gain per contract after fees", null=True),
        count("want_centi", "contracts wanted, negative is sold", low=None),
        text("action", "what it did", one_of=("none", "place", "cancel", "amend", "exit")),
        text("gate", "code of the gate that stopped it; null when none did", null=True),
    ),
)

ORDERS = Table(
    name="orders",
    meaning="one order and how it ended",
    known="ts_utc for what was wanted, closed_utc for how it ended",
    grain=("run_id", "order_id"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        RUN_ID,
        _ORDER_ID,
        MARKET_TICKER,
        TS_UTC,
        text("venue_order_id", "the exchange's name of it; null where none was given", null=True),
        _SIDE,
        _STYLE,
        text("time_in_force", "how long it may rest", one_of=("gtc", "ioc", "fok", "gtd")),
        flag("post_only", "refused rather than crossed"),
        price("price_ticks", "limit, in yes prices"),
        count("count_centi", "contracts ordered"),
        count("filled_centi", "contracts filled"),
        text("status", "how it ended", one_of=("resting", "filled", "canceled", "expired", "rejected")),
        Column(name="closed_utc", dtype=TS_UTC.dtype, meaning="when it ended", unit="UTC", null=True),
    ),
    rules=(Rule(law="filled_centi <= count_centi", holds=pl.col("filled_centi") <= pl.col("count_centi")),),
)

FILLS = Table(
    name="fills",
    meaning="one execution of one order",
    known="ts_utc",
    grain=("run_id", "fill_id"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        RUN_ID,
        text("fill_id", "name of the execution"),
        _ORDER_ID,
        MARKET_TICKER,
        TS_UTC,
        _SIDE,
        _STYLE,
        price("price_ticks", "price of yes"),
        count("count_centi", "contracts"),
        _FEE,
        text("fee_type", "the fee formula of that event at that time"),
        whole("fee_multiplier_milli", "its multiplier", unit="1/1000", low=0),
        text("fee_rounding", "how the fee was rounded", one_of=("tick", "cent")),
    ),
)

EQUITY = Table(
    name="equity",
    meaning="what one run had in one city's event at one instant",
    known="ts_utc",
    grain=("run_id", "city", "event_date", "ts_utc"),
    columns=(
        RUN_ID,
        MINUTE_UTC,
        micros("cash_micros", "cash gained or spent on the event so far, fees included"),
        micros("position_micros", "worth of its positions at the mid"),
        micros("at_risk_micros", "the most that the positions can lose"),
        micros("fees_micros", "fees charged on the event so far", low=0),
    ),
)
