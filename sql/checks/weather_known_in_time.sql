-- A row is a report that a grid shows before it was known, with other values than it has, or that is not in the lake.
-- stale_minutes counts whole minutes, so a grid row points at its report's instant rounded up to the minute. A report
-- that only repeats an older one is never shown.
-- mend: build the grids of that day again from obs
with grids as (
    select 'obs_1m' as grid, city, event_date, ts_utc, source, temp_f, dew_f, humidity_pct, wind_mph, stale_minutes
    from obs_1m
    union all
    select 'obs_5m' as grid, city, event_date, ts_utc, source, temp_f, dew_f, humidity_pct, wind_mph, stale_minutes
    from obs_5m
),

shown as (
    select
        grid, city, source, epoch_us(ts_utc) // 60000000 - stale_minutes as report_minute, temp_f, dew_f,
        humidity_pct, wind_mph, min(ts_utc) as first_shown_utc, arg_min(event_date, ts_utc) as event_date
    from grids
    where coalesce(temp_f, dew_f, humidity_pct, wind_mph, stale_minutes) is not null or source is not null
    group by all
),

reports as (
    select
        city, source, (epoch_us(ts_utc) + 59999999) // 60000000 as report_minute, temp_f, dew_f, humidity_pct,
        wind_mph, min(known_utc) as known_utc
    from obs
    where not is_filled
    group by all
)

select
    shown.grid,
    shown.city,
    shown.event_date,
    shown.source,
    make_timestamptz(shown.report_minute * 60000000) as report_utc,
    shown.first_shown_utc,
    reports.known_utc,
    shown.temp_f,
    shown.dew_f,
    shown.humidity_pct,
    shown.wind_mph
from shown
left join reports
    on shown.city = reports.city
    and shown.source = reports.source
    and shown.report_minute = reports.report_minute
    and shown.temp_f = reports.temp_f
    and shown.dew_f is not distinct from reports.dew_f
    and shown.humidity_pct is not distinct from reports.humidity_pct
    and shown.wind_mph is not distinct from reports.wind_mph
where coalesce(reports.known_utc > shown.first_shown_utc, true)
order by shown.grid, shown.city, report_utc
