-- A row is a minute called complete whose quote is one-sided, crossed or older than an hour, or whose weather is older than 15
-- minutes. The weather of a minute is that of the grids of the event's day and its eve.
-- mend: build the dense candles of that event again
with fresh as (
    select city, event_date, ts_utc
    from obs_1m
    where stale_minutes <= 15
)

select city, event_date, market_ticker, ts_utc, yes_bid_ticks, yes_ask_ticks, quote_age_minutes
from candles_dense as dense
where
    complete
    and (
        not coalesce(
            yes_bid_ticks > 0
            and yes_ask_ticks < 10000
            and yes_bid_ticks <= yes_ask_ticks
            and quote_age_minutes <= 60,
            false
        )
        or not exists (
            select 1
            from fresh
            where fresh.city = dense.city
                and fresh.ts_utc = dense.ts_utc
                and fresh.event_date in (dense.event_date, dense.event_date - 1)
        )
    )
order by city, event_date, market_ticker, ts_utc
