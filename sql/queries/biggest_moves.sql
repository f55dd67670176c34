-- One row for each of the 20 largest one-minute moves of a mid between two-sided quotes, and what traded with it.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc
select
    city,
    event_date,
    market_ticker,
    ts_local,
    ts_utc,
    mid_prob - velocity as mid_before,
    mid_prob as mid_after,
    velocity,
    volume,
    spread_prob,
    minutes_to_close
from minute_panel_base
where price_source = 'mid' and velocity <> 0
order by abs(velocity) desc, ts_utc, market_ticker
limit 20
