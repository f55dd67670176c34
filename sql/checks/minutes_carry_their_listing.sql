-- A row is a market whose dense minutes carry another bracket or closing time than its listing.
-- mend: kwx lake dense
with carried as (
    select distinct
        city, event_date, market_ticker, event_ticker, strike_type, floor_strike, cap_strike, low_f, high_f,
        bracket_order, minutes_since_open + minutes_to_close as minutes_of_trading
    from candles_dense
),

listed as (
    select
        city, event_date, market_ticker, event_ticker, strike_type, floor_strike, cap_strike, low_f, high_f,
        bracket_order, epoch_us(close_utc) // 60000000 - epoch_us(open_utc) // 60000000 as minutes_of_trading
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
    carried.minutes_of_trading as carried_minutes,
    listed.minutes_of_trading as listed_minutes
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
    or carried.minutes_of_trading <> listed.minutes_of_trading
order by carried.city, carried.event_date, carried.market_ticker
