-- One row per bracket and ten minutes of every event: its share of the market's ladder, and its chance by the weather
-- and by both, as they were known. Choose an event with: select * from (…) where event_ticker = '…'.
-- grain: market_ticker, ts_utc
-- known: ts_utc
select
    city,
    event_date,
    event_ticker,
    market_ticker,
    ts_utc,
    bracket,
    bracket_order,
    p_mid_norm,
    p_wx,
    p_fused_norm
from event_ladder
where epoch_us(ts_utc) % 600000000 = 0
order by event_ticker, ts_utc, bracket_order
