-- A row is a market whose dense minutes do not run from its open to its close without a gap.
-- The minutes of a market that is not settled may end early; an event with neither candle nor dense row is not judged.
-- mend: build the dense candles of that event again
with grids as (
    select
        city,
        event_date,
        market_ticker,
        count(*) as minutes_there,
        min(epoch_us(ts_utc)) // 60000000 as first_minute,
        max(epoch_us(ts_utc)) // 60000000 as last_minute
    from candles_dense
    group by city, event_date, market_ticker
),

begun as (
    select city, event_date from grids
    union
    select city, event_date from candles_1m
),

expected as (
    select
        markets.city,
        markets.event_date,
        markets.market_ticker,
        markets.result is not null as is_settled,
        epoch_us(markets.open_utc) // 60000000 + 1 as open_minute,
        epoch_us(markets.close_utc) // 60000000 as close_minute
    from markets
    join begun using (city, event_date)
)

select
    city,
    event_date,
    market_ticker,
    coalesce(grids.minutes_there, 0) as minutes_there,
    expected.close_minute - expected.open_minute + 1 as minutes_expected,
    make_timestamptz(grids.first_minute * 60000000) as first_utc,
    make_timestamptz(grids.last_minute * 60000000) as last_utc
from expected
left join grids using (city, event_date, market_ticker)
where grids.minutes_there is null
    or grids.first_minute <> expected.open_minute
    or grids.last_minute > expected.close_minute
    or (expected.is_settled and grids.last_minute < expected.close_minute)
    or grids.minutes_there <> grids.last_minute - grids.first_minute + 1
order by city, event_date, market_ticker
