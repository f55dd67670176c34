-- A row is a report that a grid shows before it was known, or that is not in the lake at all.
-- stale_minutes counts whole minutes, so a grid row points at its report's instant rounded up to the minute.
-- mend: build the grids of that day again from obs
with shown as (
    select
        city, 'obs_1m' as grid, source, epoch_us(ts_utc) - stale_minutes::bigint * 60000000 as report_us,
        min(ts_utc) as first_shown_utc
    from obs_1m
    where source is not null
    group by all
    union all
    select
        city, 'obs_5m' as grid, source, epoch_us(ts_utc) - stale_minutes::bigint * 60000000 as report_us,
        min(ts_utc) as first_shown_utc
    from obs_5m
    where source is not null
    group by all
),

reports as (
    select
        city, source, (epoch_us(ts_utc) + 59999999) // 60000000 * 60000000 as report_us, min(known_utc) as known_utc
    from obs
    group by all
)

select
    shown.grid,
    shown.city,
    shown.source,
    make_timestamptz(shown.report_us) as report_utc,
    shown.first_shown_utc,
    reports.known_utc
from shown
left join reports using (city, source, report_us)
where coalesce(reports.known_utc > shown.first_shown_utc, true)
order by shown.grid, shown.city, report_utc
