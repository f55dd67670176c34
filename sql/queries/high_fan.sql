-- One row per event, evaluation and kind of weather run: the quantiles of the day's official high, in whole degrees.
-- A quantile is the least degree at which the chance of a high no warmer reaches it.
-- grain: city, event_date, ts_utc, mc_version
-- known: ts_utc
with degrees as (
    select
        city,
        event_date,
        ts_utc,
        mc_version,
        first_f,
        unnest(p) as p,
        generate_subscripts(p, 1) as place
    from pmf_degrees
),

summed as (
    select
        city,
        event_date,
        ts_utc,
        mc_version,
        first_f + place - 1 as degree_f,
        sum(p) over (partition by city, event_date, ts_utc, mc_version order by place) as no_warmer
    from degrees
)

select
    city,
    event_date,
    ts_utc,
    mc_version,
    min(degree_f) filter (no_warmer >= 0.05) as q05_f,
    min(degree_f) filter (no_warmer >= 0.25) as q25_f,
    min(degree_f) filter (no_warmer >= 0.5) as q50_f,
    min(degree_f) filter (no_warmer >= 0.75) as q75_f,
    min(degree_f) filter (no_warmer >= 0.95) as q95_f
from summed
group by city, event_date, ts_utc, mc_version
order by city, event_date, mc_version, ts_utc
