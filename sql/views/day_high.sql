-- One row per city and climate day: the highest temperature that the station was seen to reach, and the settled high.
-- observed_max_f, with the whole degrees [lo, hi] that it can mean, is the running maximum at the closing midnight, so
-- reports that became known later do not count. reports counts what the station sent and was known by then, without the
-- vendor's repeats; first_max_utc is the instant of the first of them that names the maximum.
-- grain: city, event_date
-- known: the closing midnight of the day; label_known_utc for label_f
with grids as (
    select
        city,
        event_date,
        max(run_max_f) as observed_max_f,
        max(run_max_lo_f) as observed_max_lo_f,
        max(run_max_hi_f) as observed_max_hi_f
    from obs_1m
    group by city, event_date
),

days as (
    select
        grids.*,
        epoch_us(event_date::timestamp) + 86400000000 - cities.standard_offset_minutes::bigint * 60000000
            as closing_midnight_us
    from grids
    join cities using (city)
),

reported as (
    select
        days.city,
        days.event_date,
        count(*) as reports,
        min(obs.ts_utc) filter (obs.temp_f = days.observed_max_f) as first_max_utc
    from days
    join obs using (city, event_date)
    where not obs.is_filled and epoch_us(obs.known_utc) <= days.closing_midnight_us
    group by days.city, days.event_date
)

select
    days.city,
    days.event_date,
    days.observed_max_f,
    days.observed_max_lo_f,
    days.observed_max_hi_f,
    coalesce(reported.reports, 0) as reports,
    reported.first_max_utc,
    label.label_f,
    label.label_known_utc
from days
left join reported using (city, event_date)
left join settlement_label as label using (city, event_date)
