-- A row is a step of a grid whose running maximum is not the highest of the day's reports known by then: its
-- temperature, or one of the whole degrees that the reports can mean. A report that only repeats an older one does not
-- count.
-- mend: build the grids of that day again from obs
with heard as (
    select
        city,
        event_date,
        known_utc,
        max(temp_f) over so_far as max_f,
        max(temp_lo_f) over so_far as max_lo_f,
        max(temp_hi_f) over so_far as max_hi_f
    from obs
    where not is_filled
    window so_far as (
        partition by city, event_date order by known_utc range between unbounded preceding and current row
    )
),

grids as (
    select 'obs_1m' as grid, city, event_date, ts_utc, run_max_f, run_max_lo_f, run_max_hi_f
    from obs_1m
    union all
    select 'obs_5m' as grid, city, event_date, ts_utc, run_max_f, run_max_lo_f, run_max_hi_f
    from obs_5m
)

select
    grids.grid,
    grids.city,
    grids.event_date,
    grids.ts_utc,
    grids.run_max_f,
    heard.max_f as heard_max_f,
    grids.run_max_lo_f,
    heard.max_lo_f as heard_max_lo_f,
    grids.run_max_hi_f,
    heard.max_hi_f as heard_max_hi_f
from grids
asof left join heard
    on grids.city = heard.city and grids.event_date = heard.event_date and grids.ts_utc >= heard.known_utc
where
    grids.run_max_f is distinct from heard.max_f
    or grids.run_max_lo_f is distinct from heard.max_lo_f
    or grids.run_max_hi_f is distinct from heard.max_hi_f
order by grids.grid, grids.city, grids.ts_utc
