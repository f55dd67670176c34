"""Tables of what a backtest, shadow or live run saw, wanted, did and earned."""

from __future__ import annotations

import polars as pl

from warehouse.lake.tables.contract import Column, Layout, Rule, Table
from warehouse.lake.tables.day_laws import market_of_day, traded_near_day
from warehouse.lake.tables.words import (
    MARKET_TICKER,
    MINUTE_UTC,
    RUN_ID,
    TS_UTC,
    count,
    flag,
    instant,
    micros,
    money,
    number,
    price,
    probability,
    text,
    whole,
)
from warehouse.market.fees import ROUNDING_MICROS

MIDS_AFTER_MINUTES = (1, 5, 15, 60)
"""So long after a fill the mid is looked at again."""

_SIDE = text("side", "which side of yes was taken", one_of=("buy", "sell"))
_STYLE = text("style", "whether it rests or crosses", one_of=("maker", "taker"))
_FEE = micros("fee_micros", "fee charged", low=0)
_ORDER_ID = text("order_id", "our name of the order, given before it was sent")
_HAZARD_60M = probability("hazard_next_60m", "a new maximum within the hour, as told then", null=True)

RUNS = Table(
    name="runs",
    meaning="one backtest, shadow or live run: what it was asked, of what it was made, and what came of it",
    known="made_utc",
    grain=("city", "run_id"),
    layout=Layout.CITY,
    columns=(
        text("run_id", "the run: the same question to the same data by the same code has the same name"),
        text("kind", "past days, today without orders, or with orders", one_of=("backtest", "shadow", "live")),
        text("strategy", "who decided"),
        text("fill_model", "how resting orders were filled", one_of=("A", "B", "queue", "taker", "exchange")),
        whole("snapshot", "the lake snapshot that was read", low=0),
        text("inputs_sha256", "hash of every file of the lake that it may have read"),
        text("code_sha256", "hash of the sources that it went through"),
        text("config_sha256", "hash of config_json"),
        text("config_json", "every setting of it, as JSON"),
        Column(name="seed", dtype=pl.Int64(), meaning="the seed of the run"),
        Column(name="cities", dtype=pl.List(pl.String), meaning="the cities that it traded"),
        Column(name="since_date", dtype=pl.Date(), meaning="first event date"),
        Column(name="until_date", dtype=pl.Date(), meaning="last event date"),
        instant("made_utc", "when it was first made"),
        text("summary_json", "what came of it: metrics, and minutes by gate, as JSON"),
    ),
)

DECISIONS = Table(
    name="decisions",
    meaning="one minute in which a strategy did something in one market, or wanted to and was stopped; or, between two"
    " minutes, an order that was taken out",
    known="ts_utc",
    grain=("run_id", "market_ticker", "ts_utc"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        RUN_ID,
        MARKET_TICKER,
        instant("ts_utc", "the inclusive end of the minute; when it was decided, where that was between two minutes"),
        text("strategy", "who decided"),
        number("score", "the strategy's score", null=True),
        probability("p_fair", "the probability it acted on", null=True),
        probability("p_wx", "the probability by the weather alone", null=True),
        probability("p_mkt", "the market's probability", null=True),
        probability("p_fused_norm", "the probability by both", null=True),
        probability("hazard_next_5m", "a new maximum within five minutes", null=True),
        _HAZARD_60M,
        price("bid_ticks", "best bid; null where there is none", null=True),
        price("ask_ticks", "best offer; null where there is none", null=True),
        money("edge_ticks", "expected gain per contract after fees", null=True),
        count("want_centi", "contracts wanted, negative is sold", low=None),
        text(
            "action",
            "what it did; withdraw: between two minutes an order was taken out, since its book had moved",
            one_of=("none", "place", "cancel", "amend", "exit", "take", "withdraw"),
        ),
        text("gate", "the gate that stopped it; null when none did", null=True),
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
        text("venue_order_id", "the exchange's name of the order; null where none was given", null=True),
        _SIDE,
        _STYLE,
        text("time_in_force", "how long it may rest", one_of=("gtc", "ioc", "fok", "gtd")),
        flag("post_only", "refused rather than crossed"),
        price("price_ticks", "limit, in yes prices"),
        count("count_centi", "contracts ordered, as last amended"),
        count("filled_centi", "contracts filled"),
        text("status", "how it ended", one_of=("resting", "filled", "canceled", "expired", "rejected")),
        Column(name="closed_utc", dtype=TS_UTC.dtype, meaning="when it ended", unit="UTC", null=True),
    ),
    rules=(Rule(law="filled_centi <= count_centi", holds=pl.col("filled_centi") <= pl.col("count_centi")),),
)


