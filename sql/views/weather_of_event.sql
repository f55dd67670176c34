-- One row per event and minute of the two climate days on which it trades, the eve and its own: the weather known then.
-- wx_temp_5m is the temperature of the last five-minute step that had ended. The running maximum, with the whole
-- degrees [lo, hi] that it can mean, is NULL on the eve, where it would be another day's. For cities whose Visual
-- Crossing minutes are excluded, that vendor's dew point, humidity and wind are NULL; temperature stays.
-- grain: city, event_date, ts_utc
-- known: ts_utc
with events as (
    select distinct city, event_date
    from markets
),

-- The grids are cut by climate day: by way of this short list a reader of one event opens two of their files, not all.
days as (
    select city, event_date, unnest([event_date - 1, event_date]) as climate_date
    from events
),

minutes as (
    select
        grid.city,
        days.event_date,
        days.climate_date,
        grid.ts_utc,
        epoch_us(grid.ts_utc) // 300000000 as five_minute_step,
        grid.source,
        grid.temp_f,
        grid.dew_f,
        grid.humidity_pct,
        grid.wind_mph,
        grid.stale_minutes,
        grid.run_max_f,
        grid.run_max_lo_f,
        grid.run_max_hi_f
    from obs_1m as grid
    join days on grid.city = days.city and grid.event_date = days.climate_date
),

steps as (
    select
        grid.city,
        days.event_date,
        epoch_us(grid.ts_utc) // 300000000 as five_minute_step,
        grid.temp_f
    from obs_5m as grid
    join days on grid.city = days.city and grid.event_date = days.climate_date
)

select
    minutes.city,
    minutes.event_date,
    minutes.ts_utc,
    minutes.climate_date < minutes.event_date as is_eve,
    minutes.source as wx_source,
    minutes.temp_f as wx_temp_1m,
    steps.temp_f as wx_temp_5m,
    case when not (cities.vc_excluded and starts_with(minutes.source, 'vc')) then minutes.dew_f end as wx_dew,
    case when not (cities.vc_excluded and starts_with(minutes.source, 'vc')) then minutes.humidity_pct end
        as wx_humidity,
    case when not (cities.vc_excluded and starts_with(minutes.source, 'vc')) then minutes.wind_mph end as wx_wind,
    case when minutes.climate_date = minutes.event_date then minutes.run_max_f end as wx_run_max_f,
    case when minutes.climate_date = minutes.event_date then minutes.run_max_lo_f end as wx_run_max_lo_f,
    case when minutes.climate_date = minutes.event_date then minutes.run_max_hi_f end as wx_run_max_hi_f,
    minutes.stale_minutes as wx_stale_minutes
from minutes
join cities on minutes.city = cities.city
left join steps
    on minutes.city = steps.city
    and minutes.event_date = steps.event_date
    and minutes.five_minute_step = steps.five_minute_step
