-- One row for each of the 20 largest one-minute moves of a mid between two-sided quotes, and what traded with it.
-- Both the minute and the one before it have a two-sided quote, so no move is that of a last trade standing in.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc
with two_sided as (
    select
        city, event_date, market_ticker, ts_utc, ts_local, mid_prob, velocity, volume, spread_prob, minutes_to_close,
        epoch_us(ts_utc) // 60000000 as minute
    from minute_panel_base
    where price_source = 'mid'
)

select
    after.city,
    after.event_date,
    after.market_ticker,
    after.ts_local,
    after.ts_utc,
    before.mid_prob as mid_before,
    after.mid_prob as mid_after,
    after.velocity,
    after.volume,
    after.spread_prob,
    after.minutes_to_close
from two_sided as after
join two_sided as before
    on after.city = before.city
    and after.event_date = before.event_date
    and after.market_ticker = before.market_ticker
    and after.minute = before.minute + 1
where after.velocity <> 0
order by abs(after.velocity) desc, after.ts_utc, after.market_ticker
limit 20
