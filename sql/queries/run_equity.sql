-- One row per run and minute at which anything of it changed: what all of its event dates together had gained by then.
-- Positions count at the mid, or at what they were paid once that is told; the first row of an event date begins at nothing.
-- grain: run_id, ts_utc
-- known: ts_utc
with changes as (
    select
        run_id,
        ts_utc,
        cash_micros + position_micros
            - lag(cash_micros + position_micros, 1, 0) over (
                partition by run_id, city, event_date order by ts_utc
            ) as gained_micros
    from equity
),

minutes as (
    select run_id, ts_utc, sum(gained_micros)::bigint as gained_micros
    from changes
    group by run_id, ts_utc
    having sum(gained_micros) <> 0
)

select
    run_id,
    ts_utc,
    sum(gained_micros) over (partition by run_id order by ts_utc)::bigint / 1e6 as dollars
from minutes
order by run_id, ts_utc
