-- A row is a minute that shows other trades than those that became known in it: volume, the four prices, or the last
-- trade known by then, which is that of the youngest candle in which anything traded.
-- A candle's trades are known from the first whole minute at or after its stamp and its arrival. Candles of no minute of
-- trading, and minutes after the last one of a grid, are not judged.
-- mend: build the dense candles of that event again
with heard as (
    select
        candles.city,
        candles.event_date,
        candles.market_ticker,
        epoch_us(candles.ts_utc) // 60000000 as candle_minute,
        greatest(epoch_us(candles.ts_utc), epoch_us(candles.known_utc) + 59999999) // 60000000 as minute,
        epoch_us(markets.close_utc) // 60000000 as close_minute,
        candles.volume_centi,
        candles.price_open_ticks,
        candles.price_high_ticks,
        candles.price_low_ticks,
        candles.price_close_ticks
    from candles_1m as candles
    join markets using (city, event_date, market_ticker)
    where candles.price_close_ticks is not null
        and epoch_us(candles.ts_utc) // 60000000 > epoch_us(markets.open_utc) // 60000000
),

reaches as (
    select city, event_date, market_ticker, max(epoch_us(ts_utc)) // 60000000 as last_minute
    from candles_dense
    group by city, event_date, market_ticker
),

due as (
    select
        city,
        event_date,
        market_ticker,
        minute,
        sum(volume_centi) as volume_centi,
        arg_min(price_open_ticks, candle_minute) as open_ticks,
        max(price_high_ticks) as high_ticks,
        min(price_low_ticks) as low_ticks,
        arg_max(price_close_ticks, candle_minute) as close_ticks,
        max(candle_minute) as candle_minute
    from heard
    join reaches using (city, event_date, market_ticker)
    where minute <= least(close_minute, last_minute)
    group by city, event_date, market_ticker, minute
),

due_and_last as (
    select
        *,
        arg_max(close_ticks, candle_minute) over (
            partition by city, event_date, market_ticker order by minute
            rows between unbounded preceding and current row
        ) as last_ticks
    from due
),

shown as (
    select
        city, event_date, market_ticker, epoch_us(ts_utc) // 60000000 as minute, volume_centi, price_open_ticks,
        price_high_ticks, price_low_ticks, price_close_ticks, last_price_ticks
    from candles_dense
    where volume_centi <> 0
        or coalesce(price_open_ticks, price_high_ticks, price_low_ticks, price_close_ticks) is not null
)

select
    city,
    event_date,
    market_ticker,
    make_timestamptz(minute * 60000000) as ts_utc,
    due.volume_centi as due_volume_centi,
    shown.volume_centi,
    due.close_ticks as due_close_ticks,
    shown.price_close_ticks,
    due.last_ticks as due_last_ticks,
    shown.last_price_ticks
from due_and_last as due
full join shown using (city, event_date, market_ticker, minute)
where
    due.volume_centi is distinct from shown.volume_centi
    or due.open_ticks is distinct from shown.price_open_ticks
    or due.high_ticks is distinct from shown.price_high_ticks
    or due.low_ticks is distinct from shown.price_low_ticks
    or due.close_ticks is distinct from shown.price_close_ticks
    or due.last_ticks is distinct from shown.last_price_ticks
order by city, event_date, market_ticker, ts_utc