SIGNALS = Table(
    name="signals",
    meaning="what a shadow or live run held one market to be worth in one minute, and what it saw where it decided",
    known="ts_utc",
    grain=("run_id", "market_ticker", "ts_utc"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        RUN_ID,
        MARKET_TICKER,
        MINUTE_UTC,
        probability("p_model", "the model's probability, as calibrated", null=True),
        probability("p_market", "the market's probability", null=True),
        probability("p_blend", "the probability by model and market together", null=True),
        probability("p_fair", "the probability that the strategy acts on", null=True),
        number("edge_cents", "expected gain per contract after fees", unit="cents", null=True),
        number("kelly_fraction", "Kelly's share of the bankroll, before limits", null=True),
        number("size_fraction", "the share of the bankroll that was wanted, after limits", null=True),
        flag("is_fresh", "price and weather were there when it was decided"),
        text("model_id", "city, bracket and window of the model", null=True),
        text("wf_window", "walk-forward window of the model", null=True),
        Column(
            name="features",
            dtype=pl.List(pl.String),
            meaning="names of what was seen, in minutes that have a row of decisions",
            null=True,
        ),
        Column(
            name="feature_values",
            dtype=pl.List(pl.Float64),
            meaning="what was seen, in the order of features; null where nothing was known",
            null=True,
        ),
    ),
    rules=(
        Rule(
            law="as many feature_values as features",
            holds=pl.col("features").list.len() == pl.col("feature_values").list.len(),
        ),
    ),
)


def _later_mid(minutes: int) -> Column:
    said = f"twice the mid {minutes} minutes later, known then; null where the book was not two-sided"
    return whole(f"mid_{minutes}m_half_ticks", said, unit="ticks of $0.00005", low=0, null=True)


FILLS = Table(
    name="fills",
    meaning="one execution of one order, what was seen before it, and where the mid went after it",
    known="ts_utc; mid_…_half_ticks that many minutes later",
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
        count("count_centi", "contracts filled"),
        _FEE,
        text("fee_type", "the fee formula of that event at that time"),
        whole("fee_multiplier_milli", "multiplier of that formula", unit="1/1000", low=0),
        text("fee_rounding", "how the fee was rounded", one_of=tuple(ROUNDING_MICROS)),
        instant("seen_utc", "the minute that was seen: the same where it took, the one before where it rested"),
        probability("p_fair", "the probability that was acted on, at seen_utc", null=True),
        _HAZARD_60M,
        whole("mid_half_ticks", "twice the mid at seen_utc; null without one", unit="ticks of $0.00005", null=True),
        price("spread_ticks", "the spread at seen_utc; null where the book was not two-sided", null=True),
        count("volume_20m_centi", "contracts traded in the 20 minutes to seen_utc", null=True),
        *(_later_mid(minutes) for minutes in MIDS_AFTER_MINUTES),
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
        micros("at_risk_micros", "the most that the event can lose in all, whatever settles"),
        micros("fees_micros", "fees charged on the event so far", low=0),
        text("mode", "how far it might trade", one_of=("active", "reducing", "halted")),
    ),
)
