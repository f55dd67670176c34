-- One row per market and minute of its trading: where it stands in its event, its price and its volume.
-- A probability is a price in dollars. An empty side of the book is no price, so its probability is NULL; mid_prob is
-- the mid of a two-sided quote, else the last trade, else NULL, and price_source says which. clv is where the minute's
-- last trade lies between its lowest (0) and its highest (1), NULL where they are equal or nothing traded.
-- velocity and acceleration are probability per minute; volumes are contracts.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc, the close of the minute; how the market ended is left out on purpose
with minutes as (
    select
        city, event_date, market_ticker, ts_utc, minutes_since_open, utc_offset_minutes, yes_bid_ticks, yes_ask_ticks,
        quote_age_minutes, price_low_ticks, price_high_ticks, price_close_ticks, last_price_ticks, volume_centi,
        volume_delta_centi, volume_20m_centi, open_interest_centi, mid_half_ticks, price_source, velocity_half_ticks,
        acceleration_half_ticks, complete
    from candles_dense
),

listings as (
    select
        city, event_date, market_ticker, event_ticker, strike_type, floor_strike, cap_strike, low_f, high_f,
        bracket_order, close_utc
    from markets
)

select
    minutes.city,
    minutes.event_date,
    listings.event_ticker,
    minutes.market_ticker,
    minutes.ts_utc,
    make_timestamp(epoch_us(minutes.ts_utc) + minutes.utc_offset_minutes::bigint * 60000000) as ts_local,
    make_timestamp(epoch_us(minutes.ts_utc) + minutes.utc_offset_minutes::bigint * 60000000)::date as local_date,
    minutes.minutes_since_open,
    ((epoch_us(listings.close_utc) - epoch_us(minutes.ts_utc)) // 60000000)::integer as minutes_to_close,
    listings.strike_type,
    listings.floor_strike,
    listings.cap_strike,
    listings.low_f,
    listings.high_f,
    listings.bracket_order,
    nullif(minutes.yes_bid_ticks, 0) / 10000 as bid_prob,
    nullif(minutes.yes_ask_ticks, 10000) / 10000 as ask_prob,
    minutes.mid_half_ticks / 20000 as mid_prob,
    minutes.price_source,
    minutes.last_price_ticks / 10000 as last_prob,
    case when minutes.price_source = 'mid' then (minutes.yes_ask_ticks - minutes.yes_bid_ticks) / 10000 end
        as spread_prob,
    (minutes.price_close_ticks - minutes.price_low_ticks)
        / nullif(minutes.price_high_ticks - minutes.price_low_ticks, 0) as clv,
    minutes.velocity_half_ticks / 20000 as velocity,
    minutes.acceleration_half_ticks / 20000 as acceleration,
    minutes.volume_centi / 100 as volume,
    minutes.volume_delta_centi / 100 as volume_delta,
    minutes.volume_20m_centi / 100 as volume_20m,
    minutes.open_interest_centi / 100 as open_interest,
    minutes.quote_age_minutes,
    minutes.complete
from minutes
join listings using (city, event_date, market_ticker)
