-- One row per market, minute from which a prediction of the settlement stands and five-minute step of the clock in
-- which it is the newest one. Which of several models' predictions stands, how it is calibrated, and what its share of
-- the ladder is, `prediction_served` says: of all families what was promoted by then, else what was fitted on the
-- newest data, one family for a whole ladder. Predictions of the next move of the mid, horizons 1m and 5m, are left
-- out. A prediction stands until the market's next, and for a day at most; where another one is still heard then, that
-- one is the next. It is repeated for every step it touches, so that a minute finds it by equality on the step and two
-- comparisons.
-- grain: city, event_date, market_ticker, five_minute_step, valid_from_utc
-- known: valid_from_utc
with lives as (
    select
        *,
        least(
            lead(ts_utc) over (partition by city, event_date, market_ticker order by ts_utc),
            make_timestamptz(epoch_us(said_utc) + 86400000000)
        ) as valid_until_utc
    from prediction_served
    where horizon = 'day' and asked = 'any'
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
    p_served,
    model_id,
    wf_window
from lives
