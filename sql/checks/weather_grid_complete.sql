-- A row is a climate day with reports or a grid whose grid is not one row for every minute, or every five minutes.
-- mend: kwx lake dense
with grids as (
    select 'obs_1m' as grid, city, event_date, epoch_us(ts_utc) as ts_us, 60000000 as step_us from obs_1m
    union all
    select 'obs_5m' as grid, city, event_date, epoch_us(ts_utc) as ts_us, 300000000 as step_us from obs_5m
),

laid_out as (
    select grid, city, event_date, count(*) as steps_there, count(distinct ts_us) as steps_apart,
        count(*) filter (ts_us % step_us <> 0) as steps_off, min(ts_us) as first_us, max(ts_us) as last_us
    from grids
    group by grid, city, event_date
),

begun as (
    select city, event_date from obs
    union
    select city, event_date from laid_out
),

due as (
    select
        steps.grid,
        steps.steps,
        begun.city,
        begun.event_date,
        epoch_us(begun.event_date::timestamp) - cities.standard_offset_minutes::bigint * 60000000 as opening_us
    from begun
    join cities using (city)
    cross join (values ('obs_1m', 1440), ('obs_5m', 288)) as steps(grid, steps)
)

select
    grid,
    city,
    event_date,
    coalesce(laid_out.steps_there, 0) as steps_there,
    due.steps as steps_due,
    make_timestamptz(laid_out.first_us) as first_utc,
    make_timestamptz(laid_out.last_us) as last_utc
from due
left join laid_out using (grid, city, event_date)
where
    laid_out.steps_there is distinct from due.steps
    or laid_out.steps_apart <> due.steps
    or laid_out.steps_off > 0
    or laid_out.first_us <> due.opening_us + 86400000000 // due.steps
    or laid_out.last_us <> due.opening_us + 86400000000
order by grid, city, event_date
