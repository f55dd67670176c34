-- One row per bracket and full hour at which a model spoke and every bracket of the event had a mid: what each said, what came.
-- p_served is the promoted model's word, else that of the model fitted on the newest data, made to sum to one where it
-- speaks of the whole ladder, which is_whole says; p_market is the mid's share of the ladder.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc for what was said; label_known_utc for paid
with hours as (
    select
        city,
        event_date,
        event_ticker,
        market_ticker,
        ts_utc,
        bracket_order,
        minutes_to_close // 60 as hours_left,
        p_served,
        model_id,
        mid_prob / nullif(sum(mid_prob) over event_hour, 0) as p_market,
        settled_yes as paid,
        count(*) over event_hour = count(mid_prob) over event_hour as is_priced,
        count(*) over event_hour = count(p_served) over event_hour as is_whole
    from minute_panel_labeled
    where epoch_us(ts_utc) % 3600000000 = 0 and settled_yes is not null
    window event_hour as (partition by city, event_date, event_ticker, ts_utc)
)

select
    city,
    event_date,
    event_ticker,
    market_ticker,
    ts_utc,
    bracket_order,
    hours_left,
    model_id,
    is_whole,
    p_served,
    p_market,
    paid
from hours
where is_priced and p_served is not null
order by city, event_date, ts_utc, bracket_order
