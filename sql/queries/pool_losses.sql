-- One row per settled event, part of its life and weight of the market: the log loss of market and weather pooled so.
-- The pool is log-linear, p ∝ p_mkt^w · p_wx^(1−w), at full hours at which both sides spoke of the whole ladder; as in
-- the fusion itself a bracket that the running maximum has passed gets nothing, and one that is alive no less than 0.0001
-- from either side. Weight 1 is the market alone, weight 0 the weather alone.
-- grain: city, event_date, event_ticker, part, weight
-- known: ts_utc of each hour for the pool; when market_paid is for the loss
with hours as (
    select
        minutes.city,
        minutes.event_date,
        markets.event_ticker,
        minutes.market_ticker,
        minutes.ts_utc,
        minutes.p_mkt,
        minutes.p_wx,
        coalesce(markets.high_f < minutes.m_run_lo_f, false) as is_dead,
        market_paid.settled_yes,
        count(*) over event_hour as brackets,
        count(minutes.p_mkt + minutes.p_wx) over event_hour as spoken,
        (epoch_us(minutes.ts_utc) // 60000000 + cities.standard_offset_minutes) // 60
            - epoch_us(minutes.event_date::timestamp) // 3600000000 as hour_of_day
    from pmf_minute as minutes
    join cities using (city)
    join markets using (city, event_date, market_ticker)
    join market_paid using (city, event_date, market_ticker)
    where epoch_us(minutes.ts_utc) % 3600000000 = 0 and market_paid.settled_yes is not null
    window event_hour as (partition by minutes.city, minutes.event_date, markets.event_ticker, minutes.ts_utc)
),

weighed as (
    select
        hours.*,
        weight / 20 as weight,
        case
            when is_dead then 0
            else greatest(p_mkt, 0.0001) ** (weight / 20) * greatest(p_wx, 0.0001) ** (1 - weight / 20)
        end as raw
    from hours
    cross join range(0, 21) as weights (weight)
    where spoken = brackets
),

losses as (
    select
        city,
        event_date,
        event_ticker,
        ts_utc,
        any_value(hour_of_day) as hour_of_day,
        weight,
        -ln(greatest(sum(raw) filter (settled_yes) / sum(raw), 0.0001)) as log_loss
    from weighed
    group by city, event_date, event_ticker, ts_utc, weight
    having sum(raw) > 0 and count(*) filter (settled_yes) = 1
)

select
    city,
    event_date,
    event_ticker,
    case
        when hour_of_day < 0 then 'eve'
        when hour_of_day < 10 then 'night'
        when hour_of_day < 16 then 'midday'
        else 'evening'
    end as part,
    weight,
    count(*) as hours,
    avg(log_loss) as log_loss
from losses
group by city, event_date, event_ticker, part, weight
order by city, event_date, event_ticker, part, weight
