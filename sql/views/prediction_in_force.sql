-- One row per market, minute of predictions of the settlement and five-minute step of the clock in which it is the
-- newest one. Predictions of the next move of the mid, horizons 1m and 5m, are left out. Of several models' predictions for one minute the first model_id of the alphabet stands. A prediction stands until
-- the market's next, the last one for a day. It is repeated for every step it touches, so that a minute finds it by
-- equality on the step and two comparisons.
-- grain: city, event_date, market_ticker, five_minute_step, valid_from_utc
-- known: valid_from_utc
with ranked as (
    select
        *,
        row_number() over (partition by city, event_date, market_ticker, ts_utc order by model_id) as place
    from predictions
    where horizon = 'day'
),

lives as (
    select
        *,
        coalesce(
            lead(ts_utc) over (partition by city, event_date, market_ticker order by ts_utc),
            make_timestamptz(epoch_us(ts_utc) + 86400000000)
        ) as valid_until_utc
    from ranked
    where place = 1
)

select
    city,
    event_date,
    market_ticker,
    unnest(range(epoch_us(ts_utc) // 300000000, (epoch_us(valid_until_utc) - 1) // 300000000 + 1)) as five_minute_step,
    ts_utc as valid_from_utc,
    valid_until_utc,
    p_model,
    p_calibrated,
    model_id,
    wf_window
from lives
