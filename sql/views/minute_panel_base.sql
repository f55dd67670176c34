-- One row per market and minute of its trading: where it stands in its event, its price and its volume.
-- A probability is a price in dollars. An empty side of the book is no price, so its probability is NULL; mid_prob is
-- the mid of a two-sided quote, else the last trade held between bid and offer, else NULL, and price_source says
-- which (so a jump of mid_prob where the source changes is no trade). clv is where the minute's
-- last trade lies between its lowest (0) and its highest (1), NULL where they are equal or nothing traded.
-- velocity and acceleration are probability per minute; volumes are contracts.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc, the close of the minute; how the market ended is left out on purpose
select
    city,
    event_date,
    event_ticker,
    market_ticker,
    ts_utc,
    make_timestamp(epoch_us(ts_utc) + utc_offset_minutes::bigint * 60000000) as ts_local,
    make_timestamp(epoch_us(ts_utc) + utc_offset_minutes::bigint * 60000000)::date as local_date,
    minutes_since_open,
    minutes_to_close,
    strike_type,
    floor_strike,
    cap_strike,
    low_f,
    high_f,
    bracket_order,
    nullif(yes_bid_ticks, 0) / 10000 as bid_prob,
    nullif(yes_ask_ticks, 10000) / 10000 as ask_prob,
    mid_half_ticks / 20000 as mid_prob,
    price_source,
    last_price_ticks / 10000 as last_prob,
    case when price_source = 'mid' then (yes_ask_ticks - yes_bid_ticks) / 10000 end as spread_prob,
    case when price_high_ticks > price_low_ticks then
        (price_close_ticks - price_low_ticks) / (price_high_ticks - price_low_ticks)
    end as clv,
    velocity_half_ticks / 20000 as velocity,
    acceleration_half_ticks / 20000 as acceleration,
    volume_centi / 100 as volume,
    volume_delta_centi / 100 as volume_delta,
    volume_20m_centi / 100 as volume_20m,
    open_interest_centi / 100 as open_interest,
    quote_age_minutes,
    complete
from candles_dense
