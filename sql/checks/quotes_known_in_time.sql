-- A row is a candle whose quotes the dense grid shows before they were known, or shows otherwise than the candle said.
-- mend: build the dense candles of that event again
with shown as (
    select
        city,
        event_date,
        market_ticker,
        epoch_us(ts_utc) - quote_age_minutes::bigint * 60000000 as candle_us,
        min(ts_utc) as first_shown_utc,
        min(yes_bid_ticks) as bid_ticks,
        max(yes_ask_ticks) as ask_ticks
    from candles_dense
    where quote_age_minutes is not null
    group by all
),

candles as (
    select
        city, event_date, market_ticker, epoch_us(ts_utc) as candle_us, known_utc, yes_bid_close_ticks,
        yes_ask_close_ticks
    from candles_1m
)

select
    shown.city,
    shown.event_date,
    shown.market_ticker,
    make_timestamptz(shown.candle_us) as candle_utc,
    shown.first_shown_utc,
    candles.known_utc,
    shown.bid_ticks,
    candles.yes_bid_close_ticks as candle_bid_ticks,
    shown.ask_ticks,
    candles.yes_ask_close_ticks as candle_ask_ticks
from shown
left join candles using (city, event_date, market_ticker, candle_us)
where coalesce(candles.known_utc > shown.first_shown_utc, true)
    or shown.bid_ticks <> candles.yes_bid_close_ticks
    or shown.ask_ticks <> candles.yes_ask_close_ticks
order by shown.city, shown.event_date, shown.market_ticker, candle_utc
