-- A row is a market whose dense minutes carry another bracket, opening or closing time than its listing.
-- mend: kwx lake dense
with carried as (
    select distinct
        city, event_date, market_ticker, event_ticker, strike_type, floor_strike, cap_strike, low_f, high_f,
        bracket_order,
        epoch_us(ts_utc) // 60000000 - minutes_since_open as open_minute,
        epoch_us(ts_utc) // 60000000 + minutes_to_close as close_minute
    from candles_dense
),

listed as (
    select
        city, event_date, market_ticker, event_ticker, strike_type, floor_strike, cap_strike, low_f, high_f,
        bracket_order,
        epoch_us(open_utc) // 60000000 as open_minute,
        epoch_us(close_utc) // 60000000 as close_minute
    from markets
)

select
    carried.city,
    carried.event_date,
    carried.market_ticker,
    carried.low_f as carried_low_f,
    listed.low_f as listed_low_f,
    carried.high_f as carried_high_f,
    listed.high_f as listed_high_f,
    make_timestamptz(carried.open_minute * 60000000) as carried_open_utc,
    make_timestamptz(listed.open_minute * 60000000) as listed_open_utc,
    make_timestamptz(carried.close_minute * 60000000) as carried_close_utc,
    make_timestamptz(listed.close_minute * 60000000) as listed_close_utc
from carried
join listed using (city, event_date, market_ticker)
where
    carried.event_ticker <> listed.event_ticker
    or carried.strike_type <> listed.strike_type
    or carried.floor_strike is distinct from listed.floor_strike
    or carried.cap_strike is distinct from listed.cap_strike
    or carried.low_f is distinct from listed.low_f
    or carried.high_f is distinct from listed.high_f
    or carried.bracket_order <> listed.bracket_order
    or carried.open_minute <> listed.open_minute
    or carried.close_minute <> listed.close_minute
order by carried.city, carried.event_date, carried.market_ticker
