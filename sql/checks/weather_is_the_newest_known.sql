-- A row is a step of a grid that shows an older report than the youngest one of its day that was known by then.
-- Reports of the eve may fill the first minutes; whether they do is not judged. Of several reports in one minute any
-- may be shown. A report that only repeats an older one does not count.
-- mend: build the grids of that day again from obs
with heard as (
    select
        city,
        event_date,
        known_utc,
        max((epoch_us(ts_utc) + 59999999) // 60000000) over (
            partition by city, event_date order by known_utc range between unbounded preceding and current row
        ) as youngest_minute
    from obs
    where not is_filled
),

grids as (
    select 'obs_1m' as grid, city, event_date, ts_utc, epoch_us(ts_utc) // 60000000 - stale_minutes as report_minute
    from obs_1m
    union all
    select 'obs_5m' as grid, city, event_date, ts_utc, epoch_us(ts_utc) // 60000000 - stale_minutes as report_minute
    from obs_5m
)

select
    grids.grid,
    grids.city,
    grids.event_date,
    grids.ts_utc,
    make_timestamptz(grids.report_minute * 60000000) as shown_report_utc,
    make_timestamptz(heard.youngest_minute * 60000000) as youngest_report_utc
from grids
asof join heard
    on grids.city = heard.city and grids.event_date = heard.event_date and grids.ts_utc >= heard.known_utc
where coalesce(grids.report_minute < heard.youngest_minute, true)
order by grids.grid, grids.city, grids.ts_utc
