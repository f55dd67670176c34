-- One row per run, city, event date and gate: for how many minutes of its brackets the gate stood, while the event traded.
-- Gate `none` counts the minutes in which something was done, or what was wanted was held already.
-- grain: run_id, city, event_date, gate
-- known: made_utc of the run
with told as (
    select
        run_id,
        from_json(
            (summary_json::json) -> '$.gates',
            '{"city": ["VARCHAR"], "event_date": ["DATE"], "gate": ["VARCHAR"], "minutes": ["BIGINT"]}'
        ) as gates
    from runs
)

select
    run_id,
    unnest(gates.city) as city,
    unnest(gates.event_date) as event_date,
    unnest(gates.gate) as gate,
    unnest(gates.minutes) as minutes
from told
