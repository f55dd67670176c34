-- A row is a candle that the dense grid does not show in just those minutes in which it was the youngest one known,
-- with its own bid, offer and open interest.
-- A candle is known from the first whole minute at or after its stamp and its arrival, and stands until a younger one
-- is known. Candles without quotes, made from the tape, candles of no minute of trading, and minutes after the last one
-- of a grid, are not judged.
-- mend: build the dense candles of that event again
with heard as (
    select
        candles.city,
        candles.event_date,
        candles.market_ticker,
        epoch_us(candles.ts_utc) // 60000000 as candle_minute,
        greatest(epoch_us(candles.ts_utc), epoch_us(candles.known_utc) + 59999999) // 60000000 as heard_minute,
        epoch_us(markets.close_utc) // 60000000 as close_minute,
        candles.yes_bid_close_ticks as bid_ticks,
        candles.yes_ask_close_ticks as ask_ticks,
        candles.open_interest_centi
    from candles_1m as candles
    join markets using (city, event_date, market_ticker)
    where candles.yes_bid_close_ticks is not null
        and epoch_us(candles.ts_utc) // 60000000 > epoch_us(markets.open_utc) // 60000000
),

ranked as (
    select
        *,
        max(candle_minute) over (
            partition by city, event_date, market_ticker order by heard_minute
            range between unbounded preceding and current row
        ) as youngest_minute
    from heard
    where heard_minute <= close_minute
),

stretches as (
    select
        *,
        lead(heard_minute, 1, close_minute + 1) over (
            partition by city, event_date, market_ticker order by heard_minute
        ) as until_minute
    from ranked
    where candle_minute = youngest_minute
),

shown as (
    select
        city,
        event_date,
        market_ticker,
        epoch_us(ts_utc) // 60000000 - quote_age_minutes as candle_minute,
        min(epoch_us(ts_utc)) // 60000000 as first_minute,
        max(epoch_us(ts_utc)) // 60000000 as last_minute,
        count(*) as minutes,
        count(yes_bid_ticks) as bids,
        count(yes_ask_ticks) as asks,
        count(open_interest_centi) as interests,
        min(yes_bid_ticks) as low_bid_ticks,
        max(yes_bid_ticks) as high_bid_ticks,
        min(yes_ask_ticks) as low_ask_ticks,
        max(yes_ask_ticks) as high_ask_ticks,
        min(open_interest_centi) as low_interest_centi,
        max(open_interest_centi) as high_interest_centi
    from candles_dense
    group by all
),

reaches as (
    select city, event_date, market_ticker, max(last_minute) + 1 as reach_minute
    from shown
    group by city, event_date, market_ticker
),

due as (
    select stretches.*, least(until_minute, reach_minute) as end_minute
    from stretches
    join reaches using (city, event_date, market_ticker)
    where heard_minute < reach_minute
)

select
    city,
    event_date,
    market_ticker,
    make_timestamptz(candle_minute * 60000000) as candle_utc,
    make_timestamptz(due.heard_minute * 60000000) as known_minute_utc,
    make_timestamptz(shown.first_minute * 60000000) as first_shown_utc,
    due.end_minute - due.heard_minute as minutes_due,
    shown.minutes as minutes_shown,
    due.bid_ticks,
    shown.low_bid_ticks,
    shown.high_bid_ticks,
    due.ask_ticks,
    shown.low_ask_ticks,
    shown.high_ask_ticks,
    due.open_interest_centi,
    shown.low_interest_centi,
    shown.high_interest_centi
from due
full join (from shown where candle_minute is not null) as shown using (city, event_date, market_ticker, candle_minute)
where
    due.heard_minute is distinct from shown.first_minute
    or due.end_minute - 1 <> shown.last_minute
    or due.end_minute - due.heard_minute <> shown.minutes
    or least(shown.bids, shown.asks) < shown.minutes
    or shown.interests <> if(due.open_interest_centi is null, 0, shown.minutes)
    or due.bid_ticks <> shown.low_bid_ticks
    or due.bid_ticks <> shown.high_bid_ticks
    or due.ask_ticks <> shown.low_ask_ticks
    or due.ask_ticks <> shown.high_ask_ticks
    or due.open_interest_centi <> shown.low_interest_centi
    or due.open_interest_centi <> shown.high_interest_centi
order by city, event_date, market_ticker, candle_utc
