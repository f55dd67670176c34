-- One row per market, horizon, fit of a model and stretch of time through which it is heard: from a word of it on until
-- no further one has come for a day. Instants inside it need no look at the words: whoever spoke less than a day ago is
-- heard. said_at is the same of two stretches where the words of both were said at the same minutes.
-- grain: city, event_date, market_ticker, horizon, run_id, since_utc
-- known: since_utc; of until_utc nothing but that the fit is heard before it
with days as (
    select
        city,
        event_date,
        market_ticker,
        horizon,
        run_id,
        any_value(model_id) as model_id,
        any_value(wf_window) as wf_window,
        min(ts_utc) as first_utc,
        max(ts_utc) as last_utc,
        bit_xor(hash(ts_utc)) as said_at
    from predictions
    group by city, event_date, market_ticker, horizon, run_id, epoch_us(ts_utc) // 86400000000
),

begun as (
    select
        *,
        coalesce(epoch_us(first_utc) - epoch_us(lag(last_utc) over words) >= 86400000000, true) as begins
    from days
    window words as (partition by city, event_date, market_ticker, horizon, run_id order by first_utc)
),

numbered as (
    select
        *,
        count(*) filter (begins) over (
            partition by city, event_date, market_ticker, horizon, run_id order by first_utc
        ) as stretch
    from begun
)

select
    city,
    event_date,
    market_ticker,
    horizon,
    run_id,
    any_value(model_id) as model_id,
    any_value(wf_window) as wf_window,
    bit_xor(said_at) as said_at,
    min(first_utc) as since_utc,
    make_timestamptz(epoch_us(max(last_utc)) + 86400000000) as until_utc
from numbered
group by city, event_date, market_ticker, horizon, run_id, stretch
-- True of every group; it tells the planner that these are far fewer than the words, so that joins keep these in memory.
having count(*) > 0
