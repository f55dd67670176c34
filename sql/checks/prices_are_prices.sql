-- A row is a minute or a trade whose price is no price: outside $0 … $1, or a bid above the offer of a full quote.
-- mend: rebuild the partition from the raw payloads; if the payload says so too, quarantine the row
with quotes as (
    select
        'candles_1m' as table_name, market_ticker, ts_utc,
        yes_bid_close_ticks as bid_ticks, yes_ask_close_ticks as ask_ticks,
        price_low_ticks as low_ticks, price_high_ticks as high_ticks
    from candles_1m
    union all
    select
        'candles_dense', market_ticker, ts_utc, yes_bid_ticks, yes_ask_ticks,
        least(price_low_ticks, last_price_ticks), greatest(price_high_ticks, last_price_ticks)
    from candles_dense
    union all
    select 'trades', market_ticker, ts_utc, null, null, yes_price_ticks, yes_price_ticks
    from trades
)

select table_name, market_ticker, ts_utc, bid_ticks, ask_ticks, low_ticks, high_ticks
from quotes
where least(bid_ticks, ask_ticks, low_ticks) < 0
    or greatest(bid_ticks, ask_ticks, high_ticks) > 10000
    or low_ticks > high_ticks
    or (bid_ticks > 0 and ask_ticks < 10000 and bid_ticks > ask_ticks)
order by table_name, market_ticker, ts_utc
