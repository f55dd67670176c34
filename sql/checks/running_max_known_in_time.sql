-- A row is a minute whose running maximum is above every report of the day known by then, or below the minute before's.
-- mend: build the grid of that day again from obs
with heard_and_shown as (
    select city, event_date, known_utc as at_utc, 0 as is_grid, temp_f, null as run_max_f
    from obs
    union all
    select city, event_date, ts_utc as at_utc, 1 as is_grid, null as temp_f, run_max_f
    from obs_1m
),

compared as (
    select
        city,
        event_date,
        at_utc,
        is_grid,
        run_max_f,
        max(temp_f) over by_time as heard_max_f,
        max(run_max_f) over by_time as run_max_so_far_f
    from heard_and_shown
    window by_time as (
        partition by city, event_date order by at_utc, is_grid rows between unbounded preceding and current row
    )
)

select city, event_date, at_utc as ts_utc, run_max_f, heard_max_f, run_max_so_far_f
from compared
where is_grid = 1
    and run_max_f is not null
    and (coalesce(run_max_f > heard_max_f, true) or run_max_f < run_max_so_far_f)
order by city, event_date, ts_utc
